"""Dense layers over many positions, one after the other, lie in channels from the first to the last."""

import numpy as np
import pytest

from engine.core.program import Program
from engine.core.steps import ConvStep, DenseStep, TransposeStep
from engine.core.target import Isa, available_isas
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.passes.positions_inside import LEAST_POSITIONS, dense_in_channels
from graph.activations import Function
from graph.graph import Graph
from graph.op import Op
from graph.ops import Merge, MergeKind
from graph.shape_ops import Concatenate
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import assert_close, compiled, oracle
from tests.unknown_ops import SAME_SHAPE

POSITIONS = (LEAST_POSITIONS // 16, 16)


def kinds(program: Program) -> list[type]:
    wanted = (ConvStep, DenseStep, TransposeStep)
    return [type(step) for step in program.steps if isinstance(step, wanted)]


def residual(depth: int, positions: tuple[int, ...] = POSITIONS) -> Graph:
    b = GraphBuilder(3)
    x = b.input(*positions, 12)
    for number in range(depth):
        y = b.dense(x, 12, sparsity=0.8, bias=number % 2 == 0)
        y = b.activation(b.batch_normalization(y), Function.RELU)
        x = b.add(Merge(MergeKind.ADD), [x, b.layer_normalization(b.prelu(y), (3,))])
    return b.build(x)


@pytest.mark.parametrize("isa", available_isas())
def test_a_chain_is_turned_once_and_back(object_cache: ObjectCache, isa: Isa) -> None:
    graph = residual(3)
    assert len(dense_in_channels(graph)) == 3
    found = kinds(build_program(graph))
    assert found == [TransposeStep, ConvStep, ConvStep, ConvStep, TransposeStep]
    executable = compiled(graph, object_cache, isa)
    for batch in (1, 5, 17):
        inputs = random_inputs(graph, batch)
        assert_close(executable.run(inputs), oracle(graph, inputs))


def test_one_layer_or_few_positions_stay_row_major() -> None:
    assert kinds(build_program(residual(1))) == [DenseStep]
    few = residual(3, (LEAST_POSITIONS // 16 - 1, 16))
    assert kinds(build_program(few)) == [DenseStep] * 3


def test_a_chain_ends_at_ops_that_need_the_other_form() -> None:
    b = GraphBuilder()
    x = b.dense(b.input(*POSITIONS, 4), 4)
    between = b.add(Concatenate(1), [x, x])
    assert dense_in_channels(b.build(b.dense(between, 3))) == frozenset()


@pytest.mark.parametrize("op", SAME_SHAPE, ids=lambda op: type(op).__name__)
def test_a_chain_ends_at_an_unknown_op(op: Op) -> None:
    b = GraphBuilder()
    x = b.add(op, [b.dense(b.input(*POSITIONS, 4), 4)])
    assert dense_in_channels(b.build(b.dense(x, 3))) == frozenset()


def test_branches_of_a_merge_are_one_chain() -> None:
    b = GraphBuilder()
    x = b.input(*POSITIONS, 4)
    graph = b.build(b.add(Merge(MergeKind.MULTIPLY), [b.dense(x, 6), b.dense(x, 6)]))
    assert len(dense_in_channels(graph)) == 2
    assert kinds(build_program(graph)).count(TransposeStep) == 2
    assert np.prod(POSITIONS) >= LEAST_POSITIONS
