"""What a job says about speed: dense with subnormal numbers flushed, and no claim from noise."""

from pathlib import Path

import numpy as np
import pytest

from app.core.model_request import ModelRequest
from app.pipeline import PipelineRequest, Progress, run_pipeline
from app.services.summary import Latency as LatencySummary
from engine.compiler import CompileOptions
from engine.machine_code.object_cache import ObjectCache
from graph.activations import Function
from graph.keras.export import write_keras
from graph.subnormals import count_subnormals
from pruning.claims import Verdict
from pruning.measurements import EVERYTHING_ELSE, EngineMeasurements
from tests.builders import GraphBuilder


def measured(
    folder: Path, objects: Path, b: GraphBuilder, output: str, weight_type: str = "float32"
) -> EngineMeasurements:
    write_keras(b.build(output), folder / "model.keras")
    request = PipelineRequest(
        options=ModelRequest(weight_type=weight_type),
        model=folder / "model.keras",
        calibration=None,
        labels=None,
        output=folder,
        cache=ObjectCache(objects),
        tune_seconds=0.02,
        threads=1,
    )
    engine = run_pipeline(request, Progress(lambda _: None, lambda _: None)).report.findings.engine
    assert engine is not None
    return engine


def test_a_model_that_nothing_can_be_taken_from_is_the_same_code(
    tmp_path: Path, objects: Path
) -> None:
    b = GraphBuilder()
    x = b.dense(b.input(70), 90, activation=Function.RELU)
    engine = measured(tmp_path, objects, b, b.dense(x, 10))
    assert [call.verdict for call in engine.latency] == [Verdict.SAME_CODE] * 4
    assert {call.speedup for call in engine.latency} == {1.0}
    assert engine.subnormals is None
    report = (tmp_path / "report.md").read_text()
    assert "Runs the same code as dense" in report
    assert "times as fast" not in report


def test_layers_and_everything_else_add_up_to_the_call(tmp_path: Path, objects: Path) -> None:
    b = GraphBuilder()
    x = b.dense(b.input(64), 256, sparsity=0.95, activation=Function.RELU, name="one")
    engine = measured(tmp_path, objects, b, b.dense(x, 10, sparsity=0.9))
    for call in engine.latency:
        rows = [row for row in engine.layers if row.batch == call.batch]
        assert [row.node for row in rows] == ["one", "y0", EVERYTHING_ELSE]
        *layers, rest = rows
        for total, parts, left in (
            (call.seconds, [row.seconds for row in layers], rest.seconds),
            (call.dense_seconds, [row.dense_seconds for row in layers], rest.dense_seconds),
        ):
            assert left is not None
            known = sum(part for part in parts if part is not None)
            assert left == pytest.approx(max(0.0, total - known))


def test_subnormal_weights_are_counted_and_do_not_slow_dense_down(
    tmp_path: Path, objects: Path
) -> None:
    b = GraphBuilder()
    kernel = b.rng.standard_normal((64, 64)).astype(np.float32)
    kernel[:, :50] *= np.float32(1e-39)
    output = b.dense(b.input(64), 64, kernel=kernel)
    count = count_subnormals(b.build(output))
    engine = measured(tmp_path, objects, b, output)
    assert engine.subnormals is not None
    assert engine.subnormals.weights == count > 3000
    assert (
        f"{count:,} weights of the original are subnormal" in (tmp_path / "report.md").read_text()
    )


def test_outputs_that_need_subnormal_numbers_keep_them(tmp_path: Path, objects: Path) -> None:
    b = GraphBuilder()
    kernel = b.rng.standard_normal((32, 8)).astype(np.float32) * np.float32(1e-40)
    engine = measured(tmp_path, objects, b, b.dense(b.input(32), 8, kernel=kernel, bias=False))
    assert engine.keeps_subnormals
    assert "are kept while this model is served" in (tmp_path / "report.md").read_text()


def test_16_bit_weights_are_compared_with_float32(tmp_path: Path, objects: Path) -> None:
    b = GraphBuilder()
    x = b.dense(b.input(70), 90, sparsity=0.8, activation=Function.RELU)
    engine = measured(tmp_path, objects, b, b.dense(x, 10), "bfloat16")
    assert [call.batch for call in engine.against_float32] == [1, 16, 64, 256]
    assert "beside the pruned model with float32 weights" in (tmp_path / "report.md").read_text()


def test_times_of_before_there_were_spreads_claim_nothing() -> None:
    old = LatencySummary.model_validate({"batch": 1, "dense_seconds": 2.0, "seconds": 1.0})
    assert (old.speedup, old.verdict) == (None, "no_difference")
    assert "earlier version" in old.words


def test_subnormal_numbers_are_flushed_by_default() -> None:
    assert not CompileOptions().keeps_subnormals
