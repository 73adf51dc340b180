"""Row groups: rows of equal length side by side, in panels of columns.

The columns are cut into panels, so that the part of the input that a panel touches stays in the
first-level cache. Within a panel the rows (outputs) are sorted by their number of non-zeros; rows
of the same number L form buckets, and `rows_per_group` of them are interleaved, so that a kernel
has that many independent sums and a loop count that changes only from bucket to bucket.

No padding is ever multiplied: where a bucket is no multiple of the group, its last row is listed
again, is computed twice and gives the same result twice. So NaN and infinities go exactly where
the mathematics sends them.

    panels   u32[panels + 1][3]   first bucket, first group and first entry of each panel
    buckets  u32[buckets][2]      (L, number of groups)
    rows     u32[groups][R]       output row of each member
    columns  u16[...]             per group [L][R]: column inside the panel x `column_unit`
    values   f32[...]             per group [L][R]

Buckets of L = 0 appear in the first and the last panel only: there every row must be started from
zeros, and finished by its bias and the activation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.errors import PackError
from engine.formats.nonzeros import Nonzeros, find_nonzeros

MAX_COLUMN = 65_535


@dataclass(frozen=True, slots=True)
class RowGroups:
    """A weight matrix in row groups; the arrays are described above."""

    panels: npt.NDArray[np.uint32]
    buckets: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint32]
    columns: npt.NDArray[np.uint16]
    values: FloatArray
    nonzeros: int


def pack_row_groups(
    kernel: FloatArray, rows_per_group: int, panel_columns: int, column_unit: int = 1
) -> RowGroups:
    """Pack a kernel.

    Args:
        kernel: float32[inputs][units].
        rows_per_group: R, rows interleaved.
        panel_columns: columns in a panel, at least 1.
        column_unit: factor on stored column numbers (makes them offsets in units of the kernel).

    Raises:
        PackError: a column number does not fit 16 bits.
    """
    inputs = kernel.shape[0]
    if (min(panel_columns, inputs) - 1) * column_unit > MAX_COLUMN:
        raise PackError(
            "row_groups", f"column numbers up to {MAX_COLUMN}", f"{panel_columns} x {column_unit}"
        )
    starts = range(0, inputs, panel_columns)
    panels: list[tuple[int, int, int]] = [(0, 0, 0)]
    parts: list[LengthBucket] = []
    nonzeros = 0
    for start in starts:
        ends = start in {0, starts[-1]}
        panel = find_nonzeros(kernel[start : start + panel_columns])
        new = length_buckets(panel, rows_per_group, with_empty=ends)
        parts.extend(new)
        nonzeros += len(panel.values)
        _, groups, entries = panels[-1]
        groups += sum(len(part.rows) for part in new) // rows_per_group
        panels.append((len(parts), groups, entries + sum(part.values.size for part in new)))
    columns = [part.columns.astype(np.uint32) * column_unit for part in parts]
    return RowGroups(
        panels=np.array(panels, np.uint32),
        buckets=np.array(
            [(part.length, len(part.rows) // rows_per_group) for part in parts], np.uint32
        ).reshape(-1, 2),
        rows=np.concatenate([part.rows for part in parts]).astype(np.uint32),
        columns=np.concatenate([c.astype(np.uint16).ravel() for c in columns]),
        values=np.concatenate([part.values.ravel() for part in parts]),
        nonzeros=nonzeros,
    )


@dataclass(frozen=True, slots=True)
class LengthBucket:
    """Rows of equal length, in groups; a row may be there again to fill the last one."""

    length: int
    rows: npt.NDArray[np.intp]  # [groups * R]
    columns: npt.NDArray[np.intp]  # [groups][L][R]
    values: FloatArray  # [groups][L][R]


def length_buckets(panel: Nonzeros, rows_per_group: int, *, with_empty: bool) -> list[LengthBucket]:
    """Return the buckets of one panel, shortest first."""
    lengths = panel.lengths
    first = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    found = []
    for length in np.unique(lengths):
        if length == 0 and not with_empty:
            continue
        rows = np.flatnonzero(lengths == length)
        missing = -len(rows) % rows_per_group
        rows = np.concatenate((rows, np.repeat(rows[-1:], missing)))
        places = first[rows][:, None] + np.arange(length)  # [rows][L]
        shape = (-1, rows_per_group, int(length))
        found.append(
            LengthBucket(
                length=int(length),
                rows=rows,
                columns=_interleaved(panel.columns[places], shape),
                values=_interleaved(panel.values[places], shape),
            )
        )
    return found


def _interleaved(matrix: npt.NDArray[Any], shape: tuple[int, int, int]) -> npt.NDArray[Any]:
    """Turn [groups * R][L] into [groups][L][R]."""
    groups = matrix.shape[0] // shape[1]
    return np.ascontiguousarray(matrix.reshape(groups, shape[1], shape[2]).transpose(0, 2, 1))
