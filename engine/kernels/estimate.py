"""Rough times of kernels for Dense layers: for the order of candidates, where nothing was timed.

The constants were measured on one Zen 4 core at 3.7 GHz (docs/kernels.md); what matters is how they
compare. Real choices are timed on the host.
"""

from dataclasses import dataclass

import numpy as np

from engine.core.layers import WeightedLayer
from engine.core.target import Isa

# Nanoseconds per weight: dense weights from the cache, non-zeros by scalar loads and by a gather.
GEMV_NS = 0.043
SELL_LOAD_NS = 0.20
SELL_GATHER_NS = 0.37
# Nanoseconds per weight, zeros included, of bits and expansion.
EXPAND_NS = 0.062
# Nanoseconds per lane and step of a sweep; per weight of a block, and more for each block.
SWEEP_LANE_NS = {Isa.AVX512: 0.048, Isa.AVX2: 0.067}
_BLOCK_WEIGHT_NS = 0.03
_BLOCK_NS = 0.16
# Nanoseconds per lane and step of a window kernel, by columns in the window.
WINDOW_LANE_NS = {32: 0.058, 64: 0.076, 128: 0.15}
# Share of the FMA peak; and the peak in float32 products per nanosecond.
GEMM_SHARE = 0.95
SPMM_SHARE = 0.6
SPMM_NARROW_SHARE = 0.42  # tiles that fill no register
PATTERNS_GAIN = 0.3
FMA_PER_NS = {Isa.AVX512: 58.0, Isa.AVX2: 58.0, Isa.GENERIC: 18.0}


@dataclass(frozen=True, slots=True)
class LayerSize:
    """Counts that the estimates need.

    Attributes:
        weights: all weights, once per position.
        nonzeros: those that are not zero.
        density: nonzeros / weights.
    """

    weights: int
    nonzeros: int
    density: float


def layer_size(layer: WeightedLayer) -> LayerSize:
    """Count the weights of a layer."""
    nonzeros = layer.nonzeros
    if nonzeros is None:
        nonzeros = int(np.count_nonzero(layer.kernel))
    density = nonzeros / layer.kernel.size
    return LayerSize(layer.kernel.size * layer.positions, nonzeros * layer.positions, density)


def tile_ns(products: int, lanes: int, isa: Isa, share: float) -> float:
    """Time of `products` weights times `lanes` samples at a share of the FMA peak.

    Tiles narrower than half a 512-bit register cost as much as eight samples.
    """
    return products * max(lanes, 8) / (FMA_PER_NS[isa] * share)


def rows_share(lanes: int, isa: Isa) -> float:
    """Share of the FMA peak of row groups."""
    return SPMM_SHARE if lanes >= isa.vector_floats else SPMM_NARROW_SHARE


def patterns_share(size: LayerSize, shared: float) -> float:
    """Share of the FMA peak of pattern groups.

    Args:
        size: sizes of the layer.
        shared: share of the non-zeros that lie in columns of four rows side by side.
    """
    return SPMM_SHARE + PATTERNS_GAIN * max(shared, size.density / 2)


def blocks_ns(size: LayerSize, fill: float, block: int) -> float:
    """Time of a block kernel, for blocks of so many weights of which a share `fill` is not zero."""
    return size.nonzeros / fill * (_BLOCK_WEIGHT_NS + _BLOCK_NS / block)


def window_ns(size: LayerSize, columns: int) -> float:
    """Time of a window kernel on uniformly random zeros.

    The share of lanes that do not wait follows from the mean number of non-zeros of a row in a
    window; the formula is a fit to packed random layers between 20 % and 99 % zeros.
    """
    mean = columns * size.density
    share = mean**0.75 / (mean**0.75 + 1.75) if mean else 1.0
    return size.nonzeros / share * WINDOW_LANE_NS[columns]
