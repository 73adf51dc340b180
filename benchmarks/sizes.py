"""How long the first prediction of a new size waits: lowering, choosing kernels, packing, linking.

    python -m benchmarks.sizes MODEL.keras [LENGTH]

MODEL is a Keras file whose inputs vary in size; sizes near LENGTH (default 96) are new one after the other. It is
pruned by the default recipe, with kernels chosen by estimate.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.speed import varying_of
from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.errors import SizeError
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from graph.graph import Graph
from graph.keras.read import read_model
from graph.sizes import Sizes, at_sizes
from pruning.recipe_parser import parse_recipe
from pruning.varying import prune_any

_SIZES = 7


def main() -> None:
    """Print the medians."""
    path, length = Path(sys.argv[1]), int((*sys.argv[2:], "96")[0])
    pruned = prune_any(read_model(path).graph, parse_recipe({}))
    varying = varying_of(pruned)
    if varying is None:
        sys.exit("the model has inputs of fixed shapes")
    cache, target = ObjectCache(), host_target()
    model = compile_graph(
        pruned.graph, target, CompileOptions(tune=False, threads=1), cache, varying=varying
    )
    artifact = parse_artifact(artifact_bytes(model))
    for kernels in ("some to be compiled", "all compiled"):
        executable = load(artifact, cache, threads=1)
        lowering, first, later = [], [], []
        for number in range(_SIZES):
            inputs = {
                spec.name: np.zeros(
                    (1, *(length + number if axis is None else axis for axis in spec.sample_shape)),
                    spec.dtype,
                )
                for spec in executable.inputs
            }
            sizes = {name: array.shape[1:] for name, array in inputs.items()}
            try:
                lowering.append(_seconds(_lowered, varying.graph, sizes))
                first.append(_seconds(executable.run, inputs))
            except SizeError:
                continue
            later.append(min(_seconds(executable.run, inputs) for _ in range(5)))
        print(
            f"{path.stem}, {len(first)} sizes from {length}, {kernels}: "
            f"first call {1e3 * statistics.median(first):.1f} ms "
            f"(lowering alone {1e3 * statistics.median(lowering):.1f} ms), "
            f"later calls {1e3 * statistics.median(later):.2f} ms; "
            f"{executable.resident_bytes / 2**20:.1f} MiB for {len(first) + 4} sizes"
        )


def _lowered(graph: Graph, sizes: Sizes) -> None:
    build_program(at_sizes(graph, sizes))


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
