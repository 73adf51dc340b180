"""Which elements of which values an output can depend on."""

from collections.abc import Mapping

import numpy as np

from graph.graph import Graph
from pruning.rules.fitted import graph_rules
from pruning.rules.op_rules import Flags, Reals


def needed_elements(graph: Graph, constants: Mapping[str, Reals]) -> dict[str, Flags]:
    """Mark what some output reads through non-zero weights, from outputs to inputs.

    What only a constant element reads is not needed: the constant is known.

    Returns:
        By value name, of the value's grain.
    """
    rules = graph_rules(graph).nodes
    needed = {name: np.zeros(value.shape, np.bool_) for name, value in constants.items()}
    for name in graph.output_values():
        needed[name][...] = True
    for node in reversed(graph.nodes):
        wanted = needed[node.name] & np.isnan(constants[node.name])
        if not wanted.any():
            continue
        for place, name in enumerate(node.inputs):
            needed[name] |= rules[node.name].needed(place, wanted)
    return needed
