"""Elements of a value that are always a fixed multiple of another element of the same value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Reals = np.ndarray[Any, np.dtype[Any]]
Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Relation:
    """x[e] = factor[e] * x[leader[e]] for every input; both flat, over a value's grain counted row-major.

    Leaders lead themselves, with factor 1. Along an axis where the grain has 1, it holds at every place by itself.

    Attributes:
        leader: the element that each element is a multiple of.
        factor: how many times it is that element.
        shape: the grain.
    """

    leader: Indices
    factor: Reals
    shape: tuple[int, ...]

    @property
    def is_trivial(self) -> bool:
        """Whether every element stands alone."""
        return bool((self.leader == np.arange(len(self.leader))).all())


def alone(shape: tuple[int, ...]) -> Relation:
    """No element of a value of that grain is related to another."""
    size = math.prod(shape)
    return Relation(np.arange(size), np.ones(size), shape)


def grouped(keys: Sequence[Reals], factor: Reals, shape: tuple[int, ...]) -> Relation:
    """Elements with equal keys are related, as their factors are; the first of each group leads it.

    Args:
        keys: arrays of one number, or one row of numbers, for each element.
        factor: the factor of each element.
        shape: the grain that the elements are counted over.
    """
    size = math.prod(shape)
    table = np.concatenate([np.asarray(key, np.float64).reshape(size, -1) for key in keys], axis=1)
    _, first, group = np.unique(table, axis=0, return_index=True, return_inverse=True)
    leader = first[group.reshape(-1)]
    return Relation(leader, factor / factor[leader], shape)


def by_element(array: Reals, shape: tuple[int, ...]) -> Reals:
    """Numbers as keys for `grouped`: a row for each element of the grain, with the numbers at all its places.

    Args:
        array: an array of a shape that broadcasts to a value's sample.
        shape: the value's grain.
    """
    spread = np.broadcast_to(array, np.broadcast_shapes(array.shape, shape))
    merged = [axis for axis, n in enumerate(shape) if n == 1]
    told = [axis for axis, n in enumerate(shape) if n != 1]
    return spread.transpose(*told, *merged).reshape(math.prod(shape), -1)


def feature_relation(relation: Relation) -> Relation | None:
    """The relation between features (last axis) if it is the same at every position, else None."""
    features = relation.shape[-1]
    leader = relation.leader.reshape(-1, features)
    local = leader - np.arange(len(leader))[:, None] * features
    factor = relation.factor.reshape(-1, features)
    if (local != local[0]).any() or (factor != factor[0]).any():
        return None
    return Relation(local[0], factor[0], (features,))
