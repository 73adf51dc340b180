"""Lowering of the ops that look along an axis, join values, or move elements."""

import math

import numpy as np
import numpy.typing as npt

from engine.core.functions import MAX_MERGE_INPUTS, MergeOp
from engine.core.steps import (
    AffineStep,
    DotStep,
    ElementStep,
    GluStep,
    GroupFunction,
    LayerNormStep,
    MergeStep,
    Place,
    SoftmaxStep,
    TransposeStep,
)
from engine.kernels.element_functions import element_function
from engine.passes.exchange import exchange_of
from engine.passes.lowering import Lowering
from graph.activations import Function
from graph.graph import Node
from graph.ops import Activation, Dot, LayerNormalization, Merge, MergeKind
from graph.shape_ops import Concatenate, Permute, RepeatVector
from graph.tensor_type import normalize_axis, sample_axis

RowNumbers = npt.NDArray[np.uint32]


def lower_activation(to: Lowering, node: Node, op: Activation) -> Place:
    """Return an elementwise function."""
    x, y = to.places[node.inputs[0]], to.result(node)
    to.steps.append(ElementStep(x, y, element_function(op.function)))
    return y


def lower_glu_or_group(to: Lowering, node: Node, op: Activation) -> Place:
    """glu, or softmax and its kin, along one axis."""
    x, y = to.places[node.inputs[0]], to.result(node)
    shape = to.shape(node.inputs[0])
    axis = normalize_axis(op.function.axis, len(shape) + 1) - 1
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    if op.function.function is Function.GLU:
        to.steps.append(GluStep(x, y, outer))
    else:
        function = GroupFunction(op.function.function.value)
        to.steps.append(SoftmaxStep(function, x, y, outer, shape[axis], inner))
    return y


def lower_layer_normalization(to: Lowering, node: Node, op: LayerNormalization) -> Place:
    """Normalize over adjacent axes; other sets of axes are brought to the end first, and back after."""
    shape = to.shape(node.inputs[0])
    axes = [axis - 1 for axis in op.axes]
    x = to.places[node.inputs[0]]
    if axes == list(range(axes[0], axes[-1] + 1)):
        counts = (
            math.prod(shape[: axes[0]]),
            math.prod(shape[axes[0] : axes[-1] + 1]),
            math.prod(shape[axes[-1] + 1 :]),
        )
        return _layer_norm(to, node, op, x, counts)
    order = [axis for axis in range(len(shape)) if axis not in axes] + axes
    rows = to.input_rows(node.inputs[0]).transpose(order)
    length = math.prod(shape[axis] for axis in axes)
    moved = to.copy(f"{node.name}/in", x, rows)
    normal = _layer_norm(to, node, op, moved, (x.rows // length, length, 1))
    back = np.empty(x.rows, np.uint32)
    back[rows.reshape(-1)] = np.arange(x.rows, dtype=np.uint32)
    return to.copy(f"{node.name}/out", normal, back)


def _layer_norm(
    to: Lowering, node: Node, op: LayerNormalization, x: Place, counts: tuple[int, int, int]
) -> Place:
    weights = [to.weight_array(name).reshape(-1) for name in node.weights]
    gamma = weights.pop(0) if op.scale else np.ones(counts[1], np.float32)
    beta = weights.pop(0) if op.center else np.zeros(counts[1], np.float32)
    y = to.new_buffer(x.rows)
    to.steps.append(
        LayerNormStep(
            x,
            y,
            *counts,
            gamma=to.constant(f"{node.name}/gamma", gamma),
            beta=to.constant(f"{node.name}/beta", beta),
            epsilon=op.epsilon,
            centred=not op.rms_scaling,
        )
    )
    return y


def lower_merge(to: Lowering, node: Node, op: Merge) -> Place:
    """Merge elementwise; values that broadcast are repeated first."""
    shape = to.types[node.name].static_sample_shape
    xs = [_broadcast(to, node, value, shape) for value in node.inputs]
    if len(xs) <= MAX_MERGE_INPUTS:
        return _merge(to, MergeOp(op.kind.value), xs)
    average = op.kind is MergeKind.AVERAGE
    kind = MergeOp.ADD if average else MergeOp(op.kind.value)
    total = xs[0]
    for first in range(1, len(xs), MAX_MERGE_INPUTS - 1):
        total = _merge(to, kind, [total, *xs[first : first + MAX_MERGE_INPUTS - 1]])
    if not average:
        return total
    y = to.new_buffer(total.rows)
    scale = to.constant(f"{node.name}/share", np.full(1, 1 / len(xs), np.float32))
    shift = to.constant(f"{node.name}/zero", np.zeros(1, np.float32))
    to.steps.append(AffineStep(total, y, 1, 1, total.rows, scale, shift))
    return y


def _merge(to: Lowering, op: MergeOp, xs: list[Place]) -> Place:
    y = to.new_buffer(xs[0].rows)
    to.steps.append(MergeStep(op, tuple(xs), y))
    return y


def _broadcast(to: Lowering, node: Node, value: str, shape: tuple[int, ...]) -> Place:
    """Return the value with as many rows as `shape`; axes of length 1 are put before a shorter shape."""
    own = to.shape(value)
    if math.prod(own) == math.prod(shape):
        return to.places[value]
    rows = to.input_rows(value).reshape((1,) * (len(shape) - len(own)) + own)
    return to.copy(f"{node.name}/{value}", to.places[value], np.broadcast_to(rows, shape))


def lower_permute(to: Lowering, node: Node, op: Permute) -> Place:
    """Exchange two neighbouring runs of axes, or copy rows in any other order."""
    order = [dim - 1 for dim in op.dims]
    exchange = exchange_of(to.shape(node.inputs[0]), order)
    if exchange is not None:
        y = to.result(node)
        to.steps.append(TransposeStep(to.places[node.inputs[0]], y, *exchange))
        return y
    rows = to.input_rows(node.inputs[0]).transpose(order)
    return to.copy(node.name, to.places[node.inputs[0]], rows)


def lower_repeat_vector(to: Lowering, node: Node, op: RepeatVector) -> Place:
    """Copy all rows several times."""
    rows = np.tile(to.input_rows(node.inputs[0]), op.count)
    return to.copy(node.name, to.places[node.inputs[0]], rows)


def lower_concatenate(to: Lowering, node: Node, op: Concatenate) -> Place:
    """Put values one after the other; where the axis is not the first, bring the rows in order after."""
    xs = [to.places[value] for value in node.inputs]
    joined = to.new_buffer(sum(x.rows for x in xs))
    numbers, first = [], 0
    for value, x in zip(node.inputs, xs, strict=True):
        rows = to.input_rows(value)
        to.copy_to(f"{node.name}/{value}", x, rows, joined.part(first, x.rows))
        numbers.append(rows + np.uint32(first))
        first += x.rows
    axis = sample_axis(op.axis)
    order = np.concatenate(numbers, axis=axis)
    return to.copy(f"{node.name}/order", joined, order)


def lower_dot(to: Lowering, node: Node, op: Dot) -> Place:
    """Contract one axis of each value: row numbers of where each vector starts, and its stride."""
    y = to.result(node)
    starts, strides = [], []
    for value, axis in zip(node.inputs, op.axes, strict=True):
        shape = to.shape(value)
        place = normalize_axis(axis, len(shape) + 1) - 1
        starts.append(to.input_rows(value).take(0, axis=place).reshape(-1))
        strides.append(math.prod(shape[place + 1 :]))
    terms = to.shape(node.inputs[0])[
        normalize_axis(op.axes[0], len(to.shape(node.inputs[0])) + 1) - 1
    ]
    a, b = starts
    bases: tuple[RowNumbers, RowNumbers] = (np.repeat(a, b.size), np.tile(b, a.size))
    to.steps.append(
        DotStep(
            to.places[node.inputs[0]],
            to.places[node.inputs[1]],
            y,
            to.constant(f"{node.name}/a", bases[0]),
            to.constant(f"{node.name}/b", bases[1]),
            terms,
            strides[0],
            strides[1],
            op.normalize,
        )
    )
    return y
