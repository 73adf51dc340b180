"""Times of layers inside whole calls."""

import time

import pytest

from engine.core.target import Isa, available_isas, host_target
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.planning.choose import default_plan
from engine.roofline.layer_times import time_layers
from graph.activations import Function
from tests.builders import GraphBuilder


@pytest.mark.parametrize("isa", available_isas())
def test_every_dense_layer_of_every_width_has_a_time(isa: Isa, object_cache: ObjectCache) -> None:
    builder = GraphBuilder(seed=1)
    x = builder.input(300, name="x")
    large = builder.dense(x, 400, sparsity=0.8, activation=Function.RELU)
    small = builder.dense(large, 16)
    program = build_program(builder.build(builder.activation(small, Function.SOFTMAX)))
    target = host_target(isa)
    plan = default_plan(program, target, (1, 16))
    tiles = time_layers(program, plan, target, object_cache, 0.05)
    assert [tile.lanes for tile in tiles] == [1, 16]
    for tile in tiles:
        first, second = tile.layers
        assert [first.number, second.number] == list(program.weighted_steps())
        assert (first.weights, second.weights) == (120_000, 6_400)
        assert first.nonzeros == program.weighted_steps()[first.number].nonzeros
        assert first.seconds > 0
        assert second.seconds > 0
        assert first.seconds + second.seconds <= tile.seconds
        assert len(tile.steps) == len(program.steps)
        assert [tile.steps[layer.number] for layer in tile.layers] == [
            first.seconds,
            second.seconds,
        ]
        assert sum(tile.steps) == pytest.approx(tile.seconds)
        assert tile.resident_bytes >= first.bytes + second.bytes


def test_the_time_is_that_of_a_call(object_cache: ObjectCache) -> None:
    builder = GraphBuilder(seed=2)
    x = builder.input(512, name="x")
    program = build_program(builder.build(builder.dense(x, 2048, sparsity=0.5)))
    target = host_target()
    plan = default_plan(program, target, (16,))
    start = time.perf_counter()
    (tile,) = time_layers(program, plan, target, object_cache, 0.1)
    # No CPU multiplies faster than 128 pairs a cycle at 10 GHz, and no call is longer than all of them.
    assert 16 * 512 * 2048 * 0.5 / (128 * 10e9) < tile.seconds < time.perf_counter() - start
