"""`python -m app.worker <job folder>`: one upload's work, in a process of its own with nothing it could harm.

The process first gives up what it does not need (`app.sandbox.confine`), then reads the upload. Standard output carries
one JSON object per line to the server: `limits`, `stage`, `progress`, and at the end `done` or `failed`.
"""

import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import orjson

from app.core.errors import JobFileError, JobMemoryError
from app.core.job_folder import (
    ARTIFACT_FILE,
    FILE_PARTS,
    OBJECTS_FOLDER,
    OLD_ARTIFACT_FILE,
    OUTPUT_FOLDER,
)
from app.core.problems import Problem
from app.core.storage_full import storage_full
from app.sandbox.confine import confine
from app.services.worker_request import Retune, Work, WorkerRequest, read_worker_request
from graph.errors import PrunusError

if TYPE_CHECKING:
    from engine.machine_code.object_cache import ObjectCache

# Of a job that nobody waits for: predictions and uploads go first.
_LOW_PRIORITY = 19
_PROGRESS_INTERVAL_SECONDS = 0.1


class Events:
    """Writes events for the server, progress at most ten times a second."""

    def __init__(self, stream: BinaryIO, request: WorkerRequest) -> None:
        """Write to `stream`."""
        self._stream = stream
        self._request = request
        self._last_progress = 0.0

    def send(self, event: str, **members: object) -> None:
        """Write one event."""
        self._stream.write(orjson.dumps({"event": event, **members}) + b"\n")
        self._stream.flush()

    def enter(self, stage: str) -> None:
        """Tell that a stage begins."""
        self.send("stage", stage=stage)
        if stage == self._request.pause_stage:
            time.sleep(self._request.pause_seconds)

    def advance(self, fraction: float) -> None:
        """Tell how much of the whole job is done."""
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_INTERVAL_SECONDS:
            self._last_progress = now
            self.send("progress", fraction=fraction)


Job = Callable[[Path, WorkerRequest, Events], None]


def main(folder: Path, stream: BinaryIO, job: Job | None = None) -> int:
    """Do the work of a job folder under its limits; return the exit status."""
    request = read_worker_request(folder)
    events = Events(stream, request)
    if isinstance(request.task, Retune):
        os.nice(_LOW_PRIORITY)
    try:
        applied = confine(request.limits, request.parent, folder, [Path(request.kernels)])
        events.send("limits", limits=applied.to_record())
        (job or do_task)(folder, request, events)
    except PrunusError as error:
        failure = storage_full(error) or _limit_error(error.__cause__, request) or error
        events.send("failed", problem=Problem.of(failure).to_record())
    except MemoryError:
        events.send("failed", problem=Problem.of(_memory_error(request)).to_record())
    except OSError as error:
        limit = storage_full(error) or _limit_error(error, request)
        if limit is None:
            raise
        events.send("failed", problem=Problem.of(limit).to_record())
    else:
        events.send("done")
        return 0
    return 1


def do_task(folder: Path, request: WorkerRequest, events: Events) -> None:
    """Do what the request asks for, and leave the results in the folder `out/`."""
    (folder / OUTPUT_FOLDER).mkdir()
    match request.task:
        case Work() as work:
            _work(folder, work, request, events)
        case Retune():
            _retune(folder, request, events)


def _work(folder: Path, work: Work, request: WorkerRequest, events: Events) -> None:
    # Imported under the limits: whatever the libraries do when they are loaded is confined too.
    from app.pipeline import PipelineRequest, Progress, run_pipeline

    model = work.model
    run_pipeline(
        PipelineRequest(
            options=model,
            name=work.name,
            version=work.version,
            model=folder / FILE_PARTS["file"],
            calibration=folder / FILE_PARTS["calibration"] if model.has_calibration else None,
            labels=folder / FILE_PARTS["labels"] if model.has_labels else None,
            weights=folder / FILE_PARTS["weights"] if model.has_weights else None,
            output=folder / OUTPUT_FOLDER,
            cache=_cache(folder, request),
            tune_seconds=request.tune_seconds,
            threads=request.threads,
        ),
        Progress(events.enter, events.advance),
    )


def _retune(folder: Path, request: WorkerRequest, events: Events) -> None:
    from app.retune import retune_artifact

    events.enter("tune")
    retune_artifact(
        folder / OLD_ARTIFACT_FILE,
        folder / OUTPUT_FOLDER / ARTIFACT_FILE,
        _cache(folder, request),
        request.tune_seconds,
        request.threads,
    )


def _cache(folder: Path, request: WorkerRequest) -> "ObjectCache":
    """Return a cache of this job's own: what this process compiles must never be code of the server."""
    from engine.machine_code.object_cache import ObjectCache

    return ObjectCache(folder / OBJECTS_FOLDER, read_only=Path(request.kernels))


def _limit_error(error: BaseException | None, request: WorkerRequest) -> PrunusError | None:
    """Return the error for a limit of the job, where the system says that one was met."""
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.ENOMEM:
        return _memory_error(request)
    if error.errno == errno.EFBIG:
        return JobFileError(
            "the job could not write a file",
            expected=f"files of at most {request.limits.file_max_bytes:,} bytes",
            got=str(error.strerror),
            hint="the limit is the setting PRUNUS_JOB_FILE_MAX_BYTES",
        )
    return None


def _memory_error(request: WorkerRequest) -> JobMemoryError:
    return JobMemoryError(
        "the job needed more memory than it may use",
        expected=f"at most {request.limits.memory_max_bytes:,} bytes",
        hint="the limit is the setting PRUNUS_JOB_MEMORY_MAX_BYTES",
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.stdout.buffer))
