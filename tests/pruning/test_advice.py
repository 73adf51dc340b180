"""What a report proposes where little could be removed: tried, and only what keeps the answers."""

import numpy as np
import pytest

from graph.activations import Function
from graph.graph import Graph
from graph.reference import run
from pruning import advice as advice_module
from pruning.advice import advise
from pruning.calibrate import Calibration
from pruning.probe import probe_sets
from pruning.prune import prune
from pruning.recipe_parser import parse_recipe
from tests.builders import GraphBuilder


def network(*, l1: bool) -> Graph:
    """A classifier; as Adam with an L1 penalty leaves it, 94 % of its weights are small noise, far above rounding."""
    b = GraphBuilder(7)

    def kernel(inputs: int, units: int) -> np.ndarray:
        weights = b.rng.standard_normal((inputs, units)) / np.sqrt(inputs)
        if not l1:
            return weights
        is_noise = b.rng.random(weights.shape) < 0.94
        noise = b.rng.uniform(-9e-4, 9e-4, weights.shape)
        return np.where(is_noise, noise, 4 * weights)

    hidden = b.dense(b.input(40), 80, kernel=kernel(40, 80), activation=Function.RELU)
    return b.build(b.dense(hidden, 10, kernel=kernel(80, 10), activation=Function.SOFTMAX))


def data(graph: Graph, *, labelled: bool, count: int = 360) -> Calibration:
    x = np.random.default_rng(5).standard_normal((count, 40)).astype(np.float32)
    labels = run(graph, {"x0": x})["y0"].argmax(axis=1)
    return Calibration({"x0": x}, labels if labelled else None)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_network_of_small_weights_gets_a_recipe_that_was_tried(labelled: bool) -> None:
    graph = network(l1=True)
    calibration = data(graph, labelled=labelled)
    removed = prune(graph, parse_recipe({})).weights_removed_share
    assert removed < 0.01
    found = advise(graph, removed, calibration, probe_sets(graph, {}))
    assert found is not None
    assert found.recipe is not None
    shares = {size.limit: size for size in found.sizes}
    assert shares[1e-6].absolute < 0.01
    assert shares[1e-3].absolute > 0.9
    assert shares[1e-3].relative <= shares[1e-2].relative
    (best,) = [trial for trial in found.trials if trial.threshold == found.recipe["threshold"]]
    assert best.is_good
    assert found.trials[-1] is best or not found.trials[-1].is_good
    assert best.threshold >= 1e-3
    # What is proposed does what was promised.
    pruned = prune(graph, parse_recipe(found.recipe))
    assert pruned.weights_removed_share >= best.removed_share  # units that lost everything go, too
    after = run(pruned.graph, dict(calibration.inputs))["y0"].argmax(axis=1)
    before = run(graph, dict(calibration.inputs))["y0"].argmax(axis=1)
    assert int((before == after).sum()) == best.quality.agreeing >= 0.99 * 360
    for wanted in ('"mode": "threshold"', f"{best.quality.agreeing} of your 360 samples"):
        assert wanted in found.text
    assert ("Accuracy is 100.00 % before" in found.text) is labelled


def test_without_samples_it_is_tried_on_probes_and_says_that_this_is_little() -> None:
    graph = network(l1=True)
    found = advise(graph, 0.0, None, probe_sets(graph, {}))
    assert found is not None
    assert found.recipe is not None
    assert "Made-up inputs say little about real ones" in found.text


def test_a_normal_network_is_told_plainly_that_no_threshold_helps() -> None:
    graph = network(l1=False)
    found = advise(graph, 0.0, data(graph, labelled=True), probe_sets(graph, {}))
    assert found is not None
    assert found.recipe is None
    assert "No threshold removes much" in found.text
    assert "train" in found.text


def test_where_much_was_removed_there_is_no_advice() -> None:
    graph = network(l1=True)
    assert advise(graph, 0.5, None, probe_sets(graph, {})) is None


def test_a_network_without_dense_weights_gets_none() -> None:
    b = GraphBuilder(1)
    graph = b.build(b.activation(b.input(3), Function.TANH))
    assert advise(graph, 0.0, None, probe_sets(graph, {})) is None


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = network(l1=True)
    monkeypatch.setattr(advice_module, "_MAX_OPERATIONS", 1)
    found = advise(graph, 0.0, data(graph, labelled=True, count=5000), ())
    assert found is not None
    assert {trial.quality.samples for trial in found.trials} == {4}


def test_thresholds_go_up_and_end_with_the_first_that_is_too_large() -> None:
    graph = network(l1=True)
    found = advise(graph, 0.0, data(graph, labelled=True), ())
    assert found is not None
    thresholds = [trial.threshold for trial in found.trials]
    assert thresholds == sorted(thresholds)
    assert all(trial.is_good for trial in found.trials[:-1])
    removed = [trial.removed_share for trial in found.trials]
    assert removed == sorted(removed)
