"""What a start does about what the last run left: failed jobs get a reason, rows and folders agree, stray files go."""

import logging
import re
import sqlite3
import stat
import time
from pathlib import Path

from app.core.errors import ServerStoppedError
from app.core.problems import Problem
from app.core.storage_full import storage_full
from app.services.files import remove
from app.services.job_log import JobLog, JobState
from app.services.ownership import Ownership
from app.services.reconcile import Findings, reconcile
from app.services.storage import RETUNE_PREFIX, Storage

# Temporary files of the object cache that other server processes may still be writing.
OBJECT_TEMPORARY_MAX_AGE_SECONDS = 3600.0
_DISTRUSTED_FOLDER = "objects"
_OBJECT_NAME = re.compile(r"[0-9a-f]{64}\.o")
_LOG = logging.getLogger(__name__)


def recover(
    storage: Storage, jobs: JobLog, ownership: Ownership, lost_keep_days: float = 14.0
) -> Findings:
    """Bring rows and files into agreement; what living server processes are at is left alone."""
    dead = [owner for owner in ownership.others() if not ownership.is_alive(owner)]
    for owner in dead:
        for pid in ownership.end_children_of(owner):
            _LOG.warning("killed process %d, a worker that outlived its server", pid)
    _sweep_uploads(storage.uploads, ownership)  # first, for the room
    _fail_orphans(jobs, ownership)
    active = {job.id for job in jobs.active()}
    for folder in storage.jobs.iterdir():
        if _is_retuning(folder.name, ownership):
            active.add(folder.name)
        elif folder.name not in active:
            remove(folder)
    findings = _reconcile(storage)
    storage.housekeep(lost_keep_days)
    # Upload jobs could once write into this cache: nothing of it may be executed.
    remove(storage.root / _DISTRUSTED_FOLDER)
    _sweep_kernels(storage.kernels, alone=not active)
    for stored in storage.incomplete():
        _LOG.error(
            "the files of version %d of model %r are gone from %s: it cannot be served",
            stored.version,
            stored.name,
            stored.folder,
        )
    for owner in dead:
        ownership.forget(owner)
    storage.database.reserve.refill()
    return findings


def _reconcile(storage: Storage) -> Findings:
    try:
        return reconcile(storage)
    except (sqlite3.Error, OSError) as error:
        if storage_full(error) is None:
            raise
        _LOG.error("the disk is full: versions that need a row or a place get it at the next start")
        return Findings()


def _is_retuning(name: str, ownership: Ownership) -> bool:
    """Return whether a folder under `jobs/` is that of a living server that tunes a stored model again."""
    rest = name.removeprefix(RETUNE_PREFIX)
    return rest != name and ownership.is_alive(rest.split(".")[0])


def _fail_orphans(jobs: JobLog, ownership: Ownership) -> None:
    for job in jobs.active():
        if ownership.is_alive(job.owner):
            continue
        where = "waited in the queue" if job.state is JobState.QUEUED else f"was in {job.stage!r}"
        error = ServerStoppedError(
            f"the server stopped while the job {where}", hint="upload the model again"
        )
        try:
            jobs.end(job.id, JobState.FAILED, Problem.of(error))
        except (sqlite3.Error, OSError) as failure:
            if storage_full(failure) is None:
                raise
            _LOG.error("the disk is full: job %s is ended at the next start", job.id)
        else:
            _LOG.warning("job %s for model %r failed: %s", job.id, job.name, error.message)


def _sweep_uploads(folder: Path, ownership: Ownership) -> None:
    for upload in folder.iterdir():
        if not ownership.is_alive(upload.name.split(".")[0]):
            remove(upload)


def _sweep_kernels(folder: Path, *, alone: bool) -> None:
    """Remove from the object cache whatever is no object, and temporary files that a killed process left."""
    if not folder.is_dir() or folder.is_symlink():
        remove(folder)
        return
    newest = time.time() - (0 if alone else OBJECT_TEMPORARY_MAX_AGE_SECONDS)
    for path in folder.iterdir():
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # the process that writes it has just renamed it
        if stat.S_ISREG(status.st_mode):
            if _OBJECT_NAME.fullmatch(path.name):
                continue
            if path.name.startswith(".new-") and status.st_mtime > newest:
                continue
        remove(path)
