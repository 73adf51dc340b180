"""What a run found, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NANOSECONDS_PER_MICROSECOND = 1000.0


@dataclass(frozen=True, slots=True)
class Cell:
    """The times of one call by one contender on one network at one batch size, in microseconds.

    Attributes:
        median: Of all calls of all rounds.
        p10: A tenth of the calls were faster.
        p90: A tenth of the calls were slower.
        calls: How many were timed.
    """

    median: float
    p10: float
    p90: float
    calls: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and with what the run was made.

    Attributes:
        cpu: Model name and vector extensions.
        cores: CPUs of this process.
        python: Version.
        versions: Of every contender, by its name.
        date: Day of the run, ISO 8601.
        load_average: Of the last minute when the run began, and of the last five when it ended; the run
            itself makes one, what is above means that others used the CPUs.
        command: What was typed.
        seconds: The whole run.
    """

    cpu: str
    cores: int
    python: str
    versions: Mapping[str, str]
    date: str
    load_average: tuple[float, float]
    command: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Results:
    """All cells, by network name, batch size and contender name, each in the order of the run."""

    sparsity: float
    cells: Mapping[str, Mapping[int, Mapping[str, Cell]]]
    largest_errors: Mapping[str, float]

    @property
    def contenders(self) -> tuple[str, ...]:
        """Return the names in the order in which they took turns."""
        return tuple(self.largest_errors)


def summarise(nanoseconds: Sequence[int]) -> Cell:
    """Return the cell of these call times."""
    times = np.asarray(nanoseconds, np.float64) / NANOSECONDS_PER_MICROSECOND
    p10, median, p90 = np.percentile(times, [10, 50, 90])
    return Cell(float(median), float(p10), float(p90), times.size)
