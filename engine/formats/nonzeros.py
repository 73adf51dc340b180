"""The weights that are not zero, output by output: what every sparse format starts from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray

_SHORT_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Nonzeros:
    """Non-zeros of a kernel by rising row (output), and within a row by rising column (input).

    Attributes:
        rows: row of each; uint16 where all rows fit it.
        columns: column of each.
        values: weight of each.
        lengths: number of them in each row.
    """

    rows: npt.NDArray[np.uint16 | np.int64]
    columns: npt.NDArray[np.int64]
    values: FloatArray
    lengths: npt.NDArray[np.int64]


def find_nonzeros(kernel: FloatArray) -> Nonzeros:
    """Collect the non-zeros of a kernel, float32[inputs][units]; NaN is one.

    The kernel lies column by column, so that the stable sort by row is all that is needed: on 16-bit
    rows NumPy sorts by digits, which is faster than transposing the kernel.
    """
    units = kernel.shape[1]
    flat = kernel.reshape(-1)
    places = np.flatnonzero(flat != 0)
    columns, rows = np.divmod(places, units)
    short = rows.astype(np.uint16) if units <= _SHORT_ROWS else rows
    order = np.argsort(short, kind="stable")
    return Nonzeros(
        rows=short[order],
        columns=columns[order],
        values=flat[places[order]],
        lengths=np.bincount(rows, minlength=units),
    )
