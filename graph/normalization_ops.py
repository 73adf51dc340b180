"""Normalizations whose statistics come from each sample; see `graph.ops`, where LayerNormalization is."""

from dataclasses import dataclass

import numpy as np

from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.op import (
    WeightShapes,
    broadcasts,
    expect_weights,
    feature_axis,
    float32_batch,
    only_input,
)
from graph.tensor_type import TensorType


@dataclass(frozen=True, slots=True)
class GroupNormalization:
    """Normalization of each group of channels over all spatial axes and the group; the channels are the last axis.

    Weights: gamma if `scale`, then beta if `center`, each (channels,). As many groups as channels is instance
    normalization. Source: Wu & He, 2018, arXiv:1803.08494.
    """

    groups: int
    epsilon: float = 1e-3
    scale: bool = True
    center: bool = True

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        channels = x.shape[-1] if x.rank > 1 else None
        if channels is None or self.groups < 1 or channels % self.groups:
            raise ShapeError(
                "the channels cannot be divided into that many groups",
                expected=f"a divisor of {channels}",
                got=str(self.groups),
            )
        expect_weights(weights, *[(channels,)] * (self.scale + self.center))
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, statistics by sample and group."""
        x, left = inputs[0], list(weights)
        grouped = x.reshape(*x.shape[:-1], self.groups, -1)
        axes = (*range(1, x.ndim - 1), x.ndim)
        centred = grouped - grouped.mean(axis=axes, keepdims=True)
        variance = grouped.var(axis=axes, keepdims=True)
        y: FloatArray = (centred / np.sqrt(variance + x.dtype.type(self.epsilon))).reshape(x.shape)
        if self.scale:
            y = y * left.pop(0)
        return y + left.pop(0) if self.center else y


@dataclass(frozen=True, slots=True)
class RmsNormalization:
    """Division by the root of the mean square over `axes` (sorted, positive); weight: scale, shaped as these axes.

    The scale lies along the last axes of the value, even where `axes` are others, as in Keras. Source: Zhang &
    Sennrich, 2019, arXiv:1910.07467.
    """

    axes: tuple[int, ...]
    epsilon: float = 1e-6

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        _expect_axes(self.axes, x)
        expect_weights(weights, tuple(x.shape[axis] for axis in self.axes))
        last = x.shape[-len(self.axes) :]
        if not broadcasts(weights[0], last):
            raise ShapeError(
                "the scale does not fit the last axes", expected=str(last), got=str(weights[0])
            )
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = x / sqrt(mean(x^2) + epsilon) * scale."""
        x = inputs[0]
        square = np.mean(x * x, axis=self.axes, keepdims=True)
        return x / np.sqrt(square + x.dtype.type(self.epsilon)) * weights[0]


@dataclass(frozen=True, slots=True)
class UnitNormalization:
    """Division by the Euclidean norm over `axes` (sorted, positive), which counts as `epsilon` where it is less."""

    axes: tuple[int, ...]
    epsilon: float = 1e-12

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        expect_weights(weights)
        _expect_axes(self.axes, x)
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = x * min(1 / norm(x), 1 / epsilon)."""
        x = inputs[0]
        with np.errstate(divide="ignore"):
            inverse = 1 / np.sqrt((x * x).sum(axis=self.axes, keepdims=True))
        unit: FloatArray = x * np.minimum(inverse, x.dtype.type(1 / self.epsilon))
        return unit


def _expect_axes(axes: tuple[int, ...], x: TensorType) -> None:
    if not axes or list(axes) != sorted({feature_axis(axis, x) for axis in axes}):
        raise ShapeError("axes must be distinct, positive and sorted", got=str(axes))
