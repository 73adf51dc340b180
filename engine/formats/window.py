"""Window format: rows that walk over the columns together, for one sample and no gather.

A chunk of `height` rows (sorted by length) is walked in steps. A step looks at one window of
`width` consecutive columns, which starts at a multiple of 16, and takes from every row at most one
non-zero: its next one, if that lies in the window. The window starts at the smallest next column
of all rows, so the row that is behind always advances. What a kernel multiplies is then a
permutation of `width` numbers that lie in registers.

    steps    u32[chunks]
    rows     u32[chunks * height]     output row of each lane
    windows  u16[...]                 per chunk and step: first column / 16
    columns  u8[...]                  per chunk and step [height]: 128 + place in the window, or 0
    values   f32[...]                 per chunk and step [height]; 0 where the row waits

Rows wait when their next column is beyond the window. With uniformly random zeros the share of
lanes that do not wait is, for width 32 / 64 / 128 and 16 rows, 0.77 / 0.87 / 0.93 at 80 % zeros and
0.50 / 0.66 / 0.80 at 95 %.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.errors import PackError
from engine.formats.row_order import SortedRows, sort_rows

WINDOW_STEP = 16
VALID = 128
MAX_WIDTH = 128


@dataclass(frozen=True, slots=True)
class Windows:
    """A weight matrix in windows; the arrays are described above."""

    steps: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint32]
    windows: npt.NDArray[np.uint16]
    columns: npt.NDArray[np.uint8]
    values: FloatArray
    nonzeros: int


def pack_windows(kernel: FloatArray, height: int, width: int) -> Windows:
    """Pack a kernel, float32[inputs][units].

    Args:
        kernel: weights.
        height: rows in a chunk.
        width: columns in a window, up to 128 and no more than the inputs rounded up to 16.

    Raises:
        PackError: a window is wider than the inputs, or there are too many inputs for 16 bits.
    """
    inputs = kernel.shape[0]
    blocks = -(-inputs // WINDOW_STEP)
    if not width <= min(MAX_WIDTH, blocks * WINDOW_STEP) or blocks > 65_536:
        raise PackError("window", f"{width} to 1048576 inputs", str(inputs))
    ordered = sort_rows(kernel, height)
    walk = _Walk(ordered, height, width, last_start=blocks - width // WINDOW_STEP)
    taken = []
    while (step := walk.step()) is not None:
        taken.append(step)
    return _joined(ordered, height, taken, int(ordered.lengths.sum()))


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of all chunks that are not done."""

    chunks: npt.NDArray[np.intp]
    windows: npt.NDArray[np.uint16]
    columns: npt.NDArray[np.uint8]
    values: FloatArray


class _Walk:
    """All chunks at once, step by step."""

    def __init__(self, rows: SortedRows, height: int, width: int, last_start: int) -> None:
        self._height, self._width, self._last = height, width, last_start
        # Place of each row's next non-zero in the flat arrays.
        self._next = np.arange(len(rows.rows)) * rows.columns.shape[1]
        self._columns, self._values = rows.columns.reshape(-1), rows.values.reshape(-1)
        self._ends = self._next + rows.lengths

    def step(self) -> _Step | None:
        """Advance every unfinished chunk by one step; None when all are done."""
        left = (self._next < self._ends).reshape(-1, self._height)
        chunks = np.flatnonzero(left.any(axis=1))
        if not len(chunks):
            return None
        following = self._next.reshape(-1, self._height)[chunks]
        lanes = self._columns[following]
        starts = np.minimum(lanes.min(axis=1) // WINDOW_STEP, self._last)
        inside = lanes - starts[:, None] * WINDOW_STEP
        take = (inside < self._width) & left[chunks]
        values = self._values[following]
        self._next.reshape(-1, self._height)[chunks] = following + take
        return _Step(
            chunks,
            starts.astype(np.uint16),
            np.where(take, inside + VALID, 0).astype(np.uint8),
            np.where(take, values, np.float32(0)),
        )


def _joined(rows: SortedRows, height: int, taken: list[_Step], nonzeros: int) -> Windows:
    """Bring the steps of each chunk together, in order."""
    none = np.zeros(0, np.intp)
    chunk_of = np.concatenate([none, *(step.chunks for step in taken)])
    order = np.argsort(chunk_of, kind="stable")
    windows = np.concatenate([none, *(step.windows for step in taken)]).astype(np.uint16)
    empty = np.zeros((0, height), np.uint8)
    columns = np.concatenate([empty, *(step.columns for step in taken)])
    values = np.concatenate([empty.astype(np.float32), *(step.values for step in taken)])
    return Windows(
        steps=np.bincount(chunk_of, minlength=len(rows.rows) // height).astype(np.uint32),
        rows=rows.rows,
        windows=windows[order],
        columns=columns[order].reshape(-1),
        values=values[order].reshape(-1),
        nonzeros=nonzeros,
    )
