"""Lowering of Dense, and of the ops that scale each row by itself."""

import numpy as np
import numpy.typing as npt

from engine.kernels.abi import ElementFunction
from engine.passes.lowering import Lowering
from engine.program import AffineStep, DenseStep, Place, PReluStep
from graph.graph import Node
from graph.op import Op
from graph.ops import KERAS_EPSILON, BatchNormalization, Dense, Normalization, Rescaling
from graph.tensor_type import sample_axis

Float64Array = npt.NDArray[np.float64]

# (x - mean) * scale is computed as scale * x - mean * scale where mean * scale is at most this:
# rounding then costs at most so many units in the last place of a normalized value. Beyond it the
# mean is taken off first, exactly as the op is written.
MAX_FOLDED_SHIFT = 8.0


def lower_dense(to: Lowering, node: Node, op: Dense) -> Place:
    """y = x @ kernel + bias, over the last axis."""
    x, y = to.places[node.inputs[0]], to.result(node)
    kernel = to.weight(node.weights[0])
    bias = to.weight(node.weights[1]) if op.use_bias else None
    positions = y.rows // op.units
    nonzeros = int(np.count_nonzero(to.weight_array(kernel)))
    to.steps.append(
        DenseStep(node.name, x, y, kernel, bias, positions, nonzeros, ElementFunction())
    )
    return y


def lower_prelu(to: Lowering, node: Node, op: Op) -> Place:
    """One alpha per row."""
    del op
    x, y = to.places[node.inputs[0]], to.result(node)
    alpha = np.broadcast_to(to.weight_array(node.weights[0]), to.shape(node.inputs[0]))
    to.steps.append(PReluStep(x, y, to.constant(f"{node.name}/alpha", alpha.reshape(-1))))
    return y


def lower_batch_normalization(to: Lowering, node: Node, op: BatchNormalization) -> Place:
    """(x - mean) * gamma / sqrt(variance + epsilon) + beta, in float64 until the last rounding."""
    rows = [to.weight_array(name).astype(np.float64) for name in node.weights]
    gamma = rows.pop(0) if op.scale else np.float64(1)
    beta = rows.pop(0) if op.center else np.float64(0)
    mean, variance = rows
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + op.epsilon)
    shape = to.shape(node.inputs[0])
    axis = sample_axis(op.axis)
    along = [1] * len(shape)
    along[axis] = -1
    columns = [
        np.broadcast_to(np.broadcast_to(part, mean.shape).reshape(along), shape)
        for part in (mean, scale, beta)
    ]
    return _centred_affine(to, node, *columns)


def lower_normalization(to: Lowering, node: Node, op: Normalization) -> Place:
    """(x - mean) / max(sqrt(variance), 1e-7), or its inverse."""
    shape = to.shape(node.inputs[0])
    mean, variance = (
        np.broadcast_to(to.weight_array(name).astype(np.float64)[0], shape) for name in node.weights
    )
    with np.errstate(all="ignore"):
        deviation = np.maximum(np.sqrt(variance), KERAS_EPSILON)
    if op.invert:
        return _affine(to, node, to.places[node.inputs[0]], deviation, mean)
    return _centred_affine(to, node, mean, 1 / deviation, np.zeros(shape))


def lower_rescaling(to: Lowering, node: Node, op: Rescaling) -> Place:
    """x * scale + offset; one number, or one per element of the last axis."""
    shape = to.shape(node.inputs[0])
    scale, offset = (np.asarray(part, np.float64) for part in (op.scale, op.offset))
    # A scalar sample has no last axis; one-element tuples are scalars.
    scale, offset = (part.reshape(()) if part.size == 1 else part for part in (scale, offset))
    return _affine(
        to,
        node,
        to.places[node.inputs[0]],
        np.broadcast_to(scale, shape),
        np.broadcast_to(offset, shape),
    )


def lower_reshape(to: Lowering, node: Node, op: Op) -> Place:
    """Another name for the same rows: elements stay in row-major order."""
    del op
    return to.places[node.inputs[0]]


def _centred_affine(
    to: Lowering, node: Node, mean: Float64Array, scale: Float64Array, beta: Float64Array
) -> Place:
    """(x - mean) * scale + beta, without cancellation where the mean is large against 1 / scale."""
    x = to.places[node.inputs[0]]
    with np.errstate(all="ignore"):
        shift = beta - mean * scale
        folded = bool((np.abs(mean * scale) <= MAX_FOLDED_SHIFT).all())
    if folded:
        return _affine(to, node, x, scale, shift)
    centred = _affine(to, node, x, np.ones(mean.shape), -mean, "centre")
    return _affine(to, node, centred, scale, beta)


def _affine(
    to: Lowering,
    node: Node,
    x: Place,
    scale: Float64Array,
    shift: Float64Array,
    part: str = "affine",
) -> Place:
    y = to.new_buffer(x.rows)
    with np.errstate(all="ignore"):
        names = [
            to.constant(f"{node.name}/{part}/{kind}", array.reshape(-1).astype(np.float32))
            for kind, array in (("scale", scale), ("shift", shift))
        ]
    to.steps.append(AffineStep(x, y, names[0], names[1]))
    return y
