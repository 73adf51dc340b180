"""What the NumPy oracle costs while a model is prepared: processor seconds of each stage that runs it, peak memory.

    python -m benchmarks.preparing pointwise            four 1x1 convolutions at 56x56x64, with BatchNormalization,
                                                        ReLU and a residual sum
    python -m benchmarks.preparing MODEL.keras          any model that is read

Each runs in a process of its own if several are named. The compiled model's part is played by the oracle itself, in
float32, so the stages' seconds hold nothing of the engine.
"""

import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from graph.activations import Function
from graph.graph import Graph
from graph.keras.read import read_model
from graph.ops import Merge, MergeKind
from graph.reference import run
from graph.verify import verify
from pruning.output_check import check_outputs
from pruning.probe import probe_sets
from pruning.prune import prune
from pruning.quality import OriginalAnswers
from pruning.recipe_parser import parse_recipe
from tests.builders import GraphBuilder

_POINTWISE = "pointwise"
_LAYERS, _SIDE, _CHANNELS = 4, 56, 64
_ZEROS = 0.9


def pointwise() -> Graph:
    """Return the network of the name."""
    b = GraphBuilder(0)
    x = b.input(_SIDE, _SIDE, _CHANNELS)
    for layer in range(_LAYERS):
        y = b.dense(x, _CHANNELS, sparsity=_ZEROS, name=f"layer{layer}")
        y = b.activation(b.batch_normalization(y), Function.RELU)
        x = b.add(Merge(MergeKind.ADD), [x, y])
    return b.build(x)


def main(names: list[str]) -> None:
    """Measure what is named."""
    if len(names) != 1:
        for name in names or [_POINTWISE]:
            subprocess.run([sys.executable, "-m", "benchmarks.preparing", name], check=True)
        return
    graph = pointwise() if names[0] == _POINTWISE else read_model(Path(names[0])).graph
    verify(graph)
    before = _peak_mebibytes()
    started = time.process_time()
    pruned = prune(graph, parse_recipe({}))
    print(f"{names[0]}: prune {time.process_time() - started:.2f} s", end="", flush=True)
    served = partial(run, pruned.graph)
    started = time.process_time()
    check_outputs(served, pruned, None)
    print(f", check {time.process_time() - started:.2f} s", end="", flush=True)
    started = time.process_time()
    OriginalAnswers(graph, None, probe_sets(graph, {})).compare(served)
    print(f", quality {time.process_time() - started:.2f} s", end="")
    print(f"; peak {_peak_mebibytes():.0f} MiB, {before:.0f} before")


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
