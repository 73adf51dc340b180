"""Graphs at given sizes, and which sizes are chosen to work with."""

from dataclasses import replace

import pytest

from graph.conv_ops import Conv
from graph.errors import ShapeError
from graph.graph import Graph, Input
from graph.ops import Merge, MergeKind
from graph.pooling_ops import Pool, PoolKind
from graph.resizing_ops import Upsample
from graph.shape_ops import Reshape
from graph.sizes import at_sizes, format_sizes, is_varying, usual_sizes, with_inputs_of
from graph.tensor_type import float32
from graph.windows import Padding
from tests.pruning.images import ImageBuilder


def free(graph: Graph, *shape: int | None) -> Graph:
    """The graph with other inputs, not verified."""
    inputs = tuple(Input(given.name, float32(*shape)) for given in graph.inputs)
    return replace(graph, inputs=inputs)


def convolution(size: int = 3, padding: Padding = Padding.SAME) -> Graph:
    b = ImageBuilder(1)
    x = b.input(size, size, 2, name="x")
    return free(b.build(b.conv(x, 4, size, padding=padding)), None, None, 2)


def halved_and_joined(times: int) -> Graph:
    """As in a U-Net: only lengths that can be halved so often fit."""
    b = ImageBuilder(2)
    x = b.input(64, 64, 2, name="x")
    y = x
    for _ in range(times):
        y = b.add(Pool(PoolKind.MAX, (2, 2), (2, 2), Padding.VALID), [y])
    for _ in range(times):
        y = b.add(Upsample((2, 2)), [y])
    return free(b.build(b.add(Merge(MergeKind.ADD), [x, y])), None, None, 2)


def test_a_graph_at_a_size_has_that_size_everywhere() -> None:
    graph = convolution()
    assert is_varying(graph)
    fixed = at_sizes(graph, {"x": (5, 7, 2)})
    assert not is_varying(fixed)
    assert fixed.value_types()[fixed.outputs[0].value].sample_shape == (5, 7, 4)
    assert with_inputs_of(fixed, graph).inputs == graph.inputs


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (0, 7, 2), (5, 7, 2, 1)])
def test_a_shape_that_does_not_fit_the_input_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="does not fit input 'x'"):
        at_sizes(convolution(), {"x": shape})


def test_a_size_that_the_layers_do_not_fit_is_refused_without_the_neighbourhood() -> None:
    with pytest.raises(ShapeError, match="cannot be computed at this size") as refusal:
        at_sizes(convolution(5, Padding.VALID), {"x": (4, 9, 2)})
    assert "near" not in refusal.value.message


def test_usual_sizes_are_odd_and_even_large_and_small() -> None:
    usual, *others = usual_sizes(convolution())
    assert usual == {"x": (64, 64, 2)}
    assert {"x": (33, 47, 2)} in others
    assert others[-1] == {"x": (1, 1, 2)}


def test_the_size_of_samples_is_the_usual_one() -> None:
    usual, other, *_ = usual_sizes(convolution(), {"x": (20, 9, 2)})
    assert usual == {"x": (20, 9, 2)}
    assert other != usual


@pytest.mark.parametrize("times", [1, 3, 5])
def test_networks_that_halve_get_sizes_that_they_fit(times: int) -> None:
    graph = halved_and_joined(times)
    sizes = usual_sizes(graph)
    assert len(sizes) >= 2
    for one in sizes:
        assert all(length % 2**times == 0 for length in one["x"][:2])


def test_a_graph_that_fits_one_size_only_is_refused() -> None:
    b = ImageBuilder(3)
    x = b.input(8, 8, 1, name="x")
    graph = free(b.build(b.add(Reshape((64,)), [x])), None, None, 1)
    with pytest.raises(ShapeError, match="no two sizes") as refusal:
        usual_sizes(graph)
    assert "fixed shape" in refusal.value.hint


def test_a_long_signal_gets_a_long_size() -> None:
    b = ImageBuilder(4)
    x = b.input(3000, 1, name="x")
    kernel = b.weight("k", b.rng.standard_normal((3000, 1, 2)))
    y = b.add(Conv((1,), (1,), Padding.VALID, use_bias=False), [x], [kernel])
    usual = usual_sizes(free(b.build(y), None, 1))[0]
    assert usual == {"x": (4096, 1)}


def test_sizes_are_written_for_people() -> None:
    assert format_sizes({"x": (64, 48, 3)}) == "64 x 48 x 3"
    assert format_sizes({"a": (4, 3), "b": (5,)}) == "a 4 x 3, b 5"
