"""Which elements of which values are the same number for every input."""

import numpy as np

from graph.graph import Graph
from pruning.rules.fitted import graph_rules
from pruning.rules.op_rules import Reals


def constant_elements(graph: Graph) -> dict[str, Reals]:
    """Find the constants of every value.

    An element is constant when every path to it from a graph input has a zero weight on it (or is multiplied by a
    constant zero): inputs are taken to be finite, as 0 * x is 0 only then. Numbers that are not finite do not count.

    Returns:
        float64 by value name, of the value's grain (`pruning.rules.grains`): the number, or NaN where the element
        depends on the input.
    """
    rules = graph_rules(graph)
    found = {given.name: np.full(rules.grains[given.name], np.nan) for given in graph.inputs}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            value = rules.nodes[node.name].constants([found[name] for name in node.inputs])
            found[node.name] = np.where(np.isfinite(value), value, np.nan)
    return found
