"""Convolution layers drawn at random, run by their kernels, and what they should give."""

from dataclasses import dataclass

import numpy as np

from benchmarks.kernel_call import KernelCall
from engine.core.arrays import FloatArray, aligned_zeros
from engine.core.layers import ConvLayer
from engine.formats.position_vectors import Grid
from engine.kernels.abi import Candidate
from tests.engine.kernels.loaded import kernel_address

# What kernels may read behind a value (`engine.kernels.abi`).
READABLE_FLOATS = 32
GUARD_FLOATS = 64


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a convolution over a padded value of stride 1; `gap` rows lie between image rows."""

    channels: int
    groups: int
    units: int
    sizes: tuple[int, ...]
    window: tuple[int, ...]
    gap: int
    sparsity: float


def drawn_layer(shape: Shape, seed: int, *, adds: bool = False) -> ConvLayer:
    """A layer with random weights; the first row of each group is empty where there are zeros at all."""
    rng = np.random.default_rng(seed)
    spans = [size + window - 1 for size, window in zip(shape.sizes, shape.window, strict=True)]
    strides = [1]
    for span in reversed(spans[1:]):
        strides.insert(0, strides[0] * (span + shape.gap))
    taps = np.zeros(1, np.int64)
    for window, stride in zip(shape.window, strides, strict=True):
        taps = (taps[:, None] + np.arange(window) * stride).reshape(-1)
    kernel = rng.normal(size=(shape.channels // shape.groups * taps.size, shape.units))
    kernel[rng.random(kernel.shape) < shape.sparsity] = 0
    if shape.sparsity:
        kernel[:, 0] = 0
    return ConvLayer(
        kernel=kernel.astype(np.float32),
        bias=rng.normal(size=shape.units).astype(np.float32),
        taps=taps.astype(np.uint32),
        groups=shape.groups,
        channel_rows=strides[0] * spans[0] + shape.gap,
        sizes=shape.sizes,
        strides=tuple(strides),
        adds=adds,
    )


def rows_of(layer: ConvLayer) -> np.ndarray:
    """Row of x that each output needs: [channels][taps][positions]."""
    grid = Grid(layer.sizes, layer.strides).rows()
    channels = np.arange(layer.group_channels * layer.groups) * layer.channel_rows
    return channels[:, None, None] + layer.taps.astype(np.int64)[:, None] + grid


def drawn_value(layer: ConvLayer, lanes: int, seed: int) -> FloatArray:
    """A value for the layer, float32[rows][lanes], with NaN in every row that no output needs."""
    needed = rows_of(layer)
    x = np.full((int(needed.max()) + 1, lanes), np.nan, np.float32)
    used = np.unique(needed)
    x[used] = np.random.default_rng(seed).normal(size=(used.size, lanes))
    return x


def run_conv(
    candidate: Candidate, layer: ConvLayer, x: FloatArray, added: FloatArray | None = None
) -> FloatArray:
    """Run a kernel on x, float32[rows][lanes]; the result is float32[units * positions][lanes]."""
    lanes = x.shape[1]
    packed = candidate.pack(layer)
    y_size = layer.units * layer.positions * lanes
    starts = [0, -(-(x.size + READABLE_FLOATS) // 16) * 16]
    starts.append(starts[1] + -(-(y_size + GUARD_FLOATS) // 16) * 16)
    arena = aligned_zeros(starts[2] + y_size + READABLE_FLOATS)
    arena[:] = np.nan
    arena[: x.size] = x.reshape(-1)
    offsets = {"x": 0, "y": 4 * starts[1]}
    if added is not None:
        arena[starts[2] : starts[2] + y_size] = added.reshape(-1)
        offsets["added"] = 4 * starts[2]
    before = arena.copy()
    KernelCall(
        kernel_address(candidate.spec),
        candidate.spec,
        arena,
        offsets,
        packed.constants,
        packed.ints,
    )()
    y = arena[starts[1] : starts[1] + y_size].copy()
    arena[starts[1] : starts[1] + y_size] = np.nan
    np.testing.assert_array_equal(arena, before, "the kernel wrote outside its output")
    return y.reshape(-1, lanes)


def expected(layer: ConvLayer, x: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """The sums by skipping zeros, in float64, before the activation; and their error scale."""
    lanes = x.shape[1]
    samples = x[rows_of(layer)].astype(np.float64)  # [channels][taps][positions][lanes]
    samples = samples.reshape(layer.groups, -1, layer.positions, lanes)
    kernel = layer.kernel.astype(np.float64)
    y = np.empty((layer.units, layer.positions, lanes))
    scale = np.empty_like(y)
    per_group = layer.units // layer.groups
    for unit in range(layer.units):
        used = np.flatnonzero(kernel[:, unit])
        group = samples[unit // per_group][used]
        y[unit] = np.einsum("k,kpl->pl", kernel[used, unit], group)
        scale[unit] = np.einsum("k,kpl->pl", abs(kernel[used, unit]), abs(group))
    bias = layer.bias_or_zeros().astype(np.float64)[:, None, None]
    return (y + bias).reshape(-1, lanes), (scale + abs(bias)).reshape(-1, lanes)
