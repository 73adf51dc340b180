"""`make bench-peers`: Prunus beside its peers over a grid of networks, sparsities, batch sizes and threads.

What was measured is kept in a file, so that pieces can be run again; the pages are written from all that it holds.
"""

import argparse
import datetime
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import ENTRIES, OWN, Entry, contender, cores_for, environments
from benchmarks.kernels import measure_roofs
from benchmarks.machine import describe_cpu
from benchmarks.networks import BATCHES, NETWORKS, Network
from benchmarks.page import replace_section, wrapped
from benchmarks.picture import draw
from benchmarks.protocol import REPOSITORY
from benchmarks.report import FULL_PAGE, render, render_full
from benchmarks.results import Absent, Outcome, Place, Results, Run, load, merge, save
from benchmarks.side_by_side import FULL, QUICK, Effort, Plan, run_side_by_side
from engine.core.target import host_target
from engine.machine_code.object_cache import ObjectCache

PAGE = REPOSITORY / "docs" / "benchmarks.md"
FOLDER = REPOSITORY / "build" / "bench-peers"
SPARSITIES = (0.8, 0.9, 0.95, 0.98)
THREADS = (1, 2)
COMMAND = "make bench-peers"
ROOF_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Options:
    """The command line: what of the grid to measure, how long, and where results go."""

    networks: tuple[Network, ...]
    sparsities: tuple[float, ...]
    batches: tuple[int, ...]
    threads: tuple[int, ...]
    entries: tuple[Entry, ...]
    effort: Effort
    folder: Path
    page: Path
    measure: bool


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Read the command line; Prunus always takes part, since all are compared with it in the same run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default=",".join(n.name for n in NETWORKS))
    parser.add_argument("--sparsities", default=",".join(map(str, SPARSITIES)), help="fractions")
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)))
    parser.add_argument("--threads", default=",".join(map(str, THREADS)))
    parser.add_argument("--contenders", help="names of the tables, comma-separated; default: all")
    parser.add_argument("--quick", action="store_true", help="short turns: a look, not a result")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="keeps the measured grid")
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown page to write into")
    parser.add_argument("--write-only", action="store_true", help="measure nothing, write the page")
    given = parser.parse_args(arguments)
    entries = _entries(parser, given.contenders)
    return Options(
        tuple(Network(tuple(map(int, name.split("-")))) for name in given.networks.split(",")),
        tuple(map(float, given.sparsities.split(","))),
        tuple(map(int, given.batches.split(","))),
        tuple(map(int, given.threads.split(","))),
        entries,
        QUICK if given.quick else FULL,
        given.folder,
        given.page,
        not given.write_only,
    )


def _entries(parser: argparse.ArgumentParser, names: str | None) -> tuple[Entry, ...]:
    if names is None:
        return ENTRIES
    known = {entry.name: entry for entry in ENTRIES}
    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"expected names of {', '.join(known)}; got {', '.join(unknown)}")
    return tuple(entry for name, entry in known.items() if name in wanted or name == OWN)


class Recorder:
    """Keeps what is measured in the file, piece by piece."""

    def __init__(self, path: Path, run: Run) -> None:
        """Begin a run."""
        self._path, self._run, self._started = path, run, time.monotonic()
        load(path)  # a file that cannot be read shall say so before hours of work

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self._run.date

    def keep(self, grid: dict[Place, dict[str, Outcome]]) -> None:
        """Merge some places into the file."""
        run = replace(self._run, seconds=time.monotonic() - self._started)
        save(merge(load(self._path), Results(grid, {run.date: run})), self._path)


def measure(options: Options, recorder: Recorder, say: Callable[[str], None]) -> None:
    """Run what was asked for: one field of workers for each number of threads and choice of engines."""
    found, missing = environments(options.entries, say)
    for name, why in missing.items():
        say(f"{name}: not available: {why}")
    for threads in options.threads:
        if len(cores_for(threads)) < threads:
            say(f"{threads} threads: left out, this process has fewer CPUs")
            continue
        entries = [entry for entry in options.entries if entry.shared or threads == 1]
        plan = Plan(
            options.networks,
            options.sparsities,
            options.batches,
            tuple(
                contender(entry, found[entry.environment], threads)
                for entry in entries
                if entry.environment in found
            ),
            threads,
            options.effort,
            recorder.name,
        )
        away = [entry for entry in entries if entry.environment in missing]
        for grid in run_side_by_side(plan, options.folder, say):
            recorder.keep(
                {
                    place: outcomes | absences(away, missing, place, recorder.name)
                    for place, outcomes in grid.items()
                }
            )


def absences(
    entries: Iterable[Entry], missing: Mapping[str | None, str], place: Place, run: str
) -> dict[str, Outcome]:
    """Return why each of these has no time at a place."""
    return {
        entry.name: Absent(missing[entry.environment], run)
        for entry in entries
        if not entry.only or place.network in entry.only
    }


def write_pages(results: Results, page: Path) -> None:
    """Write the section, the page of all cells and the picture."""
    picture = Path("images") / "benchmarks.png"
    draw(results.grid, page.parent / picture)
    replace_section(page, COMMAND, render(results, picture.as_posix()))
    (page.parent / FULL_PAGE).write_text(wrapped(render_full(results)) + "\n")


def say(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, keep, write."""
    options = parse_arguments(sys.argv[1:])
    arguments = shlex.join(sys.argv[1:])
    path = options.folder / "grid.json"
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.measure:
        run = Run(
            cpu=describe_cpu(),
            cores=len(os.sched_getaffinity(0)),
            python=platform.python_version(),
            date=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S}",
            load_average=os.getloadavg()[0],
            command=f'{COMMAND} BENCH="{arguments}"' if arguments else COMMAND,
            seconds=0.0,
            roof=measure_roofs(host_target(), ObjectCache(), ROOF_SECONDS).gflops,
        )
        measure(options, Recorder(path, run), say)
    write_pages(load(path), options.page)
    say(f"wrote {options.page}")


if __name__ == "__main__":
    main()
