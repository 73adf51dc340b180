"""Narrow dense tiles that are half empty: only the samples that exist are computed."""

import numpy as np
import pytest

from benchmarks.kernel_call import KernelCall
from engine.core.arrays import aligned_zeros
from engine.core.functions import ElementFunction, FusedActivation
from engine.core.layers import DenseLayer
from engine.core.target import Isa, available_isas
from engine.kernels.dense_columns import ISAS, candidates
from tests.engine.kernels.dense_oracle import random_layer_kernel
from tests.engine.kernels.loaded import kernel_address

CASES = [
    pytest.param(isa, lanes, valid, id=f"{isa.value}-{lanes}-{valid}")
    for isa in available_isas()
    if isa in ISAS
    for lanes in (4, 8)
    if lanes < isa.vector_floats
    for valid in range(1, lanes + 1)
]


@pytest.mark.parametrize(("isa", "lanes", "valid"), CASES)
@pytest.mark.parametrize("units", [1, 15, 40, 130])
def test_copies_of_the_last_sample_get_copies_of_its_result(
    isa: Isa, lanes: int, valid: int, units: int
) -> None:
    inputs = 33
    rng = np.random.default_rng(valid)
    kernel = random_layer_kernel(rng, inputs, units, 0.2)
    bias = rng.normal(size=units).astype(np.float32)
    layer = DenseLayer(kernel, bias, ElementFunction(FusedActivation.TANH), positions=2)
    x = rng.normal(size=(2 * inputs, lanes)).astype(np.float32)
    x[:, valid:] = x[:, valid - 1 : valid]
    (candidate,) = candidates(layer, isa, lanes)
    packed = candidate.pack(layer)
    start = -(-x.size // 16) * 16
    arena = aligned_zeros(start + 2 * units * lanes + 64)
    arena[:] = np.nan
    arena[: x.size] = x.reshape(-1)
    call = KernelCall(
        kernel_address(candidate.spec),
        candidate.spec,
        arena,
        {"x": 0, "y": start * 4},
        packed.constants,
        packed.ints,
    )
    call.set_tile((), (), 0, valid)
    call()
    end = start + 2 * units * lanes
    y = arena[start:end].reshape(2, units, lanes)
    samples = x.reshape(2, inputs, lanes).astype(np.float64)
    exact = np.tanh(np.einsum("ku,pkl->pul", kernel, samples) + bias[:, None])
    np.testing.assert_allclose(y, exact, atol=2e-5)
    np.testing.assert_array_equal(
        y[:, :, valid:], y[:, :, valid - 1 : valid].repeat(lanes - valid, 2)
    )
    assert np.isnan(arena[end:]).all(), "kernel wrote behind its output"
