"""Layers of images and signals against the float64 interpreter: every op, every level, one sample and many."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.compiler import CompileOptions
from engine.core.target import Isa, available_isas
from engine.machine_code.object_cache import ObjectCache
from tests.builders import random_inputs
from tests.engine.compiled import assert_close, compiled, oracle
from tests.engine.spatial_graphs import LAYERS, spatial_graphs
from tests.engine.test_differential import is_well_conditioned

SETTINGS = settings(
    max_examples=12,
    deadline=None,
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
