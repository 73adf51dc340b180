import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pruning.patterns import (
    Mask,
    Scores,
    Shape,
    expand,
    keep_largest,
    kept_count,
    n_of_m,
    pool,
    with_floor,
)
from pruning.recipe import Block, NofM, Pooling

_kernels = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.sampled_from([0.0, 1e-31, 0.25, 0.5, 1.0, 3.0]),
)


@given(_kernels, st.integers(0, 81))
def test_exactly_the_largest_are_kept_and_the_first_of_equals(scores: Scores, count: int) -> None:
    count = min(count, scores.size)
    mask = keep_largest(scores, count)
    ranked = sorted(range(scores.size), key=lambda i: (-scores.flat[i], i))
    assert set(np.flatnonzero(mask)) == set(ranked[:count])


@given(_kernels, st.integers(1, 4), st.integers(2, 6))
def test_n_of_m_keeps_the_n_largest_of_each_group_of_inputs(scores: Scores, n: int, m: int) -> None:
    n = min(n, m - 1)
    mask = n_of_m(scores, NofM(n, m))
    for unit in range(scores.shape[1]):
        for first in range(0, scores.shape[0], m):
            group = list(range(first, min(first + m, scores.shape[0])))
            best = sorted(group, key=lambda i: (-scores[i, unit], i))[:n]
            assert [i for i in group if mask[i, unit]] == sorted(best)


@given(_kernels, st.integers(1, 4), st.integers(1, 4), st.sampled_from(list(Pooling)))
def test_blocks_are_pooled_over_the_weights_they_have(
    scores: Scores, rows: int, cols: int, pooling: Pooling
) -> None:
    pattern = Block(rows, cols, pooling)
    pooled = pool(scores, pattern)
    for (i, j), score in np.ndenumerate(pooled):
        part = scores[i * cols : (i + 1) * cols, j * rows : (j + 1) * rows]
        expected = part.mean() if pooling is Pooling.AVG else part.max()
        assert math.isclose(score, expected, rel_tol=1e-12)
    assert pooled.shape == (math.ceil(scores.shape[0] / cols), math.ceil(scores.shape[1] / rows))


@given(_kernels, st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**31))
def test_a_block_mask_spreads_to_its_weights(
    scores: Scores, rows: int, cols: int, seed: int
) -> None:
    pattern = Block(rows, cols)
    pooled = pool(scores, pattern)
    blocks: Mask = np.random.default_rng(seed).integers(2, size=pooled.shape) == 1
    mask = expand(blocks, pattern, Shape(*scores.shape))
    assert mask.shape == scores.shape
    for i, j in np.ndindex(mask.shape):
        assert mask[i, j] == blocks[i // cols, j // rows]


@given(_kernels, st.integers(0, 81), st.integers(0, 3))
def test_the_floor_keeps_the_best_of_every_row_and_the_count_is_exact(
    scores: Scores, count: int, floor: int
) -> None:
    mask = with_floor(scores, min(count, scores.size), floor)
    needed = [min(floor, int((scores[:, unit] > 0).sum())) for unit in range(scores.shape[1])]
    assert all(mask[:, unit].sum() >= n for unit, n in enumerate(needed))
    assert mask.sum() == max(min(count, scores.size), sum(needed))


def test_the_kept_count_is_the_nearest_whole_number_and_at_least_one() -> None:
    assert kept_count(1000, 0.9) == 100
    assert kept_count(10, 0.99) == 1
    assert kept_count(7, 0.0) == 7
    assert kept_count(0, 0.5) == 0
