"""Jobs: queue, progress, events, cancelling, and a model that is still being prepared."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import Settings
from tests.app.live import Live, live, wait_for_job
from tests.app.test_predict import slug

Make = Callable[..., Settings]


def queue(service: Live, path: Path, name: str, **fields: str) -> str:
    answer = service.upload(path, name, wait=0, **fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def events(service: Live, job_id: str) -> list[dict[str, Any]]:
    with service.http.stream("GET", f"/jobs/{job_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = list(stream.iter_lines())
    assert {line for line in lines if line.startswith("event:")} == {"event: job"}
    return [json.loads(line[len("data: ") :]) for line in lines if line.startswith("data: ")]


def test_events_tell_every_stage_and_end_with_the_job(service: Live, small_file: Path) -> None:
    job_id = queue(service, small_file, "events")
    seen = events(service, job_id)
    assert seen[-1]["state"] == "done"
    assert seen[-1] == service.http.get(f"/jobs/{job_id}").json()
    progress = [event["progress"] for event in seen]
    assert progress == sorted(progress)
    stages = list(dict.fromkeys(event["stage"] for event in seen))
    assert stages[-1] == "done"
    assert "compile" in stages
    service.http.delete("/models/events")


def test_events_of_a_job_that_has_ended_are_its_last_state(service: Live) -> None:
    job = service.http.get("/jobs").json()["jobs"][-1]
    assert events(service, job["id"]) == [job]


def test_events_of_no_job_are_not_found(service: Live) -> None:
    answer = service.http.get("/jobs/none/events")
    assert (answer.status_code, slug(answer)) == (404, "job-not-found")


def test_jobs_are_listed_newest_first(service: Live) -> None:
    jobs = service.http.get("/jobs").json()["jobs"]
    created = [job["created_at"] for job in jobs]
    assert created == sorted(created, reverse=True)
    assert service.http.get("/jobs", params={"limit": 1}).json()["jobs"] == jobs[:1]


def test_waiting_too_short_gives_the_job(make_settings: Make, small_file: Path) -> None:
    with live(make_settings(job_pause_stage="prune")) as service:
        answer = service.upload(small_file, "late", wait=0.2)
        assert answer.status_code == 202
        assert answer.json()["state"] in {"queued", "running"}


def test_a_model_that_is_being_prepared_says_so(make_settings: Make, small_file: Path) -> None:
    with live(make_settings(job_pause_stage="compile")) as service:
        job_id = queue(service, small_file, "soon")
        wait_for_job(service.http, job_id, stage="compile")
        answer = service.predict(model="soon", inputs=[[0] * 6])
        assert (answer.status_code, slug(answer)) == (503, "model-not-ready")
        assert answer.headers["retry-after"] == "1"
        assert job_id in answer.json()["hint"]
        again = service.predict(model="soon", version=1, inputs=[[0] * 6])
        assert slug(again) == "model-not-ready"
        other = service.predict(model="soon", version=2, inputs=[[0] * 6])
        assert slug(other) == "model-not-found"
        duplicate = service.upload(small_file, "soon", version="1")
        assert (duplicate.status_code, slug(duplicate)) == (409, "duplicate-version")


def test_a_running_job_can_be_cancelled(make_settings: Make, small_file: Path) -> None:
    with live(make_settings(job_pause_stage="prune")) as service:
        job_id = queue(service, small_file, "unwanted")
        wait_for_job(service.http, job_id, stage="prune")
        job = service.http.delete(f"/jobs/{job_id}").json()
        assert (job["state"], job["stage"]) == ("cancelled", "prune")
        assert job["error"]["type"] == "/problems/job-cancelled"
        assert list((service.data / "jobs").iterdir()) == []
        again = service.http.delete(f"/jobs/{job_id}")
        assert (again.status_code, slug(again)) == (409, "job-finished")


def test_a_job_can_be_cancelled_as_it_begins(
    make_settings: Make, small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(make_settings()) as service:
        jobs = service.app.state.services.jobs
        begun, start = threading.Event(), jobs.log.start

        def slow_start(job_id: str) -> None:
            start(job_id)
            begun.set()
            time.sleep(0.2)

        monkeypatch.setattr(jobs.log, "start", slow_start)
        job_id = queue(service, small_file, "unwanted")
        assert begun.wait(10)
        assert service.http.delete(f"/jobs/{job_id}").json()["state"] == "cancelled"
        assert list((service.data / "jobs").iterdir()) == []


def test_a_waiting_job_can_be_cancelled_and_the_queue_goes_on(
    make_settings: Make, small_file: Path
) -> None:
    with live(make_settings(job_pause_stage="read", job_pause_seconds=1.0)) as service:
        first, second, third = (queue(service, small_file, f"m{n}") for n in range(3))
        assert service.http.delete(f"/jobs/{second}").json()["state"] == "cancelled"
        assert wait_for_job(service.http, third, state="done")["name"] == "m2"
        assert service.http.get(f"/jobs/{first}").json()["state"] == "done"
        assert service.http.get(f"/jobs/{second}").json()["state"] == "cancelled"


def test_a_full_queue_refuses_uploads(make_settings: Make, small_file: Path) -> None:
    settings = make_settings(job_pause_stage="read", job_queue_max_jobs=1)
    with live(settings) as service:
        running = queue(service, small_file, "m0")
        wait_for_job(service.http, running, stage="read")
        queue(service, small_file, "m1")
        answer = service.upload(small_file, "m2", wait=0)
        assert (answer.status_code, slug(answer)) == (503, "job-queue-full")
        assert "retry-after" in answer.headers
        assert len(list((service.data / "uploads").iterdir())) == 0


def test_stopping_the_service_ends_its_jobs_with_the_reason(
    make_settings: Make, small_file: Path
) -> None:
    with live(make_settings(job_pause_stage="prune")) as service:
        running = queue(service, small_file, "m0")
        waiting = queue(service, small_file, "m1")
        wait_for_job(service.http, running, stage="prune")
    with live(make_settings()) as service:
        for job_id, where in ((running, "'prune'"), (waiting, "queue")):
            job = service.http.get(f"/jobs/{job_id}").json()
            assert job["state"] == "failed"
            assert job["error"]["type"] == "/problems/server-stopped"
            assert where in job["error"]["detail"]
        assert list((service.data / "jobs").iterdir()) == []


def test_old_jobs_are_forgotten(make_settings: Make, small_file: Path) -> None:
    with live(make_settings(job_history_max_jobs=2)) as service:
        for number in range(3):
            service.upload(small_file, f"m{number}")
        names = [job["name"] for job in service.http.get("/jobs").json()["jobs"]]
        assert names == ["m2", "m1"]


@pytest.mark.parametrize("seconds", ["-1", "soon"])
def test_a_wait_that_is_no_time_is_refused(service: Live, small_file: Path, seconds: str) -> None:
    answer = service.http.post(f"/models?wait={seconds}")
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
