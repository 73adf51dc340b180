"""A few numbers in a file, or a size that a client asks for, do not make the lowering fill the memory."""

import tracemalloc

import numpy as np
import pytest

from engine.core.errors import UnsupportedModelError
from engine.core.window_steps import ResampleStep
from engine.passes.pipeline import build_program
from engine.passes.staging import Axis
from graph.conv_ops import ConvTranspose
from graph.graph import Graph
from graph.interpolation import Interpolation
from graph.op import Op
from graph.pooling_ops import AdaptivePool, Pool, PoolKind
from graph.resizing_ops import Resize
from graph.windows import Padding
from tests.builders import GraphBuilder


def network(shape: tuple[int, ...], op: Op, kernel: tuple[int, ...] = ()) -> Graph:
    b = GraphBuilder()
    x = b.input(*shape)
    weights = [b.weight("kernel", np.ones(kernel, np.float32))] if kernel else []
    return b.build(b.add(op, [x], weights))


@pytest.mark.parametrize(
    "graph",
    [
        network(
            (1, 1, 1),
            ConvTranspose((2048, 2048), (1, 1), Padding.SAME, use_bias=False),
            (1, 1, 1, 1),
        ),
        network(
            (1, 1, 80),
            ConvTranspose((256, 256), (1, 1), Padding.SAME, use_bias=False),
            (1, 1, 80, 80),
        ),
        network((400, 400, 1), Pool(PoolKind.MAX, (4096, 4096), (399, 399), Padding.SAME)),
        network((4000, 1), AdaptivePool(PoolKind.MAX, (2_000_000,))),
    ],
)
def test_what_would_grow_without_bound_is_refused_before_it_is_made(graph: Graph) -> None:
    with pytest.raises(UnsupportedModelError, match=r"too many pieces|too large"):
        build_program(graph)


@pytest.mark.parametrize(
    ("graph", "most"),
    [
        (network((1_000_000, 1, 1), Resize((1_000_000, 1), Interpolation.NEAREST)), 1),
        (network((8_000, 1, 1), Resize((8_000, 1), Interpolation.BILINEAR)), 2),
        (network((8_000, 1, 1), Resize((7_000, 1), Interpolation.LANCZOS5)), 11),
        (network((8_000, 1, 1), Resize((7_000, 1), Interpolation.AREA)), 3),
        (network((4000, 1), AdaptivePool(PoolKind.AVERAGE, (200_000,))), 2),
    ],
    ids=("nearest", "bilinear", "lanczos5", "area", "averages"),
)
def test_elements_of_an_axis_are_never_a_matrix(graph: Graph, most: int) -> None:
    """It would have 10^12 numbers, or fill some hundred megabytes more than once."""
    tracemalloc.start()
    try:
        program = build_program(graph)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    terms = {step.terms for step in program.steps if isinstance(step, ResampleStep)}
    assert terms <= set(range(1, most + 1))
    assert peak < 100_000_000


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 6, 7])
def test_remainders_are_those_of_all_places(stride: int) -> None:
    for size in range(1, 9):
        for dilation in range(1, 7):
            wanted = sorted({place * dilation % stride for place in range(size)})
            assert Axis(10, size, stride, dilation, 0, 1).remainders == wanted
