"""Jobs as rows: what was asked, how far it is, how it ended."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson

from app.errors import DuplicateVersionError, JobNotFoundError, QueueFullError
from app.problems import Problem
from app.services.database import Database
from app.version_errors import NoFreeVersionError


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
        return _job(found[0])

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
        return [_job(row) for row in rows]

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
    row = connection.execute("SELECT last_version FROM models WHERE name = ?", (name,)).fetchone()
    next_version: int = max(taken | {row[0] if row else 0}) + 1
    if next_version > MAX_VERSION:
        raise NoFreeVersionError(name, MAX_VERSION)
    return next_version


def _timings_json(timings: Sequence[StageTiming]) -> str:
    return orjson.dumps([[timing.stage, timing.seconds] for timing in timings]).decode()


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        state=JobState(row["state"]),
        stage=row["stage"],
        progress=row["progress"],
        owner=row["owner"],
        file_name=row["file_name"],
        upload_bytes=row["upload_bytes"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        timings=tuple(StageTiming(*pair) for pair in orjson.loads(row["timings"])),
        limits=orjson.loads(row["limits"]),
        error=Problem.from_record(orjson.loads(row["error"])) if row["error"] else None,
    )
