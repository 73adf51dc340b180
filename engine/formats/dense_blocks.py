"""Dense weights in blocks of rows, in the order in which kernels read them.

weights  f32[blocks][inputs][height]     rows behind the last are zeros
"""

from dataclasses import dataclass

from engine.core.arrays import FloatArray, aligned_zeros


@dataclass(frozen=True, slots=True)
class DenseBlocks:
    """A weight matrix in row blocks; the array is described above."""

    weights: FloatArray
    blocks: int


def pack_dense_blocks(kernel: FloatArray, height: int) -> DenseBlocks:
    """Pack a kernel, float32[inputs][units], in blocks of `height` rows (units)."""
    inputs, units = kernel.shape
    blocks = -(-units // height)
    weights = aligned_zeros(blocks * inputs * height).reshape(blocks, inputs, height)
    whole = units // height
    weights[:whole] = kernel[:, : whole * height].reshape(inputs, whole, height).transpose(1, 0, 2)
    if whole < blocks:
        weights[whole, :, : units - whole * height] = kernel[:, whole * height :]
    return DenseBlocks(weights.reshape(-1), blocks)
