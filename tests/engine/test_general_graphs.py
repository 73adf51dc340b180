"""General operations against the float64 interpreter: every op, every level, one sample and many."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.compiler import CompileOptions
from engine.core.steps import BinaryStep, CopyStep
from engine.core.target import Isa, available_isas
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from graph.element_ops import Binary, BinaryFunction, Constant
from graph.graph import Graph
from graph.reduction_ops import Reduce, ReduceKind
from graph.slice_ops import Slice
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import compiled, oracle
from tests.engine.general_graphs import OPERATIONS, general_graphs

SETTINGS = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])


def halves(graph: Graph, batch: int) -> dict[str, np.ndarray]:
    """Inputs with few different numbers, so that many of them are equal."""
    drawn = random_inputs(graph, batch, seed=1)
    return {name: (np.rint(x * 4) / 2).astype(np.float32) for name, x in drawn.items()}


def assert_same(actual: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    """Compare numbers, infinities and what is no number."""
    assert actual.keys() == wanted.keys()
    for name, array in actual.items():
        expected = wanted[name].astype(np.float32)
        assert array.shape == expected.shape
        scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=1e-3))
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("name", OPERATIONS)
@SETTINGS
@given(data=st.data())
def test_an_operation(object_cache: ObjectCache, isa: Isa, name: str, data: st.DataObject) -> None:
    graph = data.draw(general_graphs(name))
    lanes = data.draw(st.sampled_from([1, 4, 8, 16, 32]))
    inputs = halves(graph, data.draw(st.integers(1, lanes + 1)))
    options = CompileOptions(tune=False, buckets=(lanes,))
    with np.errstate(all="ignore"):
        wanted = oracle(graph, inputs)
    assert_same(compiled(graph, object_cache, isa, options).run(inputs), wanted)


def test_neighbouring_rows_are_taken_without_a_copy() -> None:
    b = GraphBuilder()
    x = b.input(5, 4)
    program = build_program(b.build(b.dense(b.add(Slice(1, -1), [x]), 3)))
    assert not any(isinstance(step, CopyStep) for step in program.steps)


def test_what_broadcasts_is_repeated_as_it_is_read() -> None:
    b = GraphBuilder()
    x = b.input(5, 4)
    mean = b.add(Reduce(ReduceKind.MEAN, (1, 2), keepdims=True), [x])
    row = b.add(Constant(), [x], [b.weight("row", np.arange(1, 5))])
    quotient = b.add(Binary(BinaryFunction.DIVIDE), [x, row])
    program = build_program(b.build(b.add(Binary(BinaryFunction.LESS), [mean, quotient])))
    assert not any(isinstance(step, CopyStep) for step in program.steps)
    binary = [step for step in program.steps if isinstance(step, BinaryStep)]
    assert [(step.outer, step.length, step.inner) for step in binary] == [(5, 4, 1), (1, 1, 20)]
    assert [step.swapped for step in binary] == [False, True]
