"""Pruning of models whose inputs vary in size: what it leaves holds at every size."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.errors import ShapeError
from graph.graph import Graph
from graph.reference import run
from graph.sizes import at_sizes, format_sizes
from pruning import varying as under_test
from pruning.calibrate import Calibration, read_calibration
from pruning.choice import Choice
from pruning.errors import CalibrationError, OutputCheckError
from pruning.output_check import check_other_sizes
from pruning.prune import Progress, PruneResult, prune
from pruning.recipe import PruningRecipe
from pruning.recipe_parser import parse_recipe
from pruning.varying import prune_any
from tests.engine.varying import inputs_at, random_varying_networks, sizes_of, small_network
from tests.pruning.images import random_image_network

LOSSLESS = parse_recipe({})
LENGTHS = [(1, 1, 1), (4, 7, 2), (12, 9, 3), (31, 22, 4)]


@pytest.mark.parametrize("seed", [0, 2000, 3000])
def test_outputs_stay_at_every_size(seed: int) -> None:
    for graph in random_varying_networks(seed, 2):
        pruned = prune_any(graph, LOSSLESS, small_samples(graph))
        assert pruned.varying is not None
        assert pruned.varying.graph.inputs == graph.inputs
        for lengths in LENGTHS:
            inputs = inputs_at(graph, lengths)
            try:
                before, after = pruned.varying.at(sizes_of(inputs))
            except ShapeError:
                continue
            old, new = (run(one, inputs, np.float64) for one in (before, after))
            for name, value in old.items():
                scale = max(1.0, float(np.abs(value).max()))  # folding rounds weights
                np.testing.assert_allclose(new[name], value, rtol=0, atol=1e-5 * scale)


def small_samples(graph: Graph) -> Calibration:
    """Samples that make a small size the usual one, so that the oracle has less to do."""
    return Calibration(inputs_at(graph, (12, 9, 3), samples=4))


def test_channels_go_as_they_do_at_a_fixed_size() -> None:
    for graph in random_varying_networks(0, 12):
        fixed = at_sizes(graph, sizes_of(inputs_at(graph, (12, 9, 3))))
        if _weights(prune(fixed, LOSSLESS).graph) < _weights(graph):
            break
    pruned = prune_any(graph, LOSSLESS, small_samples(graph))
    assert pruned.varying is not None
    assert _weights(pruned.varying.graph) < _weights(graph)
    assert pruned.varying.graph.nodes == pruned.graph.nodes


def _weights(graph: Graph) -> int:
    return sum(array.size for array in graph.weights.values())


def test_the_certificate_says_at_which_sizes_it_was_worked_out() -> None:
    graph = small_network()
    pruned = prune_any(graph, LOSSLESS, small_samples(graph))
    assert pruned.varying is not None
    texts = [format_sizes(one) for one in pruned.varying.sizes[:2]]
    (sentence,) = [one for one in pruned.certificate.assumptions if "vary in size" in one]
    assert all(text in sentence for text in texts)


def test_a_model_of_fixed_shapes_is_pruned_as_ever() -> None:
    graph = random_image_network(3)
    assert prune_any(graph, LOSSLESS).varying is None


@pytest.mark.parametrize("dependent", ["fold", "drop"])
def test_steps_that_depend_on_the_size_are_undone(
    dependent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def depends(
        graph: Graph,
        recipe: PruningRecipe,
        calibration: Calibration | None = None,
        progress: Progress | None = None,
        choice: Choice | None = None,
    ) -> PruneResult:
        found = prune(graph, recipe, calibration, progress, choice)
        if not getattr(recipe.lossless, dependent):
            return found
        name = next(iter(found.graph.weights))
        length = graph.inputs[0].type.shape[1] or 0
        changed = found.graph.weights[name] + np.float32(length)
        return replace(found, graph=found.graph.with_weights({name: changed}))

    monkeypatch.setattr(under_test, "prune", depends)
    graph = small_network()
    pruned = prune_any(graph, LOSSLESS, small_samples(graph))
    assert pruned.varying is not None
    assert pruned.recipe == LOSSLESS
    assert any("depends on the size" in note for note in pruned.certificate.rolled_back)
    inputs = inputs_at(graph, (15, 12))
    before, after = pruned.varying.at(sizes_of(inputs))
    old, new = (run(one, inputs, np.float64) for one in (before, after))
    for name, value in old.items():
        np.testing.assert_allclose(new[name], value, rtol=1e-5, atol=1e-5)


def test_the_last_gate_looks_at_other_sizes_too() -> None:
    graph = small_network()
    pruned = prune_any(graph, LOSSLESS, small_samples(graph))
    assert pruned.varying is not None
    original = pruned.varying.original

    def right(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        sizes = {name: array.shape[1:] for name, array in inputs.items()}
        return run(at_sizes(original, sizes), inputs)

    def wrong_at_odd_sizes(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        is_odd = next(iter(inputs.values())).shape[1] % 2
        return {name: array + 0.1 * is_odd for name, array in right(inputs).items()}

    assert check_other_sizes(right, pruned) < 1e-5
    with pytest.raises(OutputCheckError):
        check_other_sizes(wrong_at_odd_sizes, pruned)


def test_samples_may_have_any_length_that_varies(tmp_path: Path) -> None:
    graph = small_network()
    np.save(tmp_path / "samples.npy", np.zeros((3, 20, 31, 3), np.float32))
    calibration = read_calibration(tmp_path / "samples.npy", graph)
    assert calibration.sizes == {"image": (20, 31, 3)}
    pruned = prune_any(graph, LOSSLESS, calibration)
    assert pruned.varying is not None
    assert pruned.varying.sizes[0] == {"image": (20, 31, 3)}
    np.save(tmp_path / "samples.npy", np.zeros((3, 20, 31, 4), np.float32))
    with pytest.raises(CalibrationError, match="any length"):
        read_calibration(tmp_path / "samples.npy", graph)
