"""What waits for a thread is limited by time; what nobody waits for any more is not computed."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson
import pytest
from prometheus_client import CollectorRegistry

from app.core.errors import OverloadedError
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.services.backlog import Backlog, Rate
from app.services.codecs import peek_model
from app.services.conversion import SMALL_TEXT_BYTES
from app.services.inference import Inference
from app.services.registry import Registry
from app.services.warm import Warm
from tests.app.live import Live, live, wait_until
from tests.app.test_predict import slug
from tests.app.test_registry import ACTIVE, Model, World
from tests.app.test_storage import SUMMARY

Make = Callable[..., Settings]


def test_a_request_is_refused_where_the_work_before_it_takes_too_long() -> None:
    backlog = Backlog("calls", threads=2, max_seconds=1.0, max_requests=10)
    with contextlib.ExitStack() as stack:
        stack.enter_context(backlog.entered(100.0))
        backlog.check()  # a thread is idle, whatever the other one does
        stack.enter_context(backlog.entered(0.1))
        assert backlog.wait_seconds() == pytest.approx(50.05)
        with pytest.raises(OverloadedError, match="wait") as refused:
            backlog.check()
        assert "PRUNUS_PREDICT_QUEUE_MAX_SECONDS" in refused.value.hint
    assert backlog.wait_seconds() == 0
    backlog.check()


def test_work_that_fails_does_not_wait_any_more() -> None:
    backlog = Backlog("calls", threads=1, max_seconds=1.0, max_requests=10)

    def fail() -> None:
        with backlog.entered(5.0):
            assert backlog.wait_seconds() == 5.0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (backlog.requests, backlog.wait_seconds()) == (0, 0.0)


def test_the_number_of_requests_is_limited_as_well() -> None:
    backlog = Backlog("calls", threads=1, max_seconds=1.0, max_requests=1)
    with backlog.entered(0.0), pytest.raises(OverloadedError):
        backlog.check()


def test_a_rate_follows_what_work_takes() -> None:
    rate = Rate(1.0)
    for _ in range(50):
        rate.learn(seconds=6.0, units=2.0)
    assert rate.seconds == pytest.approx(3.0, rel=1e-3)
    rate.learn(seconds=1.0, units=0.0)
    assert rate.seconds == pytest.approx(3.0, rel=1e-3)


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model": "a-b.c", "inputs": []}', "a-b.c"),
        (b'\n{ "model":"m"', "m"),
        (b'{"inputs": [], "model": "m"}', ""),
        (b'{"model": "\\u0061"}', ""),
        (b"", ""),
    ],
)
def test_the_model_is_found_at_the_start_of_a_text(body: bytes, model: str) -> None:
    assert peek_model(body) == model


class Blocked:
    """The pool's only thread, held by a call of the model until the test lets go."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run
        self.go = threading.Event()
        self.calls = 0

    def __call__(self, inputs: Any) -> Any:
        self.calls += 1
        assert self.go.wait(60)
        return self.run(inputs)


@pytest.fixture
def busy(
    make_settings: Make, small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Live, Blocked]]:
    """A service whose pool is computing one prediction, and how to let it end."""
    settings = make_settings(
        predict_threads=1, predict_inline_max_seconds=0, predict_queue_max_seconds=1e-9
    )
    with live(settings) as service:
        service.upload(small_file, "small")
        executable = service.app.state.services.registry.get("small", None).executable
        blocked = Blocked(executable.run)
        monkeypatch.setattr(executable, "run", blocked)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(service.predict, model="small", inputs=[[0] * 6])
            try:
                wait_until(lambda: blocked.calls, "the first prediction")
                yield service, blocked
            finally:
                blocked.go.set()
            assert first.result().status_code == 200


def test_a_prediction_that_would_wait_too_long_is_told_when_to_come_back(
    busy: tuple[Live, Blocked],
) -> None:
    service, _ = busy
    answer = service.predict(model="small", inputs=[[0] * 6])
    assert (answer.status_code, slug(answer)) == (503, "overloaded")
    assert answer.headers["retry-after"] == "1"
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert service.http.get(path).status_code == 200


def test_a_large_text_is_refused_before_it_is_parsed(busy: tuple[Live, Blocked]) -> None:
    service, _ = busy
    body = b'{"model": "small", no JSON at all' + b" " * SMALL_TEXT_BYTES
    answer = service.http.post(
        "/predict", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, slug(answer)) == (503, "overloaded")


def test_a_prediction_whose_client_has_gone_is_not_computed(
    make_settings: Make, small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(make_settings(predict_threads=1, predict_inline_max_seconds=0)) as service:
        service.upload(small_file, "small")
        executable = service.app.state.services.registry.get("small", None).executable
        blocked = Blocked(executable.run)
        monkeypatch.setattr(executable, "run", blocked)
        backlog = service.app.state.services.inference.backlog
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(service.predict, model="small", inputs=[[0] * 6])
            wait_until(lambda: blocked.calls, "the first prediction")
            url = urlsplit(str(service.http.base_url))
            body = orjson.dumps({"model": "small", "inputs": [[0] * 6]})
            with socket.create_connection((url.hostname, url.port)) as gone:
                gone.sendall(
                    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
                )
                wait_until(lambda: backlog.requests == 2, "the second prediction")
            wait_until(lambda: backlog.requests == 1, "its end")
            blocked.go.set()
            assert first.result().status_code == 200
        assert service.predict(model="small", inputs=[[0] * 6]).status_code == 200
        assert blocked.calls == 2
        assert 'code="499"' in service.http.get("/metrics").text


def test_what_calls_took_says_nothing_of_another_version_of_the_same_number() -> None:
    expected: list[float] = []

    class Quick(Model):
        """Notes for how long its calls were expected to take."""

        def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            expected.append(inference.backlog._seconds)
            return {}

    async def calls(registry: Registry) -> None:
        for job_id in ("first", "again"):
            executable: Any = Quick()
            registry.put(("a", 1, job_id), Warm(executable, 1.0), SUMMARY, ACTIVE)
            for _ in range(30):
                await inference.run(registry.get("a", 1), {"x": np.zeros((1, 2), np.float32)})
            registry.drop("a", 1)

    inference = Inference(Settings(predict_threads=1), Metrics(CollectorRegistry()), 1)
    asyncio.run(calls(World().registry))
    inference.close()
    assert expected[0] == expected[30] == 1.0
    assert max(expected[29], expected[59]) < 0.5
