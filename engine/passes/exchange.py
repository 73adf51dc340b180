"""Orders of axes as exchanges of two neighbours, which need no table of row numbers."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Exchange(NamedTuple):
    """[outer][rows][columns][inner] rows become [outer][columns][rows][inner]."""

    outer: int
    rows: int
    columns: int
    inner: int


def exchange_of(shape: Sequence[int], order: Sequence[int]) -> Exchange | None:
    """Return the exchange that brings the axes of a row-major value into an order; None where it takes several.

    Args:
        shape: length of each axis.
        order: the axes in their new order; each is named once.
    """
    axes = [axis for axis in order if shape[axis] > 1]
    places = {axis: place for place, axis in enumerate(sorted(axes))}
    moved = [places[axis] for axis in axes]
    lengths = [shape[axis] for axis in sorted(axes)]
    first = next((place for place, axis in enumerate(moved) if axis != place), None)
    if first is None:
        return Exchange(1, 1, 1, math.prod(lengths))
    end = max(place for place, axis in enumerate(moved) if axis != place) + 1
    middle = moved[first]
    if moved[first:end] != [*range(middle, end), *range(first, middle)]:
        return None
    parts = (lengths[:first], lengths[first:middle], lengths[middle:end], lengths[end:])
    return Exchange(*map(math.prod, parts))
