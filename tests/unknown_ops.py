"""Ops that no table knows, each with a trait that a wrong guess would overlook."""

from dataclasses import dataclass

import numpy as np

from graph.activations import ActivationFunction, FloatArray, Function
from graph.op import Op, WeightShapes, float32_batch
from graph.ops import Activation, Dense, Rescaling
from graph.tensor_type import TensorType


@dataclass(frozen=True, slots=True)
class CumSum:
    """Running sums along the last axis: an element depends on all elements before it."""

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        return float32_batch(inputs[0].shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        return np.cumsum(inputs[0], axis=-1)


@dataclass(frozen=True, slots=True)
class Wave:
    """5 sin(x): larger than its argument near 0, and smaller far away."""

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        return float32_batch(inputs[0].shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        return 5 * np.sin(inputs[0])


@dataclass(frozen=True, slots=True)
class Reversed:
    """The features in the opposite order, times the weight, plus 1: moves, enlarges, and is not 0 at 0."""

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        return float32_batch(inputs[0].shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        return inputs[0][..., ::-1] * weights[0] + 1


@dataclass(frozen=True, slots=True)
class Outer:
    """All products of two vectors: takes two values and gives one of another shape."""

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        return float32_batch((None, int(inputs[0].shape[1] or 0) * int(inputs[1].shape[1] or 0)))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        a, b = inputs
        return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


class RollingDense(Dense):
    """A subclass of a known op with another meaning: units in another order."""

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        return np.roll(super().evaluate(inputs, weights), 1, axis=-1)


class CubicRescaling(Rescaling):
    """A subclass of a known op that is not affine."""

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        return super().evaluate(inputs, weights) ** 3


class DoubledActivation(Activation):
    """A subclass of a known op that gives twice its function."""

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        return 2 * super().evaluate(inputs, weights)


SAME_SHAPE: tuple[Op, ...] = (
    CumSum(),
    Wave(),
    CubicRescaling((2.0,), (0.5,)),
    DoubledActivation(ActivationFunction(Function.TANH)),
)
