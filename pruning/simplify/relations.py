"""Which elements of a value are always a fixed multiple of another element of the same value.

Units of a Dense layer with the same weights and bias compute the same; with all weights and the bias `a` times another
unit's, `a` times as much. Activations carry equality along, and those that are linear on each side of zero (relu,
leaky relu, PReLU with equal slopes) also a positive factor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.activations import Function
from graph.graph import Graph, Node
from graph.ops import Activation, Dense, Merge, PRelu
from pruning.affine_ops import as_affine
from pruning.element_moves import MOVING_OPS, sources
from pruning.simplify.rewrite import Reals

Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Relation:
    """x[e] = factor[e] * x[leader[e]] for every input; both flat, over a sample counted row-major.

    Leaders lead themselves, with factor 1.
    """

    leader: Indices
    factor: Reals

    @property
    def is_trivial(self) -> bool:
        """Whether every element stands alone."""
        return bool((self.leader == np.arange(len(self.leader))).all())


def relations(graph: Graph) -> dict[str, Relation]:
    """Find the relations within every value, by value name."""
    shapes = {name: kind.static_sample_shape for name, kind in graph.value_types().items()}
    found: dict[str, Relation] = {}
    for given in graph.inputs:
        found[given.name] = _alone(int(np.prod(shapes[given.name])))
    for node in graph.nodes:
        found[node.name] = _node_relation(graph, node, found, shapes)
    return found


def feature_relation(relation: Relation, shape: tuple[int, ...]) -> Relation | None:
    """The relation between features (last axis) if it is the same at every position, else None."""
    features = shape[-1]
    leader = relation.leader.reshape(-1, features)
    local = leader - np.arange(len(leader))[:, None] * features
    factor = relation.factor.reshape(-1, features)
    if (local != local[0]).any() or (factor != factor[0]).any():
        return None
    return Relation(local[0], factor[0])


def _alone(size: int) -> Relation:
    return Relation(np.arange(size), np.ones(size))


def _grouped(keys: list[Reals], factor: Reals) -> Relation:
    """Elements with equal keys are related, as their factors are; the first of each group leads it."""
    table = np.stack([np.asarray(key, np.float64).ravel() for key in keys], axis=1)
    _, first, group = np.unique(table, axis=0, return_index=True, return_inverse=True)
    leader = first[group.reshape(-1)]
    return Relation(leader, factor / factor[leader])


def _node_relation(
    graph: Graph, node: Node, found: Mapping[str, Relation], shapes: Mapping[str, tuple[int, ...]]
) -> Relation:
    size = int(np.prod(shapes[node.name]))
    inputs = [found[name] for name in node.inputs]
    if isinstance(node.op, Dense):
        return _dense(graph, node, inputs[0], shapes)
    if all(relation.is_trivial for relation in inputs):
        return _alone(size)
    if isinstance(node.op, MOVING_OPS):
        return _moved(node, inputs, shapes)
    if isinstance(node.op, Merge):
        return _merged(node, inputs, shapes)
    return _elementwise(graph, node, inputs[0], shapes[node.name])


def _dense(
    graph: Graph, node: Node, source: Relation, shapes: Mapping[str, tuple[int, ...]]
) -> Relation:
    """Compare units by their weights (related inputs joined) and bias, each divided by its first number.

    For float32 weights the quotients of two rows are equal in float64 exactly if the rows are proportional: two
    different quotients of 24-bit numbers differ by 2^-48, relatively.
    """
    kernel = np.asarray(graph.weights[node.weights[0]], np.float64)
    joined = merged_kernel(kernel, feature_relation(source, shapes[node.inputs[0]]))
    rows = joined.T
    if len(node.weights) > 1:
        rows = np.column_stack([rows, graph.weights[node.weights[1]]])
    units, positions = kernel.shape[1], int(np.prod(shapes[node.name][:-1]))
    lead = rows[np.arange(units), (rows != 0).argmax(axis=1)]
    leader, factor = np.arange(units), np.ones(units)
    seen: dict[bytes, int] = {}
    # Units without weights are constants, which another rule removes.
    for unit in np.flatnonzero(joined.any(axis=0)):
        key = (rows[unit] / lead[unit] + 0.0).tobytes()
        leader[unit] = seen.setdefault(key, int(unit))
        factor[unit] = lead[unit] / lead[leader[unit]]
    offsets = np.repeat(np.arange(positions) * units, units)
    return Relation(np.tile(leader, positions) + offsets, np.tile(factor, positions))


def merged_kernel(kernel: Reals, relation: Relation | None) -> Reals:
    """The kernel with the rows of related inputs added up on their leader's row; the others become zero."""
    if relation is None or relation.is_trivial:
        return kernel
    joined = np.zeros_like(kernel)
    np.add.at(joined, relation.leader, kernel * relation.factor[:, None])
    return joined


def _moved(node: Node, inputs: list[Relation], shapes: Mapping[str, tuple[int, ...]]) -> Relation:
    origin = sources(node.op, [shapes[name] for name in node.inputs])
    names = list(dict.fromkeys(node.inputs))
    leader, factor = np.empty(origin.index.size), np.empty(origin.index.size)
    value = np.empty(origin.index.size)
    for place, relation in enumerate(inputs):
        here = (origin.place == place).ravel()
        index = origin.index.ravel()[here]
        leader[here], factor[here] = relation.leader[index], relation.factor[index]
        value[here] = names.index(node.inputs[place])
    return _grouped([value, leader], factor)


def _merged(node: Node, inputs: list[Relation], shapes: Mapping[str, tuple[int, ...]]) -> Relation:
    target = shapes[node.name]
    keys: list[Reals] = []
    for name, relation in zip(node.inputs, inputs, strict=True):
        shape = (1,) * (len(target) - len(shapes[name])) + shapes[name]
        parts = (relation.leader, relation.factor)
        keys += [np.broadcast_to(part.reshape(shape), target) for part in parts]
    return _grouped(keys, np.ones(int(np.prod(target))))


def _elementwise(graph: Graph, node: Node, x: Relation, shape: tuple[int, ...]) -> Relation:
    op, one = node.op, np.ones(len(x.leader))
    leader = x.leader.astype(np.float64)
    affine = as_affine(graph, node, shape)
    if affine is not None:
        slope, offset = affine.scale.ravel() * x.factor, affine.offset.ravel()
        linear = (offset == 0.0) & (slope != 0.0)
        return _grouped(
            [leader, offset, np.where(linear, 1.0, slope)], np.where(linear, slope, one)
        )
    if isinstance(op, PRelu):
        alpha = np.broadcast_to(graph.weights[node.weights[0]], shape)
        return _grouped([leader, np.sign(x.factor), alpha], np.abs(x.factor))
    if not isinstance(op, Activation) or not op.function.is_elementwise:
        return _alone(int(np.prod(shape)))
    f = op.function
    if f.function is Function.LINEAR:
        return _grouped([leader], x.factor)
    if f.function is Function.RELU and not f.threshold and f.max_value is None:
        return _grouped([leader, np.sign(x.factor)], np.abs(x.factor))
    return _grouped([leader, x.factor], one)
