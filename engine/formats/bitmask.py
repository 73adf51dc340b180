"""Bitmask format: for every 16 rows and column one bit per row, and the weights that are not zero.

A chunk is `height` rows, a multiple of 16, in the order of the layer; fillers (first chunk, first lanes)
name the chunk's last row and have no weights. 4 bytes per non-zero and 1/8 byte per weight.

    rows    u32[chunks * height]                    output row of each lane
    masks   u16[chunks][inputs][height / 16]        bit i: lane i has a weight in this column
    values  f32[nonzeros + 16]                      per chunk, column, register: the weights by rising lane

The 16 zeros at the end are room for kernels that load a whole register.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray

MASK_BITS = 16


@dataclass(frozen=True, slots=True)
class Bitmask:
    """A weight matrix as bits and values; the arrays are described above."""

    rows: npt.NDArray[np.uint32]
    masks: npt.NDArray[np.uint16]
    values: FloatArray
    nonzeros: int


def pack_bitmask(kernel: FloatArray, height: int) -> Bitmask:
    """Pack a kernel, float32[inputs][units], in chunks of `height` rows."""
    inputs, units = kernel.shape
    fillers = -units % height
    rows = np.concatenate((np.full(fillers, height - fillers - 1), np.arange(units)))
    padded = np.zeros((inputs, len(rows)), np.float32)
    padded[:, fillers:] = kernel
    by_chunk = np.ascontiguousarray(padded.reshape(inputs, -1, height).transpose(1, 0, 2))
    used = by_chunk != 0
    masks = np.packbits(used.reshape(-1, MASK_BITS), axis=1, bitorder="little")
    values = np.concatenate((by_chunk[used], np.zeros(MASK_BITS, np.float32)))
    return Bitmask(
        rows=rows.astype(np.uint32),
        masks=np.ascontiguousarray(masks).view("<u2").reshape(-1).astype(np.uint16),
        values=values,
        nonzeros=len(values) - MASK_BITS,
    )
