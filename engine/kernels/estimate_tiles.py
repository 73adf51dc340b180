"""What kernels for tiles of Dense layers do, as operations and bytes; see `engine.kernels.estimate`."""

from dataclasses import dataclass

from engine.core.layers import DenseLayer
from engine.core.rates import Moved, Work
from engine.core.target import Isa
from engine.kernels.estimate import (
    COLUMN_BYTES,
    NARROWEST_FLOATS,
    ROW_LOADS,
    SMALL_LOAD,
    layer_size,
    read_weights,
)

# Column numbers, and weights that are permuted: four by one load.
_TOGETHER = 4


@dataclass(frozen=True, slots=True)
class Tile:
    """How the samples of a tile lie in vectors.

    Attributes:
        isa: level of the instructions.
        lanes: number of samples.
        parts: vectors that are computed at once.
    """

    isa: Isa
    lanes: int
    parts: int

    @property
    def passes(self) -> int:
        """How often a layer's weights are gone over."""
        return max(1, self.lanes // (self.parts * self.isa.vector_floats))

    @property
    def vectors(self) -> float:
        """Loads of a row of samples, in loads of a vector."""
        width = self.isa.vector_floats
        return SMALL_LOAD if self.lanes < width else self.lanes / width

    @property
    def floats(self) -> int:
        """Products of a row of samples, unused elements of the narrowest vector included."""
        return max(self.lanes, min(NARROWEST_FLOATS, self.isa.vector_floats))


def groups_work(
    layer: DenseLayer, tile: Tile, *, panels: int, permuted: bool, operands: float = 1.0
) -> Work:
    """Return the work of a sparse kernel on groups of rows.

    Args:
        layer: the layer.
        tile: its samples.
        panels: panels of columns.
        permuted: whether weights are spread by permutations; otherwise each is loaded.
        operands: rows of x that are loaded for a non-zero: below 1 where rows share columns.
    """
    size = layer_size(layer)
    together = 1 / _TOGETHER
    numbers = SMALL_LOAD * (together + (together if permuted else 1.0)) * tile.passes
    rows = size.results * panels * tile.passes
    moves = tile.isa.vector_floats * tile.passes if permuted else 0
    return Work(
        products=size.nonzeros * tile.floats,
        permuted=size.nonzeros * moves,
        loads=size.nonzeros * (operands * tile.vectors + numbers) + ROW_LOADS * rows,
        moved=(
            *read_weights(
                size.nonzeros * tile.passes * (4 + COLUMN_BYTES), size.positions * tile.passes
            ),
            *_values(layer, tile),
            *_sums(layer, tile, panels),
        ),
    )


def gemm_work(layer: DenseLayer, tile: Tile, rows: int) -> Work:
    """Return the work of a dense kernel on blocks of so many rows."""
    size = layer_size(layer)
    blocks = -(-layer.units // rows)
    again = (blocks - 1) * layer.x_rows * tile.lanes * 4
    return Work(
        products=size.weights * tile.floats,
        loads=size.weights * (SMALL_LOAD * tile.passes + tile.vectors / rows),
        moved=(
            *read_weights(size.weights * 4 * tile.passes, size.positions * tile.passes),
            *_values(layer, tile),
            Moved(again, layer.inputs * tile.lanes * 4),
        ),
    )


def columns_work(layer: DenseLayer, tile: Tile, vectors: int) -> Work:
    """Return the work of a dense kernel whose vectors are outputs, so many of them at once."""
    size = layer_size(layer)
    for_each = (1 + SMALL_LOAD * tile.lanes / vectors) / tile.isa.vector_floats
    return Work(
        products=size.weights * tile.lanes,
        loads=size.weights * for_each,
        moved=(*read_weights(size.weights * 4, size.positions), *_values(layer, tile)),
    )


def _values(layer: DenseLayer, tile: Tile) -> tuple[Moved, ...]:
    """Return the tile's input, read once, and its output."""
    size = (layer.x_rows + layer.y_rows) * tile.lanes * 4
    return (Moved(size, size),)


def _sums(layer: DenseLayer, tile: Tile, panels: int) -> tuple[Moved, ...]:
    """Return the sums of all rows, read and written once for each panel but one."""
    size = (layer.inputs + layer.units) * tile.lanes * 4
    return (Moved(2 * (panels - 1) * layer.y_rows * tile.lanes * 4, size),)
