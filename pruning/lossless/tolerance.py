"""How far a value may move before anything downstream notices: float32's own rounding, sent backwards.

The yardstick is U = 2^-24, float32's unit roundoff, times the *scale* of a quantity: for a pre-activation
z = b + sum w_i x_i the scale is |b| + sum |w_i| R_i with R_i the bound of |x_i|; computing z in float32 may already
err by several U times that. A change may be hidden by the rounding of z itself or by the rounding of whatever reads
z, so the tolerance of z is the larger of U * scale(z) and what its readers allow.
"""

from collections.abc import Callable, Mapping

import numpy as np

from graph.activations import Function
from graph.graph import Graph, Node
from graph.ops import Activation, Dense, Merge, MergeKind, PRelu
from graph.tensor_type import sample_axis
from pruning.affine_ops import as_affine
from pruning.element_moves import MOVING_OPS, sources
from pruning.lossless.affine import Affine, Reals, zeros
from pruning.lossless.bounds import Bounds
from pruning.lossless.envelope import envelope

UNIT_ROUNDOFF = 2.0**-24
_SUMS = (MergeKind.ADD, MergeKind.SUBTRACT)


@np.errstate(over="ignore", invalid="ignore")
def tolerances(graph: Graph, bounds: Bounds) -> dict[str, Affine]:
    """Tolerated change of every value, from outputs to inputs.

    Returns:
        By value name, of the value's sample shape; an infinite constant means that nothing reads the element.
    """
    found = {name: _unlimited(bound.shape) for name, bound in bounds.values.items()}
    for name in graph.output_values():
        found[name] = _rounding_of(bounds.values[name])
    for node in reversed(graph.nodes):
        allowed = found[node.name]
        if isinstance(node.op, Dense):
            allowed = larger(allowed, _rounding_of(bounds.values[node.name]))
            found[node.name] = allowed
        for place, name in enumerate(node.inputs):
            share = _input_tolerance(graph, node, place, allowed, bounds)
            found[name] = _smaller(found[name], share)
    return found


def larger(a: Affine, b: Affine) -> Affine:
    """The larger constant and the larger slope; unlimited wins."""
    return Affine(np.maximum(a.constant, b.constant), np.maximum(a.slope, b.slope))


def _smaller(a: Affine, b: Affine) -> Affine:
    return Affine(np.minimum(a.constant, b.constant), np.minimum(a.slope, b.slope))


def _unlimited(shape: tuple[int, ...]) -> Affine:
    return Affine(np.full(shape, np.inf), np.full(shape, np.inf))


def _rounding_of(bound: Affine) -> Affine:
    """U times the scale; 0 where the scale is unknown."""
    constant = np.where(bound.unknown, 0.0, bound.constant)
    return Affine(constant * UNIT_ROUNDOFF, bound.slope * UNIT_ROUNDOFF)


def _input_tolerance(
    graph: Graph, node: Node, place: int, allowed: Affine, bounds: Bounds
) -> Affine:
    x = bounds.values[node.inputs[place]]
    op = node.op
    if isinstance(op, Dense):
        return _dense(np.asarray(graph.weights[node.weights[0]], np.float64), allowed)
    affine = as_affine(graph, node, x.shape)
    if affine is not None:
        return _divided(allowed, np.abs(affine.scale))
    if isinstance(op, PRelu):
        alpha = np.abs(np.asarray(graph.weights[node.weights[0]], np.float64))
        return _divided(allowed, np.maximum(alpha, 1.0) + np.zeros(x.shape))
    if isinstance(op, Activation):
        return _activation(op, allowed, x)
    if isinstance(op, Merge):
        return _merge(op, node, allowed, x)
    if isinstance(op, MOVING_OPS):
        return _moved_back(node, place, allowed, bounds)
    return zeros(x.shape)


def _dense(kernel: Reals, allowed: Affine) -> Affine:
    """Allow each input of unit o its tolerance over sum_i |w_io|, so that all together stay within it."""
    size = np.abs(kernel)
    total = size.sum(axis=0)
    share = _divided(allowed, total)

    def smallest_reader(limit: Reals) -> Reals:
        # The strictest position speaks for all: a kernel has one mask for every position.
        row = limit.reshape(-1, limit.shape[-1]).min(axis=0)
        inputs = np.where(size > 0, row, np.inf).min(axis=1)
        return np.broadcast_to(inputs, (*limit.shape[:-1], len(inputs)))

    return share.mapped(smallest_reader)


def _divided(allowed: Affine, factor: Reals | float) -> Affine:
    """Tolerance before multiplication by `factor`; what is unlimited stays so, whatever the factor."""

    def divide(limit: Reals) -> Reals:
        free = np.isinf(limit) | np.equal(factor, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(free, np.inf, limit / factor)

    return allowed.mapped(divide)


def _activation(op: Activation, allowed: Affine, x: Affine) -> Affine:
    f = op.function
    if f.is_elementwise:
        return _divided(allowed, envelope(f).lipschitz)
    if f.function not in (Function.SOFTMAX, Function.LOG_SOFTMAX):
        return zeros(x.shape)
    # Only differences of logits count, so what grows with the input may hide behind the largest logit's rounding;
    # the constant part may not, for a logit of -1e9 (a masked class) would hide everything.
    axis = sample_axis(f.axis)
    smallest = np.broadcast_to(allowed.constant.min(axis=axis, keepdims=True), x.shape)
    steepest = np.broadcast_to(x.slope.max(axis=axis, keepdims=True), x.shape)
    factor = 2.0 if f.function is Function.SOFTMAX else 0.5
    return Affine(smallest * factor, steepest * UNIT_ROUNDOFF)


def _merge(op: Merge, node: Node, allowed: Affine, x: Affine) -> Affine:
    if op.kind is MergeKind.MULTIPLY:
        return zeros(x.shape)
    count = float(len(node.inputs)) if op.kind in _SUMS else 1.0
    share = _divided(allowed, count)
    return share if allowed.shape == x.shape else share.mapped(_reducer(x.shape))


def _reducer(shape: tuple[int, ...]) -> Callable[[Reals], Reals]:
    """The smallest tolerance over the axes along which an operand was broadcast."""

    def reduce(limit: Reals) -> Reals:
        padded = (1,) * (limit.ndim - len(shape)) + shape
        axes = tuple(i for i, n in enumerate(padded) if n == 1 and limit.shape[i] != 1)
        return limit.min(axis=axes, keepdims=True).reshape(shape)

    return reduce


def _moved_back(node: Node, place: int, allowed: Affine, bounds: Bounds) -> Affine:
    """The smallest tolerance over the places an element goes to."""
    shapes = [bounds.values[name].shape for name in node.inputs]
    origin = sources(node.op, shapes)
    here = origin.place == place

    def gather(limit: Reals) -> Reals:
        result = np.full(shapes[place], np.inf)
        np.minimum.at(result.reshape(-1), origin.index[here], limit[here])
        return result

    return allowed.mapped(gather)


def by_kernel(graph: Graph) -> Mapping[str, tuple[Node, ...]]:
    """The Dense nodes behind each kernel; more than one for a shared layer."""
    users: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Dense):
            users.setdefault(node.weights[0], []).append(node)
    return {name: tuple(nodes) for name, nodes in users.items()}
