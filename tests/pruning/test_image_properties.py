"""What analyses claim of drawn image networks holds, and what is rewritten computes the same."""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.errors import ShapeError
from graph.graph import Graph
from graph.reference import run, run_values
from graph.tensor_type import float32
from graph.windows import Padding
from pruning.lossless.bounds import magnitude_bounds
from pruning.lossless.drop import drop_negligible
from pruning.lossless.options import InputRange, LosslessOptions
from pruning.lossless.perturbation import propagate_errors
from pruning.prune import prune
from pruning.recipe import PruningRecipe
from pruning.rules.convolutions import full_places
from pruning.simplify.constants import constant_elements
from pruning.simplify.liveness import needed_elements
from pruning.simplify.pipeline import BEFORE_DROPPING, FOLDING, SIMPLIFYING, run_to_fixpoint
from pruning.simplify.relations import relations
from pruning.simplify.rewrite import widened
from tests.builders import random_inputs
from tests.pruning.images import assert_same_outputs, random_image_network

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=60, suppress_health_check=list(HealthCheck))
RANGES = {"": InputRange(-3, 3)}


@few
@given(seeds)
def test_every_rewrite_of_an_image_network_computes_the_same(seed: int) -> None:
    graph = random_image_network(seed)
    for passes in (BEFORE_DROPPING, FOLDING, SIMPLIFYING, (*FOLDING, *SIMPLIFYING)):
        assert_same_outputs(graph, run_to_fixpoint(widened(graph), passes).graph)


@few
@given(seeds)
def test_constants_and_relations_of_an_image_network_hold_at_every_pixel(seed: int) -> None:
    graph = widened(random_image_network(seed))
    values = run_values(graph, random_inputs(graph, 3, seed=seed % 97), np.float64)
    related = relations(graph)
    for name, constant in constant_elements(graph).items():
        fixed = np.broadcast_to(constant, values[name].shape[1:])
        known = np.isfinite(fixed)
        np.testing.assert_allclose(
            values[name][:, known], np.tile(fixed[known], (3, 1)), rtol=1e-9, atol=1e-9
        )
        relation = related[name]
        leaders = np.array(np.unravel_index(relation.leader, relation.shape))
        for element in np.flatnonzero(relation.leader != np.arange(len(relation.leader))):
            own = np.unravel_index(element, relation.shape)
            places = [
                tuple(
                    slice(None) if n == 1 else int(i)
                    for n, i in zip(relation.shape, at, strict=True)
                )
                for at in (own, leaders[:, element])
            ]
            mine, theirs = (values[name][(slice(None), *place)] for place in places)
            np.testing.assert_allclose(
                mine, relation.factor[element] * theirs, rtol=1e-8, atol=1e-8
            )


@few
@given(seeds)
def test_no_value_of_an_image_network_leaves_its_bound(seed: int) -> None:
    graph = random_image_network(seed)
    bounds = magnitude_bounds(graph, {})
    inputs = random_inputs(graph, 4, seed=1)
    rho = max(float(np.abs(array).max()) for array in inputs.values())
    for name, value in run_values(graph, inputs, np.float64).items():
        limit = np.broadcast_to(bounds.values[name].at(rho), value.shape[1:])
        assert (np.abs(value) <= limit * (1 + 1e-9) + 1e-9).all(), name


@few
@given(seeds)
def test_dropping_weights_moves_no_value_of_an_image_network_beyond_its_error_bound(
    seed: int,
) -> None:
    graph = sprinkle_kernels(random_image_network(seed), seed)
    bounds = magnitude_bounds(graph, RANGES)
    drop = drop_negligible(graph, bounds, LosslessOptions(input_ranges=RANGES))
    errors = propagate_errors(graph, bounds, drop.removed)
    inputs = {name: np.clip(array, -3, 3) for name, array in random_inputs(graph, 4).items()}
    kernels = {name: kernel.astype(np.float64) for name, kernel in drop.kernels.items()}
    before = run_values(graph, inputs, np.float64)
    after = run_values(graph.with_weights(kernels), inputs, np.float64)
    assert all(claim.used <= 1 for claim in drop.claims)
    for name, value in before.items():
        limit = np.broadcast_to(errors[name].constant, value.shape[1:])
        moved = np.abs(after[name] - value)
        assert (moved <= limit + 1e-12 * (1 + np.abs(value))).all(), name


def sprinkle_kernels(graph: Graph, seed: int) -> Graph:
    """Turn many weights of every kernel into tiny ones, 1e-20 to 1e-8."""
    rng = np.random.default_rng(seed)
    changed = {}
    for node in graph.nodes:
        if node.weights and node.weights[0].endswith("kernel"):
            kernel = graph.weights[node.weights[0]]
            tiny = rng.choice([-1.0, 1.0], kernel.shape) * 10 ** rng.uniform(-20, -8, kernel.shape)
            changed[node.weights[0]] = np.where(
                rng.random(kernel.shape) < 0.5, tiny, kernel
            ).astype(np.float32)
    return graph.with_weights(changed)


@few
@given(seeds)
def test_what_no_output_needs_can_be_anything(seed: int) -> None:
    graph = widened(random_image_network(seed))
    needed = needed_elements(graph, constant_elements(graph))
    rng = np.random.default_rng(seed)
    inputs = random_inputs(graph, 3)
    other = {
        name: np.where(needed[name], array, rng.standard_normal(array.shape)).astype(np.float32)
        for name, array in inputs.items()
    }
    before, after = run(graph, inputs, np.float64), run(graph, other, np.float64)
    np.testing.assert_allclose(after["y0"], before["y0"], rtol=1e-12, atol=1e-12)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(seeds)
def test_an_image_network_passes_the_gate_of_the_default_recipe(seed: int) -> None:
    result = prune(random_image_network(seed), PruningRecipe())
    assert result.certificate.simplification.worst <= 1e-6


@few
@given(
    st.sampled_from(list(Padding)),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 40),
)
def test_a_full_place_of_a_window_meets_an_element_wherever_the_window_stands(
    padding: Padding, size: int, stride: int, dilation: int, length: int
) -> None:
    count = padding.windows(length, size, stride, dilation) or 0
    before, _ = padding.amounts(length, size, stride, dilation)
    starts = np.arange(count) * stride - before
    for place in np.flatnonzero(full_places(padding, size, stride, dilation)):
        elements = starts + place * dilation
        assert ((elements >= 0) & (elements < length)).all()


@few
@given(seeds, st.integers(1, 9))
def test_what_is_rewritten_at_one_image_size_computes_the_same_at_another(
    seed: int, length: int
) -> None:
    graph = widened(random_image_network(seed))
    result = run_to_fixpoint(graph, (*FOLDING, *SIMPLIFYING)).graph
    (given_input,) = graph.inputs
    *_, channels = given_input.type.static_sample_shape
    lengths = (length + axis for axis in range(given_input.type.rank - 2))
    resized = replace(given_input, type=float32(*lengths, channels))
    others = [replace(each, inputs=(resized,)) for each in (graph, result)]
    try:
        others[0].value_types()
    except ShapeError:
        return  # a layer that needs the one size: Flatten, or weights for every pixel
    assert_same_outputs(*others)
