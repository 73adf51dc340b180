"""Kernels for blocks and N:M patterns: offered where the weights have the structure, and right there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.layers import DenseLayer, ValueType
from engine.core.target import Isa, available_isas
from engine.kernels.abi import Candidate
from engine.kernels.registry import kernel_candidates
from tests.engine.kernels.dense_oracle import expected, random_layer_kernel, run_candidate
from tests.engine.kernels.structured_layers import blocked_layer, spread_layer
from tests.engine.kernels.test_dense_layers import check, drawn_input

ISAS = list(available_isas())
BLOCKS = [(1, 4), (1, 8), (1, 16), (4, 1), (8, 1), (16, 1), (8, 8), (4, 4), (2, 16)]


def offered(layer: DenseLayer, isa: Isa, family: str) -> list[Candidate]:
    found = kernel_candidates(layer, isa, 1)
    return [candidate for candidate in found if candidate.spec.family == family]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("shape", [(64, 64), (130, 70), (517, 33), (16, 100)])
def test_blocks_give_the_product(isa: Isa, block: tuple[int, int], shape: tuple[int, int]) -> None:
    layer = blocked_layer(shape, block, positions=2)
    fitting = max(block) % isa.vector_floats == 0 or max(block) <= isa.vector_floats
    found = offered(layer, isa, "spmv_blocks")
    # Blocks at the border are smaller, so that odd shapes may be too ragged to be called blocked.
    assert found or not fitting or shape != (64, 64)
    for candidate in found:
        check(candidate, layer, drawn_input(layer, 1))


@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa is not Isa.GENERIC])
@pytest.mark.parametrize("kept_of", [(2, 4), (1, 4), (1, 8), (3, 8), (4, 8)])
@pytest.mark.parametrize("shape", [(64, 64), (200, 37), (517, 130), (33, 3)])
def test_patterns_give_the_product(
    isa: Isa, kept_of: tuple[int, int], shape: tuple[int, int]
) -> None:
    layer = spread_layer(positions=2, shape=shape, kept_of=kept_of)
    found = offered(layer, isa, "spmv_sweep")
    assert found
    for candidate in found:
        if shape == (64, 64):
            assert candidate.pack(layer).constants["rest_values"].size == 0
        check(candidate, layer, drawn_input(layer, 1))


@settings(max_examples=40)
@given(
    inputs=st.integers(1, 150),
    units=st.integers(1, 90),
    block=st.sampled_from(BLOCKS),
    seed=st.integers(0, 1000),
)
def test_drawn_blocks(inputs: int, units: int, block: tuple[int, int], seed: int) -> None:
    layer = blocked_layer((inputs, units), block, seed=seed)
    for isa in ISAS:
        for candidate in offered(layer, isa, "spmv_blocks"):
            check(candidate, layer, drawn_input(layer, 1))


@pytest.mark.parametrize("isa", ISAS)
def test_zeros_inside_a_block_are_skipped_like_others(isa: Isa) -> None:
    for layer, family in (
        (blocked_layer((96, 64), (1, 16)), "spmv_blocks"),
        (blocked_layer((96, 64), (16, 1)), "spmv_blocks"),
        (spread_layer(shape=(96, 64)), "spmv_sweep"),
    ):
        rng = np.random.default_rng(3)
        layer.kernel[rng.random(layer.kernel.shape) < 0.05] = 0
        x = drawn_input(layer, 1)
        x[3], x[17, 0], x[88] = np.nan, np.inf, -np.inf
        exact, _ = expected(layer, x)
        found = offered(layer, isa, family)
        assert found or (isa is Isa.GENERIC and family == "spmv_sweep")
        for candidate in found:
            y = run_candidate(candidate, layer, x)
            np.testing.assert_array_equal(np.isnan(y), np.isnan(exact), candidate.spec.symbol)
            np.testing.assert_array_equal(y[np.isinf(exact)], exact[np.isinf(exact)])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_weights_without_structure_are_not_offered_it(isa: Isa, sparsity: float) -> None:
    kernel = random_layer_kernel(np.random.default_rng(0), 256, 128, sparsity)
    families = {one.spec.family for one in kernel_candidates(DenseLayer(kernel), isa, 1)}
    assert "spmv_blocks" not in families


def test_structure_in_a_part_of_the_weights_is_not_enough() -> None:
    kernel = random_layer_kernel(np.random.default_rng(0), 512, 256, 0.9)
    kernel[:64] = blocked_layer((64, 256), (1, 16)).kernel
    kernel[:, :64] = blocked_layer((512, 64), (16, 1)).kernel
    assert not offered(DenseLayer(kernel), Isa.AVX512, "spmv_blocks")


def test_structured_kernels_store_rounded_weights_in_16_bits() -> None:
    layer = blocked_layer((64, 64), (1, 16))
    kernel = layer.kernel.astype(np.float16).astype(np.float32)
    narrow = DenseLayer(kernel, layer.bias, values=ValueType.FLOAT16)
    for isa in ISAS:
        for candidate in offered(narrow, isa, "spmv_blocks"):
            check(candidate, narrow, drawn_input(narrow, 1))
            kind = np.float32 if isa is Isa.GENERIC else np.uint16
            assert candidate.pack(narrow).constants["values"].dtype == kind
