"""The ops that change the spatial size without weights, channels last: Pad, Crop, Upsample, Resize; see `graph.ops`."""

from dataclasses import dataclass

import numpy as np

from graph import limits as bounds
from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.interpolation import Interpolation, Terms, nearest_elements, resize_terms
from graph.op import WeightShapes, expect_weights, float32_batch, only_input
from graph.tensor_type import TensorType, format_shape
from graph.windows import expect_spatial

# In front of each spatial axis, and behind it.
Amounts = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Pad:
    """Put zeros around the spatial axes; `amounts` says how many in front of each axis and behind it."""

    amounts: Amounts

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Lengthen the spatial axes."""
        x = only_input(inputs)
        expect_weights(weights)
        _expect_amounts(self.amounts, x)
        pairs = zip(x.shape[1:-1], self.amounts, strict=True)
        lengths = (None if length is None else length + sum(both) for length, both in pairs)
        return float32_batch((None, *lengths, x.shape[-1]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = pad(x, amounts)."""
        return np.pad(inputs[0], ((0, 0), *self.amounts, (0, 0)))


@dataclass(frozen=True, slots=True)
class Crop:
    """Cut off the borders of the spatial axes; `amounts` says how much in front of each axis and behind it."""

    amounts: Amounts

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Shorten the spatial axes; something must be left."""
        x = only_input(inputs)
        expect_weights(weights)
        _expect_amounts(self.amounts, x)
        pairs = zip(x.shape[1:-1], self.amounts, strict=True)
        lengths = [None if length is None else length - sum(both) for length, both in pairs]
        if any(length is not None and length < 1 for length in lengths):
            raise ShapeError(
                "nothing is left after cropping",
                expected=f"less than {format_shape(x.shape)}",
                got=str(self.amounts),
            )
        return float32_batch((None, *lengths, x.shape[-1]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = x[before : length - behind] on every spatial axis."""
        x = inputs[0]
        pairs = zip(x.shape[1:-1], self.amounts, strict=True)
        kept = [slice(before, length - behind) for length, (before, behind) in pairs]
        return x[(slice(None), *kept)]


@dataclass(frozen=True, slots=True)
class Upsample:
    """Make every spatial axis `size` times as long: NEAREST repeats elements, all else is a Resize."""

    size: tuple[int, ...]
    interpolation: Interpolation = Interpolation.NEAREST

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Multiply the lengths."""
        x = only_input(inputs)
        expect_weights(weights)
        expect_spatial(x, len(self.size))
        if not 1 <= min(self.size) <= max(self.size) <= bounds.MAX_SAMPLE_ELEMENTS:
            raise ShapeError(
                "upsampling needs a factor for every spatial axis",
                expected="whole numbers from 1",
                got=str(self.size),
            )
        pairs = zip(x.shape[1:-1], self.size, strict=True)
        lengths = tuple(None if length is None else length * factor for length, factor in pairs)
        _check_matrices(self.interpolation, x.shape[1:-1], lengths)
        return float32_batch((None, *lengths, x.shape[-1]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[i] = x[i // size] on every axis, or x resized to length * size."""
        x = inputs[0]
        if self.interpolation is Interpolation.NEAREST:
            for axis, factor in enumerate(self.size, 1):
                x = np.repeat(x, factor, axis=axis)
            return x
        pairs = zip(x.shape[1:-1], self.size, strict=True)
        lengths = tuple(length * factor for length, factor in pairs)
        return Resize(lengths, self.interpolation).evaluate(inputs, weights)


@dataclass(frozen=True, slots=True)
class Resize:
    """Give the spatial axes the lengths `size`; on each axis the result is a matrix times the axis."""

    size: tuple[int, ...]
    interpolation: Interpolation = Interpolation.BILINEAR
    antialias: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Replace the lengths."""
        x = only_input(inputs)
        expect_weights(weights)
        expect_spatial(x, len(self.size))
        if not 1 <= min(self.size) <= max(self.size) <= bounds.MAX_SAMPLE_ELEMENTS:
            raise ShapeError(
                "resizing needs a length for every spatial axis",
                expected="whole numbers from 1",
                got=str(self.size),
            )
        _check_matrices(self.interpolation, x.shape[1:-1], self.size)
        return float32_batch((None, *self.size, x.shape[-1]))

    def matrix(self, axis: int, length: int) -> FloatArray:
        """Return the weights [size, length], float64, along one spatial axis, which are counted from 0."""
        return self.terms(axis, length).matrix(length)

    def terms(self, axis: int, length: int) -> Terms:
        """Return the weights along one spatial axis, without the zeros of the matrix."""
        count = self.size[axis]
        return resize_terms(self.interpolation, length, count, antialias=self.antialias)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = matrix @ x along every spatial axis, the last one first, as TensorFlow does."""
        x = inputs[0]
        for axis in reversed(range(len(self.size))):
            length = x.shape[axis + 1]
            if self.interpolation is Interpolation.NEAREST:
                x = np.take(x, nearest_elements(length, self.size[axis]), axis=axis + 1)
                continue
            outer, inner = x.shape[: axis + 1], x.shape[axis + 2 :]
            lines = x.reshape(*outer, length, -1)
            x = (self.matrix(axis, length).astype(x.dtype) @ lines).reshape(
                *outer, self.size[axis], *inner
            )
        return x


def _expect_amounts(amounts: Amounts, x: TensorType) -> None:
    expect_spatial(x, len(amounts))
    numbers = [number for both in amounts for number in both]
    if any(len(both) != 2 for both in amounts) or not (
        min(numbers) >= 0 and max(numbers) <= bounds.MAX_SAMPLE_ELEMENTS
    ):
        raise ShapeError(
            "padding and cropping need two numbers for every spatial axis",
            expected="whole numbers from 0",
            got=str(amounts),
        )


def _check_matrices(
    interpolation: Interpolation,
    lengths: tuple[int | None, ...],
    counts: tuple[int | None, ...],
) -> None:
    """Bound the matrices of interpolation, so that a file cannot ask for one that fills the memory."""
    if interpolation is Interpolation.NEAREST:
        return
    for length, count in zip(lengths, counts, strict=True):
        if (length or 1) * (count or 1) > bounds.MAX_SAMPLE_ELEMENTS:
            raise ShapeError(
                "an axis is too long to be interpolated",
                expected=f"a product of both lengths of at most {bounds.MAX_SAMPLE_ELEMENTS}",
                got=f"{length} to {count}",
            )
