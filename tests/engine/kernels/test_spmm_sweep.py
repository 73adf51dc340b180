"""The sweep for small batches gives each sample what the sweep for one sample gives it, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.arrays import FloatArray
from engine.core.layers import DenseLayer, ValueType
from engine.core.target import Isa, available_isas
from engine.formats.narrow import narrow_layer
from engine.kernels import spmm_sweep, spmv_sweep
from engine.kernels.abi import Candidate
from tests.engine.kernels.dense_oracle import run_candidate
from tests.engine.kernels.test_dense_layers import drawn_input, drawn_layer

needs_avx512 = pytest.mark.skipif(Isa.AVX512 not in available_isas(), reason="needs AVX-512")


def one_by_one(layer: DenseLayer, x: FloatArray) -> FloatArray:
    (candidate,) = spmv_sweep.candidates(layer, Isa.AVX512)
    columns = [
        run_candidate(candidate, layer, np.ascontiguousarray(x[:, sample : sample + 1]))
        for sample in range(x.shape[1])
    ]
    return np.concatenate(columns, axis=1)


def together(layer: DenseLayer, lanes: int) -> Candidate:
    (candidate,) = spmm_sweep.candidates(layer, Isa.AVX512, lanes)
    return candidate


@needs_avx512
@pytest.mark.parametrize("lanes", spmm_sweep.LANES)
@pytest.mark.parametrize("values", ValueType)
@given(
    inputs=st.integers(2, 150),
    units=st.integers(1, 150),
    sparsity=st.sampled_from([0.2, 0.5, 0.8, 0.95]),
    positions=st.integers(1, 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
def test_every_sample_has_the_bits_of_one_sample(
    lanes: int,
    values: ValueType,
    inputs: int,
    units: int,
    sparsity: float,
    positions: int,
    seed: int,
) -> None:
    layer = narrow_layer(drawn_layer(inputs, units, sparsity, positions, seed), values)
    x = drawn_input(layer, lanes)
    found = spmm_sweep.candidates(layer, Isa.AVX512, lanes)
    assert len(found) == len(spmv_sweep.candidates(layer, Isa.AVX512))
    for candidate in found:
        np.testing.assert_array_equal(run_candidate(candidate, layer, x), one_by_one(layer, x))


@needs_avx512
@pytest.mark.parametrize("lanes", spmm_sweep.LANES)
def test_nan_and_infinity_reach_what_has_a_weight_for_them(lanes: int) -> None:
    layer = drawn_layer(131, 75, 0.9)
    x = drawn_input(layer, lanes)
    x[::7, 0], x[3::11, 1], x[5::13, lanes - 1] = np.nan, np.inf, -np.inf
    y = run_candidate(together(layer, lanes), layer, x)
    np.testing.assert_array_equal(y, one_by_one(layer, x))
    touched = (layer.kernel[::7] != 0).any(axis=0)
    np.testing.assert_array_equal(np.isnan(y[:, 0]), touched)
    assert 0 < touched.sum() < 75


@needs_avx512
@pytest.mark.parametrize("lanes", spmm_sweep.LANES)
def test_as_many_inputs_as_fit_the_stack(lanes: int) -> None:
    layer = drawn_layer(spmm_sweep.MAX_INPUTS, 37, 0.97)
    x = drawn_input(layer, lanes)
    y = run_candidate(together(layer, lanes), layer, x)
    np.testing.assert_array_equal(y, one_by_one(layer, x))


@pytest.mark.parametrize(
    ("inputs", "sparsity", "isa", "lanes"),
    [
        (spmm_sweep.MAX_INPUTS + 1, 0.9, Isa.AVX512, 4),
        (100, 0.9, Isa.AVX2, 4),
        (100, 0.9, Isa.AVX512, 16),
        (100, 0.0, Isa.AVX512, 4),
    ],
)
def test_it_is_not_offered_elsewhere(inputs: int, sparsity: float, isa: Isa, lanes: int) -> None:
    kernel = drawn_layer(inputs, 20, sparsity)
    assert spmm_sweep.candidates(kernel, isa, lanes) == ()
