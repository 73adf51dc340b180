"""Subnormal float32 numbers among weights: too small for the full precision of float32, and slow on many processors."""

from dataclasses import replace

import numpy as np

from graph.graph import Graph

# The least positive float32 number of full precision; what is nearer to zero, and not zero, is subnormal.
LEAST_NORMAL = float(np.finfo(np.float32).smallest_normal)


def count_subnormals(graph: Graph) -> int:
    """Return how many elements of a graph's weights are subnormal."""
    return sum(
        int(np.count_nonzero((np.abs(array) < LEAST_NORMAL) & (array != 0)))
        for array in graph.weights.values()
        if array.dtype == np.float32
    )


def without_subnormals(graph: Graph) -> Graph:
    """Return the graph with zeros for its subnormal weights: what TensorFlow's arithmetic makes of them."""
    weights = {
        name: np.where(np.abs(array) < LEAST_NORMAL, np.float32(0), array)
        if array.dtype == np.float32
        else array
        for name, array in graph.weights.items()
    }
    return replace(graph, weights=weights)
