"""The ops that are `scale * x + offset` element by element: the one place that knows their algebra.

BatchNormalization, Normalization and Rescaling are written in `graph.ops` as Keras computes them. Rewrites and
lowering need their numbers instead, which are found here, in float64.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.op import Op
from graph.ops import KERAS_EPSILON, BatchNormalization, Normalization, Rescaling

Reals = np.ndarray[Any, np.dtype[np.float64]]

# `(x - centre) * scale` may be computed as `scale * x - centre * scale` where `centre * scale` is at most this. In
# float32 the subtraction then costs at most three bits of the result. Beyond it, with x and the centre near 1e9, the
# first form is exact where the second cancels and keeps few digits.
MAX_OFFSET = 8.0


@dataclass(frozen=True, slots=True)
class ScaleAndOffset:
    """y = scale * x + offset, element by element; two float64 arrays of one shape."""

    scale: Reals
    offset: Reals

    def compact(self) -> "ScaleAndOffset":
        """Return both with 1 on the axes along which they only repeat themselves in memory."""
        return ScaleAndOffset(_without_repeats(self.scale), _without_repeats(self.offset))

    def per_feature(self) -> "ScaleAndOffset | None":
        """Return the two vectors over the last axis; None where positions differ or a number is not finite."""
        rows = []
        for array in (self.scale, self.offset):
            once = _without_repeats(array)
            rows.append(np.broadcast_to(once, (*once.shape[:-1], array.shape[-1])))
        rows = [array.reshape(-1, array.shape[-1]) for array in rows]
        if any((row != row[0]).any() or not np.isfinite(row).all() for row in rows):
            return None
        return ScaleAndOffset(rows[0][0], rows[1][0])


@dataclass(frozen=True, slots=True)
class ElementwiseAffine:
    """y = scale * x + offset, or, as the op is written, y = (x - centre) * scale + shift.

    Attributes:
        scale: the factor, float64, of the value's full sample shape, read-only.
        offset: the value at x = 0, of the same shape.
        centre: what the op subtracts first, of the same shape; None if it subtracts nothing.
        shift: what the op adds last, of the same shape; it equals `offset` if there is no centre.
    """

    scale: Reals
    offset: Reals
    centre: Reals | None
    shift: Reals

    @property
    def may_drop_centre(self) -> bool:
        """Whether float32 keeps its digits when `scale * x + offset` is computed instead of the op's own form."""
        if self.centre is None:
            return True
        with np.errstate(all="ignore"):
            return bool((np.abs(self.centre * self.scale) <= MAX_OFFSET).all())

    @property
    def simple(self) -> ScaleAndOffset:
        """The form without a centre."""
        return ScaleAndOffset(self.scale, self.offset)


def as_affine(
    op: Op, weights: Sequence[np.ndarray[Any, Any]], sample_shape: tuple[int, ...]
) -> ElementwiseAffine | None:
    """Find the numbers of a BatchNormalization, Normalization or Rescaling; None for any other op.

    Only these exact classes count: a subclass may mean something else.

    Args:
        op: any op.
        weights: the arrays of its weights, in the op's order.
        sample_shape: the sample shape of its input, which is also that of its output.
    """
    rule = _RULES.get(type(op))
    if rule is None:
        return None
    with np.errstate(all="ignore"):
        parts = rule(op, [np.asarray(array, np.float64) for array in weights], len(sample_shape))
    centre = None if parts.centre is None else _spread(parts.centre, sample_shape)
    scale, offset = _spread(parts.scale, sample_shape), _spread(parts.offset, sample_shape)
    shift = offset if parts.shift is parts.offset else _spread(parts.shift, sample_shape)
    return ElementwiseAffine(scale, offset, centre, shift)


def _batch_normalization(
    op: BatchNormalization, weights: list[Reals], sample_rank: int
) -> ElementwiseAffine:
    rows = list(weights)
    gamma = rows.pop(0) if op.scale else np.ones(rows[-1].shape)
    beta = rows.pop(0) if op.center else np.zeros(rows[-1].shape)
    mean, variance = rows
    scale = gamma / np.sqrt(variance + op.epsilon)
    shape = [1] * (sample_rank + 1)
    shape[op.axis] = -1
    parts = (scale, beta - mean * scale, mean, beta)
    return ElementwiseAffine(*(part.reshape(shape)[0] for part in parts))


def _normalization(op: Normalization, weights: list[Reals], _sample_rank: int) -> ElementwiseAffine:
    mean, deviation = weights[0][0], np.maximum(np.sqrt(weights[1][0]), KERAS_EPSILON)
    if op.invert:
        return ElementwiseAffine(deviation, mean, None, mean)
    return ElementwiseAffine(1.0 / deviation, -mean / deviation, mean, np.zeros(()))


def _rescaling(op: Rescaling, _weights: list[Reals], _sample_rank: int) -> ElementwiseAffine:
    offset = np.asarray(op.offset, np.float64)
    return ElementwiseAffine(np.asarray(op.scale, np.float64), offset, None, offset)


_RULES: Mapping[type[Any], Callable[[Any, list[Reals], int], ElementwiseAffine]] = {
    BatchNormalization: _batch_normalization,
    Normalization: _normalization,
    Rescaling: _rescaling,
}


def _without_repeats(array: Reals) -> Reals:
    kept = tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)
    return array[kept]


def _spread(array: Reals, shape: tuple[int, ...]) -> Reals:
    # A sample without axes takes one number, which Rescaling keeps as an array of length 1.
    parameter = array.reshape(()) if array.size == 1 else array
    return np.broadcast_to(parameter, shape)
