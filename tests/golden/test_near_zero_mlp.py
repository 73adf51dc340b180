"""The question's network: over 95 % of the weights below 1e-15, none zero, and no unit that could go."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine.artifacts.artifact import Artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from graph import reference
from graph.graph import Graph
from graph.keras.read import read_model
from pruning.certificate import Guarantee
from pruning.prune import PruneResult, prune
from pruning.recipe_parser import parse_recipe
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "tests" / "data" / "near_zero_mlp"
TINY = 1e-15
# The project's promise for this network, as a fraction of the largest output.
ALLOWED_CHANGE = 1e-6

FloatArray = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def original() -> Graph:
    return read_model(FOLDER / "near_zero_mlp.keras").graph


@pytest.fixture(scope="module")
def pruned(original: Graph) -> PruneResult:
    return prune(original, parse_recipe({}))


@pytest.fixture(scope="module")
def golden() -> tuple[FloatArray, FloatArray]:
    with np.load(FOLDER / "golden.npz", allow_pickle=False) as arrays:
        return arrays["images"].astype(np.float32) / np.float32(255), arrays["outputs"]


def kernels(graph: Graph) -> list[FloatArray]:
    return [weight for weight in graph.weights.values() if weight.ndim == 2]


def test_the_file_is_what_the_question_describes(original: Graph) -> None:
    magnitudes = [np.abs(kernel) for kernel in kernels(original)]
    everything = np.concatenate([magnitude.ravel() for magnitude in magnitudes])
    assert (everything < TINY).mean() > 0.95
    assert everything.min() > 0
    for incoming, outgoing in pairwise(magnitudes):
        assert (incoming > TINY).any(axis=0).all()
        assert (outgoing > TINY).any(axis=1).all()


def test_at_least_95_percent_of_the_weights_go_and_every_unit_stays(
    original: Graph, pruned: PruneResult
) -> None:
    assert pruned.weights_removed_share >= 0.95
    assert sum(layer.units_removed for layer in pruned.layers) == 0
    before = sum(kernel.size for kernel in kernels(original))
    after = sum(np.count_nonzero(kernel) for kernel in kernels(pruned.graph))
    assert after <= 0.05 * before
    assert [k.shape for k in kernels(pruned.graph)] == [k.shape for k in kernels(original)]


def test_the_certificate_is_rounding_or_better(pruned: PruneResult) -> None:
    assert pruned.certificate.guarantee in {Guarantee.EXACT, Guarantee.ROUNDING}
    assert pruned.certificate.measured.worst <= ALLOWED_CHANGE


def test_the_pruned_graph_means_what_keras_computes(
    pruned: PruneResult, golden: tuple[FloatArray, FloatArray]
) -> None:
    images, outputs = golden
    values = reference.run(pruned.graph, {pruned.graph.inputs[0].name: images})
    change = np.abs(values[pruned.graph.outputs[0].name] - outputs).max()
    assert change <= ALLOWED_CHANGE * np.abs(outputs).max()


@pytest.mark.parametrize("batch", [1, 7, 256])
def test_the_compiled_network_answers_as_keras_does(
    pruned: PruneResult, golden: tuple[FloatArray, FloatArray], tmp_path: Path, batch: int
) -> None:
    images, outputs = golden
    cache, target = ObjectCache(tmp_path / "objects"), host_target()
    model = compile_graph(pruned.graph, target, CompileOptions(tune=False), cache)
    executable = load(Artifact(model, 0), cache, target)
    values = executable.run({executable.inputs[0].name: images[:batch]})
    executable.close()
    change = np.abs(values[executable.outputs[0].name] - outputs[:batch]).max()
    assert change <= ALLOWED_CHANGE * np.abs(outputs).max()
