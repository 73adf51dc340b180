"""Blocks of weights that are kept or removed together, for one sample: one column number per block.

Two shapes of blocks, of `size` weights each:

    rows   `size` neighbouring outputs that use the same input (patterns 4x1, 16x1, 8x8, ...)
    run    one output that uses `size` neighbouring inputs (patterns 1x4, 1x16, 8x8, ...)

A band is what has a list of blocks: `size` outputs, or one. Bands are sorted by the length of their lists
and cut into chunks, as rows are in SELL; step t of a chunk holds the t-th block of each of its bands.
Where the number of outputs is no multiple of `size` the last band overlaps the one before: those outputs
are computed twice and give the same twice. Weights of a block that are zero are stored, and masked out
by the kernel.

    steps    u32[chunks]
    rows     u32[...]    output row of each lane, per chunk
    columns  u16[...]    per chunk [step][bands]: first input of the block
    values   f32[...]    per chunk [step][bands][size]
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.errors import PackError
from engine.formats.row_order import sort_rows

MAX_INPUTS = 65_536
# Inputs or outputs that are looked at before the whole matrix is.
_SAMPLE = 64


class BlockShape(StrEnum):
    """What a block is made of."""

    ROWS = "rows"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class UnitBlocks:
    """A weight matrix in blocks; the arrays are described above."""

    steps: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint32]
    columns: npt.NDArray[np.uint16]
    values: FloatArray
    nonzeros: int


def block_fill(kernel: FloatArray, shape: BlockShape, size: int) -> float:
    """Return the share of weights that are not zero among those of all blocks that have one.

    A part of the matrix is looked at first: 0 where that already says that there are no blocks.

    Args:
        kernel: float32[inputs][units].
        shape: shape of the blocks.
        size: weights in a block, at most `units` for rows.
    """
    part = kernel[:_SAMPLE] if shape is BlockShape.ROWS else kernel[:, :_SAMPLE]
    if part.size < kernel.size and _fill(part, shape, size) < 1 / 2:
        return 0.0
    return _fill(kernel, shape, size)


def pack_unit_blocks(kernel: FloatArray, shape: BlockShape, size: int, bands: int) -> UnitBlocks:
    """Pack a kernel.

    Args:
        kernel: float32[inputs][units].
        shape: shape of the blocks.
        size: weights in a block.
        bands: bands in a chunk.

    Raises:
        PackError: too many inputs for 16 bits, or fewer outputs than a band has.
    """
    inputs, units = kernel.shape
    if inputs > MAX_INPUTS or (shape is BlockShape.ROWS and units < size):
        raise PackError("unit_blocks", f"{size} units or more, {MAX_INPUTS} inputs", f"{units}")
    ordered = sort_rows(_used(kernel, shape, size).astype(np.float32), bands)
    chunks = len(ordered.rows) // bands
    steps = ordered.lengths.reshape(chunks, bands).max(axis=1)
    of_rows = shape is BlockShape.ROWS
    first_row = np.minimum(ordered.rows.astype(np.int64) * size, units - size)
    rows = (first_row[:, None] + np.arange(size)).reshape(-1) if of_rows else ordered.rows
    padded = kernel if of_rows else _padded(kernel, size)
    columns, values = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for chunk, count in enumerate(steps):
        places = slice(chunk * bands, (chunk + 1) * bands)
        used = np.arange(count)[:, None] < ordered.lengths[places]  # [step][band]
        column = np.where(used, ordered.columns[places, :count].T, 0)
        if of_rows:
            block = kernel[column[:, :, None], rows.reshape(-1, size)[places][None]]
        else:
            column = column * size
            run = column[:, :, None] + np.arange(size)
            block = padded[run, rows[places].astype(np.int64)[None, :, None]]
        columns.append(column.reshape(-1))
        values.append(np.where(used[:, :, None], block, np.float32(0)).reshape(-1))
    return UnitBlocks(
        steps=steps.astype(np.uint32),
        rows=rows.astype(np.uint32),
        columns=np.concatenate(columns).astype(np.uint16),
        values=np.concatenate(values),
        nonzeros=int(np.count_nonzero(kernel)),
    )


def _used(kernel: FloatArray, shape: BlockShape, size: int) -> npt.NDArray[np.bool_]:
    """Return which blocks have a weight: [inputs][bands of rows], or [runs][units]."""
    inputs, units = kernel.shape
    if shape is BlockShape.RUN:
        return (_padded(kernel, size) != 0).reshape(-1, size, units).any(axis=1)
    whole = units // size * size
    used = (kernel[:, :whole] != 0).reshape(inputs, -1, size).any(axis=2)
    if whole == units:
        return used
    return np.column_stack((used, (kernel[:, units - size :] != 0).any(axis=1)))


def _fill(kernel: FloatArray, shape: BlockShape, size: int) -> float:
    used = int(np.count_nonzero(_used(kernel, shape, size)))
    return int(np.count_nonzero(kernel)) / (used * size) if used else 0.0


def _padded(kernel: FloatArray, size: int) -> FloatArray:
    """Return the kernel with zero inputs up to a whole number of runs."""
    missing = -kernel.shape[0] % size
    return np.pad(kernel, ((0, missing), (0, 0))) if missing else kernel
