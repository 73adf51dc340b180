"""The steps of a job without a server: what the report says of the engine."""

from pathlib import Path

import h5py

from app.core.job_folder import KERAS2_FILE, REPORT_TEXT_FILE
from app.core.model_request import ModelRequest
from app.core.version import VERSION
from app.pipeline import PipelineRequest, Progress, run_pipeline
from engine.machine_code.object_cache import ObjectCache
from graph.activations import Function
from graph.keras.export import write_keras
from graph.keras.read import read_model
from pruning.report import Report
from tests.builders import GraphBuilder
from tests.graph.keras.handmade import (
    BIAS,
    KERNEL,
    input_layer,
    layer,
    sequential,
    write_legacy,
)


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


def test_the_report_says_what_the_file_that_comes_back_does_not_keep(
    tmp_path: Path, objects: Path
) -> None:
    """A model of Keras 2: its compile settings are not taken over."""
    dropout = layer("Dropout", "drop|out", rate=0.5)
    config = sequential(input_layer(3), layer("Dense", "d/e", units=2), dropout)
    arrays = {"d/e": [("d/e/kernel:0", KERNEL), ("d/e/bias:0", BIAS)]}
    path = write_legacy(tmp_path / "model.h5", config, arrays)
    with h5py.File(path, "a") as file:
        file.attrs["training_config"] = '{"loss": "mine"}'
    request = PipelineRequest(
        options=ModelRequest(),
        model=path,
        calibration=None,
        labels=None,
        output=tmp_path,
        cache=ObjectCache(objects),
        tune_seconds=0.01,
    )
    notes = run_pipeline(request, Progress(lambda _: None, lambda _: None)).summary.notes
    slashes, gone, settings, older = notes
    assert slashes.startswith("Slashes in the names of layers")
    # The layer that makes the output carries the output's name.
    assert gone.endswith("act only in training: 'd/e', 'drop|out'.")
    assert (
        "the compile settings of the upload were not taken over ('mine' is not Keras')" in settings
    )
    assert older.startswith("For tf.keras 2 the pruned model can be downloaded as an .h5 file")
    assert len(read_model(tmp_path / KERAS2_FILE).graph.nodes) == 1
    text = (tmp_path / REPORT_TEXT_FILE).read_text()
    section = text.split("## About the upload, and the Keras file that comes back")[1]
    assert "act only in training: 'd/e', 'drop\\|out'." in section
