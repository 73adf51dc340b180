"""Which elements must stay: the smallest solution of constraints between values.

Every element starts as removable unless an output needs it and it is not constant. Constraints then only ever add
elements, until nothing changes, so the solution is the smallest one that holds (and the set of removed elements the
largest):

- graph inputs and outputs stay whole: the model's signature does not change;
- ops that mix elements (softmax, layer normalization, glu, dot products) and ops that nobody knows keep their inputs
  and outputs whole;
- elementwise nodes and merges keep the same elements in all their inputs and outputs (along broadcast axes: any);
- reshape, permute, repeat, concatenate, pooling and resizing carry an element's fate along;
- what stays of a value is a box: all combinations of what stays on each axis, or it would be no tensor;
- a linear layer cuts freely along its last axes, and keeps the same positions in front of them;
- two linear layers that share a kernel keep the same inputs and units; a layer that shares other weights stays whole;
- a constant is folded into the bias of the linear layer that reads it, which needs one number for all positions (0
  where a convolution sees padding) and a layer that may be edited; where that fails the constant stays;
- no value that something reads may become empty.
"""

from collections.abc import Mapping

import numpy as np

from graph.graph import Graph, Node
from graph.linear import is_linear
from pruning.rules.fitted import FittedRules, graph_rules
from pruning.rules.op_rules import Flags, Reals, axis_mask
from pruning.simplify.rewrite import editable, unshared

Kept = dict[str, Flags]
Rules = Mapping[str, FittedRules]


def kept_elements(
    graph: Graph, constants: Mapping[str, Reals], needed: Mapping[str, Flags]
) -> Kept:
    """Solve the constraints.

    Returns:
        By value name, of the value's grain: True where the element stays.
    """
    # np.array, for samples without axes would turn into scalars that cannot be written to.
    kept = {name: np.array(needed[name] & np.isnan(constants[name])) for name in constants}
    rules = graph_rules(graph).nodes
    _keep_whole(graph, rules, kept)
    _keep_unfoldable(graph, rules, constants, kept)
    families = _families(graph)
    while _sweep(graph, rules, kept, families):
        pass
    return kept


def _keep_whole(graph: Graph, rules: Rules, kept: Kept) -> None:
    for name in [given.name for given in graph.inputs] + sorted(graph.output_values()):
        kept[name][...] = True
    free, users = unshared(graph), graph.weight_users()
    for node in graph.nodes:
        if rules[node.name].mixes or (node.name not in free and not _shares_kernel(node, users)):
            for name in (*node.inputs, node.name):
                kept[name][...] = True


def _shares_kernel(node: Node, users: Mapping[str, tuple[Node, ...]]) -> bool:
    """Return whether all nodes that share a weight with this one are the same linear op of exactly the same weights."""
    return is_linear(node.op) and all(
        type(other.op) is type(node.op) and other.op == node.op and other.weights == node.weights
        for name in node.weights
        for other in users[name]
    )


def _keep_unfoldable(
    graph: Graph, rules: Rules, constants: Mapping[str, Reals], kept: Kept
) -> None:
    """Keep constants that no bias can take: other numbers at other positions, or a layer that may not be edited."""
    free = editable(graph)
    for node in graph.nodes:
        if is_linear(node.op):
            name = node.inputs[0]
            stuck = rules[node.name].unfoldable(constants[name], editable=node.name in free)
            kept[name] |= stuck


def _families(graph: Graph) -> list[list[Node]]:
    """Linear nodes of one kernel, where there are several."""
    families: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if is_linear(node.op):
            families.setdefault(node.weights[0], []).append(node)
    return [nodes for nodes in families.values() if len(nodes) > 1]


def _sweep(graph: Graph, rules: Rules, kept: Kept, families: list[list[Node]]) -> bool:
    """Apply every constraint once, forwards and backwards; tell whether anything was added."""
    before = sum(int(flags.sum()) for flags in kept.values())
    for node in (*graph.nodes, *reversed(graph.nodes)):
        rules[node.name].keep([kept[name] for name in node.inputs], kept[node.name])
        for name in (*node.inputs, node.name):
            _close_box(kept[name])
    for family in families:
        _tie_family(family, kept)
    return sum(int(flags.sum()) for flags in kept.values()) > before


def _close_box(flags: Flags) -> None:
    """Add what a box needs: outer product of what stays on each axis."""
    if flags.ndim < 2 or not flags.any():
        return
    box = np.ones(flags.shape, np.bool_)
    for axis in range(flags.ndim):
        shape = [1] * flags.ndim
        shape[axis] = -1
        box &= axis_mask(flags, axis).reshape(shape)
    flags |= box


def _tie_family(family: list[Node], kept: Kept) -> None:
    for names in ([node.inputs[0] for node in family], [node.name for node in family]):
        features = np.any([axis_mask(kept[name], -1) for name in names], axis=0)
        for name in names:
            positions: Flags = np.asarray(kept[name].any(axis=-1))
            kept[name] |= positions[..., None] & features
