"""Every op by itself, in the shapes that drawn graphs seldom have, on every instruction set."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from engine.core.errors import UnsupportedModelError
from engine.core.steps import ReduceStep
from engine.core.target import Isa, available_isas
from engine.execution.assemble import layer_key
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.tuning.tune import task_key
from graph.activations import ActivationFunction, FloatArray, Function
from graph.conv_ops import Conv
from graph.graph import Graph
from graph.op import WeightShapes
from graph.ops import (
    Activation,
    BatchNormalization,
    Dense,
    Dot,
    LayerNormalization,
    Merge,
    MergeKind,
    Normalization,
    PRelu,
    Rescaling,
)
from graph.pooling_ops import Pool, PoolKind
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from graph.tensor_type import TensorType
from graph.windows import Padding
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import assert_close, compiled, oracle
from tests.engine.spatial_graphs import SpatialBuilder

ISAS = pytest.mark.parametrize("isa", available_isas())


def check(graph: Graph, cache: ObjectCache, isa: Isa) -> None:
    executable = compiled(graph, cache, isa)
    for batch in (1, 16, 21):
        inputs = random_inputs(graph, batch)
        assert_close(executable.run(inputs), oracle(graph, inputs))


@ISAS
@pytest.mark.parametrize("axes", [(1,), (2,), (3,), (1, 2), (2, 3), (1, 3), (1, 2, 3)])
@pytest.mark.parametrize("rms", [False, True])
def test_layer_normalization_over_any_axes(
    object_cache: ObjectCache, isa: Isa, axes: tuple[int, ...], rms: bool
) -> None:
    b = GraphBuilder()
    check(b.build(b.layer_normalization(b.input(3, 4, 5), axes, rms=rms)), object_cache, isa)


def test_layer_normalization_without_weights(object_cache: ObjectCache) -> None:
    b = GraphBuilder()
    op = LayerNormalization((1,), 1e-3, scale=False, center=False)
    check(b.build(b.add(op, [b.input(9)])), object_cache, available_isas()[-1])


@ISAS
@pytest.mark.parametrize(
    ("kind", "count"),
    [
        *itertools.product(
            [MergeKind.ADD, MergeKind.AVERAGE, MergeKind.MAXIMUM, MergeKind.MINIMUM],
            [1, 2, 64, 65, 140],
        ),
        *itertools.product([MergeKind.MULTIPLY], [1, 2, 64, 65]),
    ],
)
def test_merges_of_many_values(
    object_cache: ObjectCache, isa: Isa, kind: MergeKind, count: int
) -> None:
    b = GraphBuilder()
    x, z = b.input(7), b.input(7)
    values = [x if place % 3 else z for place in range(count)]
    check(b.build(b.add(Merge(kind), values)), object_cache, isa)


@ISAS
@pytest.mark.parametrize("kind", list(MergeKind))
@pytest.mark.parametrize(
    "shapes", [((3, 4), (4,)), ((1,), (3, 1)), ((2, 1, 4), (3, 1)), ((), (5,)), ((1, 1), (1,))]
)
def test_merges_broadcast(
    object_cache: ObjectCache,
    isa: Isa,
    kind: MergeKind,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    b = GraphBuilder()
    values = [b.input(*shape) for shape in shapes]
    check(b.build(b.add(Merge(kind), values)), object_cache, isa)


@ISAS
@pytest.mark.parametrize("axis", [1, 2, 3, -1])
@pytest.mark.parametrize(
    "function", [Function.SOFTMAX, Function.LOG_SOFTMAX, Function.SPARSEMAX, Function.GLU]
)
def test_functions_along_an_axis(
    object_cache: ObjectCache, isa: Isa, function: Function, axis: int
) -> None:
    b = GraphBuilder()
    y = b.add(Activation(ActivationFunction(function, axis=axis)), [b.input(4, 2, 6)])
    check(b.build(y), object_cache, isa)


@ISAS
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("shapes", "axes"),
    [
        (((6,), (6,)), (1, 1)),
        (((3, 6), (6,)), (2, 1)),
        (((3, 6), (6, 5)), (2, 1)),
        (((6, 3), (5, 6)), (1, -1)),
        (((2, 6, 3), (4, 6)), (2, 2)),
    ],
)
def test_dot_over_any_axes(
    object_cache: ObjectCache,
    isa: Isa,
    normalize: bool,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    axes: tuple[int, int],
) -> None:
    b = GraphBuilder()
    values = [b.input(*shape) for shape in shapes]
    check(b.build(b.add(Dot(axes, normalize), values)), object_cache, isa)


@ISAS
@pytest.mark.parametrize("axis", [1, 2, 3, -1, -3])
def test_concatenation_along_any_axis(object_cache: ObjectCache, isa: Isa, axis: int) -> None:
    b = GraphBuilder()
    x = b.dense(b.input(2, 3, 16), 16)
    y = b.activation(x, Function.TANH)
    check(b.build(b.add(Concatenate(axis), [x, y, x])), object_cache, isa)


@ISAS
def test_dense_over_positions(object_cache: ObjectCache, isa: Isa) -> None:
    b = GraphBuilder()
    x = b.dense(b.input(3, 2, 11), 9, sparsity=0.7, activation=Function.GELU)
    check(b.build(b.dense(x, 5, bias=False)), object_cache, isa)


@ISAS
def test_row_wise_ops_with_shared_and_broadcast_weights(
    object_cache: ObjectCache, isa: Isa
) -> None:
    b = GraphBuilder()
    x = b.prelu(b.input(3, 5), shared_axes=(1,))
    x = b.batch_normalization(x, axis=1, scale=False)
    x = b.add(Rescaling((0.5, 1.0, 2.0, -1.0, 3.0), (1.0,)), [x])
    mean = b.weight("mean", b.rng.standard_normal((1, 1, 5)))
    variance = b.weight("variance", b.rng.uniform(0.5, 2, (1, 1, 5)))
    y = b.add(Normalization(), [x], [mean, variance])
    check(b.build(y, b.add(Normalization(invert=True), [y], [mean, variance])), object_cache, isa)


@ISAS
def test_a_large_mean_does_not_cancel(object_cache: ObjectCache, isa: Isa) -> None:
    b = GraphBuilder()
    year = b.input(1)
    mean = b.weight("mean", np.full((1,), 2000.0))
    variance = b.weight("variance", np.full((1,), 4.0))
    op = BatchNormalization(scale=False, center=False, epsilon=0.0)
    graph = b.build(b.add(op, [year], [mean, variance]))
    inputs = {"x0": np.linspace(1995, 2005, 40, dtype=np.float32)[:, None]}
    assert_close(compiled(graph, object_cache, isa).run(inputs), oracle(graph, inputs))


@ISAS
def test_scalars_and_moves(object_cache: ObjectCache, isa: Isa) -> None:
    b = GraphBuilder()
    x = b.add(RepeatVector(3), [b.input(4)])
    x = b.add(Permute((2, 1)), [x])
    x = b.add(Reshape((2, 2, 3)), [x])
    check(b.build(b.add(Permute((3, 1, 2)), [x])), object_cache, isa)


@ISAS
def test_layers_without_any_weight_left(object_cache: ObjectCache, isa: Isa) -> None:
    b = GraphBuilder()
    x = b.dense(b.input(40), 33, sparsity=1.0, activation=Function.SIGMOID)
    check(b.build(b.dense(x, 20, sparsity=1.0, bias=False), x), object_cache, isa)


@ISAS
def test_one_input_one_unit(object_cache: ObjectCache, isa: Isa) -> None:
    b = GraphBuilder()
    x = b.input(1)
    shared = b.weight("k", np.full((1, 1), 0.5))
    y = b.add(Dense(1, use_bias=False), [x], [shared])
    check(b.build(b.add(PRelu(), [y], [b.weight("a", np.full((1,), 0.1))])), object_cache, isa)


@dataclass(frozen=True, slots=True)
class Unknown:
    """An op that the engine has never heard of."""

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        return inputs[0]

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        return inputs[0]


def test_an_unknown_op_is_refused_by_layer_and_name() -> None:
    b = GraphBuilder()
    graph = b.build(b.add(Unknown(), [b.input(3)], name="mystery"))
    with pytest.raises(UnsupportedModelError, match=r"layer 'mystery'.*Unknown"):
        build_program(graph)


def test_equal_convolutions_are_one_task_of_the_tuner() -> None:
    """Their windows have one name, so that the tuner sees that the layers are alike."""
    b = SpatialBuilder(1)
    x = b.input(9, 9, 8)
    for _ in range(3):
        x = b.weighted(x, Conv((1, 1), (1, 1), Padding.SAME, 1, True), (3, 3, 8, 8), 8, 0.5)
    steps = build_program(b.build(x)).weighted_steps().values()
    assert len({task_key(replace(step, nonzeros=300), 1, ()) for step in steps}) == 1
    assert len({layer_key(step) for step in steps}) == 3


@ISAS
@pytest.mark.parametrize("kind", PoolKind)
@pytest.mark.parametrize(
    ("size", "padding", "whole"),
    [
        ((3, 4), Padding.VALID, True),
        ((3, 4), Padding.SAME, False),  # windows at every position
        ((2, 4), Padding.VALID, False),
    ],
)
def test_one_window_over_all_positions_is_a_reduction(
    object_cache: ObjectCache,
    isa: Isa,
    kind: PoolKind,
    size: tuple[int, int],
    padding: Padding,
    whole: bool,
) -> None:
    b = GraphBuilder()
    graph = b.build(b.add(Pool(kind, size, (1, 1), padding), [b.input(3, 4, 5)]))
    steps = build_program(graph).steps
    assert any(isinstance(step, ReduceStep) for step in steps) is whole
    check(graph, object_cache, isa)
