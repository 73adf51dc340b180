"""Compiles graphs, runs them, and compares with the float64 oracle."""

import numpy as np

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.target import Isa, host_target
from engine.execution.runtime import Executable, load
from engine.machine_code.object_cache import ObjectCache
from graph import reference
from graph.graph import Graph

UNTUNED = CompileOptions(tune=False, buckets=(1, 8, 16, 64))
# float32 kernels sum in another order than the oracle, and activations are polynomials of a few
# units in the last place: the engine promises 1e-5 of the output's scale.
TOLERANCE = 1e-5


def compiled(
    graph: Graph, cache: ObjectCache, isa: Isa | None = None, options: CompileOptions = UNTUNED
) -> Executable:
    """The graph as an executable, by way of artifact bytes."""
    target = host_target(isa)
    model = compile_graph(graph, target, options, cache)
    return load(parse_artifact(artifact_bytes(model)), cache, target)


def oracle(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return reference.run(graph, inputs, np.float64)


def assert_close(actual: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert actual.keys() == wanted.keys()
    for name, array in actual.items():
        expected = wanted[name]
        assert array.shape == expected.shape
        assert array.dtype == np.float32
        finite = np.abs(expected[np.isfinite(expected)])
        scale = max(float(finite.max(initial=0.0)), 1e-3)
        np.testing.assert_allclose(
            array, expected, rtol=0, atol=TOLERANCE * scale, err_msg=f"output {name}"
        )
