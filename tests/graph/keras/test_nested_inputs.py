"""Inputs and outputs given as objects and lists, nested: each has a name of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph import reference
from graph.keras.read import read_model
from tests.graph.keras.conftest import set_random_weights

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict"),
]
A = np.array([[1.0, -2.0, 0.5]], np.float32)
B = np.array([[3.0, 0.25]], np.float32)


@pytest.mark.parametrize(
    ("structure", "names"),
    [
        (lambda a, b: {"left": a, "right": b}, ["left", "right"]),
        (lambda a, b: {"right": a, "left": b}, ["left", "right"]),
        (lambda a, b: {"all": {"x": a, "y": b}}, ["all.x", "all.y"]),
        (lambda a, b: {"x": a, "more": [b]}, ["more", "x"]),
        (lambda a, b: [a, [b]], ["a", "b"]),
    ],
)
def test_nested_inputs(structure: Any, names: list[str], keras: Any, tmp_path: Path) -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    y = keras.layers.Dense(2, name="top")(keras.layers.Concatenate()([a, b]))
    model = keras.Model(structure(a, b), {"scores": [y], "input": b})
    set_random_weights(model)
    model.save(tmp_path / "model.keras")
    graph = read_model(tmp_path / "model.keras").graph
    assert sorted(one.name for one in graph.inputs) == names
    arrays = {3: A, 2: B}
    inputs = {one.name: arrays[one.type.sample_shape[0] or 0] for one in graph.inputs}
    found = reference.run(graph, inputs)
    wanted = model(structure(A, B))
    np.testing.assert_allclose(found["scores"], wanted["scores"][0].numpy(), rtol=1e-5)
    np.testing.assert_array_equal(found["input"], B)
