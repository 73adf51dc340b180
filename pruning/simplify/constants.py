"""Which elements of which values are the same number for every input."""

import numpy as np

from graph.graph import Graph, Node
from graph.ops import Activation, Dense, Dot, LayerNormalization, Merge, MergeKind
from pruning.element_moves import MOVING_OPS
from pruning.simplify.rewrite import Reals


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
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            value = _node_constants(graph, node, [found[name] for name in node.inputs])
            found[node.name] = np.where(np.isfinite(value), value, np.nan)
    return found


def _node_constants(graph: Graph, node: Node, inputs: list[Reals]) -> Reals:
    op = node.op
    weights = [np.asarray(graph.weights[name], np.float64) for name in node.weights]
    if isinstance(op, Dense):
        varying = np.isnan(inputs[0])
        reached = varying.astype(np.float64) @ (weights[0] != 0) > 0
        fixed = op.evaluate([np.where(varying, 0.0, inputs[0])[None]], weights)[0]
        return np.where(reached, np.nan, fixed)
    if isinstance(op, Merge):
        return _merge(op, inputs)
    value = op.evaluate([x[None] for x in inputs], weights)[0]
    if isinstance(op, MOVING_OPS):
        return value
    mixing = isinstance(op, LayerNormalization | Dot) or (
        isinstance(op, Activation) and not op.function.is_elementwise
    )
    if mixing:
        varies = any(np.isnan(x).any() for x in inputs)
        return np.full(value.shape, np.nan) if varies else value
    return np.where(np.isnan(inputs[0]), np.nan, value)


def _merge(op: Merge, inputs: list[Reals]) -> Reals:
    value = op.evaluate([x[None] for x in inputs], [])[0]
    if op.kind is not MergeKind.MULTIPLY:
        return value
    zero = op.evaluate([np.where(x == 0.0, 0.0, 1.0)[None] for x in inputs], [])[0] == 0.0
    return np.where(zero, 0.0, value)
