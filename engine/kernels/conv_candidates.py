"""The kernels that can compute a convolution, and how its weights and positions are packed for them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import aligned
from engine.core.layers import ConvLayer
from engine.core.target import Isa
from engine.formats.conv_groups import order_conv_groups, tap_offsets
from engine.formats.dense_blocks import pack_dense_blocks
from engine.formats.position_vectors import Grid, PositionVectors, cover
from engine.kernels import conv_dense, conv_rows
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer, packed_layer
from engine.kernels.estimate_windows import Blocks, dense_conv_work, sparse_conv_work
from engine.kernels.position_blocks import (
    ADDS,
    COPIES,
    COPY_BYTES,
    MOST_VECTORS,
    STORES,
    SUMS,
    VECTORS,
)

_MOST_ROWS, _ENOUGH_SUMS = 4, 8
LINE_BYTES = 64
# What a weight of a dense block takes besides its multiply-adds, in multiply-adds: a vector of the input for each line
# of the cache that it lies in, and a weight for each row, whose load is narrow and has a unit of its own.
_VECTOR_PRICE, _WEIGHT_PRICE = 1.3, 0.4
# Weights that take more than this come from beyond the second-level cache in every block, which takes as much more.
_CACHED_WEIGHTS_BYTES, _FAR_WEIGHT_PRICE = 1024 * 1024, 0.8
# What a weight of a sparse block takes besides its multiply-adds, and what storing the sums of a row in a panel does:
# so many multiply-adds, and so many more for each vector.
_NONZERO_PRICE, _ROW_PRICE, _STORE_PRICE = 0.8, 20.0, 4.0
# A dense block whose input takes so little stays in the nearest cache, wherever its channels lie.
_NEAR_BYTES = 16 * 1024
# The most of the input that one panel of channels touches in a block, and the fewest weights of a row that are worth
# reading and writing its sums once more.
PANEL_BYTES = 32 * 1024
LEAST_OF_PANEL = 4
# The same for panels that are copied. (40 KB beside 24, 32, 64 and 128: 1.0 to 1.1x the next best; but one panel of
# up to 64 KB is 1.3x as fast as two.)
COPIED_PANEL_BYTES = 40 * 1024
# How many weights that are not zero meet a vector that is worth copying; and what copying one takes, in loads.
LEAST_USES = 4
_COPY_LOADS = 4
# Grids whose vectors are kept, and how many elements of a channel these have at most: clients may ask for ever new ones.
_KEPT_GRIDS, _KEPT_ELEMENTS = 64, 2**18
# Loads beside those of the input that a weight takes: itself and its offset.
_LOADS = 2


def positions_of(grid: Grid, lanes: int, width: int, *, apart: bool = False) -> PositionVectors:
    """Return the vectors that cover a grid; see `cover`. Some are kept, for layers often have the grid of others."""
    if grid.positions * lanes > _KEPT_ELEMENTS:
        return cover(grid, lanes, width, apart=apart)
    return _kept_positions(grid, lanes, width, apart=apart)


@lru_cache(_KEPT_GRIDS)
def _kept_positions(grid: Grid, lanes: int, width: int, *, apart: bool) -> PositionVectors:
    return cover(grid, lanes, width, apart=apart)


def candidates(layer: ConvLayer, isa: Isa, lanes: int) -> list[Candidate]:
    """Return the kernels that can compute a convolution."""
    nonzeros = _nonzeros(layer)
    return [
        _sparse_candidate(layer, isa, lanes, nonzeros),
        *_copying_candidates(layer, isa, lanes, nonzeros),
        _dense_candidate(layer, isa, lanes),
        *_copying_dense_candidates(layer, isa, lanes),
    ]


def _vectors(layer: ConvLayer, isa: Isa, lanes: int, *, apart: bool) -> PositionVectors:
    grid = Grid(layer.sizes, layer.strides)
    return positions_of(grid, lanes, isa.vector_floats, apart=apart)


def _sparse_candidate(layer: ConvLayer, isa: Isa, lanes: int, nonzeros: int) -> Candidate:
    vectors = _vectors(layer, isa, lanes, apart=False)
    rows, size = sparse_shape(vectors.count, isa)
    panels = _panels(layer, vectors, lanes, size)
    if panels > 1:
        vectors = _vectors(layer, isa, lanes, apart=True)
        rows, size = sparse_shape(vectors.count, isa)
    choices = [(conv_rows.PANELS, conv_rows.SEVERAL if panels > 1 else conv_rows.ONE)]
    spec = _spec(conv_rows.FAMILY, layer, isa, lanes, vectors, (rows, size), choices)
    blocks = _blocks(layer, isa, lanes, vectors, size)
    work = sparse_conv_work(layer, blocks, nonzeros, panels)
    return Candidate(spec, True, partial(pack_sparse, spec=spec), work)


def _copying_candidates(layer: ConvLayer, isa: Isa, lanes: int, nonzeros: int) -> list[Candidate]:
    """Return kernels that copy what they meet, where vectors of the input lie in two lines and are met often."""
    vectors = _vectors(layer, isa, lanes, apart=True)
    if (
        layer.groups > 1
        or _lines(layer, lanes, vectors) == 1
        or nonzeros < LEAST_USES * layer.inputs
    ):
        return []
    # Which is faster depends on where the layers around it leave the caches: both are timed.
    shapes = (
        copying_shape(vectors.count, layer, isa, nonzeros),
        sparse_shape(vectors.count, isa),
    )
    return [
        _copying_candidate(layer, isa, lanes, vectors, shape) for shape in dict.fromkeys(shapes)
    ]


def _copying_candidate(
    layer: ConvLayer, isa: Isa, lanes: int, vectors: PositionVectors, shape: tuple[int, int]
) -> Candidate:
    blocks = _blocks(layer, isa, lanes, vectors, shape[1])
    panels = _copied_panels(layer, isa, shape[1])
    choices: list[tuple[str, int | str]] = [
        (COPIES, 1),
        (conv_rows.PANELS, conv_rows.SEVERAL if panels > 1 else conv_rows.ONE),
    ]
    spec = _spec(conv_rows.FAMILY, layer, isa, lanes, vectors, shape, choices)
    work = sparse_conv_work(layer, replace(blocks, lines=1), _nonzeros(layer), panels)
    copied = layer.inputs * blocks.vectors * _COPY_LOADS
    work = replace(work, loads=work.loads + copied)
    return Candidate(spec, True, partial(pack_sparse, spec=spec), work)


def _nonzeros(layer: ConvLayer) -> int:
    """Return how many weights are not zero."""
    return int(np.count_nonzero(layer.kernel)) if layer.nonzeros is None else layer.nonzeros


def _copied_panels(layer: ConvLayer, isa: Isa, size: int) -> int:
    """Return how many panels are copied."""
    return -(-layer.inputs // _copied_columns(layer, isa, size))


def _copied_columns(layer: ConvLayer, isa: Isa, size: int) -> int:
    """Return the columns of a panel that is copied: all, or of panels of equal size that stay in the nearest cache."""
    run_bytes = 4 * isa.vector_floats * size
    if layer.inputs * run_bytes <= COPY_BYTES:
        return layer.inputs
    most = COPIED_PANEL_BYTES // run_bytes
    return -(-layer.inputs // -(-layer.inputs // most))


def _dense_candidate(layer: ConvLayer, isa: Isa, lanes: int) -> Candidate:
    vectors = _vectors(layer, isa, lanes, apart=False)
    shape = dense_shape(vectors.count, layer, isa, _lines(layer, lanes, vectors))
    spec = _spec(conv_dense.FAMILY, layer, isa, lanes, vectors, shape, [])
    blocks = _blocks(layer, isa, lanes, vectors, shape[1])
    work = dense_conv_work(layer, blocks, shape[0])
    return Candidate(spec, False, partial(pack_dense, spec=spec), work)


def _copying_dense_candidates(layer: ConvLayer, isa: Isa, lanes: int) -> list[Candidate]:
    """Return the dense kernel that copies what it meets, where vectors lie in two lines or a block leaves the cache."""
    vectors = _vectors(layer, isa, lanes, apart=True)
    shape = dense_shape(vectors.count, layer, isa, 1)
    blocks = _blocks(layer, isa, lanes, vectors, shape[1])
    met_by = layer.units // layer.groups // shape[0]
    run_bytes = 4 * isa.vector_floats * shape[1]
    if met_by < LEAST_USES or (blocks.lines == 1 and layer.inputs * run_bytes <= _NEAR_BYTES):
        return []
    spec = _spec(conv_dense.FAMILY, layer, isa, lanes, vectors, shape, [(COPIES, 1)])
    work = dense_conv_work(layer, replace(blocks, lines=1), shape[0])
    work = replace(work, loads=work.loads + layer.inputs * blocks.vectors * _COPY_LOADS)
    return [Candidate(spec, False, partial(pack_dense, spec=spec), work)]


def _spec(
    family: str,
    layer: ConvLayer,
    isa: Isa,
    lanes: int,
    vectors: PositionVectors,
    shape: tuple[int, int],
    choices: Sequence[tuple[str, int | str]],
) -> KernelSpec:
    """Return a kernel of so many rows and vectors."""
    variant = [
        *choices,
        (conv_rows.ROWS, shape[0]),
        (STORES, vectors.stores.value),
        (VECTORS, shape[1]),
    ]
    if layer.adds:
        variant.append((ADDS, 1))
    return KernelSpec(family, isa, lanes, layer.activation.function, tuple(sorted(variant)))


def _blocks(layer: ConvLayer, isa: Isa, lanes: int, vectors: PositionVectors, size: int) -> Blocks:
    """Return how the positions lie in blocks of so many vectors, for the estimates."""
    starts = _starts(layer, vectors, lanes, size)
    return Blocks(
        isa,
        lanes,
        -(-vectors.count // size),
        size,
        _channel_bytes(starts, vectors.width),
        lines=_lines(layer, lanes, vectors),
    )


def _lines(layer: ConvLayer, lanes: int, vectors: PositionVectors) -> int:
    """Return in how many lines of the cache a vector of the input lies: two where it starts anywhere."""
    starts = _starts(layer, vectors, lanes, MOST_VECTORS)
    across = layer.channel_rows * lanes * 4 % LINE_BYTES or np.any(starts % LINE_BYTES)
    return 2 if across and lanes < vectors.width else 1


def _starts(
    layer: ConvLayer, vectors: PositionVectors, lanes: int, size: int
) -> npt.NDArray[np.int64]:
    """Return the first byte of each vector of a block and tap within a channel: int64[size][taps]."""
    taps = layer.taps.astype(np.int64) * lanes * 4
    starts: npt.NDArray[np.int64] = vectors.table[:size, 0].astype(np.int64)[:, None] + taps
    return starts


def _channel_bytes(starts: npt.NDArray[np.int64], width: int) -> int:
    """Return the bytes of the lines of one channel that vectors of `width` elements touch."""
    ends = starts + width * 4 - 1
    return LINE_BYTES * np.unique(np.concatenate([starts // LINE_BYTES, ends // LINE_BYTES])).size


def _panels(layer: ConvLayer, vectors: PositionVectors, lanes: int, size: int) -> int:
    """Return in how many panels of channels a block's input fits the first-level cache."""
    starts = _starts(layer, vectors, lanes, size)
    channels = max(1, PANEL_BYTES // _channel_bytes(starts, vectors.width))
    rows = _nonzeros(layer) // layer.units
    return max(1, min(-(-layer.group_channels // channels), rows // LEAST_OF_PANEL))


def sparse_shape(count: int, isa: Isa) -> tuple[int, int]:
    """Return rows and vectors of a block: those that take the fewest loads for `count` vectors."""
    size = min(
        range(1, min(MOST_VECTORS, SUMS[isa]) + 1),
        key=lambda size: (-(-count // size) * (size + _LOADS), -size),
    )
    # Independent sums that keep a core busy; more rows are filled up more often at the ends of buckets. (Two rows of 4
    # to 8 vectors beside three and four: 1.00 to 1.13x.)
    rows = min(_MOST_ROWS, max(2, -(-_ENOUGH_SUMS // size)))
    return min(rows, max(1, SUMS[isa] // size)), size


def copying_shape(count: int, layer: ConvLayer, isa: Isa, nonzeros: int) -> tuple[int, int]:
    """Return rows and vectors of a block that is copied.

    Wide blocks have few columns in a panel, so that the sums of every row are read and stored once more for each of
    many panels. (256 channels of 14 x 14 into 1,024, 90 % zeros: 125 us with three vectors, 155 with seven.)
    """

    def cost(size: int) -> float:
        panels = _copied_panels(layer, isa, size)
        sums = panels * layer.units * (_ROW_PRICE + _STORE_PRICE * size)
        return -(-count // size) * (nonzeros * (size + _NONZERO_PRICE) + sums)

    sizes = range(min(2, count), min(MOST_VECTORS, SUMS[isa] // 2) + 1)
    size = min(sizes, key=lambda size: (cost(size), -size))
    return 2 if size > 1 else _MOST_ROWS, size


def dense_shape(count: int, layer: ConvLayer, isa: Isa, lines: int) -> tuple[int, int]:
    """Return rows and vectors of a block: those that take least beside what is wanted.

    Args:
        count: vectors of all positions.
        layer: the layer.
        isa: level of the instructions.
        lines: lines of the cache that a vector of the input lies in.
    """
    units = layer.units // layer.groups
    sums = SUMS[isa]
    far = layer.kernel.size * 4 > _CACHED_WEIGHTS_BYTES
    weight = _WEIGHT_PRICE + (_FAR_WEIGHT_PRICE if far else 0.0)

    def cost(size: int) -> float:
        rows = min(sums // size, units)
        blocks = -(-count // size) * -(-units // rows)
        return blocks * (rows * size + _VECTOR_PRICE * lines * size + weight * rows)

    size = min(range(1, min(MOST_VECTORS, sums) + 1), key=lambda size: (cost(size), -size))
    return min(sums // size, units), size


def _placed(layer: ConvLayer, spec: KernelSpec) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the constants and numbers that all kernels over blocks of positions have."""
    grid = Grid(layer.sizes, layer.strides)
    made = dict(spec.variant)
    apart = made.get(conv_rows.PANELS) == conv_rows.SEVERAL or COPIES in made
    vectors = positions_of(grid, spec.lanes, spec.isa.vector_floats, apart=apart)
    blocks = vectors.blocks(spec.number(VECTORS))
    ints = {
        "first_block": 0,
        "blocks": len(blocks),
        "y_bytes": layer.positions * spec.lanes * 4,
        **layer.activation.as_ints(),
    }
    return {"table": blocks, "bias": layer.bias_or_zeros()}, ints


def _offsets(layer: ConvLayer, channels: int, lanes: int) -> npt.NDArray[np.int64]:
    return tap_offsets(layer.taps, channels, layer.channel_rows, lanes * 4)


def pack_sparse(layer: ConvLayer, spec: KernelSpec) -> PackedLayer:
    """Return a layer as `engine.kernels.conv_rows` reads it."""
    constants, ints = _placed(layer, spec)
    offsets = _offsets(layer, layer.group_channels * layer.groups, spec.lanes)
    rows = spec.number(conv_rows.ROWS)
    panel = _panel_columns(layer, spec)
    if COPIES in dict(spec.variant):
        run_bytes = 4 * spec.isa.vector_floats * spec.number(VECTORS)
        constants |= {
            "columns": offsets.astype(np.uint32),
            "starts": np.array([*range(0, layer.inputs, panel), layer.inputs], np.uint32),
        }
        offsets = np.arange(layer.inputs) % panel * run_bytes
    order = partial(order_conv_groups, layer.kernel, layer.groups, rows, panel)
    arrays = dict(layer.form((conv_rows.FAMILY, layer.groups, rows, panel), order))
    nonzeros = int(arrays.pop("nonzeros")[0])
    constants |= {"offsets": offsets.astype(np.uint32)[arrays.pop("columns")], **arrays}
    ints["panel_count"] = len(arrays["panels"]) - 1
    return packed_layer(constants, ints, nonzeros)


def _panel_columns(layer: ConvLayer, spec: KernelSpec) -> int:
    """Return the columns of the kernel in a panel."""
    if COPIES in dict(spec.variant):
        return _copied_columns(layer, spec.isa, spec.number(VECTORS))
    if spec.option(conv_rows.PANELS) == conv_rows.ONE:
        return layer.inputs
    vectors = _vectors(layer, spec.isa, spec.lanes, apart=False)
    size = sparse_shape(vectors.count, spec.isa)[1]
    panels = _panels(layer, vectors, spec.lanes, size)
    return -(-layer.group_channels // panels) * len(layer.taps)


def pack_dense(layer: ConvLayer, spec: KernelSpec) -> PackedLayer:
    """Return a layer as `engine.kernels.conv_dense` reads it."""
    constants, ints = _placed(layer, spec)
    units, rows = layer.units // layer.groups, spec.number(conv_dense.ROWS)
    panel = layer.inputs
    if COPIES in dict(spec.variant):
        panel = _copied_columns(layer, spec.isa, spec.number(VECTORS))
        ints["panel_taps"] = panel
    blocks = partial(_dense_blocks, layer, rows, panel)
    constants |= {
        "offsets": _offsets(layer, layer.group_channels, spec.lanes).astype(np.uint32),
        **layer.form((conv_dense.FAMILY, layer.groups, rows, panel), blocks),
    }
    ints |= {
        "taps": layer.kernel.shape[0],
        "groups": layer.groups,
        "group_units": units,
        "group_bytes": layer.group_channels * layer.channel_rows * spec.lanes * 4,
    }
    return packed_layer(constants, ints, layer.kernel.size)


def _dense_blocks(layer: ConvLayer, rows: int, panel: int) -> dict[str, npt.NDArray[Any]]:
    """Return the weights in blocks of so many rows, group after group and panel after panel."""
    units = layer.units // layer.groups
    parts = [
        pack_dense_blocks(layer.kernel[start : start + panel, first : first + units], rows)
        for first in range(0, layer.units, units)
        for start in range(0, layer.inputs, panel)
    ]
    return {"weights": aligned(np.concatenate([part.weights for part in parts]))}
