"""Fold an affine layer into the Dense layers after it: (scale x + offset) W + b = x (scale W) + (b + offset W).

Between the two there may be layers that only move elements (Flatten, Reshape, Permute). In exact arithmetic this is an
identity. In float32 the shift is a trap: with x near 1e9 and a mean of 1e9, `x - mean` is exact, but
`x W / deviation - mean W / deviation` cancels and keeps few digits. So a layer is folded only where no offset is above
`MAX_OFFSET`: then at most three bits of the result's precision go.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph, Node
from graph.ops import Dense
from graph.shape_ops import Permute, RepeatVector, Reshape
from pruning.affine_ops import AFFINE_OPS, ElementwiseAffine, as_affine
from pruning.simplify.dense_edit import DenseEdit, apply_edits, bias_of, edit_dense
from pruning.simplify.fold_backward import per_feature
from pruning.simplify.rewrite import Change, Note, Rewrite, unshared

MAX_OFFSET = 8.0


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A Dense layer that reads the affine layer, and what the affine is by then."""

    node: Node
    affine: ElementwiseAffine


@dataclass(frozen=True, slots=True)
class _Readers:
    """Who reads what, which Dense layers may be edited, and which values must stay."""

    consumers: Mapping[str, tuple[Node, ...]]
    free: frozenset[str]
    outputs: frozenset[str]


def fold_forward(graph: Graph) -> Rewrite:
    """Fold every affine layer that only Dense layers with weights of their own read."""
    types = graph.value_types()
    readers = _Readers(graph.consumers(), unshared(graph), graph.output_values())
    edits: list[DenseEdit] = []
    notes: list[Note] = []
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        if not isinstance(node.op, AFFINE_OPS) or node.inputs[0] in renamed:
            continue
        leaves = _foldable(graph, node, types[node.name].static_sample_shape, readers)
        for leaf in leaves or ():
            edits.append(_fold_into(graph, leaf))
            notes.append(Note(Change.FOLDED, node.name, into=leaf.node.name, exact=False))
            renamed[node.name] = node.inputs[0]
    return Rewrite(apply_edits(graph, edits, renamed), tuple(notes)) if notes else Rewrite(graph)


def _foldable(
    graph: Graph, node: Node, shape: tuple[int, ...], readers: _Readers
) -> list[_Leaf] | None:
    affine = as_affine(graph, node, shape)
    if affine is None or np.abs(affine.offset).max(initial=0.0) > MAX_OFFSET:
        return None
    return _leaves(node, affine, readers)


def _leaves(node: Node, affine: ElementwiseAffine, readers: _Readers) -> list[_Leaf] | None:
    """The Dense layers reached through moves; None where anything else reads the value, or a caller gets it."""
    if node.name in readers.outputs:
        return None
    found: list[_Leaf] = []
    for reader in readers.consumers[node.name]:
        deeper: list[_Leaf] | None = None
        if isinstance(reader.op, Dense) and reader.name in readers.free:
            row = per_feature(affine)
            deeper = None if row is None else [_Leaf(reader, row)]
        elif isinstance(reader.op, Reshape | Permute | RepeatVector):
            deeper = _leaves(reader, _moved(reader, affine), readers)
        if deeper is None:
            return None
        found += deeper
    return found


def _moved(node: Node, affine: ElementwiseAffine) -> ElementwiseAffine:
    scale, offset = (node.op.evaluate([a[None]], [])[0] for a in (affine.scale, affine.offset))
    return ElementwiseAffine(scale, offset)


def _fold_into(graph: Graph, leaf: _Leaf) -> DenseEdit:
    kernel = graph.weights[leaf.node.weights[0]]
    bias = bias_of(graph, leaf.node) + leaf.affine.offset @ kernel
    return edit_dense(graph, leaf.node, kernel * leaf.affine.scale[:, None], bias)
