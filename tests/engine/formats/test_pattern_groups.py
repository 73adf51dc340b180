"""Pattern groups hold every weight once, share what rows share, and bring equal rows together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.arrays import FloatArray
from engine.core.errors import PackError
from engine.formats.pattern_groups import (
    MEMBERS,
    PatternGroups,
    pack_pattern_groups,
    shared_share,
)


def unpacked(packed: PatternGroups, shape: tuple[int, int], panel: int) -> FloatArray:
    """The kernel again, by reading the streams as the native code does."""
    kernel = np.zeros(shape, np.float32)
    columns, values = iter(packed.columns.tolist()), iter(packed.values.reshape(-1, MEMBERS))
    groups = iter(packed.rows.reshape(-1, MEMBERS))
    for number, (start, end) in enumerate(
        zip(packed.panels[:-1, 0], packed.panels[1:, 0], strict=True)
    ):
        for quads, pairs, singles, count in packed.buckets[start:end]:
            for _ in range(count):
                rows = next(groups)
                for width, steps in ((1, quads), (2, pairs), (4, singles)):
                    for _ in range(steps):
                        own = np.repeat([next(columns) for _ in range(width)], MEMBERS // width)
                        kernel[number * panel + own, rows] = next(values)
    assert next(columns, None) is None
    assert next(groups, None) is None
    return kernel


def drawn(inputs: int, units: int, block: int, density: float, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    kept = rng.random((inputs, -(-units // block))) < density
    mask = np.repeat(kept, block, axis=1)[:, :units]
    return np.where(mask, rng.normal(size=mask.shape), 0).astype(np.float32)


@settings(max_examples=80)
@given(
    inputs=st.integers(1, 90),
    units=st.integers(1, 50),
    block=st.sampled_from([1, 2, 3, 4, 8]),
    density=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    panel=st.sampled_from([1, 16, 33, 200]),
    seed=st.integers(0, 999),
)
def test_every_weight_is_there(
    inputs: int, units: int, block: int, density: float, panel: int, seed: int
) -> None:
    kernel = drawn(inputs, units, block, density, seed)
    packed = pack_pattern_groups(kernel, panel)
    np.testing.assert_array_equal(unpacked(packed, kernel.shape, panel), kernel)
    assert packed.nonzeros == np.count_nonzero(kernel)


def test_blocks_of_four_rows_are_quads_wherever_they_begin() -> None:
    kernel = drawn(60, 38, 4, 0.3, 1)  # the last block has two rows
    order = np.random.default_rng(2).permutation(38)
    for mixed in (kernel, kernel[:, order]):
        packed = pack_pattern_groups(mixed, 60)
        steps = packed.buckets[:, :3] * packed.buckets[:, 3:]
        assert steps[:, 0].sum() >= 0.9 * np.count_nonzero(kernel[:, :36]) / 4
    assert shared_share(kernel) > 0.9


def test_blocks_of_two_rows_are_pairs() -> None:
    packed = pack_pattern_groups(drawn(64, 64, 2, 0.3, 3), 64)
    steps = (packed.buckets[:, :3] * packed.buckets[:, 3:]).sum(axis=0)
    assert steps[1] > 0
    assert steps[2] == 0


def test_random_zeros_share_little() -> None:
    assert shared_share(drawn(500, 100, 1, 0.05, 4)) < 0.1
    assert shared_share(np.zeros((5, 3), np.float32)) == 0


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PackError, match="column numbers"):
        pack_pattern_groups(np.ones((5000, 1), np.float32), 5000, 64)
