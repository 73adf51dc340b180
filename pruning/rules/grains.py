"""Grains: along which axes of a value pruning tells elements apart, and facts brought from one grain to another.

A convolution does the same at every pixel, so what is known of an image is known of its channels: telling 56 x 56 x 256
elements apart would cost much and prove nothing more. The *grain* of a value is its sample shape with 1 on the axes
that are *merged*. A fact about elements is an array of the value's grain, and broadcasts to the sample shape: with 1 on
an axis it holds for all elements along it.

Merged are the spatial axes of every value that a spatial op reads or makes, and the same axes of the values around, as
far as ops go through them element by element. A graph without spatial ops has no merged axes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graph.graph import Graph
from pruning.rules.bound import Bound
from pruning.rules.op_rules import OpRules, Reals, Shape
from pruning.rules.relation import Relation, alone

Axes = tuple[int, ...]
Reduce = Callable[[Reals, Axes], Reals]


def value_grains(
    graph: Graph, rules: Mapping[str, OpRules[Any]], shapes: Mapping[str, Shape]
) -> dict[str, Shape]:
    """Return the grain of every value.

    Args:
        graph: the graph.
        rules: the rules of its nodes.
        shapes: the sample shapes of its values.
    """
    linked: dict[tuple[str, int], list[tuple[str, int]]] = {}
    waiting: list[tuple[str, int]] = []
    for node in graph.nodes:
        rule = rules[node.name]
        for place, axis, output_axis in rule.links():
            one, other = (node.inputs[place], axis), (node.name, output_axis)
            linked.setdefault(one, []).append(other)
            linked.setdefault(other, []).append(one)
        if rule.is_spatial:
            names = (*node.inputs, node.name)
            waiting += [(name, axis) for name in names for axis in range(len(shapes[name]) - 1)]
    merged: set[tuple[str, int]] = set()
    while waiting:
        found = waiting.pop()
        if found not in merged:
            merged.add(found)
            waiting += linked.get(found, ())
    return {
        name: tuple(1 if (name, axis) in merged else n for axis, n in enumerate(shape))
        for name, shape in shapes.items()
    }


def any_of(flags: Reals, axes: Axes) -> Reals:
    """Reduce flags: set where any is."""
    return np.asarray(flags.any(axis=axes, keepdims=True))


def uniform(values: Reals, axes: Axes) -> Reals:
    """Reduce constants: the number that all have, or NaN."""
    first = values[tuple(slice(0, 1) if a in axes else slice(None) for a in range(values.ndim))]
    same = (values == first).all(axis=axes, keepdims=True)
    return np.where(same, first, np.nan)


def _largest(limits: Reals, axes: Axes) -> Reals:
    return np.asarray(limits.max(axis=axes, keepdims=True))


def _smallest(limits: Reals, axes: Axes) -> Reals:
    return np.asarray(limits.min(axis=axes, keepdims=True))


def fit(fact: Reals, shape: Shape, reduce: Reduce) -> Reals:
    """Bring a fact to a grain: reduce along axes that are told apart no longer, repeat along those that now are."""
    if fact.shape == shape:
        return fact
    pairs = enumerate(zip(fact.shape, shape, strict=True))
    axes = tuple(axis for axis, (have, want) in pairs if want == 1 and have != 1)
    return np.broadcast_to(reduce(fact, axes) if axes else fact, shape)


def fit_bound(bound: Bound, shape: Shape) -> Bound:
    """Bring an upper bound to a grain: the largest counts."""
    return bound.mapped(lambda part: fit(part, shape, _largest))


def fit_limit(limit: Bound, shape: Shape) -> Bound:
    """Bring a tolerance to a grain: the smallest counts."""
    return limit.mapped(lambda part: fit(part, shape, _smallest))


def fit_relation(relation: Relation, shape: Shape) -> Relation:
    """Bring a relation to a grain; what is not the same all along an axis is forgotten."""
    if relation.shape == shape:
        return relation
    if relation.is_trivial:
        return alone(shape)
    common = tuple(map(min, relation.shape, shape))
    return _spread(_gathered(relation, common), shape)


def _gathered(relation: Relation, shape: Shape) -> Relation:
    """Forget which elements are which along the axes where `shape` has 1."""
    if relation.shape == shape:
        return relation
    pairs = enumerate(zip(relation.shape, shape, strict=True))
    axes = tuple(axis for axis, (have, want) in pairs if want != have)
    own, leader = np.indices(relation.shape), np.unravel_index(relation.leader, relation.shape)
    beside = np.stack([part.reshape(relation.shape) for part in leader]) - own
    beside = np.concatenate([beside, relation.factor.reshape(1, *relation.shape)])
    same = uniform(beside, tuple(axis + 1 for axis in axes))
    away = (same[[*axes]] != 0).any(axis=0)
    known = ~(np.isnan(same).any(axis=0) | away)
    index = np.indices(shape) + np.where(known, np.nan_to_num(same[:-1]), 0).astype(np.int64)
    leaders = np.ravel_multi_index(tuple(index), shape).ravel()
    return Relation(leaders, np.where(known, same[-1], 1.0).ravel(), shape)


def _spread(relation: Relation, shape: Shape) -> Relation:
    """Say the same of every element along the axes where the relation has 1."""
    if relation.shape == shape:
        return relation
    own, leader = np.indices(shape), np.unravel_index(relation.leader, relation.shape)
    index = [
        np.broadcast_to(part.reshape(relation.shape), shape) if have == want else own[axis]
        for axis, (part, have, want) in enumerate(zip(leader, relation.shape, shape, strict=True))
    ]
    factor = np.broadcast_to(relation.factor.reshape(relation.shape), shape).ravel()
    return Relation(np.ravel_multi_index(tuple(index), shape).ravel(), factor, shape)
