"""What kernels over blocks of positions do, as operations and bytes; see `engine.kernels.estimate`."""

from dataclasses import dataclass

from engine.core.layers import ConvLayer, DepthwiseLayer
from engine.core.rates import Moved, Work
from engine.core.target import Isa
from engine.kernels.estimate import ROW_LOADS, SMALL_LOAD, read_weights

# A non-zero with its offset into the input.
_NONZERO_BYTES = 8
# The lines of a block's channels lie far apart, so that no stream brings them ahead of their use: they take so many
# times as long as bytes one after the other.
_APART = 2.0
# Storing a vector of results, in loads: a core stores one where it loads two.
_STORE_LOADS = 2.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a layer's positions lie in vectors, and those in blocks.

    Attributes:
        isa: level of the instructions.
        lanes: samples per tile.
        count: number of blocks.
        size: vectors of a block.
        channel_bytes: bytes of one channel of the input that a block touches.
        lines: lines of the cache that a vector of the input lies in: two where it starts anywhere.
    """

    isa: Isa
    lanes: int
    count: int
    size: int
    channel_bytes: int
    lines: int

    @property
    def vectors(self) -> int:
        """Vectors of all blocks."""
        return self.count * self.size

    @property
    def vector_bytes(self) -> int:
        """Bytes of a vector."""
        return 4 * self.isa.vector_floats


def sparse_conv_work(layer: ConvLayer, blocks: Blocks, nonzeros: int, panels: int) -> Work:
    """Return the work of a sparse convolution.

    Args:
        layer: the layer.
        blocks: its positions.
        nonzeros: weights that are not zero.
        panels: panels of channels whose part of a block's input stays in the first-level cache.
    """
    operands = nonzeros * blocks.vectors
    sums = 2 * (panels - 1) * layer.units * blocks.vectors * blocks.vector_bytes
    stored = layer.units * panels * blocks.count * (ROW_LOADS + _STORE_LOADS * blocks.size)
    return Work(
        products=operands * blocks.isa.vector_floats,
        loads=operands * blocks.lines + 2 * SMALL_LOAD * nonzeros * blocks.count + stored,
        moved=(
            *read_weights(_NONZERO_BYTES * nonzeros * blocks.count, blocks.count),
            Moved(operands * blocks.vector_bytes, _block_input(layer, blocks) / panels),
            Moved(sums, layer.units * blocks.size * blocks.vector_bytes),
            *_values(layer, blocks.lanes),
        ),
    )


def dense_conv_work(layer: ConvLayer, blocks: Blocks, rows: int) -> Work:
    """Return the work of a dense convolution on blocks of so many output channels."""
    weights = layer.kernel.size
    operands = weights * blocks.vectors / rows
    stored = layer.units * blocks.count * (ROW_LOADS + _STORE_LOADS * blocks.size)
    return Work(
        products=weights * blocks.vectors * blocks.isa.vector_floats,
        loads=operands * blocks.lines + SMALL_LOAD * weights * blocks.count + stored,
        moved=(
            *read_weights(4 * weights * blocks.count, blocks.count),
            Moved(operands * blocks.vector_bytes, _block_input(layer, blocks)),
            *_values(layer, blocks.lanes),
        ),
    )


def depthwise_work(layer: DepthwiseLayer, blocks: Blocks) -> Work:
    """Return the work of a depthwise convolution."""
    operands = layer.kernel.size * blocks.vectors
    return Work(
        products=operands * blocks.isa.vector_floats,
        loads=operands * blocks.lines
        + SMALL_LOAD * layer.kernel.size * blocks.count
        + layer.units * blocks.count * (ROW_LOADS + _STORE_LOADS * blocks.size),
        moved=(
            *read_weights(4 * layer.kernel.size, 1),
            *_values(layer, blocks.lanes),
        ),
    )


def _block_input(layer: ConvLayer, blocks: Blocks) -> float:
    """Return the bytes of the input that one block goes over again for every row of weights."""
    return layer.group_channels * blocks.channel_bytes


def _values(layer: ConvLayer | DepthwiseLayer, lanes: int) -> tuple[Moved, ...]:
    """Return the tile's input, read once, and its output: fetched before it is written, and written back."""
    size = (layer.x_rows + layer.y_rows) * lanes * 4
    return (Moved(_APART * (size + layer.y_rows * lanes * 4), size),)
