"""Layers of images and signals against the float64 interpreter: every op, every level, one sample and many."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.compiler import CompileOptions
from engine.core.functions import FusedActivation
from engine.core.steps import ConvStep
from engine.core.target import Isa, available_isas
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from graph import conv_ops, ops
from graph.activations import Function
from graph.windows import Padding
from tests.builders import random_inputs
from tests.engine.compiled import assert_close, compiled, oracle
from tests.engine.spatial_graphs import LAYERS, SpatialBuilder, spatial_graphs
from tests.engine.test_differential import is_well_conditioned

SETTINGS = settings(
    max_examples=12,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


def check(cache: ObjectCache, isa: Isa, data: st.DataObject, layer: str | None) -> None:
    graph = data.draw(spatial_graphs(layer))
    lanes = data.draw(st.sampled_from([1, 4, 8, 16, 32]))
    inputs = random_inputs(graph, data.draw(st.integers(1, lanes + 1)))
    if not is_well_conditioned(graph, inputs):
        return
    options = CompileOptions(tune=False, buckets=(lanes,))
    with np.errstate(all="ignore"):
        wanted = oracle(graph, inputs)
    assert_close(compiled(graph, cache, isa, options).run(inputs), wanted)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("layer", LAYERS)
@SETTINGS
@given(data=st.data())
def test_a_layer(object_cache: ObjectCache, isa: Isa, layer: str, data: st.DataObject) -> None:
    check(object_cache, isa, data, layer)


@pytest.mark.parametrize("isa", available_isas())
@SETTINGS
@given(data=st.data())
def test_several_layers(object_cache: ObjectCache, isa: Isa, data: st.DataObject) -> None:
    check(object_cache, isa, data, None)


def test_a_residual_connection_is_added_where_the_convolution_is_stored(
    object_cache: ObjectCache,
) -> None:
    b = SpatialBuilder(0)
    x = b.input(6, 6, 4)
    same = conv_ops.Conv((1, 1), (1, 1), Padding.SAME)
    first = b.weighted(x, same, (3, 3, 4, 4), 4, 0.5)
    second = b.weighted(b.activation(first, Function.RELU), same, (3, 3, 4, 4), 4, 0.5)
    y = b.activation(
        b.add(ops.Merge(ops.MergeKind.ADD), [first, b.batch_normalization(second)]), Function.RELU
    )
    graph = b.build(b.add(ops.Merge(ops.MergeKind.ADD), [y, y]))
    steps = build_program(graph).steps
    convolutions = [step for step in steps if isinstance(step, ConvStep)]
    assert [step.added is not None for step in convolutions] == [False, True]
    assert convolutions[1].function.function is FusedActivation.RELU
    inputs = random_inputs(graph, 3)
    options = CompileOptions(tune=False, buckets=(1,))
    assert_close(compiled(graph, object_cache, None, options).run(inputs), oracle(graph, inputs))
