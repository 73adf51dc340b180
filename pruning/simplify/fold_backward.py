"""Fold an affine layer into the Dense layer before it: scale * (x W + b) + offset = x (W scale) + (b scale + offset).

An algebraic identity. Nothing is lost in float32 either: the folded layer rounds no more than the two did.
"""

import numpy as np

from graph.graph import Graph, Node
from graph.ops import Dense
from pruning.affine_ops import ElementwiseAffine, as_affine
from pruning.simplify.rewrite import Change, Note, Reals, Rewrite, frozen, unshared


def fold_backward(graph: Graph) -> Rewrite:
    """Fold every BatchNormalization, Rescaling and Normalization whose only producer is a Dense nobody else reads.

    A Dense whose weights are shared, or whose own value is a graph output, stays as it is.
    """
    notes: list[Note] = []
    for name in [node.name for node in graph.nodes]:
        node = graph.producers().get(name)
        folded = None if node is None else _fold_one(graph, node)
        if node is not None and folded is not None:
            notes.append(Note(Change.FOLDED, name, into=node.inputs[0], exact=False))
            graph = folded
    return Rewrite(graph, tuple(notes))


def _fold_one(graph: Graph, node: Node) -> Graph | None:
    producer = graph.producers().get(node.inputs[0])
    if (
        producer is None
        or not isinstance(producer.op, Dense)
        or producer.name not in unshared(graph)
    ):
        return None
    if producer.name in graph.output_values() or len(graph.consumers()[producer.name]) != 1:
        return None
    affine = as_affine(graph, node, graph.value_types()[node.name].static_sample_shape)
    row = None if affine is None else per_feature(affine)
    if row is None:
        return None
    kernel = graph.weights[producer.weights[0]]
    bias = graph.weights[producer.weights[1]] if producer.op.use_bias else np.zeros(len(row.scale))
    edited = with_dense(graph, producer, kernel * row.scale, bias * row.scale + row.offset)
    return edited.rewired({node.name: producer.name}).without_dead()


def per_feature(affine: ElementwiseAffine) -> ElementwiseAffine | None:
    """The affine as two vectors over the last axis, or None where positions differ or a number is not finite."""
    rows = [array.reshape(-1, array.shape[-1]) for array in (affine.scale, affine.offset)]
    if any((row != row[0]).any() or not np.isfinite(row).all() for row in rows):
        return None
    return ElementwiseAffine(rows[0][0], rows[1][0])


def with_dense(graph: Graph, node: Node, kernel: Reals, bias: Reals) -> Graph:
    """Give a Dense node of its own weights another kernel and a bias; a bias of zeros is not added."""
    keeps_bias = isinstance(node.op, Dense) and node.op.use_bias
    use_bias = keeps_bias or bool(np.any(bias != 0))
    name = node.weights[1] if keeps_bias else graph.fresh_name(f"{node.name}/bias")
    changed = {node.weights[0]: frozen(np.ascontiguousarray(kernel, np.float64))}
    if use_bias:
        changed[name] = frozen(np.ascontiguousarray(bias, np.float64))
    weights = (node.weights[0], name) if use_bias else (node.weights[0],)
    op = Dense(kernel.shape[1], use_bias)
    edited = Node(node.name, op, node.inputs, weights, node.layer)
    return graph.with_weights(changed).replacing({node.name: edited})
