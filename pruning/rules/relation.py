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
    """x[e] = factor[e] * x[leader[e]] for every input; both flat, over a sample counted row-major.

    Leaders lead themselves, with factor 1.
    """

    leader: Indices
    factor: Reals

    @property
    def is_trivial(self) -> bool:
        """Whether every element stands alone."""
        return bool((self.leader == np.arange(len(self.leader))).all())


def alone(shape: tuple[int, ...]) -> Relation:
    """No element of a sample of that shape is related to another."""
    size = math.prod(shape)
    return Relation(np.arange(size), np.ones(size))


def grouped(keys: Sequence[Reals], factor: Reals) -> Relation:
    """Elements with equal keys are related, as their factors are; the first of each group leads it."""
    table = np.stack([np.asarray(key, np.float64).ravel() for key in keys], axis=1)
    _, first, group = np.unique(table, axis=0, return_index=True, return_inverse=True)
    leader = first[group.reshape(-1)]
    return Relation(leader, factor / factor[leader])


def feature_relation(relation: Relation, shape: tuple[int, ...]) -> Relation | None:
    """The relation between features (last axis) if it is the same at every position, else None."""
    features = shape[-1]
    leader = relation.leader.reshape(-1, features)
    local = leader - np.arange(len(leader))[:, None] * features
    factor = relation.factor.reshape(-1, features)
    if (local != local[0]).any() or (factor != factor[0]).any():
        return None
    return Relation(local[0], factor[0])


def merged_kernel(kernel: Reals, relation: Relation | None) -> Reals:
    """The kernel with the rows of related inputs added up on their leader's row; the others become zero."""
    if relation is None or relation.is_trivial:
        return kernel
    joined = np.zeros_like(kernel)
    np.add.at(joined, relation.leader, kernel * relation.factor[:, None])
    return joined
