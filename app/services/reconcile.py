"""Rows and folders of versions brought into agreement at a start, whichever of the two is missing, older or damaged.

A database can be empty, gone, or saved before the folders beside it; folders can be older than the database. Therefore
nothing is removed for want of a row. What is found, and what is made of it:

    row         folder                              becomes
    there       deleted version in the trash        the deletion is completed
    there       its own, revisions differ           the higher revision is right
    there       of another job, which is not        the folder is right
                known as deleted
    damaged     its own, with a record              the row is written from the record
    missing     marked as unpublished               removed: a crash cut its publishing short
    missing     with record and artifact            the row is written from the record
    missing     of a deleted version, or without    set aside in `lost/`
                a readable record or artifact

All of it happens inside one write transaction: no other server process is between its rename and its commit then.
"""

import logging
import re
import secrets
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from app.core.job_folder import ARTIFACT_FILE, RESULT_FILE
from app.services.files import TEMPORARY_PREFIX, entries, remove
from app.services.job_log import MAX_VERSION, add_finished
from app.services.set_aside import Identity
from app.services.storage import Storage, checked_name
from app.services.stored_version import AnyVersion, StoredVersion
from app.services.summary import ModelSummary
from app.services.version_record import (
    PENDING_FILE,
    RECORD_FILE,
    DamagedRecordError,
    VersionRecord,
    read_record,
    write_record,
)
from app.services.version_rows import (
    delete_row,
    deleted_versions,
    drop_empty_models,
    insert_row,
    raise_last_version,
    replace_row,
)
from graph.errors import PrunusError

_VERSION = re.compile(r"[1-9][0-9]{0,9}")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Findings:
    """How many versions a start had to do something about."""

    rebuilt: int = 0
    completed: int = 0
    removed: int = 0
    set_aside: int = 0


def reconcile(storage: Storage) -> Findings:
    """Bring rows and folders into agreement, and empty the trash."""
    with storage.database.transaction() as connection:
        findings = _Reconciliation(storage, connection).run()
    storage.trash.empty()
    return findings


@dataclass(slots=True)
class _Reconciliation:
    storage: Storage
    connection: sqlite3.Connection
    findings: Findings = field(default_factory=Findings)

    def run(self) -> Findings:
        rows = {(one.name, one.version): one for one in self.storage.all_versions()}
        trash = self.storage.trash.identities()
        for key, row in list(rows.items()):
            identity = Identity(*key, row.job_id)
            if identity in trash:
                delete_row(self.connection, identity)
                del rows[key]
                _LOG.warning(
                    "version %d of model %r had been deleted: its row goes", key[1], key[0]
                )
                self._count(completed=1)
        deleted = trash | deleted_versions(self.connection)
        for model in entries(self.storage.models):
            if not _is_model(model):
                self._set_aside(model, "it is no folder of a model")
                continue
            for folder in entries(model):
                if not _is_version(folder):
                    self._set_aside(folder, "it is no folder of a version")
                    continue
                self._look_at(folder, rows.get((model.name, int(folder.name))), deleted)
            if not entries(model):
                model.rmdir()
        drop_empty_models(self.connection)
        for (
            name,
            version,
            _,
        ) in deleted:  # numbers are not used again, as far as that is still known
            raise_last_version(self.connection, name, version)
        return self.findings

    def _look_at(self, folder: Path, row: AnyVersion | None, deleted: set[Identity]) -> None:
        for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
            remove(path)
        record = _record_of_folder(folder)
        is_pending = (folder / PENDING_FILE).exists()
        is_own = row is not None and (record is None or record.job_id == row.job_id)
        if is_pending and not is_own:
            remove(folder)
            self._count(removed=1)
            return
        (folder / PENDING_FILE).unlink(missing_ok=True)
        if row is not None and is_own:
            self._agree(folder, row, record)
            return
        record = record or _record_of_result(folder)
        if record is None or not (folder / ARTIFACT_FILE).is_file():
            self._set_aside(folder, "it has no readable record, or no artifact")
        elif Identity(record.name, record.version, record.job_id) in deleted:
            self._set_aside(folder, "this version was deleted")
        else:
            self._rebuild(folder, row, record)

    def _agree(self, folder: Path, row: AnyVersion, record: VersionRecord | None) -> None:
        """Let the higher revision win between a row and the record of the same job."""
        readable = isinstance(row, StoredVersion)
        if record is not None and (record.revision > row.revision or not readable):
            newer = record.model_copy(update={"revision": max(record.revision, row.revision)})
            replace_row(self.connection, newer)
            _LOG.warning("version %d of model %r is taken from its folder", row.version, row.name)
            self._count(rebuilt=1)
        elif isinstance(row, StoredVersion):
            right = row.record(() if record is None else record.stages)
            if record != right:
                self._write(folder, right)

    def _rebuild(self, folder: Path, row: AnyVersion | None, record: VersionRecord) -> None:
        """Write the row of a folder: there is none, or it is of a job whose files are not there."""
        if row is None:
            insert_row(self.connection, record)
        else:
            replace_row(self.connection, record)
        add_finished(
            self.connection,
            record.job_id,
            (record.name, record.version),
            record.created_at,
            record.timings,
        )
        self._write(folder, record)
        _LOG.warning(
            "the database did not know version %d of model %r: rebuilt from %s",
            record.version,
            record.name,
            folder,
        )
        self._count(rebuilt=1)

    def _write(self, folder: Path, record: VersionRecord) -> None:
        try:
            write_record(folder, record)
        except OSError as error:  # such as a full disk: the next start tries again
            _LOG.error("the record of %s cannot be written: %s", folder, error)

    def _set_aside(self, path: Path, reason: str) -> None:
        self.storage.lost.take(path, self.storage.models, reason)
        self._count(set_aside=1)

    def _count(self, **more: int) -> None:
        sums = {name: getattr(self.findings, name) + number for name, number in more.items()}
        self.findings = replace(self.findings, **sums)


def _is_model(path: Path) -> bool:
    try:
        checked_name(path.name)
    except PrunusError:
        return False
    return path.is_dir() and not path.is_symlink()


def _is_version(path: Path) -> bool:
    return (
        _VERSION.fullmatch(path.name) is not None
        and int(path.name) <= MAX_VERSION
        and path.is_dir()
        and not path.is_symlink()
    )


def _record_of_folder(folder: Path) -> VersionRecord | None:
    """Return what a folder says of itself, if it can be read and is of this folder."""
    try:
        record = read_record(folder)
    except DamagedRecordError as error:
        _LOG.error("the record of %s cannot be read: %s", folder, error)
        return None
    if record is not None and (record.name, str(record.version)) != _key(folder):
        _LOG.error("the record of %s is of version %d of another", folder, record.version)
        return None
    return record


def _record_of_result(folder: Path) -> VersionRecord | None:
    """Return a record made from the result of a job, for a folder from before there were records."""
    if (folder / RECORD_FILE).exists():
        return None
    try:
        result = folder / RESULT_FILE
        summary = ModelSummary.model_validate_json(result.read_bytes())
        created_at = result.stat().st_mtime
    except (OSError, ValidationError):
        return None
    name, version = _key(folder)
    return VersionRecord(
        name=name,
        version=int(version),
        created_at=created_at,
        job_id=f"rebuilt-{secrets.token_hex(4)}",
        # Where a gate has judged, it still holds; releases before gates knew only active versions.
        active=summary.may_take_traffic or not summary.gate_verdict,
        revision=1,
        summary=summary,
    )


def _key(folder: Path) -> tuple[str, str]:
    return folder.parent.name, folder.name
