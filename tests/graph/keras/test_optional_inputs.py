"""Optional inputs of Keras 3: read as inputs that must be given, with a note."""

from pathlib import Path
from typing import Any

import pytest

from graph.keras.read import read_model
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


def test_an_optional_input_must_be_given(keras: Any, tmp_path: Path) -> None:
    given = keras.Input((3,), name="given")
    optional = keras.Input((3,), name="maybe", optional=True)
    y = keras.layers.Dense(2)(keras.layers.Add()([given, optional]))
    model = keras.Model([given, optional], y)
    set_random_weights(model)
    model.save(tmp_path / "model.keras")
    file = read_model(tmp_path / "model.keras")
    assert [one.name for one in file.graph.inputs] == ["given", "maybe"]
    assert_same_outputs(file.graph, model)
    (note,) = [note for note in file.notes if "optional" in note]
    assert "'maybe'" in note
    assert "'given'" not in note
