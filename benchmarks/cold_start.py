"""Times the first prediction of a new process, and compiling from nothing.

    python -m benchmarks.cold_start [--repetitions 9] [--network 1] [--sparsity 0.95] [--cores 1]

Every reading is a process of its own that has imported the engine and NumPy already (imports are a line of
their own). "Start" goes from the path of an artifact to the first answer at batch 1, with all kernels of the
artifact in the object cache. "Compile" goes from a graph in memory, with an empty object cache and tuning off,
over the artifact on disk to the first answer. Files are in the page cache. Medians with the smallest and
largest reading, in milliseconds.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.networks import NETWORKS, load_layers, random_layers, save_layers

WEIGHTS, ARTIFACT, OBJECTS = "weights.npz", "model.prunus", "objects"
CHILD_MAX_SECONDS = 60
Result = TypeVar("Result")
IMPORT = "import the engine, after NumPy"


@dataclass(slots=True)
class Stages:
    """Seconds of stages, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, name: str, work: Callable[[], Result]) -> Result:
        """What `work` returns; its time is kept under `name`."""
        start = time.perf_counter()
        result = work()
        self.seconds[name] = time.perf_counter() - start
        return result


def start(folder: Path) -> Stages:
    """From artifact and cached objects to the first answer."""
    stages = Stages()
    stages.timed(IMPORT, lambda: importlib.import_module("engine.execution.runtime"))
    import numpy as np

    from engine.artifacts.artifact import open_artifact
    from engine.core.target import host_target
    from engine.execution.runtime import Executable
    from engine.machine_code.object_cache import ObjectCache

    path = folder / ARTIFACT
    artifact = stages.timed("open and check the artifact", lambda: open_artifact(path))
    cache = stages.timed("open the object cache", lambda: ObjectCache(folder / OBJECTS))
    target = stages.timed("look at the host", host_target)
    ready = stages.timed("bind, load objects", lambda: Executable(artifact.model, cache, target))
    x = np.ones((1, *ready.inputs[0].sample_shape), np.float32)
    stages.timed("first call", lambda: ready.run({ready.inputs[0].name: x}))
    return stages


def parts(folder: Path) -> Stages:
    """What "bind, load objects" is made of."""
    from engine.artifacts.artifact import open_artifact
    from engine.core.target import host_target
    from engine.execution.assemble import bind_plan
    from engine.execution.native import NativeTables, distinct_specs, load_specs
    from engine.machine_code.fingerprint import writers_fingerprint
    from engine.machine_code.object_cache import ObjectCache
    from engine.planning.schedule import make_schedule

    stages = Stages()
    model, cache = open_artifact(folder / ARTIFACT).model, ObjectCache(folder / OBJECTS)
    target = host_target()
    tiles = stages.timed("bind the steps", lambda: bind_plan(model.program, model.plan))
    stages.timed("hash the kernel writers", writers_fingerprint)
    library = stages.timed(
        "read and link objects", lambda: load_specs(distinct_specs(tiles), target, cache)
    )
    plan = model.plan
    schedule = stages.timed(
        "decide the schedule", lambda: make_schedule(plan.tiles, plan.threads, target.cores)
    )
    stages.timed("fill the tables", lambda: NativeTables(library).plan(tiles, schedule.tiles))
    return stages


def compile_from_nothing(folder: Path) -> Stages:
    """From a graph to the first answer; leaves artifact and objects in `folder`."""
    import numpy as np

    from benchmarks.prunus_sparse import build_graph
    from engine.artifacts.artifact import write_artifact
    from engine.compiler import CompileOptions, compile_graph
    from engine.core.target import host_target
    from engine.execution.runtime import load
    from engine.machine_code.object_cache import ObjectCache

    graph = build_graph(load_layers(folder / WEIGHTS))
    stages = Stages()
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        cache = ObjectCache(Path(fresh) / OBJECTS)
        options = CompileOptions(tune=False)
        model = stages.timed(
            "choose kernels, pack", lambda: compile_graph(graph, host_target(), options, cache)
        )
        path = Path(fresh) / ARTIFACT
        stages.timed("write the artifact", lambda: write_artifact(model, path))
        ready = stages.timed("open it, compile kernels, link", lambda: load(path, cache))
        x = np.ones((1, *ready.inputs[0].sample_shape), np.float32)
        stages.timed("first call", lambda: ready.run({"x": x}))
        if not (folder / ARTIFACT).exists():
            os.replace(path, folder / ARTIFACT)
            os.replace(Path(fresh) / OBJECTS, folder / OBJECTS)
    return stages


CHILDREN = {"start": start, "parts": parts, "compile": compile_from_nothing}


def run_child(kind: str, folder: Path, cores: int | None) -> Mapping[str, float]:
    """Seconds by stage of one fresh process."""
    command = [sys.executable, "-m", "benchmarks.cold_start", "--child", kind, str(folder)]
    if cores is not None:
        command += ["--cores", str(cores)]
    result = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=CHILD_MAX_SECONDS
    )
    return dict(json.loads(result.stdout))


def show(title: str, readings: Sequence[Mapping[str, float]], outside: Sequence[str] = ()) -> None:
    """Print medians; stages in `outside` do not count into the total."""
    print(f"\n{title} ({len(readings)} processes)")
    for name in readings[0]:
        _line(name, [reading[name] for reading in readings])
    totals = [
        sum(seconds for name, seconds in reading.items() if name not in outside)
        for reading in readings
    ]
    _line("total" + (" without the import" if outside else ""), totals)


def _line(name: str, seconds: Sequence[float]) -> None:
    middle, low, high = (1e3 * f(seconds) for f in (statistics.median, min, max))
    print(f"  {name:32} {middle:8.2f} ms  ({low:.2f} - {high:.2f})")


def _keep_cores(count: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def main() -> None:
    """Run the benchmark, or one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--network", type=int, default=1, choices=range(len(NETWORKS)))
    parser.add_argument("--sparsity", type=float, default=0.95)
    parser.add_argument("--cores", type=int, help="cores that the processes may use")
    parser.add_argument("--child", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        if arguments.cores is not None:
            _keep_cores(arguments.cores)
        kind, folder = arguments.child
        print(json.dumps(CHILDREN[kind](Path(folder)).seconds))
        return
    network = NETWORKS[arguments.network]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_layers(random_layers(network, arguments.sparsity, 0), folder / WEIGHTS)
        rounds = range(arguments.repetitions)
        compiled = [run_child("compile", folder, arguments.cores) for _ in rounds]
        readings: dict[str, list[Mapping[str, float]]] = {"start": [], "parts": []}
        for _ in rounds:
            for kind, kept in readings.items():
                kept.append(run_child(kind, folder, arguments.cores))
    cores = arguments.cores or len(os.sched_getaffinity(0))
    print(f"{network.name}, {arguments.sparsity:.0%} zeros, {cores} cores")
    show("Artifact and cached objects to the first answer", readings["start"], (IMPORT,))
    show("Within 'bind, load objects'", readings["parts"])
    show("Graph and empty cache to the first answer, tuning off", compiled)


if __name__ == "__main__":
    main()
