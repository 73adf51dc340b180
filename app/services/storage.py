"""The data folder: where models, uploads and jobs lie, and how a version comes into being and goes.

    prunus.db                    rows of models, versions and jobs
    models/<name>/<version>/     model.prunus  pruned.keras  report.json  report.md  result.json
    uploads/<owner>.<job>/       an upload that is still arriving
    jobs/<job>/                  input of a job, and `out/`, which becomes the version's folder
    kernels/                     object code of kernels, compiled from checked specifications only
    owners/<id>.lock             one per living server process

A version exists exactly when its row does. Its folder is put in place by one rename inside the transaction that
writes the row, so whatever a crash leaves is either a whole version or a folder without a row, which the next start
removes. The write transaction is also the lock between server processes that share the folder.
"""

import logging
import os
import re
import shutil
import sqlite3
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app.errors import (
    DuplicateVersionError,
    FileNotKeptError,
    InvalidNameError,
    JobCrashedError,
    ModelNotFoundError,
    ModelUnavailableError,
    VersionNotFoundError,
)
from app.job_folder import ARTIFACT_FILE, OUTPUT_FOLDER
from app.services.database import Database
from app.services.job_log import StageTiming, finish
from app.services.summary import ModelSummary

# Folders under `jobs/` without a row: prefix, mark of the server, a dot, and a random name.
RETUNE_PREFIX = "retune."
KERNELS_FOLDER = "kernels"
RESULT_MAX_BYTES = 64 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of a model as stored.

    Attributes:
        summary: what the job found out: signature, sizes, sparsity, measured times.
        folder: where its files are.
        is_active: whether it may answer requests without a version; the highest such one does.
        revision: counts the changes of its row.
    """

    name: str
    version: int
    created_at: float
    job_id: str
    summary: ModelSummary
    folder: Path
    is_active: bool = True
    revision: int = 1


@dataclass(frozen=True, slots=True)
class DamagedVersion:
    """A version whose row cannot be read, for the reason given; it can be deleted."""

    name: str
    version: int
    job_id: str
    reason: str
    is_active: bool = True
    revision: int = 1


AnyVersion = StoredVersion | DamagedVersion


class Storage:
    """The data folder of one service."""

    def __init__(self, root: Path, database: Database) -> None:
        """Use the folder `root`, whose sub-folders are made where they do not exist."""
        self.root = root
        self.models = root / "models"
        self.uploads = root / "uploads"
        self.jobs = root / "jobs"
        self.kernels = root / KERNELS_FOLDER
        self._database = database
        for folder in (self.models, self.uploads, self.jobs):
            folder.mkdir(parents=True, exist_ok=True)

    def change_counter(self) -> int:
        """Return a number that differs after another process has changed models or jobs."""
        return self._database.change_counter()

    def all_versions(self) -> list[AnyVersion]:
        """Return all versions of all models by name and version, those with damaged rows too."""
        rows = self._database.rows("SELECT * FROM versions ORDER BY name, version")
        return [self._read(row) for row in rows]

    def versions(self) -> list[StoredVersion]:
        """Return all versions of all models whose rows can be read, by name and version."""
        return [stored for stored in self.all_versions() if isinstance(stored, StoredVersion)]

    def all_versions_of(self, name: str) -> list[AnyVersion]:
        """Return the versions of one model, those with damaged rows too.

        Raises:
            ModelNotFoundError: it has none.
        """
        rows = self._database.rows(
            "SELECT * FROM versions WHERE name = ? ORDER BY version", checked_name(name)
        )
        if not rows:
            known = self._database.rows("SELECT DISTINCT name FROM versions ORDER BY name")
            raise ModelNotFoundError(name, (row["name"] for row in known))
        return [self._read(row) for row in rows]

    def any_version(self, name: str, version: int) -> AnyVersion:
        """Return one version, also one with a damaged row.

        Raises:
            ModelNotFoundError: there is no such model.
            VersionNotFoundError: the model has no such version.
        """
        for stored in self.all_versions_of(name):
            if stored.version == version:
                return stored
        raise VersionNotFoundError(name, version)

    def version(self, name: str, version: int) -> StoredVersion:
        """Return one version.

        Raises:
            ModelNotFoundError: there is no such model.
            VersionNotFoundError: the model has no such version.
            ModelUnavailableError: its row is damaged.
        """
        stored = self.any_version(name, version)
        if isinstance(stored, DamagedVersion):
            raise ModelUnavailableError(
                f"what is stored of version {version} of model {name!r} cannot be read",
                got=stored.reason,
                hint="delete the version and upload the model again",
            )
        return stored

    def file(self, name: str, version: int, file_name: str) -> Path:
        """Return the path of a version's file.

        Raises:
            FileNotKeptError: the version has no such file.
        """
        path = self.version(name, version).folder / file_name
        if not path.is_file():
            raise FileNotKeptError(f"version {version} of {name!r} has no file {file_name}")
        return path

    def publish(
        self,
        job_id: str,
        name: str,
        version: int,
        summary: ModelSummary,
        timings: Sequence[StageTiming],
        *,
        is_active: bool = True,
    ) -> StoredVersion:
        """Make the output of a job a version, and the job done: all of it or nothing.

        Raises:
            DuplicateVersionError: the version has come into being meanwhile.
            JobCrashedError: the output is not what a job writes.
        """
        output = self.jobs / job_id / OUTPUT_FOLDER
        sync_output(output)
        target = self._folder(name, version)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO models VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET last_version = max(last_version, excluded.last_version)",
                (name, version),
            )
            try:
                connection.execute(
                    "INSERT INTO versions (name, version, created_at, job_id, summary, active)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (name, version, time.time(), job_id, summary.model_dump_json(), is_active),
                )
            except sqlite3.IntegrityError:
                raise DuplicateVersionError(name, version) from None
            finish(connection, job_id, timings)
            shutil.rmtree(target, ignore_errors=True)  # left by a crash: it has no row
            target.parent.mkdir(exist_ok=True)
            output.rename(target)
            sync_folder(target.parent)
            sync_folder(self.models)
            self.discard_job(job_id)
        return self.version(name, version)

    def renew(self, stored: StoredVersion, summary: ModelSummary, artifact: Path | None) -> bool:
        """Write a version's summary, and put `artifact` in the place of its own; tell whether it was still there.

        Within one transaction a crash could leave the new file with the old numbers: callers renew the summary alone
        first, and then both.
        """
        with self._database.transaction() as connection:
            changed = connection.execute(
                "UPDATE versions SET summary = ?, revision = revision + 1 WHERE name = ? AND version = ? AND job_id = ?",
                (summary.model_dump_json(), stored.name, stored.version, stored.job_id),
            ).rowcount
            if changed and artifact is not None:
                artifact.replace(stored.folder / ARTIFACT_FILE)
                sync_folder(stored.folder)
        return bool(changed)

    def set_active(self, name: str, version: int, *, is_active: bool) -> StoredVersion:
        """Let a version answer requests without a version, or not; return it as it is then.

        Raises:
            ModelNotFoundError: there is no such model.
            VersionNotFoundError: the model has no such version.
            ModelUnavailableError: its row is damaged.
        """
        stored = self.version(name, version)
        if stored.is_active is is_active:
            return stored
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE versions SET active = ?, revision = revision + 1 WHERE name = ? AND version = ?",
                (is_active, name, version),
            )
        return self.version(name, version)

    def delete(self, name: str, versions: Sequence[int]) -> None:
        """Remove versions of a model: first the rows, then the files."""
        with self._database.transaction() as connection:
            for version in versions:
                connection.execute(
                    "DELETE FROM versions WHERE name = ? AND version = ?", (name, version)
                )
            connection.execute(
                "DELETE FROM models WHERE name = ?"
                " AND NOT EXISTS (SELECT 1 FROM versions WHERE versions.name = models.name)",
                (name,),
            )
        self.sweep_models()

    def sweep_models(self) -> None:
        """Remove what lies under `models/` and has no row.

        Inside a write transaction: no other process can be between its rename and its commit.
        """
        with self._database.transaction() as connection:
            kept = {
                (row[0], str(row[1]))
                for row in connection.execute("SELECT name, version FROM versions")
            }
            for model in _entries(self.models):
                for folder in _entries(model):
                    if (model.name, folder.name) not in kept:
                        _LOG.info("removing %s: it belongs to no version", folder)
                        remove(folder)
                if not any(name == model.name for name, _ in kept):
                    remove(model)

    def incomplete(self) -> list[StoredVersion]:
        """Return the versions whose artifact is not on disk."""
        return [
            stored for stored in self.versions() if not (stored.folder / ARTIFACT_FILE).is_file()
        ]

    def discard_job(self, job_id: str) -> None:
        """Remove the files of a job."""
        remove(self.jobs / job_id)

    def _folder(self, name: str, version: int) -> Path:
        return self.models / checked_name(name) / str(version)

    def _read(self, row: sqlite3.Row) -> AnyVersion:
        key = (row["name"], row["version"])
        try:
            summary = ModelSummary.model_validate_json(row["summary"])
        except ValidationError as error:
            reason = f"its summary is damaged: {error.errors()[0]['msg']}"
            return DamagedVersion(*key, row["job_id"], reason, bool(row["active"]), row["revision"])
        return StoredVersion(
            *key,
            created_at=row["created_at"],
            job_id=row["job_id"],
            summary=summary,
            folder=self._folder(*key),
            is_active=bool(row["active"]),
            revision=row["revision"],
        )


def checked_name(name: str) -> str:
    """Return `name` when it may name a model; such a name is also safe as a folder's.

    Raises:
        InvalidNameError: it may not.
    """
    if not _NAME.fullmatch(name):
        raise InvalidNameError(name)
    return name


def sync_output(folder: Path) -> None:
    """Bring the files of a job's output to disk.

    Raises:
        JobCrashedError: something in the folder is not a plain file, or the artifact is missing.
    """
    names = set()
    for path in _entries(folder):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise JobCrashedError(f"the job wrote {path.name!r}, which is no plain file")
        names.add(path.name)
        _sync(path, os.O_RDONLY)
    if ARTIFACT_FILE not in names:
        raise JobCrashedError("the job wrote no artifact")
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to disk."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sync(path: Path, flags: int) -> None:
    file = os.open(path, flags | os.O_NOFOLLOW)
    try:
        os.fsync(file)
    finally:
        os.close(file)
