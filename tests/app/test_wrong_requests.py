"""What people send by mistake, and that the answer says what would have been right."""

import io
import struct
import zipfile

import httpx
import numpy as np
import pytest

from app.core.suggestions import did_you_mean
from tests.app.live import Live
from tests.app.test_predict import JSON, NPY, NPZ, npy, npz, slug


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"model": "small", "instances": [[0] * 6]}, "instances"),
        ({"model": "small", "data": [[0] * 6]}, "data"),
        ({"signature_name": "serving_default", "instances": [[0] * 6]}, "instances"),
        ({"model": "small", "input": {"x": [[0] * 6]}}, "input"),
    ],
)
def test_inputs_under_another_name_are_told_the_right_one(
    service: Live, body: dict[str, object], field: str
) -> None:
    answer = service.http.post("/predict?model=small", json=body)
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert answer.json()["detail"] == "'inputs' is missing"
    assert answer.json()["got"] == f'the field "{field}"'
    assert answer.json()["hint"] == f'rename "{field}" to "inputs"'


def test_a_body_without_anything_like_inputs_gets_no_advice_to_rename(service: Live) -> None:
    answer = service.http.post("/predict", json={"model": "small", "what": 1})
    assert "hint" not in answer.json()


@pytest.mark.parametrize("headers", [NPY, NPZ])
def test_what_curl_makes_of_a_file_without_data_binary_is_told(
    service: Live, headers: dict[str, str]
) -> None:
    content = npy(np.ones((2, 6))) if headers == NPY else npz(x=np.ones((2, 6)))
    cut = content[: content.index(b"\0")]  # -d @file ends at the first zero byte
    stripped = content.replace(b"\n", b"").replace(b"\r", b"").replace(b"\0", b"")
    for body in (cut, stripped):
        answer = service.http.post("/predict?model=small", content=body, headers=headers)
        assert (answer.status_code, slug(answer)) == (400, "invalid-array-file")
        assert "--data-binary" in answer.json()["hint"]
    without_line_ends = content.replace(b"\n", b"")
    answer = service.http.post("/predict?model=small", content=without_line_ends, headers=headers)
    assert answer.status_code == 400


PREDICT = """curl -H 'Content-Type: application/json' -d '{"model": """


@pytest.mark.parametrize(
    ("method", "path", "status", "hint"),
    [
        ("GET", "/predict", 405, PREDICT + '"NAME", "inputs": [[...]]}\' '),
        ("PUT", "/predict", 405, PREDICT + '"NAME", "inputs": [[...]]}\' '),
        ("POST", "/models/m-1/predict", 404, PREDICT + '"m-1", "inputs"'),
        ("POST", "/v1/models/m:predict", 404, PREDICT + '"m", "inputs"'),
        ("POST", "/v1/models/m/versions/3:predict", 404, PREDICT + '"m", "version": 3, "inputs"'),
        ("POST", "/v2/models/m/infer", 404, PREDICT + '"m", "inputs"'),
        ("POST", "/predictions/m", 404, PREDICT + '"m", "inputs"'),
        ("GET", "/predict/m", 404, PREDICT + '"m", "inputs"'),
        ("POST", "/invocations", 404, PREDICT),
        ("PUT", "/models/x", 405, "curl -F file=@model.keras -F name=x "),
        ("POST", "/models/x", 405, "curl -F file=@model.keras -F name=x "),
        ("GET", "/model", 404, "did you mean '/models'?"),
        ("GET", "/healthz/live", 404, "did you mean '/health/live'?"),
        ("GET", "/zzzz", 404, "GET / lists the routes"),
    ],
)
def test_a_wrong_path_or_method_is_answered_with_the_right_call(
    service: Live, method: str, path: str, status: int, hint: str
) -> None:
    answer = service.http.request(method, path)
    assert answer.status_code == status
    assert hint in answer.json()["hint"]
    if "curl" in hint:
        assert f"{service.http.base_url}".rstrip("/") in answer.json()["hint"]
    if status == 405:
        assert answer.headers["allow"] == answer.json()["expected"]


def test_names_in_hints_are_names_only(service: Live) -> None:
    answer = service.http.post("/models/<script>/predict")
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "known", "suggested"),
    [
        ("POST", "/models?wat=60", "wait", "'wait'"),
        ("GET", "/models/small/versions/1/report?fromat=html", "format", "'format'"),
        ("GET", "/jobs?limit=3&x=", "limit", ""),
        ("GET", "/models?limit=3", "no parameters", ""),
        ("POST", "/predict?modell=small", "model, version", "'model'"),
    ],
)
def test_an_unknown_query_parameter_is_named(
    service: Live, method: str, path: str, known: str, suggested: str
) -> None:
    answer = service.http.request(method, path, **({"json": {}} if "predict" in path else {}))
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert answer.json()["detail"] == "the query has an unknown parameter"
    assert answer.json()["expected"] == known
    assert suggested in answer.json().get("hint", "")


def test_every_known_query_parameter_is_taken(service: Live) -> None:
    assert service.http.get("/jobs?limit=3").status_code == 200
    assert service.http.get("/models/small/versions/1/report?format=json").status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "gzip, identity"])
def test_compressed_bodies_are_refused_by_the_name_of_their_coding(
    service: Live, coding: str
) -> None:
    for path in ("/predict", "/models"):
        answer = service.http.post(
            path, content=b"\x1f\x8b", headers={**JSON, "Content-Encoding": coding}
        )
        assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type")
        assert answer.json()["got"] == f"Content-Encoding: {coding}"


def test_the_identity_coding_is_none(service: Live) -> None:
    body = b'{"model": "small", "inputs": [[0, 0, 0, 0, 0, 0]]}'
    answer = service.http.post(
        "/predict", content=body, headers={**JSON, "Content-Encoding": "identity"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/models/smal", "/models/smal/versions/1"])
def test_a_misspelt_model_is_told_the_similar_name(service: Live, path: str) -> None:
    answers = [service.http.get(path), service.predict(model="smal", inputs=[[0] * 6])]
    for answer in answers:
        assert (answer.status_code, slug(answer)) == (404, "model-not-found")
        assert answer.json()["hint"] == "did you mean 'small'? GET /models lists the models"
    other = service.predict(model="qqqq", inputs=[[0] * 6])
    assert other.json()["hint"] == "GET /models lists the models"


def test_suggestions_look_at_a_bounded_number_of_names() -> None:
    seen = []

    def endless() -> object:
        number = 0
        while True:
            seen.append(number)
            yield f"name-{number}"
            number += 1

    assert did_you_mean("name-7", endless()) == "did you mean 'name-7'?"  # type: ignore[arg-type]
    assert len(seen) <= 501


@pytest.mark.parametrize("text", ["magnitude", "{mode: magnitude}", "0.9.1"])
def test_a_recipe_that_is_not_json_is_told_an_example(
    service: Live, small_file: object, text: str
) -> None:
    answer = service.upload(small_file, "r", recipe=text)  # type: ignore[arg-type]
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert '{"mode": "magnitude", "sparsity": 0.9}' in answer.json()["hint"]
    assert repr(text) in answer.json()["got"]


def zip_of(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"\x80\x02")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x1c\0\0\0TFL3" + bytes(50), "a TensorFlow Lite model"),
        (zip_of("archive/data.pkl"), "a PyTorch checkpoint"),
        (b"\x80\x02}q\0.", "a Python pickle"),
        (b"this is a text", "a file that starts with b'this is"),
        (b'{"class_name": "Sequential"}', "JSON text"),
        (b"<!doctype html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        (b"\x08\x08\x12\x07pytorch", "an ONNX model"),
        (struct.pack("<Q", 64) + b'{"weight":{"dtype":"F32"', "a safetensors file"),
        (zip_of("model.keras"), "a zip archive with a model file in it"),
        (npy(np.ones(3)), "a NumPy array"),
        (npz(x=np.ones(3)), "a NumPy archive"),
        (b"", "an empty file"),
    ],
)
def test_what_is_no_model_is_refused_before_a_job_is_made(
    service: Live, content: bytes, kind: str
) -> None:
    jobs = service.http.get("/jobs").json()["jobs"]
    answer = service.http.post(
        "/models", data={"name": "other"}, files={"file": ("m.keras", content)}
    )
    assert (answer.status_code, slug(answer)) == (422, "not-a-model-file")
    assert kind in answer.json()["got"]
    assert service.http.get("/jobs").json()["jobs"] == jobs
    assert list((service.data / "uploads").iterdir()) == []


def test_calibration_by_npy_and_by_a_wrong_array_name(service: Live, small_file: object) -> None:
    def upload(calibration: bytes) -> httpx.Response:
        with open(str(small_file), "rb") as file:
            return service.http.post(
                "/models?wait=300",
                data={"name": "calibrated"},
                files={"file": file, "calibration": calibration},
            )

    samples = np.random.default_rng(0).random((20, 6), np.float32)
    assert upload(npy(samples)).status_code == 201
    answer = upload(npz(x=samples, y=np.zeros(20)))
    assert (answer.status_code, slug(answer)) == (422, "invalid-calibration")
    assert "labels" in answer.json()["expected"]
    assert "numpy.savez(" in answer.json()["hint"]
    service.http.delete("/models/calibrated")
