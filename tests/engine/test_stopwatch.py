"""Races: turns, warm-ups and ends on a clock of their own; clocks that tick too slowly."""

import math
import time
from itertools import pairwise

import pytest

from engine.tuning.clocks import fine_clock, own_time, restart_clocks, wall_time
from engine.tuning.stopwatch import (
    ENOUGH_ROUNDS,
    WARM_SECONDS,
    WARM_UPS,
    Contender,
    race,
)


class Runs:
    """Contenders on a clock of their own, and the order in which they ran."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order = ""

    def contender(self, name: str, seconds: float, times: int = 1) -> Contender:
        def run(repeats: int) -> None:
            self.order += name
            self.now += seconds * repeats

        return Contender(run, times)

    def race(self, contenders: list[Contender], rounds: int, deadline: float = 1e9) -> None:
        race(contenders, deadline, rounds, clock=lambda: self.now, wall=lambda: self.now)


def test_a_race_takes_turns_and_drops_the_hopeless() -> None:
    runs = Runs()
    fast, slow = runs.contender("f", 1e-4), runs.contender("S", 1e-2)
    runs.race([fast, slow], 6)
    assert fast.readings == pytest.approx([1e-4] * 6)
    assert slow.readings == pytest.approx([1e-2] * 3)
    # The first reading of a long call is that of its preparation; each other one follows warm-ups.
    turn = "f" * (WARM_UPS + 1)
    assert runs.order == "ffSS" + turn + (turn + "SS") * 2 + turn * 3


def test_a_race_past_its_deadline_takes_one_round() -> None:
    contenders = [Contender(lambda _: None), Contender(lambda _: None)]
    race(contenders, 0.0, 10)
    assert [len(contender.readings) for contender in contenders] == [1, 1]


def test_a_race_on_a_busy_host_ends_by_the_wall() -> None:
    runs = Runs()
    contenders = [runs.contender("a", 0.01), runs.contender("b", 0.01)]
    # A twentieth of a core: a second of processor time would take twenty on the wall.
    race(contenders, 1.0, 40, clock=lambda: runs.now, wall=lambda: 20 * runs.now)
    assert 1.5 <= 20 * runs.now <= 1.5 + 20 * 0.02
    assert 1 <= len(contenders[0].readings) < 40


def test_readings_of_several_copies_are_for_one() -> None:
    runs = Runs()
    # Three copies of the first take longer than one of the second, which is far behind it nevertheless.
    many, one = runs.contender("m", 0.003, 3), runs.contender("o", 0.0025)
    runs.race([many, one], 5)
    assert many.readings == pytest.approx([0.001] * 5)
    assert one.readings == pytest.approx([0.0025] * 3)


def test_long_calls_run_twice_where_there_is_no_time() -> None:
    runs = Runs()
    long, short = runs.contender("L", 0.1), runs.contender("s", 1e-5)
    runs.race([long, short], 5, deadline=0.0)
    assert (len(long.readings), len(short.readings)) == (1, 1)
    assert runs.order == "LLss" + "s" * (WARM_UPS + 1)


def test_calls_are_warmed_up_for_some_time_only() -> None:
    runs = Runs()
    runs.race([runs.contender("x", WARM_SECONDS / 3)], 1)
    assert runs.order == "xx" + "xxx" + "x"


def test_a_race_with_one_left_is_soon_over() -> None:
    runs = Runs()
    fast, slow = runs.contender("f", 1e-4), runs.contender("S", 1e-3)
    runs.race([fast, slow], 15)
    assert (len(fast.readings), len(slow.readings)) == (ENOUGH_ROUNDS, 3)


def test_a_race_of_nobody_is_over() -> None:
    race([], math.inf, 5)


class Ticks:
    """A clock that is read once a microsecond, and goes on by as much or by a whole tick."""

    def __init__(self, tick: float) -> None:
        self.tick = tick
        self.read = 0

    def __call__(self) -> float:
        self.read += 1
        return self.read * 1e-6 // self.tick * self.tick


@pytest.mark.parametrize("start", [0, 9_950])
def test_a_clock_that_ticks_too_slowly_is_not_used(start: int) -> None:
    coarse, fine = Ticks(0.01), Ticks(1e-6)
    coarse.read = start  # a tick may fall between the readings
    assert fine_clock(coarse, own_time) is own_time
    assert fine_clock(fine, own_time) is fine


def test_no_reading_is_zero() -> None:
    """Times of tiles and of calls are divided by each other."""
    contender = Contender(lambda _: None)
    race([contender], math.inf, 3, clock=lambda: 5.0)
    assert len(contender.readings) == 3
    assert min(contender.readings) > 0


def readings(monkeypatch: pytest.MonkeyPatch, seed: str) -> list[float]:
    monkeypatch.setenv("PRUNUS_TUNING_SEED", seed)
    restart_clocks()
    return [clock() for _ in range(20) for clock in (own_time, wall_time)]


def test_random_clocks_go_on_and_repeat_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    first = readings(monkeypatch, "1")
    assert all(before < after for before, after in pairwise(first))
    assert readings(monkeypatch, "1") == first
    assert readings(monkeypatch, "2") != first


def test_without_a_seed_the_clocks_tell_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRUNUS_TUNING_SEED", raising=False)
    restart_clocks()
    before = time.perf_counter()
    assert before <= wall_time() <= time.perf_counter()


def test_the_order_of_a_random_race_follows_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of the contenders says nothing then: each of three wins for some seed."""
    winners = set()
    for seed in range(20):
        monkeypatch.setenv("PRUNUS_TUNING_SEED", str(seed))
        restart_clocks()
        contenders = [Contender(lambda _: None) for _ in range(3)]
        race(contenders, own_time() + 1e-3, 5)
        winners.add(min(range(3), key=lambda number: contenders[number].seconds))
    assert winners == {0, 1, 2}
