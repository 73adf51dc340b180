"""Lowering of pooling over windows, into a given number of windows, and over all positions."""

import math

import numpy as np
import numpy.typing as npt

from engine.core.steps import Place, PoolStep, ReduceStep
from engine.core.window_steps import Reduction
from engine.passes.lower_conv import window_axes, windows_over
from engine.passes.lower_resizing import resample
from engine.passes.lowering import (
    InChannels,
    Lowering,
    Lowerings,
    Result,
    box,
    expect_boxes,
)
from engine.passes.staging import Axis, stage
from graph.graph import Node
from graph.interpolation import Terms
from graph.pooling_ops import AdaptivePool, GlobalPool, Pool, PoolKind, Spans, adaptive_spans
from graph.windows import Padding, Window

_KINDS = {PoolKind.MAX: Reduction.MAXIMUM, PoolKind.AVERAGE: Reduction.AVERAGE}


def lower_pool(to: Lowering, node: Node, op: Pool) -> InChannels:
    """Return the largest element or the average of every window; padding counts for neither."""
    value, axes = windows_over(to, node.inputs[0], op.window())
    # The zeros of a padded value are elements like others; the padding of the op itself is none.
    zeros = value != node.inputs[0]
    counts = np.full(math.prod(axis.count for axis in axes), math.prod(op.size), np.float32)
    fill, real = (0.0, counts) if zeros else (None, _counts(axes))
    x = to.in_channels(value)
    if not zeros and all(map(_meets_all, axes)):
        return InChannels(_reduced(to, node, x, op.kind))
    return InChannels(_pooled(to, node.name, x, op.kind, axes, (real, fill)))


def _meets_all(axis: Axis) -> bool:
    """Return whether there is one window, and every element of the axis in it."""
    reaches = axis.before >= 0 and axis.size - axis.before >= axis.length
    return axis.count == 1 and axis.dilation == 1 and reaches


def _reduced(to: Lowering, node: Node, x: Place, kind: PoolKind) -> Place:
    """Return one number per channel."""
    y = to.result(node)
    to.steps.append(ReduceStep(_KINDS[kind], x, y, to.extent(node.inputs[0])[1]))
    return y


def _pooled(
    to: Lowering,
    name: str,
    x: Place,
    kind: PoolKind,
    axes: tuple[Axis, ...],
    edges: tuple[npt.NDArray[np.float32], float | None],
) -> Place:
    """Add a pooling step.

    Args:
        to: the lowering.
        name: name for constants.
        x: the value, in channels.
        kind: what is made of a window.
        axes: the axes of the value with the windows over them.
        edges: elements of each window that count; and what padding holds, None where it does not count.
    """
    counts, fill = edges
    if fill is None:
        fill = -math.inf if kind is PoolKind.MAX else 0.0
    staged = stage(to, name, x, axes, fill)
    sizes = tuple(axis.count for axis in axes)
    own = to.constant(f"{name}/counts", counts) if kind is PoolKind.AVERAGE else None
    channels = x.rows // math.prod(axis.length for axis in axes)
    y = to.new_buffer(channels * math.prod(sizes))
    taps = to.constant("taps", staged.taps)
    to.steps.append(
        PoolStep(
            _KINDS[kind], staged.place, y, taps, own, staged.channel_rows, sizes, staged.strides
        )
    )
    return y


def _counts(axes: tuple[Axis, ...]) -> npt.NDArray[np.float32]:
    """Return how many elements of each window are no padding."""
    counts = np.ones(1)
    for axis in axes:
        places = np.arange(axis.size) * axis.dilation - axis.before
        elements = np.arange(axis.count)[:, None] * axis.stride + places
        real = ((elements >= 0) & (elements < axis.length)).sum(axis=1)
        counts = (counts[:, None] * real).reshape(-1)
    return counts.astype(np.float32)


def lower_adaptive_pool(to: Lowering, node: Node, op: AdaptivePool) -> InChannels:
    """Pool axis by axis: averages as a matrix with few numbers in a row, maxima over windows of repeated elements."""
    lengths = list(to.shape(node.inputs[0])[:-1])
    channels = to.shape(node.inputs[0])[-1]
    x = to.in_channels(node.inputs[0])
    for axis, count in enumerate(op.output_size):
        spans = adaptive_spans(lengths[axis], count)
        outer = channels * math.prod(lengths[:axis])
        inner = math.prod(lengths[axis + 1 :])
        hint = f"{node.name}/axis{axis}"
        if op.kind is PoolKind.AVERAGE:
            x = resample(to, hint, x, _averages(spans), (outer, lengths[axis], inner))
        else:
            x = _largest_of_spans(to, hint, x, spans, (outer, lengths[axis], inner))
        lengths[axis] = count
    return InChannels(x)


def _averages(spans: Spans) -> Terms:
    """Return the average of each span; short ones have a weight of nothing at the end."""
    elements = spans.starts[:, None] + np.arange(spans.longest)
    inside = elements < spans.stops[:, None]
    weights = np.where(inside, 1 / (spans.stops - spans.starts)[:, None], 0.0)
    return Terms(np.where(inside, elements, spans.starts[:, None]), weights)


def _largest_of_spans(
    to: Lowering, hint: str, x: Place, spans: Spans, counts: tuple[int, int, int]
) -> Place:
    """Return the largest of each span of the middle axis; short spans are filled up with their last element."""
    outer, length, inner = counts
    longest, count = spans.longest, len(spans.starts)
    expect_boxes(hint, longest * count)
    elements = np.minimum(
        spans.starts[:, None] + np.arange(longest), spans.stops[:, None] - 1
    ).reshape(-1)
    boxes = np.tile(np.array(box(0, 0, [(inner, 1, 1)]), np.int64), (len(elements), 1))
    boxes[:, 0] = elements * inner
    boxes[:, 1] = np.arange(len(elements)) * inner
    spread = to.move(hint, x, boxes, (outer, length * inner, len(elements) * inner))
    window = Window((longest, 1), (longest, 1), (1, 1), Padding.VALID)
    axes = window_axes(window, (count * longest, inner))
    return _pooled(to, hint, spread, PoolKind.MAX, axes, (_counts(axes), None))


def lower_global_pool(to: Lowering, node: Node, op: GlobalPool) -> Result:
    """Return one number per channel."""
    return _reduced(to, node, to.in_channels(node.inputs[0]), op.kind)


LOWERINGS: Lowerings = {
    Pool: lower_pool,
    AdaptivePool: lower_adaptive_pool,
    GlobalPool: lower_global_pool,
}
