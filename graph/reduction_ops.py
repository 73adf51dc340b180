"""The ops that look along axes: sums and other reductions, places of extremes, running sums, order; see `graph.ops`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.op import WeightShapes, expect_weights, feature_axis, float32_batch, only_input
from graph.tensor_type import DType, TensorType


class ReduceKind(StrEnum):
    """What is made of all elements along some axes."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    PROD = "prod"
    # About the mean, divided by the number of elements.
    VARIANCE = "variance"
    LOGSUMEXP = "logsumexp"
    # Of truth values.
    ANY = "any"
    ALL = "all"

    @property
    def is_logical(self) -> bool:
        """Whether it takes and gives truth values."""
        return self in (ReduceKind.ANY, ReduceKind.ALL)


_Axes = tuple[int, ...]


def _logsumexp(x: FloatArray, axes: _Axes) -> FloatArray:
    largest = x.max(axis=axes, keepdims=True)
    # What is infinite has no differences.
    largest = np.where(np.isfinite(largest), largest, 0).astype(x.dtype)
    total: FloatArray = np.log(np.exp(x - largest).sum(axis=axes, keepdims=True)) + largest
    return total


_MEANING: dict[ReduceKind, Callable[[FloatArray, _Axes], FloatArray]] = {
    ReduceKind.SUM: lambda x, axes: x.sum(axis=axes, keepdims=True),
    ReduceKind.MEAN: lambda x, axes: x.mean(axis=axes, keepdims=True),
    ReduceKind.MAX: lambda x, axes: x.max(axis=axes, keepdims=True),
    ReduceKind.MIN: lambda x, axes: x.min(axis=axes, keepdims=True),
    ReduceKind.PROD: lambda x, axes: x.prod(axis=axes, keepdims=True),
    ReduceKind.VARIANCE: lambda x, axes: x.var(axis=axes, keepdims=True),
    ReduceKind.LOGSUMEXP: _logsumexp,
    ReduceKind.ANY: lambda x, axes: (x != 0).any(axis=axes, keepdims=True),
    ReduceKind.ALL: lambda x, axes: (x != 0).all(axis=axes, keepdims=True),
}


@dataclass(frozen=True, slots=True)
class Reduce:
    """One number of all elements along `axes` (sorted, positive, not the batch), which stay as length 1 if asked to."""

    kind: ReduceKind
    axes: tuple[int, ...]
    keepdims: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Drop the axes, or give them length 1."""
        x = only_input(inputs)
        expect_weights(weights)
        if list(self.axes) != sorted(set(self.axes)) or not self.axes:
            raise ShapeError("axes must be distinct and sorted", got=str(self.axes))
        for axis in self.axes:
            if feature_axis(axis, x) != axis:
                raise ShapeError("axes must be positive", got=str(self.axes))
        if self.kind.is_logical and x.dtype is not DType.BOOL:
            raise ShapeError(
                f"{self.kind.value} needs truth values", expected="bool", got=x.dtype.value
            )
        shape = _without(x.shape, self.axes, keepdims=self.keepdims)
        return TensorType(DType.BOOL if self.kind.is_logical else DType.FLOAT32, shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = reduction of x over the axes."""
        x = inputs[0]
        y = _MEANING[self.kind](x, self.axes).astype(x.dtype, copy=False)
        return y if self.keepdims else np.squeeze(y, self.axes)


@dataclass(frozen=True, slots=True)
class ArgReduce:
    """The place of the first largest or smallest element along an axis; the first NaN counts as either."""

    is_max: bool
    axis: int
    keepdims: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Drop the axis, or give it length 1."""
        x = only_input(inputs)
        expect_weights(weights)
        axis = feature_axis(self.axis, x)
        return float32_batch(_without(x.shape, (axis,), keepdims=self.keepdims))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = argmax(x, axis) or argmin(x, axis)."""
        x = inputs[0]
        find = np.argmax if self.is_max else np.argmin
        return np.asarray(find(x, axis=self.axis, keepdims=self.keepdims)).astype(x.dtype)


class CumulativeKind(StrEnum):
    """What runs along an axis."""

    SUM = "sum"
    PROD = "prod"


@dataclass(frozen=True, slots=True)
class Cumulative:
    """Running sums or products along an axis, each element included in its own."""

    kind: CumulativeKind
    axis: int

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        expect_weights(weights)
        feature_axis(self.axis, x)
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = cumsum(x, axis) or cumprod(x, axis)."""
        run = np.cumsum if self.kind is CumulativeKind.SUM else np.cumprod
        return run(inputs[0], axis=self.axis)


@dataclass(frozen=True, slots=True)
class Sort:
    """Elements along an axis in order, or where each was before; equal ones keep theirs, NaN comes last."""

    axis: int
    descending: bool = False
    indices: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        expect_weights(weights)
        feature_axis(self.axis, x)
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = sort(x, axis) or argsort(x, axis)."""
        x = inputs[0]
        order = np.argsort(-x if self.descending else x, axis=self.axis, kind="stable")
        if self.indices:
            return order.astype(x.dtype)
        return np.take_along_axis(x, order, axis=self.axis)


def _without(
    shape: tuple[int | None, ...], axes: tuple[int, ...], *, keepdims: bool
) -> tuple[int | None, ...]:
    kept = [1 if axis in axes else length for axis, length in enumerate(shape)]
    return tuple(n for axis, n in enumerate(kept) if keepdims or axis not in axes)
