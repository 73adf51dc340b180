"""Which elements of which values an output can depend on."""

from collections.abc import Mapping

import numpy as np

from graph.graph import Graph, Node
from graph.ops import Activation, Dense, Dot, LayerNormalization, Merge
from pruning.element_moves import MOVING_OPS, sources
from pruning.simplify.rewrite import Flags, Reals


def needed_elements(graph: Graph, constants: Mapping[str, Reals]) -> dict[str, Flags]:
    """Mark what some output reads through non-zero weights, from outputs to inputs.

    What only a constant element reads is not needed: the constant is known.

    Returns:
        By value name, of the sample shape.
    """
    needed = {name: np.zeros(value.shape, np.bool_) for name, value in constants.items()}
    for name in graph.output_values():
        needed[name][...] = True
    for node in reversed(graph.nodes):
        wanted = needed[node.name] & np.isnan(constants[node.name])
        if not wanted.any():
            continue
        for place, name in enumerate(node.inputs):
            needed[name] |= _wanted_input(graph, node, place, wanted, constants)
    return needed


def mixes(node: Node) -> bool:
    """Whether an output element may depend on any input element: nothing can be cut out of such a node."""
    if isinstance(node.op, Activation):
        return not node.op.function.is_elementwise
    return isinstance(node.op, LayerNormalization | Dot)


def _wanted_input(
    graph: Graph, node: Node, place: int, wanted: Flags, constants: Mapping[str, Reals]
) -> Flags:
    shape = constants[node.inputs[place]].shape
    if isinstance(node.op, Dense):
        linked = graph.weights[node.weights[0]] != 0
        return wanted.astype(np.float64) @ linked.T > 0
    if mixes(node):
        return np.ones(shape, np.bool_)
    if isinstance(node.op, MOVING_OPS):
        origin = sources(node.op, [constants[name].shape for name in node.inputs])
        result = np.zeros(shape, np.bool_)
        result.reshape(-1)[origin.index[wanted & (origin.place == place)]] = True
        return result
    return reduce_to(wanted, shape) if isinstance(node.op, Merge) else wanted


def reduce_to(flags: Flags, shape: tuple[int, ...]) -> Flags:
    """Undo the broadcasting of a merge's operand of that sample shape: an element is set if any copy is."""
    padded = (1,) * (flags.ndim - len(shape)) + shape
    axes = tuple(i for i, n in enumerate(padded) if n == 1 and flags.shape[i] != 1)
    return flags.any(axis=axes, keepdims=True).reshape(shape)
