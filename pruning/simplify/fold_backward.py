"""Fold an affine layer into the Dense layer before it: scale * (x W + b) + offset = x (W scale) + (b scale + offset).

An algebraic identity. Nothing is lost in float32 either: the folded layer rounds no more than the two did.
"""

import numpy as np

from graph.graph import Graph, Node
from graph.ops import Dense
from pruning.affine_ops import AFFINE_OPS, ElementwiseAffine, as_affine
from pruning.simplify.dense_edit import DenseEdit, apply_edits, bias_of, edit_dense
from pruning.simplify.rewrite import Change, Note, Rewrite, unshared


def fold_backward(graph: Graph) -> Rewrite:
    """Fold every BatchNormalization, Rescaling and Normalization whose producer is a Dense that nobody else reads.

    A Dense whose weights are shared, or whose own value is a graph output, stays as it is.
    """
    types, producers, consumers = graph.value_types(), graph.producers(), graph.consumers()
    free = unshared(graph) - graph.output_values()
    edits: list[DenseEdit] = []
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        producer = producers.get(node.inputs[0])
        if not isinstance(node.op, AFFINE_OPS) or producer is None or producer.name not in free:
            continue
        if not isinstance(producer.op, Dense) or len(consumers[producer.name]) != 1:
            continue
        edit = _fold(graph, node, producer, types[node.name].static_sample_shape)
        if edit is not None:
            edits.append(edit)
            renamed[node.name] = producer.name
    notes = tuple(Note(Change.FOLDED, n, into=into, exact=False) for n, into in renamed.items())
    return Rewrite(apply_edits(graph, edits, renamed), notes) if notes else Rewrite(graph)


def _fold(graph: Graph, node: Node, producer: Node, shape: tuple[int, ...]) -> DenseEdit | None:
    affine = as_affine(graph, node, shape)
    row = None if affine is None else per_feature(affine)
    if row is None:
        return None
    kernel = graph.weights[producer.weights[0]] * row.scale
    return edit_dense(graph, producer, kernel, bias_of(graph, producer) * row.scale + row.offset)


def per_feature(affine: ElementwiseAffine) -> ElementwiseAffine | None:
    """The affine as two vectors over the last axis, or None where positions differ or a number is not finite."""
    rows = [array.reshape(-1, array.shape[-1]) for array in (affine.scale, affine.offset)]
    if any((row != row[0]).any() or not np.isfinite(row).all() for row in rows):
        return None
    return ElementwiseAffine(rows[0][0], rows[1][0])
