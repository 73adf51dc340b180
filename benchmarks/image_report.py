"""What `make bench-peers` writes of networks of images and of sequences: sections of both pages, as Markdown.

Every kind of CPU that a network was measured on has columns of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.goals import IMAGE_GOALS, SEQUENCE_GOALS, THREADS, RatioGoal, judge_ratios
from benchmarks.images.cases import CASES
from benchmarks.page import table
from benchmarks.report import FULL_PAGE, describe_runs, list_absences, names
from benchmarks.results import Absent, Grid, Outcome, Place, Results
from benchmarks.sequences.cases import SEQUENCE_CASES

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a section is about.

    Attributes:
        cases: Names of networks and their fractions of zeros, in the order of the tables.
        goals: What they are held to.
    """

    cases: tuple[tuple[str, float], ...]
    goals: tuple[RatioGoal, ...]


IMAGES = Kind(tuple((case.description.name, case.sparsity) for case in CASES), IMAGE_GOALS)
SEQUENCES = Kind(
    tuple((case.description.name, case.sparsity) for case in SEQUENCE_CASES), SEQUENCE_GOALS
)


def render_images(results: Results, kind: Kind = IMAGES) -> str:
    """Return the section of docs/benchmarks.md."""
    parts = [
        describe_runs(results),
        _legend(results.grid),
        _goals(results.grid, kind.goals),
        "#### Times\n\nMedian milliseconds a call; in brackets how many times as long as Prunus in the same run. The "
        f"spread: [{FULL_PAGE}]({FULL_PAGE}).",
        *_tables(results.grid, kind.cases, with_ratio=True),
        list_absences(results.grid),
    ]
    return "\n\n".join(part for part in parts if part)


def render_images_full(results: Results, kind: Kind = IMAGES) -> str:
    """Return the section of the page of all cells: median and spread."""
    intro = "Median milliseconds a call (10th - 90th percentile)."
    tables = _tables(results.grid, kind.cases, with_ratio=False)
    return "\n\n".join([intro, describe_runs(results), _legend(results.grid), *tables])


def _cpus(grid: Grid) -> dict[str, str]:
    """Return the letter of each kind of CPU."""
    found = sorted({place.cpu for place in grid})
    return dict(zip(found, _LETTERS, strict=False))


def _legend(grid: Grid) -> str:
    return "\n".join(f"- {letter}: {cpu}" for cpu, letter in _cpus(grid).items())


def _goals(grid: Grid, goals: tuple[RatioGoal, ...]) -> str:
    cpus = _cpus(grid)
    verdicts = [judge_ratios(grid, goals, cpu) for cpu in cpus]
    rows = []
    for number, goal in enumerate(goals):
        measured = [_verdict(of_cpu[number].measured, goal) for of_cpu in verdicts]
        place = [goal.peer, goal.network, f"{goal.sparsity:.0%}", str(goal.batch)]
        rows.append([*place, f"{goal.factor:.2f}x", *measured])
    header = ["against", "network", "zeros", "batch", "at least", *cpus.values()]
    return (
        f"#### Goals: {THREADS} threads\n\nHow many times as long as Prunus the other engine takes.\n\n"
        + table(header, rows)
    )


def _verdict(measured: float | None, goal: RatioGoal) -> str:
    if measured is None:
        return "not measured"
    return f"{measured:.2f}x, " + ("met" if measured >= goal.factor else "**missed**")


def _tables(grid: Grid, cases: tuple[tuple[str, float], ...], *, with_ratio: bool) -> Iterator[str]:
    cpus = _cpus(grid)
    for name, sparsity in cases:
        places = [place for place in grid if (place.network, place.sparsity) == (name, sparsity)]
        if not places:
            continue
        places.sort(key=lambda place: (place.cpu, place.threads, place.batch))
        zeros = f"{sparsity:.0%} zeros" if sparsity else "dense"
        header = ["engine", *(_column(place, cpus[place.cpu]) for place in places)]
        present = {who for place in places for who in grid[place]}
        rows = [
            [who, *(_cell(grid[place].get(who), with_ratio=with_ratio) for place in places)]
            for who in names(grid)
            if who in present
        ]
        yield f"##### {name}, {zeros}\n\n{table(header, rows)}"


def _column(place: Place, letter: str) -> str:
    return f"{letter}: {place.threads} thread{'s' * (place.threads > 1)}, batch {place.batch}"


def _cell(outcome: Outcome | None, *, with_ratio: bool) -> str:
    if outcome is None:
        return "not run"
    if isinstance(outcome, Absent):
        return "not available"
    cell = outcome.cell
    if with_ratio:
        return f"{_milliseconds(cell.median)} ({outcome.ratio:.2g}x)"
    low, high = _milliseconds(cell.p10), _milliseconds(cell.p90)
    return f"{_milliseconds(cell.median)} ({low} - {high})"


def _milliseconds(microseconds: float) -> str:
    """Return three digits or more."""
    milliseconds = microseconds / 1000
    if milliseconds < 10:
        return f"{milliseconds:.2f}"
    return f"{milliseconds:,.1f}" if milliseconds < 100 else f"{milliseconds:,.0f}"
