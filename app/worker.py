"""`python -m app.worker <job folder>`: one upload's work, in a process of its own with nothing it could harm.

The process first gives up what it does not need (`app.sandbox.confine`), then reads the upload. Standard output carries
one JSON object per line to the server: `limits`, `stage`, `progress`, and at the end `done` or `failed`.
"""

import errno
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from app.errors import JobFileError, JobMemoryError
from app.problems import Problem
from app.sandbox.confine import Limits, confine
from app.services.storage import ARTIFACT_FILE, OUTPUT_FOLDER
from graph.errors import PrunusError

REQUEST_FILE = "request.json"
OLD_ARTIFACT_FILE = "old.prunus"
# Of a job that nobody waits for: predictions and uploads go first.
_LOW_PRIORITY = 19
_PROGRESS_INTERVAL_SECONDS = 0.1
_FILE_ERRORS = {errno.EFBIG, errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """What the server asks of a worker process; a JSON file in the job folder.

    Attributes:
        parent: process id of the server.
        is_retuning: there is no upload, but an artifact whose kernels are to be chosen again.
        pause_stage: for debugging: stop when this stage begins.
    """

    parent: int
    objects: str
    is_retuning: bool
    recipe: dict[str, object]
    has_calibration: bool
    has_labels: bool
    allow_nonfinite: bool
    values: str
    tune_seconds: float
    threads: int
    memory_max_bytes: int
    cpu_max_seconds: int
    file_max_bytes: int
    open_files_max: int
    pause_stage: str
    pause_seconds: float

    @property
    def limits(self) -> Limits:
        """The limits on resources."""
        return Limits(
            self.memory_max_bytes, self.cpu_max_seconds, self.file_max_bytes, self.open_files_max
        )


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


Work = Callable[[Path, WorkerRequest, Events], None]


def main(folder: Path, stream: BinaryIO, work: Work | None = None) -> int:
    """Do the work of a job folder under its limits; return the exit status."""
    request = WorkerRequest(**orjson.loads((folder / REQUEST_FILE).read_bytes()))
    events = Events(stream, request)
    if request.is_retuning:
        os.nice(_LOW_PRIORITY)
    applied = confine(request.limits, request.parent, [folder, Path(request.objects)])
    events.send("limits", limits=applied.to_record())
    try:
        (work or (_retune if request.is_retuning else _work))(folder, request, events)
    except PrunusError as error:
        events.send("failed", problem=Problem.of(error).to_record())
    except MemoryError:
        events.send("failed", problem=Problem.of(_memory_error(request)).to_record())
    except OSError as error:
        if error.errno == errno.ENOMEM:
            failure: PrunusError = _memory_error(request)
        elif error.errno in _FILE_ERRORS:
            failure = JobFileError(
                "the job could not write a file",
                expected=f"files of at most {request.file_max_bytes:,} bytes, and room on disk",
                got=str(error.strerror),
            )
        else:
            raise
        events.send("failed", problem=Problem.of(failure).to_record())
    else:
        events.send("done")
        return 0
    return 1


def _work(folder: Path, request: WorkerRequest, events: Events) -> None:
    # Imported under the limits: whatever the libraries do when they are loaded is confined too.
    from app.pipeline import PipelineRequest, Progress, run_pipeline
    from app.services.uploads import FILE_PARTS

    output = folder / OUTPUT_FOLDER
    output.mkdir()
    run_pipeline(
        PipelineRequest(
            model=folder / FILE_PARTS["file"],
            recipe=request.recipe,
            calibration=folder / FILE_PARTS["calibration"] if request.has_calibration else None,
            labels=folder / FILE_PARTS["labels"] if request.has_labels else None,
            allow_nonfinite=request.allow_nonfinite,
            output=output,
            objects=Path(request.objects),
            tune_seconds=request.tune_seconds,
            threads=request.threads,
            values=request.values,
        ),
        Progress(events.enter, events.advance),
    )


def _retune(folder: Path, request: WorkerRequest, events: Events) -> None:
    from app.retune import retune_artifact

    output = folder / OUTPUT_FOLDER
    output.mkdir()
    events.enter("tune")
    retune_artifact(
        folder / OLD_ARTIFACT_FILE,
        output / ARTIFACT_FILE,
        Path(request.objects),
        request.tune_seconds,
        request.threads,
    )


def _memory_error(request: WorkerRequest) -> JobMemoryError:
    return JobMemoryError(
        "the job needed more memory than it may use",
        expected=f"at most {request.memory_max_bytes:,} bytes",
        hint="the limit is the setting PRUNUS_JOB_MEMORY_MAX_BYTES",
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.stdout.buffer))
