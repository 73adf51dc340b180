"""Memory of making a size: what the graph says beforehand is more than what NumPy takes."""

import tracemalloc

import pytest

from engine.core.target import host_target
from engine.execution.assemble import bind_plan
from engine.execution.size_memory import making_bytes
from engine.passes.pipeline import build_program
from engine.planning.choose import default_plan
from graph.activations import Function
from graph.conv_ops import Conv
from graph.errors import ShapeError
from graph.graph import Graph
from graph.interpolation import Interpolation
from graph.ops import Merge, MergeKind
from graph.pooling_ops import AdaptivePool, GlobalPool, Pool, PoolKind
from graph.resizing_ops import Resize, Upsample
from graph.shape_ops import Concatenate, Permute, RepeatVector
from graph.sizes import at_sizes
from graph.windows import Padding
from tests.engine.varying import inputs_at, random_varying_networks, sizes_of
from tests.pruning.images import ImageBuilder

SPARE_BYTES = 2_000_000


def peak_of(graph: Graph) -> int:
    """The most bytes that NumPy holds while a program is made, planned and bound."""
    target = host_target()
    tracemalloc.start()
    try:
        program = build_program(graph, checks_each_pass=False)
        plan = default_plan(program, target, (1,))
        bind_plan(program, plan)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def weight_bytes(graph: Graph) -> int:
    return sum(array.nbytes for array in graph.weights.values())


@pytest.mark.parametrize("lengths", [(150, 170, 9), (501, 33, 5), (31, 600, 17)])
def test_networks_take_no_more_than_their_graph_says(lengths: tuple[int, ...]) -> None:
    checked = 0
    for varying in random_varying_networks(7000, 6):
        try:
            graph = at_sizes(varying, sizes_of(inputs_at(varying, lengths)))
        except ShapeError:
            continue
        assert peak_of(graph) < making_bytes(graph) + 40 * weight_bytes(graph) + SPARE_BYTES
        checked += 1
    assert checked >= 2


def _large(op: object, shape: tuple[int, ...], twice: bool = False) -> Graph:
    b = ImageBuilder(3)
    x = b.input(*shape, name="x")
    return b.build(b.add(op, [x, x] if twice else [x]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "graph",
    [
        _large(Permute((2, 1, 3)), (500, 300, 4)),
        _large(Permute((3, 1, 2)), (500, 300, 4)),
        _large(Permute((1, 3, 2, 4)), (50, 30, 40, 4)),
        _large(RepeatVector(500), (1000,)),
        _large(Concatenate(1), (500, 300, 4), twice=True),
        _large(Concatenate(2), (500, 300, 4), twice=True),
        _large(Merge(MergeKind.MULTIPLY), (500, 300, 4), twice=True),
        _large(Pool(PoolKind.AVERAGE, (3, 3), (1, 1), Padding.SAME), (900, 700, 1)),
        _large(Pool(PoolKind.MAX, (3, 3), (2, 2), Padding.SAME), (900, 700, 1)),
        _large(GlobalPool(PoolKind.AVERAGE), (900, 700, 1)),
        _large(AdaptivePool(PoolKind.AVERAGE, (9, 700)), (900, 700, 1)),
        _large(AdaptivePool(PoolKind.MAX, (9, 70)), (900, 700, 1)),
        _large(Resize((700, 3_000), Interpolation.LANCZOS5, antialias=True), (20, 20_000, 1)),
        _large(Resize((700, 300), Interpolation.AREA), (20_000, 1000, 1)),
        _large(Upsample((1, 3), Interpolation.BICUBIC), (20, 4_000, 1)),
        _large(Upsample((2, 3)), (300, 500, 1)),
    ],
    ids=lambda graph: type(graph.nodes[0].op).__name__,
)
def test_ops_take_no_more_than_their_graph_says(graph: Graph) -> None:
    assert peak_of(graph) < making_bytes(graph) + SPARE_BYTES


def test_windows_take_no_more_than_their_graph_says() -> None:
    b = ImageBuilder(4)
    x = b.input(901, 703, 1, name="x")
    graph = b.build(b.conv(x, 2, 3, padding=Padding.SAME, stride=2))
    assert isinstance(graph.nodes[0].op, Conv)
    assert peak_of(graph) < making_bytes(graph) + SPARE_BYTES


@pytest.mark.parametrize("channels", [1, 6])
def test_values_in_channels_are_joined_without_tables(channels: int) -> None:
    b = ImageBuilder(5)
    x = b.input(300, 200, 3, name="x")
    parts = [b.conv(x, channels, 3, padding=Padding.SAME) for _ in range(2)]
    joined = b.add(Concatenate(-1), [b.activation(parts[0], Function.RELU), parts[1]])
    graph = b.build(b.conv(joined, 2, 3, padding=Padding.SAME))
    assert peak_of(graph) < making_bytes(graph) + SPARE_BYTES
    elements = 300 * 200 * 4 * channels
    assert channels == 1 or making_bytes(graph) < 64 * elements
