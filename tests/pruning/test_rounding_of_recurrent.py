"""The output check beside recurrent layers: rounding grows along a sequence as the check expects, and faults are found."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from graph.graph import Graph
from graph.recurrent_ops import (
    Cell,
    GruCell,
    LstmCell,
    Recurrent,
    RecurrentResult,
    SimpleRnnCell,
)
from graph.reference import run
from pruning.errors import OutputCheckError
from pruning.output_check import TOLERANCE, check_outputs
from pruning.prune import prune
from pruning.recipe_parser import parse_recipe
from pruning.rounding import rounding_of
from tests.builders import GraphBuilder, random_inputs

Arrays = Mapping[str, np.ndarray]
UNTUNED = CompileOptions(tune=False, buckets=(1, 16), threads=1)
CELLS: list[Cell] = [LstmCell(), GruCell(), GruCell(reset_after=False), SimpleRnnCell()]


def sequence_model(cell: Cell, gain: float, times: int = 120, units: int = 40) -> Graph:
    """A recurrent layer whose kernel multiplies a small change of the state by up to about `gain` at each step."""
    b = GraphBuilder(5)
    columns = cell.gates * units
    x = b.dense(b.input(times, 6), columns, name="projection")
    kernel = gain * b.rng.standard_normal((units, columns)) / np.sqrt(units)
    kernel[b.rng.random(kernel.shape) < 0.5] = 0.0
    y = b.add(
        Recurrent(cell, result=RecurrentResult.LAST), [x], [b.weight("recurrent_kernel", kernel)]
    )
    return b.build(b.dense(y, 3, name="last"))


@pytest.fixture(scope="module")
def object_cache(tmp_path_factory: pytest.TempPathFactory) -> ObjectCache:
    return ObjectCache(tmp_path_factory.mktemp("objects"))


def compiled(graph: Graph, cache: ObjectCache) -> Callable[[Arrays], Arrays]:
    model = compile_graph(graph, host_target(), UNTUNED, cache)
    return Executable(model, cache, host_target(), 1).run


@pytest.mark.parametrize("gain", [1.0, 2.0])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_rounding_is_covered(cell: Cell, gain: float) -> None:
    graph = sequence_model(cell, gain)
    found = rounding_of(graph, random_inputs(graph, 8, 3))
    (name,) = found.exact
    scale = np.abs(found.exact[name]).max()
    off = np.abs(found.plain[name] - found.exact[name]).max()
    assert 0 < off <= found.spread[name].max()
    if gain == 1.0:
        # Where the recurrence forgets, nothing grows: a wider spread would let faults pass.
        assert found.spread[name].max() <= 10 * TOLERANCE * scale


@pytest.mark.parametrize("gain", [1.0, 2.0])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_healthy_models_pass(object_cache: ObjectCache, cell: Cell, gain: float) -> None:
    graph = sequence_model(cell, gain)
    check_outputs(compiled(graph, object_cache), prune(graph, parse_recipe({})), None)


def without_last_step(graph: Graph) -> Callable[[Arrays], Arrays]:
    def answer(inputs: Arrays) -> Arrays:
        moved = {name: np.roll(array, 1, axis=1) for name, array in inputs.items()}
        return run(graph, moved)

    return answer


@pytest.mark.parametrize(
    "cell", [LstmCell(), SimpleRnnCell()], ids=lambda cell: type(cell).__name__
)
def test_faults_are_found(cell: Cell) -> None:
    graph = sequence_model(cell, 1.0)
    pruned = prune(graph, parse_recipe({}))
    with pytest.raises(OutputCheckError):
        check_outputs(without_last_step(graph), pruned, None)
    weights = dict(graph.weights)
    kernel = weights["recurrent_kernel"].copy()
    kernel[np.nonzero(kernel)[0][0], np.nonzero(kernel)[1][0]] *= 1.02
    wrong = Graph(graph.name, graph.inputs, graph.nodes, graph.outputs, {**weights, "recurrent_kernel": kernel})  # fmt: skip
    with pytest.raises(OutputCheckError):
        check_outputs(lambda inputs: run(wrong, inputs), pruned, None)
