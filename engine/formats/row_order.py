"""Rows (outputs) sorted by their number of non-zeros and cut into chunks, for one-sample formats."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.formats.nonzeros import find_nonzeros


@dataclass(frozen=True, slots=True)
class SortedRows:
    """Rows by rising length, in whole chunks: empty fillers first, if any.

    A filler names the last row of its chunk as its own. Kernels store a chunk in order, so what a
    filler stores is overwritten by the row itself.

    Attributes:
        rows: u32[chunks * height], the row of each place.
        lengths: int64[chunks * height], non-zeros of each place.
        columns: int32[chunks * height][longest + 1], columns in order, then `inputs` as end mark.
        values: float32[chunks * height][longest + 1], 0 behind the end.
    """

    rows: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    values: FloatArray


def sort_rows(kernel: FloatArray, height: int) -> SortedRows:
    """Sort the rows of a kernel, float32[inputs][units], for chunks of `height` rows."""
    inputs, units = kernel.shape
    found = find_nonzeros(kernel)
    lengths = found.lengths
    order = np.argsort(lengths, kind="stable")
    fillers = -units % height
    place_of = np.empty(units, np.int64)
    place_of[order] = np.arange(fillers, fillers + units)
    longest = int(lengths.max(initial=0))
    columns = np.full((fillers + units, longest + 1), inputs, np.int32)
    values = np.zeros((fillers + units, longest + 1), np.float32)
    # Non-zeros come row by row: the flat place of each is its number, shifted once per row.
    first = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    shift = place_of * (longest + 1) - first
    flat = np.arange(len(found.columns)) + np.repeat(shift, lengths)
    columns.reshape(-1)[flat] = found.columns
    values.reshape(-1)[flat] = found.values
    last = order[height - 1 - fillers]
    return SortedRows(
        rows=np.concatenate((np.full(fillers, last), order)).astype(np.uint32),
        lengths=np.concatenate((np.zeros(fillers, np.int64), lengths[order])),
        columns=columns,
        values=values,
    )
