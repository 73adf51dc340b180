import json
import math

import numpy as np

from graph.activations import Function
from pruning.calibrate import Calibration
from pruning.measurements import EngineMeasurements, FileSizes, Latency, LayerTiming
from pruning.plain import as_plain
from pruning.prune import PruneResult, prune
from pruning.recipe import PruningRecipe
from pruning.recipe_parser import parse_recipe
from pruning.report import Report, build_report
from pruning.report_text import render_text
from tests.builders import GraphBuilder


def pruned(recipe: PruningRecipe | None = None, name: str = "h") -> PruneResult:
    b = GraphBuilder(1)
    kernel = b.rng.standard_normal((8, 6))
    kernel[:, 2] = 0.0
    kernel[3] = 1e-20
    h = b.dense(b.input(8), 6, kernel=kernel, activation=Function.RELU, name=name)
    y = b.batch_normalization(b.dense(h, 3, name="y"))
    x = b.rng.standard_normal((10, 8)).astype(np.float32)
    calibration = Calibration({"x0": x}, np.zeros(10, np.int64))
    return prune(b.build(y), recipe or PruningRecipe(), calibration)


def measured() -> EngineMeasurements:
    return EngineMeasurements(
        cpu="a CPU",
        isa="avx2",
        threads=1,
        layers=(
            LayerTiming("h", 1, "f32_spmv", 1e-6, 4e-6),
            LayerTiming("y", 1, "f32_gemv", 2e-6, None),
        ),
        latency=(Latency(1, 10e-6, 4e-6), Latency(64, 100e-6, 80e-6)),
        resident_bytes=4096,
        dense_resident_bytes=20_480,
        artifact_bytes=3000,
    )


def full() -> Report:
    return build_report(pruned(), measured(), FileSizes(50_000, 20_000), {"prunus": "0.1.0"})


def test_the_json_form_is_json_and_says_the_same() -> None:
    report = full()
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["totals"]["weights_before"] == 66
    assert data["totals"]["nonzeros_after"] == report.totals.nonzeros_after
    first = data["layers"][0]
    assert (first["layer"], first["shape_before"], first["shape_after"]) == ("h", [8, 6], [8, 5])
    assert first["units_removed"] == 1
    assert [(t["kernel"], t["dense_seconds"]) for t in first["timings"]] == [("f32_spmv", 4e-6)]
    assert first["weights_removed"] == first["weights_before"] - first["nonzeros_after"]
    assert first["certificate"]["guarantee"] == "rounding"
    assert data["certificate"]["measured"]["outputs"][0]["output"] == "y0"
    assert data["engine"]["latency"][0]["batch"] == 1
    assert data["recipe"]["mode"] == "lossless"
    assert parse_recipe(data["recipe"]) == report.recipe
    assert data["accuracy"]["samples"] == 10
    assert data["versions"]["prunus"] == "0.1.0"
    assert data["schema"] == 1


def test_without_measurements_the_report_still_stands() -> None:
    report = build_report(pruned())
    assert report.to_dict()["engine"] is None
    assert "Speed on this host" not in render_text(report)


def test_the_text_names_layers_kernels_times_and_the_change() -> None:
    text = render_text(full())
    for wanted in (
        "| h | Dense | 8 x 6 | 8 x 5 |",
        "f32_spmv",
        "2.50",
        "merged into y",
        "19.5 KiB",
    ):
        assert wanted in text
    assert "Certificate: **rounding**" in text
    assert "Up to 2.5 times as fast as dense on this host (batch 1)" in text


def test_a_budgeted_result_says_that_nothing_is_proven() -> None:
    text = render_text(build_report(pruned(parse_recipe({"mode": "magnitude", "sparsity": 0.5}))))
    assert "budgeted" in text
    assert "nothing is proven" in text


def test_a_layer_name_cannot_break_the_table() -> None:
    text = render_text(build_report(pruned(name="a|b\n<script>")))
    assert "a\\|b &lt;script>" in text
    assert "<script>" not in text


def test_what_json_cannot_hold_becomes_null() -> None:
    assert as_plain({"a": math.inf, "b": (math.nan, 1), 3: np.float32(0.5)}) == {
        "a": None,
        "b": [None, 1],
        "3": 0.5,
    }


def test_a_latency_of_no_time_is_infinitely_faster() -> None:
    assert Latency(1, 1.0, 0.0).speedup == math.inf
