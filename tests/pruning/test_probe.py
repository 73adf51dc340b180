import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.shape_ops import RepeatVector
from graph.tensor_type import DType, TensorType
from pruning.compare import compare, relative_change
from pruning.lossless.options import InputRange
from pruning.probe import probe_sets
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


@pytest.mark.parametrize("dtype", list(DType))
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


def test_numbers_that_are_not_finite_must_stay_where_they_are() -> None:
    inf, nan = np.inf, np.nan
    same = np.array([1.0, inf, nan])
    assert relative_change(same, same.copy()) == 0.0
    assert relative_change(same, np.array([1.0, 2.0, nan])) == inf
    assert relative_change(np.array([1.0]), np.array([nan])) == inf
    assert relative_change(np.array([0.0]), np.array([1e-30])) == inf
    assert relative_change(np.array([nan]), np.array([nan])) == 0.0


def test_a_large_value_makes_the_sets_small() -> None:
    b = GraphBuilder()
    graph = b.build(b.add(RepeatVector(3_000_000), [b.input(1)]))
    assert {len(probe.inputs["x0"]) for probe in probe_sets(graph, {})} == {1, 2}
