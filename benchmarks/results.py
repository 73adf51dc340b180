"""What was measured, as data, and its file: pieces of the grid that were run apart are merged there."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

NANOSECONDS_PER_MICROSECOND = 1000.0


class ResultsError(Exception):
    """A file of results is not what this version writes."""


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


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in the grid: network by name, fraction of zeros, threads, samples a call.

    Networks of images are measured on several kinds of CPU, whose cells stand side by side: `cpu` tells them apart.
    """

    network: str
    sparsity: float
    threads: int
    batch: int
    cpu: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """What one contender did at one place.

    Attributes:
        cell: Its times.
        own: Prunus' median in the same run, in microseconds.
        error: Largest difference from the float64 reference, as a fraction of the largest output.
        version: Of the engine.
        run: Name of the run.
    """

    cell: Cell
    own: float
    error: float
    version: str
    run: str

    @property
    def ratio(self) -> float:
        """Return how many times as long as Prunus it took, both in the same run."""
        return self.cell.median / self.own


@dataclass(frozen=True, slots=True)
class Absent:
    """Why there is no time of a contender at a place."""

    reason: str
    run: str


Outcome = Timing | Absent
Grid = Mapping[Place, Mapping[str, Outcome]]


@dataclass(frozen=True, slots=True)
class Run:
    """Where, when and with what a part of the grid was measured.

    Attributes:
        cpu: Model name and vector extensions.
        cores: CPUs of the runner's process.
        python: Version of the runner's Python.
        date: Day and minute of its beginning in UTC, ISO 8601; also its name.
        load_average: Of the last minute when the run began; 0 is a machine that nobody else uses.
        command: What was typed.
        seconds: The whole run.
        roof: Multiply-adds of one core as its kernels at best do them, in GFLOP/s.
    """

    cpu: str
    cores: int
    python: str
    date: str
    load_average: float
    command: str
    seconds: float
    roof: float


@dataclass(frozen=True, slots=True)
class Results:
    """The grid, and the runs that it was measured in by their names."""

    grid: Grid
    runs: Mapping[str, Run]


NOTHING = Results({}, {})


def summarise(nanoseconds: Sequence[int]) -> Cell:
    """Return the cell of these call times."""
    times = np.asarray(nanoseconds, np.float64) / NANOSECONDS_PER_MICROSECOND
    p10, median, p90 = np.percentile(times, [10, 50, 90])
    return Cell(float(median), float(p10), float(p90), times.size)


def merge(old: Results, new: Results) -> Results:
    """Return both: what `new` measured replaces what `old` has of the same contender at the same place.

    Runs that nothing is left of go.
    """
    places = dict.fromkeys([*old.grid, *new.grid])
    grid = {place: {**old.grid.get(place, {}), **new.grid.get(place, {})} for place in places}
    used = {outcome.run for outcomes in grid.values() for outcome in outcomes.values()}
    runs = {name: run for name, run in {**old.runs, **new.runs}.items() if name in used}
    return Results(grid, runs)


def part_of(results: Results, keep: Callable[[Place], bool]) -> Results:
    """Return the places that `keep` chooses, with the runs that measured them."""
    grid = {place: outcomes for place, outcomes in results.grid.items() if keep(place)}
    return merge(NOTHING, Results(grid, results.runs))


def save(results: Results, path: Path) -> None:
    """Write the file at once, so that a run that is cut off leaves a whole one."""
    document = {
        "runs": {name: asdict(run) for name, run in results.runs.items()},
        "grid": [
            {**asdict(place), "outcomes": {who: asdict(what) for who, what in outcomes.items()}}
            for place, outcomes in results.grid.items()
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document, indent=1))
    os.replace(partial, path)


def load(path: Path) -> Results:
    """Read what `save` wrote; nothing where there is no file.

    Raises:
        ResultsError: The file is of another version, or no JSON.
    """
    if not path.exists():
        return NOTHING
    try:
        document = json.loads(path.read_text())
        grid = {
            Place(
                row["network"], row["sparsity"], row["threads"], row["batch"], row.get("cpu", "")
            ): {who: _outcome(what) for who, what in row["outcomes"].items()}
            for row in document["grid"]
        }
        return Results(grid, {name: Run(**run) for name, run in document["runs"].items()})
    except (KeyError, TypeError, ValueError) as error:
        raise ResultsError(
            f"{path}: expected results of this version, got {error!r}; delete the file and measure again"
        ) from error


def _outcome(what: dict[str, Any]) -> Outcome:
    return Absent(**what) if "reason" in what else Timing(**{**what, "cell": Cell(**what["cell"])})
