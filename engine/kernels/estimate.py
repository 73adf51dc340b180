"""What kernels do for one tile, as operations and bytes: how long that takes follows from a core's rates.

The counts are those of the kernels' inner loops; `python -m benchmarks.estimates` holds them against measured times on
any host, and docs/kernels.md says how far off they were. They order candidates where nothing was timed, and say which
are worth timing.
"""

from dataclasses import dataclass

import numpy as np

from engine.core.layers import WeightedLayer
from engine.core.rates import Moved, Work
from engine.core.target import Isa

# Loads of less than a vector (one weight for all lanes, a few column numbers), in loads of a vector: CPUs that load one
# or two of their widest vectors in a cycle load half as many or as many again of narrower ones.
SMALL_LOAD = 0.7
# Narrower vectors than these are multiplied no faster.
NARROWEST_FLOATS = 8
# Instructions for one non-zero that move elements within a register, besides what fetches x: widening its column
# number, and comparing its weight with zero.
_FETCHED_MOVES = 2.0
# The same for x by scalar loads, which are put together in registers.
_PICKED_MOVES = 3.0
# In a sweep: permutation, widening, comparing; and the latter two once for four samples.
_SWEEP_MOVES = 2.5
_SWEEP4_MOVES = 1.0 + 4.0
# In a window kernel, by columns in the window: two permutations need a choice between them.
_WINDOW_MOVES = {32: 2.7, 64: 4.0, 128: 7.5}
# For each weight of a bit mask, zeros included.
_EXPAND_MOVES = 3.3
_BLOCK_MOVES = 2.0
# Storing one result of a kernel for one sample, in scalar loads.
_RESULT_PICKS = 4.0
# Bytes of a column number: SELL and groups, steps of a delta and places in windows.
COLUMN_BYTES, STEP_BYTES = 2.0, 1.0
# What a row of a panel takes besides its products, in loads: where it lies, its bias, the start of its loop.
ROW_LOADS = 4.0


@dataclass(frozen=True, slots=True)
class LayerSize:
    """Counts that the estimates need.

    Attributes:
        weights: all weights, once per position.
        nonzeros: those that are not zero.
        density: nonzeros / weights.
        positions: how often the layer is applied to a sample.
        results: outputs, once per position.
    """

    weights: int
    nonzeros: int
    density: float
    positions: int
    results: int


def layer_size(layer: WeightedLayer) -> LayerSize:
    """Count the weights of a layer."""
    nonzeros = layer.nonzeros
    if nonzeros is None:
        nonzeros = int(np.count_nonzero(layer.kernel))
    positions = layer.positions
    return LayerSize(
        layer.kernel.size * positions,
        nonzeros * positions,
        nonzeros / layer.kernel.size,
        positions,
        layer.units * positions,
    )


def read_weights(all_bytes: float, times: int) -> tuple[Moved, ...]:
    """Return what reading a layer's weights several times moves: at first from where the network left them.

    Args:
        all_bytes: bytes of all times together.
        times: number of times.
    """
    once = all_bytes / times
    first = Moved(once, once, weights=True)
    return (first,) if times == 1 else (first, Moved(all_bytes - once, once))


def gemv_work(size: LayerSize, isa: Isa, value_bytes: int) -> Work:
    """Return the work of a dense kernel for one sample."""
    return Work(
        products=size.weights,
        loads=size.weights / isa.vector_floats,
        moved=read_weights(size.weights * value_bytes, size.positions),
    )


def fetched_work(size: LayerSize, *, gathers: bool, bytes_per_nonzero: float) -> Work:
    """Return the work of a kernel for one sample that fetches an element of x for each non-zero.

    Args:
        size: sizes of the layer.
        gathers: whether by the gather instruction; otherwise by scalar loads.
        bytes_per_nonzero: bytes of a packed weight with its column number.
    """
    nonzeros = size.nonzeros
    return Work(
        products=nonzeros,
        permuted=nonzeros * (_FETCHED_MOVES if gathers else _PICKED_MOVES),
        gathered=nonzeros if gathers else 0,
        picked=(0 if gathers else nonzeros) + _RESULT_PICKS * size.results,
        moved=read_weights(nonzeros * bytes_per_nonzero, size.positions),
    )


def expand_work(size: LayerSize) -> Work:
    """Return the work of a kernel that spreads non-zeros by bit masks."""
    packed = 4 * size.nonzeros + size.weights / 8
    return Work(
        products=size.weights,
        permuted=_EXPAND_MOVES * size.weights,
        picked=_RESULT_PICKS * size.results,
        moved=read_weights(packed, size.positions),
    )


def sweep_work(size: LayerSize, lanes: float, rest: float, value_bytes: int, samples: int) -> Work:
    """Return the work of a sweep.

    Args:
        size: sizes of the layer.
        lanes: lanes of all steps, and what moving the windows costs, for each non-zero.
        rest: share of the non-zeros that the windows leave behind.
        value_bytes: bytes of a stored weight.
        samples: 1, or a multiple of 4, which are computed four at a time.
    """
    passes = max(1, samples // 4)
    moves = _SWEEP_MOVES if samples == 1 else _SWEEP4_MOVES
    packed = lanes * (value_bytes + STEP_BYTES) + rest * (value_bytes + COLUMN_BYTES)
    return Work(
        products=size.nonzeros * lanes * samples,
        permuted=size.nonzeros * lanes * moves * passes,
        picked=passes * (size.nonzeros * rest + _RESULT_PICKS * size.results),
        moved=read_weights(passes * size.nonzeros * packed, passes * size.positions),
    )


def blocks_work(size: LayerSize, fill: float, block: int, value_bytes: int) -> Work:
    """Return the work of a block kernel, for blocks of so many weights of which a share `fill` is not zero."""
    entries = size.nonzeros / fill
    packed = entries * (value_bytes + COLUMN_BYTES / block)
    return Work(
        products=entries,
        permuted=_BLOCK_MOVES * entries,
        picked=entries / block + _RESULT_PICKS * size.results,
        moved=read_weights(packed, size.positions),
    )


def window_work(size: LayerSize, columns: int, value_bytes: int) -> Work:
    """Return the work of a window kernel on uniformly random zeros.

    The share of lanes that do not wait follows from the mean number of non-zeros of a row in a
    window; the formula is a fit to packed random layers between 20 % and 99 % zeros.
    """
    mean = columns * size.density
    share = mean**0.75 / (mean**0.75 + 1.75) if mean else 1.0
    lanes = size.nonzeros / share
    return Work(
        products=lanes,
        permuted=_WINDOW_MOVES[columns] * lanes,
        picked=_RESULT_PICKS * size.results,
        moved=read_weights(lanes * (value_bytes + STEP_BYTES), size.positions),
    )
