"""How many samples the NumPy oracle computes at a time: one rule, for all that run it.

Two things bound it. All values of a batch that are held at once fit into `HELD_BYTES`: many small batches are no slower
than one large one, for what is computed next is still in the CPU's cache then. And what is looked at in all is bounded
by `operations`, so that the oracle takes seconds for a large network, too.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from graph.attention_ops import Attention, Embedding, MatMul, products_of
from graph.element_ops import Constant
from graph.graph import Graph, Node
from graph.ops import Normalization, PRelu
from graph.reference import dead_after

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

HELD_BYTES = 64 * 1024 * 1024
# As if everything were computed in float64.
_ELEMENT_BYTES = 8
# An op's own temporary arrays, in arrays of the size of its largest argument or of its result.
_TEMPORARIES = 2
# One element that is written costs as much as so many multiplications in a matrix product, about: 1 to 2 ns.
_OPERATIONS_PER_ELEMENT = 64


def held_elements(graph: Graph) -> int:
    """Return the most elements of one sample that the interpreter holds at once, temporary ones included.

    Outputs count to the end.

    Args:
        graph: verified, with fixed sample shapes.
    """
    size = {name: kind.sample_size for name, kind in graph.value_types().items()}
    dead, outputs = dead_after(graph), graph.output_values()
    held = sum(size[one.name] for one in graph.inputs)
    most = held
    for node in graph.nodes:
        held += size[node.name]
        largest = max(size[name] for name in (node.name, *node.inputs))
        most = max(most, held + _TEMPORARIES * largest)
        held -= sum(size[name] for name in dead[node.name] if name not in outputs)
    return most


def samples_at_once(graph: Graph, side_by_side: int = 1) -> int:
    """Return how many samples are computed at a time: at least one.

    Args:
        graph: verified, with fixed sample shapes.
        side_by_side: how many computations of the graph hold their values at once.
    """
    return max(1, HELD_BYTES // (held_elements(graph) * _ELEMENT_BYTES * side_by_side))


def batches(inputs: Arrays, most: int) -> Iterator[Arrays]:
    """Cut arrays (samples, *sample shape) into batches of at most `most` samples, in order."""
    count = len(next(iter(inputs.values())))
    for first in range(0, count, most):
        yield {name: array[first : first + most] for name, array in inputs.items()}


def operations(graph: Graph) -> int:
    """Return about how many multiplications one sample costs the interpreter; writing an element counts as some.

    Every weight of two axes or more is taken to be used once at each position of the op's result, or of its argument
    where that has more: so it is with Dense layers and with convolutions of all kinds.

    Args:
        graph: verified, with fixed sample shapes.
    """
    types = graph.value_types()
    total = 0
    for node in graph.nodes:
        shapes = [types[name].static_sample_shape for name in (node.name, *node.inputs)]
        positions = max(math.prod(shape[:-1]) for shape in shapes)
        total += positions * _products(graph, node)
        if isinstance(node.op, MatMul | Attention):
            total += products_of(node.op, tuple(shapes[1:]))
        total += _OPERATIONS_PER_ELEMENT * types[node.name].sample_size
    return max(total, 1)


def _products(graph: Graph, node: Node) -> int:
    """Return how many weights are used at each position."""
    if isinstance(node.op, PRelu | Normalization | Constant | Embedding):
        return 0  # Each number belongs to one element, or is only copied.
    weights = [graph.weights[name] for name in node.weights]
    return sum(weight.size for weight in weights if weight.ndim > 1)
