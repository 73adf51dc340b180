import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import batches as batches_module
from graph.activations import Function
from graph.attention_ops import Embedding
from graph.batches import held_elements, operations
from graph.graph import Graph
from graph.shape_ops import RepeatVector
from graph.tensor_type import DType, TensorType
from pruning.compare import compare, distance
from pruning.lossless.options import InputRange
from pruning.probe import ProbeSet, grouped, joined, probe_sets, rows_of
from tests.builders import GraphBuilder


def test_probes_are_the_same_in_every_run_and_differ_between_inputs() -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(6), 2), b.dense(b.input(6), 2))
    first, second = probe_sets(graph, {}), probe_sets(graph, {})
    for one, other in zip(first, second, strict=True):
        for name in ("x0", "x1"):
            assert np.array_equal(one.inputs[name], other.inputs[name])
    normal = next(probe for probe in first if probe.name == "normal")
    assert not np.array_equal(normal.inputs["x0"], normal.inputs["x1"])


def test_probes_hold_zeros_one_hot_and_large_numbers() -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(6), 2))
    sets = {probe.name: probe.inputs["x0"] for probe in probe_sets(graph, {})}
    assert not sets["zeros"].any()
    assert (sets["one-hot"].sum(axis=1) == 1.0).all()
    assert np.abs(sets["large"]).max() > 1000


@given(st.floats(-100, 100), st.floats(0, 100))
@settings(max_examples=30)
def test_probes_stay_within_a_declared_range(low: float, width: float) -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(6), 2))
    declared = InputRange(low, low + width)
    for probe in probe_sets(graph, {"": declared}):
        values = probe.inputs["x0"].astype(np.float64)
        assert values.min() >= np.float32(low) - 1e-5
        assert values.max() <= np.float32(low + width) + 1e-5


@pytest.mark.parametrize("dtype", [DType.UINT8, DType.INT16, DType.INT64])
def test_probes_of_integers_stay_within_a_declared_range(dtype: DType) -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(6, type_=TensorType(dtype, (None, 6))), 2))
    for probe in probe_sets(graph, {"": InputRange(200, 250)}):
        assert probe.inputs["x0"].min() >= 200
        assert probe.inputs["x0"].max() <= 250


@pytest.mark.parametrize("dtype", sorted(set(DType) - {DType.STRING}))
def test_probes_have_the_declared_dtype(dtype: DType) -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(6, type_=TensorType(dtype, (None, 6))), 2))
    for probe in probe_sets(graph, {}):
        assert probe.inputs["x0"].dtype == dtype.numpy
    varied = next(probe for probe in probe_sets(graph, {}) if probe.name == "uniform")
    assert len(np.unique(varied.inputs["x0"])) > 1


def test_a_change_is_measured_relative_to_the_output() -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(3), 2, bias_values=np.zeros(2), name="y"))
    doubled = graph.with_weights({"y/kernel": graph.weights["y/kernel"] * np.float32(1.25)})
    assert compare(graph, doubled, probe_sets(graph, {})).worst == pytest.approx(0.25, rel=1e-6)
    assert compare(graph, graph, probe_sets(graph, {})).worst == 0.0


def test_a_change_near_zero_is_measured_against_outputs_of_ordinary_size() -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(3), 2, bias_values=np.full(2, 1e-12), name="y"))
    moved = graph.with_weights({"y/bias": np.full(2, 2e-12, np.float32)})
    assert compare(graph, moved, probe_sets(graph, {})).worst < 1e-11


def scores(spread: float) -> Graph:
    """Two classes by random weights, before a softmax that large inputs make steep."""
    b = GraphBuilder(1)
    kernel = spread * b.rng.standard_normal((64, 2))
    return b.build(b.activation(b.dense(b.input(64), 2, kernel=kernel, name="y"), Function.SOFTMAX))


def test_a_change_as_small_as_rounding_is_not_judged_on_extreme_inputs_only() -> None:
    graph = scores(1e-3)
    kernel = graph.weights["y/kernel"]
    rounded = graph.with_weights({"y/kernel": np.nextafter(kernel, np.float32(9.0))})
    found = compare(graph, rounded, probe_sets(graph, {}))
    assert found.worst > found.unexplained
    ordinary = [probe for probe in probe_sets(graph, {}) if probe.is_ordinary]
    assert compare(graph, rounded, ordinary).worst == found.unexplained > 0.0


def test_a_change_beyond_rounding_is_judged_on_extreme_inputs_too() -> None:
    graph = scores(1e-3)
    wrong = graph.with_weights({"y/kernel": graph.weights["y/kernel"] * np.float32(1.001)})
    found = compare(graph, wrong, probe_sets(graph, {}))
    assert found.worst == found.unexplained
    assert found.outputs[0].probe in ("large", "normal * 100")


def test_numbers_that_are_not_finite_must_stay_where_they_are() -> None:
    inf, nan = np.inf, np.nan
    same = np.array([1.0, inf, nan])
    assert distance(same, same.copy()).relative() == 0.0
    assert distance(same, np.array([1.0, 2.0, nan])).relative() == inf
    assert distance(np.array([1.0]), np.array([nan])).relative() == inf
    assert distance(np.array([1.0]), np.array([-inf])).relative() == inf
    assert distance(np.array([0.0]), np.array([1e-30])).relative() == inf
    assert distance(np.array([nan]), np.array([nan])).relative() == 0.0


def test_a_network_that_takes_long_gets_fewer_samples_of_each_set() -> None:
    b = GraphBuilder()
    graph = b.build(b.add(RepeatVector(8_000_000), [b.input(1)]))
    sets = {probe.name: probe.samples for probe in probe_sets(graph, {})}
    assert (sets["zeros"], sets["large"]) == (1, 2)
    assert 1 < sets["normal"] < 32
    assert sum(sets.values()) * operations(graph) < 2 * 10**10 + 8 * operations(graph)


def test_a_network_that_takes_very_long_gets_one_sample_of_few_sets() -> None:
    b = GraphBuilder()
    graph = b.build(b.add(RepeatVector(50_000_000), [b.input(1)]))
    samples = {"x0": np.zeros((100, 1), np.float32)}
    sets = {probe.name: probe.samples for probe in probe_sets(graph, {}, samples)}
    assert sets == {"normal": 1, "uniform": 1, "large": 1, "calibration": 6}


def sets_of(*counts: int) -> list[ProbeSet]:
    numbers = np.arange(sum(counts), dtype=np.float64).reshape(-1, 1)
    ends = np.cumsum(counts)
    return [
        ProbeSet(f"set {place}", {"x": numbers[end - count : end]})
        for place, (count, end) in enumerate(zip(counts, ends, strict=True))
    ]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 12))
def test_groups_hold_every_sample_once_and_at_most_so_many(counts: list[int], most: int) -> None:
    sets = sets_of(*counts)
    groups = list(grouped(sets, most))
    assert all(sum(one.samples for one in group) == most for group in groups[:-1])
    assert 0 < sum(one.samples for one in groups[-1]) <= most
    assert np.array_equal(np.concatenate([joined(g)["x"] for g in groups]), joined(sets)["x"])
    for one in sets:
        parts = [part for group in groups for part in group if part.name == one.name]
        assert np.array_equal(joined(parts)["x"], one.inputs["x"])
    for group in groups:
        for part, rows in rows_of(group):
            assert np.array_equal(joined(group)["x"][rows], part.inputs["x"])


def test_a_change_is_the_same_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(3), 2, name="y"))
    moved = graph.with_weights({"y/kernel": graph.weights["y/kernel"] + np.float32(1e-3)})
    whole = compare(graph, moved, probe_sets(graph, {}))
    monkeypatch.setattr(batches_module, "HELD_BYTES", 5 * 8 * held_elements(graph))
    parts = compare(graph, moved, probe_sets(graph, {}))
    assert parts.samples == whole.samples
    assert parts.worst == pytest.approx(whole.worst, rel=1e-12)


def test_comparing_holds_a_few_values_and_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    b = GraphBuilder()
    x = b.input(50, 100)
    for _ in range(30):
        x = b.activation(x, Function.TANH)
    graph = b.build(x)
    monkeypatch.setattr(batches_module, "HELD_BYTES", 4 * 1024 * 1024)
    probes = probe_sets(graph, {})
    tracemalloc.start()
    try:
        compare(graph, graph, probes)
        rounding_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Four outputs of a batch are kept besides, each at most a third of what is held.
    assert rounding_peak < 3 * batches_module.HELD_BYTES


def test_indices_of_embeddings_are_drawn_among_those_that_there_are() -> None:
    b = GraphBuilder()
    indices = b.input(4, type_=TensorType(DType.INT32, (None, 4)))
    table = b.weight("table", np.ones((3, 2)))
    graph = b.build(b.add(Embedding(3, 2), [indices], [table]), b.dense(b.input(2), 1))
    drawn = {one.name: one.inputs for one in probe_sets(graph, {})}
    for inputs in drawn.values():
        assert inputs["x0"].dtype == np.int32
        assert inputs["x0"].min() >= 0
        assert inputs["x0"].max() <= 2
    assert not drawn["zeros"]["x0"].any()
    assert set(drawn["normal"]["x0"].ravel()) == {0, 1, 2}
    assert drawn["large"]["x1"].max() > 100
