"""Where the vectors of a convolution lie: runs of positions that lie side by side in its input.

A kernel computes the outputs of many positions at once, in vectors of `width` float32. Element e of a vector is one
sample of one position; its input elements, whatever the tap, lie e elements behind those of element 0. Positions at
the end of an image row and at the start of the next one may be in one vector: what lies between them in the input is
computed too, and left out by the vector's mask when it is stored.

vectors  u32[blocks][vectors][3]     input offset, output offset (bytes, within a channel), mask of elements

Three columns of outputs, rows of the input five apart, one sample, vectors of eight::

    input    0 1 2 . . 5 6 7 . . 10 11 12
    vector   x x x . . x x x                mask 11100111, stored as 6 elements; the next one starts at 10
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.core.errors import PackError

MAX_OFFSET_BYTES = 2**32 - 1
# Vectors with parts left out cost more to store, so that a few more whole ones are as good.
_WHOLE_MAY_COST = 1.06


class Stores(StrEnum):
    """What is stored of a vector: all elements, of some only the first ones, or any."""

    WHOLE = "whole"
    FRONT = "front"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Grid:
    """The positions that a window visits in one channel of a value.

    Attributes:
        sizes: positions along each axis, outermost first.
        strides: rows of the value from one position to the next along each axis; the last one is 1, and they do not
            rise.
    """

    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def positions(self) -> int:
        """Number of positions."""
        return int(np.prod(self.sizes))

    def rows(self) -> npt.NDArray[np.int64]:
        """Return the row of each position within a channel, rising: int64[positions]."""
        rows = np.zeros(1, np.int64)
        for size, stride in zip(self.sizes, self.strides, strict=True):
            rows = (rows[:, None] + np.arange(size) * stride).reshape(-1)
        return rows


@dataclass(frozen=True, slots=True)
class PositionVectors:
    """The vectors that cover a grid; `table` is described above.

    Attributes:
        table: uint32[count][3].
        stores: what is stored of a vector.
        width: elements of a vector.
    """

    table: npt.NDArray[np.uint32]
    stores: Stores
    width: int

    @property
    def count(self) -> int:
        """Number of vectors."""
        return len(self.table)

    def blocks(self, size: int) -> npt.NDArray[np.uint32]:
        """Return the vectors in blocks of `size`, uint32[blocks][size][3]; the last one is repeated."""
        missing = -self.count % size
        return np.concatenate((self.table, np.repeat(self.table[-1:], missing, axis=0))).reshape(
            -1, size, 3
        )


@dataclass(frozen=True, slots=True)
class _Vectors:
    """First position of each vector, and the mask of the positions behind it that it has: int64[count]."""

    first: npt.NDArray[np.int64]
    masks: npt.NDArray[np.int64]


def cover(grid: Grid, lanes: int, width: int, *, apart: bool = False) -> PositionVectors:
    """Cover a grid with vectors.

    Args:
        grid: the positions.
        lanes: samples per tile.
        width: float32 elements of a vector; a multiple of `lanes`, or `lanes` a multiple of it.
        apart: whether no position may be in two vectors.

    Raises:
        PackError: an offset does not fit 32 bits.
    """
    rows = grid.rows()
    if int(rows[-1] + 1) * lanes * 4 > MAX_OFFSET_BYTES:
        raise PackError("position_vectors", f"channels of at most {MAX_OFFSET_BYTES} bytes", "more")
    if lanes >= width:
        return _within_positions(rows, lanes, width)
    together = width // lanes
    full = (1 << together) - 1
    straddling = _straddling(rows, together)
    whole = _whole(grid, rows, together)
    if apart and whole is not None and len(whole) * together != grid.positions:
        whole = None
    if whole is not None and len(whole) <= _WHOLE_MAY_COST * len(straddling.first):
        return _table(rows, _Vectors(whole, np.full(len(whole), full)), (lanes, width))
    return _table(rows, straddling, (lanes, width))


def _within_positions(rows: npt.NDArray[np.int64], lanes: int, width: int) -> PositionVectors:
    parts = np.arange(lanes // width) * width
    inputs = (rows[:, None] * lanes + parts).reshape(-1) * 4
    outputs = (np.arange(len(rows))[:, None] * lanes + parts).reshape(-1) * 4
    masks = np.full(len(inputs), (1 << width) - 1, np.int64)
    return PositionVectors(
        np.stack((inputs, outputs, masks), axis=1).astype(np.uint32), Stores.WHOLE, width
    )


def _straddling(rows: npt.NDArray[np.int64], together: int) -> _Vectors:
    """Return the fewest vectors, each of the positions that it reaches."""
    ends = np.searchsorted(rows, rows + together)
    following, found, place = ends.tolist(), [], 0
    while place < len(rows):
        found.append(place)
        place = following[place]
    first = np.array(found, np.int64)
    masks = np.zeros(len(first), np.int64)
    for number in range(together):
        other = first + number
        reached = other < ends[first]
        masks[reached] |= 1 << (rows[other[reached]] - rows[first[reached]])
    return _Vectors(first, masks)


def _whole(grid: Grid, rows: npt.NDArray[np.int64], together: int) -> npt.NDArray[np.int64] | None:
    """Return first positions of vectors without gaps, each within a run; None where a run is too short."""
    starts = np.concatenate(([0], np.flatnonzero(np.diff(rows) != 1) + 1))
    ends = np.append(starts[1:], grid.positions)
    if int((ends - starts).min()) < together:
        return None
    counts = -(-(ends - starts) // together)
    first = np.repeat(starts, counts)
    number = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    # The last one of a run ends with it, over positions of the one before, which get the same again.
    return np.minimum(first + number * together, np.repeat(ends, counts) - together)


def _table(
    rows: npt.NDArray[np.int64], vectors: _Vectors, sizes: tuple[int, int]
) -> PositionVectors:
    lanes, width = sizes
    masks, which = np.unique(vectors.masks, return_inverse=True)
    elements = np.array([_spread(mask, lanes) for mask in masks.tolist()], np.int64)
    columns = (rows[vectors.first] * lanes * 4, vectors.first * lanes * 4, elements[which])
    table = np.stack(columns, axis=1).astype(np.uint32)
    return PositionVectors(table, _stores(elements.tolist(), width), width)


def _stores(masks: list[int], width: int) -> Stores:
    if all(mask == (1 << width) - 1 for mask in masks):
        return Stores.WHOLE
    return Stores.FRONT if all(mask & (mask + 1) == 0 for mask in masks) else Stores.PARTIAL


def _spread(mask: int, lanes: int) -> int:
    """Return the mask with each bit `lanes` times."""
    found = 0
    for place in range(mask.bit_length()):
        if mask >> place & 1:
            found |= ((1 << lanes) - 1) << (place * lanes)
    return found
