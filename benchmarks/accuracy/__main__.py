"""Accuracy against sparsity: every method of pruning that needs no training, on several networks and seeds.

    python -m benchmarks.accuracy --data FOLDER                     all networks, three seeds; writes docs/pruning.md
    python -m benchmarks.accuracy --data FOLDER --networks letter   those whose name begins so; writes nothing

Samples are drawn from the training data, without their labels; the gate is off, so that every sparsity is reached.
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.accuracy.data import Data
from benchmarks.accuracy.networks import NETWORKS, trained
from benchmarks.accuracy.page import Measured, write_page
from graph.batches import batches, samples_at_once
from graph.graph import Graph
from graph.keras.read import read_model
from graph.reference import run
from pruning.calibrate import Calibration
from pruning.prune import prune
from pruning.recipe_parser import parse_recipe

SPARSITIES = (0.8, 0.9, 0.95)
SAMPLES = 2_048
_CALIBRATED = {"mode": "calibrated", "min_agreement": 0.0, "back_off": False}
METHODS: Mapping[str, Mapping[str, object]] = {
    "magnitude": {"mode": "magnitude"},
    "magnitude, fitted": {**_CALIBRATED, "solver": "magnitude"},
    "wanda, fitted": {**_CALIBRATED, "solver": "wanda"},
    "alps": {**_CALIBRATED, "solver": "alps"},
    "exact_obs": {**_CALIBRATED, "solver": "exact_obs"},
    "calibrated (auto)": _CALIBRATED,
}


@dataclass(frozen=True, slots=True)
class _Model:
    """A trained network with what it is judged on."""

    graph: Graph
    data: Data
    samples: Calibration

    def accuracy(self, graph: Graph) -> float:
        """Return the share of the test samples that a graph answers rightly."""
        name = self.graph.inputs[0].name
        right = 0
        for batch in batches(
            {name: self.data.test_x, "y": self.data.test_y}, samples_at_once(graph)
        ):
            scores = run(graph, {name: batch[name]})[graph.outputs[0].name]
            right += int((scores.argmax(axis=1) == batch["y"]).sum())
        return right / len(self.data.test_y)


def _model(name: str, seed: int, data_folder: Path, work: Path) -> _Model:
    path, data = trained(name, seed, data_folder, work)
    graph = read_model(path).graph
    chosen = np.random.default_rng(seed).choice(len(data.x), SAMPLES, replace=False)
    return _Model(graph, data, Calibration({graph.inputs[0].name: data.x[chosen]}))


def measure(
    name: str, seeds: int, methods: Mapping[str, Mapping[str, object]], data: Path, work: Path
) -> Iterator[Measured]:
    """Train and prune a network with every seed, and yield what each method leaves of its accuracy."""
    for seed in range(seeds):
        model = _model(name, seed, data, work)
        yield Measured(name, "dense", 0.0, seed, model.accuracy(model.graph), 0.0)
        for method, fields in methods.items():
            for sparsity in SPARSITIES:
                recipe = parse_recipe({**fields, "sparsity": sparsity})
                started = time.perf_counter()
                pruned = prune(model.graph, recipe, model.samples)
                seconds = time.perf_counter() - started
                accuracy = model.accuracy(pruned.graph)
                yield Measured(name, method, sparsity, seed, accuracy, seconds)


def main() -> None:
    """Measure what is asked for, and write the page if that was all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="folder with the data")
    parser.add_argument("--work", type=Path, default=Path("/tmp/prunus-accuracy"))  # noqa: S108
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--networks", nargs="*", default=[""], help="beginnings of names")
    parser.add_argument("--page", type=Path, default=None, help="where to write the page")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    names = [name for name in NETWORKS if name.startswith(tuple(asked.networks))]
    found = []
    for name in names:
        for one in measure(name, asked.seeds, METHODS, asked.data, asked.work):
            print(one, flush=True)
            found.append(one)
    page = asked.page or (Path("docs/pruning.md") if asked.networks == [""] else None)
    if page is not None:
        write_page(found, page)


if __name__ == "__main__":
    main()
