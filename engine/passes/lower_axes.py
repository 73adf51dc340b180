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
from engine.core.window_steps import BOX_AXES
from engine.kernels.element_functions import element_function
from engine.passes.exchange import exchange_of
from engine.passes.lower_channels import joined_channels, repeated_in_channels
from engine.passes.lowering import InChannels, Lowering, Lowerings, Result, place_of, with_place
from graph.activations import Function
from graph.graph import Node
from graph.ops import Activation, Dot, LayerNormalization, Merge, MergeKind
from graph.shape_ops import Concatenate, Permute, RepeatVector
from graph.tensor_type import normalize_axis, sample_axis

RowNumbers = npt.NDArray[np.uint32]


def lower_activation(to: Lowering, node: Node, op: Activation) -> Result:
    """Return an elementwise function."""
    x, y = to.as_it_lies(node.inputs[0]), to.result(node)
    to.steps.append(ElementStep(place_of(x), y, element_function(op.function)))
    return with_place(x, y)


def lower_glu_or_group(to: Lowering, node: Node, op: Activation) -> Result:
    """glu, or softmax and its kin, along one axis."""
    value = node.inputs[0]
    shape = to.shape(value)
    axis = normalize_axis(op.function.axis, len(shape) + 1) - 1
    result: Result = to.row_major(value)
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    if to.lies_in_channels(value) and axis == len(shape) - 1:
        result = InChannels(to.in_channels(value))
        outer, inner = 1, outer
    x, y = place_of(result), to.result(node)
    if op.function.function is Function.GLU:
        to.steps.append(GluStep(x, y, outer))
    else:
        function = GroupFunction(op.function.function.value)
        to.steps.append(SoftmaxStep(function, x, y, outer, shape[axis], inner))
    return with_place(result, y)


def lower_layer_normalization(to: Lowering, node: Node, op: LayerNormalization) -> Result:
    """Normalize over adjacent axes; other sets of axes are brought to the end first, and back after."""
    shape = to.shape(node.inputs[0])
    axes = [axis - 1 for axis in op.axes]
    if to.lies_in_channels(node.inputs[0]) and axes == [len(shape) - 1]:
        channels, positions = to.extent(node.inputs[0])
        x = to.in_channels(node.inputs[0])
        return InChannels(_layer_norm(to, node, op, x, (1, channels, positions)))
    x = to.row_major(node.inputs[0])
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


def lower_merge(to: Lowering, node: Node, op: Merge) -> Result:
    """Merge elementwise; values that broadcast are repeated first."""
    shape = to.types[node.name].static_sample_shape
    if to.lies_in_channels(*node.inputs) and len(shape) - 1 <= BOX_AXES:
        xs = [repeated_in_channels(to, node, value, shape) for value in node.inputs]
        return InChannels(_merge_all(to, node, op, xs))
    return _merge_all(to, node, op, [_broadcast(to, node, value, shape) for value in node.inputs])


def _merge_all(to: Lowering, node: Node, op: Merge, xs: list[Place]) -> Place:
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
    x = to.row_major(value)
    if math.prod(own) == math.prod(shape):
        return x
    rows = to.input_rows(value).reshape((1,) * (len(shape) - len(own)) + own)
    return to.copy(f"{node.name}/{value}", x, np.broadcast_to(rows, shape))


def lower_permute(to: Lowering, node: Node, op: Permute) -> Result:
    """Exchange two neighbouring runs of axes, or copy rows in any other order.

    Where the first axis becomes the last, or the reverse, the result is the other form of the value.
    """
    value, rank = node.inputs[0], len(op.dims)
    if op.dims == (*range(2, rank + 1), 1) and not to.lies_in_channels(value):
        return InChannels(to.row_major(value))
    if op.dims == (rank, *range(1, rank)):
        return to.in_channels(value)
    x, order = to.row_major(value), [dim - 1 for dim in op.dims]
    exchange = exchange_of(to.shape(value), order)
    if exchange is not None:
        y = to.result(node)
        to.steps.append(TransposeStep(x, y, *exchange))
        return y
    return to.copy(node.name, x, to.input_rows(value).transpose(order))


def lower_repeat_vector(to: Lowering, node: Node, op: RepeatVector) -> Place:
    """Copy all rows several times."""
    rows = np.tile(to.input_rows(node.inputs[0]), op.count)
    return to.copy(node.name, to.row_major(node.inputs[0]), rows)


def lower_concatenate(to: Lowering, node: Node, op: Concatenate) -> Result:
    """Put values one after the other; where the axis is not the first, bring the rows in order after."""
    axis = sample_axis(op.axis)
    if to.lies_in_channels(*node.inputs) and axis in {-1, len(to.shape(node.name)) - 1}:
        return InChannels(joined_channels(to, node))
    xs = [to.row_major(value) for value in node.inputs]
    joined = to.new_buffer(sum(x.rows for x in xs))
    numbers, first = [], 0
    for value, x in zip(node.inputs, xs, strict=True):
        rows = to.input_rows(value)
        to.copy_to(f"{node.name}/{value}", x, rows, joined.part(first, x.rows))
        numbers.append(rows + np.uint32(first))
        first += x.rows
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
            to.row_major(node.inputs[0]),
            to.row_major(node.inputs[1]),
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


def _lower_any_activation(to: Lowering, node: Node, op: Activation) -> Result:
    if op.function.is_elementwise:
        return lower_activation(to, node, op)
    return lower_glu_or_group(to, node, op)


LOWERINGS: Lowerings = {
    Activation: _lower_any_activation,
    LayerNormalization: lower_layer_normalization,
    Merge: lower_merge,
    Dot: lower_dot,
    Permute: lower_permute,
    RepeatVector: lower_repeat_vector,
    Concatenate: lower_concatenate,
}
