"""Lowering of padding, cropping, repeating and interpolation along spatial axes, in channels."""

import math

import numpy as np
import numpy.typing as npt

from engine.core.steps import Place, ResampleStep
from engine.passes.lowering import InChannels, Lowering, Lowerings, box
from engine.passes.staging import row_major
from graph.graph import Node
from graph.interpolation import Interpolation, Terms
from graph.resizing_ops import Crop, Pad, Resize, Upsample


def lower_pad(to: Lowering, node: Node, op: Pad) -> InChannels:
    """Put zeros around the spatial axes; windows over the result read the input itself (`lower_conv.windows_over`)."""
    to.padded[node.name] = (node.inputs[0], op.amounts)
    lengths, new = to.shape(node.inputs[0])[:-1], to.shape(node.name)[:-1]
    y_steps = row_major(list(new))
    first = sum(both[0] * step for both, step in zip(op.amounts, y_steps, strict=True))
    axes = list(zip(lengths, row_major(list(lengths)), y_steps, strict=True))
    return InChannels(_moved(to, node, [box(0, first, axes)], 0.0))


def lower_crop(to: Lowering, node: Node, op: Crop) -> InChannels:
    """Cut off the borders of the spatial axes."""
    lengths, new = to.shape(node.inputs[0])[:-1], to.shape(node.name)[:-1]
    x_steps = row_major(list(lengths))
    first = sum(both[0] * step for both, step in zip(op.amounts, x_steps, strict=True))
    axes = list(zip(new, x_steps, row_major(list(new)), strict=True))
    return InChannels(_moved(to, node, [box(first, 0, axes)], None))


def _moved(to: Lowering, node: Node, boxes: list[list[int]], fill: float | None) -> Place:
    """Move each channel of the node's input to one of its result."""
    channels, x_rows = to.extent(node.inputs[0])
    y_rows = to.extent(node.name)[1]
    x = to.in_channels(node.inputs[0])
    return to.move(node.name, x, boxes, (channels, x_rows, y_rows), fill)


def lower_upsample(to: Lowering, node: Node, op: Upsample) -> InChannels:
    """Repeat elements, or resize."""
    lengths = to.shape(node.inputs[0])[:-1]
    new = tuple(length * factor for length, factor in zip(lengths, op.size, strict=True))
    if op.interpolation is not Interpolation.NEAREST:
        return _resized(to, node, Resize(new, op.interpolation))
    x = to.in_channels(node.inputs[0])
    outer = to.extent(node.inputs[0])[0]
    # The last two axes at once; one before them first, so that less is moved.
    if len(lengths) == 3:
        inner = math.prod(lengths[1:])
        boxes = [
            box(
                0,
                0,
                [(lengths[0], inner, op.size[0] * inner), (op.size[0], 0, inner), (inner, 1, 1)],
            )
        ]
        sizes = (outer, lengths[0] * inner, new[0] * inner)
        x = to.move(f"{node.name}/first", x, boxes, sizes)
        outer *= new[0]
    rows, columns = ((1, *lengths)[-2:]), ((1, *op.size)[-2:])
    width = rows[1] * columns[1]
    boxes = [
        box(
            0,
            place,
            [
                (rows[0], rows[1], columns[0] * width),
                (columns[0], 0, width),
                (rows[1], 1, columns[1]),
            ],
        )
        for place in range(columns[1])
    ]
    sizes = (outer, rows[0] * rows[1], rows[0] * columns[0] * width)
    return InChannels(to.move(node.name, x, boxes, sizes))


def lower_resize(to: Lowering, node: Node, op: Resize) -> InChannels:
    """Take sums of elements along every spatial axis, the last one first."""
    return _resized(to, node, op)


def _resized(to: Lowering, node: Node, op: Resize) -> InChannels:
    lengths = list(to.shape(node.inputs[0])[:-1])
    channels = to.shape(node.inputs[0])[-1]
    x = to.in_channels(node.inputs[0])
    for axis in reversed(range(len(op.size))):
        hint = f"{node.name}/axis{axis}"
        outer = channels * math.prod(lengths[:axis])
        inner = math.prod(lengths[axis + 1 :])
        terms = op.terms(axis, lengths[axis])
        x = resample(to, hint, x, terms, (outer, lengths[axis], inner))
        lengths[axis] = op.size[axis]
    return InChannels(x)


def resample(to: Lowering, hint: str, x: Place, terms: Terms, shape: tuple[int, int, int]) -> Place:
    """Add sums of some elements of the middle axis of [outer][length][inner] rows; the place of the result.

    Args:
        to: the lowering.
        hint: name for constants.
        x: the rows.
        terms: the elements and their weights.
        shape: outer, length and inner.
    """
    outer, length, inner = shape
    elements, weights = _without_zeros(terms)
    count = len(elements)
    y = to.new_buffer(outer * count * inner)
    to.steps.append(
        ResampleStep(
            x,
            y,
            to.constant(f"{hint}/elements", elements.astype(np.uint32)),
            to.constant(f"{hint}/weights", weights.astype(np.float32)),
            outer,
            length,
            inner,
            count,
            elements.shape[1],
        )
    )
    return y


def _without_zeros(terms: Terms) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return as many terms of each row as the row with most of them has, in the order of the axis.

    A row that has fewer repeats an element of its own with a weight of zero, so that it reads no number of another.
    """
    elements, weights = terms.elements, terms.weights
    most = max(1, int(np.count_nonzero(weights, axis=1).max()))
    first = np.argsort(weights == 0, axis=1, kind="stable")[:, :most]
    weights = np.take_along_axis(weights, first, axis=1)
    elements = np.take_along_axis(elements, first, axis=1)
    elements = np.where(weights == 0, elements[:, :1], elements)
    order = np.argsort(elements, axis=1, kind="stable")
    return np.take_along_axis(elements, order, axis=1), np.take_along_axis(weights, order, axis=1)


LOWERINGS: Lowerings = {
    Pad: lower_pad,
    Crop: lower_crop,
    Upsample: lower_upsample,
    Resize: lower_resize,
}
