"""Masks from the size of weights, beside plain forms: of Dense layers and of convolutions."""

import numpy as np
import pytest

from graph.graph import Graph
from graph.pooling_ops import GlobalPool, PoolKind
from pruning.allocate import erk
from pruning.certificate import Guarantee
from pruning.magnitude import choose_masks
from pruning.patterns import protected
from pruning.prunable import weighted_layers
from pruning.prune import prune
from pruning.recipe import Allocation, Block, LayerOverride, Mode, NofM, PruningRecipe
from tests.builders import GraphBuilder
from tests.pruning.images import ImageBuilder


@pytest.mark.parametrize("keep_per_row", [0, 1, 3, 50])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0, 1.5, 9.0])
def test_a_unit_keeps_what_is_larger_and_its_largest_weights(
    keep_per_row: int, threshold: float
) -> None:
    b = GraphBuilder(3)
    # Halves: many weights are equal, to one another and to the threshold.
    kernel = np.round(2 * b.rng.standard_normal((20, 30))) / 2
    kernel[:, 5] = 0.0
    graph = b.build(b.dense(b.input(20), 30, kernel=kernel, name="h"))
    recipe = PruningRecipe(Mode.THRESHOLD, threshold=threshold, keep_per_row=keep_per_row)
    (mask,) = choose_masks(graph, weighted_layers(graph, {}), recipe).values()
    size = np.abs(kernel)
    np.testing.assert_array_equal(mask, (size > threshold) | protected(size, keep_per_row))


def convolutions(seed: int = 0) -> Graph:
    """Two convolutions, a depthwise one between them, a transposed one and a Dense layer."""
    b = ImageBuilder(seed)
    x = b.conv(b.input(6, 6, 5), 7, 3, name="first")
    x = b.conv(b.depthwise(x, name="depth"), 6, 2, groups=1, name="second")
    x = b.transposed(x, 4)
    return b.build(b.dense(b.add(GlobalPool(PoolKind.MAX), [x]), 3, name="y"))


def masks_of(graph: Graph, recipe: PruningRecipe) -> dict[str, np.ndarray]:
    masks = choose_masks(graph, weighted_layers(graph, recipe.layers), recipe)
    for name, mask in masks.items():
        assert mask.shape == graph.weights[name].shape
    return masks


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_one_ranking_goes_over_the_kernels_of_all_convolutions(sparsity: float) -> None:
    graph = convolutions()
    masks = masks_of(graph, PruningRecipe(Mode.MAGNITUDE, sparsity=sparsity, keep_per_row=0))
    assert "depth/kernel" not in masks
    size = np.concatenate([np.abs(graph.weights[name]).ravel() for name in masks])
    kept = np.concatenate([mask.ravel() for mask in masks.values()])
    assert kept.sum() == round(size.size * (1 - sparsity))
    assert size[kept].min() >= size[~kept].max(initial=0.0)


def test_a_floor_keeps_the_largest_weight_of_every_filter() -> None:
    graph = convolutions()
    graph = graph.with_weights({"first/kernel": graph.weights["first/kernel"] * np.float32(1e-6)})
    mask = masks_of(graph, PruningRecipe(Mode.MAGNITUDE, sparsity=0.8))["first/kernel"]
    size = np.abs(graph.weights["first/kernel"]).reshape(-1, 7)
    assert mask.reshape(-1, 7)[size.argmax(axis=0), np.arange(7)].all()
    assert mask.sum() == 7


def test_a_depthwise_kernel_is_pruned_by_size_where_the_recipe_names_it() -> None:
    graph = convolutions()
    layers = {"depth": LayerOverride(sparsity=0.5)}
    recipe = PruningRecipe(Mode.MAGNITUDE, sparsity=0.5, layers=layers)
    kernel = graph.weights["depth/kernel"]
    assert masks_of(graph, recipe)["depth/kernel"].sum() == round(kernel.size / 2)
    threshold = PruningRecipe(Mode.THRESHOLD, threshold=0.1, keep_per_row=0)
    np.testing.assert_array_equal(masks_of(graph, threshold)["depth/kernel"], np.abs(kernel) > 0.1)


def test_n_of_m_counts_the_channels_at_each_place_of_a_window() -> None:
    graph = convolutions()
    pattern = NofM(2, 4)
    recipe = PruningRecipe(Mode.MAGNITUDE, allocation=Allocation.LAYER, pattern=pattern)
    mask = masks_of(graph, recipe)["first/kernel"]
    # Five channels: a group of four keeps two, the last channel stays.
    assert (mask[:, :, :4].sum(axis=2) == 2).all()
    assert mask[:, :, 4].all()


def test_blocks_go_and_stay_whole_at_each_place_of_a_window() -> None:
    graph = convolutions()
    pattern = Block(rows=2, cols=3)
    recipe = PruningRecipe(
        Mode.MAGNITUDE, sparsity=0.5, allocation=Allocation.LAYER, pattern=pattern, keep_per_row=0
    )
    mask = masks_of(graph, recipe)["first/kernel"]
    for channels in (slice(0, 3), slice(3, 5)):
        for units in (slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 7)):
            block = mask[:, :, channels, units]
            assert (block.all(axis=(2, 3)) | ~block.any(axis=(2, 3))).all()
    transposed = next(n for n in graph.weights if n.startswith("transposed") and "kernel" in n)
    kernel = masks_of(graph, recipe)[transposed]
    pairs = kernel.reshape(-1, *kernel.shape[-2:])[:, :2, :3]
    assert (pairs.all(axis=(1, 2)) | ~pairs.any(axis=(1, 2))).all()


def test_erk_counts_the_sides_of_the_window() -> None:
    graph = convolutions()
    recipe = PruningRecipe(Mode.MAGNITUDE, sparsity=0.6, allocation=Allocation.ERK, keep_per_row=0)
    masks = masks_of(graph, recipe)
    dims = {"first/kernel": (3, 3, 5, 7), "second/kernel": (2, 2, 7, 6), "y/kernel": (4, 3)}
    name = next(name for name in masks if name.startswith("transposed"))
    *window, units, channels = graph.weights[name].shape
    wanted = erk({**dims, name: (*window, channels, units)}, 0.6)
    for kernel, mask in masks.items():
        assert mask.sum() == max(round(mask.size * (1 - wanted[kernel])), 1)


def test_the_record_of_a_pruned_image_network_counts_channels_and_weights() -> None:
    graph = convolutions()
    result = prune(graph, PruningRecipe(Mode.MAGNITUDE, sparsity=0.5))
    counts = {layer.layer: layer for layer in result.layers}
    first, depth = counts["first"], counts["depth"]
    assert (first.kind, first.has_kernel, first.shape_before) == ("Conv", True, (3, 3, 5, 7))
    assert first.certificate.guarantee is Guarantee.BUDGETED
    assert depth.certificate.guarantee is not Guarantee.BUDGETED
    assert depth.reason == "depthwise: pruned by size only where the recipe names the layer"
    assert first.reason == ""
    assert (depth.weights_before, depth.nonzeros_after) == (63, 63)
    assert result.weights_before == sum(layer.weights_before for layer in result.layers)
    assert result.nonzeros_after == sum(layer.nonzeros_after for layer in result.layers)
    assert 0.4 < result.weights_removed_share <= 0.5
