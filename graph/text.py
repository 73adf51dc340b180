"""The printed form of a graph: stable, for dumps, golden tests and error messages.

graph "mlp"
input x: float32[batch, 784]
dense = Dense(units=300, use_bias=True)(x; dense/kernel, dense/bias) : float32[batch, 300]
output probabilities = dense
weight dense/kernel: (784, 300) zeros 0.9512
"""

from dataclasses import fields

import numpy as np

from graph.activations import ActivationFunction
from graph.front import types_of
from graph.graph import Front, Graph, Node
from graph.op import Op


def to_text(graph: Graph) -> str:
    """Print a graph, one line per input, node, output and weight; ends with a newline.

    Raises:
        ShapeError: an op refuses its inputs, so that types cannot be shown.
    """
    types = graph.value_types()
    lines = [f'graph "{graph.name}"', *_front_lines(graph.front)]
    lines += [f"input {given.name}: {given.type}" for given in graph.inputs]
    lines += [f"{node_line(node)} : {types[node.name]}" for node in graph.nodes]
    lines += [f"output {output.name} = {output.value}" for output in graph.outputs]
    for name in sorted(graph.weights):
        array = graph.weights[name]
        zeros = 1.0 - np.count_nonzero(array) / array.size if array.size else 0.0
        lines.append(f"weight {name}: {array.shape} zeros {zeros:.4f}")
    return "\n".join(lines) + "\n"


def _front_lines(front: Front | None) -> list[str]:
    if front is None:
        return []
    types = types_of(front)
    lines = [f"given {one.name}: {one.type}" for one in front.inputs]
    return [*lines, *(f"front {node_line(node)} : {types[node.name]}" for node in front.nodes)]


def node_line(node: Node) -> str:
    """Return one node without its type: `name = Op(arguments)(inputs; weights)`."""
    weights = "; " + ", ".join(node.weights) if node.weights else ""
    return f"{node.name} = {_op_text(node.op)}({', '.join(node.inputs)}{weights})"


def _op_text(op: Op) -> str:
    arguments = [f"{field.name}={_value_text(getattr(op, field.name))}" for field in fields(op)]
    return f"{type(op).__name__}({', '.join(arguments)})"


def _value_text(value: object) -> str:
    if isinstance(value, ActivationFunction):
        changed = [
            f"{field.name}={getattr(value, field.name)!r}"
            for field in fields(value)
            if field.name != "function" and getattr(value, field.name) != field.default
        ]
        return value.function.value + (f"({', '.join(changed)})" if changed else "")
    return repr(value)
