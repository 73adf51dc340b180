"""Lowering of convolutions: values in channels, staged where windows need it, and a kernel as a matrix."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from engine.core.functions import ElementFunction
from engine.core.steps import ConvStep, DepthwiseStep, Place
from engine.passes.lowering import InChannels, Lowering, Lowerings, box, expect_boxes, expect_matrix
from engine.passes.staging import Axis, Staged, row_major, stage
from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.graph import Node, WeightArray
from graph.windows import Padding, Window

# Weights of a transposed convolution with their zeros: those of large real ones fit.
_MOST_OF_PHASES = 2**28


def window_axes(window: Window, lengths: tuple[int, ...]) -> tuple[Axis, ...]:
    """Return the axes of a value of these lengths with the windows over them."""
    found = []
    axes = zip(lengths, window.size, window.strides, window.dilation, strict=True)
    for length, size, stride, dilation in axes:
        before = window.padding.amounts(length, size, stride, dilation)[0]
        count = window.padding.windows(length, size, stride, dilation) or 0
        found.append(Axis(length, size, stride, dilation, before, count))
    return tuple(found)


def windows_over(to: Lowering, value: str, window: Window) -> tuple[str, tuple[Axis, ...]]:
    """Return the value that windows read, and its axes with the windows over them.

    That is the value itself, or what was padded with zeros to become it: staging pads anyway.
    """
    axes = window_axes(window, to.shape(value)[:-1])
    if value not in to.padded or window.padding is not Padding.VALID:
        return value, axes
    source, amounts = to.padded[value]
    lengths = to.shape(source)[:-1]
    return source, tuple(
        replace(axis, length=length, before=both[0])
        for axis, length, both in zip(axes, lengths, amounts, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Kernel:
    """Names of the constants of a convolution, and its groups."""

    kernel: str
    bias: str | None
    groups: int


def lower_conv(to: Lowering, node: Node, op: Conv) -> InChannels:
    """y[w] = sum over p of x[w * stride + p * dilation - before] @ kernel[p], + bias."""
    kernel = to.weight_array(node.weights[0])
    value, axes = windows_over(to, node.inputs[0], op.window(kernel.shape))
    staged = stage(to, node.name, to.in_channels(value), axes, 0.0)
    bias = to.weight(node.weights[1]) if op.use_bias else None
    name = _matrix_name(to, node.weights[0], lambda: _as_matrix(kernel))
    y = to.result(node)
    sizes = tuple(axis.count for axis in axes)
    _add_conv(to, node.name, staged, y, _Kernel(name, bias, op.groups), sizes)
    return InChannels(y)


def pointwise(to: Lowering, node: Node) -> Place:
    """Add a Dense layer over the channels of a value that lies in channels: a convolution with windows of one element.

    Returns:
        Where the result lies, in channels.
    """
    x = to.in_channels(node.inputs[0])
    kernel = to.weight(node.weights[0])
    bias = to.weight(node.weights[1]) if len(node.weights) > 1 else None
    positions = to.extent(node.inputs[0])[1]
    staged = Staged(x, positions, (1,), np.zeros(1, np.uint32))
    y = to.result(node)
    _add_conv(to, node.name, staged, y, _Kernel(kernel, bias, 1), (positions,))
    return y


def _as_matrix(kernel: WeightArray) -> WeightArray:
    """Turn [*size, channels, units] into [channels * taps][units]."""
    return np.moveaxis(kernel, -2, 0).reshape(-1, kernel.shape[-1])


def _matrix_name(to: Lowering, weight: str, make: Callable[[], WeightArray]) -> str:
    if to.weight_array(weight).ndim == 2:
        return to.weight(weight)
    return to.derived(f"{weight}/matrix", make)


def _add_conv(
    to: Lowering, name: str, staged: Staged, y: Place, kernel: _Kernel, sizes: tuple[int, ...]
) -> None:
    matrix = to.constants[kernel.kernel]
    to.steps.append(
        ConvStep(
            name=name,
            x=staged.place,
            y=y,
            kernel=kernel.kernel,
            bias=kernel.bias,
            added=None,
            taps=to.constant("taps", staged.taps),
            groups=kernel.groups,
            channel_rows=staged.channel_rows,
            sizes=sizes,
            strides=staged.strides,
            channels=matrix.shape[0] // len(staged.taps) * kernel.groups,
            tap_count=len(staged.taps),
            nonzeros=to.nonzeros(kernel.kernel),
            function=ElementFunction(),
        )
    )


def lower_depthwise(to: Lowering, node: Node, op: DepthwiseConv) -> InChannels:
    """y[w, c, m] = sum over p of x[w * stride + p * dilation - before, c] * kernel[p, c, m], + bias."""
    kernel = to.weight_array(node.weights[0])
    value, axes = windows_over(to, node.inputs[0], op.window(kernel.shape))
    staged = stage(to, node.name, to.in_channels(value), axes, 0.0)
    taps, units = len(staged.taps), kernel.shape[-2] * kernel.shape[-1]
    weight = node.weights[0]
    name = to.derived(f"{weight}/depthwise", lambda: kernel.reshape(taps, units))
    y = to.result(node)
    to.steps.append(
        DepthwiseStep(
            name=node.name,
            x=staged.place,
            y=y,
            kernel=name,
            bias=to.weight(node.weights[1]) if op.use_bias else None,
            taps=to.constant("taps", staged.taps),
            multiplier=kernel.shape[-1],
            channel_rows=staged.channel_rows,
            sizes=tuple(axis.count for axis in axes),
            strides=staged.strides,
            tap_count=taps,
            nonzeros=to.nonzeros(name),
            function=ElementFunction(),
        )
    )
    return InChannels(y)


@dataclass(frozen=True, slots=True)
class _Transposed:
    """One axis of a transposed convolution: element o of the result is number q * stride + r - before.

    Element p of the kernel that has remainder r modulo the stride brings x[q - p * dilation // stride] to it. So the
    elements of one remainder are an ordinary convolution of x.

    Attributes:
        length: elements of x.
        size: elements of the kernel.
        stride: the stride.
        dilation: the dilation.
        before: elements of the result that are cut off in front.
        outputs: elements of the result.
    """

    length: int
    size: int
    stride: int
    dilation: int
    before: int
    outputs: int

    @property
    def first(self) -> int:
        """The first q."""
        return self.before // self.stride

    @property
    def count(self) -> int:
        """Number of q."""
        return (self.outputs - 1 + self.before) // self.stride - self.first + 1

    @property
    def reach(self) -> int:
        """How far behind x[q] the elements of x lie that meet it."""
        return (self.size - 1) * self.dilation // self.stride

    def axis(self) -> Axis:
        """Return the windows over x: element `reach - t` of a window is x[q - t]."""
        return Axis(self.length, self.reach + 1, 1, 1, self.reach - self.first, self.count)

    def taken(self, remainder: int) -> tuple[int, int, int]:
        """Return the first q (from `first`) of a remainder that is in the result, its element, and their number."""
        shift = self.first * self.stride + remainder - self.before
        start = max(0, -(shift // self.stride))
        element = start * self.stride + shift
        last = min(self.count - 1, (self.outputs - 1 - shift) // self.stride)
        return start, element, max(0, last - start + 1)


def lower_conv_transpose(to: Lowering, node: Node, op: ConvTranspose) -> InChannels:
    """y[w * stride + p * dilation - before] += x[w] @ transpose(kernel[p]), + bias."""
    kernel = to.weight_array(node.weights[0])
    window = op.window(kernel.shape)
    lengths, outputs = to.shape(node.inputs[0])[:-1], to.shape(node.name)[:-1]
    transposed = [
        _Transposed(length, size, stride, dilation, pads[0], output)
        for length, output, size, stride, dilation, pads in zip(
            lengths,
            outputs,
            window.size,
            window.strides,
            window.dilation,
            [
                window.padding.amounts(*numbers)
                for numbers in zip(
                    outputs, window.size, window.strides, window.dilation, strict=True
                )
            ],
            strict=True,
        )
    ]
    axes = tuple(one.axis() for one in transposed)
    staged = stage(to, node.name, to.in_channels(node.inputs[0]), axes, 0.0)
    phase_count = math.prod(one.stride for one in transposed)
    expect_boxes(node.name, phase_count)
    windows = math.prod(one.reach + 1 for one in transposed)
    numbers = math.prod(kernel.shape[-2:]) * windows * phase_count
    expect_matrix(node.name, numbers, _MOST_OF_PHASES)
    phases = list(product(*(range(one.stride) for one in transposed)))
    matrix = to.constant(f"{node.weights[0]}/phases", _phase_matrix(kernel, transposed, phases))
    bias = None
    if op.use_bias:
        own = to.weight_array(node.weights[1])
        bias = to.constant(f"{node.weights[1]}/phases", np.tile(own, len(phases)))
    sizes = tuple(one.count for one in transposed)
    filters, positions = kernel.shape[-2], math.prod(sizes)
    y = to.new_buffer(len(phases) * filters * positions)
    _add_conv(to, node.name, staged, y, _Kernel(matrix, bias, 1), sizes)
    boxes = _interleaved(transposed, phases, filters * positions)
    channels = (filters, positions, math.prod(outputs))
    return InChannels(to.move(f"{node.name}/phases", y, boxes, channels))


def _phase_matrix(
    kernel: WeightArray, transposed: list[_Transposed], phases: list[tuple[int, ...]]
) -> WeightArray:
    """Return the kernel [*size, filters, channels] as [channels * taps][phases * filters]."""
    filters, channels = kernel.shape[-2:]
    windows = [one.reach + 1 for one in transposed]
    numbers = {phase: number for number, phase in enumerate(phases)}
    matrix = np.zeros((channels, *windows, len(phases), filters), kernel.dtype)
    for place in product(*(range(one.size) for one in transposed)):
        spans = [p * one.dilation for p, one in zip(place, transposed, strict=True)]
        phase = tuple(span % one.stride for span, one in zip(spans, transposed, strict=True))
        tap = tuple(
            one.reach - span // one.stride for span, one in zip(spans, transposed, strict=True)
        )
        target: tuple[slice | int, ...] = (slice(None), *tap, numbers[phase])
        matrix[target] = kernel[place].T
    return matrix.reshape(channels * math.prod(windows), -1)


def _interleaved(
    transposed: list[_Transposed], phases: list[tuple[int, ...]], phase_rows: int
) -> list[list[int]]:
    """Return the boxes that put the elements of all phases in order."""
    x_steps = row_major([one.count for one in transposed])
    y_steps = row_major([one.outputs for one in transposed])
    found = []
    for number, phase in enumerate(phases):
        x_first, y_first, axes = number * phase_rows, 0, []
        for axis, (one, remainder) in enumerate(zip(transposed, phase, strict=True)):
            start, element, count = one.taken(remainder)
            x_first += start * x_steps[axis]
            y_first += element * y_steps[axis]
            axes.append((count, x_steps[axis], one.stride * y_steps[axis]))
        if all(count for count, _, _ in axes):
            found.append(box(x_first, y_first, axes))
    return found


LOWERINGS: Lowerings = {
    Conv: lower_conv,
    DepthwiseConv: lower_depthwise,
    ConvTranspose: lower_conv_transpose,
}
