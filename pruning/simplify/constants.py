"""Which elements of which values are the same number for every input."""

import numpy as np

from graph.graph import Graph
from pruning.rules.op_rules import Reals
from pruning.rules.table import rules_of


def constant_elements(graph: Graph) -> dict[str, Reals]:
    """Find the constants of every value.

    An element is constant when every path to it from a graph input has a zero weight on it (or is multiplied by a
    constant zero): inputs are taken to be finite, as 0 * x is 0 only then. Numbers that are not finite do not count.

    Returns:
        float64 by value name, of the sample shape: the number, or NaN where the element depends on the input.
    """
    found: dict[str, Reals] = {}
    for given in graph.inputs:
        found[given.name] = np.full(given.type.static_sample_shape, np.nan)
    rules = rules_of(graph)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            value = rules[node.name].constants([found[name] for name in node.inputs])
            found[node.name] = np.where(np.isfinite(value), value, np.nan)
    return found
