"""POST /predict over HTTP: every form, every refusal, beside the NumPy oracle."""

import io
import json
import math
import zipfile
from typing import Any

import httpx
import numpy as np
import pytest

from graph.graph import Graph
from graph.reference import run
from tests.app.live import Live
from tests.builders import random_inputs
from tests.conftest import REPOSITORY

DEMO = REPOSITORY / "app" / "demo"
# float32 against float64, relative to the output's scale: the project's own promise.
TOLERANCE = 1e-5
JSON = {"Content-Type": "application/json"}
NPY = {"Content-Type": "application/x-npy"}
NPZ = {"Content-Type": "application/x-npz"}


def close(found: object, wanted: np.ndarray) -> bool:
    scale = max(float(np.abs(wanted).max()), 1e-30)
    return bool(np.abs(np.asarray(found, np.float64) - wanted).max() <= TOLERANCE * scale)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def slug(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["x-request-id"]
    return str(document["type"].removeprefix("/problems/"))


def test_the_demo_request_gives_what_keras_gives(service: Live) -> None:
    with np.load(DEMO / "expected.npz") as expected:
        by_width = {array.shape[-1]: array for array in expected.values() if array.ndim == 2}
    images, outputs = by_width[64], by_width[10]
    answer = service.predict(model="digits", inputs=images.tolist())
    assert answer.status_code == 200
    assert close(answer.json()["outputs"], outputs)


@pytest.mark.parametrize("batch", [1, 2, 17, 100])
def test_json_answers_as_the_oracle(service: Live, small_graph: Graph, batch: int) -> None:
    inputs = random_inputs(small_graph, batch, seed=batch)
    wanted = run(small_graph, inputs, dtype=np.float64)["y0"]
    answer = service.predict(model="small", inputs=inputs["x"].tolist())
    assert answer.json()["model"] == "small"
    assert answer.json()["version"] == 1
    assert close(answer.json()["outputs"], wanted)


def test_inputs_by_name_give_outputs_by_name(service: Live, two_inputs_graph: Graph) -> None:
    inputs = random_inputs(two_inputs_graph, 3)
    wanted = run(two_inputs_graph, inputs, dtype=np.float64)
    answer = service.predict(model="two", inputs={n: a.tolist() for n, a in inputs.items()})
    outputs = answer.json()["outputs"]
    assert sorted(outputs) == sorted(wanted)
    assert all(close(outputs[name], wanted[name]) for name in wanted)


def test_an_object_with_one_input_gives_an_object(service: Live) -> None:
    answer = service.predict(model="small", inputs={"x": [[0.0] * 6]})
    assert list(answer.json()["outputs"]) == ["y0"]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", "<i8", "|u1"])
def test_npy_answers_in_kind(service: Live, small_graph: Graph, dtype: str, order: Any) -> None:
    values = np.arange(12).reshape(2, 6).astype(dtype, order=order)
    wanted = run(small_graph, {"x": values.astype(np.float32)}, dtype=np.float64)["y0"]
    answer = service.http.post(
        "/predict", params={"model": "small"}, content=npy(values), headers=NPY
    )
    assert answer.headers["content-type"] == "application/x-npy"
    found = np.load(io.BytesIO(answer.content), allow_pickle=False)
    assert found.dtype == np.float32
    assert close(found, wanted)


def test_npz_answers_in_kind(service: Live, two_inputs_graph: Graph) -> None:
    inputs = random_inputs(two_inputs_graph, 5)
    wanted = run(two_inputs_graph, inputs, dtype=np.float64)
    answer = service.http.post(
        "/predict", params={"model": "two", "version": 1}, content=npz(**inputs), headers=NPZ
    )
    assert answer.headers["content-type"] == "application/x-npz"
    found = np.load(io.BytesIO(answer.content), allow_pickle=False)
    assert sorted(found.files) == sorted(wanted)
    assert all(close(found[name], wanted[name]) for name in wanted)


def test_octet_streams_are_told_apart_by_their_first_bytes(service: Live) -> None:
    for body, kind in ((npy(np.ones((1, 6))), "x-npy"), (npz(x=np.ones((1, 6))), "x-npz")):
        answer = service.http.post(
            "/predict?model=small",
            content=body,
            headers={"Content-Type": "application/octet-stream"},
        )
        assert answer.headers["content-type"] == f"application/{kind}"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "json"),
        ("application/x-npz", "x-npz"),
        ("text/html, application/json;q=0.5", "json"),
        ("application/json;q=0.2, application/x-npy", "x-npy"),
        ("*/*", "x-npy"),
    ],
)
def test_accept_chooses_the_form_of_the_answer(service: Live, accept: str, kind: str) -> None:
    answer = service.http.post(
        "/predict?model=small", content=npy(np.ones((1, 6))), headers={**NPY, "Accept": accept}
    )
    assert answer.headers["content-type"] == f"application/{kind}"


def test_an_accept_header_without_a_known_form_is_refused(service: Live) -> None:
    answer = service.http.post(
        "/predict",
        json={"model": "small", "inputs": [[0] * 6]},
        headers={"Accept": "image/png"},
    )
    assert (answer.status_code, slug(answer)) == (406, "not-acceptable")


@pytest.mark.parametrize("token", ["NaN", "null", "Infinity", "-Infinity"])
def test_numbers_that_are_not_finite_pass_through(
    service: Live, small_graph: Graph, token: str
) -> None:
    body = f'{{"model": "small", "inputs": [[0, 0, {token}, 0, 0, 0], [1, 1, 1, 1, 1, 1]]}}'
    answer = service.http.post(
        "/predict", content=body, headers={"Content-Type": "application/json"}
    )
    value = {"NaN": math.nan, "null": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    inputs = np.array([[0, 0, value[token], 0, 0, 0], [1] * 6], np.float32)
    with np.errstate(invalid="ignore"):
        wanted = run(small_graph, {"x": inputs}, dtype=np.float64)["y0"]
    found = np.array(answer.json()["outputs"], np.float64)
    assert (np.isnan(found) == ~np.isfinite(wanted)).all()
    assert close(found[1], wanted[1])
    assert ~np.isfinite(wanted[0]).all()


def test_nan_is_untouched_in_npy(service: Live) -> None:
    values = np.zeros((1, 6), np.float32)
    values[0, 2] = np.nan
    answer = service.http.post("/predict?model=small", content=npy(values), headers=NPY)
    assert np.isnan(np.load(io.BytesIO(answer.content))).any()


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"inputs": [[0] * 6]}, 422, "invalid-request"),
        ({"model": "small"}, 422, "invalid-request"),
        ({"model": "small", "inputs": 3}, 422, "invalid-request"),
        ({"model": "small", "inputs": [[0] * 6], "what": 1}, 422, "invalid-request"),
        ({"model": 7, "inputs": [[0] * 6]}, 422, "invalid-request"),
        ({"model": "small", "version": 0, "inputs": [[0] * 6]}, 422, "invalid-request"),
        ({"model": "small", "version": "1", "inputs": [[0] * 6]}, 422, "invalid-request"),
        ({"model": "nobody", "inputs": [[0] * 6]}, 404, "model-not-found"),
        ({"model": "small", "version": 99, "inputs": [[0] * 6]}, 404, "version-not-found"),
        ({"model": "small", "inputs": {"y": [[0] * 6]}}, 422, "unknown-input"),
        ({"model": "small", "inputs": {"x": [[0] * 6], "y": []}}, 422, "unknown-input"),
        ({"model": "small", "inputs": {}}, 422, "missing-input"),
        ({"model": "two", "inputs": {"left": [[0] * 4]}}, 422, "missing-input"),
        ({"model": "two", "inputs": [[0] * 4]}, 422, "missing-input"),
        ({"model": "small", "inputs": [[0] * 5]}, 422, "wrong-shape"),
        ({"model": "small", "inputs": [0] * 6}, 422, "wrong-shape"),
        ({"model": "small", "inputs": [[[0] * 6]]}, 422, "wrong-shape"),
        ({"model": "small", "inputs": [[0] * 6, [0] * 5]}, 422, "ragged-input"),
        ({"model": "small", "inputs": [[0] * 5 + [[1]]]}, 422, "ragged-input"),
        ({"model": "small", "inputs": [["a"] * 6]}, 422, "wrong-dtype"),
        ({"model": "small", "inputs": [["1"] * 6]}, 422, "wrong-dtype"),
        ({"model": "small", "inputs": [[True] * 6]}, 422, "wrong-dtype"),
        ({"model": "small", "inputs": [[{}] * 6]}, 422, "wrong-dtype"),
        ({"model": "small", "inputs": []}, 422, "empty-batch"),
        ({"model": "two", "inputs": {"left": [[0] * 4], "right": [[0.5, 0]]}}, 422, "wrong-dtype"),
        (
            {"model": "two", "inputs": {"left": [[0] * 4], "right": [[2**40, 0]]}},
            422,
            "wrong-dtype",
        ),
        (
            {"model": "two", "inputs": {"left": [[0] * 4], "right": [[0, 0]] * 2}},
            422,
            "batch-mismatch",
        ),
        ({"model": "small", "inputs": [[0] * 6] * 8193}, 413, "batch-too-large"),
    ],
)
def test_each_bad_body_has_its_own_problem(
    service: Live, body: dict[str, Any], status: int, problem: str
) -> None:
    answer = service.http.post("/predict", json=body)
    assert (answer.status_code, slug(answer)) == (status, problem)


@pytest.mark.parametrize("text", ["", "{", "[1, 2", '{"model": nan}', "[" * 5000, "NaN NaN"])
def test_what_is_not_json_is_refused(service: Live, text: str) -> None:
    answer = service.http.post(
        "/predict", content=text, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, slug(answer)) == (400, "invalid-json")


def test_an_empty_batch_is_refused(service: Live) -> None:
    answer = service.http.post(
        "/predict?model=small", content=npy(np.zeros((0, 6), np.float32)), headers=NPY
    )
    assert (answer.status_code, slug(answer)) == (422, "empty-batch")


def test_a_body_without_a_known_content_type_is_refused_with_a_hint(service: Live) -> None:
    answer = service.http.post("/predict", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type")
    assert "application/json" in answer.json()["hint"]


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return file.getvalue()


def stored(name: str, content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


GOOD = npy(np.ones((1, 6), np.float32))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", NPY),
        (b"nonsense", NPY),
        (GOOD[:-1], NPY),
        (GOOD + b"x", NPY),
        (GOOD[:20], NPY),
        (pickled(), NPY),
        (npy(np.ones((1, 6), np.complex64)), NPY),
        (GOOD.replace(b"(1, 6)", b"(-1,6)"), NPY),
        (GOOD.replace(b"'descr'", b"__imp__"), NPY),
        (b"nonsense", NPZ),
        (npz(x=np.ones((1, 6)))[:-30], NPZ),
        (stored("x.npy", pickled()), NPZ),
        (stored("x.txt", GOOD), NPZ),
        (stored("x.npy", GOOD, zipfile.ZIP_BZIP2), NPZ),
        (stored("x.npy", GOOD[:-1]), NPZ),
    ],
)
def test_array_files_that_cannot_be_read_are_refused(
    service: Live, body: bytes, headers: dict[str, str]
) -> None:
    answer = service.http.post("/predict?model=small", content=body, headers=headers)
    assert (answer.status_code, slug(answer)) == (400, "invalid-array-file")


def test_an_npz_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(service: Live) -> None:
    # 300 MB of zeros in 300 kB: over predict_decoded_max_bytes, below predict_body_max_bytes.
    body = stored("x.npy", bytes(300 * 1024 * 1024), zipfile.ZIP_DEFLATED)
    answer = service.http.post("/predict?model=small", content=body, headers=NPZ)
    assert (answer.status_code, slug(answer)) == (413, "body-too-large")


def test_an_npz_that_lies_about_its_size_is_refused(service: Live) -> None:
    honest = stored("x.npy", bytes(1024 * 1024), zipfile.ZIP_DEFLATED)
    lying = honest.replace((1024 * 1024).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != honest
    answer = service.http.post("/predict?model=small", content=lying, headers=NPZ)
    assert (answer.status_code, slug(answer)) == (400, "invalid-array-file")


def test_a_body_over_the_limit_is_refused_while_it_arrives(service: Live) -> None:
    def endless() -> Any:
        for _ in range(65):
            yield bytes(1024 * 1024)

    try:
        answer = service.http.post(
            "/predict", content=endless(), headers={"Content-Type": "application/json"}
        )
    except httpx.TransportError:
        return  # the answer was lost because the server closed while we were still sending
    assert (answer.status_code, slug(answer)) == (413, "body-too-large")


def test_requests_in_parallel_get_their_own_answers(service: Live, small_graph: Graph) -> None:
    from concurrent.futures import ThreadPoolExecutor

    batches = [random_inputs(small_graph, 1 + n % 40, seed=n) for n in range(60)]

    def ask(inputs: dict[str, np.ndarray]) -> Any:
        body = json.dumps({"model": "small", "inputs": inputs["x"].tolist()})
        headers = {"Content-Type": "application/json"}
        return service.http.post("/predict", content=body, headers=headers).json()["outputs"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, batches))
    for inputs, found in zip(batches, answers, strict=True):
        assert close(found, run(small_graph, inputs, dtype=np.float64)["y0"])
