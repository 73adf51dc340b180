"""Convolution kernels against sums in float64: every level, one sample and many, odd sizes, empty and full rows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.functions import ElementFunction, FusedActivation
from engine.core.target import Isa, available_isas
from engine.kernels import conv_candidates
from tests.engine.kernels.conv_oracle import (
    Shape,
    drawn_layer,
    drawn_value,
    expected,
    run_conv,
)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    rank = draw(st.integers(1, 3))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    return Shape(
        channels=groups * draw(st.integers(1, 5)),
        groups=groups,
        units=groups * draw(st.integers(1, 9)),
        sizes=tuple(draw(st.integers(1, 40 if rank == 1 else 9)) for _ in range(rank)),
        window=tuple(draw(st.integers(1, 3)) for _ in range(rank)),
        gap=draw(st.integers(0, 2)),
        sparsity=draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])),
    )


@pytest.mark.parametrize("isa", available_isas())
@settings(max_examples=30)
@given(
    data=st.data(),
    shape=shapes(),
    lanes=st.sampled_from([1, 4, 8, 16, 32]),
    seed=st.integers(0, 99),
)
def test_convolution(isa: Isa, data: st.DataObject, shape: Shape, lanes: int, seed: int) -> None:
    adds = data.draw(st.booleans())
    function = data.draw(st.sampled_from([FusedActivation.LINEAR, FusedActivation.RELU]))
    layer = replace(drawn_layer(shape, seed, adds=adds), activation=ElementFunction(function))
    x = drawn_value(layer, lanes, seed)
    y, scale = expected(layer, x)
    added = None
    if adds:
        added = np.random.default_rng(seed).normal(size=y.shape).astype(np.float32)
        y, scale = y + added, scale + abs(added)
    if function is FusedActivation.RELU:
        y = np.maximum(y, 0)
    for candidate in conv_candidates.candidates(layer, isa, lanes):
        got = run_conv(candidate, layer, x, added)
        error = abs(got - y)
        assert (error <= 2e-6 * scale + 1e-30).all(), candidate.spec.symbol


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("lanes", [1, 4, 32])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("sizes", [(13, 13), (5, 7), (64,)])
def test_several_panels(isa: Isa, lanes: int, adds: bool, sizes: tuple[int, ...]) -> None:
    """Channels that do not fit the first-level cache: sums go through the result, gaps and fillers stay right."""
    window = (3,) * len(sizes) if sizes[0] < 64 else (1,)
    shape = Shape(200 if window[0] == 3 else 600, 1, 21, sizes, window, 0, 0.9)
    layer = drawn_layer(shape, 0, adds=adds)
    # Rows without weights in some panels, and in none.
    kernel = layer.kernel.copy()
    kernel[: len(kernel) // 2, 1] = 0
    kernel[len(kernel) // 2 :, 2] = 0
    layer = replace(layer, kernel=kernel)
    x = drawn_value(layer, lanes, 1)
    y, scale = expected(layer, x)
    added = None
    if adds:
        added = np.random.default_rng(2).normal(size=y.shape).astype(np.float32)
        y, scale = y + added, scale + abs(added)
    sparse = conv_candidates.candidates(layer, isa, lanes)[0]
    assert sparse.pack(layer).ints["panel_count"] > 1
    assert (abs(run_conv(sparse, layer, x, added) - y) <= 2e-6 * scale).all()


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize(
    ("channels", "sizes", "window"),
    [(700, (13, 13), 1), (60, (7, 5), 3), (9, (13, 3), 1), (400, (61,), 1)],
)
def test_copied_panels(
    isa: Isa, lanes: int, adds: bool, channels: int, sizes: tuple[int, ...], window: int
) -> None:
    """Vectors of the input that lie across lines are copied first, in one panel or several."""
    shape = Shape(channels, 1, 101, sizes, (window,) * len(sizes), 0, 0.6)
    layer = drawn_layer(shape, 0, adds=adds)
    x = drawn_value(layer, lanes, 1)
    y, scale = expected(layer, x)
    added = None
    if adds:
        added = np.random.default_rng(2).normal(size=y.shape).astype(np.float32)
        y, scale = y + added, scale + abs(added)
    copying = [
        one
        for one in conv_candidates.candidates(layer, isa, lanes)
        if "copies" in dict(one.spec.variant)
    ]
    # In tiles as wide as a register no vector lies across lines.
    assert any(one.sparse for one in copying) == (lanes < isa.vector_floats)
    assert len({one.spec for one in copying}) == len(copying)
    assert not all(one.sparse for one in copying) or lanes >= isa.vector_floats
    for candidate in copying:
        assert (abs(run_conv(candidate, layer, x, added) - y) <= 2e-6 * scale).all()
