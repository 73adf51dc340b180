"""Nothing that a worker process says or leaves is taken as it is."""

import asyncio
import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.errors import JobCrashedError
from app.core.job_folder import ARTIFACT_FILE, OUTPUT_FOLDER
from app.core.problems import Problem
from app.core.settings import MIB
from app.core.stages import UPLOAD_STAGES
from app.pipeline import STAGES
from app.sandbox.confine import AppliedLimits
from app.services import (
    ownership,
    worker_output,
    worker_process,
    worker_watch,
)
from app.services.database import Database
from app.services.job_log import JobLog
from app.services.ownership import Ownership
from app.services.recovery import recover
from app.services.storage import Storage
from app.services.worker_events import (
    EventReader,
    LimitsEvent,
    OutcomeEvent,
    StageEvent,
    events_max,
)
from app.services.worker_output import take_output
from app.services.worker_process import WorkerFailedError, WorkerRun, run_worker
from app.services.worker_watch import WatchedLimits
from app.worker import _PROGRESS_INTERVAL_SECONDS
from tests.app.live import wait_until

LIMITS = AppliedLimits(1, 2, 3, 4, 5, "none", "none", "job", "none", "no", "its own", 7, True)
ROOM = WatchedLimits(disk_max_bytes=MIB, threads_max=8, seconds_max=60.0)


def test_the_stages_are_those_of_the_pipeline() -> None:
    assert tuple(STAGES) == UPLOAD_STAGES


def test_what_honest_workers_say_is_heard() -> None:
    reader = EventReader(UPLOAD_STAGES, 100)
    said: list[dict[str, Any]] = [
        {"event": "limits", "limits": LIMITS.to_record()},
        {"event": "stage", "stage": "read"},
        {"event": "progress", "fraction": 7},
        {"event": "stage", "stage": "compile"},
        {"event": "done"},
    ]
    heard = [reader.read(message) for message in said]
    assert heard[0] == LimitsEvent(LIMITS.to_record())
    assert heard[1] == StageEvent("read")
    assert heard[4] == OutcomeEvent(None)


@pytest.mark.parametrize(
    "said",
    [
        [{"event": "stage", "stage": "mine"}],
        [{"event": "stage", "stage": "publish"}],
        [{"event": "stage", "stage": "read"}, {"event": "stage", "stage": "read"}],
        [{"event": "stage", "stage": "check"}, {"event": "stage", "stage": "read"}],
        [{"event": "stage", "stage": 1}],
        [{"event": "stage", "stage": "read", "more": 1}],
        [{"event": "unknown"}],
        [{"stage": "read"}],
        [{"event": "progress", "fraction": "1"}],
        [{"event": "progress", "fraction": True}],
        [{"event": ["done"]}],
        [{"event": {"done": 1}}],
        [{"event": None}],
        [{"event": "failed"}],
        [{"event": "done"}, {"event": "done"}],
        [{"event": "failed", "problem": {"slug": "custom-code"}}, {"event": "done"}],
        [{"event": "limits", "limits": {"mine": 1}}],
        [{"event": "limits", "limits": {**LIMITS.to_record(), "network": 1}}],
        [{"event": "limits", "limits": {**LIMITS.to_record(), "network": "x" * 201}}],
        [{"event": "limits", "limits": {**LIMITS.to_record(), "threads_max": True}}],
        [{"event": "limits", "limits": LIMITS.to_record()}] * 2,
    ],
)
def test_anything_else_ends_the_job(said: list[dict[str, object]]) -> None:
    reader = EventReader(UPLOAD_STAGES, 100)
    for message in said[:-1]:
        reader.read(message)
    with pytest.raises(JobCrashedError, match="what no worker says"):
        reader.read(said[-1])


def test_events_are_bounded_by_the_time_of_the_job() -> None:
    assert events_max(86_400) > 86_400 / _PROGRESS_INTERVAL_SECONDS
    reader = EventReader(UPLOAD_STAGES, 3)
    for _ in range(3):
        reader.read({"event": "progress", "fraction": 0.5})
    with pytest.raises(JobCrashedError) as refused:
        reader.read({"event": "progress", "fraction": 0.5})
    assert refused.value.got == "too many events"


def reported(**record: object) -> Problem:
    event = EventReader((), 1).read({"event": "failed", "problem": record})
    assert isinstance(event, OutcomeEvent)
    assert event.problem is not None
    return event.problem


def test_the_title_of_a_problem_is_the_servers_and_the_rest_is_marked() -> None:
    problem = reported(
        slug="custom-code",
        title="Please log in at http://evil.example",
        detail="line\nbreak\x1b[31m" + "x" * 5000,
        hint=["no text"],
        source="",
    )
    assert problem.title == "The model needs custom Python code"
    assert problem.source == "worker"
    assert problem.detail.startswith("line break\N{REPLACEMENT CHARACTER}[31m")
    assert len(problem.detail) == 2000
    assert problem.hint == ""
    assert problem.document()["source"] == "worker"
    assert Problem.from_record(problem.to_record()) == problem


def test_a_problem_that_is_not_known_is_a_crash() -> None:
    assert reported(slug="made-up", title="x").slug == "job-crashed"


def job_folder(tmp_path: Path) -> tuple[Path, Path]:
    output = tmp_path / "job" / OUTPUT_FOLDER
    output.mkdir(parents=True)
    (output / ARTIFACT_FILE).write_bytes(b"artifact")
    return tmp_path / "job", output


def test_output_is_copied_to_files_of_the_servers_own(tmp_path: Path) -> None:
    folder, output = job_folder(tmp_path)
    kept = tmp_path / "kept"
    os.link(output / ARTIFACT_FILE, kept)
    (output / "surprise.html").write_text("<script>")
    digest = take_output(folder, MIB)
    kept.write_bytes(b"changed later")
    assert digest == hashlib.sha256(b"artifact").hexdigest()
    assert [path.name for path in output.iterdir()] == [ARTIFACT_FILE]
    assert (output / ARTIFACT_FILE).read_bytes() == b"artifact"
    assert (output / ARTIFACT_FILE).stat().st_nlink == 1


def test_output_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = job_folder(tmp_path)
    honest = os.open

    def refuse(path: Any, *more: Any, **named: Any) -> int:
        if path == ARTIFACT_FILE:
            raise PermissionError(errno.EACCES, "Permission denied")
        return honest(path, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(JobCrashedError, match="which is no plain file"):
        take_output(folder, MIB)


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize("make", [_link, _socket, os.mkfifo, Path.mkdir])
def test_output_that_is_no_plain_file_is_refused(
    make: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, output = job_folder(tmp_path)
    monkeypatch.chdir(output)  # names of sockets are short
    make(Path("report.json"))
    with pytest.raises(JobCrashedError, match="which is no plain file"):
        take_output(folder, MIB)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("report.json", b"{", "cannot be read"),
        ("report.json", b"[1]", "no JSON object"),
        ("report.json", b"[" * 100_000, "cannot be read"),
        ("report.md", b"\xff\xfe", "cannot be read"),
    ],
)
def test_reports_that_cannot_be_shown_are_refused(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    folder, output = job_folder(tmp_path)
    (output / name).write_bytes(content)
    with pytest.raises(JobCrashedError, match=reason):
        take_output(folder, MIB)


def test_reports_have_a_limit_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_output, "REPORT_MAX_BYTES", 4)
    folder, output = job_folder(tmp_path)
    (output / "report.md").write_text("hello")
    with pytest.raises(JobCrashedError, match="too large"):
        take_output(folder, MIB)


def test_an_output_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder, output = job_folder(tmp_path)
    output.rename(tmp_path / "elsewhere")
    output.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JobCrashedError, match="no artifact"):
        take_output(folder, MIB)


def test_output_without_artifact_or_over_the_limit_is_refused(tmp_path: Path) -> None:
    folder, output = job_folder(tmp_path)
    with pytest.raises(JobCrashedError, match="too large"):
        take_output(folder, 7)
    (output / ARTIFACT_FILE).unlink()
    with pytest.raises(JobCrashedError, match="no artifact"):
        take_output(folder, MIB)


PROGRAM = """
import sys, time
folder = sys.argv[1]
{body}
"""


def outcome_of(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Problem:
    """Run a program as a worker process, without its sandbox; return why it was ended."""
    (tmp_path / "hostile_program.py").write_text(PROGRAM.format(body=body))
    honest = worker_process.worker_environment
    monkeypatch.setattr(
        worker_process,
        "worker_environment",
        lambda *given: {**honest(*given), "PYTHONPATH": str(tmp_path)},
    )
    folder, ownership = tmp_path / "job", Ownership(tmp_path / "owners")
    folder.mkdir()

    async def run() -> None:
        limits = WatchedLimits(disk_max_bytes=MIB, threads_max=8, seconds_max=60.0)
        job = WorkerRun("hostile_program", folder, UPLOAD_STAGES, limits, ownership)
        async for _ in run_worker(job):
            pass

    try:
        with pytest.raises(WorkerFailedError) as failed:
            asyncio.run(run())
    finally:
        ownership.close()
    return failed.value.problem


def test_a_worker_that_fills_the_disk_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "open(folder + '/a', 'wb').write(bytes(2 << 20)); time.sleep(600)"
    assert outcome_of(body, tmp_path, monkeypatch).slug == "job-disk-limit"


def test_a_worker_with_too_many_threads_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "import threading\nfor _ in range(9): threading.Thread(target=time.sleep, args=(600,)).start()"
    assert "too many threads" in outcome_of(body, tmp_path, monkeypatch).detail


def test_a_worker_that_cannot_be_watched_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(worker_process, "watch", broken)
    with pytest.raises(ZeroDivisionError):
        outcome_of("time.sleep(600)", tmp_path, monkeypatch)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("end", ["\\n", ""])
def test_a_worker_that_talks_without_end_is_ended(
    stream: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "LINES_MAX", 1000)
    body = f"while True: sys.{stream}.write('x' * 1000 + '{end}')"
    assert outcome_of(body, tmp_path, monkeypatch).slug == "job-crashed"


def test_an_unknown_stage_ends_the_process_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = 'print(\'{{"event": "stage", "stage": "mine"}}\', flush=True); time.sleep(600)'
    problem = outcome_of(body.replace("{{", "{").replace("}}", "}"), tmp_path, monkeypatch)
    assert problem.got == "the stage 'mine'"


@pytest.mark.parametrize(
    ("is_another", "returncode", "is_killed"),
    [(True, None, True), (False, 0, True), (True, 0, False)],
)
def test_a_number_that_another_process_may_have_is_not_killed(
    is_another: bool, returncode: int | None, is_killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda pid, _: killed.append(pid))
    with subprocess.Popen(["true"]) as ended:
        pass
    pid = os.getpid() if is_another else ended.pid
    process: Any = SimpleNamespace(pid=pid, returncode=returncode)
    worker_process._kill(process)
    assert killed == [pid] * is_killed


def test_what_a_worker_leaves_of_its_group_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "import subprocess; print(subprocess.Popen(['sleep', '600'], stdout=-3, stderr=-3).pid, file=open(folder + '/pid', 'w'))"
    assert outcome_of(body, tmp_path, monkeypatch).slug == "job-crashed"
    left = int((tmp_path / "job" / "pid").read_text())
    wait_until(lambda: is_gone(left), "a process of its group lives on")


def test_a_worker_that_outlived_its_server_is_ended_by_the_next_start(tmp_path: Path) -> None:
    database = Database(tmp_path / "prunus.db")
    storage, ownership = Storage(tmp_path, database), Ownership(tmp_path / "owners")
    server = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import subprocess, sys, time; from pathlib import Path\n"
            "from app.services.ownership import Ownership\n"
            "mark = Ownership(Path(sys.argv[1]))\n"
            "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
            "mark.note_started(child.pid)\n"
            "print(child.pid, flush=True); time.sleep(600)",
            str(tmp_path / "owners"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    worker = int(server.stdout.readline())
    try:
        recover(storage, JobLog(database), ownership)
        assert Path(f"/proc/{worker}").exists()  # its server lives
        server.kill()
        server.wait()
        assert Path(f"/proc/{worker}").exists()
        recover(storage, JobLog(database), ownership)
        wait_until(lambda: is_gone(worker), "the worker lives on")
    finally:
        server.stdout.close()
        if not is_gone(worker):
            os.kill(worker, signal.SIGKILL)
        ownership.close()
        database.close()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_process_id_that_was_given_away_is_left_alone(tmp_path: Path) -> None:
    first, second = Ownership(tmp_path), Ownership(tmp_path)
    child = subprocess.Popen(["sleep", "600"])
    try:
        (tmp_path / f"{first.owner_id}.lock").write_text(f"{child.pid} 1 another-boot pid:[1]\n")
        assert second.end_children_of(first.owner_id) == []
        first.note_started(child.pid)
        first.note_ended(child.pid)
        assert second.end_children_of(first.owner_id) == []
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
        first.close()
        second.close()


def test_a_name_that_is_no_text_hides_no_process() -> None:
    rename = "import ctypes; ctypes.CDLL(None).prctl(15, bytes([255, 254, 41, 32]), 0, 0, 0)"
    code = f"{rename}; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        assert ownership._identity(child.pid)
        assert worker_watch._threads(child.pid) == 1
        child.stdin.close()
