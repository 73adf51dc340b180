"""The generated section of docs/benchmarks.md, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.footprint import Footprint
from benchmarks.http_load import LoadStep
from benchmarks.results import Cell, Machine, Results

BEGIN = "<!-- begin: written by make bench -->"
END = "<!-- end: written by make bench -->"
OWN = "Prunus"
GOALS = (
    ("SciPy CSR", 1, 3.0),
    ("ONNX Runtime", 1, 5.0),
    ("ONNX Runtime", 64, 5.0),
)


class MarkerError(Exception):
    """The page has no place for the generated section."""


def replace_section(page: Path, section: str) -> None:
    """Put `section` between the page's markers.

    Raises:
        MarkerError: The markers are missing.
    """
    text = page.read_text()
    if BEGIN not in text or END not in text:
        raise MarkerError(f"{page} must hold the lines {BEGIN!r} and {END!r}")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    page.write_text(f"{head}{BEGIN}\n\n{section.strip()}\n\n{END}{tail}")


def render(
    machine: Machine,
    results: Results,
    footprint: Footprint | None,
    load: Sequence[LoadStep],
    picture: str,
) -> str:
    """Return the whole section; `picture` is the path of the image from the page's folder."""
    parts = [
        _machine(machine, results),
        f"![Time of one call by batch size, three networks, all engines]({picture})",
        *(_network(name, batches) for name, batches in results.cells.items()),
        _ratios(results),
    ]
    if footprint:
        parts.append(_footprint(footprint))
    if load:
        parts.append(_load(load))
    return "\n\n".join(parts)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def _machine(machine: Machine, results: Results) -> str:
    versions = ", ".join(dict.fromkeys(machine.versions.values()))
    error = max(results.largest_errors.values())
    return (
        f"`{machine.command}` on {machine.date}: {machine.cpu}, {machine.cores} cores, "
        f"Python {machine.python}; {machine.seconds:.0f} seconds; load average "
        f"{machine.load_average[0]:.1f} before and {machine.load_average[1]:.1f} during the run, which itself is 1. {versions}. Weights: {results.sparsity:.0%} zeros at random places. "
        f"All outputs agree with a float64 reference to {error:.0e} of the largest output."
    )


def _network(name: str, batches: Mapping[int, Mapping[str, Cell]]) -> str:
    header = ["engine", *(f"batch {batch}" for batch in batches)]
    contenders = next(iter(batches.values()))
    rows = [[who, *(_cell(cells[who]) for cells in batches.values())] for who in contenders]
    return f"### {name}\n\nMedian microseconds a call (10th - 90th percentile).\n\n" + table(
        header, rows
    )


def _cell(cell: Cell) -> str:
    return f"**{_digits(cell.median)}** ({_digits(cell.p10)} - {_digits(cell.p90)})"


def _digits(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _ratios(results: Results) -> str:
    """Return how many times faster Prunus is than each other, cell by cell, and whether the goals are met."""
    others = [name for name in results.contenders if name != OWN]
    rows = [
        [f"{name}, batch {batch}", *(f"{ratio(cells, other):.1f}" for other in others)]
        for name, batches in results.cells.items()
        for batch, cells in batches.items()
    ]
    lines = [
        f"- {who}, batch {batch}, {name}: goal {goal:.0f}x, measured "
        f"{ratio(results.cells[name][batch], who):.1f}x"
        for who, batch, goal in GOALS
        for name in list(results.cells)[-2:]
        if batch in results.cells[name] and who in results.cells[name][batch]
    ]
    text = "### How many times faster Prunus is, on one core\n\n"
    return (
        text
        + table(["network", *others], rows)
        + "\n\nGoals of the first version:\n\n"
        + "\n".join(lines)
    )


def ratio(cells: Mapping[str, Cell], other: str) -> float:
    """Return the other's median over Prunus' median."""
    return cells[other].median / cells[OWN].median


def _footprint(footprint: Footprint) -> str:
    rows = [
        ["start to ready, ten models, object code cached", f"{footprint.start_seconds:.2f} s"],
        ["the same, empty object cache", f"{footprint.cold_start_seconds:.2f} s"],
        ["resident memory, ten models", f"{footprint.resident_mebibytes:.0f} MiB"],
        ["of that, without models", f"{footprint.empty_resident_mebibytes:.0f} MiB"],
        ["modules imported", str(footprint.modules)],
        ["time of imports", f"{footprint.import_seconds:.2f} s"],
    ]
    rows += [
        [
            f"one prediction over HTTP, {trip.form}: median (99th percentile)",
            f"{trip.cell.median:.0f} ({trip.p99:.0f}) µs",
        ]
        for trip in footprint.round_trips
    ]
    slow = ", ".join(
        f"{name} {seconds * 1e3:.0f} ms" for name, seconds in footprint.slowest_imports
    )
    absent = ", ".join(footprint.absent)
    return (
        "### The serving process\n\n"
        + table(["", "measured"], rows)
        + f"\n\nMost expensive packages by their own import time: {slow}. Not imported: {absent}. "
        f"The ten models: {footprint.models}. Medians of {footprint.repeats} starts. Over HTTP: the demo's two "
        "samples, one request after the other on one connection, client and service on this machine."
    )


def _load(load: Sequence[LoadStep]) -> str:
    header = ["asked for", "answered a second", "median", "95th percentile", "99th", "failed"]
    rows = [
        [
            f"{step.rate} a second",
            f"{step.answered_per_second:,.0f}",
            f"{step.outcome.median_milliseconds:.0f} ms",
            f"{step.outcome.p95_milliseconds:.0f} ms",
            f"{step.outcome.p99_milliseconds:.0f} ms",
            f"{step.outcome.failure_ratio:.1%}",
        ]
        for step in load
    ]
    return (
        "### The service under load\n\n"
        "locust (one process, FastHttpUser, constant rate, half JSON, half .npy) and the service share this machine; "
        "two samples of the demo in each request. Where the rate was not reached, the times are those of a queue.\n\n"
        + table(header, rows)
    )
