"""What `/metrics` shows, read back by Prometheus' own parser."""

import re
from collections.abc import Iterable
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from app.core.metrics import Metrics
from app.core.model_series import (
    DURATION_BUCKETS_SECONDS,
    PHASES,
    HistogramCell,
    ModelNumbers,
    ModelSeries,
)
from app.core.problems import Problem
from app.services.job_log import JobState
from app.services.jobs import counted_as
from tests.app.live import Live

Key = tuple[str, frozenset[tuple[str, str]]]


def scrape(http: httpx.Client) -> dict[Key, float]:
    return samples(text_string_to_metric_families(http.get("/metrics").text))


def samples(families: Iterable[Metric]) -> dict[Key, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: dict[Key, float], name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


SMALL = {"model_name": "small", "model_version": "1"}
DIGITS = {"model_name": "digits", "model_version": "1"}


def test_predictions_are_counted_by_phase_and_model(service: Live) -> None:
    before = scrape(service.http)
    for _ in range(3):
        service.predict(model="small", inputs=[[0] * 6] * 5)
    after = scrape(service.http)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    for phase in PHASES:
        assert grown("prunus_predict_duration_seconds_count", phase=phase, **SMALL) == 3
    assert grown("prunus_predict_duration_seconds_sum", phase="compute", **SMALL) > 0
    parts = sum(
        grown("prunus_predict_duration_seconds_sum", phase=phase, **SMALL)
        for phase in PHASES
        if phase != "total"
    )
    whole = grown("prunus_predict_duration_seconds_sum", phase="total", **SMALL)
    assert parts == pytest.approx(whole)
    assert grown("prunus_predict_samples_total", **SMALL) == 15
    assert grown("prunus_predict_batch_samples_count", **SMALL) == 3
    assert grown("prunus_predict_batch_samples_bucket", le="4.0", **SMALL) == 0
    assert grown("prunus_predict_batch_samples_bucket", le="8.0", **SMALL) == 3
    route = {"route": "/predict", "method": "POST", "code": "200"}
    assert grown("prunus_http_requests_total", **route) == 3


def test_refused_predictions_are_counted_by_reason(service: Live) -> None:
    labels = {"reason": "wrong-shape", **SMALL}
    before = value(scrape(service.http), "prunus_predict_failures_total", **labels)
    service.predict(model="small", inputs=[[0] * 5])
    after = value(scrape(service.http), "prunus_predict_failures_total", **labels)
    assert after == before + 1


def test_sparsity_bytes_and_speed_are_shown_by_layer_and_model(service: Live) -> None:
    found = scrape(service.http)
    summary = service.http.get("/models/digits").json()["versions"][0]["summary"]
    assert value(found, "prunus_model_nonzero_weights", **DIGITS) == summary["nonzeros_after"]
    assert value(found, "prunus_model_sparsity_ratio", **DIGITS) == pytest.approx(
        summary["removed_share"]
    )
    dense = value(found, "prunus_layer_weight_bytes", layer="hidden_2", form="dense", **DIGITS)
    sparse = value(found, "prunus_layer_weight_bytes", layer="hidden_2", form="sparse", **DIGITS)
    assert dense == 256 * 128 * 4
    # Which kernel a layer gets is a matter of timing, and so are the bytes that it is packed into.
    executable = service.app.state.services.registry.get("digits", None).executable
    (layer,) = (layer for layer in executable.layers if layer.name == "hidden_2")
    assert sparse == max(bucket.bytes for bucket in layer.buckets) > 0
    assert 0.9 < value(found, "prunus_layer_sparsity_ratio", layer="hidden_2", **DIGITS) < 1
    assert value(found, "prunus_model_resident_bytes", **DIGITS) > 0
    for latency in summary["latency"]:
        batch = str(latency["batch"])
        shown = value(found, "prunus_model_speedup_ratio", batch=batch, **DIGITS)
        # Whether there is a claim is a matter of timing; without one there is no series.
        assert shown == (latency["speedup"] or 0.0)


def test_jobs_and_their_stages_are_shown(service: Live) -> None:
    found = scrape(service.http)
    assert value(found, "prunus_jobs", state="done") >= 3
    assert value(found, "prunus_jobs", state="running") == 0
    assert value(found, "prunus_jobs_finished_total", state="done") >= 3
    assert value(found, "prunus_job_stage_duration_seconds_count", stage="compile") >= 3
    assert value(found, "prunus_models_loaded") >= 3
    assert value(found, "prunus_http_requests_in_flight") == 1  # the scrape itself
    assert value(found, "process_resident_memory_bytes") > 10_000_000


def test_what_an_upload_could_not_be_used_for_is_no_failure_of_the_service(
    service: Live, small_file: Path, tmp_path: Path
) -> None:
    name = "prunus_jobs_finished_total"
    before = scrape(service.http)
    cut_off = tmp_path / "cut.keras"
    cut_off.write_bytes(small_file.read_bytes()[:500])
    assert service.upload(cut_off, "cut").json()["stage"] == "read"
    after = scrape(service.http)
    for state, more in (("refused", 1), ("failed", 0), ("done", 0)):
        assert value(after, name, state=state) == value(before, name, state=state) + more


@pytest.mark.parametrize(
    ("slug", "counted"), [("job-crashed", "failed"), ("unsupported-layer", "refused")]
)
def test_failed_jobs_are_counted_by_whose_fault_it_was(slug: str, counted: str) -> None:
    problem = Problem(slug, "title", "detail")
    assert counted_as(JobState.FAILED, problem) == counted
    assert counted_as(JobState.CANCELLED, problem) == "cancelled"


def test_the_series_of_a_deleted_model_go(service: Live, small_file: Path) -> None:
    service.upload(small_file, "gone")
    service.predict(model="gone", inputs=[[0] * 6])
    assert 'model_name="gone"' in service.http.get("/metrics").text
    service.http.delete("/models/gone")
    assert 'model_name="gone"' not in service.http.get("/metrics").text


def test_requests_to_unknown_paths_share_one_series(service: Live) -> None:
    for number in range(5):
        service.http.get(f"/surprise/{number}")
    text = service.http.get("/metrics").text
    assert "surprise" not in text
    assert 'route="(unknown)"' in text


def test_routes_are_counted_by_their_pattern(service: Live) -> None:
    service.http.get("/models/small/versions/1")
    text = service.http.get("/metrics").text
    assert 'route="/models/{name}/versions/{version}"' in text
    assert 'route="/models/small' not in text


def test_names_follow_the_conventions(service: Live) -> None:
    text = service.http.get("/metrics").text
    ours = [f for f in text_string_to_metric_families(text) if f.name.startswith("prunus_")]
    assert len(ours) >= 18
    for family in ours:
        assert re.fullmatch(r"[a-z_]+", family.name)
        assert family.documentation
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_samples"))
        assert not re.search(r"_(ms|us|milliseconds|percent|kb)\b", family.name)


@given(st.lists(st.floats(1e-7, 100.0), max_size=30))
def test_the_light_histogram_counts_as_prometheus_own(values: list[float]) -> None:
    registry = CollectorRegistry()
    reference = Histogram("h", "h", buckets=DURATION_BUCKETS_SECONDS, registry=registry)
    cell = HistogramCell(DURATION_BUCKETS_SECONDS)
    for one in values:
        reference.observe(one)
    cell.observe(np.asarray(values))
    wanted = samples(registry.collect())
    for bound, count in cell.cumulative():
        assert value(wanted, "h_bucket", le=bound) == count
    assert value(wanted, "h_sum") == pytest.approx(cell.sum)


def test_predictions_are_counted_once_however_they_are_settled() -> None:
    series = ModelSeries("m", 1, ModelNumbers(0.5, 1, 1, 1, 1))
    for number in range(1000):
        series.observe(2, 0.001, 0.0, 0.002, 0.003)
        if number % 301 == 0:
            series.settle()
    series.settle()
    series.settle()
    assert series.samples == 2000
    decode, queue, compute, encode, total = series.phases
    for cell, seconds in ((decode, 1.0), (queue, 0.0), (compute, 2.0), (encode, 3.0), (total, 6.0)):
        assert cell.sum == pytest.approx(seconds)
        assert cell.cumulative()[-1] == ("+Inf", 1000.0)
    assert series.batches.cumulative()[0] == ("1.0", 0.0)
    assert series.batches.cumulative()[1] == ("2.0", 1000.0)


def test_two_services_share_no_metric() -> None:
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    first.uploaded_bytes.inc(5)
    assert value(samples(second.registry.collect()), "prunus_upload_bytes_total") == 0
