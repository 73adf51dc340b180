"""Forward error analysis: how far every value can move when weights of some layers are removed.

The error of a node follows from the errors of its inputs and their bounds (`pruning.lossless.bounds`), with the
Lipschitz constants of the activations, plus the node's own removed weights. Everything is an upper bound for every
input: rigorous, and loose where terms cancel.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from graph.activations import AXIS_FUNCTIONS, Function
from graph.graph import Graph, Node
from graph.ops import Activation, Dense, Dot, LayerNormalization, Merge, MergeKind, PRelu
from graph.tensor_type import sample_axis
from pruning.affine_ops import as_affine
from pruning.lossless.affine import Affine, Reals, known, unknown, zeros
from pruning.lossless.bounds import Bounds, aligned, moved
from pruning.lossless.envelope import envelope


@np.errstate(over="ignore", invalid="ignore")
def propagate_errors(
    graph: Graph, bounds: Bounds, removed: Mapping[str, Reals]
) -> dict[str, Affine]:
    """Bound the change of every value.

    Args:
        graph: the graph before removal.
        bounds: its magnitude bounds.
        removed: by kernel name, (inputs, units): the removed weights, 0 elsewhere.

    Returns:
        By value name, of the value's sample shape.
    """
    errors = {given.name: zeros(given.type.static_sample_shape) for given in graph.inputs}
    for node in graph.nodes:
        arguments = [errors[name] for name in node.inputs]
        values = [bounds.values[name] for name in node.inputs]
        if all(_is_zero(argument) for argument in arguments):
            error = zeros(bounds.values[node.name].shape)
        else:
            error = _node_error(graph, node, arguments, values)
        if node.weights and node.weights[0] in removed and isinstance(node.op, Dense):
            error = error.plus(values[0].through(removed[node.weights[0]]))
        errors[node.name] = error
    return errors


def _is_zero(error: Affine) -> bool:
    return not (error.constant.any() or error.slope.any())


def _node_error(
    graph: Graph, node: Node, errors: Sequence[Affine], values: Sequence[Affine]
) -> Affine:
    x, op = errors[0], node.op
    if isinstance(op, Dense):
        return x.through(np.asarray(graph.weights[node.weights[0]], np.float64))
    affine = as_affine(graph, node, x.shape)
    if affine is not None:
        return x.times(np.abs(affine.scale))
    if isinstance(op, PRelu):
        alpha = np.abs(np.asarray(graph.weights[node.weights[0]], np.float64))
        return x.times(np.maximum(alpha, 1.0) + np.zeros(x.shape))
    if isinstance(op, Activation):
        return _activation_error(op, x, values[0])
    if isinstance(op, LayerNormalization):
        return _layer_normalization_error(graph, node, op, x)
    if isinstance(op, Merge):
        return _merge_error(op, errors, values)
    if isinstance(op, Dot):
        return unknown(op.evaluate([np.zeros((1, *e.shape)) for e in errors], [])[0].shape)
    return moved(node, errors)


def _activation_error(op: Activation, error: Affine, value: Affine) -> Affine:
    f = op.function
    if f.function not in AXIS_FUNCTIONS:
        return error.times(envelope(f).lipschitz)
    axis = sample_axis(f.axis)
    top = error.mapped(lambda a: np.broadcast_to(a.max(axis=axis, keepdims=True), a.shape))
    if f.function is Function.SOFTMAX:
        # dp_i = p_i (dx_i - sum_k p_k dx_k): at most 2 p_i (1 - p_i) max|dx|.
        return top.times(0.5)
    if f.function is Function.LOG_SOFTMAX:
        return error.plus(top)
    if f.function is Function.GLU:
        direct = error.mapped(lambda a: np.split(a, 2, axis=axis)[0])
        gate = error.mapped(lambda a: np.split(a, 2, axis=axis)[1])
        carrier = value.mapped(lambda a: np.split(a, 2, axis=axis)[0])
        if (carrier.slope > 0).any() or carrier.unknown.any():
            return unknown(carrier.shape)
        return direct.plus(gate.times(0.25 * carrier.constant))
    return unknown(error.shape)


def _layer_normalization_error(
    graph: Graph, node: Node, op: LayerNormalization, error: Affine
) -> Affine:
    """Rows of the Jacobian of (x - mean) / sigma sum to at most (2 + sqrt(n)) / sqrt(epsilon)."""
    if op.rms_scaling or op.epsilon <= 0:
        return unknown(error.shape)
    axes = tuple(axis - 1 for axis in op.axes)
    top = error.mapped(lambda a: np.broadcast_to(a.max(axis=axes, keepdims=True), a.shape))
    count = math.prod(error.shape[axis] for axis in axes)
    result = top.times((2.0 + math.sqrt(count)) / math.sqrt(op.epsilon))
    if not op.scale:
        return result
    shape = [n if axis in axes else 1 for axis, n in enumerate(error.shape)]
    gamma = np.abs(np.asarray(graph.weights[node.weights[0]], np.float64)).reshape(shape)
    return result.times(gamma + np.zeros(error.shape))


def _merge_error(op: Merge, errors: Sequence[Affine], values: Sequence[Affine]) -> Affine:
    moves, sizes = aligned(errors), aligned(values)
    if op.kind is MergeKind.MULTIPLY:
        return _product_error(moves, sizes)
    result = moves[0]
    for error in moves[1:]:
        largest = op.kind in (MergeKind.MAXIMUM, MergeKind.MINIMUM)
        result = result.largest(error) if largest else result.plus(error)
    return result.times(1.0 / len(moves)) if op.kind is MergeKind.AVERAGE else result


def _product_error(errors: Sequence[Affine], values: Sequence[Affine]) -> Affine:
    """prod(abs(v) + e) - prod(abs(v)), where no factor grows with the input."""
    grown, plain = np.ones(values[0].shape), np.ones(values[0].shape)
    for error, value in zip(errors, values, strict=True):
        if (error.slope > 0).any() or (value.slope > 0).any():
            return unknown(value.shape)
        grown, plain = grown * (value.constant + error.constant), plain * value.constant
    return known(grown - plain, np.zeros(plain.shape))
