"""Operations that Keras wrote for one layer become one node again: a bias goes into the layer in front of it.

Only nodes whose value nobody else reads are joined, and only where the arithmetic stays the same: a vector that is
added behind a product is the bias of the product; a scale and a shift along one axis are one normalization.
"""

from dataclasses import replace

import numpy as np

from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.graph import Graph, Node
from graph.ops import BatchNormalization, Dense

_Layer = Dense | Conv | DepthwiseConv | ConvTranspose


def joined(graph: Graph) -> Graph:
    """Return the same network with fewer nodes."""
    readers, types = graph.consumers(), graph.value_types()
    outputs = graph.output_values()
    nodes: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        now = replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        before = nodes.get(now.inputs[0]) if len(now.inputs) == 1 else None
        original = node.inputs[0] if node.inputs else ""
        is_alone = len(readers.get(original, ())) == 1 and original not in outputs
        both = None
        if before is not None and is_alone:
            both = _as_one(before, now, graph, types[original].rank)
        if both is None:
            nodes[now.name] = now
            continue
        nodes[both.name] = both
        renamed[node.name] = both.name
    return graph.with_nodes(nodes.values()).rewired(renamed).without_dead()


def _as_one(before: Node, node: Node, graph: Graph, rank: int) -> Node | None:
    """Return one node in place of two, under the name of the first."""
    op = node.op
    if (
        type(op) is not BatchNormalization
        or op.scale
        or not op.center
        or not _is_plain(node, graph)
    ):
        return None
    first = before.op
    bias = node.weights[0]
    if isinstance(first, _Layer) and type(first) in (Dense, Conv, DepthwiseConv, ConvTranspose):
        if first.use_bias or op.axis not in (-1, rank - 1):
            return None
        return replace(before, op=replace(first, use_bias=True), weights=(*before.weights, bias))
    if (
        type(first) is not BatchNormalization
        or first.axis != op.axis
        or not _is_plain(before, graph)
    ):
        return None
    if not first.scale or first.center:
        return None
    both = replace(first, center=True)
    return replace(before, op=both, weights=(before.weights[0], bias, *before.weights[1:]))


def _is_plain(node: Node, graph: Graph) -> bool:
    """Return whether a normalization subtracts 0 and divides by 1, so that it is a scale or a shift and no more."""
    mean, variance = (graph.weights[name] for name in node.weights[-2:])
    is_exact = isinstance(node.op, BatchNormalization) and node.op.epsilon == 0.0
    return is_exact and not np.any(mean) and bool((variance == 1).all())
