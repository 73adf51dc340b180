"""Fold an affine layer into the Dense layers after it: (scale x + offset) W + b = x (scale W) + (b + offset W).

Between the two there may be layers that only move elements (Flatten, Reshape, Permute). In exact arithmetic this is an
identity. In float32 the shift is a trap: with x near 1e9 and a mean of 1e9, `x - mean` is exact, but
`x W / deviation - mean W / deviation` cancels and keeps few digits. So a layer is folded only where no offset is above
`MAX_OFFSET`: then at most three bits of the result's precision go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graph.graph import Graph, Node
from graph.ops import Dense
from graph.shape_ops import Permute, RepeatVector, Reshape
from pruning.affine_ops import ElementwiseAffine, as_affine
from pruning.simplify.fold_backward import per_feature, with_dense
from pruning.simplify.rewrite import Change, Note, Rewrite, unshared

MAX_OFFSET = 8.0


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A Dense layer that reads the affine layer, and what the affine is by then."""

    node: Node
    affine: ElementwiseAffine


def fold_forward(graph: Graph) -> Rewrite:
    """Fold every affine layer that only Dense layers with weights of their own read."""
    notes: list[Note] = []
    for name in [node.name for node in graph.nodes]:
        node = graph.producers().get(name)
        leaves = None if node is None else _foldable(graph, node)
        if node is None or not leaves:
            continue
        for leaf in leaves:
            graph = _fold_into(graph, leaf)
            notes.append(Note(Change.FOLDED, name, into=leaf.node.name, exact=False))
        graph = graph.rewired({name: node.inputs[0]}).without_dead()
    return Rewrite(graph, tuple(notes))


def _foldable(graph: Graph, node: Node) -> Sequence[_Leaf] | None:
    if node.name in graph.output_values():
        return None
    shape = graph.value_types()[node.name].static_sample_shape
    affine = as_affine(graph, node, shape)
    if affine is None or np.abs(affine.offset).max(initial=0.0) > MAX_OFFSET:
        return None
    return _leaves(graph, node, affine, unshared(graph))


def _leaves(
    graph: Graph, node: Node, affine: ElementwiseAffine, free: frozenset[str]
) -> list[_Leaf] | None:
    """The Dense layers reached through moves; None where anything else reads the value."""
    found: list[_Leaf] = []
    for reader in graph.consumers()[node.name]:
        if isinstance(reader.op, Dense) and reader.name in free:
            row = per_feature(affine)
            if row is None:
                return None
            found.append(_Leaf(reader, row))
        elif isinstance(reader.op, Reshape | Permute | RepeatVector):
            if reader.name in graph.output_values():
                return None
            moved = ElementwiseAffine(
                reader.op.evaluate([affine.scale[None]], [])[0],
                reader.op.evaluate([affine.offset[None]], [])[0],
            )
            deeper = _leaves(graph, reader, moved, free)
            if deeper is None:
                return None
            found += deeper
        else:
            return None
    return found


def _fold_into(graph: Graph, leaf: _Leaf) -> Graph:
    node = graph.node(leaf.node.name)
    kernel = graph.weights[node.weights[0]]
    bias = graph.weights[node.weights[1]] if len(node.weights) > 1 else np.zeros(kernel.shape[1])
    scaled = kernel * leaf.affine.scale[:, None]
    return with_dense(graph, replace(node), scaled, bias + leaf.affine.offset @ kernel)
