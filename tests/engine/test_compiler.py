"""Compiling with and without timing: plans, reports, the dense baseline, other CPUs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import limits
from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.errors import UnsupportedModelError
from engine.execution.assemble import layer_key
from engine.kernels.abi import Candidate, DenseLayer, ElementFunction, KernelSpec, PackedLayer
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.planning.choose import (
    default_plan,
    fitting_widths,
    layer_parts,
    part_count,
    tile_width,
    tile_widths,
    worth_timing,
)
from engine.planning.plan import CompiledModel, KernelChoice
from engine.program import DenseStep, Place
from engine.runtime import Executable, load
from engine.target import Isa, available_isas, host_target
from engine.tuning.tune import copies_for, pick, task_key
from graph.activations import Function
from graph.graph import Graph
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import UNTUNED, assert_close, oracle

QUICK = CompileOptions(tune_seconds=0.5)
WIDTHS = [tile_width(bucket, host_target().isa) for bucket in QUICK.buckets]


def network(sparsity: float) -> Graph:
    b = GraphBuilder(2)
    x = b.dense(b.input(256), 256, sparsity=sparsity, activation=Function.RELU, name="one")
    return b.build(b.dense(x, 256, sparsity=sparsity, activation=Function.RELU, name="two"))


@pytest.fixture(scope="module")
def tuned(object_cache: ObjectCache) -> CompiledModel:
    return compile_graph(network(0.97), host_target(), QUICK, object_cache)


def test_tuning_measures_every_layer_and_width(tuned: CompiledModel) -> None:
    assert tuned.plan.tuned
    assert tuned.plan.cpu_name == host_target().cpu_name
    assert [layer.name for layer in tuned.layers] == ["one", "two"]
    for layer in tuned.layers:
        assert (layer.op, layer.inputs, layer.units) == ("dense+relu", 256, 256)
        assert layer.sparsity == pytest.approx(1 - layer.nonzeros / 65536)
        assert [bucket.lanes for bucket in layer.buckets] == WIDTHS
        for bucket in layer.buckets:
            assert bucket.dense_seconds is not None
            assert bucket.sparse_seconds is not None
            assert bucket.seconds in (bucket.dense_seconds, bucket.sparse_seconds)
            assert bucket.bytes > 4 * layer.nonzeros


def test_very_sparse_layers_run_sparse(tuned: CompiledModel) -> None:
    for layer in tuned.layers:
        for bucket in layer.buckets:
            assert bucket.sparse
            assert "dense" not in bucket.kernel


def test_the_whole_network_is_timed_beside_its_dense_baseline(tuned: CompiledModel) -> None:
    assert [time.batch for time in tuned.times] == [1, 16, 64, 256]
    for time in tuned.times:
        assert time.dense_seconds is not None
        assert 0 < time.seconds < time.dense_seconds


def test_dense_layers_run_dense(object_cache: ObjectCache) -> None:
    model = compile_graph(network(0.0), host_target(), QUICK, object_cache)
    for layer in model.layers:
        for bucket in layer.buckets:
            assert not bucket.sparse


@pytest.mark.parametrize("tune", [False, True])
def test_the_dense_baseline_has_no_sparse_kernel(object_cache: ObjectCache, tune: bool) -> None:
    options = CompileOptions(tune=tune, tune_seconds=0.2, allow_sparse=False)
    model = compile_graph(network(0.97), host_target(), options, object_cache)
    choices = [c for tile in model.plan.tiles for c in tile.choices.values()]
    assert len(choices) == 2 * len(WIDTHS)
    assert not any(choice.sparse for choice in choices)


def test_without_tuning_nothing_is_timed(object_cache: ObjectCache) -> None:
    model = compile_graph(network(0.97), host_target(), UNTUNED, object_cache)
    assert not model.plan.tuned
    assert model.times == ()
    assert model.layers[0].buckets[0].seconds is None
    assert all(c.packed for tile in model.plan.tiles for c in tile.choices.values())


def test_without_time_the_best_guess_is_kept(object_cache: ObjectCache) -> None:
    options = CompileOptions(tune_seconds=0.0)
    model = compile_graph(network(0.97), host_target(), options, object_cache)
    assert not model.plan.tuned
    assert len(model.times) == 4


def test_a_network_without_dense_layers_is_compiled_too(object_cache: ObjectCache) -> None:
    b = GraphBuilder()
    graph = b.build(b.activation(b.input(30), Function.TANH))
    model = compile_graph(graph, host_target(), QUICK, object_cache)
    assert model.layers == ()
    assert [time.batch for time in model.times] == [1, 16, 64, 256]
    inputs = random_inputs(graph, 70)
    executable = load(parse_artifact(artifact_bytes(model)), object_cache)
    assert executable.is_tuned_here  # or every start of the service would tune it again
    assert_close(executable.run(inputs), oracle(graph, inputs))


def test_a_tuned_model_computes_what_the_oracle_does(
    object_cache: ObjectCache, tuned: CompiledModel
) -> None:
    executable = load(parse_artifact(artifact_bytes(tuned)), object_cache)
    assert executable.is_tuned_here
    assert executable.plan == tuned.layers
    assert executable.times == tuned.times
    inputs = random_inputs(network(0.97), 81)
    assert_close(executable.run(inputs), oracle(network(0.97), inputs))


@pytest.mark.parametrize("isa", available_isas())
def test_an_artifact_runs_on_another_instruction_set(
    object_cache: ObjectCache, tuned: CompiledModel, isa: Isa
) -> None:
    artifact = parse_artifact(artifact_bytes(tuned))
    executable = load(artifact, object_cache, host_target(isa))
    assert executable.is_tuned_here is (isa is host_target().isa)
    inputs = random_inputs(network(0.97), 19)
    assert_close(executable.run(inputs), oracle(network(0.97), inputs))


def test_progress_is_told_stage_by_stage(object_cache: ObjectCache) -> None:
    told: list[tuple[str, float]] = []
    compile_graph(
        network(0.9), host_target(), QUICK, object_cache, lambda *stage: told.append(stage)
    )
    assert list(dict.fromkeys(stage for stage, _ in told)) == ["lower", "tune", "pack", "measure"]
    shares = [share for stage, share in told if stage == "tune"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def choice(sparse: bool) -> KernelChoice:
    return KernelChoice(KernelSpec("f", Isa.AVX2, 1), sparse, None, (range(8),))


STEP = DenseStep("d", Place(0, 0, 8), Place(1, 0, 8), "k", None, 1, 2000, ElementFunction())


@pytest.mark.parametrize(
    ("kinds", "seconds", "chosen", "dense"),
    [
        ((True, False), (0.90, 1.0), 0, 1),
        ((True, False), (0.91, 1.0), 1, 1),
        ((True, True, False), (0.5, 0.4, 1.0), 1, 2),
        ((False, True, False), (1.0, 0.95, 1.1), 0, 0),
        ((True, True), (2.0, 1.0), 1, 1),
        ((False,), (1.0,), 0, 0),
    ],
)
def test_dense_wins_unless_sparse_is_a_tenth_faster(
    kinds: tuple[bool, ...], seconds: tuple[float, ...], chosen: int, dense: int
) -> None:
    choices = [choice(sparse) for sparse in kinds]
    result = pick(layer_key(STEP), choices, seconds)
    assert result.chosen is choices[chosen]
    assert result.dense is choices[dense]


def test_layers_of_one_shape_and_about_as_many_nonzeros_are_one_class() -> None:
    def candidate(family: str) -> Candidate:
        spec = KernelSpec(family, Isa.AVX2, 1)
        return Candidate(spec, True, lambda _: PackedLayer({}, {}, 0, 0), 1.0)

    one, two = candidate("one"), candidate("two")
    key = task_key(STEP, 1, [one, two])
    assert key == task_key(replace(STEP, kernel="other", nonzeros=2050), 1, [two, one])
    assert key != task_key(replace(STEP, nonzeros=2400), 1, [one, two])
    assert key != task_key(STEP, 16, [one, two])
    assert key != task_key(replace(STEP, x=Place(0, 0, 9)), 1, [one, two])
    assert key != task_key(STEP, 1, [one])


def test_layers_alike_in_all_but_the_places_of_their_zeros_are_tuned_each_for_itself(
    object_cache: ObjectCache,
) -> None:
    """Kernels for blocks suit the first one only, and are the best it can have."""
    rng = np.random.default_rng(4)
    kept = np.repeat(rng.random((512, 32)) < 0.1, 16, axis=1)
    blocks = np.where(kept, rng.standard_normal(kept.shape), 0) / 8
    b = GraphBuilder()
    first = b.dense(b.input(512), 512, kernel=blocks)
    graph = b.build(b.dense(first, 512, kernel=rng.permutation(blocks.ravel()).reshape(512, 512)))
    model = compile_graph(graph, host_target(), QUICK, object_cache)
    inputs = random_inputs(graph, 9)
    ready = Executable(model, object_cache, host_target())
    assert_close(ready.run(inputs), oracle(graph, inputs))


@pytest.mark.parametrize(
    ("buckets", "isa", "widths"),
    [
        ((1, 16, 64), Isa.AVX512, (1, 16, 64)),
        ((64, 1, 1, 0), Isa.AVX2, (1, 64)),
        ((5, 9), Isa.AVX2, (8, 16)),
        ((2, 3), Isa.GENERIC, (4,)),
        ((5, 9), Isa.GENERIC, (8, 12)),
        ((1, 3, 5, 8, 9, 17), Isa.AVX512, (1, 4, 8, 16, 32)),
        (CompileOptions().buckets, Isa.AVX512, (1, 4, 8, 16, 32)),
        ((10_000,), Isa.AVX512, (limits.MAX_LANES,)),
    ],
)
def test_buckets_become_widths_that_kernels_have(
    buckets: tuple[int, ...], isa: Isa, widths: tuple[int, ...]
) -> None:
    assert tile_widths(buckets, isa) == widths


def test_widths_that_do_not_fit_into_memory_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = build_program(network(0.9))
    monkeypatch.setattr(limits, "MAX_ARENA_BYTES", 16 * 512 * 4)
    assert fitting_widths(program, (1, 16, 64)) == (1, 16)
    monkeypatch.setattr(limits, "MAX_ARENA_BYTES", 100)
    with pytest.raises(UnsupportedModelError, match="do not fit into memory"):
        fitting_widths(program, (1, 16, 64))


def test_the_estimate_grows_with_work() -> None:
    def estimates(sparsity: float) -> list[float]:
        program = build_program(network(sparsity))
        plan = default_plan(program, host_target(), (1, 64))
        return [tile.seconds for tile in plan.tiles]

    thin, thick = estimates(0.99), estimates(0.5)
    assert thin[0] < thick[0] < thick[1] < 64 * thick[0]


def test_copies_of_a_layer_fill_the_caches_like_its_network() -> None:
    assert copies_for(300_000, 3, 2_000_000) == 3
    assert copies_for(1_000, 10, 2_000_000) == 10
    # More than a cache holds is as much as it takes.
    assert copies_for(300_000, 100, 2_000_000) == 7
    assert copies_for(5_000_000, 3, 2_000_000) == 1
    assert copies_for(0, 1, 2_000_000) == 1


@pytest.mark.parametrize(
    ("nanoseconds", "threads", "parts"),
    [
        (1_900, 2, 1),
        (2_000, 2, 2),
        (4_600, 2, 2),
        (2_000, 8, 2),
        (8_000, 8, 4),
        (40_000, 8, 8),
        (100_000, 64, 20),
        (9e9, 64, limits.MAX_PARTS),
    ],
)
def test_short_layers_have_fewer_parts_than_threads(
    nanoseconds: float, threads: int, parts: int
) -> None:
    layer = DenseLayer(np.ones((4, 1024), np.float32), None)
    spec = KernelSpec("f", Isa.AVX2, 1)
    candidate = Candidate(spec, True, lambda _: PackedLayer({}, {}, 0, 0), nanoseconds)
    assert part_count(layer, candidate, threads) == parts
    assert len(layer_parts(layer, parts, sparse=True)) == parts
    # Parts of a layer that is applied several times to a sample would not lie side by side.
    assert part_count(replace(layer, positions=2), candidate, threads) == 1


@given(units=st.integers(1, 2000), count=st.integers(1, 32))
def test_dense_layers_are_cut_evenly(units: int, count: int) -> None:
    layer = DenseLayer(np.ones((3, units), np.float32), None)
    assert layer_parts(layer, count, sparse=False) == layer_parts(layer, count, sparse=True)


def test_what_is_estimated_hopeless_is_not_timed_but_both_kinds_are() -> None:
    def candidate(sparse: bool, nanoseconds: float) -> Candidate:
        spec = KernelSpec("f", Isa.AVX2, 1)
        return Candidate(spec, sparse, lambda _: PackedLayer({}, {}, 0, 0), nanoseconds)

    best, near, far = candidate(True, 1.0), candidate(True, 2.9), candidate(True, 3.1)
    dense, worse = candidate(False, 20.0), candidate(False, 30.0)
    assert worth_timing([best, near, far, dense, worse]) == (best, near, dense)
    assert worth_timing([dense, worse]) == (dense, worse)
    assert worth_timing([candidate(False, 1.0), far, candidate(True, 4.0)])[1:] == (far,)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("units", [1, 300])
def test_tuning_for_any_number_of_threads_gives_a_plan(
    object_cache: ObjectCache, threads: int, units: int
) -> None:
    b = GraphBuilder(1)
    graph = b.build(b.dense(b.input(300), units, sparsity=0.9))
    options = CompileOptions(tune_seconds=0.1, threads=threads)
    model = compile_graph(graph, host_target(), options, object_cache)
    assert (model.plan.tuned, model.plan.threads) == (True, threads)
    inputs = random_inputs(graph, 37)
    ready = Executable(model, object_cache, host_target(), threads)
    assert_close(ready.run(inputs), oracle(graph, inputs))
