"""What a worker process says of how its work ended, and how it does it: tried here without its confinement."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from app import retune, worker
from app.core.job_folder import ARTIFACT_FILE, OLD_ARTIFACT_FILE, OUTPUT_FOLDER
from app.core.model_request import ModelRequest
from app.services.worker_request import Retune, Work, WorkerRequest
from app.worker import Events, Job, main
from graph.errors import PrunusError
from tests.app.test_worker_distrust import LIMITS as APPLIED
from tests.app.test_worker_request import LIMITS

WORK = Work(ModelRequest(), "m", 1)


@pytest.fixture(autouse=True)
def unconfined(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Replace the confinement, and the priority, which could not be taken back here."""
    niceness: list[object] = []
    monkeypatch.setattr(worker, "confine", lambda *_: APPLIED)
    monkeypatch.setattr(os, "nice", niceness.append)
    return niceness


def said(folder: Path, job: Job | None, task: Work | Retune = WORK) -> tuple[int, list[Any]]:
    WorkerRequest(task, LIMITS, 5, "kernels", 0.5, 2, "read", 1.5).write(folder)
    stream = io.BytesIO()
    status = main(folder, stream, job)
    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0] == {"event": "limits", "limits": APPLIED.to_record()}
    return status, lines[1:]


def raising(error: BaseException, cause: BaseException | None = None) -> Job:
    def job(*_: object) -> None:
        raise error from cause

    return job


def system(code: int) -> OSError:
    return OSError(code, os.strerror(code))


@pytest.mark.parametrize(
    ("error", "cause", "slug"),
    [
        (MemoryError(), None, "job-memory-limit"),
        (system(errno.ENOMEM), None, "job-memory-limit"),
        (system(errno.EFBIG), None, "job-file-limit"),
        (system(errno.ENOSPC), None, "storage-full"),
        (PrunusError("x"), system(errno.ENOMEM), "job-memory-limit"),
        (PrunusError("x"), system(errno.EFBIG), "job-file-limit"),
        (PrunusError("x"), system(errno.ENOSPC), "storage-full"),
        (PrunusError("x"), system(errno.EIO), PrunusError.slug),
        (PrunusError("x"), ValueError(), PrunusError.slug),
    ],
)
def test_limits_that_were_met_are_told(
    error: Exception, cause: Exception | None, slug: str, tmp_path: Path
) -> None:
    status, (last,) = said(tmp_path, raising(error, cause))
    assert status == 1
    assert last["event"] == "failed"
    assert last["problem"]["slug"] == slug


def test_other_errors_end_the_process(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output"):
        said(tmp_path, raising(system(errno.EIO)))


def test_the_end_of_the_work_is_told(tmp_path: Path, unconfined: list[object]) -> None:
    assert said(tmp_path, lambda *_: None) == (0, [{"event": "done"}])
    assert unconfined == []


def test_tuning_again_has_a_low_priority_and_one_stage(
    tmp_path: Path, unconfined: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    monkeypatch.setattr(retune, "retune_artifact", lambda *them: given.extend(them))
    status, told = said(tmp_path, None, Retune())
    assert (status, told) == (0, [{"event": "stage", "stage": "tune"}, {"event": "done"}])
    assert given[:2] == [
        tmp_path / OLD_ARTIFACT_FILE,
        tmp_path / OUTPUT_FOLDER / ARTIFACT_FILE,
    ]
    assert given[3:] == [0.5, 2]
    assert unconfined == [19]


def test_progress_is_told_ten_times_a_second_and_a_stage_may_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments, pauses = iter([1.0, 1.05, 1.2]), list[float]()
    monkeypatch.setattr(worker.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(worker.time, "sleep", pauses.append)

    def job(_: Path, __: WorkerRequest, events: Events) -> None:
        events.enter("read")
        events.enter("prune")
        for fraction in (0.1, 0.2, 0.3):
            events.advance(fraction)

    _, told = said(tmp_path, job)
    assert [each["fraction"] for each in told if each["event"] == "progress"] == [0.1, 0.3]
    assert pauses == [1.5]
