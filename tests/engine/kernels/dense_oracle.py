"""Runs dense-layer candidates and computes what they should give."""

import numpy as np

from benchmarks.kernel_call import KernelCall
from engine.core.arrays import FloatArray, aligned_zeros
from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.kernels.abi import Candidate
from tests.engine.kernels.loaded import kernel_address


def random_layer_kernel(
    rng: np.random.Generator, inputs: int, units: int, sparsity: float
) -> FloatArray:
    kernel = rng.normal(size=(inputs, units)).astype(np.float32)
    kernel[rng.random((inputs, units)) < sparsity] = 0
    return kernel


def run_candidate(candidate: Candidate, layer: DenseLayer, x: FloatArray) -> FloatArray:
    """x is float32[positions * inputs][lanes]; the result float32[positions * units][lanes]."""
    lanes = candidate.spec.lanes
    packed = candidate.pack(layer)
    arena = aligned_zeros(-(-x.size // 16) * 16 + layer.positions * layer.units * lanes + 64)
    arena[:] = np.nan
    arena[: x.size] = x.reshape(-1)
    start = -(-x.size // 16) * 16
    call = KernelCall(
        kernel_address(candidate.spec),
        candidate.spec,
        arena,
        {"x": 0, "y": start * 4},
        packed.constants,
        packed.ints,
    )
    call()
    end = start + layer.positions * layer.units * lanes
    assert np.isnan(arena[end:]).all(), "kernel wrote behind its output"
    return arena[start:end].reshape(layer.positions * layer.units, lanes).copy()


def expected(layer: DenseLayer, x: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """The product by skipping zeros, in float64, before the activation; and its error scale."""
    lanes = x.shape[1]
    shape = (layer.positions, layer.inputs, lanes)
    samples = x.reshape(shape).astype(np.float64)
    y = np.zeros((layer.positions, layer.units, lanes))
    scale = np.zeros_like(y)
    with np.errstate(all="ignore"):
        for unit in range(layer.units):
            used = np.flatnonzero(layer.kernel[:, unit])
            weights = layer.kernel[used, unit].astype(np.float64)
            y[:, unit] = np.einsum("k,pkl->pl", weights, samples[:, used])
            scale[:, unit] = np.einsum("k,pkl->pl", abs(weights), abs(samples[:, used]))
        bias = layer.bias_or_zeros().astype(np.float64)[None, :, None]
        return (y + bias).reshape(-1, lanes), (scale + abs(bias)).reshape(-1, lanes)


def lanes_of(isa: Isa) -> tuple[int, ...]:
    """One sample, tiles narrower than a register, and tiles of one to many registers."""
    width = isa.vector_floats
    return tuple(sorted({1, 4, 8, width, 2 * width, 16, 32, 64}))
