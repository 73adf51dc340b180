"""The steps of a job without a server: what the report says of the engine."""

from pathlib import Path

from app.model_request import ModelRequest
from app.pipeline import PipelineRequest, Progress, run_pipeline
from app.version import VERSION
from engine.machine_code.object_cache import ObjectCache
from graph.activations import Function
from graph.keras.export import write_keras
from pruning.report import Report
from tests.builders import GraphBuilder


def pipeline_report(folder: Path, objects: Path, builder: GraphBuilder, output: str) -> Report:
    write_keras(builder.build(output), folder / "model.keras")
    request = PipelineRequest(
        options=ModelRequest(),
        model=folder / "model.keras",
        calibration=None,
        labels=None,
        output=folder,
        cache=ObjectCache(objects),
        tune_seconds=0.01,
    )
    return run_pipeline(request, Progress(lambda _: None, lambda _: None)).report


def test_memory_before_and_after_counts_the_same_things(tmp_path: Path, objects: Path) -> None:
    b = GraphBuilder()
    report = pipeline_report(tmp_path, objects, b, b.activation(b.input(4096), Function.TANH))
    assert report.findings.engine is not None
    # Nothing can be pruned, so nothing may change: neither weights nor the arena of a tile.
    assert report.findings.engine.resident_bytes == report.findings.engine.dense_resident_bytes
    assert report.findings.engine.resident_bytes >= 4096 * 4


def test_the_report_names_the_software_that_made_it(tmp_path: Path, objects: Path) -> None:
    b = GraphBuilder()
    versions = pipeline_report(tmp_path, objects, b, b.dense(b.input(4), 2)).versions
    assert versions["prunus"] == VERSION
    assert list(versions) == ["prunus", "llvmlite", "python", "numpy"]
