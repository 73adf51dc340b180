"""`kill -9` of server and worker at every stage of an upload: old versions answer, the job says why."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.settings import Settings
from app.services.database import Database
from app.services.job_log import JobLog, JobState, NewJob
from app.services.ownership import Ownership
from app.services.recovery import recover
from app.services.storage import RETUNE_PREFIX, Storage
from tests.app.live import Live, Process, live, wait_for_job, wait_until
from tests.conftest import REPOSITORY

WORKER_STAGES = ("read", "verify", "prune", "compile", "check", "write")
SERVER_STAGES = ("load", "publish")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, objects: Path, small_file: Path) -> Path:
    """A data folder with one model, `kept`; tests work on copies."""
    from tests.app.live import seed_objects

    data = tmp_path_factory.mktemp("kept") / "data"
    seed_objects(data, objects)
    with live(Settings(data_dir=data, job_tune_seconds=0.05)) as service:
        assert service.upload(small_file, "kept").status_code == 201
    return data


@pytest.fixture
def data(kept: Path, tmp_path: Path) -> Path:
    shutil.copytree(kept, tmp_path / "data")
    return tmp_path / "data"


def strays(data: Path) -> list[str]:
    """Return everything on disk that belongs to no model."""
    expected = {"kept/1"}
    found = {
        f"{model.name}/{version.name}"
        for model in (data / "models").iterdir()
        for version in model.iterdir()
    }
    left = [*(data / "jobs").iterdir(), *(data / "uploads").iterdir()]
    left += (data / "kernels").glob(".new-*")
    left += (data / "models").glob("*/*/.new-*")
    return sorted(found ^ expected) + [str(path) for path in left]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def start_job(server: Process, small_file: Path) -> str:
    with small_file.open("rb") as file:
        answer = server.http.post(
            "/models", data={"name": "broken"}, files={"file": ("small.keras", file)}
        )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def check_after_restart(data: Path, job_id: str, stage: str) -> None:
    with Process(data) as server:
        answer = server.http.post("/predict", json={"model": "kept", "inputs": [[1.0] * 6]})
        assert answer.status_code == 200
        job = server.http.get(f"/jobs/{job_id}").json()
        assert job["state"] == "failed"
        assert job["stage"] == stage
        assert job["error"]["type"] == "/problems/server-stopped"
        assert stage in job["error"]["detail"] or stage == "queued"
        assert server.http.get("/models/broken").status_code == 404
        assert strays(data) == []
        owners = list((data / "owners").iterdir())
        assert len(owners) == 1


@pytest.mark.parametrize("stage", WORKER_STAGES)
def test_killing_worker_and_server_in_a_stage_of_the_worker(
    data: Path, small_file: Path, stage: str
) -> None:
    with Process(data, {"PRUNUS_JOB_PAUSE_STAGE": stage}) as server:
        job_id = start_job(server, small_file)
        wait_for_job(server.http, job_id, stage=stage)
        (worker,) = server.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until(
            lambda: server.http.get(f"/jobs/{job_id}").json()["finished_at"] is not None,
            "the job did not end",
        )
        job = server.http.get(f"/jobs/{job_id}").json()
        assert (job["state"], job["stage"]) == ("failed", stage)
        assert job["error"]["type"] == "/problems/job-crashed"
        assert "SIGKILL" in job["error"]["detail"]
        assert strays(data) == []

        job_id = start_job(server, small_file)
        wait_for_job(server.http, job_id, stage=stage)
        (worker,) = server.workers()
        server.kill()
        wait_until(lambda: is_gone(worker), "the worker outlived the server")
    check_after_restart(data, job_id, stage)


@pytest.mark.parametrize("stage", SERVER_STAGES)
def test_killing_the_server_in_a_stage_of_its_own(data: Path, small_file: Path, stage: str) -> None:
    with Process(data, {"PRUNUS_JOB_PAUSE_STAGE": stage}) as server:
        job_id = start_job(server, small_file)
        wait_for_job(server.http, job_id, stage=stage)
        server.kill()
    check_after_restart(data, job_id, stage)


def test_killing_the_server_while_a_job_waits(data: Path, small_file: Path) -> None:
    with Process(data, {"PRUNUS_JOB_PAUSE_STAGE": "read"}) as server:
        wait_for_job(server.http, start_job(server, small_file), stage="read")
        waiting = start_job(server, small_file)
        server.kill()
    check_after_restart(data, waiting, "queued")


def test_killing_the_server_while_an_upload_arrives(data: Path) -> None:
    import socket

    with Process(data) as server:
        url = server.http.base_url
        with socket.create_connection((url.host, url.port or 0)) as connection:
            connection.sendall(
                b"POST /models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
                b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\nsome bytes'
            )
            wait_until(lambda: list((data / "uploads").iterdir()), "an upload")
            server.kill()
    assert strays(data) != []
    with Process(data) as server:
        assert strays(data) == []


def test_dying_between_rename_and_commit_leaves_no_version(data: Path) -> None:
    """The narrowest moment: the folder is in place, the row is not."""
    job_id = "feedc0de"
    code = f"""
import os, sys
from pathlib import Path
import app.services.storage as storage
from app.services.database import Database
from app.services.job_log import JobLog, NewJob
root = Path({str(data)!r})
database = Database(root / "prunus.db")
store = storage.Storage(root, database)
JobLog(database).add(NewJob({job_id!r}, "broken", None, "nobody", "f", 1), 9)
output = store.jobs / {job_id!r} / "out"
output.mkdir(parents=True)
(output / "model.prunus").write_bytes(b"x")
summary = store.version("kept", 1).summary
sync = storage.sync_folder
storage.sync_folder = lambda p: os._exit(9) if (root / "models/broken/1").exists() else sync(p)
store.publish({job_id!r}, "broken", 1, summary, ())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False)
    assert done.returncode == 9
    assert (data / "models" / "broken" / "1" / "model.prunus").exists()
    database = Database(data / "prunus.db")
    ownership = Ownership(data / "owners")
    try:
        recover(Storage(data, database), JobLog(database), ownership)
        assert strays(data) == []
        job = JobLog(database).get(job_id)
        assert job.state is JobState.FAILED
        assert job.error is not None
        assert job.error.slug == "server-stopped"
    finally:
        ownership.close()
        database.close()


def test_a_second_server_leaves_the_jobs_of_the_first_alone(data: Path, small_file: Path) -> None:
    with Process(data, {"PRUNUS_JOB_PAUSE_STAGE": "check", "PRUNUS_JOB_PAUSE_SECONDS": "4"}) as one:
        job_id = start_job(one, small_file)
        wait_for_job(one.http, job_id, stage="check")
        with Process(data) as two:
            # On a busy machine the job may be done before the second server is ready.
            assert two.http.get(f"/jobs/{job_id}").json()["state"] in {"running", "done"}
            assert wait_for_job(one.http, job_id, state="done")["stage"] == "done"


def test_a_version_whose_files_are_gone_is_reported(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(data / "models" / "kept" / "1")
    with live(Settings(data_dir=data)) as service:
        answer = service.predict(model="kept", inputs=[[1.0] * 6])
        assert answer.json()["type"] == "/problems/model-unavailable"
        assert service.http.get("/models/kept/versions/1/artifact").status_code == 404
    assert any("are gone from" in message for message in caplog.messages)


def test_a_folder_that_no_row_and_no_record_explains_is_set_aside(data: Path) -> None:
    stray = data / "models" / "nobody" / "3"
    stray.mkdir(parents=True)
    (stray / "model.prunus").write_bytes(b"x")
    with live(Settings(data_dir=data)) as service:
        assert strays(service.data) == []
    assert [path.read_bytes() for path in data.glob("lost/*/nobody/3/model.prunus")] == [b"x"]


def test_an_active_job_is_not_taken_over_from_a_living_owner(data: Path) -> None:
    database = Database(data / "prunus.db")
    first, second = Ownership(data / "owners"), Ownership(data / "owners")
    log = JobLog(database)
    try:
        log.add(NewJob("a1", "one", None, first.owner_id, "f", 1), 9)
        recover(Storage(data, database), log, second)
        assert log.get("a1").state is JobState.QUEUED
        first.close()
        recover(Storage(data, database), log, second)
        assert log.get("a1").state is JobState.FAILED
    finally:
        second.close()
        database.close()


def test_a_model_that_a_living_server_tunes_again_is_left_alone(data: Path) -> None:
    database = Database(data / "prunus.db")
    first, second = Ownership(data / "owners"), Ownership(data / "owners")
    storage, log = Storage(data, database), JobLog(database)
    folder = storage.jobs / f"{RETUNE_PREFIX}{first.owner_id}.0123"
    unfinished = storage.kernels / ".new-1"
    try:
        folder.mkdir()
        unfinished.write_bytes(b"x")
        recover(storage, log, second)
        assert folder.is_dir()
        assert unfinished.exists()  # its worker may be writing it
        first.close()
        recover(storage, log, second)
        assert not folder.exists()
        assert not unfinished.exists()
    finally:
        second.close()
        database.close()


def test_sigterm_ends_the_server_and_its_worker(data: Path, small_file: Path) -> None:
    with Process(data, {"PRUNUS_JOB_PAUSE_STAGE": "read"}) as server:
        job_id = start_job(server, small_file)
        wait_for_job(server.http, job_id, stage="read")
        (worker,) = server.workers()
        server.process.send_signal(signal.SIGTERM)
        log = server.finish()
        assert server.process.returncode in {0, -signal.SIGTERM}
        assert is_gone(worker)
        assert "Traceback" not in log
    check_after_restart(data, job_id, "read")


def test_readiness_is_taken_back_before_the_server_stops(data: Path) -> None:
    with Process(data, {"PRUNUS_SHUTDOWN_DRAIN_SECONDS": "2"}) as server:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.http.get("/health/ready").status_code == 503, "it stayed ready")
        assert server.http.get("/health/ready").json()["status"] == "stopping"
        answer = server.http.post("/predict", json={"model": "kept", "inputs": [[1.0] * 6]})
        assert answer.status_code == 200


def test_live(service: Live) -> None:
    assert service.http.get("/health/live").json() == {"status": "live", "models_loaded": None}
