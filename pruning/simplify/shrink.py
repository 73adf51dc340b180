"""Cut out what `pruning.simplify.keep` found removable: dead units, and constant units folded into the next bias."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.graph import Graph, Node
from pruning.rules.dense import is_dense
from pruning.rules.op_rules import Cut, Flags, OpRules, Reals, axis_mask
from pruning.rules.table import rules_of
from pruning.simplify.constants import constant_elements
from pruning.simplify.dense_edit import DenseEdit, apply_edits, bias_of, edit_dense
from pruning.simplify.keep import kept_elements
from pruning.simplify.liveness import needed_elements
from pruning.simplify.rewrite import Change, Note, Rewrite, editable, frozen


@dataclass(frozen=True, slots=True)
class _Plan:
    """The three analyses, by value name, and the nodes whose weights may be recomputed."""

    constants: Mapping[str, Reals]
    needed: Mapping[str, Flags]
    kept: Mapping[str, Flags]
    editable: frozenset[str]


def shrink(graph: Graph) -> Rewrite:
    """Remove every element that may go, in all layers at once.

    Units that must stay for the sake of a shape lose their weights where nothing reads them or where they are
    constant (the constant is then their bias).
    """
    constants = constant_elements(graph)
    needed = needed_elements(graph, constants)
    plan = _Plan(constants, needed, kept_elements(graph, constants, needed), editable(graph))
    cleared, notes = _clear(graph, plan)
    notes += [note for node in graph.nodes for note in _removals(node, plan)]
    if not notes:
        return Rewrite(graph)
    nodes: list[Node] = []
    weights: dict[str, Reals] = {}
    rules = rules_of(cleared)
    for node in cleared.nodes:
        if plan.kept[node.name].any():
            cut, changed = _cut_node(cleared, node, rules[node.name], plan)
            nodes.append(cut)
            weights.update(changed)
    frozen_weights = {name: frozen(np.ascontiguousarray(w)) for name, w in weights.items()}
    return Rewrite(
        cleared.with_nodes(nodes).with_weights(frozen_weights).without_dead(), tuple(notes)
    )


def _removals(node: Node, plan: _Plan) -> list[Note]:
    """Return what goes from one node; units of a Dense by kind."""
    gone = ~plan.kept[node.name]
    if not gone.any():
        return []
    if not is_dense(node):
        return [Note(Change.REMOVED, node.name, int(gone.sum()))]
    units = ~axis_mask(plan.kept[node.name], -1)
    fixed = np.isnan(plan.constants[node.name]) | ~plan.needed[node.name]
    folded = units & ~axis_mask(fixed, -1)
    notes = []
    if folded.any():
        notes.append(Note(Change.CONSTANT, node.name, int(folded.sum()), exact=False))
    if (units & ~folded).any() or not units.any():
        notes.append(Note(Change.REMOVED, node.name, int((units & ~folded).sum())))
    return notes


def _clear(graph: Graph, plan: _Plan) -> tuple[Graph, list[Note]]:
    """Take the weights of units that nobody needs or that are constant anyway."""
    notes: list[Note] = []
    edits: list[DenseEdit] = []
    for node in graph.nodes:
        if not is_dense(node) or node.name not in plan.editable:
            continue
        kernel = graph.weights[node.weights[0]]
        values = plan.constants[node.name].reshape(-1, kernel.shape[1])
        # A constant that nobody needs may still be kept, as the operand of a merge that is constant too.
        unread = ~axis_mask(plan.needed[node.name], -1) & np.isnan(values).all(axis=0)
        fixed = (values == values[0]).all(axis=0)
        busy = (unread | fixed) & (kernel != 0).any(axis=0)
        if busy.any():
            bias = np.where(fixed, values[0], bias_of(graph, node))
            cleared = np.where(unread | fixed, 0.0, kernel)
            edits.append(edit_dense(graph, node, cleared, np.where(unread, 0.0, bias)))
            exact = not (busy & fixed).any()
            notes.append(Note(Change.CLEARED, node.name, int(busy.sum()), exact=exact))
    return apply_edits(graph, edits), notes


def _cut_node(
    graph: Graph, node: Node, rules: OpRules[Any], plan: _Plan
) -> tuple[Node, Mapping[str, Reals]]:
    """Return the node with fewer elements, and its weights by name where they changed."""
    inputs = tuple(plan.kept[name] for name in node.inputs)
    folded = None
    if node.name in plan.editable and is_dense(node):
        features = inputs[0].shape[-1]
        values = plan.constants[node.inputs[0]].reshape(-1, features)[0]
        folded = np.where(axis_mask(inputs[0], -1), 0.0, np.nan_to_num(values))
    bias_name = graph.fresh_name(f"{node.name}/bias")
    return rules.cut(Cut(inputs, plan.kept[node.name], folded, bias_name))
