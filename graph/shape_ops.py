"""The ops that only move or repeat elements: Reshape, Permute, RepeatVector, Concatenate; see `graph.ops`."""

import math
from dataclasses import dataclass

import numpy as np

from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.op import WeightShapes, expect_weights, feature_axis, moved, only_input
from graph.tensor_type import DType, TensorType, format_shape


@dataclass(frozen=True, slots=True)
class Reshape:
    """Give each sample another shape, row-major; Flatten is a Reshape too. One length may be -1: what remains."""

    sample_shape: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Check that the number of elements stays."""
        x = only_input(inputs)
        expect_weights(weights)
        return moved(x, (None, *self._resolved(x)))

    def _resolved(self, x: TensorType) -> tuple[int | None, ...]:
        """Return the new shape, with None for a length that remains of an axis of varying length."""
        known = math.prod(length for length in self.sample_shape if length != -1)
        varies = [length for length in x.sample_shape if length is None]
        is_open = self.sample_shape.count(-1) == 1
        size = x.sample_size if len(varies) != 1 or not is_open else 0
        fits = size % known == 0 if is_open and known > 0 else size == known
        if not fits or min((length for length in self.sample_shape if length != -1), default=1) < 1:
            raise ShapeError(
                "a sample cannot be reshaped",
                expected=f"{x.sample_size} elements",
                got=str(self.sample_shape),
            )
        rest = None if varies else size // known
        return tuple(rest if length == -1 else length for length in self.sample_shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = x.reshape(batch, *sample_shape)."""
        x = inputs[0]
        known = math.prod(length for length in self.sample_shape if length != -1)
        rest = math.prod(x.shape[1:]) // max(1, known)
        # NumPy could not tell the length in a batch of no samples.
        shape = [rest if length == -1 else length for length in self.sample_shape]
        return x.reshape(len(x), *shape)


@dataclass(frozen=True, slots=True)
class Permute:
    """Reorder the axes of a sample; `dims` are 1-based, as in Keras: dims[i] is the input axis at output axis i + 1."""

    dims: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Reorder the shape."""
        x = only_input(inputs)
        expect_weights(weights)
        if sorted(self.dims) != list(range(1, x.rank)):
            raise ShapeError(
                "Permute needs each sample axis once",
                expected=f"a permutation of 1..{x.rank - 1}",
                got=str(self.dims),
            )
        return moved(x, (None, *(x.shape[d] for d in self.dims)))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = transpose(x, (0, *dims))."""
        return np.transpose(inputs[0], (0, *self.dims))


@dataclass(frozen=True, slots=True)
class RepeatVector:
    """(batch, features) -> (batch, count, features)."""

    count: int

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Insert an axis of length `count`."""
        x = only_input(inputs)
        expect_weights(weights)
        if x.rank != 2 or self.count < 1:
            raise ShapeError(
                "RepeatVector repeats a vector at least once",
                expected="[batch, features] and count >= 1",
                got=f"{format_shape(x.shape)} and {self.count}",
            )
        return moved(x, (None, self.count, x.shape[1]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[:, i, :] = x."""
        return np.repeat(inputs[0][:, None, :], self.count, axis=1)


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Join values along `axis`."""

    axis: int = -1

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Add the lengths along the axis; all others must agree."""
        expect_weights(weights)
        if not inputs:
            raise ShapeError("Concatenate needs an input", expected="1 or more", got="0")
        axis = feature_axis(self.axis, inputs[0])
        shapes = [list(x.shape) for x in inputs]
        lengths = [shape.pop(axis) if len(shape) > axis else 0 for shape in shapes]
        known = [length for length in lengths if length is not None]
        if any(shape != shapes[0] for shape in shapes) or 0 in lengths:
            got = ", ".join(format_shape(x.shape) for x in inputs)
            raise ShapeError(f"values cannot be joined along axis {axis}", got=got)
        joined: list[int | None] = list(shapes[0])
        joined.insert(axis, sum(known) if len(known) == len(lengths) else None)
        other = next((x for x in inputs if x.dtype is not DType.BOOL), inputs[0])
        return moved(other, tuple(joined))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = concatenate(inputs, axis)."""
        return np.concatenate(inputs, axis=self.axis)
