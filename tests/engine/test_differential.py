"""Compiled networks against the float64 interpreter, over drawn graphs, on every instruction set."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.compiler import compile_graph
from engine.core.target import Isa, available_isas, host_target
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.planning.choose import layer_candidates
from engine.planning.parts import whole
from engine.planning.plan import KernelChoice, layer_of
from graph import reference
from graph.graph import Graph
from tests.builders import random_inputs
from tests.engine.compiled import UNTUNED, assert_close, compiled, oracle
from tests.strategies import graphs

SETTINGS = settings(
    max_examples=60,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)
BATCHES = st.one_of(st.sampled_from([1, 2, 15, 16, 17, 63, 64, 65, 128]), st.integers(1, 130))


def is_well_conditioned(graph: Graph, inputs: dict[str, np.ndarray]) -> bool:
    """Whether float32 arithmetic can answer at all: shrinking functions jump, subtractions cancel."""
    exact = reference.run(graph, inputs, np.float64)
    plain = reference.run(graph, inputs, np.float32)
    for name, wanted in exact.items():
        scale = max(float(np.abs(wanted).max()), 1e-3)
        if not np.isfinite(wanted).all() or scale > 1e6:
            return False
        if float(np.abs(plain[name] - wanted).max()) > 2e-6 * scale:
            return False
    return True


@pytest.mark.parametrize("isa", available_isas())
@SETTINGS
@given(graph=graphs(), batch=BATCHES)
def test_compiled_graphs_compute_what_the_oracle_does(
    object_cache: ObjectCache, isa: Isa, graph: Graph, batch: int
) -> None:
    inputs = random_inputs(graph, batch)
    assume(is_well_conditioned(graph, inputs))
    assert_close(compiled(graph, object_cache, isa).run(inputs), oracle(graph, inputs))


@pytest.mark.parametrize("isa", available_isas())
@SETTINGS
@given(graph=graphs(), batch=BATCHES, data=st.data())
def test_any_admissible_kernels_work_together(
    object_cache: ObjectCache, isa: Isa, graph: Graph, batch: int, data: st.DataObject
) -> None:
    inputs = random_inputs(graph, batch)
    assume(is_well_conditioned(graph, inputs))
    target = host_target(isa)
    model = compile_graph(graph, target, UNTUNED, object_cache)
    steps = model.program.weighted_steps()
    tiles = []
    for tile in model.plan.tiles:
        choices = {}
        for number, step in steps.items():
            layer = layer_of(model.program, step)
            drawn = data.draw(st.sampled_from(layer_candidates(layer, isa, tile.lanes)))
            choices[number] = KernelChoice(drawn.spec, drawn.sparse, None, whole(layer.units))
        tiles.append(replace(tile, choices=choices, seconds=data.draw(st.floats(1e-6, 1e-3))))
    mixed = replace(model, plan=replace(model.plan, tiles=tuple(tiles)))
    assert_close(Executable(mixed, object_cache, target).run(inputs), oracle(graph, inputs))


@SETTINGS
@given(graph=graphs(), batch=st.integers(2, 40), data=st.data())
def test_samples_do_not_touch_each_other(
    object_cache: ObjectCache, graph: Graph, batch: int, data: st.DataObject
) -> None:
    executable = compiled(graph, object_cache)
    inputs = random_inputs(graph, batch)
    wanted = executable.run(inputs)
    spoiled = data.draw(st.integers(0, batch - 1))
    for array in inputs.values():
        array[spoiled] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e30]))
    actual = executable.run(inputs)
    others = np.delete(np.arange(batch), spoiled)
    for name, array in wanted.items():
        np.testing.assert_array_equal(actual[name][others], array[others])
