"""Exact pruning of images and signals: what analyses claim holds, and what is rewritten computes the same."""

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.activations import Function
from graph.conv_ops import Conv
from graph.graph import Graph
from graph.interpolation import Interpolation
from graph.linear import kernel_of
from graph.ops import Merge, MergeKind
from graph.pooling_ops import GlobalPool, Pool, PoolKind
from graph.reference import run, run_values
from graph.resizing_ops import Pad, Resize
from graph.shape_ops import Concatenate, Reshape
from graph.windows import Padding
from pruning.lossless.bounds import magnitude_bounds
from pruning.lossless.drop import drop_negligible
from pruning.lossless.options import InputRange, LosslessOptions
from pruning.lossless.perturbation import propagate_errors
from pruning.prune import prune
from pruning.recipe import PruningRecipe
from pruning.simplify.constants import constant_elements
from pruning.simplify.liveness import needed_elements
from pruning.simplify.pipeline import BEFORE_DROPPING, FOLDING, SIMPLIFYING, run_to_fixpoint
from pruning.simplify.relations import relations
from pruning.simplify.rewrite import Change, Rewrite, widened
from tests.builders import random_inputs
from tests.pruning.images import ImageBuilder, random_image_network

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
RANGES = {"": InputRange(-3, 3)}


def simplified(graph: Graph) -> Rewrite:
    return run_to_fixpoint(widened(graph), (*FOLDING, *SIMPLIFYING))


def assert_same_outputs(before: Graph, after: Graph) -> None:
    inputs = random_inputs(before, 5, seed=9)
    old, new = (run(graph, inputs, np.float64) for graph in (before, after))
    for name, value in old.items():
        np.testing.assert_allclose(new[name], value, rtol=1e-9, atol=1e-9)


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


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seeds)
def test_an_image_network_passes_the_gate_of_the_default_recipe(seed: int) -> None:
    result = prune(random_image_network(seed), PruningRecipe())
    assert result.certificate.simplification.worst <= 1e-6


def constant_channel(b: ImageBuilder, x: str, value: float) -> str:
    """Three channels after relu, of which the second is constant before it."""
    kernel = b.rng.standard_normal((1, 1, b.channels(x), 3))
    kernel[..., 1] = 0.0
    bias = np.array([0.1, value, 0.2])
    h = b.conv(x, 3, 1, kernel=kernel, bias_values=bias, name="h")
    return b.activation(h, Function.RELU)


@pytest.mark.parametrize(
    ("value", "size", "padding", "is_folded"),
    [
        (0.7, 3, Padding.VALID, True),
        (0.7, 1, Padding.SAME, True),
        (0.7, 3, Padding.SAME, False),
        (-0.7, 3, Padding.SAME, True),
    ],
    ids=["no padding", "one pixel", "padding", "constant 0"],
)
def test_a_constant_channel_is_a_bias_unless_a_window_sees_padding(
    value: float, size: int, padding: Padding, is_folded: bool
) -> None:
    b = ImageBuilder(1)
    y = b.conv(constant_channel(b, b.input(6, 6, 2), value), 4, size, padding=padding, name="y")
    graph = b.build(y)
    result = simplified(graph).graph
    assert result.weights["h/kernel"].shape == (1, 1, 2, 2 if is_folded else 3)
    assert_same_outputs(graph, result)


def test_a_constant_channel_in_front_of_padding_stays() -> None:
    b = ImageBuilder(2)
    h = b.add(Pad(((1, 1), (1, 1))), [constant_channel(b, b.input(5, 5, 2), 0.7)])
    graph = b.build(b.conv(h, 4, 3, padding=Padding.VALID, name="y"))
    result = simplified(graph).graph
    assert result.weights["h/kernel"].shape == (1, 1, 2, 3)
    assert_same_outputs(graph, result)


def test_padding_that_no_window_with_a_weight_sees_does_not_count() -> None:
    b = ImageBuilder(3)
    kernel = b.rng.standard_normal((3, 3, 3, 4))
    kernel[:, :, 1] = 0.0
    kernel[1, 1, 1] = 1.0
    h = constant_channel(b, b.input(5, 5, 2), 0.7)
    graph = b.build(b.conv(h, 4, 3, padding=Padding.SAME, kernel=kernel, name="y"))
    result = simplified(graph).graph
    assert result.weights["h/kernel"].shape == (1, 1, 2, 2)
    assert_same_outputs(graph, result)


@pytest.mark.parametrize(("padding", "is_folded"), [(Padding.VALID, True), (Padding.SAME, False)])
def test_a_shift_is_folded_forward_where_no_window_sees_padding(
    padding: Padding, is_folded: bool
) -> None:
    b = ImageBuilder(4)
    h = b.activation(b.conv(b.input(6, 6, 2), 3, name="h"), Function.RELU)
    graph = b.build(b.conv(b.batch_normalization(h), 4, 3, padding=padding, name="y"))
    result = simplified(graph)
    assert (Change.FOLDED in {note.change for note in result.notes}) is is_folded
    assert_same_outputs(graph, result.graph)


def test_dead_channels_go_through_a_residual_block_and_batch_normalization() -> None:
    b = ImageBuilder(5)
    first = b.rng.standard_normal((1, 1, 2, 6))
    first[..., :2] = 0.0
    zeros = np.zeros(6)
    x = b.conv(b.input(6, 6, 2), 6, 1, kernel=first, bias_values=zeros, name="first")
    h = b.activation(b.batch_normalization(b.conv(x, 5, 3, padding=Padding.SAME)), Function.RELU)
    last_kernel = b.rng.standard_normal((3, 3, 5, 6))
    last_kernel[..., :2] = 0.0
    y = b.conv(h, 6, 3, padding=Padding.SAME, kernel=last_kernel, bias_values=zeros, name="last")
    graph = b.build(b.conv(b.add(Merge(MergeKind.ADD), [x, y]), 3, 1, name="out"))
    result = simplified(graph).graph
    assert result.weights["first/kernel"].shape == (1, 1, 2, 4)
    assert result.weights["last/kernel"].shape == (3, 3, 5, 4)
    assert result.weights["out/kernel"].shape == (1, 1, 4, 3)
    assert_same_outputs(graph, result)


def test_a_channel_that_one_branch_needs_stays_in_both_branches_of_a_sum() -> None:
    b = ImageBuilder(6)
    kernel = b.rng.standard_normal((1, 1, 2, 4))
    kernel[..., 0] = 0.0
    x = b.input(4, 4, 2)
    one = b.conv(x, 4, 1, kernel=kernel, bias_values=np.zeros(4), name="one")
    graph = b.build(b.conv(b.add(Merge(MergeKind.ADD), [one, b.conv(x, 4, 1, name="two")]), 3, 1))
    assert simplified(graph).graph.weights["one/kernel"].shape == (1, 1, 2, 4)


def test_channels_go_through_concatenations_pooling_and_flatten() -> None:
    b = ImageBuilder(7)
    x = b.input(4, 4, 2)
    parts = []
    for name in ("one", "two"):
        kernel = b.rng.standard_normal((1, 1, 2, 3))
        kernel[..., 1] = 0.0
        parts.append(b.conv(x, 3, 1, kernel=kernel, bias_values=np.zeros(3), name=name))
    joined = b.add(Concatenate(-1), parts)
    flat = b.add(Reshape((4 * 4 * 6,)), [joined])
    pooled = b.add(GlobalPool(PoolKind.MAX), [joined])
    graph = b.build(b.dense(flat, 3, name="flat"), b.dense(pooled, 3, name="pooled"))
    result = simplified(graph).graph
    assert result.weights["one/kernel"].shape == (1, 1, 2, 2)
    assert result.weights["flat/kernel"].shape == (4 * 4 * 4, 3)
    assert result.weights["pooled/kernel"].shape == (4, 3)
    old, new = (run(g, random_inputs(graph, 3), np.float64) for g in (graph, result))
    np.testing.assert_allclose(new["y0"], old["y0"], rtol=1e-9)
    np.testing.assert_allclose(new["y1"], old["y1"], rtol=1e-9)


def test_groups_keep_equally_many_channels_and_units_and_whole_groups_go() -> None:
    b = ImageBuilder(8)
    kernel = b.rng.standard_normal((3, 3, 3, 12))
    kernel[..., :4] = 0.0  # nothing of the first group's units is left
    kernel[:, :, 0, 4:8] = 0.0
    h = b.conv(b.input(5, 5, 2), 9, 1, name="h")
    biases = np.zeros(12)
    y = b.conv(h, 12, 3, groups=3, kernel=kernel, bias_values=biases, name="y")
    graph = b.build(b.conv(b.activation(y, Function.RELU), 2, 1, name="out"))
    result = simplified(graph).graph
    op = result.node("y").op
    assert isinstance(op, Conv)
    assert op.groups == 2
    assert result.weights["y/kernel"].shape == (3, 3, 3, 8)
    assert result.weights["h/kernel"].shape == (1, 1, 2, 6)
    assert_same_outputs(graph, result)


def test_duplicate_channels_are_merged_behind_a_depthwise_convolution() -> None:
    b = ImageBuilder(9)
    kernel = b.rng.standard_normal((1, 1, 2, 4)).astype(np.float32)
    bias = b.rng.standard_normal(4).astype(np.float32)
    kernel[..., 3], bias[3] = 2 * kernel[..., 0], 2 * bias[0]
    h = b.conv(b.input(5, 5, 2), 4, 1, kernel=kernel, bias_values=bias, name="h")
    depth = b.depthwise(b.activation(h, Function.RELU), bias=False, name="depth")
    taps = b.rng.standard_normal((3, 3, 4, 1)).astype(np.float32)
    taps[:, :, 3] = 0.5 * taps[:, :, 0]
    b.weight("depth/kernel", taps)
    graph = b.build(b.conv(b.activation(depth, Function.RELU), 3, 1, name="y"))
    result = simplified(graph)
    assert Change.MERGED in {note.change for note in result.notes}
    assert result.graph.weights["h/kernel"].shape == (1, 1, 2, 3)
    assert result.graph.weights["depth/kernel"].shape == (3, 3, 3, 1)
    assert_same_outputs(graph, result.graph)


def test_a_shared_convolution_keeps_what_one_use_needs() -> None:
    b = ImageBuilder(10)
    names = b.parameters("twin", (3, 3, 2, 4), 4, bias=True)
    op = Conv((1, 1), (1, 1), Padding.SAME)
    twins = [b.add(op, [b.input(4, 4, 2)], names, name=name) for name in ("left", "right")]
    read = b.rng.standard_normal((2, 1, 1, 4, 3))
    read[:, :, :, 0] = 0.0
    read[0, :, :, 1] = 0.0
    outputs = [b.conv(twin, 3, 1, kernel=kernel) for twin, kernel in zip(twins, read, strict=True)]
    graph = b.build(*outputs)
    result = simplified(graph).graph
    assert result.weights["twin/kernel"].shape == (3, 3, 2, 3)
    old, new = (run(g, random_inputs(graph, 3), np.float64) for g in (graph, result))
    for name, value in old.items():
        np.testing.assert_allclose(new[name], value, rtol=1e-9)


def test_a_normalization_goes_into_the_convolution_in_front_of_it_whatever_the_padding() -> None:
    b = ImageBuilder(11)
    y = b.batch_normalization(b.depthwise(b.input(5, 5, 3), multiplier=2, name="depth"))
    y = b.batch_normalization(b.transposed(y, 4))
    graph = b.build(b.batch_normalization(b.conv(y, 4, 3, padding=Padding.SAME)))
    result = simplified(graph).graph
    assert [type(node.op).__name__ for node in result.nodes] == [
        "DepthwiseConv", "ConvTranspose", "Conv",
    ]  # fmt: skip
    assert_same_outputs(graph, result)


def test_a_normalization_along_pixels_is_not_folded_into_channels() -> None:
    b = ImageBuilder(12)
    graph = b.build(b.batch_normalization(b.conv(b.input(4, 5, 2), 3, 1), 1))
    result = simplified(graph).graph
    assert len(result.nodes) == 2
    assert_same_outputs(graph, result)


def test_facts_about_an_image_are_kept_by_channel() -> None:
    b = ImageBuilder(13)
    h = b.activation(b.conv(b.input(40, 50, 2), 3, name="h"), Function.RELU)
    graph = b.build(b.dense(b.add(GlobalPool(PoolKind.AVERAGE), [h]), 2, name="y"))
    bounds = magnitude_bounds(graph, RANGES).values
    assert bounds["h"].shape == (1, 1, 3)
    assert bounds["y"].shape == (2,)
    assert kernel_of(graph, graph.node("h")).channels == 2
    assert constant_elements(graph)["h"].shape == (1, 1, 3)


@pytest.mark.parametrize(("factor", "is_merged"), [(2.0, True), (-1.0, False)])
def test_a_maximum_keeps_positive_multiples_only(factor: float, is_merged: bool) -> None:
    b = ImageBuilder(14)
    kernel = b.rng.standard_normal((1, 1, 2, 3)).astype(np.float32)
    kernel[..., 2] = np.float32(factor) * kernel[..., 0]
    h = b.conv(b.input(4, 4, 2), 3, 1, kernel=kernel, bias=False, name="h")
    h = b.add(Pool(PoolKind.MAX, (2, 2), (2, 2)), [h])
    graph = b.build(b.conv(h, 2, 1, name="y"))
    result = simplified(graph).graph
    assert result.weights["h/kernel"].shape == (1, 1, 2, 2 if is_merged else 3)
    assert_same_outputs(graph, result)


@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_an_image_may_overshoot_when_it_is_resized(interpolation: Interpolation) -> None:
    b = ImageBuilder(15)
    x = b.input(6, 1)
    graph = b.build(b.add(Resize((13,), interpolation), [x], name="y"))
    bound = magnitude_bounds(graph, {"": InputRange(-1, 1)}).values["y"].constant
    signs = np.array(list(product([-1.0, 1.0], repeat=6)))[:, :, None]
    assert np.abs(run(graph, {x: signs}, np.float64)["y0"]).max() <= bound.max() * (1 + 1e-12)
