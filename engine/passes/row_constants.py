"""Numbers that are the same over some axes of a value, written down once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray

# Numbers that follow each other in memory are repeated up to so many: a kernel goes over few long runs faster than over
# many short ones.
_RUN = 512
Reals = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class RowConstants:
    """The numbers of rows [outer][length][inner], one for each place on the middle axis.

    Attributes:
        outer: rows before the middle axis.
        length: its length.
        inner: rows after it.
        numbers: float32[length], in the order of the arrays that were given.
    """

    outer: int
    length: int
    inner: int
    numbers: tuple[FloatArray, ...]


def row_constants(arrays: Sequence[Reals]) -> RowConstants:
    """Return arrays of a value's shape, in the order in which its rows lie, by the axes over which they differ.

    Args:
        arrays: arrays of one shape; those that are broadcast are not written out.
    """
    shape = arrays[0].shape
    differing = [
        axis
        for axis, size in enumerate(shape)
        if size > 1 and any(_differs(array, axis) for array in arrays)
    ]
    first, end = (differing[0], differing[-1] + 1) if differing else (len(shape), len(shape))
    if not differing:  # one number for all rows
        return RowConstants(1, 1, math.prod(shape), tuple(_flat(array)[:1] for array in arrays))
    outer, inner = math.prod(shape[:first]), math.prod(shape[end:])
    index: tuple[Any, ...] = (
        *[0] * first,
        *[slice(None)] * (end - first),
        *[0] * (len(shape) - end),
    )
    numbers = [_flat(array[index]) for array in arrays]
    times = _times(outer, len(numbers[0])) if inner == 1 else 1
    tiled = tuple(np.tile(array, times) for array in numbers)
    return RowConstants(outer // times, len(tiled[0]), inner, tiled)


def _times(outer: int, length: int) -> int:
    """Return how many of `outer` runs of `length` numbers become one."""
    return max(times for times in range(1, max(1, _RUN // length) + 1) if outer % times == 0)


def _differs(array: Reals, axis: int) -> bool:
    if array.strides[axis] == 0:
        return False
    return not bool((array == array.take([0], axis=axis)).all())


def _flat(array: Reals) -> FloatArray:
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(array, np.float32).reshape(-1)
