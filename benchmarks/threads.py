"""Times one thread against several on this machine, for single layers and whole networks.

    python -m benchmarks.threads [--threads 2] [--rounds 15] [--seconds 3]

Both run the same tuned plan; the mode is what the engine chose for so many threads. Rounds of one and of
several threads take turns; given are medians of the wall time of a call, Python included, and their ratio.
`others` is the share of one core that other processes took meanwhile: above a few percent the numbers say
little about threads.
"""

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.networks import FloatArray, Network, random_layers
from benchmarks.prunus_sparse import build_graph
from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.tuning.measure import random_batch

NETWORKS = (
    Network((4096, 4096)),
    Network((1024, 1024, 1024, 1024, 10)),
    Network((4096, 4096, 4096, 1000)),
)
SPARSITY = 0.95
BATCHES = (1, 16, 64, 256)
# One reading repeats a call for about this long.
READING_SECONDS = 0.004


@dataclass(frozen=True, slots=True)
class Result:
    """Medians of one network and batch, in seconds."""

    batch: int
    mode: str
    one: float
    several: float
    others: float


def measure(network: Network, threads: int, rounds: int, seconds: float) -> list[Result]:
    """Compile a network, and time it with one thread and with several."""
    target, cache = host_target(), ObjectCache()
    graph = build_graph(random_layers(network, SPARSITY, 0))
    model = compile_graph(graph, target, CompileOptions(tune_seconds=seconds), cache)
    one = Executable(model, cache, target, 1)
    several = Executable(model, cache, target, threads)
    results = []
    for batch in BATCHES:
        inputs = random_batch(model.program, batch)
        longest = len(several.schedule.modes) - 1
        mode = several.schedule.modes[min(batch, longest)].name
        results.append(Result(batch, mode, *take_turns(one, several, inputs, rounds)))
    return results


def take_turns(
    one: Executable, several: Executable, inputs: Mapping[str, FloatArray], rounds: int
) -> tuple[float, float, float]:
    """Median seconds of a call of each, and the share of a core that other processes used."""
    repeats = max(3, int(READING_SECONDS / _reading(one, inputs, 3)))
    readings: tuple[list[float], list[float]] = ([], [])
    start, busy = time.perf_counter(), _busy_seconds() - time.process_time()
    for _ in range(rounds):
        for executable, kept in zip((one, several), readings, strict=True):
            _reading(executable, inputs, 3)
            kept.append(_reading(executable, inputs, repeats))
    others = _busy_seconds() - time.process_time() - busy
    share = max(0.0, others / (time.perf_counter() - start))
    return statistics.median(readings[0]), statistics.median(readings[1]), share


def _reading(executable: Executable, inputs: Mapping[str, FloatArray], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        executable.run(inputs)
    return (time.perf_counter() - start) / repeats


def _busy_seconds() -> float:
    """Processor time that all processes have used, from /proc/stat in hundredths of a second."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:7])) / 100


def table(network: Network, results: Sequence[Result]) -> str:
    """The results as rows of text."""
    rows = [
        f"{network.name:24} {result.batch:5} {result.mode:7} {result.one * 1e6:9.1f} us "
        f"{result.several * 1e6:9.1f} us {result.one / result.several:6.2f}x "
        f"others {result.others:4.0%}"
        for result in results
    ]
    return "\n".join(rows)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=3.0, help="tuning time per network")
    parser.add_argument("--network", type=int, help="only this one, from 0")
    arguments = parser.parse_args()
    chosen = NETWORKS if arguments.network is None else (NETWORKS[arguments.network],)
    for network in chosen:
        results = measure(network, arguments.threads, arguments.rounds, arguments.seconds)
        print(table(network, results), flush=True)


if __name__ == "__main__":
    main()
