"""Recurrent layers that are read compute what Keras computes, in each version and container."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graph import reference
from graph.graph import Graph
from graph.keras.read import ModelFile
from tests.graph.keras.conftest import drawn_inputs, keras_outputs, set_random_weights
from tests.graph.keras.sequence_zoo import COMMON, KERAS3, MODELS, WORDS
from tests.graph.keras.zoo import Build

Saved = Callable[[Any, str], ModelFile]

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask attached"),
]
OF_KERAS3 = {**COMMON, **KERAS3, **MODELS}
OF_KERAS2 = {**COMMON, **MODELS}


def masked_inputs(graph: Graph) -> dict[str, np.ndarray]:
    """Inputs in which steps hold what Masking layers take for no step; in a sample all of them, in one none."""
    inputs = drawn_inputs(graph)
    rng = np.random.default_rng(3)
    for array in inputs.values():
        if array.ndim > 2:
            for sample, value in enumerate((0.0, 1.0, -1.0)):
                array[sample][rng.random(array.shape[1]) < 0.5] = value
            array[3] = 0.0
    return inputs


def check(saved: Saved, build: Build, keras: Any, suffix: str) -> None:
    model = build(keras)
    set_random_weights(model)
    graph = saved(model, suffix).graph
    inputs = masked_inputs(graph)
    names = [output.name for output in graph.outputs]
    found = reference.run(graph, inputs)
    expected = keras_outputs(model, inputs, names)
    assert len(expected) == len(names)
    for name, wanted in zip(names, expected, strict=True):
        assert found[name].shape == wanted.shape
        np.testing.assert_allclose(found[name], wanted, rtol=0, atol=5e-6)


@pytest.mark.parametrize("name", OF_KERAS3)
def test_keras3(keras: Any, saved: Saved, name: str) -> None:
    check(saved, OF_KERAS3[name], keras, ".keras")


@pytest.mark.parametrize("name", OF_KERAS2)
def test_keras2(tf_keras: Any, saved: Saved, name: str) -> None:
    check(saved, OF_KERAS2[name], tf_keras, ".h5")


# The containers differ in where weights are.
OF_WEIGHTS = [
    "gru", "simple rnn", "stacked", "bidirectional with another backward layer", "frozen",
    "time distributed normalizations", "time distributed twice", "deep", "gru without bias",
    "conv lstm in both directions", *MODELS,
]  # fmt: skip


# Keras 3 does not read the operations that it writes into HDF5 files.
@pytest.mark.parametrize(
    "name", [name for name in OF_WEIGHTS if name not in ("shared lstm", "nested model with a mask")]
)
def test_keras3_in_hdf5(keras: Any, saved: Saved, name: str) -> None:
    check(saved, OF_KERAS3[name], keras, ".h5")


@pytest.mark.parametrize("name", OF_WEIGHTS)
def test_keras2_in_an_archive(tf_keras: Any, saved: Saved, name: str) -> None:
    check(saved, OF_KERAS2[name], tf_keras, ".keras")


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("version", [2, 3])
def test_words(keras: Any, tf_keras: Any, saved: Saved, name: str, version: int) -> None:
    library, suffix = (keras, ".keras") if version == 3 else (tf_keras, ".h5")
    model = WORDS[name](library)
    set_random_weights(model)
    graph = saved(model, suffix).graph
    # 0 is no word; some sequences end early, one is empty.
    rng = np.random.default_rng(5)
    inputs = {
        one.name: rng.integers(1, 8, (4, *one.type.static_sample_shape)) for one in graph.inputs
    }
    for array in inputs.values():
        array[0, 3:], array[1, 1:], array[2] = 0, 0, 0
    inputs = {name: array.astype(np.int32) for name, array in inputs.items()}
    names = [output.name for output in graph.outputs]
    found = reference.run(graph, inputs)
    for key, wanted in zip(names, keras_outputs(model, inputs, names), strict=True):
        np.testing.assert_allclose(found[key], wanted, rtol=0, atol=5e-6)
