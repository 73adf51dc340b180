"""Give linear nodes other weights: edits are collected over a pass and applied at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graph.graph import Graph, Node
from graph.linear import kernel_layout, resized
from pruning.rules.op_rules import Reals
from pruning.simplify.rewrite import frozen


@dataclass(frozen=True, slots=True)
class LinearEdit:
    """A linear node as it will be, and its weights by name."""

    node: Node
    weights: Mapping[str, Reals]


def edit_linear(graph: Graph, node: Node, kernel: Reals, bias: Reals) -> LinearEdit:
    """Give a linear node of its own weights another kernel and bias; a new bias of zeros is not added."""
    has_bias = len(node.weights) > 1
    names = node.weights
    weights = {names[0]: frozen(np.array(kernel, np.float64, order="C"))}
    if not has_bias and np.any(bias != 0):
        names = (names[0], graph.fresh_name(f"{node.name}/bias"))
    if len(names) > 1:
        weights[names[1]] = frozen(np.array(bias, np.float64, order="C"))
    op = resized(node.op, kernel_layout(node.op, kernel.shape), use_bias=len(names) > 1)
    return LinearEdit(replace(node, op=op, weights=names), weights)


def apply_edits(
    graph: Graph, edits: Sequence[LinearEdit], renamed: Mapping[str, str] | None = None
) -> Graph:
    """Return the graph with all edits made and readers rewired; what became dead is dropped.

    Args:
        graph: the graph that the edits were made for.
        edits: the edits, at most one for each node.
        renamed: for each value that is replaced, the value to read instead, which is not replaced itself.
    """
    weights = {name: array for edit in edits for name, array in edit.weights.items()}
    edited = graph.replacing({edit.node.name: edit.node for edit in edits}).with_weights(weights)
    return edited.rewired(renamed or {}).without_dead()
