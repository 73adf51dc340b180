"""Functions of single elements: those that kernels apply to what they store, and those that merge values."""

import struct
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

MAX_PARAMETERS = 3
MAX_MERGE_INPUTS = 64


def float_bits(value: float) -> int:
    """Return the float32 bit pattern of `value` (for INT fields that hold a float)."""
    return int(struct.unpack("<I", struct.pack("<f", np.float32(value)))[0])


class FusedActivation(StrEnum):
    """Element functions that kernels can apply to what they store; parameters in brackets.

    Parameters are run-time arguments (`p0`, `p1`, `p2`), so one machine code serves all of them.
    """

    LINEAR = "linear"
    RELU = "relu"
    CLAMP = "clamp"  # [negative_slope, max_value, threshold] as keras.layers.ReLU; max may be inf
    LEAKY_RELU = "leaky_relu"  # [negative_slope]
    ELU = "elu"  # [alpha]
    CELU = "celu"  # [alpha]
    SELU = "selu"
    GELU = "gelu"  # the exact form, by erf
    GELU_TANH = "gelu_tanh"
    SIGMOID = "sigmoid"
    HARD_SIGMOID = "hard_sigmoid"  # Keras 3: slope 1/6
    HARD_SIGMOID_KERAS2 = "hard_sigmoid_keras2"  # Keras 1 and 2: slope 0.2
    HARD_SILU = "hard_silu"
    TANH = "tanh"
    HARD_TANH = "hard_tanh"
    TANH_SHRINK = "tanh_shrink"
    SILU = "silu"
    MISH = "mish"
    SOFTPLUS = "softplus"
    SOFTSIGN = "softsign"
    SOFT_SHRINK = "soft_shrink"  # [threshold]
    HARD_SHRINK = "hard_shrink"  # [threshold]
    THRESHOLD = "threshold"  # [threshold, default_value]
    EXPONENTIAL = "exponential"
    LOG_SIGMOID = "log_sigmoid"
    SQUAREPLUS = "squareplus"  # [b]
    SPARSE_PLUS = "sparse_plus"
    SPARSE_SIGMOID = "sparse_sigmoid"
    # Operations.
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
    CLIP = "clip"  # [min_value, max_value]; either may be infinite


@dataclass(frozen=True, slots=True)
class ElementFunction:
    """An element function with its parameters, e.g. CLAMP with slope 0, maximum 6, threshold 0."""

    function: FusedActivation = FusedActivation.LINEAR
    parameters: tuple[float, ...] = ()

    def as_ints(self) -> dict[str, int]:
        """Return the fields p0..p2: float32 bit patterns, zero where there is no parameter."""
        padded = self.parameters + (0.0,) * (MAX_PARAMETERS - len(self.parameters))
        return {f"p{i}": float_bits(value) for i, value in enumerate(padded)}


class MergeOp(StrEnum):
    """Elementwise merges; subtract takes two values, the others one or more."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    AVERAGE = "average"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
