"""Listing, showing, deleting models; their reports and files."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from app.core.settings import Settings
from engine.artifacts.artifact import open_artifact
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from graph.graph import Graph
from graph.keras.read import read_model
from graph.reference import run
from tests.app.live import Live, live
from tests.app.test_predict import close, slug
from tests.app.test_uploads import archive, members_of
from tests.builders import random_inputs
from tests.graph.keras.handmade import DENSE, dense_config, write_legacy


def test_models_are_listed_with_their_versions(service: Live) -> None:
    models = {model["name"]: model for model in service.http.get("/models").json()["models"]}
    assert {"digits", "small", "two"} <= set(models)
    version = models["digits"]["versions"][0]
    assert (models["digits"]["latest_version"], version["state"]) == (1, "loaded")
    assert version["summary"]["removed_share"] > 0.9
    assert service.http.get("/models/digits").json() == models["digits"]
    assert service.http.get(version["links"]["self"]).json() == version


def test_latencies_dense_and_as_served_are_in_the_summary(service: Live) -> None:
    latency = service.http.get("/models/digits").json()["versions"][0]["summary"]["latency"]
    assert {1, 16, 64} <= {one["batch"] for one in latency}
    for one in latency:
        assert 0 < one["low_seconds"] <= one["seconds"] <= one["high_seconds"]
        assert 0 < one["dense_low_seconds"] <= one["dense_seconds"] <= one["dense_high_seconds"]
        assert one["readings"] >= 5
        claimed = one["verdict"] != "no_difference"
        assert (one["speedup"] is not None) is claimed


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("/models/nobody", 404, "model-not-found"),
        ("/models/small/versions/9", 404, "version-not-found"),
        ("/models/nobody/versions/1/report", 404, "model-not-found"),
        ("/models/small/versions/9/artifact", 404, "version-not-found"),
        ("/models/small/versions/0", 422, "invalid-request"),
        ("/models/small/versions/one", 422, "invalid-request"),
        ("/models/..%2F..%2Fetc", 404, "not-found"),
        ("/models/.hidden", 422, "invalid-name"),
        ("/models/small/versions/1/report?format=pdf", 422, "invalid-request"),
        ("/jobs/none", 404, "job-not-found"),
        ("/nowhere", 404, "not-found"),
    ],
)
def test_what_is_not_there_has_its_own_problem(
    service: Live, path: str, status: int, problem: str
) -> None:
    answer = service.http.get(path)
    assert (answer.status_code, slug(answer)) == (status, problem)


def test_another_method_names_those_there_are(service: Live) -> None:
    answer = service.http.put("/models")
    assert (answer.status_code, slug(answer)) == (405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"
    assert service.http.get("/predict").headers["allow"] == "POST"


def test_the_report_comes_as_json_markdown_and_html(service: Live) -> None:
    path = "/models/digits/versions/1/report"
    report = service.http.get(path).json()
    assert report["totals"]["removed_share"] > 0.9
    assert {layer["layer"] for layer in report["layers"]} >= {"hidden_1", "hidden_2"}
    markdown = service.http.get(path, headers={"Accept": "text/markdown"})
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert markdown.text.startswith("# digits, version 1: pruning report")
    page = service.http.get(path, headers={"Accept": "text/html,application/xhtml+xml"})
    assert page.headers["content-type"].startswith("text/html")
    assert "hidden_1" in page.text
    assert service.http.get(path, params={"format": "html"}).text == page.text
    assert service.http.get(path, params={"format": "markdown"}).text == markdown.text


def test_names_from_a_file_are_escaped_in_pages(
    service: Live, small_file: Path, tmp_path: Path
) -> None:
    members = members_of(small_file)
    name = next(
        layer["config"]["name"]
        for layer in json.loads(members["config.json"])["config"]["layers"]
        if layer["class_name"] == "Dense"
    )
    evil = members["config.json"].replace(f'"{name}"'.encode(), b'"<img src=x onerror=alert(1)>"')
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        groups: list[h5py.Group] = []
        file.visititems(lambda _, item: groups.append(item))
        for group in groups:
            if group.attrs.get("name") == name:
                group.attrs["name"] = "<img src=x onerror=alert(1)>"
    path = tmp_path / "evil.keras"
    path.write_bytes(
        archive({**members, "config.json": evil, "model.weights.h5": weights.getvalue()})
    )
    answer = service.upload(path, "script")
    assert answer.status_code == 201, answer.text
    page = service.http.get("/models/script/versions/1/report?format=html").text
    assert "<img" not in page
    assert "&lt;img" in page
    service.http.delete("/models/script")


def test_the_artifact_can_be_run_and_is_the_one_that_was_hashed(
    service: Live, small_graph: Graph, tmp_path: Path
) -> None:
    answer = service.http.get("/models/small/versions/1/artifact")
    summary = service.http.get("/models/small").json()["versions"][0]["summary"]
    assert hashlib.sha256(answer.content).hexdigest() == summary["artifact_sha256"]
    path = tmp_path / "a.prunus"
    path.write_bytes(answer.content)
    assert open_artifact(path).size_bytes == len(answer.content)
    inputs = random_inputs(small_graph, 4)
    found = load(path, ObjectCache()).run(inputs)
    assert close(found["y0"], run(small_graph, inputs, dtype=np.float64)["y0"])


def test_the_pruned_keras_file_computes_the_same(
    service: Live, small_graph: Graph, tmp_path: Path
) -> None:
    path = tmp_path / "pruned.keras"
    path.write_bytes(service.http.get("/models/small/versions/1/keras").content)
    inputs = random_inputs(small_graph, 4)
    found = run(read_model(path).graph, inputs, dtype=np.float64)["y0"]
    assert close(found, run(small_graph, inputs, dtype=np.float64)["y0"])


def test_what_came_from_keras2_is_there_for_keras2(service: Live, tmp_path: Path) -> None:
    old = write_legacy(tmp_path / "old.h5", dense_config(), DENSE)
    assert service.upload(old, "old").status_code == 201
    answer = service.http.get("/models/old/versions/1/keras?format=h5")
    assert 'filename="old-1.h5"' in answer.headers["content-disposition"]
    (tmp_path / "back.h5").write_bytes(answer.content)
    back, original = read_model(tmp_path / "back.h5"), read_model(old)
    assert back.keras_version == "2.15.0"
    inputs = random_inputs(original.graph, 4)
    (found,), (wanted,) = (run(one.graph, inputs).values() for one in (back, original))
    assert close(found, wanted)
    answer = service.http.get("/models/small/versions/1/keras?format=h5")
    assert (answer.status_code, slug(answer)) == (404, "file-missing")
    assert "where the upload came from Keras 1 or 2" in answer.json()["hint"]
    answer = service.http.get("/models/small/versions/1/keras?format=onnx")
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")


def test_deleting_a_version_brings_the_one_before_back(service: Live, small_file: Path) -> None:
    for _ in range(2):
        service.upload(small_file, "deleted")
    folder = service.data / "models" / "deleted"
    assert service.http.delete("/models/deleted/versions/2").status_code == 204
    assert service.predict(model="deleted", inputs=[[0] * 6]).json()["version"] == 1
    assert sorted(path.name for path in folder.iterdir()) == ["1"]
    # A version number is not used again as long as the model exists.
    assert service.upload(small_file, "deleted").json()["version"] == 3
    assert service.http.delete("/models/deleted").status_code == 204
    assert not folder.exists()
    answer = service.predict(model="deleted", inputs=[[0] * 6])
    assert (answer.status_code, slug(answer)) == (404, "model-not-found")
    assert service.http.delete("/models/deleted").status_code == 404


def test_the_index_lists_routes_and_for_browsers_models(service: Live) -> None:
    links = service.http.get("/").json()["links"]
    assert links["models"] == "/models"
    for name in ("models", "jobs", "metrics", "live", "ready", "documentation", "openapi"):
        assert service.http.get(links[name]).status_code == 200
    page = service.http.get("/", headers={"Accept": "text/html"}).text
    assert "digits" in page


def test_the_openapi_document_describes_every_route_and_its_problems(service: Live) -> None:
    document = service.http.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/",
        "/health/live",
        "/health/ready",
        "/jobs",
        "/jobs/{job_id}",
        "/jobs/{job_id}/events",
        "/metrics",
        "/models",
        "/models/{name}",
        "/models/{name}/versions/{version}",
        "/models/{name}/versions/{version}/activate",
        "/models/{name}/versions/{version}/artifact",
        "/models/{name}/versions/{version}/deactivate",
        "/models/{name}/versions/{version}/keras",
        "/models/{name}/versions/{version}/report",
        "/predict",
        "/problems/{slug}",
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    assert "application/problem+json" in response["content"]
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]


def test_models_are_served_again_after_a_restart(
    make_settings: Callable[..., Settings], small_file: Path
) -> None:
    with live(make_settings()) as service:
        service.upload(small_file, "kept")
        before = service.predict(model="kept", inputs=[[1] * 6]).json()
        job = service.http.get("/jobs").json()["jobs"][0]
    with live(make_settings()) as service:
        assert service.predict(model="kept", inputs=[[1] * 6]).json() == before
        assert service.http.get("/jobs").json()["jobs"][0] == job


def test_a_version_that_cannot_be_loaded_says_so_and_stops_no_other(
    make_settings: Callable[..., Settings], small_file: Path
) -> None:
    with live(make_settings()) as service:
        for name in ("broken", "fine"):
            service.upload(small_file, name)
    artifact = make_settings().data_dir / "models" / "broken" / "1" / "model.prunus"
    artifact.write_bytes(artifact.read_bytes()[:-64])
    with live(make_settings()) as service:
        assert service.predict(model="fine", inputs=[[1] * 6]).status_code == 200
        answer = service.predict(model="broken", inputs=[[1] * 6])
        assert (answer.status_code, slug(answer)) == (503, "model-unavailable")
        assert service.http.get("/models/broken").json()["versions"][0]["state"] == "unavailable"


def test_two_servers_on_one_folder_see_each_others_models(
    make_settings: Callable[..., Settings], small_file: Path
) -> None:
    import time

    settings = make_settings(refresh_seconds=0.05)
    with live(settings) as first, live(settings) as second:
        first.upload(small_file, "shared")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if second.predict(model="shared", inputs=[[1] * 6]).status_code == 200:
                break
            time.sleep(0.02)
        assert second.predict(model="shared", inputs=[[1] * 6]).status_code == 200
        second.http.delete("/models/shared")
        while time.monotonic() < deadline:
            if first.predict(model="shared", inputs=[[1] * 6]).status_code == 404:
                break
            time.sleep(0.02)
        assert first.predict(model="shared", inputs=[[1] * 6]).status_code == 404
