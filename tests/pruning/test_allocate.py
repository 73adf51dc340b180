from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning.allocate import Candidate, allocate, erk
from pruning.recipe import Allocation, Block, Mode, NofM, PruningRecipe

_LENET = {"a": (784, 300), "b": (300, 100), "c": (100, 10)}


def _candidates(seed: int, own: Mapping[str, float] | None = None) -> list[Candidate]:
    rng = np.random.default_rng(seed)
    shapes = {"a": (12, 9), "b": (9, 5), "c": (5, 3)}
    return [
        Candidate(name, np.abs(rng.normal(size=shape)), (own or {}).get(name))
        for name, shape in shapes.items()
    ]


def _magnitude(sparsity: float, allocation: Allocation, keep_per_row: int = 0) -> PruningRecipe:
    return PruningRecipe(
        Mode.MAGNITUDE, sparsity=sparsity, allocation=allocation, keep_per_row=keep_per_row
    )


def test_erk_of_lenet_300_100_at_90_percent_matches_the_hand_computation() -> None:
    # First try: eps = 0.1 * 266200 / (1084 + 400 + 110) = 16.7001, density of c = 1.837 > 1, so c is dense.
    # Then eps = (0.1 * 265200 - 0.9 * 1000) / (1084 + 400) = 25620 / 1484 = 17.26415.
    result = erk(_LENET, 0.9)
    assert result["c"] == 0.0
    assert result["a"] == pytest.approx(1 - 17.26415 * 1084 / 235200, abs=1e-6)
    assert result["b"] == pytest.approx(1 - 17.26415 * 400 / 30000, abs=1e-6)


@given(st.floats(0, 0.999))
def test_erk_removes_the_target_over_all_weights(sparsity: float) -> None:
    result = erk(_LENET, sparsity)
    removed = sum(result[name] * a * b for name, (a, b) in _LENET.items())
    assert removed == pytest.approx(sparsity * 266200, rel=1e-9, abs=1e-6)
    assert all(0 <= value < 1 for value in result.values())


def test_erk_of_kernels_with_more_dimensions_uses_all_of_them() -> None:
    # densities eps * 22 / 432 and eps * 105 / 600
    result = erk({"conv": (3, 3, 4, 12), "other": (2, 3, 100)}, 0.5)
    eps = 0.5 * (432 + 600) / (22 + 105)
    assert result["conv"] == pytest.approx(1 - eps * 22 / 432)
    assert result["other"] == pytest.approx(1 - eps * 105 / 600)


@given(st.integers(0, 1000), st.floats(0, 0.99))
def test_a_global_ranking_keeps_the_largest_of_all_layers(seed: int, sparsity: float) -> None:
    candidates = _candidates(seed)
    masks = allocate(candidates, _magnitude(sparsity, Allocation.GLOBAL))
    scores = np.concatenate([c.scores.ravel() for c in candidates])
    kept = np.concatenate([masks[c.name].ravel() for c in candidates])
    assert kept.sum() == max(round(scores.size * (1 - sparsity)), 1)
    assert scores[kept].min() >= scores[~kept].max(initial=0)


@given(st.integers(0, 1000), st.floats(0, 0.99))
def test_a_global_ranking_leaves_every_row_its_largest_weight(seed: int, sparsity: float) -> None:
    candidates = _candidates(seed)
    masks = allocate(candidates, _magnitude(sparsity, Allocation.GLOBAL, keep_per_row=1))
    for candidate in candidates:
        best = candidate.scores.argmax(axis=0)
        assert masks[candidate.name][best, np.arange(len(best))].all()
    kept = sum(int(mask.sum()) for mask in masks.values())
    assert kept == max(round(168 * (1 - sparsity)), 17)


@given(st.integers(0, 1000), st.floats(0, 0.99))
def test_per_layer_counts_are_exact(seed: int, sparsity: float) -> None:
    masks = allocate(_candidates(seed), _magnitude(sparsity, Allocation.LAYER))
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {
        name: max(round(size * (1 - sparsity)), 1)
        for name, size in (("a", 108), ("b", 45), ("c", 15))
    }


@pytest.mark.parametrize("allocation", list(Allocation))
def test_a_layer_with_its_own_sparsity_stays_out_of_the_allocation(allocation: Allocation) -> None:
    masks = allocate(_candidates(1, {"b": 0.0}), _magnitude(0.9, allocation))
    assert masks["b"].all()
    assert masks["a"].sum() + masks["c"].sum() == pytest.approx(0.1 * 123, abs=1)


def test_n_of_m_goes_to_every_layer() -> None:
    masks = allocate(_candidates(2), PruningRecipe(Mode.MAGNITUDE, pattern=NofM(1, 3)))
    assert int(masks["a"].sum()) == 4 * 9


def test_blocks_are_ranked_globally() -> None:
    recipe = PruningRecipe(
        Mode.MAGNITUDE, sparsity=0.5, pattern=Block(rows=3, cols=2), keep_per_row=0
    )
    masks = allocate(_candidates(3), recipe)
    blocks = sum(int(mask[::2, ::3].sum()) for mask in masks.values())
    assert blocks == round((6 * 3 + 5 * 2 + 3 * 1) * 0.5)


def test_nothing_prunable_gives_nothing() -> None:
    assert allocate([], _magnitude(0.5, Allocation.GLOBAL)) == {}
    assert erk({}, 0.5) == {}
