"""Cut out what `pruning.simplify.keep` found removable: dead units, and constant units folded into the next bias."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph, Node
from graph.linear import bias_of, is_linear, kernel_of
from pruning.rules.fitted import FittedRules, GraphRules, graph_rules
from pruning.rules.grains import any_of, fit, uniform
from pruning.rules.op_rules import Cut, Flags, Reals, axis_mask
from pruning.simplify.constants import constant_elements
from pruning.simplify.keep import kept_elements
from pruning.simplify.linear_edit import LinearEdit, apply_edits, edit_linear
from pruning.simplify.liveness import needed_elements
from pruning.simplify.rewrite import Change, Note, Rewrite, editable, frozen


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rules, the three analyses by value name, and the nodes whose weights may be recomputed."""

    rules: GraphRules

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
    kept = kept_elements(graph, constants, needed)
    plan = _Plan(graph_rules(graph), constants, needed, kept, editable(graph))
    cleared, notes = _clear(graph, plan)
    notes += [note for node in graph.nodes for note in _removals(node, plan)]
    if not notes:
        return Rewrite(graph)
    nodes: list[Node] = []
    weights: dict[str, Reals] = {}
    rules = graph_rules(cleared).nodes
    for node in cleared.nodes:
        if plan.kept[node.name].any():
            cut, changed = _cut_node(cleared, node, rules[node.name], plan)
            nodes.append(cut)
            weights.update(changed)
    frozen_weights = {name: frozen(np.asarray(w, order="C")) for name, w in weights.items()}
    return Rewrite(
        cleared.with_nodes(nodes).with_weights(frozen_weights).without_dead(), tuple(notes)
    )


def _removals(node: Node, plan: _Plan) -> list[Note]:
    """Return what goes from one node; units of a linear layer by kind."""
    gone = ~plan.kept[node.name]
    if not gone.any():
        return []
    if not is_linear(node.op):
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
    edits: list[LinearEdit] = []
    for node in graph.nodes:
        if not is_linear(node.op) or node.name not in plan.editable:
            continue
        layout, grain = kernel_of(graph, node), plan.rules.nodes[node.name].on_facts.shape
        kernel = layout.matrix(graph.weights[node.weights[0]])
        values = fit(plan.constants[node.name], grain, uniform).reshape(-1, layout.units)
        # A constant that nobody needs may still be kept, as the operand of a merge that is constant too.
        unread = ~axis_mask(fit(plan.needed[node.name], grain, any_of), -1)
        unread &= np.isnan(values).all(axis=0)
        fixed = (values == values[0]).all(axis=0)
        busy = (unread | fixed) & (kernel != 0).any(axis=0)
        if busy.any():
            bias = np.where(fixed, values[0], bias_of(graph, node))
            cleared = layout.array(np.where(unread | fixed, 0.0, kernel))
            edits.append(edit_linear(graph, node, cleared, np.where(unread, 0.0, bias)))
            exact = not (busy & fixed).any()
            notes.append(Note(Change.CLEARED, node.name, int(busy.sum()), exact=exact))
    return apply_edits(graph, edits), notes


def _cut_node(
    graph: Graph, node: Node, rules: FittedRules, plan: _Plan
) -> tuple[Node, Mapping[str, Reals]]:
    """Return the node with fewer elements, and its weights by name where they changed."""
    inputs = tuple(plan.kept[name] for name in node.inputs)
    folded = None
    if node.name in plan.editable and is_linear(node.op):
        grain = rules.on_facts.shapes[0]
        values = fit(plan.constants[node.inputs[0]], grain, uniform).reshape(-1, grain[-1])[0]
        stays = axis_mask(fit(inputs[0], grain, any_of), -1)
        folded = np.where(stays, 0.0, np.nan_to_num(values))
    bias_name = graph.fresh_name(f"{node.name}/bias")
    return rules.cut(Cut(inputs, plan.kept[node.name], folded, bias_name))
