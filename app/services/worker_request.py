"""What the server asks of a worker process, as the two hand it over in a JSON file of the job folder."""

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from app.core.job_folder import REQUEST_FILE
from app.core.model_request import ModelRequest
from app.sandbox.confine import Limits


@dataclass(frozen=True, slots=True)
class Work:
    """Make a model of the upload in the job folder; its report calls it by this name and version."""

    model: ModelRequest
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class Retune:
    """Choose the kernels of the artifact in the job folder again; there is no upload."""


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """What a worker process is to do, and within which limits.

    Attributes:
        parent: process id of the server.
        kernels: folder of the server's object cache, which the worker may only read.
        tune_seconds: time for measuring kernels.
        threads: number of threads that compute one prediction.
        pause_stage: stage at whose begin the process stops for `pause_seconds`, for debugging.
    """

    task: Work | Retune
    limits: Limits
    parent: int
    kernels: str
    tune_seconds: float
    threads: int
    pause_stage: str
    pause_seconds: float

    def write(self, folder: Path) -> None:
        """Write the request to a job folder."""
        (folder / REQUEST_FILE).write_bytes(orjson.dumps(asdict(self)))


def read_worker_request(folder: Path) -> WorkerRequest:
    """Return what the server wrote to a job folder."""
    members = orjson.loads((folder / REQUEST_FILE).read_bytes())
    task, limits = members.pop("task"), members.pop("limits")
    return WorkerRequest(
        task=Work(**{**task, "model": ModelRequest(**task["model"])}) if task else Retune(),
        limits=Limits(**limits),
        **members,
    )
