"""The file that comes back of a recurrent model: layers, names, arguments and weights stay, for Keras 3 and tf.keras 2."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph import reference
from graph.graph import Graph
from graph.keras.export import write_keras
from graph.keras.keras2_export import write_keras2
from graph.keras.read import read_model
from tests.graph.keras.conftest import keras_outputs, set_random_weights
from tests.graph.keras.sequence_zoo import COMMON, KERAS3, MODELS
from tests.graph.keras.test_read_sequences import OF_KERAS3, masked_inputs

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask attached"),
]
NAMES = [
    "masked lstm of sequences", "gru", "gru reset before", "masked simple rnn backwards", "masked stacked of sequences",
    "bidirectional lstm of sequences", "bidirectional with another backward layer", "bidirectional states",
    "bidirectional from states", "encoder and decoder", "gru without bias", "training arguments", "other activations",
    "time distributed convolution", "time distributed twice", "deep", "conv lstm in both directions", *MODELS,
]  # fmt: skip


def assert_answers(graph: Graph, model: Any) -> None:
    inputs = masked_inputs(graph)
    names = [output.name for output in graph.outputs]
    found = reference.run(graph, inputs)
    for name, wanted in zip(names, keras_outputs(model, inputs, names), strict=True):
        np.testing.assert_allclose(found[name], wanted, rtol=0, atol=5e-6)


@pytest.mark.parametrize("name", [*NAMES, *KERAS3])
def test_models_of_keras3_come_back_as_they_were(keras: Any, tmp_path: Path, name: str) -> None:
    model = OF_KERAS3[name](keras)
    set_random_weights(model)
    model.save(tmp_path / "original.keras")
    file = read_model(tmp_path / "original.keras")
    assert write_keras(file.graph, tmp_path / "returned.keras", file.origin) == ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = keras.saving.load_model(tmp_path / "returned.keras")
    assert_answers(file.graph, back)
    assert [one.name for one in back.layers] == [one.name for one in model.layers]


@pytest.mark.parametrize("name", NAMES)
def test_models_of_keras2_come_back_for_both(
    keras: Any, tf_keras: Any, tmp_path: Path, name: str
) -> None:
    model = (COMMON | MODELS)[name](tf_keras)
    set_random_weights(model)
    model.save(tmp_path / "original.h5")
    file = read_model(tmp_path / "original.h5")
    write_keras2(file.graph, tmp_path / "returned.h5", file.origin)
    back = tf_keras.models.load_model(tmp_path / "returned.h5", compile=False)
    assert_answers(file.graph, back)
    assert [one.name for one in back.layers] == [one.name for one in model.layers]
    assert write_keras(file.graph, tmp_path / "returned.keras", file.origin) == ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = keras.saving.load_model(tmp_path / "returned.keras")
    assert_answers(file.graph, back)
