"""Schedules: every sample once, never worse than the naive ways, monotone, threads only where they pay."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.planning.plan import TilePlan
from engine.planning.schedule import (
    SWITCH_SHARE,
    THREADS_MUST_REACH,
    WIDER_MUST_REACH,
    Mode,
    Schedule,
    make_schedule,
)
from engine.tuning.measure_modes import CALL_SECONDS, forced, measured_tile
from engine.tuning.prove_modes import (
    Way,
    believed,
    contested,
    rival_schedules,
    tiles_used,
    without,
    without_losers,
)
from engine.tuning.stopwatch import Contender

LANES = (1, 4, 8, 16, 32)


def tile(lanes: int, seconds: float, shared: float | None, spread: float | None) -> TilePlan:
    return TilePlan(lanes, {}, seconds, shared, spread)


@st.composite
def tile_tables(draw: st.DrawFn, *, equal_spread: bool = False) -> tuple[TilePlan, ...]:
    lanes = sorted(draw(st.sets(st.sampled_from(LANES), min_size=1)))
    seconds = st.floats(1e-7, 1e-3)
    tiles = []
    for width in lanes:
        alone = draw(seconds)
        shared = draw(st.one_of(st.none(), seconds))
        spread = alone if equal_spread else draw(st.one_of(st.none(), seconds))
        tiles.append(tile(width, alone, shared, spread))
    return tuple(tiles)


def covered(schedule: Schedule, tiles: tuple[TilePlan, ...], samples: int) -> list[int]:
    """Samples of each tile that one thread runs, in order, as the native driver does."""
    found = []
    while samples > 0:
        lanes = tiles[schedule.tiles[min(samples, schedule.longest)]].lanes
        found.append(min(lanes, samples))
        samples -= lanes
    return found


@given(tile_tables(), st.integers(1, 9), st.integers(1, 2000))
def test_every_sample_is_run_once(tiles: tuple[TilePlan, ...], threads: int, samples: int) -> None:
    schedule = make_schedule(tiles, 2, threads)
    entry = min(samples, schedule.longest)
    chunk = schedule.chunks[entry]
    assert (schedule.modes[entry] is Mode.SPREAD) == (chunk > 0)
    starts = range(0, samples, chunk or samples)
    pieces = [min(chunk or samples, samples - start) for start in starts]
    assert sum(sum(covered(schedule, tiles, piece)) for piece in pieces) == samples


@given(tile_tables(), st.integers(1, 9), st.integers(1, 9))
def test_no_request_is_slower_than_with_tiles_of_one_width(
    tiles: tuple[TilePlan, ...], planned: int, threads: int
) -> None:
    schedule = make_schedule(tiles, planned, threads)
    for samples in range(1, schedule.longest + 1):
        naive = min(-(-samples // one.lanes) * one.seconds for one in tiles)
        # The last samples have one entry for all requests, which may be a change of width for some.
        assert schedule.seconds[samples] <= naive / WIDER_MUST_REACH * (1 + SWITCH_SHARE)


@given(tile_tables(equal_spread=True), st.integers(1, 9))
def test_fewer_samples_never_take_much_longer(tiles: tuple[TilePlan, ...], threads: int) -> None:
    schedule = make_schedule(tiles, 2, threads)
    least = math.inf
    for seconds in reversed(schedule.seconds[1:]):
        least = min(least, seconds)
        assert seconds <= least / (WIDER_MUST_REACH * THREADS_MUST_REACH) * (1 + 1e-9)


@given(tile_tables(), st.integers(1, 9))
def test_threads_are_used_only_where_they_save_a_tenth(
    tiles: tuple[TilePlan, ...], threads: int
) -> None:
    alone = make_schedule(tiles, 2, 1)
    several = make_schedule(tiles, 2, threads)
    assert set(alone.modes) == {Mode.ALONE}
    for samples in range(1, alone.longest + 1):
        if several.modes[samples] is not Mode.ALONE:
            assert several.seconds[samples] <= THREADS_MUST_REACH * alone.seconds[samples]


def test_tiles_are_cut_for_the_least_total_time() -> None:
    tiles = (tile(1, 1.0, None, None), tile(16, 4.0, None, None), tile(32, 7.0, None, None))
    cut = make_schedule(tiles, 1, 1).tiles
    assert cut[1:5] == (0, 0, 0, 0)  # up to four samples, one by one is as fast as a tile of 16
    assert set(cut[5:17]) == {1}
    # 17 and 18 samples: a tile of 16 and singles; the order does not matter to the time.
    assert set(cut[17:19]) <= {0, 1}
    assert set(cut[20:33]) == {2}
    assert len(cut) == 129


def test_a_change_of_width_has_a_price() -> None:
    tiles = (tile(1, 1.0, None, None), tile(16, 4.0, None, None), tile(32, 6.0, None, None))
    schedule = make_schedule(tiles, 1, 1)
    # 32 + 16 takes 10 and a change, 32 + 32 takes 12.
    assert schedule.seconds[48] == pytest.approx(10.0 + SWITCH_SHARE * 4.0)
    # 32 + 16 + 1 + 1 would take 12 and two changes.
    assert schedule.seconds[50] == pytest.approx(12.0)
    assert tiles[schedule.tiles[50 - 32]].lanes == 32


def test_a_slow_width_is_never_used() -> None:
    tiles = (tile(1, 1.0, None, None), tile(16, 100.0, None, None))
    assert set(make_schedule(tiles, 1, 1).tiles[1:]) == {0}


@pytest.mark.parametrize(("wide", "first"), [(0.95, 0), (0.85, 1)])
def test_one_sample_prefers_its_own_kernels(wide: float, first: int) -> None:
    tiles = (tile(1, 1.0, None, None), tile(8, wide, None, None))
    assert make_schedule(tiles, 1, 1).tiles[1:3] == (first, 1)


def test_a_tile_for_four_samples_may_be_cheaper_with_two() -> None:
    cheap = TilePlan(4, {}, 3.0, half_seconds=1.5)
    single = tile(1, 1.0, None, None)
    assert make_schedule((single, cheap), 1, 1).seconds[1:7] == (1.0, 1.5, 3.0, 3.0, 4.35, 4.5)
    costly = TilePlan(4, {}, 3.0)
    assert make_schedule((single, costly), 1, 1).seconds[1:4] == (1.0, 2.0, 3.0)


def test_a_long_layer_is_shared_and_long_requests_are_spread() -> None:
    tiles = (tile(1, 10.0, 6.0, 10.5), tile(8, 20.0, 12.0, 21.0))
    schedule = make_schedule(tiles, 2, 2)
    assert schedule.modes[1] is Mode.SHARED
    assert schedule.modes[8] is Mode.SHARED
    assert (schedule.modes[16], schedule.chunks[16]) == (Mode.SPREAD, 8)
    assert schedule.seconds[16] == pytest.approx(21.0)
    # What the threads would win is less than a tenth.
    assert set(make_schedule((tile(1, 10.0, 9.5, 19.0),), 2, 2).modes) == {Mode.ALONE}


def test_times_for_other_numbers_of_threads_follow_from_those_measured() -> None:
    tiles = (tile(8, 10.0, 6.0, 12.0),)
    # Of ten, eight are divided: two threads need 6, four need 4; a second thread costs a tile 2 more.
    assert make_schedule(tiles, 2, 4).seconds[8] == pytest.approx(4.0)
    assert make_schedule(tiles, 2, 4).seconds[32] == pytest.approx(16.0)
    assert set(make_schedule(tiles, 2, 1).modes) == {Mode.ALONE}


@given(tile_tables(), st.integers(2, 5))
def test_forced_modes_run_one_tile(tiles: tuple[TilePlan, ...], threads: int) -> None:
    for mode in Mode:
        schedule = forced(tiles, threads, mode)
        for number, one in enumerate(tiles):
            size = threads * one.lanes if mode is Mode.SPREAD else one.lanes
            assert schedule.modes[size] is mode
            assert schedule.chunks[size] == (one.lanes if mode is Mode.SPREAD else 0)
            assert tiles_used(tiles, schedule, size) == {number}


@given(tile_tables(), st.integers(2, 5), st.integers(1, 300))
def test_a_mode_that_is_lost_is_not_used(
    tiles: tuple[TilePlan, ...], threads: int, samples: int
) -> None:
    schedule = make_schedule(tiles, threads, threads)
    mode = schedule.modes[min(samples, schedule.longest)]
    used = tiles_used(tiles, schedule, samples)
    after = without(tiles, {(mode, number) for number in used})
    assert [one.seconds for one in after] == [one.seconds for one in tiles]
    again = make_schedule(after, threads, threads)
    if mode is not Mode.ALONE:
        same = again.modes[min(samples, again.longest)] is mode
        assert not (same and tiles_used(after, again, samples) & used)


def test_modes_are_measured_by_what_they_make_of_a_call() -> None:
    estimated = tile(8, 10.0, 7.0, 11.0)
    # The host is slower than when the tile was timed: what remains is the proportion.
    wall = {Mode.ALONE: 14.0, Mode.SHARED: 10.5, Mode.SPREAD: 15.4}
    found = measured_tile(estimated, wall, 2)
    assert found.seconds == 10.0
    assert found.shared_seconds == pytest.approx(7.5)
    assert found.spread_seconds == pytest.approx(11.0)
    assert measured_tile(estimated, {Mode.ALONE: 14.0}, 2).shared_seconds is None
    # Nothing is faster than all threads at their best, or than the tile alone.
    best = measured_tile(estimated, {**wall, Mode.SHARED: 1.0, Mode.SPREAD: 1.0}, 2)
    assert (best.shared_seconds, best.spread_seconds) == (5.0, 10.0)


def test_the_python_side_of_a_call_is_no_part_of_a_tile() -> None:
    short = tile(1, 4e-6, 3e-6, 5e-6)
    wall = {Mode.ALONE: 6e-6, Mode.SHARED: 5e-6, Mode.SPREAD: 7e-6}
    found = measured_tile(short, wall, 2)
    assert found.shared_seconds == pytest.approx(3e-6)
    assert found.spread_seconds == pytest.approx(5e-6)
    # No more than a call can take is taken off.
    wall = {Mode.ALONE: 6e-6 + CALL_SECONDS, Mode.SHARED: 3e-6 + CALL_SECONDS}
    assert measured_tile(short, wall, 2).shared_seconds == pytest.approx(2e-6)


TWO = (tile(1, 10.0, 6.0, 10.5), tile(8, 20.0, 12.0, 21.0))
ALONE = Way(Mode.ALONE, 0, frozenset({1}))
SHARED = Way(Mode.SHARED, 0, frozenset({1}))
SPREAD = Way(Mode.SPREAD, 8, frozenset({1}))


def test_requests_are_run_in_all_modes_that_may_suit_them() -> None:
    assert contested(TWO, rival_schedules(TWO, 2), [1, 16, 32, 256]) == {
        1: {Way(Mode.ALONE, 0, frozenset({0})): 0, Way(Mode.SHARED, 0, frozenset({0})): 1},
        16: {ALONE: 0, SPREAD: 1, SHARED: 2},
    }
    one = tile(1, 1.0, None, None)
    assert contested([one], rival_schedules([one], 2), [1, 16]) == {}


def test_of_two_times_in_a_mode_the_lesser_one_is_believed() -> None:
    # Sixteen samples are two tiles. In whole calls a shared one takes 11, a spread one 23.
    found = believed(TWO, 2, 16, {ALONE: 40.0, SHARED: 22.0, SPREAD: 23.0})
    assert found[0] is TWO[0]
    assert found[1].shared_seconds == pytest.approx(11.0)
    assert found[1].spread_seconds == pytest.approx(21.0)
    # The same on a host of half the speed.
    slow = believed(TWO, 2, 16, {ALONE: 80.0, SHARED: 44.0, SPREAD: 46.0})
    assert slow[1].shared_seconds == pytest.approx(11.0)
    # Nothing is better than threads at their best.
    best = believed(TWO, 2, 16, {ALONE: 40.0, SHARED: 5.0, SPREAD: 5.0})
    assert (best[1].shared_seconds, best[1].spread_seconds) == (10.0, 20.0)


def test_a_longer_request_is_more_of_the_same() -> None:
    samples = 100 * make_schedule(TWO, 2, 1).longest
    alone = make_schedule(TWO, 2, 1).seconds[-1] * 100
    wall = {ALONE: alone, Way(Mode.SHARED, 0, frozenset({1})): 0.55 * alone}
    assert believed(TWO, 2, samples, wall)[1].shared_seconds == pytest.approx(11.0)


def test_many_threads_are_believed_no_more_than_few() -> None:
    """The schedule of eight threads has entries for requests for which that of one has none."""
    tiles = (tile(1, 10.0, None, 15.0), tile(8, 20.0, None, 60.0))
    batch = 2 * make_schedule(tiles, 8, 8).longest
    eighth = batch / 8 * 20.0 / 8  # of what one thread takes
    way = Way(Mode.SPREAD, 8, frozenset({1}))
    found = believed(tiles, 8, batch, {ALONE: 8 * eighth, way: 1.5 * eighth})
    assert found[1].spread_seconds == pytest.approx(1.5 * 20.0)


def lost(readings: dict[Way, tuple[float, ...]]) -> list[tuple[bool, bool]]:
    """Whether each tile loses SHARED and SPREAD by whole calls of 16 samples."""
    contenders = {
        way: Contender(lambda _: None, readings=[*each]) for way, each in readings.items()
    }
    left = without_losers(TWO, 2, 16, contenders)
    return [(one.shared_seconds is None, one.spread_seconds is None) for one in left]


def test_a_mode_that_another_one_beats_is_lost() -> None:
    assert lost({ALONE: (1.0,), SPREAD: (1.04,), SHARED: (1.0,)}) == [(False, False)] * 2
    # The schedule wants SPREAD; then SHARED; one thread always remains.
    assert lost({ALONE: (1.0,), SPREAD: (0.6,), SHARED: (0.5,)}) == [(False, False), (False, True)]
    assert lost({ALONE: (0.4,), SPREAD: (0.6,), SHARED: (0.5,)}) == [(False, False), (True, True)]
    # What the schedule does not want cannot lose.
    assert lost({ALONE: (0.6,), SPREAD: (0.5,), SHARED: (1.0,)}) == [(False, False)] * 2


def test_of_two_modes_the_steadier_one_is_kept() -> None:
    # The one that is kept may have the worse least reading.
    wild, steady = (0.4, 0.9, 0.9), (0.52, 0.55, 0.56)
    assert lost({ALONE: (1.0,) * 3, SPREAD: wild, SHARED: steady})[1] == (False, True)
    # One thread has no such advantage: what keeps a core busy now may be gone later.
    assert lost({ALONE: (0.8,) * 3, SPREAD: wild, SHARED: (0.6, 0.9, 0.9)})[1] == (False, False)


def test_a_host_without_a_free_core_says_nothing_about_threads() -> None:
    estimated = tile(8, 10.0, 7.0, 11.0)
    wall = {Mode.ALONE: 14.0, Mode.SHARED: 14.5, Mode.SPREAD: 27.0}
    assert measured_tile(estimated, wall, 2) is estimated
