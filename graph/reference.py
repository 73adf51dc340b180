"""The NumPy interpreter: slow and obvious, the oracle that kernels, rewrites and files are tested against.

It computes node by node and forgets a value after its last reader, so that a deep network takes the memory of a few
layers. How many samples fit into the memory that it may take says `graph.batches`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from graph.activations import FloatArray
from graph.errors import GraphError
from graph.graph import Graph, Node

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]
Float = type[np.float32] | type[np.float64]


def run(graph: Graph, inputs: Arrays, dtype: Float = np.float32) -> dict[str, FloatArray]:
    """Compute the outputs of a graph.

    Args:
        graph: a verified graph.
        inputs: one array (batch, *sample shape) per input name, any numeric dtype.
        dtype: the type in which everything is computed; float64 makes an oracle for float32 kernels.

    Returns:
        Arrays (batch, *sample shape) by public output name.

    Raises:
        GraphError: an input is missing or has the wrong shape.
    """
    wanted = graph.output_values()
    found = {name: value for name, value in iter_values(graph, inputs, dtype) if name in wanted}
    return {output.name: found[output.value] for output in graph.outputs}


def run_values(graph: Graph, inputs: Arrays, dtype: Float = np.float32) -> dict[str, FloatArray]:
    """Compute every value of a graph and keep them all, by value name; see `run`."""
    return dict(iter_values(graph, inputs, dtype))


def iter_values(
    graph: Graph, given: Arrays, dtype: Float = np.float32, first: str = ""
) -> Iterator[tuple[str, FloatArray]]:
    """Compute a graph node by node, and yield each value with its name as soon as it is there.

    A value is held here only until its last reader has been computed.

    Args:
        graph: a verified graph.
        given: one array (batch, *sample shape) per input name; with `first`, per name of `values_before`.
        dtype: the type in which everything is computed.
        first: the node to resume at: what was computed before, perhaps by another graph, is given. By default the
            inputs are yielded first, then all nodes.

    Raises:
        GraphError: an input is missing or has the wrong shape; a value is missing; there is no node `first`.
    """
    held = _resumed(graph, given, dtype, first) if first else _inputs(graph, given, dtype)
    nodes = graph.nodes[_place(graph, first) :] if first else graph.nodes
    dead = dead_after(graph)
    if not first:
        for one in graph.inputs:
            yield one.name, held[one.name]
            _forget(held, dead[one.name])
    for node in nodes:
        held[node.name] = _evaluate(graph, node, held, dtype)
        yield node.name, held[node.name]
        _forget(held, dead[node.name])


def values_before(graph: Graph, first: str) -> tuple[str, ...]:
    """Return the names of the values made before the node `first` that it or a later node reads, in order.

    Raises:
        GraphError: there is no such node.
    """
    place = _place(graph, first)
    read = {name for node in graph.nodes[place:] for name in node.inputs}
    made = [*(one.name for one in graph.inputs), *(node.name for node in graph.nodes[:place])]
    return tuple(name for name in made if name in read)


def dead_after(graph: Graph) -> Mapping[str, tuple[str, ...]]:
    """Return for each input and node the values that nothing reads any more once it is there."""
    last = {one.name: one.name for one in graph.inputs}
    for node in graph.nodes:
        last[node.name] = node.name
        last.update(dict.fromkeys(node.inputs, node.name))
    dead: dict[str, list[str]] = {name: [] for name in last}
    for name, reader in last.items():
        dead[reader].append(name)
    return {name: tuple(values) for name, values in dead.items()}


def _evaluate(graph: Graph, node: Node, held: Mapping[str, FloatArray], dtype: Float) -> FloatArray:
    arguments = [held[name] for name in node.inputs]
    weights = [graph.weights[name].astype(dtype, copy=False) for name in node.weights]
    with np.errstate(all="ignore"):
        return node.op.evaluate(arguments, weights)


def _forget(held: dict[str, FloatArray], names: tuple[str, ...]) -> None:
    for name in names:
        # A graph that is resumed never held what was read before only.
        held.pop(name, None)


def _inputs(graph: Graph, given: Arrays, dtype: Float) -> dict[str, FloatArray]:
    values = {}
    for one in graph.inputs:
        if one.name not in given:
            raise GraphError(f"input {one.name!r} is missing", got=", ".join(given))
        array = np.asarray(given[one.name])
        if array.ndim != one.type.rank or not _fits(array.shape[1:], one.type.sample_shape):
            raise GraphError(
                f"input {one.name!r} has the wrong shape",
                expected=str(one.type),
                got=str(array.shape),
            )
        values[one.name] = array.astype(dtype)
    return values


def _resumed(graph: Graph, given: Arrays, dtype: Float, first: str) -> dict[str, FloatArray]:
    wanted = values_before(graph, first)
    missing = [name for name in wanted if name not in given]
    if missing:
        raise GraphError(
            f"a graph cannot be resumed at {first!r} without all values that are read from there on",
            expected=", ".join(wanted),
            got=", ".join(given),
        )
    return {name: np.asarray(given[name]).astype(dtype, copy=False) for name in wanted}


def _place(graph: Graph, name: str) -> int:
    return graph.nodes.index(graph.node(name))


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return all(length is None or own == length for own, length in zip(shape, wanted, strict=True))
