"""SELL: sliced ELLPACK with sorted rows, for one sample.

Rows are sorted by length and cut into chunks of `height` rows (the vector width), so that
the rows of a chunk have nearly the same length. A chunk is as many steps as its longest row has
non-zeros; step t holds the t-th non-zero of every row. Shorter rows are filled up with value 0 and
column 0, which the kernel masks out (a value of zero is never a stored weight). (SELL-C-sigma,
Kreutzer et al. 2014, with sigma = all rows.)

    steps    u32[chunks]
    rows     u32[chunks * height]       output row of each lane
    columns  u16 or u32 [...]           per chunk [step][height]
    values   f32[...]                   per chunk [step][height]
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.formats.row_order import SortedRows, sort_rows


@dataclass(frozen=True, slots=True)
class Sell:
    """A weight matrix in SELL; the arrays are described above."""

    steps: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint32]
    columns: npt.NDArray[Any]
    values: FloatArray
    nonzeros: int


def pack_sell(kernel: FloatArray, height: int, index_bits: int) -> Sell:
    """Pack a kernel, float32[inputs][units], in chunks of `height` rows; indices of 16 or 32 bits."""
    kind = np.uint16 if index_bits == 16 else np.uint32
    ordered = sort_rows(kernel, height)
    slices = sliced(ordered, height)
    return Sell(
        steps=slices.steps,
        rows=ordered.rows,
        columns=slices.columns.astype(kind),
        values=slices.values,
        nonzeros=int(ordered.lengths.sum()),
    )


@dataclass(frozen=True, slots=True)
class Slices:
    """Sorted rows in slices of `height`: steps of each, and per slice [step][height]."""

    steps: npt.NDArray[np.uint32]
    columns: npt.NDArray[np.int32]
    values: FloatArray


def sliced(ordered: SortedRows, height: int) -> Slices:
    """Cut sorted rows into slices; rows that end early are filled up with column 0 and value 0."""
    slices = len(ordered.rows) // height
    steps = ordered.lengths.reshape(slices, height).max(axis=1)
    columns = np.where(
        np.arange(ordered.columns.shape[1]) < ordered.lengths[:, None], ordered.columns, 0
    )
    parts = [slice(number * height, (number + 1) * height) for number in range(slices)]
    return Slices(
        steps=steps.astype(np.uint32),
        columns=_joined([columns[part, :n].T for part, n in zip(parts, steps, strict=True)]),
        values=_joined([ordered.values[part, :n].T for part, n in zip(parts, steps, strict=True)]),
    )


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate([np.ascontiguousarray(part).reshape(-1) for part in parts])
