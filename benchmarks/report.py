"""What `make bench-peers` writes of perceptrons: a section of each page, as Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from benchmarks.contenders import ENTRIES, OWN
from benchmarks.goals import SPARSITY, THREADS, Verdict, judge_ratios, judge_times
from benchmarks.networks import NETWORKS
from benchmarks.page import digits, table
from benchmarks.results import Absent, Grid, Outcome, Place, Results, Run, Timing

FULL_PAGE = "benchmarks-full.md"


def render(results: Results, picture: str) -> str:
    """Return the section; `picture` is the path of the image from the page's folder."""
    main = {place: cells for place, cells in results.grid.items() if place.sparsity == SPARSITY}
    parts = [
        describe_runs(results),
        f"![Time of one call by batch size at {SPARSITY:.0%} zeros]({picture})",
        _goals(results),
        _summary(results.grid),
        _losses(results.grid),
        f"### All engines at {SPARSITY:.0%} zeros\n\nMedian microseconds a call; in brackets how many times as long as "
        f"Prunus in the same run. The other sparsities and the spread: [{FULL_PAGE}]({FULL_PAGE}).",
        *_tables(main, with_ratio=True),
        list_absences(results.grid),
    ]
    return "\n\n".join(part for part in parts if part)


def render_full(results: Results) -> str:
    """Return the section of the page of all cells."""
    return "\n\n".join([describe_runs(results), *_tables(results.grid, with_ratio=False)])


def names(grid: Grid) -> list[str]:
    """Return the contenders of a grid in the order of the tables."""
    known = [entry.name for entry in ENTRIES]
    found = dict.fromkeys(name for outcomes in grid.values() for name in outcomes)
    return [name for name in known if name in found] + [name for name in found if name not in known]


def timings(grid: Grid, who: str) -> dict[Place, Timing]:
    """Return the times of one contender."""
    return {
        place: outcome
        for place, outcomes in grid.items()
        if isinstance(outcome := outcomes.get(who), Timing)
    }


def in_order(grid: Iterable[Place]) -> list[Place]:
    """Return the places from the smallest network up, and by zeros, threads and batch within it."""
    known = [network.name for network in NETWORKS]

    def key(place: Place) -> tuple[int, Place]:
        return known.index(place.network) if place.network in known else len(known), place

    return sorted(grid, key=key)


def describe_runs(results: Results) -> str:
    """Return when, where and with what the grid was measured, and how well all agreed with the reference."""
    lines = [
        f"- {run.date} UTC, `{run.command}`, {run.seconds / 60:.0f} minutes: {run.cpu}, {run.cores} cores, "
        f"Python {run.python}; load average before the run {run.load_average:.1f}"
        for run in sorted(results.runs.values(), key=lambda run: run.date)
    ]
    return "Measured in:\n\n" + "\n".join(lines) + "\n\n" + _errors(results.grid)


def _errors(grid: Grid) -> str:
    exact = {entry.name for entry in ENTRIES if entry.exact}
    worst: dict[str, float] = {}
    versions: dict[str, None] = {}
    for who in names(grid):
        for timing in timings(grid, who).values():
            worst[who] = max(worst.get(who, 0.0), timing.error)
            versions[timing.version] = None
    checked = max((error for who, error in worst.items() if who in exact), default=0.0)
    rounded = ", ".join(f"{who} {error:.1e}" for who, error in worst.items() if who not in exact)
    text = (
        f"{', '.join(versions)}. Every float32 output agrees with a float64 reference to {checked:.0e} of the largest "
        "output (the limit is 1e-5)"
    )
    return text + (f"; int8 is off by up to: {rounded}." if rounded else ".")


def _goals(results: Results) -> str:
    ratios = [
        _verdict(verdict, "at least {:g}x", "{:.2f}x") for verdict in judge_ratios(results.grid)
    ]
    times = [
        [
            *_verdict(verdict, "at most {:,.0f} µs", "{:,.1f} µs")[1:],
            *_share(verdict, results.runs),
        ]
        for verdict in judge_times(results.grid)
    ]
    return (
        f"### Goals: {THREADS} threads, {SPARSITY:.0%} zeros\n\n"
        + table(["against", "network", "batch", "goal", "measured", ""], ratios)
        + "\n\nPrunus' own times; its useful operations are two for each non-zero and sample, the peak is what "
        "multiply-adds alone reach in the run.\n\n"
        + table(
            ["network", "batch", "goal", "measured", "", "GFLOP/s", f"of {THREADS} cores' peak"],
            times,
        )
    )


def _share(verdict: Verdict, runs: Mapping[str, Run]) -> list[str]:
    if verdict.rate is None or verdict.run is None:
        return ["-", "-"]
    share = verdict.rate / (THREADS * runs[verdict.run].roof)
    return [f"{verdict.rate:.0f}", f"{share:.0%}"]


def _verdict(verdict: Verdict, goal: str, measured: str) -> list[str]:
    found = "not measured" if verdict.measured is None else measured.format(verdict.measured)
    return [
        verdict.subject,
        verdict.network,
        str(verdict.batch),
        goal.format(verdict.goal),
        found,
        "met" if verdict.met else "**missed**",
    ]


def _summary(grid: Grid) -> str:
    """Return, for each peer and number of threads, the least, median and greatest ratio over its cells."""
    counts = sorted({place.threads for place in grid})
    rows = []
    for who in names(grid):
        found = timings(grid, who)
        if who == OWN or not found:
            continue
        row = [who]
        for threads in counts:
            ratios = [timing.ratio for place, timing in found.items() if place.threads == threads]
            row.append(_spread(ratios))
        lost = sum(timing.ratio < 1 for timing in found.values())
        rows.append([*row, f"{lost} of {len(found)}"])
    header = [
        "engine",
        *(f"{threads} thread{'s' * (threads > 1)}" for threads in counts),
        "faster than Prunus",
    ]
    return (
        "### How many times as long as Prunus\n\nThe least, **median** and greatest ratio over all networks, "
        "sparsities and batch sizes that were measured; both have as many threads.\n\n"
        + table(header, rows)
    )


def _spread(ratios: Sequence[float]) -> str:
    if not ratios:
        return "-"
    return f"{min(ratios):.2f} / **{np.median(ratios):.1f}** / {max(ratios):.1f}"


def _losses(grid: Grid) -> str:
    """Return every cell in which somebody was faster than Prunus."""
    rows = []
    for who in names(grid):
        found = timings(grid, who)
        lost: dict[tuple[str, int], list[str]] = {}
        for place in in_order(found):
            if (timing := found[place]).ratio < 1:
                where = f"{place.sparsity:.0%} batch {place.batch}: {timing.ratio:.2f}"
                lost.setdefault((place.network, place.threads), []).append(where)
        rows += [
            [f"{who}, {network}, {threads} thread{'s' * (threads > 1)}", "; ".join(where)]
            for (network, threads), where in lost.items()
        ]
    text = "### Where a peer is faster\n\n"
    if not rows:
        return text + "In none of the measured cells."
    return (
        text
        + "Its time as a fraction of Prunus'; int8 engines compute something else, with the errors above.\n\n"
        + table(["engine", "zeros, batch: fraction"], rows)
    )


def _tables(grid: Grid, *, with_ratio: bool) -> Iterator[str]:
    groups = dict.fromkeys(
        (place.network, place.threads, place.sparsity) for place in in_order(grid)
    )
    for network, threads, sparsity in groups:
        here = {
            place.batch: outcomes
            for place, outcomes in sorted(grid.items())
            if (place.network, place.threads, place.sparsity) == (network, threads, sparsity)
        }
        present = {who for outcomes in here.values() for who in outcomes}
        rows = [
            [who, *(_cell(outcomes.get(who), with_ratio) for outcomes in here.values())]
            for who in names(grid)
            if who in present
        ]
        title = f"#### {network}, {sparsity:.0%} zeros, {threads} thread{'s' * (threads > 1)}"
        header = ["engine", *(f"batch {batch}" for batch in here)]
        yield f"{title}\n\n{table(header, rows)}"


def _cell(outcome: Outcome | None, with_ratio: bool) -> str:
    if outcome is None:
        return "not run"
    if isinstance(outcome, Absent):
        return "not available"
    cell = outcome.cell
    if with_ratio:
        return (
            f"{digits(cell.median)} ({outcome.ratio:.2g}x)"
            if outcome.ratio < 100
            else f"{digits(cell.median)} ({outcome.ratio:.0f}x)"
        )
    return f"{digits(cell.median)} ({digits(cell.p10)} - {digits(cell.p90)})"


def list_absences(grid: Grid) -> str:
    """Return why some have no times, each reason once with how many cells it left empty."""
    reasons: dict[tuple[str, str], int] = {}
    for who in names(grid):
        for outcomes in grid.values():
            if isinstance(outcome := outcomes.get(who), Absent):
                reasons[who, outcome.reason] = reasons.get((who, outcome.reason), 0) + 1
    if not reasons:
        return ""
    lines = [f"- {who} ({count} cells): {reason}" for (who, reason), count in reasons.items()]
    return "Not available:\n\n" + "\n".join(lines)
