"""Exact pruning of images and signals: which channels go, and which must stay."""

from itertools import product

import numpy as np
import pytest

from graph.activations import Function
from graph.conv_ops import Conv
from graph.graph import Graph
from graph.interpolation import Interpolation
from graph.linear import kernel_of
from graph.ops import Merge, MergeKind
from graph.pooling_ops import GlobalPool, Pool, PoolKind
from graph.reference import run
from graph.resizing_ops import Pad, Resize, Upsample
from graph.shape_ops import Concatenate, Reshape
from graph.windows import Padding
from pruning.lossless.bounds import magnitude_bounds
from pruning.lossless.options import InputRange
from pruning.prune import prune
from pruning.recipe import PruningRecipe
from pruning.simplify.constants import constant_elements
from pruning.simplify.pipeline import FOLDING, SIMPLIFYING, run_to_fixpoint
from pruning.simplify.rewrite import Change, Rewrite, widened
from tests.builders import random_inputs
from tests.pruning.images import ImageBuilder, assert_same_outputs

RANGES = {"": InputRange(-3, 3)}


def simplified(graph: Graph) -> Rewrite:
    return run_to_fixpoint(widened(graph), (*FOLDING, *SIMPLIFYING))


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


def separable_network(seed: int) -> tuple[Graph, list[np.ndarray]]:
    """Six separable blocks as training with weight decay leaves them, and which channels of each are alive.

    Of most channels all weights in and out are of 1e-31; normalizations are not small, and make some of these channels
    a constant above 0, which windows see beside zeros at the border.
    """
    b, alive = ImageBuilder(seed), []
    x = b.conv(b.input(9, 9, 3), 8, 3, stride=2, padding=Padding.SAME, name="first")
    x = b.activation(b.batch_normalization(x), Function.RELU)
    live = np.ones(8, np.bool_)
    for index in range(6):
        x = b.activation(b.batch_normalization(b.depthwise(x, name=f"depth{index}")), Function.RELU)
        kernel = b.rng.standard_normal((1, 1, len(live), 16)) / 3
        kernel[:, :, ~live] *= 1e-31
        live = np.arange(16) < 4
        b.rng.shuffle(live)
        kernel[..., ~live] *= 1e-31
        alive.append(live)
        x = b.conv(x, 16, 1, kernel=kernel, name=f"point{index}")
        x = b.activation(b.batch_normalization(x), Function.RELU)
    kernel = b.rng.standard_normal((16, 2))
    kernel[~live] *= 1e-31
    pooled = b.add(GlobalPool(PoolKind.AVERAGE), [x])
    return b.build(b.dense(pooled, 2, kernel=kernel, activation=Function.SOFTMAX)), alive


@pytest.mark.parametrize("seed", range(4))
def test_channels_of_tiny_weights_go_whole_by_the_default_recipe(seed: int) -> None:
    graph, alive = separable_network(seed)
    result = prune(graph, PruningRecipe())
    before, after = (sum(w.size for w in g.weights.values()) for g in (graph, result.graph))
    assert after < 0.3 * before
    for index, live in enumerate(alive):
        assert result.graph.weights[f"point{index}/kernel"].shape[-1] == live.sum()
    assert result.certificate.simplification.worst <= 1e-6
    assert not result.certificate.rolled_back
    inputs = random_inputs(graph, 5)
    old, new = (run(g, inputs, np.float64)["y0"] for g in (graph, result.graph))
    np.testing.assert_allclose(new, old, atol=1e-6)


def test_a_resize_that_does_nothing_at_this_size_stays() -> None:
    b = ImageBuilder(16)
    x = b.input(5, 5, 2)
    y = b.add(Resize((5, 5), Interpolation.NEAREST), [b.conv(x, 3, 1)], name="resize")
    graph = b.build(b.conv(b.add(Upsample((1, 1)), [y], name="upsample"), 2, 1))
    names = [node.name for node in simplified(graph).graph.nodes]
    assert "resize" in names
    assert "upsample" not in names
