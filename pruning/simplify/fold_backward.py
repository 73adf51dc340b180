"""Fold an affine layer into the linear layer before it: scale * (x W + b) + offset = x (W scale) + (b scale + offset).

An algebraic identity. Nothing is lost in float32 either: the folded layer rounds no more than the two did.
"""

from graph.affine import as_affine
from graph.graph import Graph, Node
from graph.linear import bias_of, is_linear, kernel_of
from pruning.simplify.linear_edit import LinearEdit, apply_edits, edit_linear
from pruning.simplify.rewrite import Change, Note, Rewrite, editable


def fold_backward(graph: Graph) -> Rewrite:
    """Fold every BatchNormalization, Rescaling and Normalization whose producer is linear and read by nobody else.

    A linear layer whose weights are shared, or whose own value is a graph output, stays as it is.
    """
    types, producers, consumers = graph.value_types(), graph.producers(), graph.consumers()
    free = editable(graph) - graph.output_values()
    edits: list[LinearEdit] = []
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        producer = producers.get(node.inputs[0])
        if producer is None or producer.name not in free or not is_linear(producer.op):
            continue
        if len(consumers[producer.name]) != 1:
            continue
        edit = _fold(graph, node, producer, types[node.name].static_sample_shape)
        if edit is not None:
            edits.append(edit)
            renamed[node.name] = producer.name
    notes = tuple(Note(Change.FOLDED, n, into=into, exact=False) for n, into in renamed.items())
    return Rewrite(apply_edits(graph, edits, renamed), notes) if notes else Rewrite(graph)


def _fold(graph: Graph, node: Node, producer: Node, shape: tuple[int, ...]) -> LinearEdit | None:
    affine = as_affine(node.op, [graph.weights[name] for name in node.weights], shape)
    row = None if affine is None else affine.simple.per_feature()
    if row is None:
        return None
    layout, kernel = kernel_of(graph, producer), graph.weights[producer.weights[0]]
    scaled = layout.array(layout.matrix(kernel) * row.scale)
    return edit_linear(graph, producer, scaled, bias_of(graph, producer) * row.scale + row.offset)
