"""Ops that are `a * x + c` element by element, seen as their two arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.graph import Graph, Node
from graph.ops import KERAS_EPSILON, BatchNormalization, Normalization, Rescaling

Reals = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class ElementwiseAffine:
    """y = scale * x + offset; both float64, of the value's full sample shape."""

    scale: Reals
    offset: Reals


AFFINE_OPS = (BatchNormalization, Normalization, Rescaling)


def as_affine(graph: Graph, node: Node, sample_shape: tuple[int, ...]) -> ElementwiseAffine | None:
    """The two arrays of a BatchNormalization, Normalization or Rescaling node; None for any other op.

    They are found in float64 from the op's own parameters: `offset` is the value at 0, and `scale` the factor.
    """
    weights = [np.asarray(graph.weights[name], np.float64) for name in node.weights]
    if isinstance(node.op, BatchNormalization):
        scale, offset = _batch_normalization(node.op, weights, len(sample_shape))
    elif isinstance(node.op, Normalization):
        scale, offset = _normalization(node.op, weights)
    elif isinstance(node.op, Rescaling):
        scale, offset = np.asarray(node.op.scale), np.asarray(node.op.offset)
    else:
        return None
    return ElementwiseAffine(_spread(scale, sample_shape), _spread(offset, sample_shape))


def _batch_normalization(
    op: BatchNormalization, weights: list[Reals], sample_rank: int
) -> tuple[Reals, Reals]:
    rows = list(weights)
    gamma = rows.pop(0) if op.scale else np.ones(rows[-1].shape)
    beta = rows.pop(0) if op.center else np.zeros(rows[-1].shape)
    mean, variance = rows
    scale = gamma / np.sqrt(variance + op.epsilon)
    shape = [1] * (sample_rank + 1)
    shape[op.axis] = -1
    return scale.reshape(shape)[0], (beta - mean * scale).reshape(shape)[0]


def _normalization(op: Normalization, weights: list[Reals]) -> tuple[Reals, Reals]:
    mean, deviation = weights[0][0], np.maximum(np.sqrt(weights[1][0]), KERAS_EPSILON)
    if op.invert:
        return deviation, mean
    return 1.0 / deviation, -mean / deviation


def _spread(array: Reals, shape: tuple[int, ...]) -> Reals:
    # A sample without axes takes one number, which Rescaling keeps as an array of length 1.
    parameter = array.reshape(()) if array.size == 1 else array
    return np.array(np.broadcast_to(parameter, shape), np.float64)
