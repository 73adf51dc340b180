"""Estimates: work over a core's rates, which are measured on the host or stand in for one."""

import math

import numpy as np
import pytest

from engine.core.functions import ElementFunction, FusedActivation
from engine.core.layers import ConvLayer, DenseLayer
from engine.core.rates import (
    DEFAULT_UNCERTAINTY,
    MEASURED_UNCERTAINTY,
    Level,
    Moved,
    Rates,
    Work,
    default_rates,
)
from engine.core.target import Isa, available_isas, host_target
from engine.kernels.registry import kernel_candidates
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.planning.choose import copies_of, default_plan, worth_timing
from engine.tuning import host_rates as measuring
from engine.tuning import planner
from engine.tuning.clocks import restart_clocks
from engine.tuning.planner import CompileOptions, plan_program
from tests.engine.deep import deep_graph

RATES = Rates(
    vector_floats=4,
    products=10.0,
    permuted=5.0,
    gathered=2.0,
    picked=1.0,
    levels=(Level(1_000, 16.0), Level(10_000, 4.0), Level(None, 1.0)),
)
# Readings of one core of a Sapphire Rapids, and of one of a Zen 4 (docs/kernels.md).
SAPPHIRE_RAPIDS = Rates(
    16, 117.0, 62.0, 6.8, 5.4, (Level(49_152, 335.0), Level(2**21, 184.0), Level(None, 30.0)), 1.5
)
ZEN4 = Rates(
    16, 58.0, 59.0, 2.7, 5.0, (Level(32_768, 230.0), Level(2**20, 110.0), Level(None, 60.0)), 1.5
)


def random_layer(inputs: int, units: int, density: float) -> DenseLayer:
    rng = np.random.default_rng(0)
    kernel = (rng.random((inputs, units), np.float32) < density).astype(np.float32)
    return DenseLayer(kernel, nonzeros=int(np.count_nonzero(kernel)))


def pointwise(channels: int, edge: int) -> ConvLayer:
    kernel = np.eye(channels, dtype=np.float32)
    sizes, taps = (edge, edge), np.zeros(1, np.uint32)
    function = ElementFunction(FusedActivation.RELU)
    return ConvLayer(kernel, None, taps, 1, edge * edge, sizes, (edge, 1), function)


def test_operations_add_up_and_loads_are_done_beside_them() -> None:
    work = Work(products=100, permuted=50, gathered=20, picked=10)
    assert RATES.nanoseconds(work) == pytest.approx(10 + 10 + 10 + 10)
    # A vector is 16 bytes, which the nearest cache gives each nanosecond.
    assert RATES.nanoseconds(Work(products=100, loads=7)) == pytest.approx(10)
    assert RATES.nanoseconds(Work(products=100, loads=30)) == pytest.approx(30)


def test_bytes_cost_what_their_level_of_cache_gives() -> None:
    for size, expected in [(1_000, 0.0), (1_001, 100.0), (10_000, 100.0), (10_001, 400.0)]:
        assert RATES.nanoseconds(Work(moved=(Moved(400, size),))) == pytest.approx(expected)
    both = Work(products=300, moved=(Moved(160, 5_000),))
    assert RATES.nanoseconds(both) == pytest.approx(math.hypot(30, 40))


def test_other_layers_push_weights_out_of_a_cache_but_not_values() -> None:
    weights, values = (Work(moved=(Moved(400, 900, one),)) for one in (True, False))
    assert [RATES.nanoseconds(weights, copies) for copies in (1, 2, 20)] == [0, 100, 400]
    assert RATES.nanoseconds(values, 20) == 0


def test_a_last_level_of_known_size_holds_everything() -> None:
    only = Rates(4, 1.0, 1.0, 1.0, 1.0, (Level(10, 2.0),))
    assert only.home(10**9) is only.levels[0]


def test_default_rates_depend_on_nothing_measured() -> None:
    for isa in available_isas():
        target = host_target(isa)
        assert default_rates(target) == default_rates(target)
        assert default_rates(target).levels[1].size_bytes == target.l2_bytes
        assert default_rates(isa).vector_floats == isa.vector_floats
        assert default_rates(isa).uncertainty == DEFAULT_UNCERTAINTY


@pytest.mark.parametrize("isa", available_isas())
def test_measured_rates_are_plausible(
    isa: Isa, object_cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRUNUS_TUNING_SEED", raising=False)
    restart_clocks()
    rates = measuring.measure_rates(host_target(isa), object_cache)
    # The slowest CPU there is multiplies 10^8 times a second; none 10^13 times.
    for rate in (rates.products, rates.permuted, rates.gathered, rates.picked):
        assert 0.01 < rate < 1e4
    assert [level.size_bytes is None for level in rates.levels] == [False, False, True]
    assert all(0.01 < level.bytes_per_ns < 1e5 for level in rates.levels)
    assert rates.uncertainty == MEASURED_UNCERTAINTY


def test_a_clock_that_stands_still_does_not_stretch_readings(
    object_cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, longest = measuring.run_loop, 0

    def watched(library: object, loop: measuring.Loop, *rest: object) -> float:
        nonlocal longest
        longest = max(longest, loop.repeats * loop.work)
        loop.repeats, repeats = 1, loop.repeats  # what matters is how much is asked for
        run(library, loop, *rest)  # type: ignore[arg-type]
        loop.repeats = repeats
        return 1e-9

    monkeypatch.setattr(measuring, "run_loop", watched)
    measuring.measure_rates(host_target(), object_cache)
    assert 0 < longest <= measuring.MOST_WORK


def test_rates_are_measured_once(
    monkeypatch: pytest.MonkeyPatch, object_cache: ObjectCache
) -> None:
    asked: list[Isa] = []

    def measure(target: object, cache: object) -> Rates:
        asked.append(host_target().isa)
        return RATES

    monkeypatch.delenv("PRUNUS_TUNING_SEED", raising=False)
    restart_clocks()
    monkeypatch.setattr(measuring, "measure_rates", measure)
    measuring._known.cache_clear()
    try:
        found = [measuring.host_rates(host_target(), object_cache) for _ in range(3)]
    finally:
        measuring._known.cache_clear()
    assert found == [RATES] * 3
    assert len(asked) == 1


def test_where_no_clock_tells_the_time_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, object_cache: ObjectCache
) -> None:
    monkeypatch.setenv("PRUNUS_TUNING_SEED", "1")
    restart_clocks()
    monkeypatch.setattr(measuring, "measure_rates", _refuse)
    target = host_target()
    assert measuring.host_rates(target, object_cache) == default_rates(target)


def test_plans_without_tuning_are_made_without_measuring(
    monkeypatch: pytest.MonkeyPatch, object_cache: ObjectCache
) -> None:
    monkeypatch.setattr(planner, "host_rates", _refuse)
    program, target = build_program(deep_graph(0, 0.9)), host_target()
    options = CompileOptions(tune=False, threads=1, buckets=(1, 16))
    plan = plan_program(program, target, options, object_cache).plan
    again = default_plan(program, target, [tile.lanes for tile in plan.tiles])
    specs = [[one.spec for one in tile.choices.values()] for tile in plan.tiles]
    assert specs == [[one.spec for one in tile.choices.values()] for tile in again.tiles]
    with pytest.raises(AssertionError, match="measured"):
        plan_program(program, target, CompileOptions(threads=1), object_cache)


def _refuse(*_: object) -> Rates:
    raise AssertionError("measured")


@pytest.mark.parametrize("density", [0.05, 0.1])
def test_a_large_layer_is_bound_by_bytes_so_the_shortest_formats_are_timed(density: float) -> None:
    """What was fastest on a Sapphire Rapids (delta, gather) was not timed there: gathers are slow on a Zen 4."""
    layer = random_layer(4096, 4096, density)
    timed = {
        one.spec.family + str(dict(one.spec.variant).get("access", ""))
        for one in worth_timing(
            kernel_candidates(layer, Isa.AVX512, 1, SAPPHIRE_RAPIDS), SAPPHIRE_RAPIDS.uncertainty
        )
    }
    assert {"spmv_delta", "spmv_sellgather", "spmv_sweep", "spmv_window"} <= timed


def test_a_small_layer_is_bound_by_operations_so_gathers_depend_on_the_core() -> None:
    layer = random_layer(1024, 1024, 0.05)
    estimates = {}
    for name, rates in (("intel", SAPPHIRE_RAPIDS), ("amd", ZEN4)):
        for one in kernel_candidates(layer, Isa.AVX512, 1, rates):
            access = dict(one.spec.variant).get("access", "")
            estimates[name, one.spec.family, access] = one.estimated_ns
    assert estimates["intel", "spmv_sell", "gather"] < estimates["intel", "spmv_sell", "load"]
    assert estimates["amd", "spmv_sell", "gather"] > estimates["amd", "spmv_sell", "load"]


def test_weights_of_a_deep_network_come_from_further_away() -> None:
    layer = random_layer(512, 512, 0.1)
    near, far = (
        kernel_candidates(layer, Isa.AVX512, 1, SAPPHIRE_RAPIDS, copies) for copies in (1, 1_000)
    )
    assert far[0].estimated_ns > 1.5 * near[0].estimated_ns


def test_many_samples_of_an_image_that_no_cache_holds_cost_more_than_one_by_one() -> None:
    layer = pointwise(64, 28)
    one, many = (
        min(c.estimated_ns for c in kernel_candidates(layer, Isa.AVX512, lanes, SAPPHIRE_RAPIDS))
        for lanes in (1, 16)
    )
    assert many > 2 * 16 * one


def test_what_may_be_best_is_timed_and_the_best_of_each_kind_in_any_case() -> None:
    found = kernel_candidates(random_layer(1024, 1024, 0.05), Isa.AVX512, 1, SAPPHIRE_RAPIDS)
    assert worth_timing(found, math.inf) == found
    certain = worth_timing(found, 1.0)
    assert [one.sparse for one in certain] == [True, False]
    assert certain[0] is found[0]


def test_the_largest_layer_is_one_copy_of_its_network() -> None:
    steps = list(build_program(deep_graph(0, 0.9)).weighted_steps().values())
    largest = max(steps, key=lambda step: step.nonzeros)
    total = sum(step.nonzeros for step in steps)
    assert copies_of(total, largest) == pytest.approx(total / largest.nonzeros)
    assert copies_of(0, largest) == 1
