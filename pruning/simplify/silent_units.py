"""Units of a recurrent layer that stay at zero: what the layer reads of them goes, which frees them to be cut out."""

from graph.graph import Graph
from pruning.rules.fitted import graph_rules
from pruning.rules.grains import fit, uniform
from pruning.simplify.constants import constant_elements
from pruning.simplify.rewrite import Change, Note, Rewrite, frozen, unshared


def clear_silent_units(graph: Graph) -> Rewrite:
    """Take the weights by which units that are zero at every step are read in the layer itself: they add nothing."""
    constants, free = constant_elements(graph), unshared(graph)
    notes, weights = [], {}
    for name, rules in graph_rules(graph).nodes.items():
        own = fit(constants[name], rules.on_facts.shape, uniform)
        for weight, array in rules.op_rules.silenced(own).items() if name in free else ():
            rows = (array != graph.weights[weight]).any(axis=1)
            notes.append(Note(Change.CLEARED, name, int(rows.sum())))
            weights[weight] = frozen(array)
    return Rewrite(graph.with_weights(weights), tuple(notes))
