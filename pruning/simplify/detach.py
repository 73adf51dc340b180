"""A Dense layer without a single weight does not depend on its input: let it read the smallest graph input instead.

What it read before, if nothing else needs it, is then dead and goes.
"""

from dataclasses import replace

import numpy as np

from graph.graph import Graph, Node
from pruning.rules.dense import is_dense
from pruning.simplify.rewrite import Change, Note, Rewrite, frozen, unshared


def detach_constant_layers(graph: Graph) -> Rewrite:
    """Rewire every Dense (batch, features) whose kernel is zero, where some graph input is (batch, features) too."""
    vectors = [given for given in graph.inputs if given.type.rank == 2]
    if not vectors:
        return Rewrite(graph)
    smallest = min(vectors, key=lambda given: given.type.sample_size)
    free, types, own = unshared(graph), graph.value_types(), {given.name for given in vectors}
    changed: dict[str, Node] = {}
    kernels = {}
    for node in graph.nodes:
        if not is_dense(node) or node.name not in free or types[node.name].rank != 2:
            continue
        if node.inputs[0] in own or graph.weights[node.weights[0]].any():
            continue
        changed[node.name] = replace(node, inputs=(smallest.name,))
        units = graph.weights[node.weights[0]].shape[1]
        kernels[node.weights[0]] = frozen(np.zeros((smallest.type.sample_size, units)))
    if not changed:
        return Rewrite(graph)
    notes = tuple(Note(Change.DETACHED, name) for name in changed)
    return Rewrite(graph.replacing(changed).with_weights(kernels).without_dead(), notes)
