"""Fold an affine layer into the linear layers after it: (scale x + offset) W + b = x (scale W) + (b + offset W).

A convolution whose windows reach over the border takes a scale only: padding is 0, and would be shifted too.

Between the two there may be layers that only move elements (Flatten, Reshape, Permute). In exact arithmetic this is an
identity. In float32 the shift is a trap: with x near 1e9 and a mean of 1e9, `x - mean` is exact, but
`x W / deviation - mean W / deviation` cancels and keeps few digits. So a layer is folded only where no offset is above
`graph.affine.MAX_OFFSET`: then at most three bits of the result's precision go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.affine import MAX_OFFSET, ScaleAndOffset, as_affine
from graph.graph import Graph, Node
from pruning.rules.linear import linear_rules
from pruning.rules.op_rules import OpRules, Reals
from pruning.rules.table import rules_of
from pruning.simplify.linear_edit import LinearEdit, apply_edits, edit_linear
from pruning.simplify.rewrite import Change, Note, Rewrite, editable


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A linear layer that reads the affine layer, and the kernel and bias that do without it."""

    node: Node
    kernel: Reals
    bias: Reals


@dataclass(frozen=True, slots=True)
class _Readers:
    """Who reads what, which layers may be edited, which values must stay, and the rules of every node."""

    consumers: Mapping[str, tuple[Node, ...]]
    free: frozenset[str]
    outputs: frozenset[str]
    rules: Mapping[str, OpRules[Any]]


def fold_forward(graph: Graph) -> Rewrite:
    """Fold every affine layer that only linear layers with weights of their own read."""
    types = graph.value_types()
    readers = _Readers(graph.consumers(), editable(graph), graph.output_values(), rules_of(graph))
    edits: list[LinearEdit] = []
    notes: list[Note] = []
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        if node.inputs[0] in renamed:
            continue
        leaves = _foldable(graph, node, types[node.name].static_sample_shape, readers)
        for leaf in leaves or ():
            edits.append(edit_linear(graph, leaf.node, leaf.kernel, leaf.bias))
            notes.append(Note(Change.FOLDED, node.name, into=leaf.node.name, exact=False))
            renamed[node.name] = node.inputs[0]
    return Rewrite(apply_edits(graph, edits, renamed), tuple(notes)) if notes else Rewrite(graph)


def _foldable(
    graph: Graph, node: Node, shape: tuple[int, ...], readers: _Readers
) -> list[_Leaf] | None:
    affine = as_affine(node.op, [graph.weights[name] for name in node.weights], shape)
    if affine is None or np.abs(affine.simple.compact().offset).max(initial=0.0) > MAX_OFFSET:
        return None
    return _leaves(node, affine.simple, readers)


def _leaves(node: Node, affine: ScaleAndOffset, readers: _Readers) -> list[_Leaf] | None:
    """Return the linear layers reached through moves; None where anything else reads the value, or a caller gets it."""
    if node.name in readers.outputs:
        return None
    found: list[_Leaf] = []
    for reader in readers.consumers[node.name]:
        deeper: list[_Leaf] | None = None
        rules = linear_rules(readers.rules[reader.name])
        if rules is not None and reader.name in readers.free:
            row = affine.per_feature()
            folded = None if row is None else rules.absorbed(row.scale, row.offset)
            deeper = None if folded is None else [_Leaf(reader, *folded)]
        elif readers.rules[reader.name].only_moves and len(reader.inputs) == 1:
            deeper = _leaves(reader, _moved(reader, affine), readers)
        if deeper is None:
            return None
        found += deeper
    return found


def _moved(node: Node, affine: ScaleAndOffset) -> ScaleAndOffset:
    scale, offset = (node.op.evaluate([a[None]], [])[0] for a in (affine.scale, affine.offset))
    return ScaleAndOffset(scale, offset)
