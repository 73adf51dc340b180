"""Watching a worker process from outside: its disk and threads, for which no limit of the kernel always holds.

RLIMIT_FSIZE limits one file, not all of them together; RLIMIT_NPROC counts all processes of a user, and does not bind
root. So the server looks, and ends the process. Between two looks a process can exceed its limits by what it can do in
that time.
"""

import asyncio
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from app.errors import JobCrashedError
from app.job_errors import JobDiskError
from graph.errors import PrunusError

_INTERVAL_SECONDS = 0.5
# Names take room, too: of a folder's blocks, and of the time for looking.
FILES_MAX = 20_000
_BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class WatchedLimits:
    """What a worker process may use, besides the limits that it applies to itself."""

    disk_max_bytes: int
    threads_max: int


async def watch(pid: int, folder: Path, limits: WatchedLimits) -> PrunusError:
    """Look at a process again and again; return when it is over a limit."""
    while True:
        error = await asyncio.to_thread(excess, pid, folder, limits)
        if error is not None:
            return error
        await asyncio.sleep(_INTERVAL_SECONDS)


def excess(pid: int, folder: Path, limits: WatchedLimits) -> PrunusError | None:
    """Return what a process uses too much of, if anything."""
    used, files = disk_usage(folder)
    used += _unlinked_bytes(pid)
    if used > limits.disk_max_bytes:
        return JobDiskError(
            "the job's files together take too much room",
            expected=f"at most {limits.disk_max_bytes:,} bytes",
            got=f"{used:,} bytes",
            hint="the limit is the setting PRUNUS_JOB_DISK_MAX_BYTES",
        )
    if files > FILES_MAX:
        return JobDiskError("the job made too many files", expected=f"at most {FILES_MAX:,}")
    threads = _threads(pid)
    if threads > limits.threads_max:
        return JobCrashedError(
            "the job has too many threads",
            expected=f"at most {limits.threads_max}",
            got=str(threads),
            hint="the limit is the setting PRUNUS_JOB_THREADS_MAX",
        )
    return None


def disk_usage(folder: Path) -> tuple[int, int]:
    """Return the bytes on disk below a folder, and the number of files; no more is counted than may be there."""
    used = files = 0
    waiting = [str(folder)]
    while waiting and files <= FILES_MAX:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    used += status.st_blocks * _BLOCK_BYTES
                    files += 1
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(entry.path)
                    if files > FILES_MAX:
                        break
        except OSError:
            continue  # removed meanwhile
    return used, files


def _unlinked_bytes(pid: int) -> int:
    """Return bytes of files that the process holds open and that have no name any more, where they can be seen."""
    used = 0
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return 0
    for descriptor in descriptors:
        try:
            status = os.stat(f"/proc/{pid}/fd/{descriptor}")
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
            used += status.st_blocks * _BLOCK_BYTES
    return used


def _threads(pid: int) -> int:
    try:
        # The first line is a name that the process gives itself, in any bytes.
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:")), 0
    )
