"""`make bench-peers`: Prunus beside its peers over a grid of networks, sparsities, batch sizes and threads.

Perceptrons have a grid of sparsities; networks of images, signals and sequences are measured at their own sparsity, and
dense.

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
from typing import TypeVar

from benchmarks.contenders import (
    ENTRIES,
    IMAGE_ENTRIES,
    OWN,
    SEQUENCE_ENTRIES,
    Entry,
    contender,
    cores_for,
    environments,
)
from benchmarks.image_report import SEQUENCES, render_images, render_images_full
from benchmarks.images.cases import CASES, IMAGE_BATCHES, Case
from benchmarks.images.side_by_side import (
    IMAGE_EFFORT,
    QUICK_IMAGE_EFFORT,
    prepare_image,
)
from benchmarks.kernels import measure_roofs
from benchmarks.machine import describe_cpu
from benchmarks.named import CaseT, NamedPlan, Prepared, run_named
from benchmarks.networks import BATCHES, NETWORKS, Network
from benchmarks.page import replace_section
from benchmarks.picture import draw
from benchmarks.protocol import REPOSITORY, Contender
from benchmarks.report import FULL_PAGE, render, render_full
from benchmarks.results import Absent, Outcome, Place, Results, Run, load, merge, part_of, save
from benchmarks.sequences.cases import SEQUENCE_BATCHES, SEQUENCE_CASES, SequenceCase
from benchmarks.sequences.side_by_side import prepare_sequence
from benchmarks.side_by_side import FULL, QUICK, Effort, Plan, run_side_by_side
from engine.core.target import host_target
from engine.machine_code.object_cache import ObjectCache

PAGE = REPOSITORY / "docs" / "benchmarks.md"
FOLDER = REPOSITORY / "build" / "bench-peers"
SPARSITIES = (0.8, 0.9, 0.95, 0.98)
THREADS = (1, 2)
COMMAND = "make bench-peers"
IMAGES_SECTION = f"{COMMAND}: images and signals"
SEQUENCES_SECTION = f"{COMMAND}: sequences"
SEQUENCE_NETWORKS = tuple(dict.fromkeys(case.description.name for case in SEQUENCE_CASES))
IMAGE_NETWORKS = tuple(dict.fromkeys(case.description.name for case in CASES))
ROOF_SECONDS = 0.3
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Options:
    """The command line: what of the grid to measure, how long, and where results go."""

    networks: tuple[Network, ...]
    sparsities: tuple[float, ...]
    batches: tuple[int, ...]
    cases: tuple[Case, ...]
    image_batches: tuple[int, ...]
    sequences: tuple[SequenceCase, ...]
    sequence_batches: tuple[int, ...]
    threads: tuple[int, ...]
    entries: tuple[Entry, ...]
    image_entries: tuple[Entry, ...]
    sequence_entries: tuple[Entry, ...]
    quick: bool
    clock: str
    folder: Path
    page: Path
    measure: bool
    others: tuple[Path, ...] = ()

    @property
    def effort(self) -> Effort:
        """Return how long to measure perceptrons."""
        return replace(QUICK if self.quick else FULL, clock=self.clock)

    @property
    def named_effort(self) -> Effort:
        """Return how long to measure networks with names."""
        return replace(QUICK_IMAGE_EFFORT if self.quick else IMAGE_EFFORT, clock=self.clock)


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Read the command line; Prunus always takes part, since all are compared with it in the same run."""
    parser = argparse.ArgumentParser(description=__doc__)
    named = (*IMAGE_NETWORKS, *SEQUENCE_NETWORKS)
    every = [*(network.name for network in NETWORKS), *named]
    parser.add_argument("--networks", default=",".join(every), help="widths, or names of networks")
    parser.add_argument(
        "--sparsities", help="fractions; default: all; 0 is a dense network with a name"
    )
    parser.add_argument(
        "--batches", help="default: 1, 4, 16, 64 and 256; of networks with names 1 and 16"
    )
    parser.add_argument("--threads", default=",".join(map(str, THREADS)))
    parser.add_argument("--contenders", help="names of the tables, comma-separated; default: all")
    parser.add_argument("--quick", action="store_true", help="short turns: a look, not a result")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="what all threads of an engine spend: ratios hold on a busy machine, too",
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="keeps the measured grid")
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown page to write into")
    parser.add_argument("--write-only", action="store_true", help="measure nothing, write the page")
    parser.add_argument("--merge", type=Path, nargs="*", default=[], help="grids of other machines")
    given = parser.parse_args(arguments)
    names = given.networks.split(",")
    sparsities = _numbers(given.sparsities, float)
    batches = _numbers(given.batches, int)
    return Options(
        networks=tuple(_perceptron(parser, name) for name in names if name not in named),
        sparsities=sparsities or SPARSITIES,
        batches=batches or BATCHES,
        cases=tuple(
            case
            for case in CASES
            if case.description.name in names and (not sparsities or case.sparsity in sparsities)
        ),
        image_batches=batches or IMAGE_BATCHES,
        sequences=tuple(
            case
            for case in SEQUENCE_CASES
            if case.description.name in names and (not sparsities or case.sparsity in sparsities)
        ),
        sequence_batches=batches or SEQUENCE_BATCHES,
        threads=_numbers(given.threads, int),
        entries=_entries(parser, given.contenders, ENTRIES),
        image_entries=_entries(parser, given.contenders, IMAGE_ENTRIES),
        sequence_entries=_entries(parser, given.contenders, SEQUENCE_ENTRIES),
        quick=given.quick,
        clock="processor" if given.processor_time else "wall",
        folder=given.folder,
        page=given.page,
        measure=not given.write_only,
        others=tuple(given.merge),
    )


def _numbers(text: str | None, kind: Callable[[str], _Number]) -> tuple[_Number, ...]:
    return tuple(map(kind, text.split(","))) if text else ()


def _perceptron(parser: argparse.ArgumentParser, name: str) -> Network:
    try:
        return Network(tuple(map(int, name.split("-"))))
    except ValueError:
        parser.error(
            f"expected widths such as 784-300-10, or "
            f"{', '.join((*IMAGE_NETWORKS, *SEQUENCE_NETWORKS))}; got {name}"
        )


def _entries(
    parser: argparse.ArgumentParser, names: str | None, entries: tuple[Entry, ...]
) -> tuple[Entry, ...]:
    if names is None:
        return entries
    known = {entry.name for entry in (*ENTRIES, *IMAGE_ENTRIES)}
    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"expected names of {', '.join(sorted(known))}; got {', '.join(unknown)}")
    return tuple(entry for entry in entries if entry.name in wanted or entry.name == OWN)


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

    @property
    def cpu(self) -> str:
        """Return the kind of CPU."""
        return self._run.cpu

    def keep(self, grid: dict[Place, dict[str, Outcome]]) -> None:
        """Merge some places into the file."""
        run = replace(self._run, seconds=time.monotonic() - self._started)
        save(merge(load(self._path), Results(grid, {run.date: run})), self._path)


@dataclass(frozen=True, slots=True)
class Players:
    """Who takes part with some threads, and why others cannot."""

    contenders: tuple[Contender, ...]
    away: tuple[Entry, ...]
    missing: Mapping[str | None, str]

    def record(
        self, grids: Iterable[dict[Place, dict[str, Outcome]]], recorder: "Recorder"
    ) -> None:
        """Keep what was measured, and who was away."""
        for grid in grids:
            recorder.keep(
                {
                    place: outcomes | absences(self.away, self.missing, place, recorder.name)
                    for place, outcomes in grid.items()
                }
            )


def measure(options: Options, recorder: Recorder, say: Callable[[str], None]) -> None:
    """Run what was asked for: one field of workers for each number of threads and choice of engines."""
    perceptrons = options.entries if options.networks else ()
    images = options.image_entries if options.cases else ()
    sequences = options.sequence_entries if options.sequences else ()
    found, missing = environments([*perceptrons, *images, *sequences], say)
    for name, why in missing.items():
        say(f"{name}: not available: {why}")
    for threads in options.threads:
        if len(cores_for(threads)) < threads:
            say(f"{threads} threads: left out, this process has fewer CPUs")
            continue
        if perceptrons:
            players = _players(perceptrons, found, missing, threads)
            plan = Plan(
                options.networks,
                options.sparsities,
                options.batches,
                players.contenders,
                threads,
                options.effort,
                recorder.name,
            )
            players.record(run_side_by_side(plan, options.folder, say), recorder)
        if images:
            players = _players(images, found, missing, threads)
            cases, batches = options.cases, options.image_batches
            _measure_named(cases, batches, prepare_image, options, players, threads, recorder, say)
        if sequences:
            players = _players(sequences, found, missing, threads)
            lengths, batches = options.sequences, options.sequence_batches
            _measure_named(
                lengths, batches, prepare_sequence, options, players, threads, recorder, say
            )


def _measure_named(
    cases: Sequence[CaseT],
    batches: Sequence[int],
    prepare: Callable[[CaseT, Path], Prepared],
    options: Options,
    players: Players,
    threads: int,
    recorder: Recorder,
    say: Callable[[str], None],
) -> None:
    plan = NamedPlan(
        cases,
        batches,
        players.contenders,
        threads,
        options.named_effort,
        recorder.name,
        recorder.cpu,
    )
    players.record(run_named(plan, options.folder, say, prepare), recorder)


def _players(
    entries: Iterable[Entry],
    found: Mapping[str | None, Path],
    missing: Mapping[str | None, str],
    threads: int,
) -> Players:
    playing = [entry for entry in entries if entry.shared or threads == 1]
    return Players(
        tuple(
            contender(entry, found[entry.environment], threads)
            for entry in playing
            if entry.environment in found
        ),
        tuple(entry for entry in playing if entry.environment in missing),
        missing,
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
    """Write the sections of both pages and the picture; what nothing was measured of stays as it is."""
    full = page.parent / FULL_PAGE
    named = (*IMAGE_NETWORKS, *SEQUENCE_NETWORKS)
    perceptrons = part_of(results, lambda place: place.network not in named)
    if perceptrons.grid:
        picture = Path("images") / "benchmarks.png"
        draw(perceptrons.grid, page.parent / picture)
        replace_section(page, COMMAND, render(perceptrons, picture.as_posix()))
        replace_section(full, COMMAND, render_full(perceptrons))
    images = part_of(results, lambda place: place.network in IMAGE_NETWORKS)
    if images.grid:
        replace_section(page, IMAGES_SECTION, render_images(images))
        replace_section(full, IMAGES_SECTION, render_images_full(images))
    sequences = part_of(results, lambda place: place.network in SEQUENCE_NETWORKS)
    if sequences.grid:
        replace_section(page, SEQUENCES_SECTION, render_images(sequences, SEQUENCES))
        replace_section(full, SEQUENCES_SECTION, render_images_full(sequences, SEQUENCES))


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
    results = load(path)
    for other in options.others:
        results = merge(results, load(other))
    write_pages(results, options.page)
    say(f"wrote {options.page}")


if __name__ == "__main__":
    main()
