"""Which Dense layers run over positions in channels, although nothing before them lies so.

A Dense layer over many positions is faster where positions are innermost: one weight meets whole registers of them, as
a convolution with windows of one element. Bringing a value into channels and back costs about what a layer gains. So
it is done where two such layers or more follow each other, with nothing between them that needs the other form.
"""

from typing import Any

from graph.graph import Graph, Node
from graph.ops import (
    Activation,
    BatchNormalization,
    Dense,
    LayerNormalization,
    Merge,
    Normalization,
    PRelu,
    Rescaling,
)
from graph.tensor_type import TensorType

# With fewer positions a single sample gains, too, but batches of 32 and more lose: there, tiles of samples fill
# registers as well (49 positions, 256 and 512 units: one sample 1.4 times faster, 64 samples 0.8 times).
LEAST_POSITIONS = 128
_LEAST_LAYERS = 2
_ROW_BY_ROW = (BatchNormalization, Normalization, PRelu, Rescaling)


def dense_in_channels(graph: Graph) -> frozenset[str]:
    """Return the names of the Dense nodes that take their input in channels."""
    types = graph.value_types()
    chains = _Chains()
    layers = []
    for node in graph.nodes:
        if type(node.op) is Dense and _positions(types[node.name]) >= LEAST_POSITIONS:
            layers.append(node)
            chains.join(node.name, node.inputs[0])
        elif _keeps_form(node, types):
            for value in node.inputs:
                chains.join(node.name, value)
    counts: dict[str, int] = {}
    for node in layers:
        chain = chains.of(node.name)
        counts[chain] = counts.get(chain, 0) + 1
    return frozenset(node.name for node in layers if counts[chains.of(node.name)] >= _LEAST_LAYERS)


def _positions(value: TensorType) -> int:
    positions = 1
    for length in value.static_sample_shape[:-1]:
        positions *= length
    return positions


def _keeps_form(node: Node, types: dict[str, TensorType]) -> bool:
    """Return whether an op gives its result in the form of its inputs, whichever that is; False for unknown ones."""
    op: Any = node.op
    kind = type(op)  # a subclass may mean something else
    if kind is Merge:
        return len({types[name].shape for name in (node.name, *node.inputs)}) == 1
    if kind is LayerNormalization:
        return bool(op.axes == (len(types[node.name].shape) - 1,))
    if kind is Activation:
        return bool(op.function.is_elementwise)
    return kind in _ROW_BY_ROW


class _Chains:
    """Values that are in one chain, each known by one of them."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def of(self, value: str) -> str:
        """Return the value that stands for a chain."""
        while self._parents.get(value, value) != value:
            value = self._parents[value]
        return value

    def join(self, one: str, other: str) -> None:
        """Put two values into one chain."""
        self._parents[self.of(one)] = self.of(other)
