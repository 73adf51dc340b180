"""Deep random networks, and models whose kernels are chosen by the test."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from engine.compiler import CompileOptions, compile_graph
from engine.core.target import Isa, host_target
from engine.execution.runtime import Executable
from engine.kernels.registry import kernel_candidates
from engine.machine_code.object_cache import ObjectCache
from engine.planning.parts import whole
from engine.planning.plan import CompiledModel, KernelChoice, layer_of
from graph import reference
from graph.activations import ActivationFunction, Function
from graph.graph import Graph
from tests.builders import GraphBuilder, random_inputs

DEPTH = 20
# Continuous, and of a slope near one at most: what float32 rounding does is not made larger.
FUNCTIONS = (Function.RELU, Function.TANH, Function.SILU, Function.LINEAR)
WIDTHS = (15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 127, 128, 129, 200, 255, 256, 299, 300)
# Few values between two layers; no relu there, which could end all that depends on the input.
NARROW = {3: 2, 9: 1, 14: 5}
# A network that makes float32 rounding itself larger than this is drawn again: no kernel could help it.
MOST_AMPLIFIED = 4e-6
# Zeros beyond these few weights of a unit would cut the outputs off from the inputs.
FEWEST_KEPT = 3


def well_posed_graph(
    seed: int, sparsity: float, functions: tuple[Function | ActivationFunction, ...] = FUNCTIONS
) -> Graph:
    """The first deep network from a seed on whose outputs depend on the inputs, without amplifying rounding."""
    for drawn in range(seed, seed + 20):
        graph = deep_graph(drawn, sparsity, functions)
        inputs = random_inputs(graph, 32)
        exact = reference.run(graph, inputs, np.float64)["y0"]
        scale = np.abs(exact).max()
        plain = reference.run(graph, inputs, np.float32)["y0"]
        is_alive = exact.std(axis=0).max() > 0.01 * scale or sparsity == 1
        if is_alive and np.abs(plain - exact).max() < MOST_AMPLIFIED * scale:
            return graph
    raise AssertionError("no well-posed network among twenty")


def deep_graph(
    seed: int, sparsity: float, functions: tuple[Function | ActivationFunction, ...] = FUNCTIONS
) -> Graph:
    """20 Dense layers of 1 to 300 units, whose weights are scaled so that values keep their spread.

    A share `sparsity` of each kernel is zero, but for `FEWEST_KEPT` weights of each unit; where there are
    zeros, one row and one column of each kernel are empty.
    """
    b = GraphBuilder(seed)
    value = b.input(int(b.rng.choice(WIDTHS)))
    for layer in range(DEPTH):
        units = NARROW.get(layer) or int(b.rng.choice(WIDTHS))
        function = functions[layer % len(functions)] if layer % 2 else Function.RELU
        value = b.dense(
            value,
            units,
            kernel=_kernel(b.rng, b.type(value).sample_size, units, sparsity),
            bias_values=0.1 * b.rng.standard_normal(units),
            activation=Function.TANH if layer in NARROW else function,
        )
    return b.build(value)


def _kernel(rng: np.random.Generator, inputs: int, units: int, sparsity: float) -> np.ndarray:
    if sparsity == 1:
        return np.zeros((inputs, units))
    kept = min(inputs, max(FEWEST_KEPT, round((1 - sparsity) * inputs)))
    places = rng.permuted(np.tile(np.arange(inputs)[:, None], units), axis=0) < kept
    kernel = np.where(places, rng.standard_normal((inputs, units)), 0.0)
    if sparsity and min(inputs, units) > 5:
        kernel[int(rng.integers(inputs))] = 0.0
        kernel[:, int(rng.integers(units))] = 0.0
    return kernel * np.sqrt(2.0 / kept)


def forced_models(
    graph: Graph, isa: Isa, widths: tuple[int, ...], cache: ObjectCache, family: str = ""
) -> Iterator[CompiledModel]:
    """Models of one tile width, until every candidate kernel (of a family) of every layer has had its turn."""
    target = host_target(isa)
    model = compile_graph(graph, target, CompileOptions(tune=False, buckets=widths), cache)
    steps = model.program.weighted_steps()
    layers = {number: layer_of(model.program, step) for number, step in steps.items()}
    for tile in model.plan.tiles:
        found = {
            number: [
                candidate
                for candidate in kernel_candidates(layer, isa, tile.lanes)
                if family in ("", candidate.spec.family)
            ]
            for number, layer in layers.items()
        }
        for turn in range(max(map(len, found.values()))):
            choices = {}
            for number, candidates in found.items():
                one = candidates[turn % len(candidates)]
                parts = whole(layers[number].units)
                choices[number] = KernelChoice(one.spec, one.sparse, None, parts)
            plan = replace(model.plan, tiles=(replace(tile, choices=choices),))
            yield replace(model, plan=plan)


def executable(model: CompiledModel, cache: ObjectCache) -> Executable:
    """The model on this host, at the level of its plan."""
    return Executable(model, cache, host_target(model.plan.isa))
