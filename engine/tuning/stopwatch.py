"""Times native plans against each other on this host, so that noise hits all of them alike.

Readings of one thread's work are its processor time: what other processes do at the same time lengthens
a call, and says nothing about a kernel. (Some sandboxes count that in steps of 10 ms, which is of no use for
calls of microseconds: there it is the time on the wall.) Work that threads share is read from the wall, and
judged by the least reading: what else the machine does can only lengthen a call, and a thread that has no
core at the moment would hide for good what it could do.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.tuning.clocks import Clock, own_time, wall_time

# One reading lasts at least this long, by repeating short calls natively or in Python.
SHORTEST_READING_SECONDS = 30e-6
MAX_REPEATS = 64
# Before a reading a call is run for so long, but at most so often: weights that the last contender pushed out
# to memory come back over several calls (three layers of 4096 x 4096 took 1,000, 950, 680, 480, 370, 280 us
# after a dense one). One run is enough where it takes longer than this.
WARM_SECONDS = 4e-3
WARM_UPS = 8
# A race that only one contender is left in ends after this many rounds.
ENOUGH_ROUNDS = 7
# A contender that takes this many times as long as the best is not timed further.
HOPELESS = 2.0
# A race ends after this many times what is left of its processor time, however little of that it was given.
MOST_WALL = 1.5
# No reading is less than this: times are divided by.
_LEAST_SECONDS = 1e-9


@dataclass(frozen=True, slots=True)
class Spread:
    """What readings of one thing say.

    Attributes:
        median_seconds: half of the readings are below.
        low_seconds: 10th percentile.
        high_seconds: 90th percentile.
        count: number of readings.
    """

    median_seconds: float
    low_seconds: float
    high_seconds: float
    count: int


def spread_of(readings: Sequence[float]) -> Spread:
    """Return the spread of at least one reading; percentiles between two readings are interpolated."""
    low, median, high = (float(value) for value in np.percentile(readings, (10, 50, 90)))
    return Spread(median, low, high, len(readings))


@dataclass(slots=True)
class Contender:
    """Something to time.

    Attributes:
        run: function that does the work `repeats` times.
        times: number of times that one repeat does what is measured.
        repeats: number of repeats in a reading.
        readings: seconds for what is to be timed, so far.
    """

    run: Callable[[int], None]
    times: int = 1
    repeats: int = 1
    readings: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Median of the readings; infinite before the first."""
        return statistics.median(self.readings) if self.readings else float("inf")

    @property
    def least_seconds(self) -> float:
        """The least of the readings; infinite before the first."""
        return min(self.readings, default=float("inf"))


def race(
    contenders: Sequence[Contender],
    deadline: float,
    most_rounds: int,
    hopeless: float = HOPELESS,
    clock: Clock = own_time,
    wall: Clock = wall_time,
    least_rounds: int = 1,
) -> None:
    """Take readings in turn until the deadline; at least `least_rounds` of each.

    On a busy host processor time is spent slowly: there the time on the wall ends a race.

    Each contender is run before its reading, which is then of code whose data is in the caches as far as
    it fits: what a contender leaves there would count against the next. Contenders that are far behind the
    best after three rounds are not run again; a race that has one left is soon over.

    Args:
        contenders: the contenders to time; there may be none.
        deadline: value of `clock`.
        most_rounds: readings of each contender.
        hopeless: multiple of the best one's time that is far behind; infinite where times are not rivals.
        clock: `own_time`, or `wall_time` where other threads help.
        wall: a clock of wall time; a race ends at 1.5 times the time on it that `clock` has left until the deadline.
        least_rounds: number of rounds that are taken whatever the time.
    """
    if not contenders:
        return
    wall_deadline = wall() + MOST_WALL * max(0.0, deadline - clock())
    for contender in contenders:
        _prepare(contender, clock)
    running = list(contenders)
    for number in range(most_rounds):
        for contender in running:
            if len(contender.readings) <= number:
                _warm(contender, clock)
                _read(contender, clock)
        if number + 1 >= least_rounds and (clock() > deadline or wall() > wall_deadline):
            return
        if number == 2:
            best = min(contender.seconds for contender in running)
            running = [contender for contender in running if contender.seconds <= hopeless * best]
        if number + 1 >= ENOUGH_ROUNDS and len(running) < min(2, len(contenders)):
            return


def _prepare(contender: Contender, clock: Clock) -> None:
    """Run for the first time, with cold code and data, and then see how long a call is.

    A long call then has its first reading: there is time for few.
    """
    contender.run(1)
    seconds = _read(contender, clock)
    if seconds < WARM_SECONDS:
        contender.readings.clear()
        contender.repeats = _repeats(seconds)


def _warm(contender: Contender, clock: Clock) -> None:
    end = clock() + WARM_SECONDS
    for _ in range(WARM_UPS):
        contender.run(1)
        if clock() >= end:
            return


def _read(contender: Contender, clock: Clock) -> float:
    """Take a reading; the seconds of one repeat."""
    start = clock()
    contender.run(contender.repeats)
    seconds = max(_LEAST_SECONDS, clock() - start) / contender.repeats
    contender.readings.append(seconds / contender.times)
    return seconds


def _repeats(seconds: float) -> int:
    return int(min(MAX_REPEATS, max(1, SHORTEST_READING_SECONDS / max(seconds, 1e-9))))
