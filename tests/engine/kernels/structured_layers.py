"""Layers whose weights were removed in blocks, or N of every M."""

import numpy as np

from engine.core.functions import ElementFunction
from engine.core.layers import DenseLayer

LINEAR = ElementFunction()


def blocked_layer(
    shape: tuple[int, int],
    block: tuple[int, int],
    activation: ElementFunction = LINEAR,
    positions: int = 1,
    seed: int = 0,
) -> DenseLayer:
    """`shape` and `block` are (inputs, units); 70 % of the blocks are zeros."""
    rng = np.random.default_rng(seed)
    (inputs, units), (tall, wide) = shape, block
    kept = rng.random((-(-inputs // tall), -(-units // wide))) < 0.3
    mask = np.repeat(np.repeat(kept, tall, axis=0)[:inputs], wide, axis=1)[:, :units]
    return _layer(rng, mask, activation, positions)


def spread_layer(
    activation: ElementFunction = LINEAR,
    positions: int = 1,
    shape: tuple[int, int] = (200, 37),
    kept_of: tuple[int, int] = (2, 8),
) -> DenseLayer:
    """N of every M inputs of each unit are kept; `kept_of` is (N, M)."""
    rng = np.random.default_rng(1)
    kept, group = kept_of
    scores = rng.random((-(-shape[0] // group), group, shape[1]))
    mask = (scores.argsort(axis=1).argsort(axis=1) < kept).reshape(-1, shape[1])[: shape[0]]
    return _layer(rng, mask, activation, positions)


def _layer(
    rng: np.random.Generator, mask: np.ndarray, activation: ElementFunction, positions: int
) -> DenseLayer:
    kernel = np.where(mask, rng.normal(size=mask.shape), 0).astype(np.float32)
    bias = rng.normal(size=mask.shape[1]).astype(np.float32)
    return DenseLayer(kernel, bias, activation, positions)
