"""Modes threshold and magnitude: masks from the size of the weights, on the kernels as they were trained."""

from collections.abc import Mapping, Sequence

import numpy as np

from graph.graph import Graph
from pruning.allocate import Candidate, allocate
from pruning.patterns import Mask, protected
from pruning.prunable import WeightedLayer
from pruning.recipe import LayerOverride, Mode, PruningRecipe
from pruning.simplify.rewrite import frozen


def choose_masks(
    graph: Graph, layers: Sequence[WeightedLayer], recipe: PruningRecipe
) -> dict[str, Mask]:
    """Return what every prunable kernel keeps, by weight name; empty for the lossless mode."""
    prunable = [layer for layer in layers if layer.is_prunable]
    if recipe.mode is Mode.THRESHOLD:
        return {layer.weight: _above(graph, layer, recipe) for layer in prunable}
    if recipe.mode is Mode.MAGNITUDE:
        candidates = [
            Candidate(
                layer.weight,
                np.abs(graph.weights[layer.weight].astype(np.float64)),
                recipe.layers.get(layer.layer, LayerOverride()).sparsity,
            )
            for layer in prunable
        ]
        return allocate(candidates, recipe)
    return {}


def _above(graph: Graph, layer: WeightedLayer, recipe: PruningRecipe) -> Mask:
    """Mask of the weights above the threshold, and of the largest ones of every row."""
    own = recipe.layers.get(layer.layer, LayerOverride()).threshold
    threshold = recipe.threshold if own is None else own
    size = np.abs(graph.weights[layer.weight].astype(np.float64))
    mask: Mask = size > (threshold or 0.0)
    # Sorting takes long; units that keep enough above the threshold keep their largest weights anyway.
    few = np.count_nonzero(mask, axis=0) < recipe.keep_per_row
    mask[:, few] |= protected(size[:, few], recipe.keep_per_row)
    return mask


def apply_masks(graph: Graph, masks: Mapping[str, Mask]) -> Graph:
    """Return the graph with every weight outside its mask set to zero."""
    changed = {
        name: frozen(np.where(mask, graph.weights[name], np.float32(0.0)))
        for name, mask in masks.items()
    }
    return graph.with_weights(changed)
