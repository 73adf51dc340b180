"""Two Dense layers with nothing between them are one: (x A + a) B + b = x (A B) + (a B + b)."""

import math

import numpy as np

from graph.graph import Graph, Node
from graph.ops import Dense
from pruning.simplify.fold_backward import with_dense
from pruning.simplify.rewrite import Change, Note, Reals, Rewrite, unshared


def collapse_linear(graph: Graph) -> Rewrite:
    """Multiply out consecutive Dense layers where that saves work, dense and sparse.

    Both must hold: inputs * units of the product is at most the sum over the two layers (so a low-rank pair stays a
    pair), and the product has no more non-zeros than the two kernels together (so sparsity is not lost).
    """
    notes: list[Note] = []
    for name in [node.name for node in graph.nodes]:
        second = graph.producers().get(name)
        if second is None:
            continue
        edited = _collapse_one(graph, second)
        if edited is not None:
            notes.append(Note(Change.COLLAPSED, second.inputs[0], into=name, exact=False))
            graph = edited
    return Rewrite(graph, tuple(notes))


def _collapse_one(graph: Graph, second: Node) -> Graph | None:
    first = graph.producers().get(second.inputs[0])
    if first is None or not isinstance(first.op, Dense) or not isinstance(second.op, Dense):
        return None
    if first.name in graph.output_values() or len(graph.consumers()[first.name]) != 1:
        return None
    if not {first.name, second.name} <= unshared(graph):
        return None
    a, b = graph.weights[first.weights[0]], graph.weights[second.weights[0]]
    product = a @ b
    if not _saves_work(a, b, product):
        return None
    bias = graph.weights[second.weights[1]] if second.op.use_bias else np.zeros(b.shape[1])
    if first.op.use_bias:
        bias = bias + graph.weights[first.weights[1]] @ b
    edited = with_dense(graph, second, product, bias)
    joined = edited.node(second.name)
    rewired = Node(joined.name, joined.op, first.inputs, joined.weights, joined.layer)
    return edited.replacing({second.name: rewired}).without_dead()


def _saves_work(a: Reals, b: Reals, product: Reals) -> bool:
    if math.prod(product.shape) > math.prod(a.shape) + math.prod(b.shape):
        return False
    nonzeros = np.count_nonzero(product)
    return bool(
        nonzeros <= np.count_nonzero(a) + np.count_nonzero(b) and np.isfinite(product).all()
    )
