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

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.errors import PackError
from engine.formats.grouped_entries import group_entries
from engine.formats.nonzeros import find_nonzeros

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
    found = find_nonzeros(kernel)
    order = group_entries(found, inputs, rows_per_group, panel_columns)
    columns = (found.columns % panel_columns * column_unit).astype(np.uint16)
    return RowGroups(
        panels=order.panels,
        buckets=order.buckets,
        rows=order.rows,
        columns=columns[order.entries].reshape(-1),
        values=found.values[order.entries].reshape(-1),
        nonzeros=len(found.values),
    )
