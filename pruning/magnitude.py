"""Modes threshold and magnitude: masks from the size of the weights, on the kernels as they were trained."""

from collections.abc import Mapping, Sequence

import numpy as np

from graph.graph import Graph
from graph.linear import LinearKernel, kernel_of
from pruning.allocate import Candidate, allocate
from pruning.choice import Choice, masked
from pruning.patterns import Mask, Scores, protected
from pruning.prunable import WeightedLayer
from pruning.recipe import LayerOverride, Mode, PruningRecipe

_SPARED = "depthwise: pruned by size only where the recipe names the layer"


def choose_masks(
    graph: Graph, layers: Sequence[WeightedLayer], recipe: PruningRecipe
) -> dict[str, Mask]:
    """Return what every prunable kernel keeps, by weight name, in the kernel's shape; empty for the lossless mode."""
    prunable = [layer for layer in layers if layer.is_prunable]
    layouts = {layer.weight: kernel_of(graph, graph.node(layer.nodes[0])) for layer in prunable}
    masks: dict[str, Mask] = {}
    if recipe.mode is Mode.THRESHOLD:
        masks = {
            layer.weight: _above(_sizes(graph, layer, layouts), layer, recipe) for layer in prunable
        }
    if recipe.mode is Mode.MAGNITUDE:
        # A depthwise kernel has few weights, and a channel that loses them loses all it has: only a recipe that names it
        # prunes it by size.
        named = [
            layer
            for layer in prunable
            if not layouts[layer.weight].is_depthwise
            or recipe.layers.get(layer.layer, LayerOverride()).sparsity is not None
        ]
        candidates = [
            Candidate(
                layer.weight,
                _sizes(graph, layer, layouts),
                recipe.layers.get(layer.layer, LayerOverride()).sparsity,
                layouts[layer.weight].dims,
            )
            for layer in named
        ]
        masks = allocate(candidates, recipe)
    return {name: layouts[name].array(mask) for name, mask in masks.items()}


def choose_by_size(graph: Graph, layers: Sequence[WeightedLayer], recipe: PruningRecipe) -> Choice:
    """Return the choice of the modes that look at nothing but weights; none for the lossless mode."""
    masks = choose_masks(graph, layers, recipe)
    spared: dict[str, str] = {}
    if recipe.mode is Mode.MAGNITUDE:
        # Prunable all the same: they are depthwise, and the recipe does not name them.
        whole = {layer.weight for layer in layers if layer.is_prunable} - set(masks)
        spared = dict.fromkeys(whole, _SPARED)
    return masked(graph, masks, spared)


def _sizes(graph: Graph, layer: WeightedLayer, layouts: Mapping[str, LinearKernel]) -> Scores:
    """Return the magnitudes of a kernel's weights as a matrix (inputs, units), float64."""
    matrix = layouts[layer.weight].matrix(graph.weights[layer.weight])
    return np.abs(matrix.astype(np.float64))


def _above(size: Scores, layer: WeightedLayer, recipe: PruningRecipe) -> Mask:
    """Mask of the weights above the threshold, and of the largest ones of every row."""
    own = recipe.layers.get(layer.layer, LayerOverride()).threshold
    threshold = recipe.threshold if own is None else own
    mask: Mask = size > (threshold or 0.0)
    # Sorting takes long; units that keep enough above the threshold keep their largest weights anyway.
    few = np.count_nonzero(mask, axis=0) < recipe.keep_per_row
    mask[:, few] |= protected(size[:, few], recipe.keep_per_row)
    return mask
