"""Two Dense layers with nothing between them are one: (x A + a) B + b = x (A B) + (a B + b)."""

from dataclasses import replace

import numpy as np

from graph.graph import Graph, Node
from graph.linear import bias_of
from pruning.rules.dense import is_dense
from pruning.rules.op_rules import Reals
from pruning.simplify.linear_edit import LinearEdit, apply_edits, edit_linear
from pruning.simplify.rewrite import Change, Note, Rewrite, editable


def collapse_linear(graph: Graph) -> Rewrite:
    """Multiply out consecutive Dense layers where that saves work, dense and sparse.

    Both must hold: inputs * units of the product is at most the sum over the two layers (so a low-rank pair stays a
    pair), and the product has no more non-zeros than the two kernels together (so sparsity is not lost). Of a longer
    chain, a round joins every other pair.
    """
    producers, consumers = graph.producers(), graph.consumers()
    free, outputs = editable(graph), graph.output_values()
    edits: list[LinearEdit] = []
    joined: dict[str, str] = {}
    for second in graph.nodes:
        first = producers.get(second.inputs[0])
        if first is None or not is_dense(first) or not is_dense(second):
            continue
        if (
            first.name in outputs
            or len(consumers[first.name]) != 1
            or first.name in joined.values()
        ):
            continue
        edit = _collapse(graph, first, second) if {first.name, second.name} <= free else None
        if edit is not None:
            edits.append(edit)
            joined[first.name] = second.name
    notes = tuple(Note(Change.COLLAPSED, n, into=into, exact=False) for n, into in joined.items())
    return Rewrite(apply_edits(graph, edits), notes) if notes else Rewrite(graph)


def _collapse(graph: Graph, first: Node, second: Node) -> LinearEdit | None:
    a, b = graph.weights[first.weights[0]], graph.weights[second.weights[0]]
    if a.shape[0] * b.shape[1] > a.size + b.size:
        return None
    product = a @ b
    if not _is_sparse_enough(a, b, product):
        return None
    bias = bias_of(graph, second) + bias_of(graph, first) @ b
    return edit_linear(graph, replace(second, inputs=first.inputs), product, bias)


def _is_sparse_enough(a: Reals, b: Reals, product: Reals) -> bool:
    nonzeros = np.count_nonzero(product)
    return bool(
        nonzeros <= np.count_nonzero(a) + np.count_nonzero(b) and np.isfinite(product).all()
    )
