"""Steps without weights in parts: each row is written by one part, and computed as the whole step would."""

import itertools

import numpy as np
import pytest

from engine.compiler import CompileOptions
from engine.core.functions import ElementFunction, MergeOp
from engine.core.steps import (
    CopyStep,
    ElementStep,
    MergeStep,
    MoveStep,
    Place,
    PoolStep,
    ReduceStep,
    Step,
    writes,
)
from engine.core.window_steps import Reduction
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.planning.part_ranges import LEAST_NUMBERS
from engine.planning.staged_windows import staged_windows
from engine.planning.step_parts import split_step
from graph.conv_ops import DepthwiseConv
from graph.pooling_ops import GlobalPool, Pool, PoolKind
from graph.resizing_ops import Pad
from graph.windows import Padding
from tests.builders import random_inputs
from tests.engine.compiled import assert_close, compiled, oracle
from tests.engine.spatial_graphs import SpatialBuilder

ROWS = 4 * LEAST_NUMBERS + 5
X, Y = Place(0, 0, ROWS), Place(1, 0, ROWS)
CHANNELS = 4 * LEAST_NUMBERS // 64


@pytest.mark.parametrize(
    "step",
    [
        ElementStep(X, Y, ElementFunction()),
        MergeStep(MergeOp.ADD, (X, X), Y),
        MoveStep(
            Place(0, 0, CHANNELS * 64), Place(1, 0, CHANNELS * 70), "b", CHANNELS, 64, 70, 0.0
        ),
        PoolStep(
            Reduction.MAXIMUM,
            Place(0, 0, CHANNELS * 64),
            Place(1, 0, CHANNELS * 49),
            "t",
            None,
            64,
            (7, 7),
            (8, 1),
        ),
        ReduceStep(Reduction.AVERAGE, Place(0, 0, CHANNELS * 64), Place(1, 0, CHANNELS), 64),
    ],
    ids=lambda step: type(step).__name__,
)
def test_parts_write_the_whole_result_once(step: Step) -> None:
    for threads in (2, 3):
        parts = split_step(step, 1, threads)
        assert len(parts) == threads
        places = [place for part in parts for place in writes(part)]
        assert places[0].first == 0
        assert sum(place.rows for place in places) == writes(step)[0].rows
        for before, after in itertools.pairwise(places):
            assert after.first == before.first + before.rows


def test_short_steps_and_others_stay_whole() -> None:
    short = ElementStep(Place(0, 0, 100), Place(1, 0, 100), ElementFunction())
    assert split_step(short, 4, 8) == (short,)
    copy = CopyStep(X, Y, "index")
    assert split_step(copy, 1, 8) == (copy,)


def test_any_number_of_threads_gives_the_same_bits(object_cache: ObjectCache) -> None:
    b = SpatialBuilder(0)
    x = b.add(Pad(((1, 2), (1, 2))), [b.input(40, 40, 40)])
    x = b.add(Pool(PoolKind.MAX, (2, 2), (2, 2)), [b.dense(x, 48)])
    graph = b.build(b.add(GlobalPool(PoolKind.AVERAGE), [x]), x)
    inputs = random_inputs(graph, 3)
    one, three = (
        compiled(
            graph, object_cache, None, CompileOptions(tune=False, buckets=(1,), threads=threads)
        ).run(inputs)
        for threads in (1, 3)
    )
    for name, array in one.items():
        np.testing.assert_array_equal(array, three[name])


@pytest.mark.parametrize("multiplier", [1, 2])
def test_windows_stage_a_channel_at_a_time(object_cache: ObjectCache, multiplier: int) -> None:
    b = SpatialBuilder(0)
    x = b.input(30, 30, 48)
    op = DepthwiseConv((2, 2), (1, 1), Padding.SAME, use_bias=False)
    y = b.weighted(x, op, (3, 3, 48, multiplier), 0, 0.0)
    pooled = b.add(Pool(PoolKind.AVERAGE, (3, 3), (2, 2), Padding.SAME), [x])
    graph = b.build(y, pooled)
    assert len(staged_windows(build_program(graph))) == 2
    inputs = random_inputs(graph, 5)
    wanted = oracle(graph, inputs)
    for threads in (1, 3):
        for lanes in (1, 4):
            options = CompileOptions(tune=False, buckets=(lanes,), threads=threads)
            assert_close(compiled(graph, object_cache, None, options).run(inputs), wanted)
