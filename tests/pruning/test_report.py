import json
import math
from dataclasses import replace

import numpy as np
import pytest

from graph.activations import Function
from pruning.calibrate import Calibration
from pruning.claims import Spread
from pruning.measurements import (
    EVERYTHING_ELSE,
    EngineMeasurements,
    FileSizes,
    Latency,
    LayerTiming,
    SubnormalCost,
    latency,
)
from pruning.plain import as_plain
from pruning.prune import PruneResult, prune
from pruning.recipe import PruningRecipe
from pruning.recipe_parser import parse_recipe
from pruning.report import Report, build_report
from pruning.report_speed import speed_headline, speed_notes
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
            LayerTiming(EVERYTHING_ELSE, 1, "", 1e-6, 2e-6),
        ),
        latency=(
            latency(1, spread(10e-6), spread(4e-6), same_code=False),
            latency(64, spread(100e-6), spread(96e-6), same_code=False),
            latency(256, spread(100e-6), spread(120e-6), same_code=True),
        ),
        resident_bytes=4096,
        dense_resident_bytes=20_480,
        artifact_bytes=3000,
    )


def spread(seconds: float) -> Spread:
    return Spread(seconds, 0.95 * seconds, 1.05 * seconds, 9)


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
        "| 1 | 10.0 (9.5 to 10.5) | 4.0 (3.8 to 4.2) | 2.50 times as fast as dense |",
        "| 64 | 100.0 (95.0 to 105.0) | 96.0 (91.2 to 100.8) | no measurable difference from dense |",
        "| 256 | 100.0 (95.0 to 105.0) | 120.0 (114.0 to 126.0) | same code as dense |",
        "| 1 | everything else | 2.0 | 1.0 |",
        "merged into y",
        "19.5 KiB",
    ):
        assert wanted in text
    assert "Certificate: **rounding**" in text
    assert "Up to 2.50 times as fast as dense on this host (batch 1)." in text
    assert "subnormal numbers (" not in text


@pytest.mark.parametrize(
    ("calls", "wanted"),
    [
        ((latency(1, spread(1e-6), spread(1e-6), same_code=True),), "Runs the same code as dense"),
        ((latency(1, spread(1e-6), spread(1e-6), same_code=False),), "No measurable difference"),
        (
            (latency(16, spread(1e-6), spread(2e-6), same_code=False),),
            "Batch 16 is slower: takes 2.00 times as long as dense on this host.",
        ),
        ((), ""),
    ],
    ids=["same code", "noise", "slower", "nothing timed"],
)
def test_the_headline_claims_no_more_than_was_seen(calls: tuple[Latency, ...], wanted: str) -> None:
    headline = speed_headline(replace(measured(), latency=calls))
    assert wanted in headline
    assert "faster" not in headline
    assert "as fast" not in headline


def test_what_subnormal_numbers_cost_elsewhere_is_a_line_of_its_own() -> None:
    slow = replace(measured(), subnormals=SubnormalCost(4321, 16, 71.4), keeps_subnormals=True)
    cost, kept = speed_notes(slow)
    assert "4,321 weights of the original are subnormal numbers" in cost
    assert "such as NumPy, the original takes 71.4 times as long" in cost
    assert "are kept while this model is served" in kept
    (free,) = speed_notes(replace(measured(), subnormals=SubnormalCost(1, 16, None)))
    assert "cost no measurable time" in free
    assert cost in render_text(build_report(pruned(), slow))


def test_16_bit_weights_that_are_slower_are_said_to_be() -> None:
    narrow = replace(
        measured(),
        weight_type="bfloat16",
        against_float32=(latency(1, spread(1e-6), spread(1.5e-6), same_code=False),),
    )
    wanted = "slower: takes 1.50 times as long as float32"
    assert speed_notes(narrow) == [f"Batch 1: bfloat16 is {wanted}."]
    assert f"1.5 (1.4 to 1.6) | {wanted}" in render_text(build_report(pruned(), narrow))


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
