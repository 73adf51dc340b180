"""The sums over samples that a layer's problem is made of, gathered batch by batch in float64."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graph.graph import Graph, Node
from graph.kernel_rows import Rows, rows_of
from graph.linear import LinearKernel, kernel_of
from pruning.calibrated.problem import LayerProblem, Reals

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

# Rows that are looked at: so many for each input of a unit, and more of small kernels, whose sums cost less.
_ROWS_PER_INPUT, _OPERATIONS, _MAX_ROWS = 8, 1e11, 262_144


def most_rows(fan_in: int) -> int:
    """Return how many rows of a kernel with that many inputs are looked at, over all samples."""
    return min(_MAX_ROWS, max(_ROWS_PER_INPUT * fan_in, int(_OPERATIONS / fan_in**2)))


def layer_problems(
    graph: Graph,
    nodes: Sequence[Node],
    seen: Iterable[tuple[Arrays, Arrays]],
    batch_count: int,
    seed: int,
) -> tuple[LayerProblem, ...]:
    """Return the problem of each group of a layer.

    Args:
        graph: the graph as trained.
        nodes: the nodes that apply the layer; several of a shared one.
        seen: pairs for each batch: the layer's inputs, by value name, and what it should make of them, by node name.
        batch_count: how many batches there are.
        seed: the seed of the draw of rows.
    """
    kernel = kernel_of(graph, nodes[0])
    matrix = kernel.matrix(graph.weights[nodes[0].weights[0]]).astype(np.float64)
    bias = graph.weights[nodes[0].weights[1]] if len(nodes[0].weights) > 1 else None
    groups = [_Sums(trained, bias is not None) for trained in _trained(kernel, matrix, bias)]
    share = max(1, most_rows(kernel.fan_in) // (batch_count * len(nodes)))
    for number, (inputs, outputs) in enumerate(seen):
        for node in nodes:
            x, y = inputs[node.inputs[0]], outputs[node.name]
            _add(groups, rows_of(node.op, kernel, x, y, share, seed + number))
    return tuple(group.problem() for group in groups)


def _trained(kernel: LinearKernel, matrix: Reals, bias: Any) -> list[Reals]:
    """Return each group's weights, (columns, units), its bias in the last row."""
    parts = np.split(matrix, kernel.groups, axis=1)
    if bias is None:
        return parts
    biases = np.split(bias.astype(np.float64)[None], kernel.groups, axis=1)
    return [np.vstack(pair) for pair in zip(parts, biases, strict=True)]


def _add(groups: Sequence["_Sums"], rows: Rows) -> None:
    for group, x, y in zip(groups, rows.inputs, rows.outputs, strict=True):
        group.add(x.astype(np.float64), y.astype(np.float64))


class _Sums:
    """The sums of one group."""

    def __init__(self, trained: Reals, has_bias: bool) -> None:
        columns, units = trained.shape
        self._trained = trained
        self._has_bias = has_bias
        self._gram = np.zeros((columns, columns))
        self._cross = np.zeros((columns, units))
        self._squares = np.zeros(units)
        self._total = np.zeros(units)
        self._rows = 0

    def add(self, x: Reals, y: Reals) -> None:
        """Add rows: inputs (rows, fan_in) and outputs (rows, units)."""
        if self._has_bias:
            x = np.hstack([x, np.ones((len(x), 1))])
        with np.errstate(all="ignore"):
            self._gram += x.T @ x
            self._cross += x.T @ y
            self._squares += (y**2).sum(axis=0)
            self._total += y.sum(axis=0)
        self._rows += len(x)

    def problem(self) -> LayerProblem:
        """Return what was added up."""
        with np.errstate(all="ignore"):
            energy = np.maximum(self._squares - self._total**2 / max(self._rows, 1), 0.0)
        return LayerProblem(
            self._gram,
            self._cross,
            energy,
            self._squares,
            self._trained,
            self._has_bias,
            self._rows,
        )
