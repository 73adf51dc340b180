"""How an image axis is resized: as a matrix from its elements to those of the result, with few numbers in each row.

The numbers are TensorFlow's, to the bit of float32 where that matters: it finds the place of every element in float32,
and takes the weights of a bicubic filter from a table of 1024 steps. Sources: tensorflow/core/kernels/image/
resize_bilinear_op.cc, resize_bicubic_op.cc, resize_nearest_neighbor_op.cc, resize_area_op.cc, scale_and_translate_op.cc
and sampling_kernels.h of TensorFlow 2.20.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from graph.activations import FloatArray

_Vector = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
_TABLE_STEPS = 1024


class Interpolation(StrEnum):
    """What stands between the pixels.

    BILINEAR_CORNER is what Keras before tf.keras did on TensorFlow 1: the first pixels lie on each other, and not the
    corners of the images.
    """

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BILINEAR_CORNER = "bilinear_corner"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELL_CUBIC = "mitchellcubic"


def nearest_elements(length: int, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return which element each of `count` elements is a copy of."""
    centres = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * _scale(length, count)
    return np.minimum(np.floor(centres).astype(np.int64), length - 1)


@dataclass(frozen=True, slots=True)
class Terms:
    """A matrix with few numbers in each row: y[i] = sum over t of weights[i][t] * x[elements[i][t]].

    Its size follows from the longer one of the axes, and not from the product of both lengths.

    Attributes:
        elements: int64[count][terms].
        weights: float64[count][terms]; zero where a row has fewer elements.
    """

    elements: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    weights: FloatArray

    def matrix(self, length: int) -> FloatArray:
        """Return the matrix itself, float64[count][length]."""
        rows = np.broadcast_to(np.arange(len(self.elements))[:, None], self.elements.shape)
        matrix = np.zeros((len(self.elements), length))
        np.add.at(matrix, (rows, self.elements), self.weights)
        return matrix


def resize_terms(
    interpolation: Interpolation, length: int, count: int, *, antialias: bool = False
) -> Terms:
    """Return which elements of an axis make those of the resized axis, and with which weights.

    Args:
        interpolation: the method.
        length: elements of the axis.
        count: elements of the resized axis.
        antialias: widen the filter where the axis becomes shorter; nearest and area never do.
    """
    match interpolation:
        case Interpolation.NEAREST:
            elements = nearest_elements(length, count).reshape(-1, 1)
            return Terms(elements, np.ones(elements.shape))
        case Interpolation.AREA:
            return _area(length, count)
        case Interpolation.BILINEAR_CORNER:
            return _linear(np.arange(count, dtype=np.float32) * _scale(length, count), length)
        case Interpolation.BILINEAR if not antialias:
            return _linear(_centres(length, count), length)
        case Interpolation.BICUBIC if not antialias:
            return _cubic(_centres(length, count), length)
        case _:
            return _filtered(interpolation, length, count, antialias=antialias)


def _scale(length: int, count: int) -> np.float32:
    return np.float32(length) / np.float32(count)


def _centres(length: int, count: int) -> _Vector:
    """Where the centre of each new element lies, counted in elements from the centre of the first."""
    half = np.float32(0.5)
    return (np.arange(count, dtype=np.float32) + half) * _scale(length, count) - half


def _of_axis(elements: npt.NDArray[np.int64], weights: FloatArray, length: int) -> Terms:
    """Return terms without those that lie outside of the axis: they weigh nothing."""
    outside = (elements < 0) | (elements >= length)
    return Terms(np.clip(elements, 0, length - 1), np.where(outside, 0.0, weights))


def _linear(places: _Vector, length: int) -> Terms:
    lower = np.floor(places)
    share = (places - lower).astype(np.float64)
    first = np.maximum(lower.astype(np.int64), 0)
    second = np.minimum(np.ceil(places).astype(np.int64), length - 1)
    second = np.maximum(second, 0)
    # In float32, as TensorFlow takes it, before both are added where they belong to one element.
    rest = (np.float32(1) - share.astype(np.float32)).astype(np.float64)
    same = first == second
    weights = np.stack((np.where(same, rest + share, rest), np.where(same, 0.0, share)), axis=1)
    return Terms(np.stack((first, second), axis=1), weights)


def _cubic(places: _Vector, length: int) -> Terms:
    """Keys' filter (1981, equation 4, a = -1/2); elements outside the image count for nothing."""
    lower = np.floor(places)
    step = np.rint((places - lower) * np.float32(_TABLE_STEPS)).astype(np.int64)
    near, far = _keys_table()
    weights = (far[step], near[step], near[_TABLE_STEPS - step], far[_TABLE_STEPS - step])
    elements = lower.astype(np.int64)[:, None] + np.arange(-1, 3)
    return _normalized(_of_axis(elements, np.stack(weights, axis=1).astype(np.float64), length))


def _normalized(terms: Terms) -> Terms:
    """Return terms whose weights sum to 1 for each new element."""
    return replace(terms, weights=terms.weights / terms.weights.sum(axis=1, keepdims=True))


def _keys_table() -> tuple[_Vector, _Vector]:
    a = np.float32(-0.5)
    x = np.linspace(0, 1, _TABLE_STEPS + 1, dtype=np.float32)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    x = x + np.float32(1)
    return near, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def _area(length: int, count: int) -> Terms:
    """Averages of what each new element covers; one that lies within an element covers as much as there is of it."""
    scale = _scale(length, count)
    starts = np.arange(count, dtype=np.float32) * scale
    stops = (np.arange(count, dtype=np.float32) + 1) * scale
    numbers = _between(np.floor(starts), np.ceil(stops), length)
    elements = numbers.astype(np.float32)
    covered = np.minimum(stops[:, None], elements + 1) - np.maximum(starts[:, None], elements)
    within = (starts[:, None] > elements) & (stops[:, None] < elements + 1)
    shares = np.where(within, scale, np.maximum(covered, 0))
    return _of_axis(numbers, shares.astype(np.float64) / np.float64(scale), length)


def _between(first: _Vector, last: _Vector, length: int) -> npt.NDArray[np.int64]:
    """Return the numbers from `first` to `last` and behind, as many for each: int64[count][numbers]."""
    starts = np.maximum(first.astype(np.int64), 0)
    stops = np.minimum(last.astype(np.int64), length - 1)
    return starts[:, None] + np.arange(max(1, int((stops - starts).max()) + 1))


def _filtered(interpolation: Interpolation, length: int, count: int, *, antialias: bool) -> Terms:
    """Weights by a filter of the distance, normalized to a sum of 1."""
    radius, function = _FILTERS[interpolation]
    inverse = np.float32(1) / (np.float32(count) / np.float32(length))
    width = max(inverse, np.float32(1)) if antialias else np.float32(1)
    places = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * inverse
    first = np.ceil(places - np.float32(radius) * width - np.float32(0.5))
    last = np.floor(places + np.float32(radius) * width - np.float32(0.5))
    elements = _between(first, last, length)
    distances = np.abs((elements.astype(np.float32) + np.float32(0.5) - places[:, None]) / width)
    within = (elements >= first[:, None]) & (elements <= last[:, None])
    weights = np.where(within, function(distances.astype(np.float64)), 0.0)
    return _normalized(_of_axis(elements, weights, length))


def _lanczos(radius: int) -> Callable[[FloatArray], FloatArray]:
    return lambda x: np.where(x > radius, 0.0, np.sinc(x) * np.sinc(x / radius))


def _triangle(x: FloatArray) -> FloatArray:
    return np.maximum(1 - x, 0)


def _gaussian(x: FloatArray) -> FloatArray:
    sigma = 1.5 / 3
    return np.where(x >= 1.5, 0.0, np.exp(-x * x / (2 * sigma * sigma)))


def _keys(x: FloatArray) -> FloatArray:
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0.0, np.where(x >= 1, far, near))


def _mitchell(x: FloatArray) -> FloatArray:
    near = ((7 / 6 * x - 2) * x) * x + 8 / 9
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x >= 2, 0.0, np.where(x >= 1, far, near))


_FILTERS: dict[Interpolation, tuple[float, Callable[[FloatArray], FloatArray]]] = {
    Interpolation.BILINEAR: (1.0, _triangle),
    Interpolation.BICUBIC: (2.0, _keys),
    Interpolation.LANCZOS3: (3.0, _lanczos(3)),
    Interpolation.LANCZOS5: (5.0, _lanczos(5)),
    Interpolation.GAUSSIAN: (1.5, _gaussian),
    Interpolation.MITCHELL_CUBIC: (2.0, _mitchell),
}
