"""Divides a graph under construction into the front part, which looks values up, and the network behind it."""

from collections.abc import Sequence
from dataclasses import replace

from graph.errors import UnsupportedLayerError
from graph.front import MOVES, is_lookup, type_of
from graph.graph import Front, Graph, Input, Node
from graph.tensor_type import DType, TensorType


def divided(graph: Graph) -> Graph:
    """Return a graph whose lookups, and all that they need, are in its front part; without lookups the same graph.

    Args:
        graph: a graph without a front part, whose nodes may be lookups and whose inputs may be texts.

    Raises:
        UnsupportedLayerError: a lookup needs a value that the network computes, or a text reaches the network.
        ShapeError: a lookup or a move refuses its inputs.
    """
    texts = any(given.type.dtype is DType.STRING for given in graph.inputs)
    needed = {
        name for node in graph.nodes if is_lookup(node.op) for name in (node.name, *node.inputs)
    }
    if not texts and not needed:
        return graph
    front: list[Node] = []
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed.update(node.inputs)
            front.append(node)
    front.reverse()
    for node in front:
        if not is_lookup(node.op) and not isinstance(node.op, MOVES):
            reader = next(one for one in front if node.name in one.inputs)
            raise UnsupportedLayerError(
                f"layer {reader.layer!r} looks up what layer {node.layer!r} computes",
                expected="lookups of the model's inputs, and of what other lookups give",
            )
    types = {given.name: given.type for given in graph.inputs}
    for node in front:
        types[node.name] = type_of(node, types)
    behind = [node for node in graph.nodes if node.name not in needed]
    inputs = _crossing(graph, behind, types)
    return replace(
        graph,
        inputs=inputs,
        nodes=tuple(behind),
        front=Front(graph.inputs, tuple(front)),
    )


def _crossing(
    graph: Graph, behind: Sequence[Node], types: dict[str, TensorType]
) -> tuple[Input, ...]:
    """Return the network's inputs: each value of the front part, or of the caller, that the network needs."""
    read = {name: node for node in reversed(behind) for name in node.inputs}
    outputs = {output.value for output in graph.outputs}
    inputs = []
    for name, found in types.items():
        if name not in read and name not in outputs:
            continue
        if found.dtype is DType.STRING:
            where = f"layer {read[name].layer!r}" if name in read else "an output of the model"
            raise UnsupportedLayerError(
                f"{where} is text", expected="a lookup that makes numbers of texts first"
            )
        inputs.append(Input(name, found))
    return tuple(inputs)
