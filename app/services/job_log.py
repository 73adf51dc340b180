"""Jobs as rows: what was asked, how far it is, how it ended."""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import orjson

from app.core.errors import (
    DuplicateVersionError,
    InternalError,
    JobNotFoundError,
    QueueFullError,
)
from app.core.problems import Problem
from app.core.version_errors import NoFreeVersionError
from app.services.database import Database

T = TypeVar("T")
_LOG = logging.getLogger(__name__)


class JobState(StrEnum):
    """Where a job is in its life; the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


# Of a version; what a path of the HTTP interface can name.
MAX_VERSION = 2**31
ACTIVE = (JobState.QUEUED, JobState.RUNNING)
_ACTIVE_SQL = "state IN ('queued', 'running')"


@dataclass(frozen=True, slots=True)
class StageTiming:
    """How long one stage took."""

    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Job:
    """One upload on its way to a served model.

    Attributes:
        version: the version it makes, fixed when the upload was accepted.
        progress: share of the whole job that is done, in [0, 1].
        owner: mark of the server process that runs it.
        limits: the limits that the worker process reported as applied.
        error: why it ended without a model.
    """

    id: str
    name: str
    version: int
    state: JobState
    stage: str
    progress: float
    owner: str
    file_name: str
    upload_bytes: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    timings: tuple[StageTiming, ...]
    limits: Mapping[str, object]
    error: Problem | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in ACTIVE


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is known of a job when its upload has arrived; `version` None takes the next one."""

    id: str
    name: str
    version: int | None
    owner: str
    file_name: str
    upload_bytes: int


class JobLog:
    """The table of jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = _Reader()

    def add(self, new: NewJob, queue_max_jobs: int) -> Job:
        """Queue a job, and fix the version it will make.

        Raises:
            DuplicateVersionError: the version exists, or another job is making it.
            NoFreeVersionError: the next version would be above the highest that there can be.
            QueueFullError: `queue_max_jobs` jobs wait already.
        """
        with self._database.transaction() as connection:
            waiting = connection.execute("SELECT count(*) FROM jobs WHERE state = 'queued'")
            if waiting.fetchone()[0] >= queue_max_jobs:
                raise QueueFullError(
                    "too many jobs wait", expected=f"at most {queue_max_jobs} waiting jobs"
                )
            version = _free_version(connection, new.name, new.version)
            connection.execute(
                "INSERT INTO jobs (id, name, version, state, stage, owner, file_name,"
                " upload_bytes, created_at) VALUES (?, ?, ?, 'queued', 'queued', ?, ?, ?, ?)",
                (
                    new.id,
                    new.name,
                    version,
                    new.owner,
                    new.file_name,
                    new.upload_bytes,
                    time.time(),
                ),
            )
        return self.get(new.id)

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            JobNotFoundError: there is none of this identifier.
        """
        found = self._database.rows("SELECT * FROM jobs WHERE id = ?", job_id)
        if not found:
            raise JobNotFoundError(job_id)
        return self._reader.job(found[0])

    def recent(self, limit: int) -> list[Job]:
        """Return the latest jobs, newest first."""
        return self._select("ORDER BY created_at DESC LIMIT ?", limit)

    def active(self) -> list[Job]:
        """Return the jobs that have not ended, of every server process, oldest first."""
        return self._select(f"WHERE {_ACTIVE_SQL} ORDER BY created_at")

    def preparing(self, name: str) -> list[Job]:
        """Return the jobs that are making a version of `name`."""
        return self._select(f"WHERE name = ? AND {_ACTIVE_SQL} ORDER BY created_at", name)

    def _select(self, condition: str, *parameters: object) -> list[Job]:
        # `condition` is always one of the constants above; values are bound.
        rows = self._database.rows(f"SELECT * FROM jobs {condition}", *parameters)  # noqa: S608
        return [self._reader.job(row) for row in rows]

    def count_by_state(self) -> dict[str, int]:
        """Return the number of jobs in each state, zeros included."""
        counts = {state.value: 0 for state in JobState}
        rows = self._database.rows("SELECT state, count(*) FROM jobs GROUP BY state")
        return counts | {row[0]: row[1] for row in rows}

    def start(self, job_id: str) -> None:
        """Mark a job as running."""
        self._update(
            "state = 'running', started_at = ? WHERE id = ? AND state = 'queued'",
            time.time(),
            job_id,
        )

    def move(
        self, job_id: str, stage: str, progress: float, timings: Sequence[StageTiming]
    ) -> None:
        """Note how far a running job is."""
        self._update(
            "stage = ?, progress = ?, timings = ? WHERE id = ? AND state = 'running'",
            stage,
            progress,
            _timings_json(timings),
            job_id,
        )

    def note_limits(self, job_id: str, limits: Mapping[str, object]) -> None:
        """Note which limits the worker process applied to itself."""
        self._update("limits = ? WHERE id = ?", orjson.dumps(limits).decode(), job_id)

    def end(self, job_id: str, state: JobState, error: Problem) -> None:
        """Note that a job ended without a model, also on a full disk; its stage stays the one it ended in."""
        values = (state.value, orjson.dumps(error.to_record()).decode(), time.time(), job_id)
        assignment = f"state = ?, error = ?, finished_at = ? WHERE id = ? AND {_ACTIVE_SQL}"
        self._database.change(
            lambda connection: connection.execute(f"UPDATE jobs SET {assignment}", values)  # noqa: S608
        )

    def _update(self, assignment: str, *parameters: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(f"UPDATE jobs SET {assignment}", parameters)  # noqa: S608

    def forget_old(self, keep: int) -> None:
        """Remove ended jobs beyond the `keep` newest, and take the room again that ending them may have cost."""
        self._database.reserve.refill()
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM jobs WHERE state NOT IN ('queued', 'running') AND id NOT IN"
                " (SELECT id FROM jobs ORDER BY created_at DESC LIMIT ?)",
                (keep,),
            )


def finish(connection: sqlite3.Connection, job_id: str, timings: Sequence[StageTiming]) -> None:
    """Mark a job as done, within the transaction that publishes its version."""
    connection.execute(
        "UPDATE jobs SET state = 'done', stage = 'done', progress = 1, finished_at = ?,"
        " timings = ? WHERE id = ?",
        (time.time(), _timings_json(timings), job_id),
    )


def add_finished(
    connection: sqlite3.Connection,
    job_id: str,
    version: tuple[str, int],
    finished_at: float,
    timings: Sequence[StageTiming],
) -> None:
    """Write the row of a job that is only known by the version (name and number) that it made."""
    connection.execute(
        "INSERT OR IGNORE INTO jobs (id, name, version, state, stage, progress, owner, file_name,"
        " upload_bytes, created_at, finished_at, timings)"
        " VALUES (?, ?, ?, 'done', 'done', 1, '', '', 0, ?, ?, ?)",
        (job_id, *version, finished_at, finished_at, _timings_json(timings)),
    )


def _free_version(connection: sqlite3.Connection, name: str, wanted: int | None) -> int:
    """Return the version that a new job for `name` is to make."""
    taken = {
        row[0]
        for row in connection.execute(
            "SELECT version FROM versions WHERE name = ? UNION"
            " SELECT version FROM jobs WHERE name = ? AND state IN ('queued', 'running')",
            (name, name),
        )
    }
    if wanted is not None:
        if wanted in taken:
            raise DuplicateVersionError(name, wanted)
        return wanted
    # A number is not used again: the row of a model goes with its last version, what was deleted is still known.
    used = connection.execute(
        "SELECT last_version FROM models WHERE name = ? UNION"
        " SELECT max(version) FROM deleted WHERE name = ?",
        (name, name),
    )
    next_version: int = max(taken | {row[0] or 0 for row in used}, default=0) + 1
    if next_version > MAX_VERSION:
        raise NoFreeVersionError(name, MAX_VERSION)
    return next_version


def _timings_json(timings: Sequence[StageTiming]) -> str:
    return orjson.dumps([[timing.stage, timing.seconds] for timing in timings]).decode()


class _Reader:
    """Reads rows, also damaged ones: what cannot be read is empty, and said in the log once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def job(self, row: sqlite3.Row) -> Job:
        """Return what a row says."""
        return Job(
            id=row["id"],
            name=row["name"],
            version=row["version"],
            state=self._read(row, "state", JobState, JobState.FAILED),
            stage=row["stage"],
            progress=row["progress"],
            owner=row["owner"],
            file_name=row["file_name"],
            upload_bytes=row["upload_bytes"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            timings=self._read(row, "timings", _timings, ()),
            limits=self._read(row, "limits", _members, {}),
            error=self._error(row),
        )

    def _error(self, row: sqlite3.Row) -> Problem | None:
        if not row["error"]:
            return None
        lost = InternalError("why the job ended cannot be read any more")
        return self._read(
            row, "error", lambda text: Problem.from_record(_members(text)), Problem.of(lost)
        )

    def _read(self, row: sqlite3.Row, column: str, read: Callable[[str], T], empty: T) -> T:
        try:
            return read(row[column])
        except (ValueError, TypeError) as error:
            if (row["id"], column) not in self._told:
                self._told.add((row["id"], column))
                _LOG.error("the %s of job %s cannot be read: %s", column, row["id"], error)
            return empty


def _members(text: str) -> dict[str, object]:
    """Return the object that a JSON text holds.

    Raises:
        ValueError: it is not JSON.
        TypeError: it is something else.
    """
    found = orjson.loads(text)
    if not isinstance(found, dict):
        raise TypeError("it is no JSON object")
    return found


def _timings(text: str) -> tuple[StageTiming, ...]:
    """Return the stages that a JSON text lists.

    Raises:
        ValueError: it is not JSON, or not a list of pairs.
        TypeError: its values are of other types.
    """
    timings = tuple(StageTiming(stage, seconds) for stage, seconds in orjson.loads(text))
    for timing in timings:
        if not isinstance(timing.stage, str) or not isinstance(timing.seconds, int | float):
            raise TypeError("it is no list of names and seconds")
    return timings
