"""How far a value may move before anything downstream notices: float32's own rounding, sent backwards.

The yardstick is U = 2^-24, float32's unit roundoff, times the *scale* of a quantity: for a pre-activation
z = b + sum w_i x_i the scale is |b| + sum |w_i| R_i with R_i the bound of |x_i|; computing z in float32 may already
err by several U times that. A change may be hidden by the rounding of z itself or by the rounding of whatever reads
z, so the tolerance of z is the larger of U * scale(z) and what its readers allow.

Upstream of an op that bears no such change (`OpRules.bears_rounding`: an op without rules) nothing may move at all.
"""

from collections.abc import Mapping

import numpy as np

from graph.graph import Graph, Node
from graph.linear import is_linear
from pruning.lossless.bounds import Bounds
from pruning.rules.bound import UNIT_ROUNDOFF, Bound, zeros
from pruning.rules.fitted import graph_rules
from pruning.rules.table import unmovable_values


@np.errstate(over="ignore", invalid="ignore")
def tolerances(graph: Graph, bounds: Bounds) -> dict[str, Bound]:
    """Tolerated change of every value, from outputs to inputs.

    Returns:
        By value name, of the value's grain; an infinite constant means that nothing reads the element.
    """
    rules = graph_rules(graph).nodes
    found = {name: _unlimited(bound.shape) for name, bound in bounds.values.items()}
    for name in graph.output_values():
        found[name] = _rounding_of(bounds.values[name])
    unmovable = unmovable_values(graph)
    for node in reversed(graph.nodes):
        rule, allowed = rules[node.name], found[node.name]
        if is_linear(node.op) and node.name not in unmovable:
            allowed = larger(allowed, _rounding_of(bounds.values[node.name]))
            found[node.name] = allowed
        for place, name in enumerate(node.inputs):
            share = rule.tolerance(place, allowed, bounds.values[name])
            found[name] = _smaller(found[name], zeros(share.shape) if name in unmovable else share)
    return found


def larger(a: Bound, b: Bound) -> Bound:
    """Return the larger constant and the larger slope; unlimited wins."""
    return Bound(np.maximum(a.constant, b.constant), np.maximum(a.slope, b.slope))


def _smaller(a: Bound, b: Bound) -> Bound:
    return Bound(np.minimum(a.constant, b.constant), np.minimum(a.slope, b.slope))


def _unlimited(shape: tuple[int, ...]) -> Bound:
    return Bound(np.full(shape, np.inf), np.full(shape, np.inf))


def _rounding_of(bound: Bound) -> Bound:
    """U times the scale; 0 where the scale is unknown."""
    constant = np.where(bound.unknown, 0.0, bound.constant)
    return Bound(constant * UNIT_ROUNDOFF, bound.slope * UNIT_ROUNDOFF)


def by_kernel(graph: Graph) -> Mapping[str, tuple[Node, ...]]:
    """Return the linear nodes behind each kernel, more than one for a shared layer.

    A kernel that is also something else (a bias, a weight of another op) is left out: the rule cannot see what that
    would do.
    """
    users: dict[str, list[Node]] = {}
    others: set[str] = set()
    for node in graph.nodes:
        others.update(node.weights[1:] if is_linear(node.op) else node.weights)
        if is_linear(node.op):
            users.setdefault(node.weights[0], []).append(node)
    return {name: tuple(nodes) for name, nodes in users.items() if name not in others}
