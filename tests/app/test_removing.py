"""Whatever a worker process leaves in its folder is removed, or left and told; it never stops a start or a job's end."""

import asyncio
import os
import secrets
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from app.core.errors import InternalError
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.services import files
from app.services.database import Database
from app.services.files import remove
from app.services.job_log import JobLog, JobState, NewJob
from app.services.jobs import Jobs
from app.services.lifecycle import Lifecycle
from app.services.ownership import Ownership
from app.services.recovery import recover
from app.services.storage import Storage


def make_deep(folder: Path, levels: int, name: str = "d") -> None:
    """Make folders within folders, and a file in the last, as a process can that names no long paths."""
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)


@pytest.mark.parametrize(("levels", "name"), [(1_500, "d"), (40, "x" * 255)])
def test_folders_deeper_than_recursion_and_paths_go(levels: int, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    make_deep(folder, levels, name)
    assert remove(folder)
    assert not os.path.lexists(folder)


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    kept, folder = tmp_path / "kept", tmp_path / "job"
    (kept / "inner").mkdir(parents=True)
    (kept / "inner" / "file").touch()
    (folder / "a" / "b").mkdir(parents=True)
    for place in (folder, folder / "a", folder / "a" / "b"):
        (place / "to-folder").symlink_to(kept)
        (place / "to-file").symlink_to(kept / "inner" / "file")
    os.mkfifo(folder / "pipe")
    assert remove(folder)
    assert not folder.exists()
    assert (kept / "inner" / "file").exists()
    (tmp_path / "link").symlink_to(kept)
    assert remove(tmp_path / "link")
    assert (kept / "inner" / "file").exists()
    assert not os.path.lexists(tmp_path / "link")


def test_folders_that_may_not_be_changed_go(tmp_path: Path) -> None:
    inner = tmp_path / "job" / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    for folder in (inner, inner.parent, inner.parent.parent):
        folder.chmod(0)
    assert remove(tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_a_folder_that_cannot_be_opened_is_made_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "job"
    folder.mkdir(mode=0)
    honest = os.open

    def refuse(path: Any, flags: int, *more: Any, **named: Any) -> int:
        # As the kernel does where the server is not root.
        if path == str(folder) and not folder.stat().st_mode & 0o700:
            raise PermissionError
        return honest(path, flags, *more, **named)

    monkeypatch.setattr(files.os, "open", refuse)
    assert remove(folder)
    assert not folder.exists()


def test_a_folder_that_is_moved_meanwhile_does_not_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "b").mkdir(parents=True)
    (tmp_path / "job" / "a" / "b").mkdir(parents=True)
    honest = os.open

    def move_first(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if path == "..":
            (tmp_path / "job" / "a" / "b").rename(elsewhere / "moved")
        return honest(path, flags, *more, **named)

    monkeypatch.setattr(files.os, "open", move_first)
    assert not remove(tmp_path / "job")
    assert (elsewhere / "b").exists()


def test_nothing_is_left_of_what_is_not_there(tmp_path: Path) -> None:
    assert remove(tmp_path / "none")
    (tmp_path / "file").touch()
    assert remove(tmp_path / "file" / "none")
    assert remove(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def cannot_unlink(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = os.unlink

    def refuse(path: Any, *, dir_fd: int | None = None) -> None:
        if dir_fd is not None:
            raise OSError(5, "Input/output error")
        honest(path)

    monkeypatch.setattr(files.os, "unlink", refuse)


@pytest.mark.usefixtures("cannot_unlink")
def test_what_cannot_be_removed_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "file").touch()
    assert not remove(folder)
    assert "job cannot be removed: [Errno 5] Input/output error" in caplog.text


def parts(tmp_path: Path) -> tuple[Storage, JobLog, Ownership, Database]:
    database = Database(tmp_path / "prunus.db")
    storage = Storage(tmp_path, database)
    return storage, JobLog(database), Ownership(tmp_path / "owners"), database


def test_a_start_removes_what_is_too_deep_to_be_walked(tmp_path: Path) -> None:
    storage, log, ownership, database = parts(tmp_path)
    (storage.jobs / "hostile").mkdir()
    make_deep(storage.jobs / "hostile", 1_500)
    recover(storage, log, ownership)
    assert list(storage.jobs.iterdir()) == []
    ownership.close()
    database.close()


@pytest.mark.usefixtures("cannot_unlink")
def test_a_start_goes_on_where_a_job_cannot_be_removed(tmp_path: Path) -> None:
    storage, log, ownership, database = parts(tmp_path)
    (storage.jobs / "a").mkdir()
    (storage.jobs / "a" / "file").touch()
    (storage.jobs / "b").mkdir()
    recover(storage, log, ownership)
    assert [path.name for path in storage.jobs.iterdir()] == ["a"]
    ownership.close()
    database.close()


def test_the_end_of_a_job_is_noted_where_its_files_stay(tmp_path: Path) -> None:
    _, log, ownership, database = parts(tmp_path)
    new = NewJob(secrets.token_hex(8), "m", None, ownership.owner_id, "m.keras", 1)
    job = log.add(new, 10)

    def fail(_: str) -> None:
        raise RecursionError

    onboarding: Any = SimpleNamespace(discard=fail)
    jobs = Jobs(
        Settings(data_dir=tmp_path), log, onboarding, Metrics(CollectorRegistry()), Lifecycle()
    )
    ending = jobs._end(job, JobState.FAILED, InternalError("broken"))
    asyncio.run(ending)
    assert log.get(job.id).state is JobState.FAILED
    ownership.close()
    database.close()
