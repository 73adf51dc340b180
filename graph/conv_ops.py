"""The convolutions, channels last; the shape of the kernel gives the window's size and the channels. See `graph.ops`.

A convolution is evaluated as a sum over the elements of its window of matrix products, so that no array is larger than
the input or the output.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.op import WeightShapes, expect_weights, float32_batch, only_input
from graph.tensor_type import TensorType, format_shape
from graph.windows import Padding, Tap, Window, expect_spatial, reach_of


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolution (cross-correlation, as everywhere in deep learning) over one to three spatial axes.

    Weights: kernel (*size, channels / groups, filters), then bias (filters,) if `use_bias`. The first filters / groups
    filters see only the first channels / groups channels, and so on.
    """

    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Padding = Padding.VALID
    groups: int = 1
    use_bias: bool = True

    def window(self, kernel: tuple[int, ...]) -> Window:
        """Return the window of a kernel of that shape."""
        return Window(kernel[:-2], self.strides, self.dilation, self.padding)

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Count the windows; the channels become filters."""
        x = only_input(inputs)
        expect_spatial(x, len(self.strides))
        kernel, channels = _kernel(weights, len(self.strides)), x.shape[-1] or 0
        filters = kernel[-1]
        if self.groups < 1 or channels % self.groups or filters % self.groups:
            raise ShapeError(
                "channels and filters cannot be divided into that many groups",
                expected=f"a divisor of {channels} and {filters}",
                got=str(self.groups),
            )
        bias = ((filters,),) if self.use_bias else ()
        expect_weights(weights, (*kernel[:-2], channels // self.groups, filters), *bias)
        return float32_batch((None, *self.window(kernel).outputs(x), filters))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[w] = sum over p of x[w * stride + p * dilation - before] @ kernel[p], + bias."""
        x, kernel = inputs[0], weights[0]
        windows = self.window(kernel.shape)
        lengths = x.shape[1:-1]
        y = np.zeros((len(x), *_outputs(windows, lengths), kernel.shape[-1]), x.dtype)
        for taps in product(*windows.taps(lengths)):
            place, target, source = _slices(taps)
            y[target] += _grouped_product(x[source], kernel[place], self.groups)
        return y + weights[1] if self.use_bias else y


@dataclass(frozen=True, slots=True)
class DepthwiseConv:
    """Each channel is convolved by itself, with `multiplier` kernels of its own.

    Weights: kernel (*size, channels, multiplier), then bias (channels * multiplier,) if `use_bias`. Output channel
    c * multiplier + m comes from channel c.
    """

    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Padding = Padding.VALID
    use_bias: bool = True

    def window(self, kernel: tuple[int, ...]) -> Window:
        """Return the window of a kernel of that shape."""
        return Window(kernel[:-2], self.strides, self.dilation, self.padding)

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Count the windows; every channel becomes `multiplier` channels."""
        x = only_input(inputs)
        expect_spatial(x, len(self.strides))
        kernel = _kernel(weights, len(self.strides))
        channels, multiplier = x.shape[-1] or 0, kernel[-1]
        bias = ((channels * multiplier,),) if self.use_bias else ()
        expect_weights(weights, (*kernel[:-2], channels, multiplier), *bias)
        return float32_batch((None, *self.window(kernel).outputs(x), channels * multiplier))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[w, c, m] = sum over p of x[w * stride + p * dilation - before, c] * kernel[p, c, m], + bias."""
        x, kernel = inputs[0], weights[0]
        windows = self.window(kernel.shape)
        lengths = x.shape[1:-1]
        y = np.zeros((len(x), *_outputs(windows, lengths), *kernel.shape[-2:]), x.dtype)
        for taps in product(*windows.taps(lengths)):
            place, target, source = _slices(taps)
            y[target] += x[source][..., None] * kernel[place]
        y = y.reshape(*y.shape[:-2], -1)
        return y + weights[1] if self.use_bias else y


@dataclass(frozen=True, slots=True)
class ConvTranspose:
    """Transposed convolution: the gradient of a convolution with respect to its input, as TensorFlow computes it.

    Weights: kernel (*size, filters, channels), then bias (filters,) if `use_bias`. `output_padding` chooses between the
    lengths that the convolution would bring to that of the input; None is Keras' choice: length * stride for SAME,
    and the longest for VALID.
    """

    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Padding = Padding.VALID
    output_padding: tuple[int, ...] | None = None
    use_bias: bool = True

    def window(self, kernel: tuple[int, ...]) -> Window:
        """Return the window of the convolution that this one is the transpose of; it moves over the output."""
        return Window(kernel[:-2], self.strides, self.dilation, self.padding)

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Find the output that the convolution would bring to the shape of the input."""
        x = only_input(inputs)
        expect_spatial(x, len(self.strides))
        kernel = _kernel(weights, len(self.strides))
        filters = kernel[-2]
        bias = ((filters,),) if self.use_bias else ()
        expect_weights(weights, (*kernel[:-1], x.shape[-1]), *bias)
        extra = self.output_padding
        if self.padding is Padding.CAUSAL or (extra and min(extra) < 0):
            raise ShapeError(
                "a transposed convolution has padding that does not exist",
                expected="valid or same, and an output padding of at least 0",
                got=f"{self.padding.value}, {extra}",
            )
        if len(self.dilation) != x.rank - 2 or len(extra or self.strides) != x.rank - 2:
            raise ShapeError("a transposed convolution needs numbers for every axis", got=str(self))
        lengths = self.lengths(x.shape[1:-1], kernel[:-2])
        result = float32_batch((None, *lengths, filters))
        if self.window(kernel).outputs(result) != x.shape[1:-1]:
            raise ShapeError(
                "no output of a transposed convolution has that size",
                expected="an output padding smaller than the stride, and a kernel that reaches all",
                got=f"{format_shape(x.shape)} to {format_shape(result.shape)}",
            )
        return result

    def lengths(
        self, lengths: tuple[int | None, ...], size: tuple[int, ...]
    ) -> tuple[int | None, ...]:
        """Return the spatial shape of the output, as Keras chooses it."""
        extras = self.output_padding or (None,) * len(lengths)
        axes = zip(lengths, size, self.strides, self.dilation, extras, strict=True)
        return tuple(self._length(*axis) for axis in axes)

    def _length(
        self, length: int | None, size: int, stride: int, dilation: int, extra: int | None
    ) -> int | None:
        if length is None:
            return None
        reach = reach_of(size, dilation)
        if self.padding is Padding.SAME:
            return length * stride if extra is None else (length - 1) * stride + reach % 2 + extra
        return (length - 1) * stride + (max(reach, stride) if extra is None else reach + extra)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[w * stride + p * dilation - before] += x[w] @ transpose(kernel[p]), + bias."""
        x, kernel = inputs[0], weights[0]
        lengths = [length or 0 for length in self.lengths(x.shape[1:-1], kernel.shape[:-2])]
        y = np.zeros((len(x), *lengths, kernel.shape[-2]), x.dtype)
        for taps in product(*self.window(kernel.shape).taps(lengths)):
            place, source, target = _slices(taps)
            y[target] += _grouped_product(x[source], kernel[place].T, 1)
        return y + weights[1] if self.use_bias else y


_Slices = tuple[slice, ...]


def _slices(taps: tuple[Tap, ...]) -> tuple[tuple[int, ...], _Slices, _Slices]:
    """Return the place in the window, then the windows and the elements to index a batch with."""
    every = slice(None)
    return (
        tuple(tap.place for tap in taps),
        (every, *(tap.windows for tap in taps)),
        (every, *(tap.elements for tap in taps)),
    )


def _outputs(window: Window, lengths: tuple[int, ...]) -> list[int]:
    axes = zip(lengths, window.size, window.strides, window.dilation, strict=True)
    return [window.padding.windows(*axis) or 0 for axis in axes]


def _grouped_product(x: FloatArray, matrix: FloatArray, groups: int) -> FloatArray:
    """Multiply the last axis by a matrix; with groups, each share of it by its share of the columns."""
    rows = x.reshape(-1, x.shape[-1])
    if groups == 1:
        return (rows @ matrix).reshape(*x.shape[:-1], matrix.shape[-1])
    left = rows.reshape(len(rows), groups, -1).transpose(1, 0, 2)
    right = matrix.reshape(matrix.shape[0], groups, -1).transpose(1, 0, 2)
    return (left @ right).transpose(1, 0, 2).reshape(*x.shape[:-1], matrix.shape[-1])


def _kernel(weights: WeightShapes, spatial_rank: int) -> tuple[int, ...]:
    if not weights or len(weights[0]) != spatial_rank + 2 or min(weights[0]) < 1:
        raise ShapeError(
            "a convolution's kernel does not fit",
            expected=f"{spatial_rank} spatial axes and two for channels, none empty",
            got=str(list(weights)),
        )
    return weights[0]
