"""Packed formats hold exactly the weights they were given."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import PackError
from engine.formats.bitmask import MASK_BITS, pack_bitmask
from engine.formats.delta import pack_deltas
from engine.formats.dense_blocks import pack_dense_blocks
from engine.formats.nonzeros import find_nonzeros
from engine.formats.row_groups import RowGroups, pack_row_groups
from engine.formats.sell import Sell, pack_sell
from engine.formats.sweep import Pace, Sweep, choose_pace, pack_sweep
from engine.formats.unit_blocks import BlockShape, block_fill, pack_unit_blocks
from engine.formats.window import VALID, WINDOW_STEP, Windows, pack_windows

SHAPES = {
    "inputs": st.integers(1, 300),
    "units": st.integers(1, 60),
    "sparsity": st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]),
    "seed": st.integers(0, 100),
}


def drawn(inputs: int, units: int, sparsity: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(inputs, units)).astype(np.float32)
    kernel[rng.random((inputs, units)) < sparsity] = 0
    return kernel


def unpack_row_groups(
    packed: RowGroups, shape: tuple[int, int], members: int, panel: int, unit: int
) -> np.ndarray:
    kernel = np.zeros(shape, np.float32)
    group, entry = 0, 0
    for number, ((first, *_), (end, *_)) in enumerate(
        zip(packed.panels[:-1], packed.panels[1:], strict=True)
    ):
        for length, groups in packed.buckets[first:end]:
            for _ in range(groups):
                size = int(length) * members
                rows = packed.rows[group * members : (group + 1) * members]
                block = packed.columns[entry : entry + size].reshape(length, members)
                values = packed.values[entry : entry + size].reshape(length, members)
                kernel[number * panel + block.astype(np.int64) // unit, rows] = values
                group, entry = group + 1, entry + size
    assert entry == len(packed.values) == len(packed.columns)
    return kernel


@settings(max_examples=40)
@given(**SHAPES, members=st.sampled_from([1, 2, 4, 8]), panel=st.sampled_from([16, 100, 1000]))
def test_row_groups_hold_the_weights(
    inputs: int, units: int, sparsity: float, seed: int, members: int, panel: int
) -> None:
    kernel = drawn(inputs, units, sparsity, seed)
    packed = pack_row_groups(kernel, members, panel, column_unit=8)
    np.testing.assert_array_equal(
        unpack_row_groups(packed, kernel.shape, members, panel, 8), kernel
    )
    assert packed.nonzeros == np.count_nonzero(kernel)


@pytest.mark.parametrize("panel", [4, 10, 64])
def test_row_groups_start_and_finish_every_row(panel: int) -> None:
    kernel = drawn(40, 9, 0.95, 1)
    packed = pack_row_groups(kernel, 4, panel)
    for number in {0, len(packed.panels) - 2}:
        first, end = packed.panels[number, 1], packed.panels[number + 1, 1]
        assert set(packed.rows[first * 4 : end * 4]) == set(range(9))


def test_row_groups_refuse_columns_beyond_16_bits() -> None:
    with pytest.raises(PackError, match="65535"):
        pack_row_groups(np.zeros((70_000, 1), np.float32), 1, 70_000)


def unpack_sell(packed: Sell, shape: tuple[int, int], height: int) -> np.ndarray:
    kernel = np.zeros(shape, np.float32)
    start = 0
    for chunk, steps in enumerate(packed.steps.astype(int)):
        size = steps * height
        columns = packed.columns[start : start + size].reshape(steps, height)
        values = packed.values[start : start + size].reshape(steps, height)
        rows = packed.rows[chunk * height : (chunk + 1) * height]
        for step in range(steps):
            used = values[step] != 0
            kernel[columns[step][used].astype(int), rows[used]] = values[step][used]
        start += size
    assert start == len(packed.values)
    return kernel


@settings(max_examples=40)
@given(**SHAPES, height=st.sampled_from([4, 8, 16]), bits=st.sampled_from([16, 32]))
def test_sell_holds_the_weights(
    inputs: int, units: int, sparsity: float, seed: int, height: int, bits: int
) -> None:
    kernel = drawn(inputs, units, sparsity, seed)
    packed = pack_sell(kernel, height, bits)
    np.testing.assert_array_equal(unpack_sell(packed, kernel.shape, height), kernel)
    assert packed.columns.dtype.itemsize * 8 == bits


def test_sell_pads_little_on_random_layers() -> None:
    kernel = drawn(1024, 1024, 0.95, 0)
    packed = pack_sell(kernel, 16, 16)
    assert len(packed.values) <= 1.05 * packed.nonzeros


def unpack_windows(packed: Windows, shape: tuple[int, int], height: int, width: int) -> np.ndarray:
    kernel = np.zeros(shape, np.float32)
    steps = np.repeat(np.arange(len(packed.steps)), packed.steps)
    assert len(steps) == len(packed.windows)
    columns = packed.columns.reshape(-1, height)
    values = packed.values.reshape(-1, height)
    for number, chunk in enumerate(steps):
        used = columns[number] >= VALID
        places = columns[number][used].astype(int) - VALID
        assert (places < width).all()
        rows = packed.rows[chunk * height : (chunk + 1) * height][used]
        kernel[int(packed.windows[number]) * WINDOW_STEP + places, rows] = values[number][used]
        assert not values[number][~used].any()
    return kernel


@settings(max_examples=40)
@given(**SHAPES, height=st.sampled_from([16, 32]), width=st.sampled_from([32, 64, 128]))
def test_windows_hold_the_weights_and_stay_in_bounds(
    inputs: int, units: int, sparsity: float, seed: int, height: int, width: int
) -> None:
    kernel = drawn(max(inputs, width - WINDOW_STEP + 1), units, sparsity, seed)
    packed = pack_windows(kernel, height, width)
    np.testing.assert_array_equal(unpack_windows(packed, kernel.shape, height, width), kernel)
    room = -(-kernel.shape[0] // WINDOW_STEP) * WINDOW_STEP
    assert (packed.windows.astype(int) * WINDOW_STEP + width <= room).all()


def test_a_window_wider_than_the_inputs_is_refused() -> None:
    with pytest.raises(PackError, match="window"):
        pack_windows(np.ones((20, 3), np.float32), 16, 64)


@settings(max_examples=20)
@given(**SHAPES, height=st.sampled_from([1, 6, 24]))
def test_dense_blocks_hold_the_weights(
    inputs: int, units: int, sparsity: float, seed: int, height: int
) -> None:
    kernel = drawn(inputs, units, sparsity, seed)
    packed = pack_dense_blocks(kernel, height)
    blocks = packed.weights.reshape(packed.blocks, inputs, height)
    joined = np.concatenate(list(blocks), axis=1)
    np.testing.assert_array_equal(joined[:, :units], kernel)
    assert not joined[:, units:].any()


@pytest.mark.parametrize("units", [5, 70_000])
def test_nonzeros_come_row_by_row(units: int) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((6, units)).astype(np.float32)
    kernel[rng.random(kernel.shape) < 0.7] = 0
    kernel[2, 3], kernel[4, 3] = np.nan, -0.0
    found = find_nonzeros(kernel)
    rows, columns = np.nonzero(kernel.T)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.columns, columns)
    np.testing.assert_array_equal(found.values, kernel[columns, rows])
    np.testing.assert_array_equal(found.lengths, np.count_nonzero(kernel, axis=0))


def unpack_sweep(packed: Sweep, shape: tuple[int, int], pace: Pace, form: tuple[int, int]) -> Any:
    """`form` is (height of a chunk, lanes of a slice)."""
    kernel = np.zeros(shape, np.float32)
    height, lanes = form
    windows = pace.windows(shape[0])
    chunks = len(packed.rows) // height
    rows = packed.rows.reshape(chunks, height)
    places = packed.columns.reshape(chunks, windows, pace.count, height)
    values = packed.values.reshape(places.shape)
    assert (places < pace.width).all()
    for chunk, window, step in np.ndindex(chunks, windows, pace.count):
        used = values[chunk, window, step] != 0
        columns = window * pace.slide + places[chunk, window, step][used].astype(int)
        assert not kernel[columns, rows[chunk][used]].any(), "a weight twice"
        kernel[columns, rows[chunk][used]] = values[chunk, window, step][used]
    start = 0
    for number, steps in enumerate(packed.rest.astype(int)):
        for _ in range(steps):
            used = packed.rest_values[start : start + lanes] != 0
            columns = packed.rest_columns[start : start + lanes][used]
            row = packed.rows[number * lanes : (number + 1) * lanes][used]
            assert not kernel[columns, row].any(), "a weight twice"
            kernel[columns, row] = packed.rest_values[start : start + lanes][used]
            start += lanes
    assert start == len(packed.rest_values)
    return kernel


@settings(max_examples=60)
@given(
    **SHAPES,
    form=st.sampled_from([(8, 8), (32, 8), (32, 16)]),
    pace=st.sampled_from([Pace(8, 3, 1), Pace(8, 8, 2), Pace(32, 14, 1), Pace(32, 32, 5)]),
)
def test_sweeps_hold_the_weights(
    inputs: int, units: int, sparsity: float, seed: int, form: tuple[int, int], pace: Pace
) -> None:
    kernel = drawn(inputs, units, sparsity, seed)
    packed = pack_sweep(kernel, pace, *form)
    np.testing.assert_array_equal(unpack_sweep(packed, kernel.shape, pace, form), kernel)
    assert packed.nonzeros == np.count_nonzero(kernel)


def test_an_even_pattern_leaves_nothing_behind_and_no_lane_idle() -> None:
    kernel = np.zeros((128, 64), np.float32)
    kernel[np.arange(0, 128, 4) + 1] = 1
    pace, load = choose_pace(kernel, 32)
    assert (load.lanes, load.rest) == (1.0, 0.0)
    assert pace.slide == 4 * pace.count


def test_a_sweep_takes_16_bit_columns() -> None:
    with pytest.raises(PackError, match="65536"):
        pack_sweep(np.zeros((70_000, 1), np.float32), Pace(32, 32, 1), 16, 16)


@pytest.mark.parametrize("shape", list(BlockShape))
def test_blocks_are_found_by_looking(shape: BlockShape) -> None:
    kernel = drawn(96, 64, 0.0, 0)
    keep = np.random.default_rng(0).random((96, 16) if shape is BlockShape.ROWS else (24, 64)) < 0.2
    axis = 1 if shape is BlockShape.ROWS else 0
    assert block_fill(kernel * np.repeat(keep, 4, axis=axis), shape, 4) == 1.0
    assert block_fill(drawn(96, 64, 0.9, 0), shape, 4) < 0.5
    assert block_fill(np.zeros((96, 64), np.float32), shape, 4) == 0.0


def test_blocks_of_more_rows_than_there_are_are_refused() -> None:
    with pytest.raises(PackError, match="units"):
        pack_unit_blocks(np.ones((20, 3), np.float32), BlockShape.ROWS, 4, 4)


@settings(max_examples=40)
@given(**SHAPES)
def test_bitmasks_hold_the_weights(inputs: int, units: int, sparsity: float, seed: int) -> None:
    kernel = drawn(inputs, units, sparsity, seed)
    packed = pack_bitmask(kernel, 64)
    bits = np.unpackbits(packed.masks.astype("<u2").view(np.uint8), bitorder="little")
    used = bits.reshape(len(packed.rows) // 64, inputs, 64).astype(bool)
    spread = np.zeros(used.shape, np.float32)
    spread[used] = packed.values[:-MASK_BITS]
    lanes = spread.transpose(1, 0, 2).reshape(inputs, -1)
    np.testing.assert_array_equal(lanes[:, -units:], kernel)
    assert not lanes[:, :-units].any()


@settings(max_examples=60)
@given(
    inputs=st.integers(1, 1500),
    units=st.integers(1, 60),
    sparsity=st.sampled_from([0.0, 0.9, 0.99, 0.999, 1.0]),
    seed=st.integers(0, 100),
    height=st.sampled_from([8, 16]),
)
def test_deltas_hold_the_weights(
    inputs: int, units: int, sparsity: float, seed: int, height: int
) -> None:
    kernel = drawn(inputs, units, sparsity, seed)
    packed = pack_deltas(kernel, height)
    found = np.zeros_like(kernel)
    ends = np.concatenate(([0], np.cumsum(packed.steps.astype(int)))) * height
    for chunk, (first, end) in enumerate(pairwise(ends)):
        columns = np.cumsum(packed.deltas[first:end].reshape(-1, height), axis=0, dtype=int)
        assert (columns < inputs).all()
        values = packed.values[first:end].reshape(-1, height)
        used = values != 0
        rows = np.broadcast_to(packed.rows[chunk * height : (chunk + 1) * height], used.shape)
        found[columns[used], rows[used]] = values[used]
    assert ends[-1] == len(packed.values)
    np.testing.assert_array_equal(found, kernel)
    assert packed.nonzeros == np.count_nonzero(kernel)
