"""The ops that take parts of a value, or give it other axes, whatever the lengths of the others; see `graph.ops`."""

import math
from dataclasses import dataclass

import numpy as np

from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.op import WeightShapes, broadcasts, expect_weights, feature_axis, moved, only_input
from graph.tensor_type import TensorType, format_shape, normalize_axis


@dataclass(frozen=True, slots=True)
class Slice:
    """`x[start:stop:step]` along one axis, as Python counts; a step of -1 alone reverses the axis."""

    axis: int
    start: int | None = None
    stop: int | None = None
    step: int = 1

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Count the elements that are taken; at least one must be."""
        x = only_input(inputs)
        expect_weights(weights)
        axis = feature_axis(self.axis, x)
        if not self.step:
            raise ShapeError("a slice has no step", expected="any number but 0", got="0")
        length = self._count(x.shape[axis])
        if length == 0:
            raise ShapeError(
                "a slice takes nothing",
                expected=f"a part of an axis of length {x.shape[axis]}",
                got=f"{self.start}:{self.stop}:{self.step}",
            )
        return moved(x, (*x.shape[:axis], length, *x.shape[axis + 1 :]))

    def _count(self, length: int | None) -> int | None:
        if length is not None:
            return len(range(length)[self.start : self.stop : self.step])
        whole = self.start is None and self.stop is None
        first = self.start in (None, 0) and self.stop == 1
        last = self.start == -1 and self.stop is None
        return 1 if self.step == 1 and not whole and (first or last) else None

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = x[..., start:stop:step, ...]."""
        x = inputs[0]
        places = [slice(None)] * x.ndim
        places[normalize_axis(self.axis, x.ndim)] = slice(self.start, self.stop, self.step)
        return x[tuple(places)]


@dataclass(frozen=True, slots=True)
class Gather:
    """Elements along one axis by constant numbers, from 0; a number may come again."""

    axis: int
    indices: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Check the numbers; the axis becomes as long as there are numbers."""
        x = only_input(inputs)
        expect_weights(weights)
        axis = feature_axis(self.axis, x)
        length = x.shape[axis]
        largest = math.inf if length is None else length - 1
        if not self.indices or min(self.indices) < 0 or max(self.indices) > largest:
            raise ShapeError(
                "elements are taken that are not there",
                expected=f"numbers from 0 of an axis of length {length}",
                got=str(self.indices[:8]),
            )
        return moved(x, (*x.shape[:axis], len(self.indices), *x.shape[axis + 1 :]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = take(x, indices, axis)."""
        return np.take(inputs[0], self.indices, axis=self.axis)


@dataclass(frozen=True, slots=True)
class ExpandDims:
    """Insert axes of length 1; `axes` are sorted places in the result, counted with the batch."""

    axes: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Insert the lengths."""
        x = only_input(inputs)
        expect_weights(weights)
        _expect_axes(self.axes, x.rank + len(self.axes))
        shape = list(x.shape)
        for axis in self.axes:
            shape.insert(axis, 1)
        return moved(x, tuple(shape))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = expand_dims(x, axes)."""
        return np.expand_dims(inputs[0], self.axes)


@dataclass(frozen=True, slots=True)
class Squeeze:
    """Drop axes of length 1; `axes` are sorted and counted with the batch."""

    axes: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Drop the lengths; one that varies must be 1 when it is known."""
        x = only_input(inputs)
        expect_weights(weights)
        _expect_axes(self.axes, x.rank)
        if any(x.shape[axis] not in (1, None) for axis in self.axes):
            raise ShapeError(
                "only axes of length 1 can be dropped",
                expected=f"length 1 of axes {list(self.axes)}",
                got=format_shape(x.shape),
            )
        return moved(x, tuple(n for axis, n in enumerate(x.shape) if axis not in self.axes))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = squeeze(x, axes)."""
        return np.squeeze(inputs[0], self.axes)


@dataclass(frozen=True, slots=True)
class BroadcastTo:
    """Repeat a value along its axes of length 1; -1 in `sample_shape` keeps the length that the axis has.

    A value of lower rank gets axes of length 1 right after the batch.
    """

    sample_shape: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Check that every axis has its length or 1."""
        x = only_input(inputs)
        expect_weights(weights)
        missing = len(self.sample_shape) - len(x.sample_shape)
        own = (*[1] * missing, *x.sample_shape)
        wanted = tuple(
            length if to == -1 else to for length, to in zip(own, self.sample_shape, strict=False)
        )
        known = tuple(1 if length is None else length for length in own)
        fits = missing >= 0 and all(length is None or length >= 1 for length in wanted)
        if not fits or not broadcasts(known, wanted):
            raise ShapeError(
                "a value does not broadcast",
                expected=f"lengths that are 1 or those of {list(self.sample_shape)}",
                got=format_shape(x.shape),
            )
        return moved(x, (None, *wanted))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = broadcast_to(x, (batch, *sample_shape))."""
        x = inputs[0]
        missing = len(self.sample_shape) - (x.ndim - 1)
        own = (*[1] * missing, *x.shape[1:])
        wanted = (n if to == -1 else to for n, to in zip(own, self.sample_shape, strict=True))
        return np.broadcast_to(x.reshape(len(x), *own), (len(x), *wanted)).copy()


def _expect_axes(axes: tuple[int, ...], rank: int) -> None:
    if list(axes) != sorted(set(axes)) or not axes or axes[0] < 1 or axes[-1] >= rank:
        raise ShapeError(
            "axes must be distinct, sorted and not the batch",
            expected=f"axes from 1 to {rank - 1}",
            got=str(axes),
        )
