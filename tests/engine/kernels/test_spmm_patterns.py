"""The pattern-group kernel on blocks of rows, which it is offered for at any sparsity."""

import numpy as np
import pytest

from engine.core.functions import ElementFunction, FusedActivation
from engine.core.layers import DenseLayer
from engine.core.target import Isa, available_isas
from engine.kernels import spmm_rows
from engine.kernels.registry import emit
from engine.kernels.spmm_patterns import candidates
from tests.engine.kernels.dense_oracle import expected, lanes_of, run_candidate
from tests.engine.kernels.structured_layers import blocked_layer

LEVELS = [
    pytest.param(isa, lanes, id=f"{isa.value}-{lanes}")
    for isa in available_isas()
    for lanes in lanes_of(isa)
    if lanes > 1
]


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("block", [(1, 4), (4, 4), (1, 8), (1, 2), (3, 5)])
def test_blocks_give_the_product(isa: Isa, lanes: int, block: tuple[int, int]) -> None:
    relu = ElementFunction(FusedActivation.RELU)
    layer = blocked_layer((1100, 37), block, relu, positions=2)
    x = np.random.default_rng(9).normal(size=(2200, lanes)).astype(np.float32)
    exact, scale = expected(layer, x)
    for candidate in candidates(layer, isa, lanes):
        y = run_candidate(candidate, layer, x)
        assert np.max(abs(y - np.maximum(exact, 0)) / (scale + 1)) <= 2e-6


def test_it_is_offered_where_rows_share_columns() -> None:
    rng = np.random.default_rng(0)
    thin = rng.normal(size=(256, 64)).astype(np.float32)
    thin[rng.random(thin.shape) < 0.95] = 0
    assert candidates(DenseLayer(thin), Isa.AVX512, 16) == ()
    blocks = np.repeat(thin[:, ::4], 4, axis=1)
    assert len(candidates(DenseLayer(blocks), Isa.AVX512, 16)) == 1
    assert len(candidates(DenseLayer(np.ones((64, 64), np.float32)), Isa.AVX2, 8)) == 1


@pytest.mark.parametrize("isa", available_isas())
def test_large_layers_ask_for_their_weights_ahead(isa: Isa) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(700, 300)).astype(np.float32)
    kernel[rng.random(kernel.shape) < 0.5] = 0
    layer = DenseLayer(kernel)
    x = rng.normal(size=(700, 16)).astype(np.float32)
    exact, scale = expected(layer, x)
    found = [*candidates(layer, isa, 16), *spmm_rows.candidates(layer, isa, 16)]
    ahead = [one for one in found if "ahead" in dict(one.spec.variant)]
    assert {one.spec.family for one in ahead} == {"spmm_patterns", "spmm_rows"}
    for candidate in ahead:
        assert "llvm.prefetch" in emit(candidate.spec)
        assert np.max(abs(run_candidate(candidate, layer, x) - exact) / scale) <= 2e-6
