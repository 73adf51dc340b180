"""Groups of rows of equal length, against a plain reading of what the order is; forms of kernels, made once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.kernel_forms import KernelForms
from engine.formats.conv_groups import order_conv_groups
from engine.formats.grouped_entries import group_entries
from engine.formats.nonzeros import find_nonzeros


def random_kernel(inputs: int, units: int, density: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kernel = np.where(
        rng.random((inputs, units)) < density, rng.standard_normal((inputs, units)), 0
    )
    return kernel.astype(np.float32)


def plainly(
    kernel: np.ndarray, rows: int, panel_columns: int
) -> tuple[list[list[int]], list[list[int]], list[int], list[tuple[int, int]]]:
    """Panels, buckets, rows and (row, column) of each entry, one by one."""
    panels, buckets, members, entries = [[0, 0, 0]], [], [], []
    starts = list(range(0, kernel.shape[0], panel_columns))
    for start in starts:
        own = {
            unit: [
                start + int(n) for n in np.flatnonzero(kernel[start : start + panel_columns, unit])
            ]
            for unit in range(kernel.shape[1])
        }
        for length in sorted({len(columns) for columns in own.values()}):
            if length == 0 and start not in {0, starts[-1]}:
                continue
            found = [unit for unit in own if len(own[unit]) == length]
            found += [found[-1]] * (-len(found) % rows)
            buckets.append([length, len(found) // rows])
            members += found
            for first in range(0, len(found), rows):
                group = found[first : first + rows]
                entries += [(unit, own[unit][step]) for step in range(length) for unit in group]
        panels.append([len(buckets), len(members) // rows, len(entries)])
    return panels, buckets, members, entries


@given(
    inputs=st.integers(1, 40),
    units=st.integers(1, 40),
    rows=st.integers(1, 8),
    panel=st.integers(1, 45),
    density=st.sampled_from([0.0, 0.05, 0.4, 1.0]),
    seed=st.integers(0, 2**16),
)
def test_the_order_is_that_of_a_plain_reading(
    inputs: int, units: int, rows: int, panel: int, density: float, seed: int
) -> None:
    kernel = random_kernel(inputs, units, density, seed)
    found = find_nonzeros(kernel)
    order = group_entries(found, inputs, rows, panel)
    panels, buckets, members, entries = plainly(kernel, rows, panel)
    assert order.panels.tolist() == panels
    assert order.buckets.tolist() == buckets
    assert order.rows.tolist() == members
    flat = order.entries.reshape(-1)
    assert (
        list(zip(found.rows[flat].tolist(), found.columns[flat].tolist(), strict=True)) == entries
    )


def test_units_of_a_group_meet_the_channels_of_their_group() -> None:
    kernel = random_kernel(6, 8, 0.5, 1)
    order = order_conv_groups(kernel, 2, 2, 6)
    whole = order_conv_groups(kernel, 1, 2, 6)
    rows = np.repeat(order["rows"].reshape(-1, 2), np.repeat(*order["buckets"].T), axis=0)
    shift = (rows.reshape(-1) // 4 * 6).astype(np.uint32)
    np.testing.assert_array_equal(order["columns"], whole["columns"] + shift)
    assert order["nonzeros"].tolist() == [np.count_nonzero(kernel)]


def test_forms_are_made_once_and_few_are_kept() -> None:
    forms, made = KernelForms(), []

    def make(key: int) -> dict[str, np.ndarray]:
        made.append(key)
        return {"values": np.zeros(key + 1)}

    for key in (0, 0, 1, 0, 1, 2, 3):
        assert forms.form(key, lambda key=key: make(key))["values"].size == key + 1  # type: ignore[misc]
    assert made == [0, 1, 2, 3]
    forms.form(4, lambda: make(4))
    forms.form(0, lambda: make(0))
    assert made == [0, 1, 2, 3, 4, 0]
    part = forms.part(range(3))
    assert part is forms.part(range(3))
    assert part is not forms.part(range(3, 6))
    part.form(0, lambda: make(7))
    assert sorted(one.size for one in forms.arrays()) == [1, 3, 4, 5, 8]


@pytest.mark.parametrize("groups", [1, 2])
def test_what_a_part_of_a_kernel_has_made_is_not_taken_for_the_whole(groups: int) -> None:
    forms = KernelForms()
    kernel = random_kernel(6, 8, 0.5, 2)
    whole = forms.form("order", lambda: order_conv_groups(kernel, groups, 2, 6))
    half = forms.part(range(4)).form("order", lambda: order_conv_groups(kernel[:, :4], 1, 2, 6))
    assert set(half["rows"].tolist()) == {0, 1, 2, 3}
    assert set(whole["rows"].tolist()) == set(range(8))
