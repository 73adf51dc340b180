"""What float32 rounding may make of the ops of images covers what it does make of them."""

import numpy as np
import pytest

from graph.interpolation import Interpolation
from graph.normalization_ops import GroupNormalization, RmsNormalization, UnitNormalization
from graph.op import Op
from graph.pooling_ops import AdaptivePool, GlobalPool, Pool, PoolKind
from graph.resizing_ops import Resize, Upsample
from graph.windows import Padding
from pruning.rounding import rounding_of
from tests.builders import GraphBuilder

SHAPE = (9, 8, 6)
AVERAGE, MAX = PoolKind.AVERAGE, PoolKind.MAX
SUMMING: list[Op] = [
    Pool(AVERAGE, (3, 2), (2, 2), Padding.SAME),
    AdaptivePool(AVERAGE, (4, 5)),
    GlobalPool(AVERAGE, keepdims=False),
    Upsample((2, 3), Interpolation.BILINEAR),
    Resize((5, 13), Interpolation.BILINEAR),
    GroupNormalization(3, scale=False, center=False),
    UnitNormalization((1, 2, 3)),
    RmsNormalization((3,)),
]
MOVING: list[Op] = [
    Pool(MAX, (3, 2), (2, 2), Padding.SAME),
    AdaptivePool(MAX, (4, 5)),
    GlobalPool(MAX, keepdims=False),
    Upsample((2, 3)),
]


@pytest.mark.parametrize("op", [*SUMMING, *MOVING], ids=lambda op: f"{type(op).__name__}")
def test_rounding_is_covered(op: Op) -> None:
    b = GraphBuilder()
    x = b.input(*SHAPE)
    weights = [b.weight("scale", np.linspace(0.5, 2, 6))] if type(op) is RmsNormalization else []
    y = b.add(op, [x], weights)
    graph = b.build(y)
    inputs = {x: np.random.default_rng(3).normal(1, 2, (16, *SHAPE)).astype(np.float32)}
    found = rounding_of(graph, inputs)
    (name,) = found.exact
    off = np.abs(found.plain[name] - found.exact[name]).reshape(16, -1).max(axis=1)
    spread = found.spread[name]
    if op in SUMMING:
        assert (spread > 0).all()
        assert (off <= 4 * spread).all()
        # A spread of a thousandth would let everything pass.
        assert (spread <= 1e-5 * np.abs(found.exact[name]).max()).all()
    else:
        assert (off == 0).all()
