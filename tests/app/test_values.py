"""Weights of 16 bits: only where they are asked for, and with what they cost in the report."""

from pathlib import Path

import numpy as np
import pytest

from app.core.model_request import WEIGHT_TYPES
from engine.core.layers import ValueType
from graph.graph import Graph
from graph.reference import run
from pruning.output_check import WEIGHT_TYPE_TOLERANCE
from tests.app.live import Live
from tests.app.test_predict import slug
from tests.builders import random_inputs


def test_the_names_are_the_engines() -> None:
    assert tuple(value.value for value in ValueType) == WEIGHT_TYPES


@pytest.mark.parametrize("values", ["bfloat16", "float16"])
def test_rounded_weights_are_served_and_said(
    service: Live, small_graph: Graph, small_file: Path, values: str
) -> None:
    name = f"small-{values}"
    answer = service.upload(small_file, name, values=values, activate="true")
    assert answer.status_code == 201, answer.text
    summary = answer.json()["summary"]
    assert summary["values"] == values
    assert summary["guarantee"] == "measured"
    tolerance = WEIGHT_TYPE_TOLERANCE[values]
    assert 1e-6 < summary["check_error"] < tolerance + 1e-4
    path = f"/models/{name}/versions/1/report"
    for form in ("markdown", "html"):
        text = service.http.get(path, params={"format": form}).text
        assert f"rounded to {values}" in text
    document = service.http.get(path, params={"format": "json"}).json()
    assert document["weight_type"] == values
    assert document["certificate"]["guarantee"] == "measured"
    inputs = random_inputs(small_graph, 3, seed=1)
    (exact,) = run(small_graph, inputs, dtype=np.float64).values()
    found = service.predict(model=name, inputs=next(iter(inputs.values())).tolist())
    difference = np.abs(np.array(found.json()["outputs"]) - exact).max()
    assert 0 < difference < 2 * tolerance * np.abs(exact).max()
    service.http.delete(f"/models/{name}")


def test_float32_says_nothing_of_rounding(service: Live) -> None:
    report = service.http.get("/models/small/versions/1/report", params={"format": "json"}).json()
    assert report["weight_type"] == "float32"
    assert "rounded to" not in str(report["certificate"]["layers"])


def test_other_values_are_refused(service: Live, small_file: Path) -> None:
    answer = service.upload(small_file, "eight", values="int8")
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")


def test_a_version_says_how_it_is_run(service: Live) -> None:
    version = service.http.get("/models/small").json()["versions"][0]
    assert version["threads"] >= 1
    assert version["tuned_here"] is True
