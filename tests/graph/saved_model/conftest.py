"""What the tests of SavedModels share: models written by TensorFlow or Keras, and TensorFlow's own answers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graph import reference
from graph.graph import Graph
from graph.model_files.read import read_model_file

# Of the output's largest element: TensorFlow and the reference round in different orders.
TOLERANCE = 5e-6
BATCH, UNKNOWN_LENGTH = 3, 6

Answers = Mapping[str, np.ndarray[Any, Any]]
Draw = Callable[[tuple[int, ...], Any], np.ndarray[Any, Any]]


def drawn(signature: Any, most: int = 5, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Inputs for a signature of TensorFlow; whole numbers are less than `most`."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, spec in signature.structured_input_signature[1].items():
        shape = [
            length or (UNKNOWN_LENGTH if axis else BATCH) for axis, length in enumerate(spec.shape)
        ]
        dtype = spec.dtype.as_numpy_dtype
        array = rng.integers(0, most, shape) if spec.dtype.is_integer else rng.normal(size=shape)
        found[name] = np.asarray(array, dtype)
    return found


def assert_same_answers(
    folder: Path, name: str = "serving_default", most: int = 5, tolerance: float = TOLERANCE
) -> Graph:
    """Compare what is read of a SavedModel with what TensorFlow computes, and return the graph."""
    import tensorflow as tf

    graph = read_model_file(folder, signature=name).graph
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures[name]
    inputs = drawn(signature, most)
    wanted = signature(**{key: tf.constant(array) for key, array in inputs.items()})
    got = reference.run(graph, inputs)
    assert sorted(got) == sorted(wanted)
    for key, tensor in wanted.items():
        array = np.asarray(tensor)
        assert got[key].shape == array.shape
        scale = max(float(np.abs(array).max()), 1e-30)
        np.testing.assert_allclose(got[key], array, rtol=0, atol=tolerance * scale)
    return graph


def set_weights(model: Any, seed: int = 0) -> None:
    """Give every weight of a Keras model values of a useful size; variances stay positive."""
    rng = np.random.default_rng(seed)
    values = []
    for variable, old in zip(model.weights, model.get_weights(), strict=True):
        name = getattr(variable, "path", variable.name)
        if not np.issubdtype(old.dtype, np.floating):
            values.append(old)
        elif "variance" in name:
            values.append(rng.uniform(0.3, 2.0, old.shape).astype(old.dtype))
        else:
            values.append((rng.normal(size=old.shape) * 0.5).astype(old.dtype))
    model.set_weights(values)
