import json
import math
from dataclasses import replace

import numpy as np
import pytest

from graph.activations import Function
from graph.graph import Graph
from graph.reference import run
from pruning.advice import advise
from pruning.calibrate import Calibration
from pruning.claims import Spread
from pruning.gate import judge
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
from pruning.probe import probe_sets
from pruning.prune import prune
from pruning.quality import OriginalAnswers
from pruning.recipe import GateOptions, PruningRecipe
from pruning.recipe_parser import parse_recipe
from pruning.report import Findings, Report, Title, build_report
from pruning.report_document import report_document
from pruning.report_speed import speed_headline, speed_notes
from pruning.report_text import render_text
from pruning.report_words import WeightBytes, recipe_words, sizes_of
from tests.builders import GraphBuilder


def network(name: str = "h") -> tuple[Graph, Calibration]:
    b = GraphBuilder(1)
    kernel = b.rng.standard_normal((8, 6))
    kernel[:, 2] = 0.0
    kernel[3] = 1e-20
    h = b.dense(b.input(8), 6, kernel=kernel, activation=Function.RELU, name=name)
    y = b.batch_normalization(b.dense(h, 3, name="y"))
    x = b.rng.standard_normal((10, 8)).astype(np.float32)
    return b.build(y), Calibration({"x0": x}, np.zeros(10, np.int64))


def reported(
    recipe: PruningRecipe | None = None,
    name: str = "h",
    *,
    labelled: bool = True,
    engine: EngineMeasurements | None = None,
    weight_type: str = "float32",
) -> Report:
    graph, calibration = network(name)
    data = calibration if labelled else None
    result = prune(graph, recipe or PruningRecipe(), data)
    probes = probe_sets(graph, {})
    original = OriginalAnswers(graph, data, probes)
    quality = original.compare(lambda inputs: run(result.graph, inputs))
    findings = Findings(
        quality,
        judge(
            GateOptions(max_accuracy_drop=1.0) if labelled else GateOptions(),
            quality,
            is_lossy=True,
        ),
        advise(graph, result.weights_removed_share, data, probes),
        weight_type,
        engine,
        None if engine is None else FileSizes(50_000, 20_000),
    )
    title = Title("my-model", 3, "2026-11-28")
    return build_report(result, title, findings, {"prunus": "0.1.0"})


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
    return reported(engine=measured())


def test_the_json_form_is_json_and_says_the_same() -> None:
    report = full()
    data = json.loads(json.dumps(report_document(report), allow_nan=False))
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
    assert data["quality"]["samples"] == 10
    assert data["quality"]["accuracy"]["before"]["value"] in {k / 10 for k in range(11)}
    assert data["title"] == {"model": "my-model", "version": 3, "made_on": "2026-11-28"}
    assert data["versions"]["prunus"] == "0.1.0"
    assert data["schema"] == 2


def test_without_measurements_the_report_still_stands() -> None:
    report = reported()
    assert report_document(report)["engine"] is None
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
    assert "Certificate: rounding" in text
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
    assert cost in render_text(reported(engine=slow))


def test_16_bit_weights_that_are_slower_are_said_to_be() -> None:
    narrow = replace(
        measured(),
        weight_type="bfloat16",
        against_float32=(latency(1, spread(1e-6), spread(1.5e-6), same_code=False),),
    )
    wanted = "slower: takes 1.50 times as long as float32"
    assert speed_notes(narrow) == [f"Batch 1: bfloat16 is {wanted}."]
    assert f"1.5 (1.4 to 1.6) | {wanted}" in render_text(reported(engine=narrow))


def test_a_budgeted_result_says_that_nothing_is_proven() -> None:
    text = render_text(reported(parse_recipe({"mode": "magnitude", "sparsity": 0.5})))
    assert "budgeted" in text
    assert "nothing is proven" in text


def test_a_layer_name_cannot_break_the_table() -> None:
    text = render_text(reported(name="a|b\n<script>"))
    assert "a\\|b &lt;script>" in text
    assert "<script>" not in text


def test_what_json_cannot_hold_becomes_null() -> None:
    assert as_plain({"a": math.inf, "b": (math.nan, 1), 3: np.float32(0.5)}) == {
        "a": None,
        "b": [None, 1],
        "3": 0.5,
    }


def test_the_cost_in_accuracy_is_the_first_thing_said_under_the_uploads_own_name() -> None:
    title, origin, summary = render_text(full()).split("\n\n")[:3]
    assert title == "# my-model, version 3: pruning report"
    assert origin == '2026-11-28. Recipe: `{"mode": "lossless"}`; weights are served as float32.'
    assert summary.startswith("**Accuracy is ")
    assert "on 10 labelled samples (95 % intervals" in summary


def test_without_data_the_first_thing_said_is_what_is_not_known() -> None:
    lossy = reported(parse_recipe({"mode": "magnitude", "sparsity": 0.5}), labelled=False)
    assert lossy.sentences[0].startswith("Nothing is known about the cost in accuracy on real data")
    lossless = reported(labelled=False)
    assert lossless.sentences[0].startswith(
        "It is proven that outputs change by no more than float32"
    )
    assert "nothing was measured on real data" in lossless.sentences[0]


@pytest.mark.parametrize("recipe", [{}, {"mode": "magnitude", "sparsity": 0.5}])
def test_weights_of_16_bits_have_one_guarantee_that_speaks_of_what_is_served(
    recipe: dict[str, object],
) -> None:
    report = reported(parse_recipe(recipe), weight_type="bfloat16")
    text, data = render_text(report), report_document(report)
    assert "exact" not in text
    assert "Certificate: measured" in text
    guarantees = {layer.layer: layer.certificate.guarantee.value for layer in report.layers}
    assert guarantees["h"] == guarantees["y"] == "measured"
    assert report.certificate.guarantee.value == "measured"
    assert "Its weights are rounded to bfloat16; nothing is proven about that." in text
    assert data["weight_type"] == "bfloat16"


def test_sizes_compare_weights_with_weights_and_files_say_what_else_they_hold() -> None:
    sizes = full().sizes
    rows = {row.what: (row.before, row.after) for row in sizes.rows}
    weights = rows["all weights, as float32"]
    assert weights[0] is not None
    assert weights[1] is not None
    assert weights[0] > weights[1] > 0
    assert rows["uploaded file"] == (50_000, None)
    assert rows["pruned .keras file"] == (None, 20_000)
    assert rows["compiled artifact"] == (None, 3000)
    assert "optimizer" in sizes.notes[0]
    assert "layout" in sizes.notes[1]


def test_a_file_without_training_state_is_not_said_to_have_any() -> None:
    weights = WeightBytes(100_000, 100_000, 90_000, 90_000)
    assert sizes_of(weights, None, FileSizes(120_000, 110_000)).notes == ()


def test_little_removed_shows_the_sizes_of_weights_and_what_to_do() -> None:
    report = full()
    assert report.totals.removed_share < 0.5
    text = render_text(report)
    assert "## What now?" in text
    assert "| 1e-15 | " in text
    advice = report.findings.advice
    assert advice is not None
    data = json.loads(json.dumps(report_document(report)))
    assert data["advice"]["sizes"][0]["limit"] == 1e-15
    assert advice.text in text


def test_a_recipe_is_told_without_its_defaults() -> None:
    recipe = {"mode": "magnitude", "sparsity": 0.5, "lossless": {"fold": False}}
    assert recipe_words(parse_recipe(recipe)) == recipe
    assert recipe_words(PruningRecipe()) == {"mode": "lossless"}
