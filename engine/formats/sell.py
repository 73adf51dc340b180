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

from engine.formats.row_order import sort_rows
from engine.kernels.abi import FloatArray


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
    ordered = sort_rows(kernel, height)
    chunks = len(ordered.rows) // height
    steps = ordered.lengths.reshape(chunks, height).max(axis=1)
    columns = np.where(
        np.arange(ordered.columns.shape[1]) < ordered.lengths[:, None], ordered.columns, 0
    )
    kind = np.uint16 if index_bits == 16 else np.uint32
    parts = [slice(chunk * height, (chunk + 1) * height) for chunk in range(chunks)]
    return Sell(
        steps=steps.astype(np.uint32),
        rows=ordered.rows,
        columns=_joined([columns[part, :n].T for part, n in zip(parts, steps, strict=True)]).astype(
            kind
        ),
        values=_joined([ordered.values[part, :n].T for part, n in zip(parts, steps, strict=True)]),
        nonzeros=int(ordered.lengths.sum()),
    )


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate([np.ascontiguousarray(part).reshape(-1) for part in parts])
