"""Delta format: SELL whose column numbers are steps of at most 255, one running number per lane.

The column of an entry is the sum of the deltas of its lane up to it, from 0 at the start of a chunk. A
column that is further than 255 from the one before is reached by fillers: entries of value 0, which the
kernel masks out. Rows are sorted by their number of entries, fillers among them, and padded with deltas
of 0. 5 bytes per non-zero, and few more down to about one weight in a hundred.

    steps    u32[chunks]
    rows     u32[chunks * height]   output row of each lane; fillers as in `row_order`
    deltas   u8[...]                per chunk [step][height]
    values   f32[...]               per chunk [step][height]
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.formats.nonzeros import find_nonzeros

MAX_DELTA = 255


@dataclass(frozen=True, slots=True)
class Deltas:
    """A weight matrix in delta format; the arrays are described above."""

    steps: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint32]
    deltas: npt.NDArray[np.uint8]
    values: FloatArray
    nonzeros: int


def pack_deltas(kernel: FloatArray, height: int) -> Deltas:
    """Pack a kernel, float32[inputs][units], in chunks of `height` rows."""
    entries = _entries(kernel)
    units = kernel.shape[1]
    order = np.argsort(entries.lengths, kind="stable")
    empty = -units % height
    sorted_lengths = np.concatenate((np.zeros(empty, np.int64), entries.lengths[order]))
    steps = sorted_lengths.reshape(-1, height).max(axis=1)
    # Where each chunk starts, then where each row's entries go: one every `height`.
    starts = np.concatenate(([0], np.cumsum(steps * height)))
    place = np.empty(units, np.int64)
    place[order] = np.arange(empty, empty + units)
    first = np.cumsum(entries.lengths) - entries.lengths
    within = np.arange(len(entries.deltas)) - np.repeat(first, entries.lengths)
    lane = np.repeat(starts[place // height] + place % height, entries.lengths)
    deltas = np.zeros(int(starts[-1]), np.uint8)
    values = np.zeros(len(deltas), np.float32)
    deltas[lane + within * height] = entries.deltas
    values[lane + within * height] = entries.values
    return Deltas(
        steps=steps.astype(np.uint32),
        rows=np.concatenate((np.full(empty, order[height - 1 - empty]), order)).astype(np.uint32),
        deltas=deltas,
        values=values,
        nonzeros=entries.nonzeros,
    )


@dataclass(frozen=True, slots=True)
class _Entries:
    """Weights and fillers row by row, and the number of them in each row."""

    deltas: npt.NDArray[np.uint8]
    values: FloatArray
    lengths: npt.NDArray[np.int64]
    nonzeros: int


def _entries(kernel: FloatArray) -> _Entries:
    found = find_nonzeros(kernel)
    rows = found.rows.astype(np.int64)
    follows = np.diff(rows, prepend=-1) == 0  # the weight before is of the same row
    before = np.where(follows, np.concatenate(([0], found.columns))[:-1], 0)
    far = found.columns - before
    fillers = np.maximum(far - 1, 0) // MAX_DELTA
    ends = np.cumsum(fillers + 1) - 1
    deltas = np.full(len(rows) + int(fillers.sum()), MAX_DELTA, np.uint8)
    values = np.zeros(len(deltas), np.float32)
    deltas[ends], values[ends] = far - fillers * MAX_DELTA, found.values
    lengths = np.bincount(np.repeat(rows, fillers + 1), minlength=kernel.shape[1])
    return _Entries(deltas, values, lengths, len(rows))
