"""Interval propagation: how large every element of every value can get, for any input.

The rules of each op (`pruning.rules`) turn bounds of its inputs into a bound of its output. What no affine bound can
say (an exponential, a product of two growing values, an op without rules) is unknown, and nothing is dropped on its
strength.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph, Input
from graph.tensor_type import DType
from pruning.lossless.options import InputRange
from pruning.rules.bound import Bound
from pruning.rules.fitted import graph_rules

# Integer types narrow enough that the dtype alone is a useful bound.
_DTYPE_LIMITS = {
    DType.BOOL: 1.0,
    DType.UINT8: 255.0,
    DType.INT8: 128.0,
    DType.UINT16: 65535.0,
    DType.INT16: 32768.0,
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """A bound for every value of a graph.

    Attributes:
        values: the bound of each value, by its name; of the value's grain (`pruning.rules.grains`).
        undeclared: the names of the inputs whose size `rho` stands for.
    """

    values: Mapping[str, Bound]
    undeclared: tuple[str, ...]


@np.errstate(over="ignore", invalid="ignore")
def magnitude_bounds(graph: Graph, ranges: Mapping[str, InputRange]) -> Bounds:
    """Bound every value.

    Args:
        graph: a verified graph with fixed sample shapes.
        ranges: the declared ranges by input name; "" stands for every input without a range of its own.
    """
    rules = graph_rules(graph)
    values: dict[str, Bound] = {}
    undeclared: list[str] = []
    for given in graph.inputs:
        limit = _input_limit(given, ranges)
        shape = rules.grains[given.name]
        if limit is None:
            undeclared.append(given.name)
            values[given.name] = Bound(np.zeros(shape), np.ones(shape))
        else:
            values[given.name] = Bound(np.full(shape, limit), np.zeros(shape))
    for node in graph.nodes:
        values[node.name] = rules.nodes[node.name].bound([values[name] for name in node.inputs])
    return Bounds(values, tuple(undeclared))


def _input_limit(given: Input, ranges: Mapping[str, InputRange]) -> float | None:
    declared = ranges.get(given.name, ranges.get(""))
    if declared is not None:
        return max(abs(declared.low), abs(declared.high))
    return _DTYPE_LIMITS.get(given.type.dtype)
