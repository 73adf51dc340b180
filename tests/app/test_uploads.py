"""POST /models: what is accepted, what is refused and how, and that nothing is left behind."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np
import pytest

from app.core.settings import Settings
from tests.app.conftest import DIGITS
from tests.app.live import Live, live, wait_for_job
from tests.app.test_predict import slug
from tests.hostile.files.containers import write_zeros

Members = dict[str, bytes]


def job_files(service: Live) -> list[str]:
    return [str(p) for part in ("jobs", "uploads") for p in (service.data / part).iterdir()]


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive(members: Members) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return file.getvalue()


def with_config(path: Path, change: Callable[[dict[str, Any]], None]) -> bytes:
    members = members_of(path)
    config = json.loads(members["config.json"])
    change(config)
    return archive({**members, "config.json": json.dumps(config).encode()})


def rename_class(name: str, package: str | None = None) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        layer = next(x for x in config["config"]["layers"] if x["class_name"] == "Dense")
        layer["class_name"] = name
        layer["registered_name"] = package

    return change


def subclass(config: dict[str, Any]) -> None:
    config.update(class_name="MyModel", module="my.code", registered_name="MyModel")


def unknown_argument(config: dict[str, Any]) -> None:
    layer = next(x for x in config["config"]["layers"] if x["class_name"] == "Dense")
    layer["config"]["quantum"] = True


def too_many_layers(config: dict[str, Any]) -> None:
    layers = config["config"]["layers"]
    text = json.dumps(layers[-1])
    name = layers[-1]["name"]
    layers += [json.loads(text.replace(f'"{name}"', f'"extra_{n}"')) for n in range(20_000)]


def close_the_circle(config: dict[str, Any]) -> None:
    """Let the first Dense layer read the last one's output."""
    text = json.dumps(config)
    dense = [x for x in config["config"]["layers"] if x["class_name"] == "Dense"]
    first, last = dense[0], dense[-1]
    assert last["name"] in text
    history = first["inbound_nodes"][0]["args"][0]["config"]["keras_history"]
    history[0] = last["name"]


def zip_bomb(path: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        bomb = Path(folder) / "bomb"
        write_zeros(bomb, "model.weights.h5", 600)
        return bomb.read_bytes()


def weights_only(path: Path) -> bytes:
    return members_of(path)["model.weights.h5"]


def other_weights(path: Path) -> bytes:
    members = members_of(path)
    file = io.BytesIO(members["model.weights.h5"])
    with h5py.File(file, "r+") as weights:
        found: list[str] = []
        weights.visititems(
            lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None
        )
        del weights[found[0]]
        weights[found[0]] = np.zeros((2, 2), np.float32)
    return archive({**members, "model.weights.h5": file.getvalue()})


def hdf5(link: Callable[[h5py.File], None]) -> bytes:
    """A legacy Keras file in which something leads out of it."""
    file = io.BytesIO()
    with h5py.File(file, "w") as model:
        model.attrs["keras_version"] = "2.15.0"
        model.attrs["backend"] = "tensorflow"
        model.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": []})
        link(model)
    return file.getvalue()


def external_link(model: h5py.File) -> None:
    model["model_weights"] = h5py.ExternalLink("/etc/passwd", "/")


def external_storage(model: h5py.File) -> None:
    weights = model.create_group("model_weights")
    weights.create_dataset("w", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def post(service: Live, content: bytes, name: str = "bad", **fields: str) -> httpx.Response:
    return service.http.post(
        "/models",
        params={"wait": 300},
        data={"name": name, **fields},
        files={"file": ("model.keras", content)},
    )


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.read_bytes()[:-200], "damaged-file"),
        (zip_bomb, "zip-bomb"),
        (lambda path: archive({**members_of(path), "../evil": b"x"}), "unsafe-entry-name"),
        (weights_only, "weights-only"),
        (other_weights, "weights-mismatch"),
        (lambda path: with_config(path, rename_class("Lambda")), "custom-code"),
        (lambda path: with_config(path, rename_class("Mine", "mine>Mine")), "custom-code"),
        (lambda path: with_config(path, rename_class("Conv9D")), "custom-code"),
        (lambda path: with_config(path, subclass), "custom-code"),
        (lambda path: with_config(path, unknown_argument), "unsupported-argument"),
        (lambda path: with_config(path, too_many_layers), "over-limit"),
        (lambda path: with_config(path, close_the_circle), "invalid-topology"),
        (lambda path: archive({**members_of(path), "config.json": b"{"}), "invalid-config"),
        (lambda path: hdf5(external_link), "unsafe-hdf5"),
        (lambda path: hdf5(external_storage), "unsafe-hdf5"),
    ],
    ids=[
        "truncated",
        "bomb",
        "climbing",
        "weights-only",
        "other-weights",
        "lambda",
        "custom",
        "unknown",
        "subclassed",
        "argument",
        "limit",
        "cycle",
        "config",
        "external-link",
        "external-storage",
    ],
)
def test_a_bad_file_has_its_own_problem_and_leaves_nothing(
    service: Live, small_file: Path, make: Callable[[Path], bytes], problem: str
) -> None:
    answer = post(service, make(small_file))
    assert slug(answer) in {problem, *_ALSO.get(problem, ())}
    assert answer.status_code == 422
    job = service.http.get(answer.headers["location"]).json()
    assert job["state"] == "failed"
    assert job["error"]["type"] == answer.json()["type"]
    assert job_files(service) == []
    assert service.http.get("/models/bad").status_code == 404
    assert service.http.get("/health/ready").status_code == 200


@pytest.mark.parametrize("content", [b"", b"this is no model" * 100], ids=["empty", "text"])
def test_what_is_no_model_file_is_refused_before_it_is_queued(
    service: Live, content: bytes
) -> None:
    answer = post(service, content)
    assert (answer.status_code, slug(answer)) == (422, "not-a-model-file")
    assert "location" not in answer.headers
    assert job_files(service) == []
    assert service.http.get("/models/bad").status_code == 404


# A file that is cut off can be told as damaged or as no model file at all.
_ALSO = {"damaged-file": ("not-a-model-file",), "custom-code": ("unsupported-layer",)}


def test_nan_weights_need_the_flag(service: Live, nonfinite_file: Path) -> None:
    refused = service.upload(nonfinite_file, "nan")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/non-finite-weights")
    accepted = service.upload(nonfinite_file, "nan", allow_nonfinite="true")
    assert accepted.status_code == 201, accepted.text
    answer = service.predict(model="nan", inputs=[[1.0, 1.0, 1.0]])
    assert answer.json()["outputs"][0][1] is None
    assert answer.json()["outputs"][0][0] is not None
    service.http.delete("/models/nan")


def test_an_upload_is_accepted_with_the_job_that_makes_it(service: Live, small_file: Path) -> None:
    answer = service.upload(small_file, "accepted", wait=0)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/jobs/{job['id']}"
    assert (job["name"], job["version"], job["file_name"]) == ("accepted", 1, "small.keras")
    assert job["upload_bytes"] == small_file.stat().st_size
    done = wait_for_job(service.http, job["id"], state="done")
    assert done["links"]["model"] == "/models/accepted/versions/1"
    assert [stage["stage"] for stage in done["stages"]] == [
        *("read", "verify", "prune", "compile", "check", "write", "load", "publish")
    ]
    assert done["limits"]["memory_max_bytes"] == Settings().job_memory_max_bytes
    service.http.delete("/models/accepted")


def test_waiting_gives_the_finished_version(service: Live, small_file: Path) -> None:
    answer = service.upload(small_file, "waited")
    assert answer.status_code == 201
    assert answer.headers["location"] == "/models/waited/versions/1"
    summary = answer.json()["summary"]
    assert summary["inputs"] == [{"name": "x", "dtype": "float32", "shape": [None, 6]}]
    assert summary["guarantee"] in {"exact", "rounding"}
    assert 0 <= summary["check_error"] < 1e-4
    service.http.delete("/models/waited")


def test_versions_count_up_and_the_new_one_answers(service: Live, small_file: Path) -> None:
    for version in (1, 2):
        assert service.upload(small_file, "numbered").json()["version"] == version
    assert service.predict(model="numbered", inputs=[[0] * 6]).json()["version"] == 2
    assert service.predict(model="numbered", version=1, inputs=[[0] * 6]).json()["version"] == 1
    assert service.upload(small_file, "numbered", version="7").json()["version"] == 7
    assert service.upload(small_file, "numbered").json()["version"] == 8
    service.http.delete("/models/counted")


def test_a_version_that_exists_is_refused(service: Live, small_file: Path) -> None:
    answer = service.upload(small_file, "small", version="1")
    assert (answer.status_code, slug(answer)) == (409, "duplicate-version")
    assert job_files(service) == []


def test_a_recipe_is_applied(service: Live) -> None:
    recipe = json.dumps({"mode": "magnitude", "sparsity": 0.97})
    answer = service.upload(DIGITS, "recipe", recipe=recipe)
    assert answer.status_code == 201, answer.text
    summary = answer.json()["summary"]
    assert (summary["recipe"], summary["guarantee"]) == ("magnitude", "budgeted")
    assert summary["removed_share"] >= 0.96
    service.http.delete("/models/recipe")


@pytest.mark.parametrize(
    ("fields", "status", "problem"),
    [
        ({"name": ""}, 422, "invalid-name"),
        ({"name": "../up"}, 422, "invalid-name"),
        ({"name": "a/b"}, 422, "invalid-name"),
        ({"name": "-a"}, 422, "invalid-name"),
        ({"name": "a" * 65}, 422, "invalid-name"),
        ({"name": "ä"}, 422, "invalid-name"),
        ({"name": "a\n"}, 422, "invalid-name"),
        ({"version": "0"}, 422, "invalid-request"),
        ({"version": "1.5"}, 422, "invalid-request"),
        ({"version": "9" * 30}, 422, "invalid-request"),
        ({"recipe": "{"}, 422, "invalid-request"),
        ({"recipe": "[]"}, 422, "invalid-recipe"),
        ({"recipe": '{"mode": "lossless", "mode": "threshold"}'}, 422, "invalid-request"),
        ({"recipe": '{"layers": ' * 1000 + "1" + "}" * 1000}, 422, "invalid-request"),
        ({"recipe": '{"mode": "magic"}'}, 422, "invalid-recipe"),
        ({"recipe": '{"mode": "magnitude", "sparsity": 1.0}'}, 422, "invalid-recipe"),
        ({"recipe": '{"sparsity": 0.5}'}, 422, "invalid-recipe"),
        ({"allow_nonfinite": "perhaps"}, 422, "invalid-request"),
        ({"activate": "perhaps"}, 422, "invalid-request"),
        ({"surprise": "1"}, 422, "invalid-request"),
        ({"recipe": " " * 70_000}, 413, "body-too-large"),
    ],
)
def test_bad_fields_are_refused_at_once(
    service: Live, small_file: Path, fields: dict[str, str], status: int, problem: str
) -> None:
    jobs = len(service.http.get("/jobs").json()["jobs"])
    answer = post(service, small_file.read_bytes(), **{"name": "fields", **fields})
    assert (answer.status_code, slug(answer)) == (status, problem)
    assert len(service.http.get("/jobs").json()["jobs"]) == jobs
    assert job_files(service) == []


def test_missing_parts_are_named(service: Live, small_file: Path) -> None:
    no_file = service.http.post("/models", data={"name": "a"}, files={"labels": b"x"})
    assert "'file'" in no_file.json()["detail"]
    no_name = service.http.post("/models", files={"file": small_file.read_bytes()})
    assert "'name'" in no_name.json()["detail"]
    twice = service.http.post(
        "/models", data={"name": ["a", "b"]}, files={"file": small_file.read_bytes()}
    )
    assert "twice" in twice.json()["detail"]
    assert job_files(service) == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({"Content-Type": "multipart/form-data"}, b"", 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"nonsense", 422),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\n", 422),
        (
            {"Content-Type": "multipart/form-data; boundary=x"},
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ncut off',
            422,
        ),
    ],
)
def test_bodies_that_are_no_form_are_refused(
    service: Live, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = service.http.post("/models", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert job_files(service) == []


def test_an_upload_over_the_limit_is_refused_while_it_arrives(
    make_settings: Callable[..., Settings],
) -> None:
    with live(make_settings(upload_max_bytes=100_000)) as service:
        answer = post(service, bytes(100_001))
        assert (answer.status_code, slug(answer)) == (413, "body-too-large")
        assert "PRUNUS_UPLOAD_MAX_BYTES" in answer.json()["hint"]
        assert job_files(service) == []


def test_an_upload_that_never_ends_is_given_up(make_settings: Callable[..., Settings]) -> None:
    import socket

    with live(make_settings(upload_timeout_seconds=0.3)) as service:
        url = service.http.base_url
        with socket.create_connection((url.host, url.port or 0)) as connection:
            connection.sendall(
                b"POST /models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            )
            assert b" 408 " in connection.recv(1000).split(b"\r\n")[0] + b" "
        assert job_files(service) == []


def test_a_client_that_goes_away_leaves_nothing(service: Live) -> None:
    import socket
    import time

    url = service.http.base_url
    with socket.create_connection((url.host, url.port or 0)) as connection:
        connection.sendall(
            b"POST /models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\nsome bytes'
        )
        deadline = time.monotonic() + 10
        while not job_files(service) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert job_files(service)
    while job_files(service) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert job_files(service) == []


def test_a_model_in_two_parts_is_served_as_the_whole_one(service: Live) -> None:
    with zipfile.ZipFile(DIGITS) as archive:
        parts = {
            "file": ("model.json", archive.read("config.json")),
            "weights": ("model.weights.h5", archive.read("model.weights.h5")),
        }
    answer = service.http.post(
        "/models?wait=300", data={"name": "halves"}, files=parts, timeout=300
    )
    assert answer.status_code == 201, answer.text
    expected = np.load(DIGITS.parent / "expected.npz")
    outputs = service.predict(model="halves", inputs=expected["inputs"].tolist()).json()["outputs"]
    np.testing.assert_allclose(outputs, expected["outputs"], atol=1e-5)
    service.http.delete("/models/halves")


@pytest.mark.parametrize("missing", ["file", "weights"])
def test_half_a_model_is_refused_before_it_is_queued(service: Live, missing: str) -> None:
    with zipfile.ZipFile(DIGITS) as archive:
        parts = {"file": archive.read("config.json"), "weights": archive.read("model.weights.h5")}
    sent = {name: (name, content) for name, content in parts.items() if name != missing}
    answer = service.http.post("/models?wait=300", data={"name": "half"}, files=sent)
    assert answer.status_code == 422, answer.text
    assert "location" not in answer.headers
    assert job_files(service) == []


def test_weights_beside_a_whole_model_are_refused_before_it_is_queued(service: Live) -> None:
    files = {"file": DIGITS.read_bytes(), "weights": b"\x89HDF\r\n\x1a\n"}
    answer = service.http.post("/models?wait=300", data={"name": "half"}, files=files)
    assert (answer.status_code, slug(answer)) == (422, "not-a-model-file")
    assert "no file of weights" in answer.json()["hint"]
    assert job_files(service) == []
