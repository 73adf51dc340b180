"""A worker process is held to its limits on disk and threads by what the kernel tells of it, or ended."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import MIB
from app.services import worker_watch
from app.services.worker_watch import (
    DEPTH_MAX,
    UncountableError,
    WatchedLimits,
    disk_usage,
    excess,
    unlinked_bytes,
)
from tests.app.live import wait_until
from tests.app.test_removing import make_deep
from tests.app.test_worker_distrust import is_gone

ROOM = WatchedLimits(disk_max_bytes=MIB, threads_max=8, seconds_max=60.0)


def test_all_files_of_a_job_count_and_unlinked_ones_too(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / str(number)).write_bytes(bytes(200 * 1024))
    assert excess(os.getpid(), tmp_path, WatchedLimits(4 * MIB, 10_000, 60.0)) is None
    with (tmp_path / "hidden").open("wb") as file:
        file.write(bytes(400 * 1024))
        file.flush()
        (tmp_path / "hidden").unlink()
        error = excess(os.getpid(), tmp_path, ROOM)
    assert error is not None
    assert error.slug == "job-disk-limit"
    assert error.hint.endswith("PRUNUS_JOB_DISK_MAX_BYTES")


def test_too_many_files_and_threads_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = excess(os.getpid(), tmp_path, WatchedLimits(MIB, 0, 60.0))
    assert error is not None
    assert error.hint.endswith("PRUNUS_JOB_THREADS_MAX")
    monkeypatch.setattr("app.services.worker_watch.FILES_MAX", 3)
    for number in range(4):
        (tmp_path / str(number)).touch()
    error = excess(os.getpid(), tmp_path, WatchedLimits(MIB, 10_000, 60.0))
    assert error is not None
    assert error.message == "the job made too many files"


def bytes_held(body: str, tmp_path: Path) -> int:
    """Run what holds an unlinked file of a MiB, named `hidden`, by other means than by a name; return what is seen."""
    program = HOLDER.format(body=body)
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if "exit" in body:
            wait_until(lambda: is_gone(process.pid), "the main thread lives on")
        return unlinked_bytes(process.pid)
    finally:
        process.kill()
        process.communicate()


HOLDER = """
import ctypes, mmap, os, platform, threading, time
file = open("hidden", "w+b")
file.write(bytes(1 << 20))
file.flush()
os.unlink("hidden")
{body}
print("ready", flush=True)
time.sleep(600)
"""
MAPPED_ALONE = """
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file.fileno(), ctypes.c_long(0))
file.close()
"""


# A thread with a table of descriptors of its own, where the system lets it have one.
THREAD_HOLDS_ALONE = """
is_apart = threading.Event()
def hold():
    if ctypes.CDLL(None).unshare(0x400) == 0:  # CLONE_FILES
        is_apart.set()
    time.sleep(600)
threading.Thread(target=hold, daemon=True).start()
if is_apart.wait(5):
    file.close()
"""


@pytest.mark.parametrize(
    "body", [MAPPED_ALONE, THREAD_HOLDS_ALONE, "page = mmap.mmap(file.fileno(), 4096)"]
)
def test_a_file_of_which_a_page_is_mapped_counts_whole(body: str, tmp_path: Path) -> None:
    shared_memory = "nothing = mmap.mmap(-1, 4096)\n"
    try:
        assert bytes_held(shared_memory + body, tmp_path) == MIB
    except UncountableError:
        assert body is MAPPED_ALONE  # the server may not look into map_files here


def test_a_mapped_file_whose_size_is_not_told_ends_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = os.stat

    def refuse(path: Any, **more: Any) -> os.stat_result:
        if "map_files" in str(path):
            raise PermissionError  # as without CAP_CHECKPOINT_RESTORE
        return honest(path, **more)

    monkeypatch.setattr(worker_watch.os, "stat", refuse)
    with pytest.raises(UncountableError, match="without a name"):
        bytes_held(MAPPED_ALONE, tmp_path)
    monkeypatch.setattr(worker_watch, "unlinked_bytes", _uncountable)
    error = excess(os.getpid(), tmp_path, ROOM)
    assert error is not None
    assert (error.slug, error.got) == ("job-disk-limit", "a file")


def test_a_file_that_is_unmapped_while_it_is_looked_at_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert worker_watch._mapped(os.getpid(), ["none"]) == {}
    looks = iter([{1: "0-1000"}, {}])  # no process has this page
    monkeypatch.setattr(worker_watch, "_mapped", lambda *_: next(looks))
    assert unlinked_bytes(2**30) == 0  # nor is there such a process


def _uncountable(_: int) -> int:
    raise UncountableError("a file")


# The number of `exit`, which ends one thread alone.
THREAD_HOLDS = """
def hold():
    print("ready", flush=True)
    time.sleep(600)
threading.Thread(target=hold).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)  # exit
"""


@pytest.mark.parametrize("before", ["", MAPPED_ALONE])
def test_a_process_whose_main_thread_has_ended_is_seen_too(before: str, tmp_path: Path) -> None:
    try:
        assert bytes_held(before + THREAD_HOLDS, tmp_path) == MIB
    except UncountableError:
        assert before  # the server may not look into map_files here


def test_what_is_deeper_than_paths_are_long_is_not_passed_over(tmp_path: Path) -> None:
    make_deep(tmp_path, 40, "x" * 255)
    error = excess(os.getpid(), tmp_path, WatchedLimits(4 * MIB, 10_000, 60.0))
    assert error is not None
    assert error.slug == "job-disk-limit"
    assert error.got == "folders within folders, more than 32"


def test_folders_as_deep_as_may_be_are_counted(tmp_path: Path) -> None:
    make_deep(tmp_path, DEPTH_MAX)
    assert disk_usage(tmp_path)[1] == DEPTH_MAX + 1
    assert disk_usage(tmp_path / "none") == (0, 0)


def test_a_folder_that_cannot_be_looked_at_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    assert disk_usage(tmp_path)[1] == 2
    honest = os.open
    answers: dict[object, OSError] = {}

    def refuse(path: Any, flags: int, **more: Any) -> int:
        if path in answers:
            raise answers[path]
        return honest(path, flags, **more)

    monkeypatch.setattr(worker_watch.os, "open", refuse)
    answers["inner"] = FileNotFoundError()
    assert disk_usage(tmp_path)[1] == 2
    for place in ("inner", tmp_path):
        answers[place] = PermissionError(13, "Permission denied")
        with pytest.raises(UncountableError, match="Permission denied"):
            disk_usage(tmp_path)
