"""What a client asks for reaches the worker process whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.core.errors import InvalidRequestError
from app.core.model_request import ModelRequest
from app.routes.forms import job_request
from app.sandbox.confine import Limits
from app.services.uploads import Upload
from app.services.worker_request import Retune, Work, WorkerRequest, read_worker_request

LIMITS = Limits(
    memory_max_bytes=1,
    cpu_max_seconds=2,
    file_max_bytes=3,
    open_files_max=4,
    threads_max=5,
    sandbox_required=True,
)


def uploaded(folder: Path, **fields: str) -> Upload:
    folder.mkdir(exist_ok=True)
    return Upload("job", folder, {"name": "a", **fields}, {"file": "a.keras"}, {"file": 1})


@pytest.mark.parametrize(
    "task",
    [
        Work(ModelRequest(), "digits", 1),
        Work(ModelRequest({"sparsity": 0.5}, True, True, True, "bfloat16", False), "a", 2),
        Retune(),
    ],
)
def test_a_request_is_read_as_it_was_written(task: Work | Retune, tmp_path: Path) -> None:
    request = WorkerRequest(task, LIMITS, 5, "kernels", 0.5, 2, "read", 1.5)
    request.write(tmp_path)
    assert read_worker_request(tmp_path) == request


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("1", True), ("False", False), ("0", False), ("", None), (" ", None)],
)
def test_activation_is_carried(text: str, expected: bool | None, tmp_path: Path) -> None:
    request = job_request(uploaded(tmp_path / "upload", activate=text))
    assert request.model.activate is expected


def test_activation_is_left_open_by_default(tmp_path: Path) -> None:
    assert job_request(uploaded(tmp_path / "upload")).model == ModelRequest()


def test_another_word_for_activation_is_refused(tmp_path: Path) -> None:
    upload = uploaded(tmp_path / "upload", activate="later")
    with pytest.raises(InvalidRequestError, match="'activate'") as refused:
        job_request(upload)
    assert (refused.value.expected, refused.value.got) == ("true or false", "'later'")
    assert not upload.folder.exists()


def test_neither_worker_nor_command_line_loads_the_database() -> None:
    program = "import sys, app.worker, app.commands.prune, app.pipeline; print('app.services.database' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "False"
