"""Which rules an op has: by its exact class. An op that is not here, a subclass too, gets the cautious `OpRules`."""

from typing import Any

from graph.graph import Graph, Node
from pruning.rules import (
    activations,
    attention,
    convolutions,
    dense,
    elementwise,
    general,
    merges,
    moves,
    normalizations,
    recurrent,
    spatial,
)
from pruning.rules.op_rules import OpRules, Reals, RuleTable, Shape

RULES: RuleTable = {
    **activations.RULES,
    **attention.RULES,
    **convolutions.RULES,
    **dense.RULES,
    **elementwise.RULES,
    **general.RULES,
    **merges.RULES,
    **moves.RULES,
    **normalizations.RULES,
    **recurrent.RULES,
    **spatial.RULES,
}


def rules_of(graph: Graph) -> dict[str, OpRules[Any]]:
    """Return the rules of every node, by name; all sample shapes must be fixed.

    Raises:
        ShapeError: an axis other than the batch varies in length, or an op refuses its inputs.
    """
    shapes = {name: kind.static_sample_shape for name, kind in graph.value_types().items()}
    return {
        node.name: rules_of_node(
            node,
            tuple(graph.weights[name] for name in node.weights),
            tuple(shapes[name] for name in node.inputs),
            shapes[node.name],
        )
        for node in graph.nodes
    }


def rules_of_node(
    node: Node, arrays: tuple[Reals, ...], shapes: tuple[Shape, ...], shape: Shape
) -> OpRules[Any]:
    """Return the rules of one node; see `OpRules` for the arguments."""
    return RULES.get(type(node.op), OpRules)(node, node.op, arrays, shapes, shape, shapes, shape)


def unmovable_values(graph: Graph) -> frozenset[str]:
    """Return the values that must not change, not even by a rounding: an op that bears none depends on them."""
    found: set[str] = set()
    for node in reversed(graph.nodes):
        if node.name in found or not rules_of_node(node, (), (), ()).bears_rounding:
            found.update(node.inputs)
    return frozenset(found)


def unknown_nodes(graph: Graph) -> tuple[Node, ...]:
    """Return the nodes whose op has no rules."""
    return tuple(node for node in graph.nodes if type(rules_of_node(node, (), (), ())) is OpRules)
