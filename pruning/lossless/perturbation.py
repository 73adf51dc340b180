"""Forward error analysis: how far every value can move when weights of some layers are removed.

The error of a node follows from the errors of its inputs and their bounds (`pruning.lossless.bounds`), with the
Lipschitz constants of the activations, plus the node's own removed weights. Everything is an upper bound for every
input: rigorous, and loose where terms cancel.
"""

from collections.abc import Mapping

import numpy as np

from graph.graph import Graph
from pruning.lossless.bounds import Bounds
from pruning.rules.bound import Bound, Reals, unknown, zeros
from pruning.rules.fitted import graph_rules


@np.errstate(over="ignore", invalid="ignore")
def propagate_errors(
    graph: Graph, bounds: Bounds, removed: Mapping[str, Reals]
) -> dict[str, Bound]:
    """Bound the change of every value.

    Args:
        graph: the graph before removal.
        bounds: its magnitude bounds.
        removed: the removed weights by kernel name, of the kernel's shape, 0 elsewhere.

    Returns:
        By value name, of the value's grain.
    """
    errors = {given.name: zeros(bounds.values[given.name].shape) for given in graph.inputs}
    rules = graph_rules(graph).nodes
    for node in graph.nodes:
        arguments = [errors[name] for name in node.inputs]
        values = [bounds.values[name] for name in node.inputs]
        if all(_is_zero(argument) for argument in arguments):
            error = zeros(bounds.values[node.name].shape)
        else:
            error = rules[node.name].error(arguments, values)
        gone = [name for name in node.weights if name in removed]
        if gone and gone == [node.weights[0]]:
            error = error.plus(rules[node.name].removal_error(removed[gone[0]], values))
        elif gone:
            error = unknown(error.shape)
        errors[node.name] = error
    return errors


def _is_zero(error: Bound) -> bool:
    return not (error.constant.any() or error.slope.any())
