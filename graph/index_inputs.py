"""Which elements of a graph's inputs are indices of embeddings, and below which number they must stay."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from graph.attention_ops import Embedding
from graph.element_ops import Cast
from graph.graph import Graph, Node
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from graph.slice_ops import BroadcastTo, ExpandDims, Gather, Slice, Squeeze
from graph.tensor_type import TensorType

Limits = np.ndarray[Any, np.dtype[np.float64]]

# Ops whose results are elements of their input; of a cast, whole numbers are.
_MOVES = (Reshape, Permute, RepeatVector, Concatenate, Slice, Gather, ExpandDims, Squeeze)
_UNKNOWN = -1.0


def index_limits(graph: Graph, *, computed: bool = False) -> Mapping[str, Limits]:
    """Return for each input with indices the number below which each element stays; infinity where it is no index.

    Args:
        graph: verified, with fixed sample shapes.
        computed: whether an input from which an index is computed in any other way than by moving elements counts, too,
            as if it were the index. It need not be one: such a limit says what is worth trying.
    """
    types = graph.value_types()
    numbered = _numbered_inputs(graph)
    values = dict(numbered)
    limits = np.full(1 + sum(array.size for array in numbered.values()), np.inf)
    sources: dict[str, frozenset[str]] = {one.name: frozenset({one.name}) for one in graph.inputs}
    computed_from: dict[str, int] = {}
    for node in graph.nodes:
        values[node.name] = _moved(node, values, types)
        sources[node.name] = frozenset().union(*(sources[name] for name in node.inputs))
        if type(node.op) is not Embedding:
            continue
        (x,) = node.inputs
        numbers = values[x].astype(np.int64).reshape(-1)
        np.minimum.at(limits, numbers[numbers >= 0], node.op.rows)
        if (numbers < 0).any():
            for name in sources[x]:
                computed_from[name] = min(node.op.rows, computed_from.get(name, node.op.rows))
    found = {name: limits[array[0].astype(np.int64)] for name, array in numbered.items()}
    if computed:
        for name, rows in computed_from.items():
            found[name] = np.where(np.isinf(found[name]), rows, found[name])
    return {name: array for name, array in found.items() if np.isfinite(array).any()}


def _numbered_inputs(graph: Graph) -> dict[str, Limits]:
    """Return a number for each element of each input, (1, *sample shape)."""
    first, found = 0, {}
    for one in graph.inputs:
        shape = one.type.static_sample_shape
        count = int(np.prod(shape))
        found[one.name] = np.arange(first, first + count, dtype=np.float64).reshape(1, *shape)
        first += count
    return found


def _moved(node: Node, values: Mapping[str, Limits], types: Mapping[str, TensorType]) -> Limits:
    """Return which element each element of a value is; a negative number for those that are computed."""
    known = all((values[name] != _UNKNOWN).any() for name in node.inputs)
    kind = type(node.op)  # a subclass may mean something else
    if known and kind in (*_MOVES, BroadcastTo):
        found: Limits = node.op.evaluate([values[name] for name in node.inputs], [])
        return found
    if known and kind is Cast:
        return values[node.inputs[0]]
    return np.full((1, *types[node.name].static_sample_shape), _UNKNOWN)
