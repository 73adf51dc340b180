"""Plans made anew from the program of an artifact, and plans for several threads."""

import numpy as np
import pytest

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.errors import ThreadCountError
from engine.core.layers import ValueType
from engine.core.target import Isa, available_isas, host_target
from engine.execution.runtime import Executable, load
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from engine.planning.schedule import Mode
from engine.retune import options_of, retune
from graph.activations import Function
from graph.graph import Graph
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import assert_close, oracle

QUICK = CompileOptions(tune_seconds=0.2, threads=2)


def network(units: int = 96) -> Graph:
    b = GraphBuilder(5)
    x = b.dense(b.input(80), units, sparsity=0.9, activation=Function.RELU, name="one")
    return b.build(b.dense(x, 40, sparsity=0.8, name="two"))


@pytest.fixture(scope="module")
def long_model(object_cache: ObjectCache) -> CompiledModel:
    """Layers that are long enough for five threads."""
    b = GraphBuilder(7)
    x = b.dense(b.input(1024), 1024, sparsity=0.5, activation=Function.RELU, name="one")
    graph = b.build(b.dense(x, 640, sparsity=0.5, name="two"))
    options = CompileOptions(tune=False, threads=5, buckets=(1, 8, 32))
    return compile_graph(graph, host_target(), options, object_cache)


def through_bytes(model: CompiledModel) -> CompiledModel:
    return parse_artifact(artifact_bytes(model)).model


@pytest.mark.parametrize("isa", available_isas())
def test_an_artifact_from_elsewhere_is_tuned_for_this_host(
    object_cache: ObjectCache, isa: Isa
) -> None:
    graph = network()
    untuned = CompileOptions(tune=False, threads=1)
    foreign = parse_artifact(
        artifact_bytes(compile_graph(graph, host_target(isa), untuned, object_cache))
    )
    assert not load(foreign, object_cache).is_tuned_here
    told: list[str] = []
    options = options_of(foreign.model, QUICK)
    model = retune(
        foreign, host_target(), options, object_cache, lambda stage, _: told.append(stage)
    )
    assert list(dict.fromkeys(told)) == ["tune", "pack", "measure"]
    executable = load(parse_artifact(artifact_bytes(model)), object_cache, threads=2)
    assert executable.is_tuned_here
    assert [layer.name for layer in executable.layers] == ["one", "two"]
    for batch in (1, 2, 7, 33):
        inputs = random_inputs(graph, batch)
        assert_close(executable.run(inputs), oracle(graph, inputs))


def test_rounded_weights_stay_rounded(object_cache: ObjectCache) -> None:
    graph = network()
    options = CompileOptions(tune=False, values=ValueType.BFLOAT16)
    rounded = through_bytes(compile_graph(graph, host_target(), options, object_cache))
    assert rounded.plan.values is ValueType.BFLOAT16
    assert all(0 < layer.rounding <= 2**-8 for layer in rounded.layers)
    again = retune(rounded, host_target(), options_of(rounded, QUICK), object_cache)
    inputs = random_inputs(graph, 20)
    outputs = [
        Executable(model, object_cache, host_target()).run(inputs)["y0"]
        for model in (rounded, again)
    ]
    exact = oracle(graph, inputs)["y0"]
    scale = float(np.abs(exact).max())
    assert np.abs(outputs[0] - outputs[1]).max() <= 1e-5 * scale
    # Far more than float32 would differ, and no more than bfloat16 may.
    assert 1e-4 * scale < np.abs(outputs[0] - exact).max() < 2e-2 * scale


def test_float32_is_the_default_and_exact(object_cache: ObjectCache) -> None:
    model = compile_graph(network(), host_target(), CompileOptions(tune=False), object_cache)
    assert model.plan.values is ValueType.FLOAT32
    assert all(layer.rounding == 0.0 for layer in model.layers)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_plan_is_made_for_any_number_of_threads(object_cache: ObjectCache, threads: int) -> None:
    graph = network()
    options = CompileOptions(tune_seconds=0.1, threads=threads)
    model = through_bytes(compile_graph(graph, host_target(), options, object_cache))
    assert model.plan.threads == threads
    for tile in model.plan.tiles:
        assert (tile.spread_seconds is None) or threads > 1
        assert all(len(choice.parts) <= threads for choice in tile.choices.values())
    assert all((time.threaded_seconds is None) == (threads == 1) for time in model.times)
    for available in (1, threads, 3):
        executable = Executable(model, object_cache, host_target(), available)
        inputs = random_inputs(graph, 70)
        assert_close(executable.run(inputs), oracle(graph, inputs))


@pytest.mark.parametrize("threads", [0, -2])
def test_a_plan_for_no_threads_is_refused(object_cache: ObjectCache, threads: int) -> None:
    options = CompileOptions(tune=False, threads=threads)
    with pytest.raises(ThreadCountError, match="1 or more"):
        compile_graph(network(), host_target(), options, object_cache)


def test_long_layers_are_split_and_short_ones_are_not(long_model: CompiledModel) -> None:
    one, eight, many = long_model.plan.tiles
    assert (one.lanes, eight.lanes, many.lanes) == (1, 8, 32)
    counts = [[len(c.parts) for c in tile.choices.values()] for tile in (one, eight, many)]
    assert counts[2] == [5, 5]
    assert all(a <= b <= c for a, b, c in zip(*counts, strict=True))
    for choice in many.choices.values():
        assert choice.packed is not None
        assert len(choice.packed) == len(choice.parts)
    assert many.shared_seconds is not None
    assert many.shared_seconds < 0.5 * many.seconds


def test_plan_and_modes_pass_through_the_file(
    long_model: CompiledModel, object_cache: ObjectCache
) -> None:
    read = through_bytes(long_model)
    for before, after in zip(long_model.plan.tiles, read.plan.tiles, strict=True):
        for name in ("seconds", "half_seconds", "shared_seconds", "spread_seconds"):
            assert getattr(before, name) == getattr(after, name)
        for number, choice in before.choices.items():
            assert after.choices[number].parts == choice.parts
    assert read.layers == long_model.layers
    schedule = Executable(read, object_cache, host_target(), 5).schedule
    assert schedule.modes[1] in {Mode.ALONE, Mode.SHARED}
    assert schedule.modes[schedule.longest] is Mode.SPREAD


def test_equal_packed_arrays_are_in_memory_and_file_once(object_cache: ObjectCache) -> None:
    b = GraphBuilder(3)
    graph = b.build(b.dense(b.input(64), 64, name="dense"))
    options = CompileOptions(tune=False, buckets=(4, 8), threads=1)
    model = compile_graph(graph, host_target(Isa.AVX2), options, object_cache)
    assert len(model.plan.tiles) == 2
    packed = [
        part.constants["weights"]
        for tile in model.plan.tiles
        for choice in tile.choices.values()
        for part in choice.packed or ()
    ]
    distinct = {array.tobytes() for array in packed}
    assert len({id(array) for array in packed}) == len(distinct)
    fresh = Executable(model, object_cache, host_target(Isa.AVX2))
    read = Executable(through_bytes(model), object_cache, host_target(Isa.AVX2))
    assert read.resident_bytes == fresh.resident_bytes
