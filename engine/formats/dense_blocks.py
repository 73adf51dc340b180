"""Dense weights in blocks of rows, in the order in which kernels read them.

weights  f32[blocks][inputs][height]     rows behind the last are zeros
"""

from dataclasses import dataclass

import numpy as np

from engine.kernels.abi import FloatArray


@dataclass(frozen=True, slots=True)
class DenseBlocks:
    """A weight matrix in row blocks; the array is described above."""

    weights: FloatArray
    blocks: int


def pack_dense_blocks(kernel: FloatArray, height: int) -> DenseBlocks:
    """Pack a kernel, float32[inputs][units], in blocks of `height` rows (units)."""
    inputs, units = kernel.shape
    blocks = -(-units // height)
    padded = np.zeros((inputs, blocks * height), np.float32)
    padded[:, :units] = kernel
    weights = padded.reshape(inputs, blocks, height).transpose(1, 0, 2)
    return DenseBlocks(np.ascontiguousarray(weights).reshape(-1), blocks)
