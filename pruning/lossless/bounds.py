"""Interval propagation: how large every element of every value can get, for any input.

Each op has one rule that turns bounds of its inputs into a bound of its output; what no affine bound can say (an
exponential, a product of two growing values) is unknown, and nothing is dropped on its strength.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph.activations import AXIS_FUNCTIONS, Function
from graph.graph import Graph, Input, Node
from graph.ops import Activation, Dense, Dot, LayerNormalization, Merge, MergeKind, PRelu
from graph.tensor_type import DType, sample_axis
from pruning.affine_ops import as_affine
from pruning.lossless.affine import Affine, known, unknown, zeros
from pruning.lossless.envelope import envelope
from pruning.recipe import InputRange

# Integer types narrow enough that the dtype alone is a useful bound.
_DTYPE_LIMITS = {
    DType.BOOL: 1.0,
    DType.UINT8: 255.0,
    DType.INT8: 128.0,
    DType.UINT16: 65535.0,
    DType.INT16: 32768.0,
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """A bound for every value of a graph.

    Attributes:
        values: by value name, of the value's sample shape.
        undeclared: names of the inputs whose size `rho` stands for.
    """

    values: Mapping[str, Affine]
    undeclared: tuple[str, ...]


@np.errstate(over="ignore", invalid="ignore")
def magnitude_bounds(graph: Graph, ranges: Mapping[str, InputRange]) -> Bounds:
    """Bound every value.

    Args:
        graph: verified, with fixed sample shapes.
        ranges: declared ranges by input name; "" stands for every input without its own.
    """
    values: dict[str, Affine] = {}
    undeclared: list[str] = []
    for given in graph.inputs:
        limit = _input_limit(given, ranges)
        shape = given.type.static_sample_shape
        if limit is None:
            undeclared.append(given.name)
            values[given.name] = Affine(np.zeros(shape), np.ones(shape))
        else:
            values[given.name] = Affine(np.full(shape, limit), np.zeros(shape))
    for node in graph.nodes:
        values[node.name] = node_bound(graph, node, [values[name] for name in node.inputs])
    return Bounds(values, tuple(undeclared))


def _input_limit(given: Input, ranges: Mapping[str, InputRange]) -> float | None:
    declared = ranges.get(given.name, ranges.get(""))
    if declared is not None:
        return max(abs(declared.low), abs(declared.high))
    return _DTYPE_LIMITS.get(given.type.dtype)


def node_bound(graph: Graph, node: Node, inputs: Sequence[Affine]) -> Affine:
    """Bound a node's output from the bounds of its inputs."""
    x = inputs[0]
    op = node.op
    if isinstance(op, Dense):
        kernel, *bias = (np.asarray(graph.weights[name], np.float64) for name in node.weights)
        y = x.through(kernel)
        return y.shifted(np.abs(bias[0])) if bias else y
    affine = as_affine(graph, node, x.shape)
    if affine is not None:
        return x.times(np.abs(affine.scale)).shifted(np.abs(affine.offset))
    if isinstance(op, PRelu):
        alpha = np.abs(np.asarray(graph.weights[node.weights[0]], np.float64))
        return x.times(np.maximum(alpha, 1.0) + np.zeros(x.shape))
    if isinstance(op, Activation):
        return _activation(op, x)
    if isinstance(op, LayerNormalization):
        return _layer_normalization(graph, node, op, x)
    if isinstance(op, Merge):
        return _merge(op, inputs)
    if isinstance(op, Dot):
        return _dot(op, inputs)
    return moved(node, inputs)


def moved(node: Node, inputs: Sequence[Affine]) -> Affine:
    """Send bounds through an op that only moves or repeats elements."""

    def move(arrays: Sequence[np.ndarray]) -> np.ndarray:
        moved_array: np.ndarray = node.op.evaluate([array[None] for array in arrays], [])[0]
        return moved_array

    return Affine(move([x.constant for x in inputs]), move([x.slope for x in inputs]))


def _activation(op: Activation, x: Affine) -> Affine:
    f = op.function
    if f.function not in AXIS_FUNCTIONS:
        shape = envelope(f)
        if math.isinf(shape.factor):
            return unknown(x.shape)
        return x.times(shape.factor).shifted(shape.offset).capped(shape.cap)
    axis = sample_axis(f.axis)
    if f.function is Function.SOFTMAX:
        return Affine(np.ones(x.shape), np.zeros(x.shape))
    if f.function is Function.LOG_SOFTMAX:
        # log_softmax(x)_i = -log(sum_j exp(x_j - x_i)), between -(2 max|x| + log n) and 0.
        top = x.mapped(lambda a: np.broadcast_to(a.max(axis=axis, keepdims=True), a.shape))
        return top.times(2.0).shifted(math.log(x.shape[axis]))
    if f.function is Function.GLU:
        return x.mapped(lambda a: np.split(a, 2, axis=axis)[0])
    return unknown(x.shape)


def _layer_normalization(graph: Graph, node: Node, op: LayerNormalization, x: Affine) -> Affine:
    """A normalized element is at most sqrt(n); without centring it is at most abs(x) / sqrt(epsilon)."""
    shape = [x.shape[axis - 1] if axis in op.axes else 1 for axis in range(1, len(x.shape) + 1)]
    rows = [
        np.abs(np.asarray(graph.weights[name], np.float64)).reshape(shape) for name in node.weights
    ]
    if op.rms_scaling:
        y = x.times(1.0 / math.sqrt(op.epsilon)) if op.epsilon > 0 else unknown(x.shape)
    else:
        y = Affine(np.full(x.shape, math.sqrt(math.prod(shape))), np.zeros(x.shape))
    if op.scale:
        y = y.times(rows.pop(0) + np.zeros(x.shape))
    return y.shifted(rows.pop(0) + np.zeros(x.shape)) if op.center else y


def aligned(inputs: Sequence[Affine]) -> list[Affine]:
    """Give operands of a merge one rank and shape: axes of length 1 after the batch, then broadcast."""
    rank = max(len(x.shape) for x in inputs)
    padded = [x.mapped(lambda a: a.reshape((1,) * (rank - a.ndim) + a.shape)) for x in inputs]
    shape = np.broadcast_shapes(*(x.shape for x in padded))
    return [x.mapped(lambda a: np.broadcast_to(a, shape)) for x in padded]


def _merge(op: Merge, inputs: Sequence[Affine]) -> Affine:
    operands = aligned(inputs)
    result = operands[0]
    for operand in operands[1:]:
        if op.kind is MergeKind.MULTIPLY:
            result = _product(result, operand)
        elif op.kind in (MergeKind.MAXIMUM, MergeKind.MINIMUM):
            result = result.largest(operand)
        else:
            result = result.plus(operand)
    return result.times(1.0 / len(operands)) if op.kind is MergeKind.AVERAGE else result


def _product(a: Affine, b: Affine) -> Affine:
    """Known where at most one factor grows with the input."""
    fixed_a, fixed_b = a.slope == 0, b.slope == 0
    with np.errstate(invalid="ignore"):
        constant = np.where(fixed_a | fixed_b, a.constant * b.constant, np.inf)
        slope = a.slope * b.constant + b.slope * a.constant
    return known(constant, slope)


def _dot(op: Dot, inputs: Sequence[Affine]) -> Affine:
    """At most 1 when normalized; otherwise the sum of products, known where nothing grows with the input."""
    shape = op.evaluate([np.zeros((1, *x.shape)) for x in inputs], [])[0].shape
    if op.normalize:
        return Affine(np.ones(shape), np.zeros(shape))
    if any((x.slope > 0).any() or x.unknown.any() for x in inputs):
        return unknown(shape)
    return zeros(shape).shifted(op.evaluate([x.constant[None] for x in inputs], [])[0])
