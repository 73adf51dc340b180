"""Limits on what arrives and what stays: pauses, trickling bodies, parallel uploads, memory of models."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from app.core.settings import Settings
from app.services.array_files import encode_npy
from tests.app.live import Live, live
from tests.app.test_predict import slug

Make = Callable[..., Settings]
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def raw_answer(service: Live, head: str, parts: list[bytes], pause: float) -> bytes:
    """Send a request whose body comes in parts with pauses; return what comes back."""
    url = urlsplit(str(service.http.base_url))
    with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
        connection.sendall(head.encode())
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
        except OSError:
            pass  # answered and closed before all was sent
        return connection.recv(65536)


def test_a_body_that_trickles_in_is_given_up(make_settings: Make) -> None:
    with live(make_settings(predict_read_timeout_seconds=0.3)) as service:
        head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        answer = raw_answer(service, head, [b" "] * 6, 0.1)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"/problems/body-timeout" in answer
        assert b"connection: close" in answer


def test_a_json_body_has_a_limit_of_its_own(make_settings: Make, small_file: Path) -> None:
    with live(make_settings(predict_json_max_bytes=64)) as service:
        service.upload(small_file, "small")
        assert service.predict(model="small", inputs=[[0] * 6]).status_code == 200
        answer = service.predict(model="small", inputs=[[0] * 6] * 4)
        assert (answer.status_code, slug(answer)) == (413, "body-too-large")
        assert "PRUNUS_PREDICT_JSON_MAX_BYTES" in answer.json()["hint"]


def test_a_json_answer_has_a_limit_of_its_own(make_settings: Make, small_file: Path) -> None:
    # Five samples of three float32 outputs are 60 bytes.
    with live(make_settings(predict_json_max_bytes=59)) as service:
        service.upload(small_file, "small")
        body = encode_npy(np.ones((5, 6), np.float32))
        headers = {"Content-Type": "application/x-npy"}
        asked = service.http.post("/predict?model=small", content=body, headers=headers)
        assert asked.status_code == 200
        headers["Accept"] = "application/json"
        asked = service.http.post("/predict?model=small", content=body, headers=headers)
        assert (asked.status_code, slug(asked)) == (413, "batch-too-large")
        assert "PRUNUS_PREDICT_JSON_MAX_BYTES" in asked.json()["hint"]


def slow_form(go: threading.Event) -> Iterator[bytes]:
    yield b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nslow'
    go.wait(30)
    yield b"\r\n--b--\r\n"


def test_an_upload_that_stops_arriving_is_given_up(make_settings: Make) -> None:
    with live(make_settings(upload_idle_timeout_seconds=0.2)) as service:
        head = (
            "POST /models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n"
            f"Content-Type: {FORM['Content-Type']}\r\n\r\n"
        )
        answer = raw_answer(service, head, [b"--b\r\n"], 0.4)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"PRUNUS_UPLOAD_IDLE_TIMEOUT_SECONDS" in answer
        assert list((service.data / "uploads").iterdir()) == []


def test_more_uploads_than_may_arrive_are_turned_away(make_settings: Make) -> None:
    with live(make_settings(upload_parallel_max_uploads=1)) as service:
        go, answers = threading.Event(), list[Any]()

        def first() -> None:
            answers.append(service.http.post("/models", content=slow_form(go), headers=FORM))

        thread = threading.Thread(target=first)
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while "prunus_uploads_in_flight 1.0" not in service.http.get("/metrics").text:
                assert time.monotonic() < deadline
            answer = service.http.post("/models", files={"file": b"x"}, data={"name": "second"})
            assert (answer.status_code, slug(answer)) == (503, "too-many-uploads")
            assert answer.headers["retry-after"] == "5"
        finally:
            go.set()
            thread.join(30)
        assert answers[0].status_code == 422
        assert "prunus_uploads_in_flight 0.0" in service.http.get("/metrics").text


@pytest.mark.parametrize("loaded", [0, 1])
def test_models_over_the_memory_limit_are_refused(
    make_settings: Make, small_file: Path, loaded: int
) -> None:
    with live(make_settings()) as service:
        service.upload(small_file, "small")
        model = service.app.state.services.registry.get("small", None)
        size = model.executable.resident_bytes
    settings = make_settings(model_memory_max_bytes=size * loaded + size // 2)
    with live(settings) as service:
        # What is stored already counts; what does not fit is refused at start as well.
        assert service.http.get("/models").json()["models"][0]["name"] == "small"
        asked = service.predict(model="small", inputs=[[0] * 6])
        assert asked.status_code == (200 if loaded else 503)
        answer = service.upload(small_file, "other")
        assert (answer.status_code, slug(answer)) == (507, "model-memory-full")
        assert [model["name"] for model in service.http.get("/models").json()["models"]] == [
            "small"
        ]
