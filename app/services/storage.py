"""The data folder: where models, uploads and jobs lie, and how a version comes into being and goes.

    prunus.db                    rows of models, versions and jobs
    models/<name>/<version>/     model.prunus  pruned.keras  report.json  report.md  result.json  version.json
    trash/  lost/                deleted versions; folders that no row and no record explains: see `set_aside.py`
    reserve                      room that is given up when the disk is full
    uploads/<owner>.<job>/       an upload that is still arriving
    jobs/<job>/                  input of a job, and `out/`, which becomes the version's folder
    kernels/                     object code of kernels, compiled from checked specifications only
    owners/<id>.lock             one per living server process

A version exists exactly when its row does, and its folder holds all that the row does (`version_record.py`).

Publishing: the record and a mark `unpublished` are written into the folder, which is then put in place by one rename
inside the transaction that writes the row; the mark goes after the commit. A marked folder without a row is what a
crash left. Deleting: the folder is moved to the trash by one rename inside the transaction that removes the row; a
folder in the trash whose row is still there is a deletion that a crash cut short. Nothing is concluded from a missing
row alone: `reconcile.py` rebuilds rows, completes deletions and sets the rest aside.

The write transaction is also the lock between server processes that share the folder.
"""

import contextlib
import re
import sqlite3
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from app.core.errors import (
    FileNotKeptError,
    InvalidNameError,
    JobCrashedError,
    ModelNotFoundError,
    ModelUnavailableError,
    VersionNotFoundError,
)
from app.core.job_folder import ARTIFACT_FILE, OUTPUT_FOLDER
from app.core.storage_full import storage_full
from app.services.database import Database
from app.services.files import entries, remove, sync_file, sync_folder
from app.services.job_log import StageTiming, finish
from app.services.set_aside import SECONDS_PER_DAY, Identity, Lost, Trash
from app.services.stored_version import AnyVersion, DamagedVersion, StoredVersion, read_row
from app.services.summary import ModelSummary
from app.services.version_record import (
    PENDING_FILE,
    VersionRecord,
    is_pending,
    stages_of,
    write_record,
)
from app.services.version_rows import delete_row, drop_empty_models, insert_row

# Folders under `jobs/` without a row: prefix, mark of the server, a dot, and a random name.
RETUNE_PREFIX = "retune."
KERNELS_FOLDER = "kernels"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Storage:
    """The data folder of one service."""

    def __init__(self, root: Path, database: Database) -> None:
        """Use the folder `root`, whose sub-folders are made where they do not exist."""
        self.root = root
        self.models = root / "models"
        self.uploads = root / "uploads"
        self.jobs = root / "jobs"
        self.kernels = root / KERNELS_FOLDER
        for folder in (self.models, self.uploads, self.jobs):
            folder.mkdir(parents=True, exist_ok=True)
        self.trash = Trash(root / "trash")
        self.lost = Lost(root / "lost")
        self.database = database

    def change_counter(self) -> int:
        """Return a number that differs after another process has changed models or jobs."""
        return self.database.change_counter()

    def all_versions(self) -> list[AnyVersion]:
        """Return all versions of all models by name and version, those with damaged rows too."""
        rows = self.database.rows("SELECT * FROM versions ORDER BY name, version")
        return [read_row(row, self.models) for row in rows]

    def versions(self) -> list[StoredVersion]:
        """Return all versions of all models whose rows can be read, by name and version."""
        return [stored for stored in self.all_versions() if isinstance(stored, StoredVersion)]

    def all_versions_of(self, name: str) -> list[AnyVersion]:
        """Return the versions of one model, those with damaged rows too.

        Raises:
            ModelNotFoundError: it has none.
        """
        rows = self.database.rows(
            "SELECT * FROM versions WHERE name = ? ORDER BY version", checked_name(name)
        )
        if not rows:
            known = self.database.rows("SELECT DISTINCT name FROM versions ORDER BY name")
            raise ModelNotFoundError(name, (row["name"] for row in known))
        return [read_row(row, self.models) for row in rows]

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
        record = VersionRecord(
            name=name,
            version=version,
            created_at=time.time(),
            job_id=job_id,
            active=is_active,
            revision=1,
            stages=tuple((timing.stage, timing.seconds) for timing in timings),
            summary=summary,
        )
        write_record(output, record)
        (output / PENDING_FILE).touch()
        sync_folder(output)
        target = self._folder(name, version)
        try:
            with self.database.transaction() as connection:
                insert_row(connection, record)
                finish(connection, job_id, timings)
                self._put_in_place(output, target)
        except BaseException:
            self._take_back(target, record)
            raise
        (target / PENDING_FILE).unlink(missing_ok=True)
        sync_folder(target)
        self.discard_job(job_id)
        return self.version(name, version)

    def _put_in_place(self, output: Path, target: Path) -> None:
        """Make the output of a job the folder of a version, within the transaction that writes its row."""
        if (target / PENDING_FILE).exists():
            remove(target)  # left by a crash
        elif target.exists():
            self.lost.take(target, self.models, "it had no row when its place was needed")
        target.parent.mkdir(exist_ok=True)
        output.rename(target)
        sync_folder(target.parent)
        sync_folder(self.models)

    def _take_back(self, target: Path, record: VersionRecord) -> None:
        """Remove a folder whose row was not committed; what cannot be told now, the next start can."""
        with contextlib.suppress(sqlite3.Error, OSError), self.database.transaction() as connection:
            is_published = connection.execute(
                "SELECT 1 FROM versions WHERE job_id = ?", (record.job_id,)
            ).fetchone()
            if not is_published and is_pending(target, record.job_id):
                remove(target)

    def renew(self, stored: StoredVersion, summary: ModelSummary, artifact: Path | None) -> bool:
        """Write a version's summary, and put `artifact` in the place of its own; tell whether it was still there.

        Within one transaction a crash could leave the new file with the old numbers: callers renew the summary alone
        first, and then both.
        """
        with self.database.transaction() as connection:
            changed = connection.execute(
                "UPDATE versions SET summary = ?, revision = revision + 1"
                " WHERE name = ? AND version = ? AND job_id = ?",
                (summary.model_dump_json(), stored.name, stored.version, stored.job_id),
            ).rowcount
            if changed:
                self._renew_record(stored.name, stored.version)
            if changed and artifact is not None:
                artifact.replace(stored.folder / ARTIFACT_FILE)
                sync_folder(stored.folder)
        return bool(changed)

    def _renew_record(self, name: str, version: int) -> None:
        """Bring the record of a version's folder to what its row says, within the transaction that changes the row."""
        stored = self.any_version(name, version)
        folder = self._folder(name, version)
        if isinstance(stored, StoredVersion) and folder.is_dir():
            write_record(folder, stored.record(stages_of(folder)))

    def set_active(self, name: str, version: int, *, is_active: bool) -> StoredVersion:
        """Let a version answer requests without a version, or not; return it as it is then.

        Raises:
            ModelNotFoundError: there is no such model.
            VersionNotFoundError: the model has no such version.
            ModelUnavailableError: its row is damaged.
        """
        self.version(name, version)

        def change(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE versions SET active = ?, revision = revision + 1"
                " WHERE name = ? AND version = ? AND active <> ?",
                (is_active, name, version, is_active),
            ).rowcount
            if changed:
                self._renew_record(name, version)

        self.database.change(change)
        return self.version(name, version)

    def delete(self, name: str, versions: Sequence[int]) -> None:
        """Remove versions of a model; this works on a full disk, too."""

        def take_out(connection: sqlite3.Connection) -> None:
            for version in versions:
                self._take_out(connection, name, version)
            drop_empty_models(connection)
            with contextlib.suppress(OSError):  # it has other versions
                (self.models / checked_name(name)).rmdir()

        try:
            self.database.change(take_out)
        except (sqlite3.Error, OSError) as error:
            if storage_full(error) is None:
                raise
            # The folders are in the trash already, and their files are the room that is missing.
            self.trash.empty()
            self.database.change(take_out)
        self.trash.empty()
        self.database.reserve.refill()

    def _take_out(self, connection: sqlite3.Connection, name: str, version: int) -> None:
        """Move a version's folder to the trash and remove its row, within a transaction."""
        row = connection.execute(
            "SELECT job_id FROM versions WHERE name = ? AND version = ?", (name, version)
        ).fetchone()
        if row is not None:
            identity = Identity(name, version, row["job_id"])
            self.trash.take(identity, self._folder(name, version))
            delete_row(connection, identity)

    def housekeep(self, lost_keep_days: float) -> None:
        """Remove what was deleted or set aside more than so many days ago."""
        self.trash.forget_old(lost_keep_days * SECONDS_PER_DAY)
        self.lost.forget_old(lost_keep_days * SECONDS_PER_DAY)

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
    for path in entries(folder):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise JobCrashedError(f"the job wrote {path.name!r}, which is no plain file")
        names.add(path.name)
        sync_file(path)
    if ARTIFACT_FILE not in names:
        raise JobCrashedError("the job wrote no artifact")
    sync_folder(folder)
