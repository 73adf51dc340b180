"""`python -m tests.app.kill_steps <folder>`: kill -9 before every step that an operation on the data folder takes.

A step is a change of the file system or an SQL statement. For each operation a child is forked that kills itself before
the first step, the next one before the second, and so on until one gets to the end. After each, what a start makes of
what is left is written to standard output, one JSON object per line.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.services.database import Database
from app.services.files import TEMPORARY_PREFIX
from app.services.job_log import JobLog, NewJob
from app.services.ownership import Ownership
from app.services.recovery import recover
from app.services.storage import Storage
from app.services.stored_version import StoredVersion
from app.services.version_record import PENDING_FILE, read_record, stages_of
from tests.app.test_storage import SUMMARY

JOB = "feedc0de"
_CHANGES = ("fsync", "rename", "replace", "unlink", "rmdir", "mkdir", "open")
Operation = Callable[[Storage], object]


@contextmanager
def opened(root: Path) -> Iterator[tuple[Storage, JobLog]]:
    database = Database(root / "prunus.db")
    try:
        yield Storage(root, database), JobLog(database)
    finally:
        database.close()


def add_output(storage: Storage, log: JobLog, job_id: str, version: int) -> None:
    log.add(NewJob(job_id, "m", version, "nobody", "f", 1), 9)
    log.start(job_id)
    output = storage.jobs / job_id / "out"
    output.mkdir(parents=True)
    (output / "model.prunus").write_bytes(job_id.encode())


def prepare(root: Path) -> None:
    """Make a data folder with version 1 of `m`, and a job that has all but published version 2."""
    root.mkdir()
    with opened(root) as (storage, log):
        add_output(storage, log, "first", 1)
        storage.publish("first", "m", 1, SUMMARY, ())
        add_output(storage, log, JOB, 2)


def publish(storage: Storage) -> None:
    storage.publish(JOB, "m", 2, SUMMARY, ())


def delete(storage: Storage) -> None:
    storage.delete("m", [1])


def deactivate(storage: Storage) -> None:
    storage.set_active("m", 1, is_active=False)


def renew(storage: Storage) -> None:
    stored = storage.version("m", 1)
    storage.renew(stored, SUMMARY.model_copy(update={"cpu": "new"}), None)


MIXES = ("no database", "old database", "old models")
OPERATIONS: dict[str, Operation] = {
    "publish": publish,
    "delete": delete,
    "deactivate": deactivate,
    "renew": renew,
}


def die_before(step: int, storage: Storage) -> None:
    """Let this process kill itself before its step number `step`."""
    taken = 0

    def count(*_: object) -> None:
        nonlocal taken
        if taken == step:
            os.kill(os.getpid(), signal.SIGKILL)
        taken += 1

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            count()
            return function(*args, **kwargs)

        return call

    for name in _CHANGES:
        setattr(os, name, counted(getattr(os, name)))
    storage.database.rows("SELECT 1")
    storage.database._connection.set_trace_callback(count)


def run_child(root: Path, operation: Operation, step: int) -> bool:
    """Run the operation in a child that dies before the step; tell whether it got to the end before."""
    pid = os.fork()
    if pid == 0:
        try:
            with opened(root) as (storage, _):
                die_before(step, storage)
                operation(storage)
                os._exit(0)
        except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return False
    assert os.WEXITSTATUS(status) == 0, "the operation failed"
    return True


def found_after_start(root: Path) -> dict[str, object]:
    """Start as a server does, and return what is there then."""
    ownership = Ownership(root / "owners")
    try:
        with opened(root) as (storage, log):
            recover(storage, log, ownership)
            versions = storage.versions()
            gone = {one.version for one in storage.incomplete()}
            return {
                "versions": {
                    one.version: [one.version not in gone, one.is_active, one.summary.cpu]
                    for one in versions
                },
                "folders": sorted(f"{p.parent.name}/{p.name}" for p in storage.models.glob("*/*")),
                "records": {one.version: is_recorded(one) for one in versions},
                "left": [str(p) for name in ("jobs", "trash") for p in files(root / name)],
                "unfinished": [str(p) for p in files(storage.models) if is_unfinished(p)],
                "lost": len(files(root / "lost")),
                "jobs": {job.id: job.state.value for job in log.recent(9)},
            }
    finally:
        ownership.close()


def is_recorded(stored: StoredVersion) -> bool:
    """Tell whether the folder of a version, if it is there, says the same as its row."""
    return not stored.folder.exists() or read_record(stored.folder) == stored.record(
        stages_of(stored.folder)
    )


def is_unfinished(path: Path) -> bool:
    return path.name == PENDING_FILE or path.name.startswith(TEMPORARY_PREFIX)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def main(folder: Path) -> None:
    before = folder / "before"
    prepare(before)
    for name, operation in OPERATIONS.items():
        step, is_done = 0, False
        while not is_done:
            root = folder / "root"
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(before, root)
            is_done = run_child(root, operation, step)
            mixes = {mix: mixed(folder, before, root, mix) for mix in MIXES}
            found = {mix: found_after_start(copy) for mix, copy in mixes.items()}
            found["as left"] = found_after_start(root)
            line = {"operation": name, "step": step, "is_done": is_done, "found": found}
            sys.stdout.write(json.dumps(line) + "\n")
            step += 1


def mixed(folder: Path, before: Path, after: Path, mix: str) -> Path:
    """Return a copy of `after` without its database, or with the database or the models of `before`."""
    copy = folder / mix.replace(" ", "-")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(after, copy)
    if mix == "old models":
        shutil.rmtree(copy / "models")
        shutil.copytree(before / "models", copy / "models")
        return copy
    for file in copy.glob("prunus.db*"):
        file.unlink()
    if mix == "old database":
        shutil.copy(before / "prunus.db", copy)
    return copy


if __name__ == "__main__":
    main(Path(sys.argv[1]))
