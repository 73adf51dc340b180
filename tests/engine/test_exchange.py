"""Orders of axes as one exchange, and transposes that cancel."""

import itertools
import math

import numpy as np
import pytest

from engine.core.program_text import to_text
from engine.machine_code.object_cache import ObjectCache
from engine.passes.exchange import exchange_of
from engine.passes.pipeline import build_program
from graph.activations import Function
from graph.graph import Graph
from graph.shape_ops import Permute
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import assert_close, compiled, oracle


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (1, 3, 4), (2, 1, 4, 3), (2, 3, 4, 5)])
def test_an_order_of_axes_is_one_exchange_or_none(shape: tuple[int, ...]) -> None:
    x = np.arange(math.prod(shape))
    single = 0
    for order in itertools.permutations(range(len(shape))):
        wanted = x.reshape(shape).transpose(order).reshape(-1)
        found = exchange_of(shape, order)
        if found is not None:
            single += 1
            np.testing.assert_array_equal(x.reshape(found).swapaxes(1, 2).reshape(-1), wanted)
    # Of the orders of n axes, those that exchange two neighbouring runs, and the one that moves nothing.
    axes = sum(length > 1 for length in shape)
    distinct = math.comb(axes + 1, 3) + 1
    assert single * math.factorial(axes) == distinct * math.factorial(len(shape))


def check(graph: Graph, cache: ObjectCache) -> None:
    executable = compiled(graph, cache)
    for batch in (1, 17):
        inputs = random_inputs(graph, batch)
        assert_close(executable.run(inputs), oracle(graph, inputs))


def lines(graph: Graph) -> list[str]:
    return [line.strip() for line in to_text(build_program(graph)).splitlines() if "=" in line]


def test_permutations_that_cancel_vanish(object_cache: ObjectCache) -> None:
    b = GraphBuilder()
    x = b.input(6, 5, 3)
    there = b.add(Permute((3, 1, 2)), [x])
    back = b.add(Permute((2, 3, 1)), [there])
    graph = b.build(b.activation(back, Function.TANH), b.activation(there, Function.RELU))
    found = lines(graph)
    assert sum("transpose<1, 30, 3, 1>" in line for line in found) == 1
    assert any("= tanh(%0)" in line for line in found)
    check(graph, object_cache)


def test_four_in_a_row_vanish() -> None:
    b = GraphBuilder()
    x = b.input(6, 5)
    for _ in range(4):
        x = b.add(Permute((2, 1)), [x])
    assert lines(b.build(x)) == ["%0 = input x0", "output y0 = %0"]


def test_transposes_of_other_axes_stay(object_cache: ObjectCache) -> None:
    b = GraphBuilder()
    x = b.add(Permute((2, 1, 3)), [b.input(4, 4, 2)])
    graph = b.build(b.add(Permute((1, 3, 2)), [x]))
    assert sum("transpose" in line for line in lines(graph)) == 2
    check(graph, object_cache)


def test_an_order_that_takes_several_exchanges_is_a_copy(object_cache: ObjectCache) -> None:
    b = GraphBuilder()
    graph = b.build(b.add(Permute((3, 2, 1)), [b.input(2, 3, 4)]))
    assert any("copy" in line for line in lines(graph))
    check(graph, object_cache)
