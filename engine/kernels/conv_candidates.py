"""The kernels that can compute a convolution, and how its weights and positions are packed for them."""

from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.layers import ConvLayer
from engine.core.target import Isa
from engine.formats.conv_groups import pack_conv_groups, tap_offsets
from engine.formats.dense_blocks import pack_dense_blocks
from engine.formats.position_vectors import Grid, PositionVectors, cover
from engine.kernels import conv_dense, conv_rows
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer, packed_layer
from engine.kernels.estimate import FMA_PER_NS
from engine.kernels.position_blocks import (
    ADDS,
    MOST_VECTORS,
    PARTIAL,
    STORES,
    SUMS,
    VECTORS,
    WHOLE,
)

_MOST_ROWS = 4
# Loads beside those of the input that a weight takes: itself and its offset.
_LOADS = 2
# Shares of the peak of multiply-adds that kernels reach.
_SPARSE_SHARE, _DENSE_SHARE = 0.35, 0.8


@cache
def positions_of(grid: Grid, lanes: int, width: int) -> PositionVectors:
    """Return the vectors that cover a grid; see `cover`."""
    return cover(grid, lanes, width)


def candidates(layer: ConvLayer, isa: Isa, lanes: int) -> list[Candidate]:
    """Return the kernels that can compute a convolution."""
    vectors = positions_of(Grid(layer.sizes, layer.strides), lanes, isa.vector_floats)
    nonzeros = layer.nonzeros
    if nonzeros is None:
        nonzeros = int(np.count_nonzero(layer.kernel))
    return [
        _candidate(layer, isa, lanes, vectors, sparse_shape(vectors.count, isa), nonzeros),
        _candidate(layer, isa, lanes, vectors, dense_shape(vectors.count, layer, isa), None),
    ]


def _candidate(
    layer: ConvLayer,
    isa: Isa,
    lanes: int,
    vectors: PositionVectors,
    shape: tuple[int, int],
    nonzeros: int | None,
) -> Candidate:
    """Return a candidate of so many rows and vectors: sparse where the number of non-zeros is given."""
    rows, size = shape
    sparse = nonzeros is not None
    module = conv_rows if sparse else conv_dense
    choices: list[tuple[str, int | str]] = [
        (conv_rows.ROWS, rows),
        (STORES, WHOLE if vectors.whole else PARTIAL),
        (VECTORS, size),
    ]
    if layer.adds:
        choices.append((ADDS, 1))
    spec = KernelSpec(module.FAMILY, isa, lanes, layer.activation.function, tuple(sorted(choices)))
    pack = partial(pack_sparse if sparse else pack_dense, spec=spec)
    computed = -(-vectors.count // size) * size * isa.vector_floats
    share = _SPARSE_SHARE if sparse else _DENSE_SHARE
    products = (layer.kernel.size if nonzeros is None else nonzeros) * computed
    return Candidate(spec, sparse, pack, products / (FMA_PER_NS[isa] * share))


def sparse_shape(count: int, isa: Isa) -> tuple[int, int]:
    """Return rows and vectors of a block: those that take the fewest loads for `count` vectors."""
    size = min(
        range(1, min(MOST_VECTORS, SUMS[isa]) + 1),
        key=lambda size: (-(-count // size) * (size + _LOADS), -size),
    )
    return min(_MOST_ROWS, max(1, SUMS[isa] // size)), size


def dense_shape(count: int, layer: ConvLayer, isa: Isa) -> tuple[int, int]:
    """Return rows and vectors of a block: those that compute least beside what is wanted."""
    units = layer.units // layer.groups
    sums = SUMS[isa]

    def cost(size: int) -> float:
        rows = min(sums // size, units)
        blocks = -(-count // size) * -(-units // rows)
        return blocks * (rows * size + 0.5 * (rows + size))

    size = min(range(1, min(MOST_VECTORS, sums) + 1), key=lambda size: (cost(size), -size))
    return min(sums // size, units), size


def _placed(layer: ConvLayer, spec: KernelSpec) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the constants and numbers that all kernels over blocks of positions have."""
    grid = Grid(layer.sizes, layer.strides)
    blocks = positions_of(grid, spec.lanes, spec.isa.vector_floats).blocks(spec.number(VECTORS))
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
    packed = pack_conv_groups(layer.kernel, offsets, layer.groups, rows)
    constants |= {
        "buckets": packed.buckets,
        "rows": packed.rows,
        "offsets": packed.offsets,
        "values": packed.values,
    }
    ints["bucket_count"] = len(packed.buckets)
    return packed_layer(constants, ints, packed.nonzeros)


def pack_dense(layer: ConvLayer, spec: KernelSpec) -> PackedLayer:
    """Return a layer as `engine.kernels.conv_dense` reads it."""
    constants, ints = _placed(layer, spec)
    units = layer.units // layer.groups
    parts = [
        pack_dense_blocks(layer.kernel[:, first : first + units], spec.number(conv_dense.ROWS))
        for first in range(0, layer.units, units)
    ]
    constants |= {
        "offsets": _offsets(layer, layer.group_channels, spec.lanes).astype(np.uint32),
        "weights": np.concatenate([part.weights for part in parts]),
    }
    ints |= {
        "taps": layer.kernel.shape[0],
        "groups": layer.groups,
        "group_units": units,
        "group_bytes": layer.group_channels * layer.channel_rows * spec.lanes * 4,
    }
    return packed_layer(constants, ints, layer.kernel.size)
