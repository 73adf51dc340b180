"""Compiled networks against the float64 interpreter, over drawn graphs, on every instruction set."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.codegen import ObjectCache
from engine.target import Isa, available_isas
from graph import reference
from graph.graph import Graph
from tests.builders import random_inputs
from tests.engine.compiled import assert_close, compiled, oracle
from tests.strategies import graphs

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
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)
@given(graph=graphs(), batch=BATCHES)
def test_compiled_graphs_compute_what_the_oracle_does(
    object_cache: ObjectCache, isa: Isa, graph: Graph, batch: int
) -> None:
    inputs = random_inputs(graph, batch)
    assume(is_well_conditioned(graph, inputs))
    assert_close(compiled(graph, object_cache, isa).run(inputs), oracle(graph, inputs))
