"""Which weights may be pruned, and the stated reason when not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph, Node
from graph.linear import holds_kernel
from pruning.errors import RecipeError
from pruning.recipe import LayerOverride

_SHOWN_LAYERS = 20


@dataclass(frozen=True, slots=True)
class WeightedLayer:
    """A layer that owns a weight, and whether the weight may be pruned.

    Attributes:
        layer: the path of the Keras layer, or the node's name.
        nodes: the names of the nodes that apply it; more than one for a shared layer.
        weight: the name of its first weight, which is the kernel of a layer that is linear in one.
        reason: why nothing of it may be pruned; empty when it may.
    """

    layer: str
    nodes: tuple[str, ...]
    weight: str
    reason: str

    @property
    def is_prunable(self) -> bool:
        """Whether weights may be removed from it."""
        return not self.reason


def weighted_layers(
    graph: Graph, overrides: Mapping[str, LayerOverride]
) -> tuple[WeightedLayer, ...]:
    """Return all layers with weights, in order; layers that share a weight count once.

    Raises:
        RecipeError: an override names a layer that is not there, or asks to prune one that cannot be.
    """
    users = graph.weight_users()
    firsts = dict.fromkeys(node.weights[0] for node in graph.nodes if node.weights)
    layers = tuple(_describe(graph, name, users[name], overrides) for name in firsts)
    _check_overrides(layers, overrides)
    return layers


def _describe(
    graph: Graph, weight: str, users: tuple[Node, ...], overrides: Mapping[str, LayerOverride]
) -> WeightedLayer:
    layer = users[0].layer or users[0].name
    reason = ""
    if not all(holds_kernel(node.op) and node.weights[0] == weight for node in users):
        reason = f"{type(users[0].op).__name__}: it has no kernel that can be pruned"
    elif not np.isfinite(graph.weights[weight]).all():
        reason = "the kernel has NaN or infinite weights"
    elif overrides.get(layer, LayerOverride()).skip:
        reason = "skipped by the recipe"
    return WeightedLayer(layer, tuple(node.name for node in users), weight, reason)


def _check_overrides(
    layers: tuple[WeightedLayer, ...], overrides: Mapping[str, LayerOverride]
) -> None:
    known = {layer.layer: layer for layer in layers}
    for name, override in overrides.items():
        if name not in known:
            names = ", ".join(list(known)[:_SHOWN_LAYERS])
            raise RecipeError(f"layers.{name}", f"a layer of the model: {names}", name)
        if not override.skip and not known[name].is_prunable:
            raise RecipeError(f"layers.{name}", "a prunable layer", known[name].reason)
