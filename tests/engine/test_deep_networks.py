"""Networks of 20 layers stay within 1e-5 of the output's scale of the float64 oracle, whatever the kernels."""

import numpy as np
import pytest

from engine.compiler import CompileOptions, compile_graph
from engine.core.target import Isa, available_isas, host_target
from engine.machine_code.object_cache import ObjectCache
from graph import reference
from graph.activations import ActivationFunction, Function
from tests.builders import random_inputs
from tests.engine.deep import executable, forced_models, well_posed_graph

# What the engine promises: of the largest output.
TOLERANCE = 1e-5
SPARSITIES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0)
LONGEST = 70
BATCHES = (1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, LONGEST)
# All fused functions that are continuous and do not grow faster than their argument.
STEADY = (
    Function.RELU,
    ActivationFunction(Function.RELU, max_value=6.0),
    ActivationFunction(Function.RELU, negative_slope=0.2),
    Function.CELU,
    Function.ELU,
    Function.SELU,
    Function.GELU,
    Function.SIGMOID,
    Function.HARD_SIGMOID,
    Function.HARD_SILU,
    Function.TANH,
    Function.SILU,
    Function.MISH,
    Function.SOFTPLUS,
    Function.SOFTSIGN,
    Function.SOFT_SHRINK,
    Function.LOG_SIGMOID,
    Function.HARD_TANH,
    Function.SQUAREPLUS,
    Function.SPARSE_PLUS,
    Function.SPARSE_SIGMOID,
)


def relative_error(actual: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> float:
    """Largest difference, as a share of the output's largest magnitude."""
    ((name, expected),) = wanted.items()
    assert actual[name].shape == expected.shape
    return float(np.abs(actual[name] - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("sparsity", SPARSITIES)
@pytest.mark.parametrize("isa", available_isas())
def test_every_kernel_keeps_deep_networks_exact(
    object_cache: ObjectCache, isa: Isa, sparsity: float
) -> None:
    graph = well_posed_graph(0, sparsity)
    inputs = random_inputs(graph, LONGEST)
    wanted = reference.run(graph, inputs, np.float64)
    kinds = set()
    for model in forced_models(graph, isa, (1, 8, 16, 32), object_cache):
        ready = executable(model, object_cache)
        (tile,) = model.plan.tiles
        kinds |= {choice.sparse for choice in tile.choices.values()}
        assert relative_error(ready.run(inputs), wanted) < TOLERANCE, tile.lanes
        ready.close()
    assert kinds == {True, False}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_the_plan_without_tuning_keeps_deep_networks_exact_at_every_batch(
    object_cache: ObjectCache, sparsity: float, seed: int
) -> None:
    graph = well_posed_graph(1000 + seed, sparsity)
    model = compile_graph(graph, host_target(), CompileOptions(tune=False), object_cache)
    ready = executable(model, object_cache)
    inputs = random_inputs(graph, LONGEST)
    wanted = reference.run(graph, inputs, np.float64)
    for batch in BATCHES:
        first = {name: array[:batch] for name, array in inputs.items()}
        expected = {name: array[:batch] for name, array in wanted.items()}
        assert relative_error(ready.run(first), expected) < TOLERANCE, batch


def test_every_steady_function_keeps_deep_networks_exact(object_cache: ObjectCache) -> None:
    graph = well_posed_graph(5, 0.8, STEADY)
    inputs = random_inputs(graph, LONGEST)
    wanted = reference.run(graph, inputs, np.float64)
    options = CompileOptions(tune=False, buckets=(1, 16))
    ready = executable(compile_graph(graph, host_target(), options, object_cache), object_cache)
    assert relative_error(ready.run(inputs), wanted) < TOLERANCE
