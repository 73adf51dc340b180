"""Scales that samples show: proofs by loose bounds must not call a weight a matter of rounding that matters."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.activations import Function
from graph.graph import Graph
from graph.reference import run
from graph.shape_ops import Concatenate
from pruning.lossless.attempt import attempt_lossless
from pruning.lossless.bounds import magnitude_bounds
from pruning.lossless.options import InputRange, LosslessOptions
from pruning.lossless.yardstick import scales_seen
from pruning.probe import one_of_each, probe_sets
from pruning.prune import prune
from pruning.recipe import PruningRecipe
from tests.builders import GraphBuilder, random_inputs
from tests.pruning.images import random_image_network


def two_branches(depth: int = 12, width: int = 64) -> Graph:
    """A deep branch whose bound grows far beyond its values, joined with one that tanh bounds by 1."""
    b = GraphBuilder(5)
    x = b.input(width)
    deep = x
    for _ in range(depth):
        deep = b.dense(deep, width, activation=Function.RELU)
    small = b.dense(x, 8, activation=Function.TANH)
    both = b.add(Concatenate(), [deep, small])
    return b.build(b.dense(both, 3, name="y"))


def test_a_weight_that_matters_is_not_small_against_a_loose_bound() -> None:
    graph = two_branches()
    inputs = random_inputs(graph, 20)
    before = run(graph, inputs, np.float64)["y0"]
    by_bounds = attempt_lossless(graph, LosslessOptions(), ()).graph
    samples = one_of_each(probe_sets(graph, {}))
    by_samples = attempt_lossless(graph, LosslessOptions(), (), samples)
    # The bound of the deep branch alone makes all weights of the other one look negligible.
    assert np.abs(run(by_bounds, inputs, np.float64)["y0"] - before).max() > 1e-3
    assert by_samples.claims == ()
    np.testing.assert_allclose(run(by_samples.graph, inputs, np.float64)["y0"], before, rtol=1e-6)


def test_nothing_has_to_be_put_back_where_bounds_are_loose() -> None:
    result = prune(two_branches(), PruningRecipe())
    assert result.certificate.rolled_back == ()
    assert result.certificate.simplification.worst <= 1e-6


def test_tiny_weights_still_go_where_bounds_are_loose() -> None:
    graph = two_branches()
    kernel = np.array(graph.weights["y/kernel"])
    kernel[5:9] *= np.float32(1e-31)
    tiny = graph.with_weights({"y/kernel": kernel})
    samples = one_of_each(probe_sets(tiny, {}))
    (claim,) = attempt_lossless(tiny, LosslessOptions(), (), samples).claims
    assert claim.removed == 12
    assert claim.used <= 1.0


def test_a_few_weights_of_many_are_not_worth_computing_samples_for() -> None:
    b = GraphBuilder(6)
    kernel = b.rng.standard_normal((200, 200))
    kernel[0, :3] = 1e-30
    graph = b.build(b.dense(b.input(200), 200, kernel=kernel, name="y"))
    samples = one_of_each(probe_sets(graph, {}))
    assert attempt_lossless(graph, LosslessOptions(), (), samples).claims == ()
    kernel[0, :10] = 1e-30
    more = graph.with_weights({"y/kernel": kernel.astype(np.float32)})
    (claim,) = attempt_lossless(more, LosslessOptions(), (), samples).claims
    assert claim.removed == 10


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1))
def test_a_scale_is_a_bound_or_what_samples_show(seed: int) -> None:
    graph = random_image_network(seed)
    bounds = magnitude_bounds(graph, {})
    scales = scales_seen(graph, bounds, one_of_each(probe_sets(graph, {})))
    for name, bound in bounds.values.items():
        assert scales.values[name].shape == bound.shape
        assert (scales.values[name].constant <= bound.constant).all()
        assert (scales.values[name].slope <= bound.slope).all()


def test_the_scale_of_a_layer_is_the_sum_of_magnitudes_on_the_largest_sample() -> None:
    b = GraphBuilder()
    kernel = np.array([[1.0, 2.0], [-1.0, 1.0]])
    graph = b.build(
        b.dense(b.input(2), 2, kernel=kernel, bias_values=np.array([0.5, 0.0]), name="y")
    )
    bounds = magnitude_bounds(graph, {"": InputRange(-9, 9)})
    samples = {"x0": np.array([[1.0, 1.0], [2.0, 3.0], [-2.0, 1.0]], np.float32)}
    seen = scales_seen(graph, bounds, samples).values["y"]
    np.testing.assert_allclose(seen.constant, [5.5, 7.0])
    np.testing.assert_array_equal(seen.slope, 0.0)


def test_what_grows_with_the_input_is_measured_on_samples_from_1_on() -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(1), 1, kernel=np.array([[3.0]]), bias=False, name="y"))
    bounds = magnitude_bounds(graph, {})
    for size, slope in ((0.1, 3.0), (100.0, 3.0)):
        seen = scales_seen(graph, bounds, {"x0": np.array([[size]], np.float32)}).values["y"]
        assert seen.slope == slope
    narrow = Function.TANH
    graph = b.build(b.dense(b.activation("y", narrow), 1, kernel=np.array([[3.0]]), name="z"))
    seen = scales_seen(
        graph, magnitude_bounds(graph, {}), {"x0": np.array([[100.0]], np.float32)}
    ).values["z"]
    assert seen.slope == 0.0


def test_a_sample_that_overflows_says_nothing() -> None:
    b = GraphBuilder()
    h = b.dense(b.input(1), 1, kernel=np.array([[1e30]]), bias=False)
    graph = b.build(b.dense(h, 1, kernel=np.array([[1e30]]), bias=False, name="y"))
    bounds = magnitude_bounds(graph, {"": InputRange(0, 5)})
    seen = scales_seen(graph, bounds, {"x0": np.array([[2.0]], np.float32)}).values["y"]
    assert np.isfinite(seen.constant).all()
    assert seen.constant == bounds.values["y"].constant
