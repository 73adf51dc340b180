"""Give Dense nodes other weights: edits are collected over a pass and applied at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph, Node
from graph.ops import Dense
from pruning.rules.op_rules import Reals
from pruning.simplify.rewrite import frozen


@dataclass(frozen=True, slots=True)
class DenseEdit:
    """A Dense node as it will be, and its weights by name."""

    node: Node
    weights: Mapping[str, Reals]


def bias_of(graph: Graph, node: Node) -> Reals:
    """Return the bias of a Dense node, zeros where it has none; (units,)."""
    if len(node.weights) > 1:
        return graph.weights[node.weights[1]]
    return np.zeros(graph.weights[node.weights[0]].shape[1])


def edit_dense(graph: Graph, node: Node, kernel: Reals, bias: Reals) -> DenseEdit:
    """Give a Dense node of its own weights another kernel and bias; a new bias of zeros is not added."""
    has_bias = len(node.weights) > 1
    names = node.weights
    weights = {names[0]: frozen(np.array(kernel, np.float64, order="C"))}
    if not has_bias and np.any(bias != 0):
        names = (names[0], graph.fresh_name(f"{node.name}/bias"))
    if len(names) > 1:
        weights[names[1]] = frozen(np.array(bias, np.float64, order="C"))
    op = Dense(kernel.shape[1], use_bias=len(names) > 1)
    return DenseEdit(Node(node.name, op, node.inputs, names, node.layer), weights)


def apply_edits(
    graph: Graph, edits: Sequence[DenseEdit], renamed: Mapping[str, str] | None = None
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
