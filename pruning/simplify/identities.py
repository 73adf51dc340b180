"""Remove nodes that change nothing: linear activations, reshapes to the same shape, merges of one value."""

from dataclasses import replace

import numpy as np

from graph.activations import Function
from graph.graph import Graph, Node
from graph.ops import Activation, Merge, PRelu
from graph.shape_ops import Concatenate, Permute, Reshape
from graph.tensor_type import TensorType
from pruning.affine_ops import as_affine
from pruning.simplify.rewrite import Change, Note, Rewrite


def remove_identities(graph: Graph) -> Rewrite:
    """Let readers of an identity read its input, and readers of chained reshapes the first one's input.

    A graph output that would come straight from a graph input keeps its node.
    """
    types = graph.value_types()
    inputs = {given.name for given in graph.inputs}
    outputs = graph.output_values()
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        source = renamed.get(node.inputs[0], node.inputs[0])
        if _is_identity(graph, node, types) and not (source in inputs and node.name in outputs):
            renamed[node.name] = source
    notes = tuple(Note(Change.IDENTITY, name) for name in renamed)
    graph = graph.rewired(renamed) if renamed else graph
    joined = _join_reshapes(graph)
    notes += tuple(Note(Change.IDENTITY, name) for name in joined)
    if not notes:
        return Rewrite(graph)
    changed = {
        node.name: replace(node, inputs=(joined[node.name],))
        for node in graph.nodes
        if node.name in joined
    }
    return Rewrite(graph.replacing(changed).without_dead(), notes)


def _join_reshapes(graph: Graph) -> dict[str, str]:
    """For each Reshape of a Reshape, what it may read instead."""
    source: dict[str, str] = {}
    joined: dict[str, str] = {}
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            given = node.inputs[0]
            source[node.name] = source.get(given, given)
            if given in source:
                joined[node.name] = source[given]
    return joined


def _is_identity(graph: Graph, node: Node, types: dict[str, TensorType]) -> bool:
    op = node.op
    shape = types[node.name].static_sample_shape
    if isinstance(op, Activation):
        return op.function.function is Function.LINEAR
    if isinstance(op, Concatenate | Merge):
        return len(node.inputs) == 1
    if isinstance(op, Reshape):
        return types[node.inputs[0]].sample_shape == shape
    if isinstance(op, Permute):
        return op.dims == tuple(sorted(op.dims))
    if isinstance(op, PRelu):
        return bool((graph.weights[node.weights[0]] == 1.0).all())
    affine = as_affine(graph, node, shape)
    return affine is not None and bool(np.all(affine.scale == 1.0) and np.all(affine.offset == 0.0))
