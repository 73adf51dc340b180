"""Orders of axes as one exchange, and transposes that cancel."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from engine.core.functions import ElementFunction, FusedActivation
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.program_check import check_program
from engine.core.program_text import to_text
from engine.core.steps import ElementStep, Pack, Place, TransposeStep, Unpack
from engine.machine_code.object_cache import ObjectCache
from engine.passes.cancel_transposes import cancel_transposes
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
    # The value in channels is the first permutation, and the second one gives it back as it came.
    assert sum("transpose<1, 30, 3, 1>" in line for line in found) == 1
    assert any("= tanh(%1)" in line for line in found)
    assert any("= relu(%1)" in line for line in found)
    check(graph, object_cache)


X, TURNED, BACK, Y = (Place(buffer, 0, 12) for buffer in range(4))


def turned_twice(second: TransposeStep) -> Program:
    steps = (
        Pack(0, X),
        TransposeStep(X, TURNED, 1, 3, 4, 1),
        second,
        ElementStep(BACK, Y, ElementFunction(FusedActivation.TANH)),
        Unpack(Y, 0),
        Unpack(TURNED, 1),
    )
    inputs = (InputSlot("x", "float32", (12,)),)
    outputs = (OutputSlot("y", (12,)), OutputSlot("turned", (12,)))
    return Program("p", inputs, outputs, (12,) * 4, steps, {})


def test_a_transpose_that_undoes_the_one_before_is_a_name() -> None:
    program = turned_twice(TransposeStep(TURNED, BACK, 1, 4, 3, 1))
    found = cancel_transposes(program)
    check_program(found)
    assert len(found.steps) == 5
    assert next(step for step in found.steps if isinstance(step, ElementStep)).x == X


@pytest.mark.parametrize(
    "second",
    [
        TransposeStep(TURNED, BACK, 1, 3, 4, 1),
        TransposeStep(TURNED, BACK, 2, 2, 3, 1),
        TransposeStep(TURNED, BACK, 1, 2, 3, 2),
    ],
)
def test_another_transpose_stays(second: TransposeStep) -> None:
    program = turned_twice(second)
    assert cancel_transposes(program).steps == program.steps


def test_a_transpose_of_a_part_stays() -> None:
    """A part need not start where kernels expect a value to start."""
    program = turned_twice(TransposeStep(Place(0, 0, 12), BACK, 1, 1, 12, 1))
    assert len(cancel_transposes(program).steps) == 5
    longer = replace(program, buffers=(13, 12, 12, 12))
    assert cancel_transposes(longer).steps == longer.steps


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
