"""The clocks that the tuner times by; for tests, one whose readings are drawn at random.

What the tuner chooses depends on how long kernels take on the host at that moment, so that no two runs need choose
alike. A test that passes for one choice only would fail now and then. With `PRUNUS_TUNING_SEED` set, the clocks do not
tell the time: every reading is later than the one before by a span drawn at random, so that the tuner chooses at
random among all that it may choose, the same for the same seed. It is of no use for serving.
"""

import os
import random
import time
from collections.abc import Callable
from functools import cache

SEED_VARIABLE = "PRUNUS_TUNING_SEED"
# Powers of ten of the seconds between two readings: kernels that take from 0.1 microseconds to 0.3 milliseconds.
_SHORTEST, _LONGEST = -7.0, -3.5
# A clock ticks too slowly if so many readings of it, one after another, show fewer values than this.
_CLOCK_READINGS, _LEAST_VALUES = 100, 10
Clock = Callable[[], float]


class RandomClock:
    """A clock that goes on by a span drawn at random whenever it is read."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds; later than at the last reading."""
        self._now += 10.0 ** self._random.uniform(_SHORTEST, _LONGEST)
        return self._now


def fine_clock(clock: Clock, other: Clock) -> Clock:
    """Return the first clock; the other one where the first ticks too slowly to time a short call."""
    values = {clock() for _ in range(_CLOCK_READINGS)}
    return clock if len(values) >= _LEAST_VALUES else other


def own_time() -> float:
    """Return what one thread's work and all deadlines but those of several threads are measured by, in seconds."""
    return _clocks()[0]()


def wall_time() -> float:
    """Return what work of several threads is measured by, in seconds."""
    return _clocks()[1]()


def tells_time() -> bool:
    """Return whether the clocks tell the time; with `PRUNUS_TUNING_SEED` they do not."""
    return not isinstance(_clocks()[1], RandomClock)


def restart_clocks() -> None:
    """Read the environment again; a random clock starts with its seed."""
    _clocks.cache_clear()


@cache
def _clocks() -> tuple[Clock, Clock]:
    """Return the clock of one thread's work and that on the wall."""
    seed = os.environ.get(SEED_VARIABLE)
    if seed:
        clock = RandomClock(int(seed))
        return clock, clock
    return fine_clock(time.thread_time, time.perf_counter), time.perf_counter
