"""Networks raced for a report, and whether they are the same code."""

from dataclasses import replace

import numpy as np
import pytest

from engine.compiler import CompileOptions, compile_graph
from engine.core.layers import ValueType
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.target import host_target
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel, TilePlan
from engine.roofline.call_layers import layers_of_calls
from engine.tuning import compare
from engine.tuning.measure import small_enough
from graph.activations import Function
from graph.graph import Graph
from tests.builders import GraphBuilder

BATCHES = (1, 16, 64)


def network(sparsity: float, units: int = 96) -> Graph:
    b = GraphBuilder(3)
    x = b.dense(b.input(80), units, sparsity=sparsity, activation=Function.RELU, name="one")
    return b.build(b.dense(x, 10, name="two"))


def model_of(
    graph: Graph, cache: ObjectCache, *, sparse: bool, values: ValueType = ValueType.FLOAT32
) -> CompiledModel:
    options = CompileOptions(tune=False, allow_sparse=sparse, threads=1, values=values)
    return compile_graph(graph, host_target(), options, cache)


def test_a_network_without_zeros_is_the_same_code_as_dense(object_cache: ObjectCache) -> None:
    full = network(0.0)
    dense = model_of(full, object_cache, sparse=False)
    assert compare.same_code(dense, model_of(full, object_cache, sparse=True), BATCHES) == {
        *BATCHES
    }
    # Other values of the weights make no other code.
    changed = replace(full, weights={n: 0.5 * array for n, array in full.weights.items()})
    other = model_of(changed, object_cache, sparse=True)
    assert compare.same_code(dense, other, BATCHES) == {*BATCHES}


def test_other_kernels_shapes_or_rounding_are_other_code(object_cache: ObjectCache) -> None:
    dense = model_of(network(0.95), object_cache, sparse=False)
    assert not compare.same_code(dense, model_of(network(0.95), object_cache, sparse=True), BATCHES)
    smaller = model_of(network(0.0, units=64), object_cache, sparse=False)
    assert not compare.same_code(dense, smaller, BATCHES)
    assert not compare.same_code(dense, compare.keeping(dense), BATCHES)
    narrow = model_of(network(0.0), object_cache, sparse=False, values=ValueType.BFLOAT16)
    assert 1 not in compare.same_code(dense, narrow, BATCHES), "another kernel reads 16 bits"


def test_two_sparse_networks_are_never_called_the_same(object_cache: ObjectCache) -> None:
    sparse = model_of(network(0.95), object_cache, sparse=True)
    assert compare.same_code(sparse, sparse, BATCHES) == frozenset()


def test_a_dense_twin_has_the_models_kernels_and_the_originals_weights(
    object_cache: ObjectCache,
) -> None:
    full = network(0.0)
    model = model_of(full, object_cache, sparse=True)
    doubled = replace(full, weights={n: 2 * array for n, array in full.weights.items()})
    dense = model_of(doubled, object_cache, sparse=False)
    # As if the two tunings had chosen other widths.
    dense = replace(dense, plan=replace(dense.plan, tiles=dense.plan.tiles[:1]))
    assert compare.same_code(model, dense, BATCHES) != {*BATCHES}
    twin = compare.dense_twin(model, dense)
    assert twin is not None
    assert compare.same_code(model, twin, BATCHES) == {*BATCHES}
    assert twin.program is dense.program


@pytest.mark.parametrize("case", ["sparse", "other shape", "rounded", "keeps subnormals"])
def test_what_is_no_twin_is_raced(object_cache: ObjectCache, case: str) -> None:
    dense = model_of(network(0.0), object_cache, sparse=False)
    model = {
        "sparse": lambda: model_of(network(0.95), object_cache, sparse=True),
        "other shape": lambda: model_of(network(0.0, units=64), object_cache, sparse=True),
        "rounded": lambda: model_of(
            network(0.0), object_cache, sparse=True, values=ValueType.BFLOAT16
        ),
        "keeps subnormals": lambda: compare.keeping(dense),
    }[case]()
    assert compare.dense_twin(model, dense) is None


def test_every_network_is_read_often_enough_for_a_spread(object_cache: ObjectCache) -> None:
    models = [model_of(network(0.9), object_cache, sparse=sparse) for sparse in (False, True)]
    races = compare.race_networks(models, host_target(), object_cache, seconds=0.0)
    assert [race.batch for race in races] == [1, 16, 64, 256]
    for race in races:
        assert len(race.spreads) == 2
        for spread in race.spreads:
            assert spread.count >= compare.LEAST_READINGS
            assert 0 < spread.low_seconds <= spread.median_seconds <= spread.high_seconds


def test_flushed_and_kept_are_both_timed(object_cache: ObjectCache) -> None:
    b = GraphBuilder()
    tiny = np.full((32, 8), 1e-40, np.float32)
    model = model_of(b.build(b.dense(b.input(32), 8, kernel=tiny)), object_cache, sparse=False)
    race = compare.cost_of_subnormals(model, compare.keeping(model), host_target(), object_cache)
    assert race is not None
    assert all(spread.count >= compare.LEAST_READINGS for spread in race.spreads)


def test_layers_of_a_call_are_those_of_its_tiles(object_cache: ObjectCache) -> None:
    model = model_of(network(0.9), object_cache, sparse=True)
    found = layers_of_calls(model, host_target(), object_cache, (1, 64), seconds=0.01)
    for batch in (1, 64):
        assert [layer.name for layer in found[batch]] == ["one", "two"]
        assert all(layer.seconds >= 0 for layer in found[batch])
    widest = max(tile.lanes for tile in model.plan.tiles)
    assert f"_x{widest}__" in found[64][0].kernel
    assert "_x1__" in found[1][0].kernel


def test_batches_that_would_take_long_are_not_timed() -> None:
    program = Program(
        "p", (InputSlot("x", "float32", (4,)),), (OutputSlot("y", (4,)),), (4,), (), {}
    )
    tiles = [TilePlan(1, {}, 0.1), TilePlan(16, {}, 0.32)]
    assert small_enough(program, (1, 16, 64, 256)) == [1, 16, 64, 256]
    assert small_enough(program, (1, 8, 16), tiles) == [1, 8]
    assert small_enough(program, (64, 256), tiles) == [64]
