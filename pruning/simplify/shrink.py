"""Cut out what `pruning.simplify.keep` found removable: dead units, and constant units folded into the next bias."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from graph.graph import Graph, Node
from graph.ops import BatchNormalization, Dense, Normalization, PRelu, Rescaling
from graph.shape_ops import Concatenate, Reshape
from graph.tensor_type import sample_axis
from pruning.simplify.constants import constant_elements
from pruning.simplify.dense_edit import DenseEdit, apply_edits, bias_of, edit_dense
from pruning.simplify.keep import axis_mask, kept_elements
from pruning.simplify.liveness import needed_elements
from pruning.simplify.rewrite import Change, Flags, Note, Reals, Rewrite, frozen, unshared


@dataclass(frozen=True, slots=True)
class _Plan:
    """The three analyses, by value name, and the nodes whose weights are their own."""

    constants: Mapping[str, Reals]
    needed: Mapping[str, Flags]
    kept: Mapping[str, Flags]
    free: frozenset[str]


def shrink(graph: Graph) -> Rewrite:
    """Remove every element that may go, in all layers at once.

    Units that must stay for the sake of a shape lose their weights where nothing reads them or where they are
    constant (the constant is then their bias).
    """
    constants = constant_elements(graph)
    needed = needed_elements(graph, constants)
    plan = _Plan(constants, needed, kept_elements(graph, constants, needed), unshared(graph))
    cleared, notes = _clear(graph, plan)
    notes += [note for node in graph.nodes for note in _removals(node, plan)]
    if not notes:
        return Rewrite(graph)
    nodes: list[Node] = []
    weights: dict[str, Reals] = {}
    for node in cleared.nodes:
        if plan.kept[node.name].any():
            cut, changed = _cut_node(cleared, node, plan)
            nodes.append(cut)
            weights.update(changed)
    frozen_weights = {name: frozen(np.ascontiguousarray(w)) for name, w in weights.items()}
    return Rewrite(
        cleared.with_nodes(nodes).with_weights(frozen_weights).without_dead(), tuple(notes)
    )


def _removals(node: Node, plan: _Plan) -> list[Note]:
    """What goes from one node; units of a Dense by kind."""
    gone = ~plan.kept[node.name]
    if not gone.any():
        return []
    if not isinstance(node.op, Dense):
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
        if not isinstance(node.op, Dense) or node.name not in plan.free:
            continue
        values = plan.constants[node.name].reshape(-1, node.op.units)
        # A constant that nobody needs may still be kept, as the operand of a merge that is constant too.
        unread = ~axis_mask(plan.needed[node.name], -1) & np.isnan(values).all(axis=0)
        fixed = (values == values[0]).all(axis=0)
        kernel = graph.weights[node.weights[0]]
        busy = (unread | fixed) & (kernel != 0).any(axis=0)
        if busy.any():
            bias = np.where(fixed, values[0], bias_of(graph, node))
            cleared = np.where(unread | fixed, 0.0, kernel)
            edits.append(edit_dense(graph, node, cleared, np.where(unread, 0.0, bias)))
            exact = not (busy & fixed).any()
            notes.append(Note(Change.CLEARED, node.name, int(busy.sum()), exact=exact))
    return apply_edits(graph, edits), notes


def _cut_node(graph: Graph, node: Node, plan: _Plan) -> tuple[Node, Mapping[str, Reals]]:
    """The node with fewer elements, and its weights by name where they changed."""
    kept, op = plan.kept[node.name], node.op
    if isinstance(op, Dense):
        return _cut_dense(graph, node, op, plan)
    if isinstance(op, Reshape):
        shape = tuple(int(axis_mask(kept, axis).sum()) for axis in range(kept.ndim))
        return replace(node, op=Reshape(shape)), {}
    if isinstance(op, Concatenate):
        left = tuple(name for name in node.inputs if plan.kept[name].any())
        return replace(node, inputs=left), {}
    if isinstance(op, Rescaling):
        return replace(node, op=_cut_rescaling(op, axis_mask(kept, -1))), {}
    weights = {name: graph.weights[name] for name in node.weights}
    if isinstance(op, BatchNormalization):
        mask = axis_mask(kept, sample_axis(op.axis))
        return node, {name: array[mask] for name, array in weights.items()}
    if isinstance(op, PRelu | Normalization):
        return node, {name: _cut_broadcast(array, kept) for name, array in weights.items()}
    return node, {}


def _cut_dense(
    graph: Graph, node: Node, op: Dense, plan: _Plan
) -> tuple[Node, Mapping[str, Reals]]:
    source = plan.kept[node.inputs[0]]
    inputs, units = axis_mask(source, -1), axis_mask(plan.kept[node.name], -1)
    kernel = graph.weights[node.weights[0]]
    bias = bias_of(graph, node)
    if node.name in plan.free:
        values = plan.constants[node.inputs[0]].reshape(-1, len(inputs))[0]
        bias = bias + np.where(inputs, 0.0, np.nan_to_num(values)) @ kernel
    changed: dict[str, Reals] = {node.weights[0]: kernel[inputs][:, units]}
    if not op.use_bias and not bias[units].any():
        return replace(node, op=Dense(int(units.sum()), use_bias=False)), changed
    name = node.weights[1] if op.use_bias else graph.fresh_name(f"{node.name}/bias")
    changed[name] = bias[units]
    cut = replace(node, op=Dense(int(units.sum())), weights=(node.weights[0], name))
    return cut, changed


def _cut_rescaling(op: Rescaling, mask: Flags) -> Rescaling:
    def cut(values: tuple[float, ...]) -> tuple[float, ...]:
        if len(values) == 1:
            return values
        return tuple(value for value, stays in zip(values, mask, strict=True) if stays)

    return Rescaling(cut(op.scale), cut(op.offset))


def _cut_broadcast(array: Reals, kept: Flags) -> Reals:
    """Cut a weight that broadcasts to a sample (or, with a leading 1, to a batch) along its own axes."""
    lead = array.ndim - kept.ndim
    for axis in range(kept.ndim):
        if array.shape[axis + lead] != 1:
            array = np.compress(axis_mask(kept, axis), array, axis=axis + lead)
    return array
