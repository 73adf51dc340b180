"""Where the time of a network of images goes: every kind of step inside whole calls, beside the machine's roof.

    python -m benchmarks.images.step_times --network ResNet-50 --sparsity 0.9 [--seconds 5]

One thread; steps of one kind, window and number of positions are one row. Useful operations are two for each non-zero
and position; the roof is what multiply-adds alone reach on registers in the same run. What a step reads and writes of
values, each once, shows which steps are bound by memory. A move that the kernel behind it does itself, channel by
channel, takes no time of its own. Times are medians: on a machine that others use, long steps look longer than they
are.
"""

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.contenders import cores_for
from benchmarks.images.cases import CASES
from benchmarks.images.network import random_network
from benchmarks.images.prunus_graph import build_graph
from benchmarks.kernels import measure_roofs
from benchmarks.page import table
from benchmarks.side_by_side import SEED
from engine.compiler import CompileOptions, compile_graph
from engine.core.program import Program
from engine.core.steps import Step, WeightedStep, reads, writes
from engine.core.target import host_target
from engine.core.window_steps import ConvStep, DepthwiseStep
from engine.machine_code.object_cache import ObjectCache
from engine.roofline.layer_times import TileRun, time_layers

ROOF_SECONDS = 0.3
_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class StepTime:
    """One step, or several of one kind.

    Attributes:
        kind: of the step, with its window and whether zeros are skipped.
        positions: of a step with weights; 0 of others.
        count: how many steps.
        seconds: time of all in one tile.
        operations: useful ones of all.
        bytes: what all read and write of values.
    """

    kind: str
    positions: int
    count: int
    seconds: float
    operations: float
    bytes: int


def step_times(program: Program, run: TileRun) -> list[StepTime]:
    """Return one entry a step of the program."""
    layers = {layer.number: layer for layer in run.layers}
    found = []
    for number, (step, seconds) in enumerate(zip(program.steps, run.steps, strict=True)):
        places = (*reads(step), *writes(step))
        size = sum(place.rows for place in places) * run.lanes * _FLOAT_BYTES
        layer = layers.get(number)
        if layer is None:
            found.append(StepTime(_kind(step), 0, 1, seconds, 0.0, size))
        else:
            kind = f"{_kind(step)}, {'sparse' if layer.sparse else 'dense'}"
            useful = 2.0 * layer.useful_products
            found.append(StepTime(kind, layer.positions, 1, seconds, useful, size))
    return found


def _kind(step: Step | WeightedStep) -> str:
    name = type(step).__name__.removesuffix("Step")
    if isinstance(step, ConvStep | DepthwiseStep):
        return f"{name}, {step.tap_count} tap{'s' * (step.tap_count > 1)}"
    return name


def grouped(times: Iterable[StepTime]) -> list[StepTime]:
    """Return the sums over steps of one kind and number of positions, the longest first."""
    sums: dict[tuple[str, int], StepTime] = {}
    for time in times:
        key = (time.kind, time.positions)
        before = sums.get(key, StepTime(*key, 0, 0.0, 0.0, 0))
        sums[key] = StepTime(
            *key,
            before.count + time.count,
            before.seconds + time.seconds,
            before.operations + time.operations,
            before.bytes + time.bytes,
        )
    return sorted(sums.values(), key=lambda each: -each.seconds)


def render(times: Sequence[StepTime], roof: float) -> str:
    """Return the times as a Markdown table; `roof` is in GFLOP/s."""
    rows = []
    for time in times:
        rate = time.operations / time.seconds / 1e9 if time.seconds else 0.0
        traffic = time.bytes / time.seconds / 1e9 if time.seconds else 0.0
        rows.append(
            [
                time.kind,
                str(time.positions or "-"),
                str(time.count),
                f"{time.seconds * 1e3:.2f}",
                f"{rate:.0f}" if rate else "-",
                f"{rate / roof:.0%}" if rate else "-",
                f"{time.bytes / 1e6:.1f}",
                f"{traffic:.0f}",
            ]
        )
    header = ["step", "positions", "steps", "ms", "GFLOP/s", "of the roof", "MB", "GB/s"]
    return table(header, rows)


def main() -> None:
    """Compile, time, print a table for each tile width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="ResNet-50")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    os.sched_setaffinity(0, cores_for(1))
    (description,) = {
        case.description for case in CASES if case.description.name == given.network
    } or parser.error("expected one of " + ", ".join({case.description.name for case in CASES}))
    target, cache = host_target(), ObjectCache()
    graph = build_graph(random_network(description, given.sparsity, SEED))
    model = compile_graph(graph, target, CompileOptions(threads=1), cache)
    roof = measure_roofs(target, cache, ROOF_SECONDS).gflops
    for run in time_layers(model.program, model.plan, target, cache, given.seconds):
        print(f"\n{run.lanes} samples: {run.seconds * 1e3:.2f} ms; roof {roof:.0f} GFLOP/s\n")
        print(render(grouped(step_times(model.program, run)), roof))


if __name__ == "__main__":
    main()
