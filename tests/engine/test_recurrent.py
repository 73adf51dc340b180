"""Recurrent layers against the float64 interpreter: every cell, kernel, level, number of samples, parts and threads."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.compiler import CompileOptions, compile_graph
from engine.core.errors import ProgramError, UnsupportedModelError
from engine.core.places import Place
from engine.core.program import Program
from engine.core.program_check import check_program
from engine.core.program_text import to_text
from engine.core.recurrent_steps import (
    Cell,
    MaskedOutput,
    RecurrentStep,
    SequenceResult,
    blocked_columns,
    scratch_of,
)
from engine.core.target import Isa, available_isas, host_target
from engine.execution.assemble import bind_plan
from engine.execution.native import NativePlan
from engine.execution.runtime import Executable
from engine.execution.workspace import Workspace
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.planning import interleaved
from engine.planning.choose import layer_candidates
from engine.planning.parts import Split, SplitAxis, is_split, split_layer
from engine.planning.plan import CompiledModel, KernelChoice, layer_of
from engine.planning.schedule import Mode
from graph.activations import ActivationFunction, Function
from graph.graph import Graph, Node, Output
from graph.ops import Activation
from graph.recurrent_ops import GruCell, LstmCell, Recurrent, RecurrentResult, SimpleRnnCell
from tests.engine.compiled import UNTUNED, assert_close, compiled, oracle
from tests.engine.recurrent_graphs import masked_inputs, recurrent_graph, recurrent_graphs
from tests.engine.threaded import executable_in

SETTINGS = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def recurrent_step(program: Program) -> tuple[int, RecurrentStep]:
    return next((n, s) for n, s in enumerate(program.steps) if isinstance(s, RecurrentStep))


@pytest.mark.parametrize("isa", available_isas())
@SETTINGS
@given(graph=recurrent_graphs(), lanes=st.sampled_from([1, 4, 8, 16, 32, 64]), data=st.data())
def test_a_layer(
    object_cache: ObjectCache, isa: Isa, graph: Graph, lanes: int, data: st.DataObject
) -> None:
    inputs = masked_inputs(graph, data.draw(st.integers(1, lanes + 1)))
    options = CompileOptions(tune=False, buckets=(lanes,))
    assert_close(compiled(graph, object_cache, isa, options).run(inputs), oracle(graph, inputs))


def with_drawn_kernels(
    model: CompiledModel, data: st.DataObject, isa: Isa, threads: int
) -> CompiledModel:
    tiles = []
    for tile in model.plan.tiles:
        choices = {}
        for number, step in model.program.weighted_steps().items():
            layer = layer_of(model.program, step)
            drawn = data.draw(st.sampled_from(layer_candidates(layer, isa, tile.lanes)))
            split = split_layer(layer, threads, tile.lanes, sparse=drawn.sparse)
            assert is_split(split, step)
            choices[number] = KernelChoice(drawn.spec, drawn.sparse, None, split.parts, split.axis)
        tiles.append(replace(tile, choices=choices))
    return replace(model, plan=replace(model.plan, tiles=tuple(tiles), threads=threads))


@pytest.mark.parametrize("isa", available_isas())
@SETTINGS
@given(graph=recurrent_graphs(), batch=st.integers(1, 20), data=st.data())
def test_any_kernel_and_any_number_of_parts(
    object_cache: ObjectCache, isa: Isa, graph: Graph, batch: int, data: st.DataObject
) -> None:
    inputs = masked_inputs(graph, batch)
    target = host_target(isa)
    model = compile_graph(graph, target, CompileOptions(tune=False, buckets=(1, 16)), object_cache)
    mixed = with_drawn_kernels(model, data, isa, data.draw(st.integers(1, 3)))
    assert_close(Executable(mixed, object_cache, target, 1).run(inputs), oracle(graph, inputs))


@pytest.mark.parametrize("mode", [Mode.SHARED, Mode.SPREAD])
@pytest.mark.parametrize(
    "cell", [LstmCell(), GruCell(), GruCell(reset_after=False), SimpleRnnCell()]
)
def test_threads_change_no_bit(
    object_cache: ObjectCache,
    mode: Mode,
    cell: LstmCell | GruCell | SimpleRnnCell,
) -> None:
    op = Recurrent(cell, result=RecurrentResult.SEQUENCE_AND_STATES, masked=True)
    graph = recurrent_graph(op, 40, 70, sparsity=0.8)
    target = host_target()
    model = compile_graph(graph, target, UNTUNED, object_cache)
    _, step = recurrent_step(model.program)
    split = split_layer(layer_of(model.program, step), 3, 1, sparse=True)
    assert len(split.parts) == (2 if cell == GruCell(reset_after=False) else 3)
    parts = with_parts(model, 3)
    inputs = masked_inputs(graph, 20)
    one = Executable(parts, object_cache, target, 1).run(inputs)
    alone = executable_in(Mode.ALONE, parts, object_cache, target)
    assert_equal(alone.run(inputs), one)
    several = executable_in(mode, parts, object_cache, target)
    for _ in range(3):
        assert_equal(several.run(inputs), one)
    assert_close(one, oracle(graph, inputs))


def with_parts(model: CompiledModel, count: int) -> CompiledModel:
    tiles = []
    for tile in model.plan.tiles:
        choices = {}
        for number, choice in tile.choices.items():
            layer = layer_of(model.program, model.program.weighted_steps()[number])
            split = split_layer(layer, count, tile.lanes, sparse=choice.sparse)
            choices[number] = replace(choice, packed=None, parts=split.parts, axis=split.axis)
        tiles.append(replace(tile, choices=choices))
    return replace(model, plan=replace(model.plan, tiles=tuple(tiles), threads=count))


def assert_equal(actual: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    for name, array in wanted.items():
        np.testing.assert_array_equal(actual[name], array)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("lanes", [1, 4, 16])
def test_what_the_arena_held_before_is_not_read(
    object_cache: ObjectCache, isa: Isa, lanes: int
) -> None:
    op = Recurrent(
        LstmCell(), masked=True, result=RecurrentResult.SEQUENCE_AND_STATES, use_recurrent_bias=True
    )
    graph = recurrent_graph(op, 5, 21, sparsity=0.6)
    target = host_target(isa)
    model = compile_graph(graph, target, CompileOptions(tune=False, buckets=(lanes,)), object_cache)
    (tile,) = bind_plan(model.program, model.plan)
    native = NativePlan([tile], [0, 0], target, object_cache)
    workspace = Workspace(native.arena_bytes, len(graph.inputs), 1)
    workspace.arena[:] = np.nan
    inputs = masked_inputs(graph, lanes)
    output = np.empty((lanes, 7, 21), np.float32)
    arrays = (*(inputs[slot.name] for slot in model.program.inputs), output)
    native.run(workspace.request(native.address, arrays, lanes))
    assert_close({graph.outputs[0].name: output}, oracle(graph, inputs))


@pytest.mark.parametrize("cell", [LstmCell(), GruCell()])
def test_a_thousand_steps_of_time_stay_within_the_tolerance(
    object_cache: ObjectCache, cell: LstmCell | GruCell
) -> None:
    op = Recurrent(cell, result=RecurrentResult.SEQUENCE)
    graph = recurrent_graph(op, 1000, 24, sparsity=0.5)
    inputs = masked_inputs(graph, 3)
    assert_close(compiled(graph, object_cache).run(inputs), oracle(graph, inputs))


def test_a_mask_that_is_never_set_gives_zeros_and_the_initial_state(
    object_cache: ObjectCache,
) -> None:
    op = Recurrent(
        GruCell(), masked=True, stateful_inputs=True, result=RecurrentResult.SEQUENCE_AND_STATES
    )
    graph = recurrent_graph(op, 3, 5)
    inputs = masked_inputs(graph, 1)
    (result,) = compiled(graph, object_cache).run(inputs).values()
    np.testing.assert_array_equal(result[0, :3], 0)
    np.testing.assert_array_equal(result[0, 3], inputs["state0"][0])


def test_a_function_over_all_units_is_refused() -> None:
    op = Recurrent(SimpleRnnCell(ActivationFunction(Function.SOFTMAX)))
    with pytest.raises(UnsupportedModelError, match="'recurrent': there is no kernel for softmax"):
        build_program(recurrent_graph(op, 2, 3))


def test_an_activation_behind_the_layer_is_not_taken_for_its_own() -> None:
    graph = recurrent_graph(Recurrent(LstmCell()), 2, 3)
    node = Node("relu", Activation(ActivationFunction(Function.RELU)), ("recurrent",), ())
    graph = replace(graph, nodes=(*graph.nodes, node), outputs=(Output("relu", "relu"),))
    text = to_text(build_program(graph))
    assert "lstm+tanh+sigmoid x2 last" in text
    assert "= relu(" in text


def test_columns_in_blocks_are_all_columns_once() -> None:
    for cell in Cell:
        for hidden in (1, 15, 16, 17, 40):
            columns = blocked_columns(cell, hidden)
            assert sorted(columns.tolist()) == list(range(cell.gates * hidden))
    assert blocked_columns(Cell.GRU, 18)[48:].tolist() == [16, 17, 34, 35, 52, 53]
    assert blocked_columns(Cell.GRU_BEFORE, 2).tolist() == [0, 1, 2, 3, 4, 5]


def checked(step: RecurrentStep, program: Program) -> None:
    number, _ = recurrent_step(program)
    steps = (*program.steps[:number], step, *program.steps[number + 1 :])
    check_program(replace(program, steps=steps))


@pytest.fixture(scope="module")
def program() -> Program:
    op = Recurrent(LstmCell(), masked=True, stateful_inputs=True, use_recurrent_bias=True)
    return build_program(recurrent_graph(op, 4, 6))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"times": 0}, "at 0 steps of time"),
        ({"times": 5}, "at 5 steps of time"),
        ({"times": 2}, "6 rows of results, not 12"),
        ({"cell": Cell.GRU}, "6 rows of results, not 8"),
        ({"result": SequenceResult.SEQUENCE}, "6 rows of results, not 24"),
        ({"masked": MaskedOutput.NONE}, "a mask and what it does come together"),
        ({"mask": None}, "a mask and what it does come together"),
        ({"masked": MaskedOutput.ZERO}, "rows of scratch"),
        ({"nonzeros": -1}, "weights are not zero"),
        ({"nonzeros": 145}, "weights are not zero"),
        ({"kernel": "dense_0/bias"}, "should be float32"),
        ({"bias": "nothing"}, "is not there"),
    ],
)
def test_a_step_that_does_not_fit_is_refused(
    program: Program, change: dict[str, object], problem: str
) -> None:
    _, step = recurrent_step(program)
    changed = replace(step, **change)  # type: ignore[arg-type]
    with pytest.raises(ProgramError, match=problem):
        checked(changed, program)


def test_places_of_other_sizes_are_refused(program: Program) -> None:
    _, step = recurrent_step(program)
    one = step.initial[0]
    for changed, problem in [
        (replace(step, initial=(one,)), "1 initial states, not 2"),
        (replace(step, initial=(one, one.part(0, 5))), "does not have 6 rows"),
        (replace(step, scratch=step.scratch.part(0, 16)), "16 rows of scratch"),
        (replace(step, mask=Place(step.x.buffer, 0, 3)), "3 rows of a mask"),
    ]:
        with pytest.raises(ProgramError, match=problem):
            checked(changed, program)


def test_scratch_that_is_not_aligned_is_refused(program: Program) -> None:
    _, step = recurrent_step(program)
    rows = scratch_of(step.cell, step.masked, step.hidden).rows
    wide = replace(program, buffers=(*program.buffers, rows + 16))
    place = Place(len(program.buffers), 4, rows)
    with pytest.raises(ProgramError, match="does not start on a cache line"):
        checked(replace(step, scratch=place), wide)


@pytest.mark.parametrize(
    ("ends", "holds"),
    [([96], True), ([64, 96], True), ([32, 96], False), ([64, 96, 128], False)],
)
def test_parts_are_whole_blocks_of_units(ends: list[int], holds: bool) -> None:
    _, step = recurrent_step(build_program(recurrent_graph(Recurrent(LstmCell()), 4, 24)))
    parts = tuple(range(*pair) for pair in zip((0, *ends[:-1]), ends, strict=True))
    assert is_split(Split(SplitAxis.UNITS, parts), step) is holds
    assert not is_split(Split(SplitAxis.POSITIONS, (range(4),)), step)
    long = replace(step, x=replace(step.x, rows=96 * 5000), times=5000)
    assert is_split(Split(SplitAxis.UNITS, parts), long) is (ends == [96])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("cell", [LstmCell(), GruCell(reset_after=False)])
def test_projections_are_computed_between_the_steps_of_time(
    object_cache: ObjectCache,
    monkeypatch: pytest.MonkeyPatch,
    cell: LstmCell | GruCell,
    backwards: bool,
    threads: int,
) -> None:
    op = Recurrent(cell, go_backwards=backwards, masked=True, result=RecurrentResult.SEQUENCE)
    graph = recurrent_graph(op, 11, 40, sparsity=0.5)
    target = host_target()
    model = with_parts(compile_graph(graph, target, UNTUNED, object_cache), threads)
    inputs = masked_inputs(graph, 20)
    number, step = recurrent_step(model.program)
    (dense,) = interleaved.interleaved_projections(model.program).values()
    at_once = Executable(model, object_cache, target, 1).run(inputs)
    # Three steps of time of one sample, one of more.
    monkeypatch.setattr(interleaved, "_CHUNK_BYTES", 3 * step.units * 4)
    assert [len(chunk) for chunk in interleaved.chunks_of(step, 1)] == [3, 3, 3, 2]
    for tile in bind_plan(model.program, model.plan):
        assert tile.phases_of(dense) == ()
        assert len(tile.phases_of(number)) > 4
    for tile in bind_plan(model.program, model.plan, interleaves=False):
        assert len(tile.phases_of(dense)) == 1
    found = Executable(model, object_cache, target, 1).run(inputs)
    assert_equal(found, at_once)
    assert_close(found, oracle(graph, inputs))


def test_a_projection_that_others_read_is_computed_at_once() -> None:
    graph = recurrent_graph(Recurrent(LstmCell()), 4, 5)
    graph = replace(graph, outputs=(*graph.outputs, Output("all", "dense_0")))
    assert not interleaved.interleaved_projections(build_program(graph))
    once = recurrent_graph(Recurrent(LstmCell()), 1, 5)
    assert not interleaved.interleaved_projections(build_program(once))
