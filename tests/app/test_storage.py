"""The data folder: publishing is all or nothing, and nothing of a worker is trusted."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import (
    DuplicateVersionError,
    JobCancelledError,
    JobCrashedError,
    ModelNotFoundError,
    ModelUnavailableError,
    QueueFullError,
    VersionNotFoundError,
)
from app.core.problems import Problem
from app.core.version_errors import NoFreeVersionError
from app.services.database import Database
from app.services.job_log import MAX_VERSION, JobLog, JobState, NewJob
from app.services.ownership import Ownership
from app.services.recovery import recover
from app.services.storage import Storage, checked_name
from app.services.stored_version import DamagedVersion
from app.services.summary import ModelSummary, Tensor
from app.services.worker_output import read_summary

SUMMARY = ModelSummary(
    format="keras",
    keras_version="3.0.0",
    inputs=(Tensor(name="x", dtype="float32", shape=(None, 2)),),
    outputs=(),
    recipe="lossless",
    guarantee="exact",
    weights_before=4,
    nonzeros_after=2,
    removed_share=0.5,
    largest_change=0.0,
    check_error=0.0,
    uploaded_bytes=1,
    keras_bytes=None,
    artifact_bytes=1,
    artifact_sha256="00",
    cpu="c",
    isa="generic",
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "prunus.db")
    yield made
    made.close()


@pytest.fixture
def storage(tmp_path: Path, database: Database) -> Storage:
    return Storage(tmp_path, database)


@pytest.fixture
def log(database: Database) -> JobLog:
    return JobLog(database)


def finished(storage: Storage, log: JobLog, job_id: str, version: int | None = None) -> Path:
    """A job whose worker has left an artifact; returns the folder of its output."""
    log.add(NewJob(job_id, "m", version, "me", "f", 1), 9)
    log.start(job_id)
    output = storage.jobs / job_id / "out"
    output.mkdir(parents=True)
    (output / "model.prunus").write_bytes(job_id.encode())
    return output


def test_publishing_moves_the_output_and_ends_the_job(storage: Storage, log: JobLog) -> None:
    finished(storage, log, "a")
    stored = storage.publish("a", "m", 1, SUMMARY, ())
    assert (stored.summary, stored.job_id) == (SUMMARY, "a")
    assert (stored.folder / "model.prunus").read_bytes() == b"a"
    assert log.get("a").state is JobState.DONE
    assert list(storage.jobs.iterdir()) == []


def test_a_version_is_published_once(storage: Storage, log: JobLog) -> None:
    finished(storage, log, "a")
    finished(storage, log, "b")
    storage.publish("a", "m", 1, SUMMARY, ())
    with pytest.raises(DuplicateVersionError):
        storage.publish("b", "m", 1, SUMMARY, ())
    assert (storage.version("m", 1).folder / "model.prunus").read_bytes() == b"a"
    assert log.get("b").state is JobState.RUNNING
    assert (storage.jobs / "b" / "out" / "model.prunus").exists()


@pytest.mark.parametrize("kind", ["link", "folder", "nothing"])
def test_output_that_is_no_plain_file_is_refused(storage: Storage, log: JobLog, kind: str) -> None:
    output = finished(storage, log, "a")
    if kind == "link":
        (output / "report.json").symlink_to("/etc/hostname")
    elif kind == "folder":
        (output / "sub").mkdir()
    else:
        (output / "model.prunus").unlink()
    with pytest.raises(JobCrashedError):
        storage.publish("a", "m", 1, SUMMARY, ())
    assert storage.versions() == []
    assert list(storage.models.iterdir()) == []


def test_removing_a_link_leaves_its_target(storage: Storage, log: JobLog, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (target / "file").write_text("x")
    output = finished(storage, log, "a")
    (output / "link").symlink_to(target)
    storage.discard_job("a")
    assert (target / "file").exists()
    assert not (storage.jobs / "a").exists()


def test_jobs_in_line_take_the_versions_that_come(storage: Storage, log: JobLog) -> None:
    finished(storage, log, "a")
    finished(storage, log, "b")
    assert [log.get(job).version for job in "ab"] == [1, 2]
    with pytest.raises(DuplicateVersionError):
        log.add(NewJob("c", "m", 2, "me", "f", 1), 9)
    storage.publish("b", "m", 2, SUMMARY, ())
    storage.delete("m", [2])
    finished(storage, log, "d")
    assert log.get("d").version == 3  # also where the model has gone with its last version


def test_the_queue_is_bounded(log: JobLog) -> None:
    log.add(NewJob("a", "m", None, "me", "f", 1), 1)
    with pytest.raises(QueueFullError):
        log.add(NewJob("b", "n", None, "me", "f", 1), 1)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", b'{"format": 3}', SUMMARY.model_dump_json().encode()[:-1]],
)
def test_a_damaged_result_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(JobCrashedError):
        read_summary(path)


@pytest.mark.parametrize(
    ("path", "number"),
    [
        (("weights_before",), 2**63),
        (("nonzeros_after",), 10**4000),
        (("uploaded_bytes",), -1),
        (("inputs", 0, "shape", 1), 10**400),
        (("inputs", 0, "shape", 1), -1),
    ],
    ids=["64 bits", "4000 digits", "a negative size", "a shape without end", "a negative axis"],
)
def test_a_result_with_numbers_that_cannot_be_is_refused(
    tmp_path: Path, path: tuple[str | int, ...], number: int
) -> None:
    members = json.loads(SUMMARY.model_dump_json())
    place = members
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = number
    (tmp_path / "result.json").write_text(json.dumps(members))
    with pytest.raises(JobCrashedError):
        read_summary(tmp_path / "result.json")


def test_a_result_that_is_right_is_read(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(SUMMARY.model_dump_json())
    assert read_summary(path) == SUMMARY
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(JobCrashedError):
        read_summary(path)


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "0", "x" * 64])
def test_names_that_may_be(name: str) -> None:
    assert checked_name(name) == name


def test_a_database_of_a_later_version_is_not_touched(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "prunus.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(sqlite3.DatabaseError, match="schema 99"):
        Database(path)


OLD_SCHEMA = """
CREATE TABLE models (name TEXT PRIMARY KEY, last_version INTEGER NOT NULL) STRICT;
CREATE TABLE versions (name TEXT NOT NULL REFERENCES models (name),
 version INTEGER NOT NULL CHECK (version > 0), created_at REAL NOT NULL, job_id TEXT NOT NULL,
 summary TEXT NOT NULL, PRIMARY KEY (name, version)) STRICT;
CREATE TABLE jobs (id TEXT PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL,
 stage TEXT NOT NULL, progress REAL NOT NULL DEFAULT 0, owner TEXT NOT NULL, file_name TEXT NOT NULL,
 upload_bytes INTEGER NOT NULL, created_at REAL NOT NULL, started_at REAL, finished_at REAL,
 timings TEXT NOT NULL DEFAULT '[]', limits TEXT NOT NULL DEFAULT '{}', error TEXT) STRICT;
INSERT INTO models VALUES ('m', 2);
PRAGMA user_version=1;
"""


def test_a_database_of_the_first_schema_is_migrated_with_all_versions_active(
    tmp_path: Path,
) -> None:
    import sqlite3

    connection = sqlite3.connect(tmp_path / "prunus.db", isolation_level=None)
    connection.executescript(OLD_SCHEMA)
    for version in (1, 2):
        connection.execute(
            "INSERT INTO versions VALUES ('m', ?, 5.0, ?, ?)",
            (version, f"j{version}", SUMMARY.model_dump_json()),
        )
    connection.close()
    for _ in range(2):  # the second time there is nothing to do
        database = Database(tmp_path / "prunus.db")
        versions = Storage(tmp_path, database).versions()
        assert [(one.version, one.is_active, one.revision) for one in versions] == [
            (1, True, 1),
            (2, True, 1),
        ]
        assert versions[0].summary == SUMMARY
        database.close()


def test_versions_are_activated_and_deactivated(storage: Storage, log: JobLog) -> None:
    finished(storage, log, "a")
    assert storage.publish("a", "m", 1, SUMMARY, (), is_active=False).is_active is False
    activated = storage.set_active("m", 1, is_active=True)
    assert (activated.is_active, activated.revision) == (True, 2)
    assert storage.set_active("m", 1, is_active=True).revision == 2
    assert storage.set_active("m", 1, is_active=False).is_active is False
    assert storage.version("m", 1).is_active is False
    with pytest.raises(VersionNotFoundError):
        storage.set_active("m", 2, is_active=True)
    with pytest.raises(ModelNotFoundError):
        storage.set_active("n", 1, is_active=True)


def test_a_damaged_row_stops_nothing_else_and_can_be_deleted(
    storage: Storage, log: JobLog, database: Database
) -> None:
    for job, version in (("a", 1), ("b", 2)):
        finished(storage, log, job)
        storage.publish(job, "m", version, SUMMARY, ())
    with database.transaction() as connection:
        connection.execute("UPDATE versions SET summary = 'no JSON' WHERE version = 2")
    assert [stored.version for stored in storage.versions()] == [1]
    damaged = storage.any_version("m", 2)
    assert isinstance(damaged, DamagedVersion)
    assert "summary" in damaged.reason
    with pytest.raises(ModelUnavailableError):
        storage.version("m", 2)
    storage.delete("m", [2])
    assert [stored.version for stored in storage.all_versions()] == [1]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        *(("timings", text) for text in ("no JSON", "3", '["ab"]', '[["a"]]', '[[1, "b"]]', "{")),
        *(("limits", text) for text in ("no JSON", "[]", "3", '"text"')),
        *(("error", text) for text in ("no JSON", "[]", "3", "null")),
        ("state", "unheard of"),
        ("stage", b"\xff\xfe"),
    ],
)
def test_a_damaged_row_of_a_job_stops_nothing_else(
    storage: Storage,
    log: JobLog,
    database: Database,
    caplog: pytest.LogCaptureFixture,
    column: str,
    text: str | bytes,
) -> None:
    for job in ("a", "b", "c"):
        log.add(NewJob(job, "m", None, "nobody", "f", 1), 9)
    log.end("a", JobState.FAILED, Problem.of(JobCancelledError("no longer wanted")))
    damaged = "a" if column == "error" else "b"
    with database.transaction() as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        # Bytes that are no UTF-8: SQLite takes them for a text where it is told to.
        assignment = f"UPDATE jobs SET {column} = CAST(? AS TEXT) WHERE id = ?"  # noqa: S608
        connection.execute(assignment, (text, damaged))
        connection.execute("PRAGMA ignore_check_constraints=OFF")
    for _ in range(2):
        assert {job.id for job in log.recent(9)} == {"a", "b", "c"}
    assert len(log.active()) == len(log.preparing("m")) == (1 if column == "state" else 2)
    assert log.get("b").timings == ()
    assert log.get("b").limits == {}
    said = [record.message for record in caplog.records if f"job {damaged} " in record.message]
    assert len(said) == (0 if column == "stage" else 1)
    error = log.get("a").error
    assert error is not None
    assert error.slug == ("internal-error" if column == "error" else "job-cancelled")
    with contextlib.closing(Ownership(storage.root / "owners")) as ownership:
        recover(storage, log, ownership)
    assert log.get("c").state is JobState.FAILED
    assert log.get("b").state is JobState.FAILED


def test_numbers_of_deleted_versions_are_not_used_again(storage: Storage, log: JobLog) -> None:
    for job in ("a", "b"):
        finished(storage, log, job)
        storage.publish(job, "m", log.get(job).version, SUMMARY, ())
    storage.delete("m", [1, 2])
    assert log.add(NewJob("c", "m", None, "me", "f", 1), 9).version == 3
    assert log.add(NewJob("d", "other", None, "me", "f", 1), 9).version == 1
    assert log.add(NewJob("e", "m", 1, "me", "f", 1), 9).version == 1


def test_version_numbers_end_where_paths_end(storage: Storage, log: JobLog) -> None:
    finished(storage, log, "a", MAX_VERSION)
    storage.publish("a", "m", MAX_VERSION, SUMMARY, ())
    with pytest.raises(NoFreeVersionError):
        log.add(NewJob("b", "m", None, "me", "f", 1), 9)
    assert log.add(NewJob("c", "m", 7, "me", "f", 1), 9).version == 7
