"""The NumPy interpreter: slow and obvious, the oracle that kernels, rewrites and files are tested against."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from graph.activations import FloatArray
from graph.errors import GraphError
from graph.graph import Graph


def run(
    graph: Graph,
    inputs: Mapping[str, np.ndarray[Any, np.dtype[Any]]],
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> dict[str, FloatArray]:
    """Compute the outputs of a graph.

    Args:
        graph: a verified graph.
        inputs: one array (batch, *sample shape) per input name, any numeric dtype.
        dtype: the type in which everything is computed; float64 makes an oracle for float32 kernels.

    Returns:
        Arrays (batch, *sample shape) by public output name.

    Raises:
        GraphError: an input is missing or has the wrong shape.
    """
    values = run_values(graph, inputs, dtype)
    return {output.name: values[output.value] for output in graph.outputs}


def run_values(
    graph: Graph,
    inputs: Mapping[str, np.ndarray[Any, np.dtype[Any]]],
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> dict[str, FloatArray]:
    """Compute every value of a graph, by value name; see `run`."""
    values: dict[str, FloatArray] = {}
    for given in graph.inputs:
        if given.name not in inputs:
            raise GraphError(f"input {given.name!r} is missing", got=", ".join(inputs))
        array = np.asarray(inputs[given.name])
        if array.ndim != given.type.rank or not _fits(array.shape[1:], given.type.sample_shape):
            raise GraphError(
                f"input {given.name!r} has the wrong shape",
                expected=str(given.type),
                got=str(array.shape),
            )
        values[given.name] = array.astype(dtype)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            arguments = [values[name] for name in node.inputs]
            weights = [graph.weights[name].astype(dtype) for name in node.weights]
            values[node.name] = node.op.evaluate(arguments, weights)
    return values


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return all(length is None or own == length for own, length in zip(shape, wanted, strict=True))
