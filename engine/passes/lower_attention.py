"""Lowering of embeddings, products of two values, and attention.

Attention takes queries, keys and values in channels: the features of a head are a run of rows there, so that heads
need no exchange of axes, and registers hold queries side by side in all three steps. Scores lie as
[groups][keys][queries], softmax over the middle axis.
"""

import math
from collections.abc import Sequence

import numpy as np

from engine.core import limits
from engine.core.attention_steps import LookupStep, MaskedKind, MaskedSoftmaxStep, ProductStep
from engine.core.steps import GroupFunction, Place, SoftmaxStep, TransposeStep
from engine.core.window_steps import BOX_AXES
from engine.passes.lowering import InChannels, Lowering, Lowerings, Result, box, expect_matrix
from engine.passes.staging import row_major
from graph.attention_ops import Attention, Embedding, MaskedSoftmax, MatMul
from graph.graph import Node

_Softmax = MaskedSoftmax | Attention


def lower_embedding(to: Lowering, node: Node, op: Embedding) -> Place:
    """Return one row of the table for each index."""
    x, y = to.row_major(node.inputs[0]), to.result(node)
    to.steps.append(LookupStep(x, y, to.weight(node.weights[0]), op.rows))
    return y


def lower_attention(to: Lowering, node: Node, op: Attention) -> Result:
    """Return scores, their softmax, and sums of values, each for all heads."""
    query, key, value = (to.shape(name) for name in node.inputs[:3])
    q, k, v = (to.in_channels(name) for name in node.inputs[:3])
    lead, heads = math.prod(query[:-2]), (op.key_heads, op.heads // op.key_heads)
    counts = _Counts(lead, *heads, query[-2], key[-2])
    expect_matrix(node.name, lead * op.heads * counts.queries * counts.keys)
    size, value_size = query[-1] // op.heads, value[-1] // op.key_heads
    scores = to.new_buffer(lead * op.heads * counts.queries * counts.keys)
    to.steps.append(
        ProductStep(
            k,
            q,
            scores,
            groups=counts.groups,
            a_groups=counts.of_keys(size),
            b_groups=counts.of_queries(size),
            y_groups=counts.of_scores,
            rows=counts.keys,
            terms=size,
            columns=counts.queries,
            a_row=1,
            a_term=lead * counts.keys,
            b_term=lead * counts.queries,
            y_row=counts.queries,
            scale=op.scale,
        )
    )
    mask = node.inputs[3] if op.masked else None
    shape = (*query[:-2], op.heads, counts.queries, counts.keys)
    shares = _softmax(to, node, op, scores, mask, shape)
    y = to.result(node)
    to.steps.append(
        ProductStep(
            v,
            shares,
            y,
            groups=counts.groups,
            a_groups=counts.of_keys(value_size),
            b_groups=counts.of_scores,
            y_groups=counts.of_queries(value_size),
            rows=value_size,
            terms=counts.keys,
            columns=counts.queries,
            a_row=lead * counts.keys,
            a_term=1,
            b_term=counts.queries,
            y_row=lead * counts.queries,
            scale=1.0,
        )
    )
    return InChannels(y)


class _Counts:
    """How the groups of an attention lie: axes in front, heads of keys, and heads of queries for each of them."""

    def __init__(self, lead: int, key_heads: int, repeats: int, queries: int, keys: int) -> None:
        self.groups = (lead, key_heads, repeats)
        self.queries, self.keys = queries, keys
        matrix = queries * keys
        self.of_scores = (key_heads * repeats * matrix, repeats * matrix, matrix)

    def of_keys(self, size: int) -> tuple[int, ...]:
        """Return the strides of keys or values in channels, with so many features in a head."""
        return (self.keys, size * self.groups[0] * self.keys, 0)

    def of_queries(self, size: int) -> tuple[int, ...]:
        """Return the strides of queries or results in channels, with so many features in a head."""
        head = size * self.groups[0] * self.queries
        return (self.queries, self.groups[2] * head, head)


def lower_masked_softmax(to: Lowering, node: Node, op: MaskedSoftmax) -> Result:
    """Bring the keys in front of the queries, and back behind."""
    value = node.inputs[0]
    shape = to.shape(value) if len(to.shape(value)) > 1 else (1, *to.shape(value))
    outer, queries, keys = math.prod(shape[:-2]), *shape[-2:]
    mask = node.inputs[1] if op.masked else None
    if outer == 1:
        return InChannels(_softmax(to, node, op, to.in_channels(value), mask, shape))
    x = _exchanged(to, to.row_major(value), outer, queries, keys)
    return _exchanged(to, _softmax(to, node, op, x, mask, shape), outer, keys, queries)


def _exchanged(to: Lowering, x: Place, outer: int, rows: int, columns: int) -> Place:
    y = to.new_buffer(x.rows)
    to.steps.append(TransposeStep(x, y, outer, rows, columns, 1))
    return y


def _softmax(
    to: Lowering, node: Node, op: _Softmax, x: Place, mask: str | None, shape: tuple[int, ...]
) -> Place:
    """Add the softmax of scores [groups][keys][queries].

    Args:
        to: the lowering.
        node: the node.
        op: what says which keys are seen.
        x: the scores.
        mask: the value that says so, or None.
        shape: the shape of the scores in the graph: groups, queries, keys.
    """
    queries, keys = shape[-2:]
    outer, y = x.rows // (queries * keys), to.new_buffer(x.rows)
    far = limits.MAX_BUFFER_ROWS
    back = far if op.window is None else min(op.window - 1, far)
    place, mask_outer = (None, 1) if mask is None else _mask(to, node, mask, shape)
    kind = MaskedKind(op.masking.value)
    step = MaskedSoftmaxStep(
        kind, x, y, place, outer, keys, queries, mask_outer, 0 if op.causal else back, back
    )
    if place is None and step.sees_all:
        to.steps.append(SoftmaxStep(GroupFunction.SOFTMAX, x, y, outer, keys, queries))
    else:
        to.steps.append(step)
    return y


def _mask(to: Lowering, node: Node, mask: str, shape: tuple[int, ...]) -> tuple[Place, int]:
    """Return a mask as [groups][keys][queries] rows, and its groups: each for a run of groups of scores."""
    own = to.shape(mask)
    own = (1,) * (len(shape) - len(own)) + own
    strides = [
        0 if length == 1 else step for length, step in zip(own, row_major(list(own)), strict=True)
    ]
    groups = [place for place, length in enumerate(own[:-2]) if length > 1]
    prefix = groups[-1] + 1 if groups else 0
    axes = [(shape[place], strides[place]) for place in range(prefix)]
    axes += [(shape[-1], strides[-1]), (shape[-2], strides[-2])]
    lengths = [count for count, _ in axes]
    rows = math.prod(lengths)
    expect_matrix(node.name, rows)
    merged = _merged(axes)
    if len(merged) <= BOX_AXES:
        steps = row_major([count for count, _ in merged])
        boxes = [box(0, 0, [(*axis, step) for axis, step in zip(merged, steps, strict=True)])]
        x = to.row_major(mask)
        place = to.move(f"{node.name}/mask", x, boxes, (1, x.rows, rows))
    else:
        index = np.zeros(1, np.int64)
        for count, step in axes:
            index = index[..., None] + np.arange(count) * step
        place = to.copy(f"{node.name}/mask", to.row_major(mask), index)
    return place, math.prod(lengths[:-2])


def _merged(axes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same rows with as few axes (count, step) as can be."""
    found: list[tuple[int, int]] = []
    for count, step in axes:
        if count == 1:
            continue
        if found and found[-1][1] == count * step:
            found[-1] = (found[-1][0] * count, step)
        else:
            found.append((count, step))
    return found or [(1, 0)]


def lower_matmul(to: Lowering, node: Node, op: MatMul) -> Place:
    """Multiply matrices of which columns of the second, and of the result, lie side by side."""
    first, second = node.inputs
    shape_a, shape_b = to.shape(first), to.shape(second)
    result = to.shape(node.name)
    rows, columns = result[-2:]
    terms = shape_a[-2] if op.transpose_a else shape_a[-1]
    a, b = to.row_major(first), _columns_inside(to, second, op.transpose_b)
    axes: list[tuple[int, ...]] = _group_axes(
        result[:-2],
        (shape_a[:-2], rows * terms),
        (shape_b[:-2], terms * columns),
        (result[:-2], rows * columns),
    )
    if len(axes) > 3:
        a, b = (
            _repeated(to, node, place, own, result[:-2])
            for place, own in ((a, shape_a[:-2]), (b, shape_b[:-2]))
        )
        axes = [(math.prod(result[:-2]), rows * terms, terms * columns, rows * columns)]
    axes = [(1, 0, 0, 0)] * (3 - len(axes)) + axes
    groups, a_groups, b_groups, y_groups = (tuple(axis[n] for axis in axes) for n in range(4))
    y = to.result(node)
    to.steps.append(
        ProductStep(
            a,
            b,
            y,
            groups,
            a_groups,
            b_groups,
            y_groups,
            rows=rows,
            terms=terms,
            columns=columns,
            a_row=1 if op.transpose_a else terms,
            a_term=rows if op.transpose_a else 1,
            b_term=columns,
            y_row=columns,
            scale=1.0,
        )
    )
    return y


def _columns_inside(to: Lowering, value: str, transposed: bool) -> Place:
    """Return matrices with their columns side by side; `transposed`: they are given with the terms so."""
    if not transposed:
        return to.row_major(value)
    shape = to.shape(value)
    if len(shape) == 2:
        return to.in_channels(value)
    return _exchanged(to, to.row_major(value), math.prod(shape[:-2]), shape[-2], shape[-1])


def _group_axes(
    groups: tuple[int, ...], *values: tuple[tuple[int, ...], int]
) -> list[tuple[int, ...]]:
    """Return (count, strides of a, b and y) of each axis of groups, as few as can be.

    Args:
        groups: lengths of the result's axes.
        values: for a, b and y the lengths of their own axes, 1 where they are repeated, and the rows of a matrix.
    """
    strides = []
    for own, size in values:
        steps = row_major(list(own))
        strides.append([0 if n == 1 else s * size for n, s in zip(own, steps, strict=True)])
    found: list[tuple[int, ...]] = []
    for count, *own_strides in zip(groups, *strides, strict=True):
        if count == 1:
            continue
        if found and all(
            last == count * step for last, step in zip(found[-1][1:], own_strides, strict=True)
        ):
            found[-1] = (found[-1][0] * count, *own_strides)
        else:
            found.append((count, *own_strides))
    return found


def _repeated(
    to: Lowering, node: Node, x: Place, own: tuple[int, ...], groups: tuple[int, ...]
) -> Place:
    """Return a matrix for each group."""
    size = x.rows // math.prod(own)
    index = np.arange(x.rows).reshape(*own, size)
    expect_matrix(node.name, math.prod(groups) * size)
    return to.copy(f"{node.name}/groups", x, np.broadcast_to(index, (*groups, size)))


LOWERINGS: Lowerings = {
    Embedding: lower_embedding,
    MatMul: lower_matmul,
    MaskedSoftmax: lower_masked_softmax,
    Attention: lower_attention,
}
