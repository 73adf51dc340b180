"""`make never-slower`: is a single Dense layer ever slower sparse than dense, here or in ONNX Runtime?

    python -m benchmarks.never_slower [--shapes 1024x1024] [--sparsity 0,0.8] [--batches 1,64]
                                      [--rounds 3] [--page docs/never-slower.md]

Every layer, share of zeros and batch is timed on one core, in turns, with Prunus as it compiles an
upload, Prunus held to dense kernels, and ONNX Runtime's dense layer. A ratio is Prunus' time over the
better of the other two; the limit is 1.1. Outputs are compared with float64 before anything is timed.
"""

import argparse
import datetime
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.environments import set_up
from benchmarks.machine import describe_cpu
from benchmarks.networks import (
    FloatArray,
    Layer,
    Network,
    random_layers,
    reference_outputs,
    save_layers,
)
from benchmarks.page import table, wrapped
from benchmarks.protocol import Contender, Worker, WorkerError
from benchmarks.results import summarise

SHAPES = "256x256,512x512,784x300,1024x1024,2048x2048,4096x1000,4096x4096"
SPARSITIES = "0,0.3,0.5,0.6,0.7,0.8,0.9,0.95,0.99"
BATCHES = "1,2,4,8,16,64,256"
LIMIT = 1.1
ERROR_LIMIT = 1e-5
SEED = 2017
# Shortest turn of one contender, and the least calls in it.
TURN_SECONDS, TURN_CALLS = 0.008, 3
# How many times the turns a cell above the limit is timed for again.
AGAIN = 4
SPARSE, DENSE, PEER = "Prunus", "Prunus, dense kernels only", "ONNX Runtime"
MODULES = {
    SPARSE: "benchmarks.prunus_sparse",
    DENSE: "benchmarks.prunus_dense",
    PEER: "benchmarks.peers.onnx_runtime",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """What to time."""

    shapes: tuple[tuple[int, int], ...]
    sparsities: tuple[float, ...]
    batches: tuple[int, ...]
    rounds: int


@dataclass(frozen=True, slots=True)
class Point:
    """One layer at one share of zeros and one batch.

    Attributes:
        shape: inputs, units.
        sparsity: share of zeros.
        batch: samples of a call.
        microseconds: median time of a call, by contender.
    """

    shape: tuple[int, int]
    sparsity: float
    batch: int
    microseconds: Mapping[str, float]

    @property
    def ratio(self) -> float:
        """Prunus' time over the better of the dense ones'."""
        return self.microseconds[SPARSE] / min(self.microseconds[DENSE], self.microseconds[PEER])


def measure(grid: Grid, workers: Mapping[str, Worker], folder: Path) -> list[Point]:
    """Time the whole grid; a line of progress for each layer and share of zeros.

    Raises:
        WorkerError: an engine failed, or its outputs differ from the reference.
    """
    points: list[Point] = []
    for shape in grid.shapes:
        # What dense engines do does not depend on the zeros: they load one layer of each shape.
        prepare(shape, 0.0, [workers[DENSE], workers[PEER]], max(grid.batches), folder)
        for sparsity in grid.sparsities:
            prepare(shape, sparsity, [workers[SPARSE]], max(grid.batches), folder)
            new = [
                measure_point(shape, sparsity, batch, grid.rounds, workers, folder)
                for batch in grid.batches
            ]
            points += new
            ratios = " ".join(f"{point.ratio:.2f}" for point in new)
            say(f"{shape[0]} x {shape[1]}, {sparsity:.0%} zeros: {ratios}")
    return points


def measure_point(
    shape: tuple[int, int],
    sparsity: float,
    batch: int,
    rounds: int,
    workers: Mapping[str, Worker],
    folder: Path,
) -> Point:
    """Time one cell; one that is above the limit is timed again at length, as others use the CPU too."""
    point = Point(shape, sparsity, batch, take_turns(workers, batch, rounds, folder))
    if point.ratio <= LIMIT:
        return point
    return Point(shape, sparsity, batch, take_turns(workers, batch, AGAIN * rounds, folder))


def prepare(
    shape: tuple[int, int], sparsity: float, workers: Sequence[Worker], samples: int, folder: Path
) -> None:
    """Load a layer into workers and check what they compute.

    Raises:
        WorkerError: outputs are off.
    """
    layers: Sequence[Layer] = random_layers(Network(shape), sparsity, SEED)
    save_layers(layers, folder / "layer.npz")
    inputs: FloatArray = np.random.default_rng(SEED).standard_normal(
        (samples, shape[0]), np.float32
    )
    np.save(inputs_file(folder, samples), inputs, allow_pickle=False)
    expected = reference_outputs(layers, inputs)
    for worker in workers:
        worker.ask("load", layers=str(folder / "layer.npz"))
        worker.ask(
            "outputs", inputs=str(inputs_file(folder, samples)), outputs=str(folder / "out.npy")
        )
        outputs = np.load(folder / "out.npy", allow_pickle=False)
        error = float(np.abs(outputs - expected).max() / np.abs(expected).max())
        if not error <= ERROR_LIMIT:  # also true for NaN
            raise WorkerError(f"{worker.contender.name}: outputs are off by {error:.1e}")


def inputs_file(folder: Path, samples: int) -> Path:
    """Where inputs of a number of samples lie."""
    return folder / f"inputs{samples}.npy"


def take_turns(
    workers: Mapping[str, Worker], batch: int, rounds: int, folder: Path
) -> dict[str, float]:
    """Median microseconds of a call of each contender, over turns of all of them."""
    path = inputs_file(folder, batch)
    most = max(folder.glob("inputs*.npy"), key=lambda file: file.stat().st_size)
    if most != path:
        np.save(path, np.load(most, allow_pickle=False)[:batch], allow_pickle=False)
    times: dict[str, list[int]] = {name: [] for name in workers}
    order = list(workers.items())
    for _ in range(rounds):
        order.reverse()  # nobody always comes after the same one
        for name, worker in order:
            reply = worker.ask("time", inputs=str(path), seconds=TURN_SECONDS, calls=TURN_CALLS)
            times[name] += reply["nanoseconds"]
    return {name: summarise(nanoseconds).median for name, nanoseconds in times.items()}


def render(points: Sequence[Point], grid: Grid, seconds: float) -> str:
    """Return the page: one table of ratios for each shape, and the points above the limit."""
    above = sorted((point for point in points if point.ratio > LIMIT), key=lambda p: -p.ratio)
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    parts = [
        "# Is a sparse layer ever slower than a dense one?",
        "Written by `make never-slower`: one Dense layer with a bias, float32, zeros at random places, one "
        "thread. A cell is the median time of a call of Prunus, compiled and tuned as an upload, over that of "
        f"the better of two: {DENSE} and {PEER} on the same weights. Below 1, Prunus is faster; the limit "
        f"is {LIMIT}. The contenders take turns, and their outputs are compared with float64 first. "
        f"A cell above the limit is timed again, in {AGAIN} times as many turns, and shows the second result.",
        f"{describe_cpu()}, {day}, {seconds:.0f} seconds, {grid.rounds} turns each.",
    ]
    for shape in grid.shapes:
        header = [f"{shape[0]} x {shape[1]}", *(f"batch {batch}" for batch in grid.batches)]
        rows = [
            [f"{sparsity:.0%} zeros"]
            + [
                f"{point.ratio:.2f}"
                for point in points
                if point.shape == shape and point.sparsity == sparsity
            ]
            for sparsity in grid.sparsities
        ]
        parts.append(table(header, rows))
    parts.append(f"## Above {LIMIT}")
    parts.append(f"{len(above)} of {len(points)} cells." if above else f"None of {len(points)}.")
    if above:
        parts.append(table(["layer", "ratio", *MODULES], [_row(point) for point in above]))
    return wrapped("\n\n".join(parts)) + "\n"


def _row(point: Point) -> list[str]:
    name = f"{point.shape[0]} x {point.shape[1]}, {point.sparsity:.0%} zeros, batch {point.batch}"
    times = [f"{point.microseconds[name]:.1f} us" for name in MODULES]
    return [name, f"{point.ratio:.2f}", *times]


def say(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and write, or print."""
    parser = argparse.ArgumentParser(description="Compare sparse layers with dense ones.")
    parser.add_argument("--shapes", default=SHAPES)
    parser.add_argument("--sparsity", default=SPARSITIES)
    parser.add_argument("--batches", default=BATCHES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page", type=Path, default=None, help="Markdown page; default: print")
    parser.add_argument("--peers-python", type=Path, default=None, help="default: set it up")
    options = parser.parse_args()
    sizes = (shape.split("x") for shape in options.shapes.split(","))
    grid = Grid(
        shapes=tuple((int(inputs), int(units)) for inputs, units in sizes),
        sparsities=tuple(float(text) for text in options.sparsity.split(",")),
        batches=tuple(int(text) for text in options.batches.split(",")),
        rounds=options.rounds,
    )
    peers_python = options.peers_python or set_up("onnxruntime", say)
    started, core = time.monotonic(), (max(os.sched_getaffinity(0)),)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prunus-bench-")))
        workers = {
            name: stack.enter_context(
                Worker(
                    Contender(
                        name,
                        module,
                        peers_python if name == PEER else Path(sys.executable),
                        core,
                    ),
                    folder / "worker.log",
                )
            )
            for name, module in MODULES.items()
        }
        points = measure(grid, workers, folder)
    page = render(points, grid, time.monotonic() - started)
    if options.page is None:
        print(page)
    else:
        options.page.write_text(page)
        say(f"wrote {options.page}")


if __name__ == "__main__":
    main()
