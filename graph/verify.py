"""The verifier: what must hold of every graph, checked after reading and after every pass.

1. Names of values are unique, not empty, not overlong; every name used exists, and is made before it is used.
2. Inputs have a batch axis; every op accepts its inputs and weights (its own shape rule).
3. There is at least one input and one output; public output names are unique.
4. Weights are float32 and C-contiguous.
5. The limits of `graph.limits` hold.
6. No input of the network is text; a front part makes all of them (`graph.front`).
"""

import numpy as np

from graph import limits
from graph.errors import ShapeError, VerifyError
from graph.front import verify_front
from graph.graph import Graph
from graph.tensor_type import DType, TensorType
from graph.text import node_line

_NEIGHBOURS = 5


def verify(graph: Graph) -> None:
    """Check all invariants.

    Raises:
        VerifyError: one does not hold; the message shows the neighbourhood.
    """
    if len(graph.nodes) > limits.MAX_NODES:
        raise VerifyError(
            "the graph has too many nodes",
            expected=f"at most {limits.MAX_NODES}",
            got=str(len(graph.nodes)),
        )
    if not graph.inputs or not graph.outputs:
        raise VerifyError("a graph needs an input and an output")
    _verify_weights(graph)
    types = _verify_inputs(graph)
    for index, node in enumerate(graph.nodes):
        _verify_name(node.name, types)
        _verify_node(graph, index, types)
    _verify_outputs(graph, types)
    if graph.front is not None:
        verify_front(graph.front, graph.inputs)


def _verify_weights(graph: Graph) -> None:
    for name, array in graph.weights.items():
        if array.dtype != np.float32 or not array.flags.c_contiguous:
            raise VerifyError(
                f"weight {name!r} is stored wrongly",
                expected="C-contiguous float32",
                got=str(array.dtype),
            )


def _verify_inputs(graph: Graph) -> dict[str, TensorType]:
    types: dict[str, TensorType] = {}
    for given in graph.inputs:
        _verify_name(given.name, types)
        if given.type.rank < 1 or given.type.shape[0] is not None:
            raise VerifyError(
                f"input {given.name!r} has no batch axis",
                expected="None first",
                got=str(given.type.shape),
            )
        if given.type.dtype is DType.STRING:
            raise VerifyError(
                f"input {given.name!r} of the network is text", expected="numbers from a lookup"
            )
        _verify_size(given.name, given.type)
        types[given.name] = given.type
    return types


def _verify_name(name: str, taken: dict[str, TensorType]) -> None:
    if not name or len(name) > limits.MAX_NAME_LENGTH:
        raise VerifyError(
            "a name is empty or too long",
            expected=f"1 to {limits.MAX_NAME_LENGTH} characters",
            got=str(len(name)),
        )
    if name in taken:
        raise VerifyError(f"the name {name!r} is used twice")


def _verify_size(name: str, value: TensorType) -> None:
    if value.rank > limits.MAX_RANK:
        raise VerifyError(
            f"{name!r} has too many axes",
            expected=f"at most {limits.MAX_RANK}",
            got=str(value.rank),
        )
    elements = 1
    for axis in value.sample_shape:
        elements *= 1 if axis is None else axis
    if elements < 1 or elements > limits.MAX_SAMPLE_ELEMENTS:
        raise VerifyError(
            f"{name!r} has an unusable number of elements per sample",
            expected=f"1 to {limits.MAX_SAMPLE_ELEMENTS}",
            got=str(elements),
        )


def _verify_node(graph: Graph, index: int, types: dict[str, TensorType]) -> None:
    node = graph.nodes[index]
    missing = [name for name in node.inputs if name not in types]
    missing += [name for name in node.weights if name not in graph.weights]
    if missing:
        raise VerifyError(
            f"node {node.name!r} uses {missing[0]!r} before it is made or without it being there"
            + _neighbourhood(graph, index)
        )
    arguments = tuple(types[name] for name in node.inputs)
    shapes = tuple(graph.weights[name].shape for name in node.weights)
    try:
        result = node.op.infer(arguments, shapes)
    except ShapeError as error:
        raise VerifyError(
            f"layer {node.layer or node.name!r}: {error.message}" + _neighbourhood(graph, index),
            expected=error.expected,
            got=error.got,
        ) from error
    _verify_size(node.name, result)
    types[node.name] = result


def _verify_outputs(graph: Graph, types: dict[str, TensorType]) -> None:
    names = [output.name for output in graph.outputs]
    if len(set(names)) != len(names):
        raise VerifyError("public output names are not unique", got=", ".join(names))
    for output in graph.outputs:
        if output.value not in types:
            raise VerifyError(f"output {output.name!r} names {output.value!r}, which is not there")


def _neighbourhood(graph: Graph, index: int) -> str:
    first = max(0, index - _NEIGHBOURS)
    lines = [
        ("> " if place == index else "  ") + node_line(node)
        for place, node in enumerate(graph.nodes[first : index + _NEIGHBOURS + 1], first)
    ]
    return " near\n" + "\n".join(lines) + "\n"
