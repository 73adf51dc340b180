"""How a step over windows of each channel is computed: its kernel, and the constants and numbers that it takes."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.functions import ElementFunction
from engine.core.layers import DepthwiseLayer
from engine.core.target import Isa
from engine.formats.conv_groups import tap_offsets
from engine.formats.position_vectors import Grid, PositionVectors
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer, packed_layer
from engine.kernels.conv_candidates import positions_of
from engine.kernels.estimate_windows import Blocks, depthwise_work
from engine.kernels.position_blocks import STORES, VECTORS
from engine.kernels.window_channels import FAMILY, KIND, WindowKind

_MOST_VECTORS = 8


@dataclass(frozen=True, slots=True)
class WindowLayer:
    """A result for each window of each channel of a value; see `engine.kernels.abi.ConvLayer` for how windows lie.

    Attributes:
        kind: what is made of a window.
        channels: channels of the value.
        multiplier: outputs of each channel.
        taps: uint32[taps], rows from a position to each element of its window.
        channel_rows: rows of a channel of the value.
        sizes: positions along each axis.
        strides: rows from one position to the next along each axis; the last is 1.
        weights: float32[channels * multiplier][taps], for WEIGHTED.
        bias: float32[channels * multiplier], for WEIGHTED.
        counts: float32[positions], number of real elements of each window, for AVERAGE.
        activation: applied to each output.
    """

    kind: WindowKind
    channels: int
    multiplier: int
    taps: npt.NDArray[np.uint32]
    channel_rows: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    weights: FloatArray | None = None
    bias: FloatArray | None = None
    counts: FloatArray | None = None
    activation: ElementFunction = field(default_factory=ElementFunction)


def candidates(layer: DepthwiseLayer, isa: Isa, lanes: int) -> list[Candidate]:
    """Return the kernel of a depthwise convolution."""
    window = _window(layer)
    spec = window_spec(window, isa, lanes)
    vectors = positions_of(Grid(layer.sizes, layer.strides), lanes, isa.vector_floats)
    size = spec.number(VECTORS)
    across = len(layer.taps) > 1 and lanes < isa.vector_floats
    blocks = Blocks(isa, lanes, -(-vectors.count // size), size, 0, lines=2 if across else 1)
    work = depthwise_work(layer, blocks)
    return [Candidate(spec, False, partial(_pack, spec=spec), work)]


def _window(layer: DepthwiseLayer) -> WindowLayer:
    return WindowLayer(
        kind=WindowKind.WEIGHTED,
        channels=layer.units // layer.multiplier,
        multiplier=layer.multiplier,
        taps=layer.taps,
        channel_rows=layer.channel_rows,
        sizes=layer.sizes,
        strides=layer.strides,
        weights=np.ascontiguousarray(layer.kernel.T),
        bias=layer.bias_or_zeros(),
        activation=layer.activation,
    )


def _pack(layer: DepthwiseLayer, spec: KernelSpec) -> PackedLayer:
    constants, ints = window_arguments(_window(layer), spec)
    return packed_layer(constants, ints, layer.kernel.size)


def window_spec(layer: WindowLayer, isa: Isa, lanes: int) -> KernelSpec:
    """Return the kernel of a layer."""
    vectors = positions_of(Grid(layer.sizes, layer.strides), lanes, isa.vector_floats)
    size = min(
        range(1, _MOST_VECTORS + 1),
        key=lambda size: (-(-vectors.count // size) * (size + 2), -size),
    )
    variant = (
        (KIND, layer.kind.value),
        (STORES, vectors.stores.value),
        (VECTORS, size),
    )
    return KernelSpec(FAMILY, isa, lanes, layer.activation.function, variant)


def window_arguments(
    layer: WindowLayer, spec: KernelSpec
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, int]]:
    """Return the constants and the numbers of a layer for its kernel."""
    grid, lanes, width = Grid(layer.sizes, layer.strides), spec.lanes, spec.isa.vector_floats
    vectors = positions_of(grid, lanes, width)
    size = spec.number(VECTORS)
    blocks = vectors.blocks(size)
    constants: dict[str, npt.NDArray[Any]] = {
        "table": blocks,
        "offsets": tap_offsets(layer.taps, 1, layer.channel_rows, lanes * 4).astype(np.uint32),
    }
    if layer.kind is WindowKind.WEIGHTED and layer.weights is not None and layer.bias is not None:
        constants |= {"weights": layer.weights, "bias": layer.bias}
    if layer.kind is WindowKind.AVERAGE and layer.counts is not None:
        counts = _by_element(layer.counts, vectors, lanes, width)
        constants["counts"] = counts[np.minimum(np.arange(len(blocks) * size), vectors.count - 1)]
    ints = {
        "taps": len(layer.taps),
        "channels": layer.channels,
        "multiplier": layer.multiplier,
        "x_bytes": layer.channel_rows * lanes * 4,
        "y_bytes": grid.positions * lanes * 4,
        "first_block": 0,
        "blocks": len(blocks),
        **layer.activation.as_ints(),
    }
    return constants, ints


def _by_element(
    counts: FloatArray, vectors: PositionVectors, lanes: int, width: int
) -> npt.NDArray[np.float32]:
    """Return a number for each element of each vector: float32[vectors][width]; 1 where nothing is stored."""
    found = np.ones((vectors.count, width), np.float32)
    elements = vectors.table[:, 2:3] >> np.arange(width, dtype=np.uint32) & 1 == 1
    order = np.cumsum(elements, axis=1) - 1  # place of a stored element within its vector
    places = vectors.table[:, 1:2].astype(np.int64) // 4 + order
    found[elements] = counts[places[elements] // lanes]
    return found
