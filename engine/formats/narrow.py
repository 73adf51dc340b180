"""Weights rounded to 16-bit types: an explicit choice of the user, never made by the engine.

A layer is rounded once, before any format sees it, so that its weights are the same numbers in every
kernel and tile width; formats then store them in 16 bits where bytes decide, and as float32 elsewhere.
Both types become float32 exactly, and all sums are float32.

    bfloat16   the upper half of a float32: 8 bits of mantissa, all magnitudes
    float16    IEEE 754 half precision: 11 bits of mantissa, magnitudes up to 65504

Rounding is to nearest, ties to even. What would become infinite is refused; NaN and infinities stay.
Weights below about 3e-8 become zero in float16.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.errors import NarrowValuesError, PackError
from engine.core.layers import RecurrentLayer, ValueType, WeightedLayer

_BFLOAT16_QUIET = np.uint32(0x0040_0000)
# The largest finite float16.
_LARGEST_FLOAT16 = 65_504.0


@dataclass(frozen=True, slots=True)
class NarrowingError:
    """How far the rounded weights of a layer are from those it was given, relative to each weight.

    Attributes:
        largest: largest magnitude of the weights that are finite and not zero; 0 where there is none.
        rms: root of the mean square over the same weights.
    """

    largest: float
    rms: float


def narrow_layer(layer: WeightedLayer, values: ValueType) -> WeightedLayer:
    """Return the layer with each weight rounded to a type, and marked so; biases stay float32.

    Raises:
        NarrowValuesError: a finite weight is too large for the type.
    """
    if values is ValueType.FLOAT32:
        return layer
    kernel = rounded(layer.kernel, values)
    if isinstance(layer, RecurrentLayer):
        product = replace(layer.product, kernel=kernel, nonzeros=None, values=values)
        return replace(layer, product=product)
    return replace(layer, kernel=kernel, nonzeros=None, values=values)


def rounded(weights: FloatArray, values: ValueType) -> FloatArray:
    """Return each weight as the nearest number of the type, as float32.

    Raises:
        NarrowValuesError: a finite weight is too large for the type.
    """
    if values is ValueType.FLOAT32:
        return weights
    narrow = _to_float16(weights) if values is ValueType.FLOAT16 else _to_bfloat16(weights)
    overflowed = np.isinf(narrow) & np.isfinite(weights)
    if overflowed.any():
        largest = float(np.abs(weights[overflowed]).max())
        raise NarrowValuesError(values.value, _largest(values), largest)
    return narrow


def narrowing_error(weights: FloatArray, values: ValueType) -> NarrowingError:
    """Return how far rounding to a type moves the weights of a layer.

    Raises:
        NarrowValuesError: a finite weight is too large for the type.
    """
    counted = weights[np.isfinite(weights) & (weights != 0)].astype(np.float64)
    if not counted.size:
        return NarrowingError(0.0, 0.0)
    narrow = rounded(counted.astype(np.float32), values).astype(np.float64)
    error = np.abs(narrow / counted - 1.0)
    return NarrowingError(float(error.max()), float(np.sqrt(np.mean(error * error))))


def stored(weights: FloatArray, values: ValueType) -> npt.NDArray[np.float32 | np.uint16]:
    """Return weights as kernels read them: float32, or the bit patterns of 16-bit numbers.

    Raises:
        PackError: a weight is no number of the type; the layer was not rounded.
    """
    if values is ValueType.FLOAT32:
        return weights
    if values is ValueType.FLOAT16:
        bits = weights.astype(np.float16).view(np.uint16)
    else:
        bits = (np.ascontiguousarray(weights).view(np.uint32) >> 16).astype(np.uint16)
    if not np.array_equal(loaded(bits, values), weights, equal_nan=True):
        raise PackError(values.value, "weights rounded by narrow_layer", "others")
    return bits


def loaded(bits: npt.NDArray[np.uint16], values: ValueType) -> FloatArray:
    """Return the float32 numbers that 16-bit patterns stand for."""
    if values is ValueType.FLOAT16:
        return bits.view(np.float16).astype(np.float32)
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _to_float16(weights: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):
        return weights.astype(np.float16).astype(np.float32)


def _to_bfloat16(weights: FloatArray) -> FloatArray:
    bits = np.ascontiguousarray(weights).view(np.uint32)
    # Half of the last kept bit, less one where that bit is even: carries into it on ties and above.
    even = (bits >> 16) & 1
    nearest = (bits + np.uint32(0x7FFF) + even) & np.uint32(0xFFFF_0000)
    # A NaN must neither be carried into an infinity nor lose all of its payload.
    kept = np.where(np.isnan(weights), (bits & np.uint32(0xFFFF_0000)) | _BFLOAT16_QUIET, nearest)
    return kept.view(np.float32)


def _largest(values: ValueType) -> float:
    if values is ValueType.FLOAT16:
        return _LARGEST_FLOAT16
    return float(np.array(0x7F7F_0000, np.uint32).view(np.float32))
