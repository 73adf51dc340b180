"""Embeddings and attention that are read compute what Keras computes, in each version and container."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graph import reference
from graph.keras.read import ModelFile
from tests.graph.keras.attention_zoo import COMMON, KERAS3, attention_inputs
from tests.graph.keras.conftest import drawn_inputs, keras_outputs, set_random_weights
from tests.graph.keras.zoo import Build

Saved = Callable[[Any, str], ModelFile]

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask attached"),
]
OF_KERAS3 = {**COMMON, **KERAS3}


def check(saved: Saved, build: Build, keras: Any, suffix: str) -> None:
    model = build(keras)
    set_random_weights(model)
    graph = saved(model, suffix).graph
    inputs = attention_inputs(drawn_inputs(graph))
    names = [output.name for output in graph.outputs]
    found = reference.run(graph, inputs)
    expected = keras_outputs(model, inputs, names)
    assert len(expected) == len(names)
    for name, wanted in zip(names, expected, strict=True):
        assert found[name].shape == wanted.shape
        np.testing.assert_allclose(
            found[name], wanted, rtol=0, atol=5e-6 * max(1, np.abs(wanted).max())
        )


@pytest.mark.parametrize("name", OF_KERAS3)
def test_keras3(keras: Any, saved: Saved, name: str) -> None:
    check(saved, OF_KERAS3[name], keras, ".keras")


@pytest.mark.parametrize("name", COMMON)
def test_keras2(tf_keras: Any, saved: Saved, name: str) -> None:
    check(saved, COMMON[name], tf_keras, ".h5")


# The containers differ in where weights are.
OF_WEIGHTS = [
    "embedding", "three tensors", "without bias", "concat attention", "additive attention", "einsum dense", "recommender"
]  # fmt: skip


@pytest.mark.parametrize("name", [*OF_WEIGHTS, "gate", "grouped and gated", "untied", "tied"])
def test_keras3_in_hdf5(keras: Any, saved: Saved, name: str) -> None:
    check(saved, OF_KERAS3[name], keras, ".h5")


@pytest.mark.parametrize("name", OF_WEIGHTS)
def test_keras2_in_an_archive(tf_keras: Any, saved: Saved, name: str) -> None:
    check(saved, COMMON[name], tf_keras, ".keras")
