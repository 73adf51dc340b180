"""The running service: overload, bugs, the demo model, calibration data, and who may cancel what."""

import io
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.settings import Settings
from app.services import onboarding
from app.services.registry import Registry
from tests.app.live import Live, live, wait_for_job, wait_until
from tests.app.test_predict import npz, slug

Make = Callable[..., Settings]


def test_a_bug_is_answered_without_its_details_and_logged(
    service: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret of the code")

    monkeypatch.setattr(Registry, "get", broken)
    answer = service.predict(model="small", inputs=[[0] * 6])
    assert (answer.status_code, slug(answer)) == (500, "internal-error")
    assert "secret" not in answer.text
    assert "ZeroDivisionError: a secret of the code" in caplog.text
    monkeypatch.undo()
    assert service.predict(model="small", inputs=[[0] * 6]).status_code == 200


class Slow:
    """Lets one call through at a time, when the test says so."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run
        self.go = threading.Event()
        self.calls = 0

    def __call__(self, inputs: Any) -> Any:
        self.calls += 1
        assert self.go.wait(30)
        return self.run(inputs)


def test_more_predictions_than_may_wait_are_turned_away(
    make_settings: Make, small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(
        predict_pending_max_requests=3, predict_threads=1, predict_inline_max_seconds=0
    )
    with live(settings) as service:
        service.upload(small_file, "small")
        executable = service.app.state.services.registry.get("small", None).executable
        slow = Slow(executable.run)
        monkeypatch.setattr(executable, "run", slow)

        def ask(_: int) -> Any:
            return service.predict(model="small", inputs=[[0] * 6])

        with ThreadPoolExecutor(3) as pool:
            waiting = [pool.submit(ask, n) for n in range(3)]
            deadline = time.monotonic() + 20
            while "prunus_predict_pending_requests 3.0" not in service.http.get("/metrics").text:
                assert time.monotonic() < deadline
            answer = ask(4)
            assert (answer.status_code, slug(answer)) == (503, "overloaded")
            assert answer.headers["retry-after"] == "1"
            assert service.http.get("/health/live").status_code == 200
            slow.go.set()
            assert [one.result().status_code for one in waiting] == [200, 200, 200]
        assert slow.calls == 3


def test_a_call_that_runs_when_its_version_is_deleted_still_answers(
    make_settings: Make, small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(make_settings(predict_inline_max_seconds=0)) as service:
        service.upload(small_file, "small")
        wanted = service.predict(model="small", inputs=[[1] * 6]).json()
        model = service.app.state.services.registry.get("small", None)
        (call,) = model.executable._idle
        started, go = threading.Event(), threading.Event()
        run_native = call.run

        def slow(*arrays: Any) -> None:
            started.set()
            assert go.wait(30)
            run_native(*arrays)

        monkeypatch.setattr(call, "run", slow)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(service.predict, model="small", inputs=[[1] * 6])
            assert started.wait(30)
            assert service.http.delete("/models/small").status_code == 204
            go.set()
            assert answer.result().json() == wanted


def test_the_demo_model_is_uploaded_at_the_first_start_only(
    make_settings: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.main")
    with live(make_settings(demo=True)) as service:
        # The upload follows readiness: it may not be queued yet when the first request is answered.
        wait_until(lambda: service.http.get("/jobs").json()["jobs"], "the job of the demo")
        (job,) = service.http.get("/jobs").json()["jobs"]
        wait_for_job(service.http, job["id"], state="done")
        model = service.http.get("/models/digits").json()
        assert model["latest_version"] == 1
        accuracy = model["versions"][0]["summary"]["quality"]["accuracy"]
        assert accuracy["before"] == accuracy["after"]
    with live(make_settings(demo=True)) as service:
        wait_until(lambda: "the demo model is not uploaded" in caplog.text, "the decision")
        assert len(service.http.get("/jobs").json()["jobs"]) == 1


def test_calibration_and_labels_go_with_the_upload(service: Live, small_file: Path) -> None:
    samples = np.random.default_rng(0).standard_normal((20, 6)).astype(np.float32)
    labels = io.BytesIO()
    np.save(labels, np.arange(20) % 3)
    with small_file.open("rb") as file:
        answer = service.http.post(
            "/models?wait=300",
            data={"name": "calibrated"},
            files={"file": file, "calibration": npz(x=samples), "labels": labels.getvalue()},
        )
    assert answer.status_code == 201, answer.text
    version = answer.json()["version"]  # other tests may have used and deleted this name
    report = service.http.get(f"/models/calibrated/versions/{version}/report").json()
    assert report["quality"]["samples"] == 20
    assert answer.json()["summary"]["quality"] == report["quality"]
    service.http.delete("/models/calibrated")


@pytest.mark.parametrize("content", [b"nonsense", npz(y=np.zeros((2, 6))), npz(x=np.zeros((2, 5)))])
def test_calibration_that_does_not_fit_is_refused(
    service: Live, small_file: Path, content: bytes
) -> None:
    with small_file.open("rb") as file:
        answer = service.http.post(
            "/models?wait=300",
            data={"name": "calibrated"},
            files={"file": file, "calibration": content},
        )
    assert (answer.status_code, slug(answer)) == (422, "invalid-calibration")


def test_a_job_of_another_server_cannot_be_cancelled_here(
    make_settings: Make, small_file: Path
) -> None:
    settings = make_settings(job_pause_stage="read")
    with live(settings) as first, live(settings) as second:
        job_id = first.upload(small_file, "m", wait=0).json()["id"]
        answer = second.http.delete(f"/jobs/{job_id}")
        assert (answer.status_code, slug(answer)) == (409, "job-finished")
        assert "another server" in answer.json()["detail"]
        assert first.http.delete(f"/jobs/{job_id}").json()["state"] == "cancelled"


def test_a_job_that_fails_by_a_bug_says_so_and_the_next_one_runs(
    make_settings: Make, small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(make_settings()) as service:
        monkeypatch.setattr(onboarding, "make_worker_request", lambda *_: 1 / 0)
        answer = service.upload(small_file, "small")
        assert (answer.status_code, slug(answer)) == (500, "internal-error")
        monkeypatch.undo()
        assert service.upload(small_file, "small").status_code == 201
