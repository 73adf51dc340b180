"""Lockstep format: every row has nearly the same number of weights in each window of columns.

That is what N:M patterns give (N weights kept of every M inputs): the columns are cut into windows of
`width`, and each window has a number of steps, the same for all rows: the most that any row needs. Step s
of a window holds every row's s-th weight in it. So no row waits for another, and a window of x is read
once for all of its steps. Rows keep their order; fillers (first chunk, first lanes) name the chunk's last
row.

    counts   u32[windows]          steps of each window
    rows     u32[chunks * height]  output row of each lane
    columns  u8[chunks][sum of counts][height]   place in the window; 0 where the row has no weight left
    values   f32[chunks][sum of counts][height]  0 there; the kernel masks it out
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels.abi import FloatArray

# Rows that are looked at before the whole matrix is.
_SAMPLE = 64


@dataclass(frozen=True, slots=True)
class Lockstep:
    """A weight matrix in lockstep; the arrays are described above."""

    counts: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint32]
    columns: npt.NDArray[np.uint8]
    values: FloatArray
    nonzeros: int


def lockstep_fill(kernel: FloatArray, width: int) -> float:
    """Return the share of lanes that would hold a weight; 0 where a sample of rows shows that few would.

    Args:
        kernel: float32[inputs][units].
        width: columns in a window.
    """
    if kernel.shape[1] > _SAMPLE and _fill(kernel[:, :_SAMPLE], width) < 1 / 2:
        return 0.0
    return _fill(kernel, width)


def pack_lockstep(kernel: FloatArray, height: int, width: int) -> Lockstep:
    """Pack a kernel, float32[inputs][units], in chunks of `height` rows and windows of `width` columns."""
    units = kernel.shape[1]
    fillers = -units % height
    rows = np.concatenate((np.full(fillers, height - fillers - 1), np.arange(units)))
    counts = _counts(kernel, width).max(axis=1)
    chunks = len(rows) // height
    columns = np.zeros((int(counts.sum()), len(rows)), np.uint8)
    values = np.zeros(columns.shape, np.float32)
    first = 0
    for window, count in enumerate(counts):
        part = kernel[window * width : (window + 1) * width]
        order = np.argsort(part == 0, axis=0, kind="stable")[:count]  # weights first, in order
        found = np.take_along_axis(part, order, axis=0)
        columns[first : first + count, fillers:] = np.where(found != 0, order, 0)
        values[first : first + count, fillers:] = found
        first += count
    return Lockstep(
        counts=counts.astype(np.uint32),
        rows=rows.astype(np.uint32),
        columns=_by_chunk(columns, chunks),
        values=_by_chunk(values, chunks),
        nonzeros=int(np.count_nonzero(kernel)),
    )


def _by_chunk(array: npt.NDArray[Any], chunks: int) -> npt.NDArray[Any]:
    """Turn [steps][chunks * height] into [chunks][steps][height], flat."""
    steps = array.shape[0]
    split = array.reshape(steps, chunks, -1).transpose(1, 0, 2)
    return np.ascontiguousarray(split).reshape(-1)


def _counts(kernel: FloatArray, width: int) -> npt.NDArray[np.int64]:
    """Weights of each row in each window, [windows][units]."""
    starts = np.arange(0, kernel.shape[0], width)
    return np.add.reduceat((kernel != 0).astype(np.int64), starts, axis=0)


def _fill(kernel: FloatArray, width: int) -> float:
    counts = _counts(kernel, width)
    lanes = int(counts.max(axis=1).sum()) * kernel.shape[1]
    return int(counts.sum()) / lanes if lanes else 0.0
