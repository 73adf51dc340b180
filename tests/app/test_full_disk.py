"""A disk without a free byte: predictions and starts go on, models can be deleted, everything else says so with 507."""

import asyncio
import contextlib
import errno
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from app.core.errors import InternalError, StorageFullError
from app.core.metrics import Metrics
from app.core.model_request import ModelRequest
from app.core.settings import Settings
from app.core.storage_full import storage_full
from app.services import storage as storage_module
from app.services.database import Database
from app.services.job_log import JobLog, JobState, NewJob
from app.services.jobs import Jobs
from app.services.lifecycle import Lifecycle
from app.services.onboarding import JobRequest
from app.services.ownership import Ownership
from app.services.recovery import recover
from app.services.reserve import RESERVE_BYTES
from app.services.storage import Storage
from app.services.uploads import Upload
from engine.core.errors import ArtifactFileError
from tests.app.live import DEADLINE_SECONDS, Live, live, seed_objects
from tests.app.test_activation import answering, slug
from tests.app.test_storage import SUMMARY, finished

DISK_MIB = 48
PIECE_BYTES = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(mount, check=False, capture_output=True).returncode == 0:
            yield folder
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
            return
    pytest.skip("a small file system cannot be mounted here (needs root)")


def fill(disk: Path, free_bytes: int = 0) -> None:
    """Leave so many bytes free on a disk."""
    path = disk / "filler"
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(PIECE_BYTES))
    with path.open("r+b") as file:
        file.truncate(max(0, path.stat().st_size - free_bytes))


@pytest.fixture
def settings(disk: Path, objects: Path, small_file: Path) -> Settings:
    """A data folder with four models on a small disk."""
    seed_objects(disk / "data", objects)
    made = Settings(data_dir=disk / "data", job_tune_seconds=0.05)
    with live(made) as service:
        for number in range(4):
            assert service.upload(small_file, f"m{number}").status_code == 201
        assert service.upload(small_file, "m0").status_code == 201
    return made


def test_a_service_on_a_full_disk_predicts_starts_and_deletes(
    settings: Settings, disk: Path, small_file: Path
) -> None:
    with live(settings) as service:
        assert (disk / "data" / "reserve").stat().st_size == RESERVE_BYTES
        fill(disk)
        assert answering(service, "m3") == 1
        answer = service.upload(small_file, "late")
        assert (answer.status_code, slug(answer)) == (507, "storage-full")
        fill(disk)
        assert service.http.post("/models/m0/versions/2/deactivate").status_code == 200
        assert answering(service, "m0") == 1
        for name in ("m1", "m2"):  # the second one after the reserve is gone
            fill(disk)
            assert service.http.delete(f"/models/{name}").status_code == 204
    for _ in range(2):  # starts without a free byte and without the reserve
        (disk / "data" / "reserve").unlink(missing_ok=True)
        fill(disk)
        with live(settings) as service:
            assert answering(service, "m3") == 1
    with live(settings) as service:
        names = [model["name"] for model in service.http.get("/models").json()["models"]]
        assert names == ["m0", "m3"]
        (disk / "filler").unlink()
        assert service.http.delete("/models/m3").status_code == 204
        assert service.upload(small_file, "late").status_code == 201
    assert (disk / "data" / "reserve").stat().st_size == RESERVE_BYTES


def test_jobs_that_run_out_of_room_say_so_and_leave_nothing(
    settings: Settings, disk: Path, small_file: Path
) -> None:
    seen: dict[str, int] = {}
    with live(settings) as service:
        for pages in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64):
            fill(disk, pages * PIECE_BYTES)
            answer = service.upload(small_file, "late")
            if answer.status_code == 201:
                service.http.delete("/models/late")
                continue
            assert (answer.status_code, slug(answer)) == (507, "storage-full"), answer.text
            stage = answer.json().get("stage", "")
            seen[stage] = seen.get(stage, 0) + 1
            for name in ("jobs", "uploads"):
                assert list((disk / "data" / name).iterdir()) == []
            assert not (disk / "data" / "models" / "late").exists()
            (disk / "filler").unlink()
    assert len(seen) > 1, seen  # it ran out of room at several places


def full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def chained(make: Callable[[], Exception]) -> Exception:
    """Return the error that `make` gives, raised because the disk was full."""
    try:
        try:
            full()
        except OSError as error:
            raise make() from error
    except Exception as error:  # noqa: BLE001 - it is what is wanted
        return error


def test_a_full_disk_is_known_by_its_system_error_wherever_it_hides() -> None:
    for error in (
        OSError(errno.ENOSPC, "x"),
        OSError(errno.EDQUOT, "x"),
        chained(lambda: ArtifactFileError("cannot write the artifact")),
        chained(lambda: RuntimeError("a library's own")),
        StorageFullError("x"),
    ):
        found = storage_full(error)
        assert isinstance(found, StorageFullError)
        assert found.slug == "storage-full"
    for other in (
        OSError(errno.EACCES, "x"),
        InternalError("x"),
        sqlite3.OperationalError("database is locked"),
    ):
        assert storage_full(other) is None


def test_a_full_disk_is_known_by_the_error_of_sqlite(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("PRAGMA max_page_count=2")
    connection.execute("CREATE TABLE t (x BLOB)")
    with pytest.raises(sqlite3.OperationalError) as error:
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert isinstance(storage_full(error.value), StorageFullError)
    connection.close()


def test_deleting_gives_up_the_reserve_and_then_empties_the_trash_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "prunus.db")
    storage, log = Storage(tmp_path, database), JobLog(database)
    finished(storage, log, "a")
    folder = storage.publish("a", "m", 1, SUMMARY, ()).folder
    database.reserve.refill()
    delete_row = storage_module.delete_row
    seen: list[tuple[bool, bool]] = []

    def full_twice(*arguments: Any) -> None:
        files = list((tmp_path / "trash" / "a.1.m").iterdir())
        seen.append(((tmp_path / "reserve").exists(), bool(files)))
        if len(seen) < 3:
            full()
        delete_row(*arguments)

    monkeypatch.setattr(storage_module, "delete_row", full_twice)
    storage.delete("m", [1])
    assert seen == [(True, True), (False, True), (False, False)]
    assert storage.all_versions() == []
    assert not folder.exists()
    assert (tmp_path / "reserve").exists()
    database.close()


def test_a_job_ends_with_the_room_of_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "prunus.db")
    database.reserve.refill()
    calls: list[bool] = []

    def once(connection: sqlite3.Connection) -> int:
        calls.append((tmp_path / "reserve").exists())
        if len(calls) == 1:
            full()
        return connection.total_changes

    database.change(once)
    assert calls == [True, False]
    database.close()


def test_a_start_goes_on_where_the_end_of_a_broken_job_finds_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "prunus.db")
    storage, log = Storage(tmp_path, database), JobLog(database)
    log.add(NewJob("a", "m", None, "nobody", "f", 1), 9)
    for is_full, state in ((True, JobState.QUEUED), (False, JobState.FAILED)):
        ownership = Ownership(tmp_path / "owners")
        with monkeypatch.context() as patch:
            if is_full:
                patch.setattr(JobLog, "end", full)
            recover(storage, log, ownership)
        ownership.close()
        assert log.get("a").state is state
    database.close()


class EndlessOnboarding:
    """Jobs that go on until they are cancelled."""

    owner_id = "me"

    def __init__(self) -> None:
        self.running = asyncio.Event()

    async def run(self, *_: object) -> None:
        self.running.set()
        await asyncio.Event().wait()

    def take_upload(self, _: Upload) -> None:
        pass

    def discard(self, _: str) -> None:
        pass


def test_a_full_disk_does_not_keep_the_service_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "prunus.db")
    storage, log = Storage(tmp_path, database), JobLog(database)

    async def stop_with_jobs() -> None:
        onboarding: Any = EndlessOnboarding()
        settings = Settings(data_dir=tmp_path)
        jobs = Jobs(settings, log, onboarding, Metrics(CollectorRegistry()), Lifecycle())
        jobs.start()
        for job_id in ("runs", "waits"):
            request = JobRequest("m", None, ModelRequest())
            await jobs.submit(Upload(job_id, tmp_path / job_id), request)
        await onboarding.running.wait()
        with monkeypatch.context() as patch:
            patch.setattr(JobLog, "end", full)
            await asyncio.wait_for(jobs.close(), DEADLINE_SECONDS)

    asyncio.run(stop_with_jobs())
    assert {job.id for job in log.active()} == {"runs", "waits"}
    with contextlib.closing(Ownership(tmp_path / "owners")) as ownership:
        recover(storage, log, ownership)
    assert {job.state for job in log.recent(9)} == {JobState.FAILED}
    database.close()


def test_a_route_that_meets_a_full_disk_says_so(
    service: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Storage, "all_versions", full)
    answer = service.http.get("/models")
    assert (answer.status_code, slug(answer)) == (507, "storage-full")
