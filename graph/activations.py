"""Every built-in activation function of Keras, by its NumPy meaning.

The formulas follow Keras 3 (`keras.activations`, TensorFlow backend) unless the name says Keras 2. They are written
to be obviously right in the dtype of their argument; the engine has its own vectorised forms and is tested against
these.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from graph.element_functions import ELEMENT_FUNCTIONS
from graph.error_function import erf

# The element type is float32 or float64 at run time; NumPy's own stubs lose it in most expressions.
FloatArray = np.ndarray[Any, np.dtype[Any]]

# Klambauer et al. 2017, "Self-Normalizing Neural Networks": the constants Keras uses.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


class Function(StrEnum):
    """Names of the activation functions."""

    LINEAR = "linear"
    RELU = "relu"
    ELU = "elu"
    CELU = "celu"
    SELU = "selu"
    GELU = "gelu"
    SIGMOID = "sigmoid"
    HARD_SIGMOID = "hard_sigmoid"
    HARD_SIGMOID_KERAS2 = "hard_sigmoid_keras2"
    HARD_SILU = "hard_silu"
    TANH = "tanh"
    HARD_TANH = "hard_tanh"
    TANH_SHRINK = "tanh_shrink"
    SILU = "silu"
    MISH = "mish"
    SOFTPLUS = "softplus"
    SOFTSIGN = "softsign"
    SOFT_SHRINK = "soft_shrink"
    HARD_SHRINK = "hard_shrink"
    THRESHOLD = "threshold"
    EXPONENTIAL = "exponential"
    LOG_SIGMOID = "log_sigmoid"
    SQUAREPLUS = "squareplus"
    SPARSE_PLUS = "sparse_plus"
    SPARSE_SIGMOID = "sparse_sigmoid"
    # Operations that are no activation functions of Keras; see graph.element_functions.
    ABS = "abs"
    NEGATIVE = "negative"
    SQUARE = "square"
    SQRT = "sqrt"
    RSQRT = "rsqrt"
    RECIPROCAL = "reciprocal"
    SIGN = "sign"
    FLOOR = "floor"
    CEIL = "ceil"
    ROUND = "round"
    TRUNC = "trunc"
    LOG = "log"
    LOG2 = "log2"
    LOG10 = "log10"
    LOG1P = "log1p"
    EXPM1 = "expm1"
    SIN = "sin"
    COS = "cos"
    TAN = "tan"
    ASIN = "asin"
    ACOS = "acos"
    ATAN = "atan"
    SINH = "sinh"
    COSH = "cosh"
    ASINH = "asinh"
    ACOSH = "acosh"
    ATANH = "atanh"
    ERF = "erf"
    CLIP = "clip"
    # Not elementwise: these act along an axis.
    SOFTMAX = "softmax"
    LOG_SOFTMAX = "log_softmax"
    SPARSEMAX = "sparsemax"
    GLU = "glu"


AXIS_FUNCTIONS = frozenset(
    {Function.SOFTMAX, Function.LOG_SOFTMAX, Function.SPARSEMAX, Function.GLU}
)


@dataclass(frozen=True, slots=True)
class ActivationFunction:
    """An activation function with its parameters; a parameter that the function does not have stays at its default.

    Attributes:
        function: the function itself.
        negative_slope: the slope of relu below `threshold`.
        max_value: the upper limit of relu and clip, or None.
        threshold: the place where relu and threshold switch; half the width that the shrink functions shrink to 0.
        alpha: the scale of the exponential in elu and celu.
        approximate: whether tanh stands in for erf in gelu.
        b: the smoothness constant of squareplus.
        default_value: the value of threshold at or below its threshold.
        axis: the axis of softmax, log_softmax, sparsemax and glu, counted with the batch.
        min_value: the lower limit of clip, or None.
    """

    function: Function
    negative_slope: float = 0.0
    max_value: float | None = None
    threshold: float = 0.0
    alpha: float = 1.0
    approximate: bool = False
    b: float = 4.0
    default_value: float = 0.0
    axis: int = -1
    min_value: float | None = None

    @property
    def is_elementwise(self) -> bool:
        """Whether every output element depends on just the input element at its place."""
        return self.function not in AXIS_FUNCTIONS

    def __call__(self, x: FloatArray) -> FloatArray:
        """Apply the function to `x`, in the dtype of `x`."""
        with np.errstate(all="ignore"):
            result: FloatArray = _MEANING[self.function](x, self).astype(x.dtype, copy=False)
        return result


LINEAR = ActivationFunction(Function.LINEAR)
RELU = ActivationFunction(Function.RELU)


def _relu(x: FloatArray, f: ActivationFunction) -> FloatArray:
    # NaN stays NaN: `maximum` passes it on, and it is not at or below a threshold.
    positive = np.where(x <= f.threshold, 0.0, x) if f.threshold else np.maximum(x, 0.0)
    if f.max_value is not None:
        positive = np.clip(positive, 0.0, f.max_value)
    if not f.negative_slope:
        return positive
    return positive - x.dtype.type(f.negative_slope) * np.maximum(f.threshold - x, 0.0)


def _elu(x: FloatArray, f: ActivationFunction) -> FloatArray:
    return np.where(x > 0, x, f.alpha * np.expm1(np.minimum(x, 0.0)))


def _celu(x: FloatArray, f: ActivationFunction) -> FloatArray:
    return np.where(x > 0, x, f.alpha * np.expm1(np.minimum(x, 0.0) / f.alpha))


def _selu(x: FloatArray, _: ActivationFunction) -> FloatArray:
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0.0)))


def _gelu(x: FloatArray, f: ActivationFunction) -> FloatArray:
    if f.approximate:
        inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1.0 + np.tanh(inner))
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def _sigmoid(x: FloatArray, _: ActivationFunction | None = None) -> FloatArray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _hard_sigmoid(x: FloatArray, _: ActivationFunction | None = None) -> FloatArray:
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0


def _softplus(x: FloatArray, _: ActivationFunction | None = None) -> FloatArray:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _soft_shrink(x: FloatArray, f: ActivationFunction) -> FloatArray:
    shrunk = np.where(
        x > f.threshold, x - f.threshold, np.where(x < -f.threshold, x + f.threshold, 0.0)
    )
    return np.where(np.isnan(x), x, shrunk)


def _hard_shrink(x: FloatArray, f: ActivationFunction) -> FloatArray:
    return np.where(np.abs(x) <= f.threshold, 0.0, x)


def _sparse_plus(x: FloatArray, _: ActivationFunction) -> FloatArray:
    return np.where(x <= -1, 0.0, np.where(x < 1, 0.25 * (x + 1.0) ** 2, x))


def _softmax(x: FloatArray, f: ActivationFunction) -> FloatArray:
    e = np.exp(x - x.max(axis=f.axis, keepdims=True))
    return e / e.sum(axis=f.axis, keepdims=True)


def _log_softmax(x: FloatArray, f: ActivationFunction) -> FloatArray:
    shifted = x - x.max(axis=f.axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=f.axis, keepdims=True))


def _sparsemax(x: FloatArray, f: ActivationFunction) -> FloatArray:
    # Keras sums the cumulative sums over the support where Martins & Astudillo 2016 (algorithm 1) take the last of
    # them, so it differs from the paper where more than one class is in the support. Keras is what was trained.
    ordered = -np.sort(-x, axis=f.axis)
    cumulative = np.cumsum(ordered, axis=f.axis)
    place_shape = [1] * x.ndim
    place_shape[f.axis] = -1
    place = np.arange(1, x.shape[f.axis] + 1, dtype=x.dtype).reshape(place_shape)
    support = ordered - (cumulative - 1.0) / place > 0
    count = support.sum(axis=f.axis, keepdims=True).astype(x.dtype)
    tau = (np.where(support, cumulative, 0.0).sum(axis=f.axis, keepdims=True) - 1.0) / count
    return np.maximum(x - tau, 0.0)


def _clip(x: FloatArray, f: ActivationFunction) -> FloatArray:
    low = x if f.min_value is None else np.maximum(x, x.dtype.type(f.min_value))
    return low if f.max_value is None else np.minimum(low, x.dtype.type(f.max_value))


def _of_number(function: Callable[[FloatArray], FloatArray]) -> "_Meaning":
    return lambda x, _: function(x)


def _glu(x: FloatArray, f: ActivationFunction) -> FloatArray:
    value, gate = np.split(x, 2, axis=f.axis)
    return value * _sigmoid(gate)


_Meaning = Callable[[FloatArray, ActivationFunction], FloatArray]
_MEANING: dict[Function, _Meaning] = {
    **{Function(name): _of_number(function) for name, function in ELEMENT_FUNCTIONS.items()},
    Function.CLIP: _clip,
    Function.LINEAR: lambda x, _: x,
    Function.RELU: _relu,
    Function.ELU: _elu,
    Function.CELU: _celu,
    Function.SELU: _selu,
    Function.GELU: _gelu,
    Function.SIGMOID: _sigmoid,
    Function.HARD_SIGMOID: _hard_sigmoid,
    # Keras 1 and 2: a line of slope 0.2 instead of 1/6. Mixing the two up changes outputs by up to 0.25.
    Function.HARD_SIGMOID_KERAS2: lambda x, _: np.clip(0.2 * x + 0.5, 0.0, 1.0),
    Function.HARD_SILU: lambda x, _: x * _hard_sigmoid(x),
    Function.TANH: lambda x, _: np.tanh(x),
    Function.HARD_TANH: lambda x, _: np.clip(x, -1.0, 1.0),
    Function.TANH_SHRINK: lambda x, _: x - np.tanh(x),
    Function.SILU: lambda x, _: x * _sigmoid(x),
    Function.MISH: lambda x, _: x * np.tanh(_softplus(x)),
    Function.SOFTPLUS: _softplus,
    Function.SOFTSIGN: lambda x, _: x / (1.0 + np.abs(x)),
    Function.SOFT_SHRINK: _soft_shrink,
    Function.HARD_SHRINK: _hard_shrink,
    Function.THRESHOLD: lambda x, f: np.where(x <= f.threshold, f.default_value, x),
    Function.EXPONENTIAL: lambda x, _: np.exp(x),
    Function.LOG_SIGMOID: lambda x, _: -_softplus(-x),
    Function.SQUAREPLUS: lambda x, f: (x + np.sqrt(x * x + f.b)) / 2.0,
    Function.SPARSE_PLUS: _sparse_plus,
    Function.SPARSE_SIGMOID: lambda x, _: np.clip(0.5 * (x + 1.0), 0.0, 1.0),
    Function.SOFTMAX: _softmax,
    Function.LOG_SOFTMAX: _log_softmax,
    Function.SPARSEMAX: _sparsemax,
    Function.GLU: _glu,
}
