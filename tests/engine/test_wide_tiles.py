"""Tiles of 64 samples: tried by tuning where estimates say that they pay, kept where measurements do."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.core.program import Program
from engine.core.rates import default_rates
from engine.core.target import Isa, Target, host_target
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.planning.choose import (
    DEFAULT_BUCKETS,
    WIDE_BUCKET,
    WIDE_GUESS_MUST_REACH,
    default_plan,
    tile_widths,
    wide_width,
    without_idle_width,
)
from engine.planning.plan import ExecutionPlan, TilePlan
from engine.tuning import planner
from engine.tuning.measure import MeasuredPlans, measure_tiles
from engine.tuning.planner import CompileOptions, plan_program
from graph.activations import Function
from tests.builders import GraphBuilder

TUNED = CompileOptions(threads=1, tune_seconds=0.05)


def tiles_of(**seconds: float) -> tuple[TilePlan, ...]:
    return tuple(TilePlan(int(lanes[1:]), {}, time) for lanes, time in seconds.items())


def program_of(share_of_zeros: float) -> Program:
    b = GraphBuilder(0)
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((256, 256))
    kernel[rng.random(kernel.shape) < share_of_zeros] = 0
    return build_program(
        b.build(b.dense(b.input(256), 256, kernel=kernel, activation=Function.RELU))
    )


@pytest.mark.parametrize(
    ("wide_seconds", "kept"), [(1.0, True), (1.9, True), (1.91, False), (2.5, False)]
)
def test_a_wide_tile_stays_where_a_sample_takes_less(wide_seconds: float, kept: bool) -> None:
    tiles = tiles_of(x1=0.2, x32=1.0, x64=wide_seconds)
    assert without_idle_width(tiles, (64,), 0.95) == (tiles if kept else tiles[:-1])


def test_what_was_asked_for_stays() -> None:
    tiles = tiles_of(x32=1.0, x64=9.0)
    assert without_idle_width(tiles, (), 0.95) == tiles
    assert without_idle_width(tiles[1:], (64,), 0.95) == tiles[1:]
    assert without_idle_width(tiles[:1], (64,), 0.95) == tiles[:1]
    assert wide_width((1, 64), Isa.AVX512) == ()
    assert wide_width(DEFAULT_BUCKETS, Isa.AVX512) == (WIDE_BUCKET,)


def test_plans_without_tuning_have_the_widths_that_were_asked_for(
    object_cache: ObjectCache,
) -> None:
    options = replace(TUNED, tune=False)
    plan = plan_program(program_of(0.8), host_target(), options, object_cache).plan
    assert [t.lanes for t in plan.tiles] == list(tile_widths(DEFAULT_BUCKETS, plan.isa))


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_what_measures_faster_is_kept(
    share: float, object_cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample in the wide tile is told to take a share of what it takes in the next width."""

    def told(*arguments: Any) -> MeasuredPlans:
        plans = measure_tiles(*arguments)
        *others, widest = plans.chosen.tiles
        assert widest.lanes == WIDE_BUCKET
        seconds = share * others[-1].seconds / others[-1].lanes * widest.lanes
        tiles = (*others, replace(widest, seconds=seconds))
        return replace(plans, chosen=replace(plans.chosen, tiles=tiles))

    def wide(
        tiles: tuple[TilePlan, ...], lanes: tuple[int, ...], must_reach: float
    ) -> tuple[TilePlan, ...]:
        # The estimates of this host's level may not offer the width: the first question is answered with yes.
        asked.append(tiles)
        return tiles if len(asked) == 1 else without_idle_width(tiles, lanes, must_reach)

    asked: list[tuple[TilePlan, ...]] = []
    monkeypatch.setattr(planner, "measure_tiles", told)
    monkeypatch.setattr(planner, "without_idle_width", wide)
    model = plan_program(program_of(0.8), host_target(), TUNED, object_cache)
    lanes = [t.lanes for t in model.plan.tiles]
    assert (WIDE_BUCKET in lanes) == (share < 1)
    assert [bucket.lanes for bucket in model.layers[0].buckets] == lanes


def test_a_width_that_estimates_do_not_want_is_not_tuned(
    object_cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dense layer takes as long per sample in any tile that fills registers."""
    monkeypatch.setattr(planner, "host_rates", lambda target, cache: default_rates(target))
    asked: list[list[int]] = []
    tune = planner.tune

    def watched(program: Program, target: Target, request: Any, *rest: Any) -> Any:
        asked.append(list(request.widths))
        return tune(program, target, request, *rest)

    monkeypatch.setattr(planner, "tune", watched)
    plan_program(program_of(0.0), host_target(), TUNED, object_cache)
    assert asked == [list(tile_widths(DEFAULT_BUCKETS, host_target().isa))]


def test_estimates_want_wide_tiles_of_sparse_layers_with_wide_registers() -> None:
    target = replace(host_target(), isa=Isa.AVX512, l1d_bytes=49_152, l2_bytes=2**21)
    widths = (*tile_widths(DEFAULT_BUCKETS, target.isa), WIDE_BUCKET)

    def wanted(share_of_zeros: float) -> bool:
        plan: ExecutionPlan = default_plan(program_of(share_of_zeros), target, widths)
        return without_idle_width(plan.tiles, (WIDE_BUCKET,), WIDE_GUESS_MUST_REACH) == plan.tiles

    assert [wanted(share) for share in (0.0, 0.5, 0.8, 0.999)] == [False, True, True, False]
