"""What the reader's tests share: models with drawn weights, saved by Keras itself, compared with what was read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph import reference
from graph.graph import Graph
from graph.index_inputs import index_limits
from graph.keras.read import ModelFile, read_model

# Keras and the reference both compute in float32 and round in different orders.
TOLERANCE = 2e-6

Build = Callable[[Any], Any]


def set_random_weights(model: Any, seed: int = 0) -> None:
    """Give every weight values of a useful size; variances stay positive, integer counters as they are."""
    rng = np.random.default_rng(seed)
    values = []
    for variable in model.weights:
        name = variable.name.split("/")[-1].split(":")[0]
        shape = tuple(variable.shape)
        if "variance" in name:
            values.append(rng.uniform(0.3, 2.0, shape))
        elif np.issubdtype(np.asarray(variable.numpy()).dtype, np.integer):
            values.append(variable.numpy())
        else:
            values.append(rng.standard_normal(shape) * 0.5)
    model.set_weights(
        [
            np.asarray(v, np.asarray(w.numpy()).dtype)
            for v, w in zip(values, model.weights, strict=True)
        ]
    )
    for layer in model._flatten_layers() if hasattr(model, "_flatten_layers") else []:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def drawn_inputs(graph: Graph, batch: int = 5) -> dict[str, np.ndarray]:
    """Normal numbers; where they are indices of embeddings, some that there are."""
    rng = np.random.default_rng(7)
    found = {}
    limits = index_limits(graph)
    for given in graph.inputs:
        array = rng.standard_normal((batch, *given.type.static_sample_shape)) * 2
        if given.name in limits:
            limit = limits[given.name]
            array = np.where(np.isinf(limit), array, np.floor(np.abs(array) * 3) % limit)
        found[given.name] = array.astype(given.type.dtype.numpy)
    return found


def keras_outputs(model: Any, inputs: dict[str, np.ndarray], names: list[str]) -> list[np.ndarray]:
    """Outputs of a Keras model by the names that the reader gave, in the reader's order."""
    structure = getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", None))
    given: Any = inputs if isinstance(structure, dict) else list(inputs.values())
    # Layers that change images in training do so by default when they are called.
    found = model(
        given[0] if isinstance(given, list) and len(given) == 1 else given, training=False
    )
    if isinstance(found, dict):
        return [np.asarray(found[name]) for name in names]
    return [np.asarray(value) for value in (found if isinstance(found, list | tuple) else [found])]


def assert_same_outputs(graph: Graph, model: Any, tolerance: float = TOLERANCE) -> None:
    inputs = drawn_inputs(graph)
    names = [output.name for output in graph.outputs]
    found = reference.run(graph, inputs)
    expected = keras_outputs(model, inputs, names)
    assert len(expected) == len(names)
    for name, wanted in zip(names, expected, strict=True):
        assert found[name].shape == wanted.shape
        scale = max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(found[name], wanted, rtol=0, atol=tolerance * scale)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Any, str], ModelFile]:
    """Save a Keras model with that suffix and read the file."""

    def save_and_read(model: Any, suffix: str) -> ModelFile:
        path = tmp_path / f"model{suffix}"
        model.save(path)
        return read_model(path)

    return save_and_read
