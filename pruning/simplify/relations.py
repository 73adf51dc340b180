"""Which elements of a value are always a fixed multiple of another element of the same value.

Units of a linear layer with the same weights and bias compute the same; with all weights and the bias `a` times another
unit's, `a` times as much. Activations carry equality along, and those that are linear on each side of zero (relu,
leaky relu, PReLU with equal slopes) also a positive factor.
"""

from graph.graph import Graph
from pruning.rules.fitted import graph_rules
from pruning.rules.relation import Relation, alone


def relations(graph: Graph) -> dict[str, Relation]:
    """Find the relations within every value, by value name."""
    rules = graph_rules(graph)
    found = {given.name: alone(rules.grains[given.name]) for given in graph.inputs}
    for node in graph.nodes:
        found[node.name] = rules.nodes[node.name].relation([found[name] for name in node.inputs])
    return found
