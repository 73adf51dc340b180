"""The pooling ops, channels last: the largest element of every window, or the average; see `graph.ops`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.op import WeightShapes, expect_weights, float32_batch, only_input
from graph.tensor_type import TensorType, format_shape
from graph.windows import Padding, Tap, Window, expect_spatial


class PoolKind(StrEnum):
    """What is taken of a window."""

    MAX = "max"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Pool:
    """The largest element or the average of every window; padding counts for neither."""

    kind: PoolKind
    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Padding = Padding.VALID

    def window(self) -> Window:
        """Return the window."""
        return Window(self.size, self.strides, (1,) * len(self.size), self.padding)

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Count the windows; the channels stay."""
        x = only_input(inputs)
        expect_weights(weights)
        return float32_batch((None, *self.window().outputs(x), x.shape[-1]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[w] = max or mean over p of x[w * stride + p - before], axis by axis."""
        x = inputs[0]
        window = self.window()
        lengths = x.shape[1:-1]
        for axis, taps in enumerate(window.taps(lengths), 1):
            count = self.padding.windows(
                lengths[axis - 1], self.size[axis - 1], self.strides[axis - 1], 1
            )
            x = _pooled(x, axis, self.kind, taps, count or 0)
        return x


def _pooled(
    x: FloatArray, axis: int, kind: PoolKind, taps: tuple[Tap, ...], count: int
) -> FloatArray:
    """Pool along one axis; windows are boxes, so that all axes can be pooled one after the other."""
    lines = np.moveaxis(x, axis, 0)
    start = -np.inf if kind is PoolKind.MAX else 0.0
    y = np.full((count, *lines.shape[1:]), start, x.dtype)
    met = np.zeros(count, x.dtype)
    for tap in taps:
        met[tap.windows] += 1
        if kind is PoolKind.MAX:
            y[tap.windows] = np.maximum(y[tap.windows], lines[tap.elements])
        else:
            y[tap.windows] += lines[tap.elements]
    if kind is PoolKind.AVERAGE:
        y /= met.reshape(-1, *[1] * (x.ndim - 1))
    return np.ascontiguousarray(np.moveaxis(y, 0, axis))


@dataclass(frozen=True, slots=True)
class AdaptivePool:
    """Pooling into a given number of windows of nearly one size; window i covers floor(i l / n) to ceil((i + 1) l / n).

    They may overlap, and they may be more than elements.
    """

    kind: PoolKind
    output_size: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Give the spatial axes their new lengths."""
        x = only_input(inputs)
        expect_weights(weights)
        expect_spatial(x, len(self.output_size))
        if min(self.output_size) < 1 or None in x.shape[1:]:
            raise ShapeError(
                "adaptive pooling needs a fixed shape and at least one window",
                got=f"{format_shape(x.shape)} into {self.output_size}",
            )
        return float32_batch((None, *self.output_size, x.shape[-1]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[i] = max or mean of x[floor(i l / n) : ceil((i + 1) l / n)], axis by axis."""
        x = inputs[0]
        for axis, count in enumerate(self.output_size, 1):
            lines = np.moveaxis(x, axis, 0)
            x = np.moveaxis(_of_spans(lines, adaptive_spans(len(lines), count), self.kind), 0, axis)
        return np.ascontiguousarray(x)


class Spans(NamedTuple):
    """Where each window along an axis starts and where it stops: int64[count] each."""

    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]

    @property
    def longest(self) -> int:
        """Elements of the longest one."""
        return int((self.stops - self.starts).max())


def adaptive_spans(length: int, count: int) -> Spans:
    """Return the windows of adaptive pooling."""
    numbers = np.arange(count, dtype=np.int64)
    return Spans(numbers * length // count, -(-(numbers + 1) * length // count))


def _of_spans(lines: FloatArray, spans: Spans, kind: PoolKind) -> FloatArray:
    """Return the largest element or the average of each span of the first axis.

    The loop is over windows or over the elements of one, whichever is shorter: about the root of the axis at most.
    """
    if len(spans.starts) <= spans.longest:
        pairs = zip(spans.starts.tolist(), spans.stops.tolist(), strict=True)
        return np.stack([_reduced(lines[start:stop], kind, (0,)) for start, stop in pairs])
    y = lines[spans.starts]
    for place in range(1, spans.longest):
        inside = spans.starts + place < spans.stops
        more = lines[spans.starts[inside] + place]
        y[inside] = np.maximum(y[inside], more) if kind is PoolKind.MAX else y[inside] + more
    if kind is PoolKind.AVERAGE:
        y /= (spans.stops - spans.starts).astype(y.dtype).reshape(-1, *[1] * (y.ndim - 1))
    return y


@dataclass(frozen=True, slots=True)
class GlobalPool:
    """The largest element or the average of each channel; the spatial axes go, or keep a length of 1."""

    kind: PoolKind
    keepdims: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Reduce all axes between batch and channels."""
        x = only_input(inputs)
        expect_weights(weights)
        expect_spatial(x, x.rank - 2)
        if 0 in x.shape[1:-1]:
            raise ShapeError("there is nothing to pool", got=format_shape(x.shape))
        kept = (1,) * (x.rank - 2) if self.keepdims else ()
        return float32_batch((None, *kept, x.shape[-1]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = max or mean over all spatial axes."""
        x = inputs[0]
        y = _reduced(x, self.kind, tuple(range(1, x.ndim - 1)))
        return y.reshape(len(x), *[1] * (x.ndim - 2), x.shape[-1]) if self.keepdims else y


def _reduced(x: FloatArray, kind: PoolKind, axes: tuple[int, ...]) -> FloatArray:
    y: FloatArray = x.max(axis=axes) if kind is PoolKind.MAX else x.mean(axis=axes)
    return y
