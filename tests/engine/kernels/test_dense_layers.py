"""Every kernel for Dense layers, sparse and dense, against the scalar meaning, on every level."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.arrays import FloatArray
from engine.core.functions import ElementFunction, FusedActivation
from engine.core.layers import DenseLayer, ValueType
from engine.core.target import Isa, available_isas
from engine.formats.narrow import narrow_layer
from engine.kernels.abi import Candidate
from engine.kernels.panels import PANEL_BYTES, panel_columns
from engine.kernels.registry import kernel_candidates
from tests.engine.kernels.dense_oracle import (
    expected,
    lanes_of,
    random_layer_kernel,
    run_candidate,
)

LEVELS = [
    pytest.param(isa, lanes, id=f"{isa.value}-{lanes}")
    for isa in available_isas()
    for lanes in sorted(set(lanes_of(isa)))
]
# Sums of up to K products in float32: rounding errors grow like a random walk, K is at most 3000.
TOLERANCE = 2e-6


def check(candidate: Candidate, layer: DenseLayer, x: FloatArray) -> None:
    y = run_candidate(candidate, layer, x)
    exact, scale = expected(layer, x)
    error = abs(y - exact) / (scale + 1e-30)
    assert error.max() <= TOLERANCE, f"{candidate.spec.symbol}: {error.max():.2e} of the scale"


def drawn_layer(
    inputs: int, units: int, sparsity: float, positions: int = 1, seed: int = 0
) -> DenseLayer:
    rng = np.random.default_rng(seed)
    kernel = random_layer_kernel(rng, inputs, units, sparsity)
    return DenseLayer(kernel, rng.normal(size=units).astype(np.float32), positions=positions)


def drawn_input(layer: DenseLayer, lanes: int) -> FloatArray:
    rng = np.random.default_rng(9)
    return rng.normal(size=(layer.positions * layer.inputs, lanes)).astype(np.float32)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize(
    ("inputs", "units", "sparsity", "positions"),
    [
        (1, 1, 0.0, 1),
        (1, 40, 0.5, 1),
        (37, 23, 0.5, 1),
        (64, 100, 0.0, 2),
        (5, 3, 1.0, 1),
        (700, 65, 0.9, 3),
        (3000, 17, 0.98, 1),
        (130, 10, 0.7, 1),
    ],
)
def test_every_candidate_gives_the_product(
    isa: Isa, lanes: int, inputs: int, units: int, sparsity: float, positions: int
) -> None:
    layer = drawn_layer(inputs, units, sparsity, positions)
    x = drawn_input(layer, lanes)
    candidates = kernel_candidates(layer, isa, lanes)
    assert {candidate.sparse for candidate in candidates} == {True, False}
    for candidate in candidates:
        check(candidate, layer, x)


@settings(max_examples=60)
@given(
    inputs=st.integers(1, 200),
    units=st.integers(1, 90),
    sparsity=st.sampled_from([0.0, 0.3, 0.8, 0.95, 1.0]),
    positions=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_drawn_shapes(inputs: int, units: int, sparsity: float, positions: int, seed: int) -> None:
    layer = drawn_layer(inputs, units, sparsity, positions, seed)
    for isa in available_isas():
        for lanes in (1, isa.vector_floats, 2 * isa.vector_floats):
            x = drawn_input(layer, lanes)
            for candidate in kernel_candidates(layer, isa, lanes):
                check(candidate, layer, x)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
def test_rows_of_very_different_lengths_and_empty_ones(isa: Isa, lanes: int) -> None:
    rng = np.random.default_rng(3)
    kernel = np.zeros((300, 70), np.float32)
    for unit in range(0, 70, 3):
        used = rng.choice(300, size=min(300, unit * unit // 8), replace=False)
        kernel[used, unit] = rng.normal(size=len(used))
    layer = DenseLayer(kernel)
    x = drawn_input(layer, lanes)
    for candidate in kernel_candidates(layer, isa, lanes):
        check(candidate, layer, x)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
def test_sparse_kernels_let_nan_and_infinity_through_exactly_where_there_is_a_weight(
    isa: Isa, lanes: int
) -> None:
    layer = drawn_layer(90, 41, 0.9)
    x = drawn_input(layer, lanes)
    x[3], x[17, 0], x[88] = np.nan, np.inf, -np.inf
    exact, _ = expected(layer, x)
    for candidate in kernel_candidates(layer, isa, lanes):
        if candidate.sparse:
            y = run_candidate(candidate, layer, x)
            np.testing.assert_array_equal(np.isnan(y), np.isnan(exact), candidate.spec.symbol)
            np.testing.assert_array_equal(
                y[np.isinf(exact)], exact[np.isinf(exact)], candidate.spec.symbol
            )


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
def test_dense_kernels_let_nan_through_everywhere(isa: Isa, lanes: int) -> None:
    layer = drawn_layer(90, 41, 0.9)
    x = drawn_input(layer, lanes)
    x[3] = np.nan
    for candidate in kernel_candidates(layer, isa, lanes):
        if not candidate.sparse:
            assert np.isnan(run_candidate(candidate, layer, x)).all()


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
def test_nan_weights_are_kept(isa: Isa, lanes: int) -> None:
    kernel = np.zeros((20, 5), np.float32)
    kernel[4, 2] = np.nan
    layer = DenseLayer(kernel)
    for candidate in kernel_candidates(layer, isa, lanes):
        y = run_candidate(candidate, layer, drawn_input(layer, lanes))
        assert np.isnan(y[2]).all(), candidate.spec.symbol
        np.testing.assert_array_equal(y[[0, 1, 3, 4]], 0)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (FusedActivation.RELU, ()),
        (FusedActivation.CLAMP, (0.1, 0.5, 0.0)),
        (FusedActivation.LEAKY_RELU, (0.25,)),
        (FusedActivation.TANH, ()),
    ],
)
def test_the_activation_is_applied_once_to_the_whole_sum(
    isa: Isa, lanes: int, function: FusedActivation, parameters: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(5)
    # Wide enough for several panels of columns.
    kernel = random_layer_kernel(rng, 2500, 33, 0.97)
    bias = rng.normal(size=33).astype(np.float32)
    layer = DenseLayer(kernel, bias, ElementFunction(function, parameters))
    x = drawn_input(layer, lanes)
    exact, scale = expected(layer, x)
    meaning = {
        FusedActivation.RELU: np.maximum(exact, 0),
        FusedActivation.CLAMP: np.where(exact > 0, np.minimum(exact, 0.5), 0.1 * exact),
        FusedActivation.LEAKY_RELU: np.where(exact > 0, exact, 0.25 * exact),
        FusedActivation.TANH: np.tanh(exact),
    }[function]
    for candidate in kernel_candidates(layer, isa, lanes):
        y = run_candidate(candidate, layer, x)
        assert np.max(abs(y - meaning) / (scale + 1)) <= TOLERANCE, candidate.spec.symbol


@given(inputs=st.integers(1, 20_000), lanes=st.sampled_from([4, 8, 16, 32, 48, 64, 256]))
def test_panels_are_of_one_size_and_within_the_limit(inputs: int, lanes: int) -> None:
    columns = panel_columns(inputs, lanes)
    assert 1 <= columns <= inputs
    assert columns * lanes * 4 <= PANEL_BYTES
    count = -(-inputs // columns)
    # One panel fewer would not hold them, and the last one is full but for less than a column each.
    assert (count - 1) * (PANEL_BYTES // (4 * lanes)) < inputs
    assert count * columns - inputs < count


@pytest.mark.parametrize("values", [ValueType.BFLOAT16, ValueType.FLOAT16])
@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
def test_rounded_weights_are_the_same_numbers_in_every_kernel(
    isa: Isa, lanes: int, values: ValueType
) -> None:
    drawn = drawn_layer(201, 70, 0.8, 2)
    drawn.kernel[3, 5], drawn.kernel[4, 5], drawn.kernel[5, 6] = np.nan, 3e-7, -3e-5
    layer = narrow_layer(drawn, values)
    x = drawn_input(layer, lanes)
    exact, scale = expected(layer, x)
    for candidate in kernel_candidates(layer, isa, lanes):
        y = run_candidate(candidate, layer, x)
        error = np.nanmax(abs(y - exact) / (scale + 1e-30))
        assert error <= TOLERANCE, candidate.spec.symbol
        np.testing.assert_array_equal(np.isnan(y), np.isnan(exact))
        if dict(candidate.spec.variant).get("values"):
            narrow = candidate.pack(layer).constants
            assert np.uint16 in {narrow.get("values", narrow.get("weights")).dtype.type}


def test_symbols_name_one_code_each() -> None:
    layer = drawn_layer(200, 50, 0.9)
    symbols = [
        candidate.spec.symbol
        for isa in available_isas()
        for lanes in lanes_of(isa)
        for candidate in kernel_candidates(layer, isa, lanes)
    ]
    unique = set(symbols)
    assert len(unique) == len({s.replace("__", "") for s in unique})
    assert all(symbol.isidentifier() for symbol in unique)
