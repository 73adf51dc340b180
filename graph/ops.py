"""The ops that compute: one frozen dataclass each, with its shape rule and its meaning in NumPy next to it.

Every op takes values whose axis 0 is the batch, and has one output. `infer` gives the output type and checks the
shapes of values and weights; `evaluate` is the meaning: slow and obvious, in the dtype of its arguments (float32, or
float64 when the oracle asks for it). Axes are counted with the batch, as in Keras. Ops that only move elements are in
`graph.shape_ops`.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from graph.activations import ActivationFunction, FloatArray, Function
from graph.errors import ShapeError
from graph.op import (
    WeightShapes,
    broadcast_shape,
    broadcasts,
    expect_weights,
    feature_axis,
    float32_batch,
    only_input,
    same_rank,
)
from graph.tensor_type import TensorType, format_shape, normalize_axis

# keras.config.epsilon(): the lower bound that Normalization and Dot(normalize=True) use.
KERAS_EPSILON = 1e-7


@dataclass(frozen=True, slots=True)
class Dense:
    """`x @ kernel + bias` over the last axis; weights: kernel (in, units), then bias (units,) if `use_bias`."""

    units: int
    use_bias: bool = True

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Contract the last axis."""
        x = only_input(inputs)
        if x.rank < 2:
            raise ShapeError("Dense needs a feature axis", got=format_shape(x.shape))
        bias = ((self.units,),) if self.use_bias else ()
        expect_weights(weights, (x.shape[-1], self.units), *bias)
        return float32_batch((*x.shape[:-1], self.units))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = x @ W + b."""
        x, kernel = inputs[0], weights[0]
        # One product for all positions: NumPy would make one for each row of positions, which takes far longer.
        y: FloatArray = x.reshape(-1, x.shape[-1]) @ kernel
        if self.use_bias:
            y += weights[1]
        return y.reshape(*x.shape[:-1], kernel.shape[1])


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation function; `glu` halves its axis, all others keep the shape."""

    function: ActivationFunction

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape; check the axis where the function has one."""
        x = only_input(inputs)
        expect_weights(weights)
        if self.function.is_elementwise:
            return float32_batch(x.shape)
        axis = feature_axis(self.function.axis, x)
        if self.function.function is not Function.GLU:
            return float32_batch(x.shape)
        length = x.shape[axis]
        if length is None or length % 2:
            raise ShapeError("glu halves its axis", expected="an even length", got=str(length))
        return float32_batch((*x.shape[:axis], length // 2, *x.shape[axis + 1 :]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = f(x)."""
        return self.function(inputs[0])


@dataclass(frozen=True, slots=True)
class PRelu:
    """max(x, 0) - alpha * max(-x, 0); weight: alpha, shaped as a sample with 1 on shared axes."""

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape; alpha broadcasts to a sample."""
        x = only_input(inputs)
        if len(weights) != 1 or not broadcasts(weights[0], x.sample_shape):
            raise ShapeError(
                "PReLU's alpha does not fit", expected=str(x.sample_shape), got=str(list(weights))
            )
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = x where x >= 0 else alpha * x."""
        x, alpha = inputs[0], weights[0]
        return np.maximum(x, 0) - alpha * np.maximum(-x, 0)


@dataclass(frozen=True, slots=True)
class BatchNormalization:
    """Inference-time batch normalization over `axis`; weights: gamma if `scale`, beta if `center`, mean, variance."""

    axis: int = -1
    epsilon: float = 1e-3
    scale: bool = True
    center: bool = True

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        length = x.shape[feature_axis(self.axis, x)]
        expect_weights(weights, *[(length,)] * (2 + self.scale + self.center))
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = (x - mean) * gamma / sqrt(variance + epsilon) + beta."""
        x = inputs[0]
        rows = [_along(w, self.axis, x.ndim) for w in weights]
        gamma = rows.pop(0) if self.scale else x.dtype.type(1)
        beta = rows.pop(0) if self.center else x.dtype.type(0)
        mean, variance = rows
        y: FloatArray = x - mean
        y *= gamma / np.sqrt(variance + x.dtype.type(self.epsilon))
        y += beta
        return y


@dataclass(frozen=True, slots=True)
class LayerNormalization:
    """Normalization of each sample over `axes` (sorted, positive); weights: gamma if `scale`, beta if `center`.

    With `rms_scaling` only the scale is applied: x / sqrt(variance + epsilon) * gamma, where Keras takes the
    variance about the mean (and says in its own source that this is not RMS normalization).
    """

    axes: tuple[int, ...]
    epsilon: float = 1e-3
    scale: bool = True
    center: bool = True
    rms_scaling: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        if list(self.axes) != sorted(set(self.axes)) or not self.axes:
            raise ShapeError("axes must be distinct and sorted", got=str(self.axes))
        lengths = tuple(x.shape[feature_axis(axis, x)] for axis in self.axes)
        expect_weights(weights, *[lengths] * (self.scale + self.center))
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = (x - mean(x)) / sqrt(var(x) + epsilon) * gamma + beta."""
        x = inputs[0]
        shape = [x.shape[axis] if axis in self.axes else 1 for axis in range(x.ndim)]
        rows = [w.reshape(shape) for w in weights]
        inverse = 1 / np.sqrt(x.var(axis=self.axes, keepdims=True) + x.dtype.type(self.epsilon))
        centred = x if self.rms_scaling else x - x.mean(axis=self.axes, keepdims=True)
        y: FloatArray = centred * inverse
        if self.scale:
            y = y * rows.pop(0)
        return y + rows.pop(0) if self.center else y


@dataclass(frozen=True, slots=True)
class Rescaling:
    """`x * scale + offset`; each a scalar, or one number per element of the last axis."""

    scale: tuple[float, ...]
    offset: tuple[float, ...] = (0.0,)

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        expect_weights(weights)
        for values in (self.scale, self.offset):
            if len(values) not in (1, x.shape[-1]):
                raise ShapeError(
                    "Rescaling's numbers do not fit the last axis",
                    expected=f"1 or {x.shape[-1]}",
                    got=str(len(values)),
                )
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = x * scale + offset."""
        x = inputs[0]
        return x * np.asarray(self.scale, x.dtype) + np.asarray(self.offset, x.dtype)


@dataclass(frozen=True, slots=True)
class Normalization:
    """Keras' Normalization; weights: mean and variance, shaped to broadcast to a batch: 1 on axes not kept."""

    invert: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        fits = [len(shape) == x.rank and broadcasts(shape[1:], x.sample_shape) for shape in weights]
        if len(weights) != 2 or not all(fits) or any(shape[0] != 1 for shape in weights):
            raise ShapeError(
                "Normalization's mean and variance do not fit",
                expected=f"two shapes that broadcast to {format_shape(x.shape)}",
                got=str(list(weights)),
            )
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = (x - mean) / max(sqrt(variance), 1e-7), or its inverse."""
        x = inputs[0]
        mean, deviation = weights[0], np.maximum(np.sqrt(weights[1]), x.dtype.type(KERAS_EPSILON))
        return mean + x * deviation if self.invert else (x - mean) / deviation


class MergeKind(StrEnum):
    """Elementwise merges of several values."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    AVERAGE = "average"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"


_MERGE = {
    MergeKind.ADD: np.add,
    MergeKind.AVERAGE: np.add,
    MergeKind.SUBTRACT: np.subtract,
    MergeKind.MULTIPLY: np.multiply,
    MergeKind.MAXIMUM: np.maximum,
    MergeKind.MINIMUM: np.minimum,
}


@dataclass(frozen=True, slots=True)
class Merge:
    """Merge values elementwise, left to right; axes of length 1 broadcast.

    A value of lower rank gets axes of length 1 right after the batch, as Keras does.
    """

    kind: MergeKind

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Broadcast all sample shapes."""
        expect_weights(weights)
        if not inputs or (self.kind is MergeKind.SUBTRACT and len(inputs) != 2):
            expected = "2" if self.kind is MergeKind.SUBTRACT else "1 or more"
            raise ShapeError(
                f"{self.kind.value} got the wrong number of inputs",
                expected=expected,
                got=str(len(inputs)),
            )
        return float32_batch(broadcast_shape(inputs))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = inputs[0] (op) inputs[1] (op) ...; average divides by their number."""
        padded = same_rank(inputs)
        y = padded[0]
        for x in padded[1:]:
            y = _MERGE[self.kind](y, x)
        return y / y.dtype.type(len(padded)) if self.kind is MergeKind.AVERAGE else y


@dataclass(frozen=True, slots=True)
class Dot:
    """Contract one axis of each of two values, sample by sample (Keras' batch_dot); optionally L2-normalized first.

    The output has the remaining axes of the first value, then those of the second; at least one.
    """

    axes: tuple[int, int]
    normalize: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Drop the contracted axes and join the rest."""
        expect_weights(weights)
        if len(inputs) != 2:
            raise ShapeError("Dot takes two values", expected="2", got=str(len(inputs)))
        a, b = inputs
        i, j = feature_axis(self.axes[0], a), feature_axis(self.axes[1], b)
        if a.shape[i] != b.shape[j]:
            raise ShapeError(
                "Dot contracts axes of one length", got=f"{a.shape[i]} and {b.shape[j]}"
            )
        rest = (*a.shape[1:i], *a.shape[i + 1 :], *b.shape[1:j], *b.shape[j + 1 :])
        return float32_batch((None, *(rest or (1,))))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[n] = tensordot(a[n], b[n], axes)."""
        a, b = inputs
        i, j = normalize_axis(self.axes[0], a.ndim), normalize_axis(self.axes[1], b.ndim)
        if self.normalize:
            a, b = _unit_length(a, i), _unit_length(b, j)
        left = np.moveaxis(a, i, -1).reshape(len(a), -1, a.shape[i])
        right = np.moveaxis(b, j, 1).reshape(len(b), b.shape[j], -1)
        rest = (*a.shape[1:i], *a.shape[i + 1 :], *b.shape[1:j], *b.shape[j + 1 :])
        return (left @ right).reshape(len(a), *(rest or (1,)))


def _unit_length(x: FloatArray, axis: int) -> FloatArray:
    with np.errstate(divide="ignore"):
        inverse = 1 / np.sqrt((x * x).sum(axis=axis, keepdims=True))
    unit: FloatArray = x * np.minimum(inverse, x.dtype.type(1 / KERAS_EPSILON))
    return unit


def _along(w: FloatArray, axis: int, rank: int) -> FloatArray:
    shape = [1] * rank
    shape[axis] = -1
    return w.reshape(shape)
