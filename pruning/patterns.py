"""Scores to masks: pure functions, exact counts, ties broken by position.

A score matrix is (inputs, units), as `graph.linear` lays out a kernel: a *row* of the layer, one output unit, is a
column of the array. Of a convolution, the inputs that follow each other are the channels at one place of the window,
then those at the next. A mask has the same shape; True means kept. Of equal scores the one that comes first in
row-major order of the matrix is kept.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.recipe import Block, NofM, Pattern, Pooling

Scores = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape of a kernel: `inputs` by `units`; the inputs are `taps` runs of channels, one for a place of a window."""

    inputs: int
    units: int
    taps: int = 1


def kept_count(candidates: int, sparsity: float) -> int:
    """Return how many of `candidates` stay at a sparsity in [0, 1): the nearest whole number, at least one.

    Halves go to the even number, as Python's `round` does.
    """
    return max(round(candidates * (1.0 - sparsity)), 1) if candidates else 0


def keep_largest(scores: Scores, count: int) -> Mask:
    """Mask of the `count` largest scores of an array of any shape, exactly that many.

    Args:
        scores: any shape; not NaN.
        count: how many to keep, in [0, scores.size].
    """
    mask = np.zeros(scores.size, np.bool_)
    mask[np.argsort(-scores, axis=None, kind="stable")[:count]] = True
    return mask.reshape(scores.shape)


def pool(scores: Scores, pattern: Pattern, taps: int = 1) -> Scores:
    """Return one score for each thing the pattern keeps or removes whole: a weight, or a block.

    Returns:
        (inputs, units) for single weights; for blocks, (taps * ceil(inputs / taps / cols), ceil(units / rows)), each
        the mean or the maximum of the scores it covers. A block at the border counts only the weights it has.
    """
    if not isinstance(pattern, Block):
        return scores
    return np.concatenate([_pooled(part, pattern) for part in np.split(scores, taps)])


def _pooled(scores: Scores, pattern: Block) -> Scores:
    inputs, units = scores.shape
    high, wide = math.ceil(inputs / pattern.cols), math.ceil(units / pattern.rows)
    fill = 0.0 if pattern.pooling is Pooling.AVG else -math.inf
    padded = np.full((high * pattern.cols, wide * pattern.rows), fill)
    padded[:inputs, :units] = scores
    blocks = padded.reshape(high, pattern.cols, wide, pattern.rows)
    if pattern.pooling is Pooling.MAX:
        return np.asarray(blocks.max(axis=(1, 3)))
    tall = np.minimum(pattern.cols, inputs - pattern.cols * np.arange(high))
    broad = np.minimum(pattern.rows, units - pattern.rows * np.arange(wide))
    return np.asarray(blocks.sum(axis=(1, 3)) / np.outer(tall, broad))


def expand(mask: Mask, pattern: Pattern, shape: Shape) -> Mask:
    """Spread a mask over pooled scores to the weights; the inverse of `pool`."""
    if not isinstance(pattern, Block):
        return mask
    inputs = shape.inputs // shape.taps
    parts = np.split(mask, shape.taps)
    tall = np.concatenate([np.repeat(part, pattern.cols, axis=0)[:inputs] for part in parts])
    return np.ascontiguousarray(np.repeat(tall, pattern.rows, axis=1)[:, : shape.units])


def protected(pooled: Scores, keep_per_row: int) -> Mask:
    """Mask of the `keep_per_row` largest positive scores of every row (array column): what a floor keeps.

    Scores of 0 are not protected: a weight that is 0 already is not worth a place.
    """
    count = min(keep_per_row, pooled.shape[0])
    mask = np.zeros(pooled.shape, np.bool_)
    places = np.argsort(-pooled, axis=0, kind="stable")[:count]
    np.put_along_axis(mask, places, values=True, axis=0)
    return mask & (pooled > 0)


def n_of_m(scores: Scores, pattern: NofM, taps: int = 1) -> Mask:
    """Keep the `n` largest scores of every `m` consecutive channels at each tap; a last group keeps min(n, size)."""
    return np.concatenate([_n_of_m(part, pattern) for part in np.split(scores, taps)])


def _n_of_m(scores: Scores, pattern: NofM) -> Mask:
    inputs, units = scores.shape
    groups = math.ceil(inputs / pattern.m)
    padded = np.full((groups * pattern.m, units), -math.inf)
    padded[:inputs] = scores
    grouped = padded.reshape(groups, pattern.m, units)
    mask = np.zeros(grouped.shape, np.bool_)
    places = np.argsort(-grouped, axis=1, kind="stable")[:, : pattern.n]
    np.put_along_axis(mask, places, values=True, axis=1)
    return np.ascontiguousarray(mask.reshape(groups * pattern.m, units)[:inputs])


def groups_of(inputs: int, pattern: NofM, taps: int = 1) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the number of the group of each input, (inputs,), as `n_of_m` forms them."""
    channels = inputs // taps
    within = np.arange(channels) // pattern.m
    return (np.arange(taps)[:, None] * math.ceil(channels / pattern.m) + within).ravel()


def with_floor(pooled: Scores, count: int, keep_per_row: int) -> Mask:
    """Keep the `count` largest scores, the floor's among them.

    When the floor alone needs more than `count`, the floor wins and more are kept.
    """
    floor = protected(pooled, keep_per_row)
    ranked = np.where(floor, math.inf, pooled)
    return keep_largest(ranked, max(count, int(floor.sum())))
