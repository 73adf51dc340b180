"""Watching a worker process from outside: its disk and threads, for which no limit of the kernel always holds.

RLIMIT_FSIZE limits one file, not all of them together; RLIMIT_NPROC counts all processes of a user, and does not bind
root. So the server looks, and ends the process. Between two looks a process can exceed its limits by what it can do in
that time.
"""

import asyncio
import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import JobCrashedError
from app.core.job_errors import JobDiskError
from graph.errors import PrunusError

_INTERVAL_SECONDS = 0.5
# Names take room, too: of a folder's blocks, and of the time for looking.
FILES_MAX = 20_000
# An honest job has folders in two levels.
DEPTH_MAX = 32
_BLOCK_BYTES = 512
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DELETED = b" (deleted)"
# What the kernel shows for memory that threads and processes share.
_NO_FILES = (b"/dev/zero (deleted)",)


class UncountableError(Exception):
    """It cannot be told how much a process uses."""


@dataclass(frozen=True, slots=True)
class WatchedLimits:
    """What a worker process may use, besides the limits that it applies to itself.

    Attributes:
        seconds_max: wall-clock time of its job.
    """

    disk_max_bytes: int
    threads_max: int
    seconds_max: float


async def watch(pid: int, folder: Path, limits: WatchedLimits) -> PrunusError:
    """Look at a process again and again; return when it is over a limit."""
    while True:
        error = await asyncio.to_thread(excess, pid, folder, limits)
        if error is not None:
            return error
        await asyncio.sleep(_INTERVAL_SECONDS)


def excess(pid: int, folder: Path, limits: WatchedLimits) -> PrunusError | None:
    """Return what a process uses too much of, if anything."""
    try:
        used, files = disk_usage(folder)
        used += unlinked_bytes(pid)
    except UncountableError as error:
        return JobDiskError(
            "the job's files cannot be counted",
            expected=f"plain folders, at most {DEPTH_MAX} within one another",
            got=str(error),
        )
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
    """Return the bytes on disk below a folder, and the number of files; no more is counted than may be there.

    Raises:
        UncountableError: folders lie too deep, or something cannot be looked at: there may be anything in it.
    """
    try:
        top = os.open(folder, _FOLDER_FLAGS)
    except FileNotFoundError:
        return 0, 0
    except OSError as error:
        raise UncountableError(f"the job's folder: {error.strerror}") from error
    used = files = 0
    for status in _statuses(top, 0):
        used += status.st_blocks * _BLOCK_BYTES
        files += 1
        if files > FILES_MAX:
            break
    return used, files


def _statuses(folder: int, depth: int) -> Iterator[os.stat_result]:
    """Yield what the kernel tells of all that lies below an open folder, and close it; by no path of many names."""
    try:
        if depth > DEPTH_MAX:
            raise UncountableError(f"folders within folders, more than {DEPTH_MAX}")
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                    yield status
                    if stat.S_ISDIR(status.st_mode):
                        inner = os.open(entry.name, _FOLDER_FLAGS, dir_fd=folder)
                        yield from _statuses(inner, depth + 1)
                except FileNotFoundError:
                    continue  # removed meanwhile
    except OSError as error:
        raise UncountableError(f"a folder of the job: {error.strerror}") from error
    finally:
        os.close(folder)


def unlinked_bytes(pid: int) -> int:
    """Return the bytes of files that have no name any more and that a process holds, where that can be seen.

    It holds a file by a descriptor, of which each thread may have its own, or by a page of it in its memory.

    Raises:
        UncountableError: a file is in its memory of which the kernel does not tell the size.
    """
    held: dict[int, int] = {}
    threads = _names(f"/proc/{pid}/task")
    for thread in threads:
        for descriptor in _names(f"/proc/{pid}/task/{thread}/fd"):
            _hold(held, f"/proc/{pid}/task/{thread}/fd/{descriptor}")
    for inode, place in _mapped(pid, threads).items():
        if inode not in held:
            held[inode] = _mapped_bytes(pid, threads, inode, place)
    return sum(held.values())


def _mapped_bytes(pid: int, threads: Sequence[str], inode: int, place: str) -> int:
    for thread in threads:  # the kernel has map_files only under the number, not under task/
        try:
            status = os.stat(f"/proc/{thread}/map_files/{place}")
        except OSError:
            continue  # without the capability for it; or this thread has ended
        return status.st_blocks * _BLOCK_BYTES
    if inode in _mapped(pid, threads):
        raise UncountableError("a file without a name, in the memory of the job")
    return 0  # unmapped meanwhile


def _hold(held: dict[int, int], path: str) -> None:
    with contextlib.suppress(OSError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
            held[status.st_ino] = status.st_blocks * _BLOCK_BYTES


def _mapped(pid: int, threads: Sequence[str]) -> dict[int, str]:
    """Return the deleted files in a process's memory: their inode numbers, and where one page of each lies."""
    found = {}
    for thread in threads:
        try:
            lines = Path(f"/proc/{pid}/task/{thread}/maps").read_bytes().splitlines()
        except OSError:
            continue
        for line in lines:
            # address, permissions, offset, device, inode, path
            words = line.split(maxsplit=5)
            if len(words) == 6 and words[5].endswith(_DELETED) and words[5] not in _NO_FILES:
                found[int(words[4])] = _map_name(words[0].decode())
        if lines:
            break  # threads share their memory; one that has ended shows none, and it may be the first
    return found


def _map_name(addresses: str) -> str:
    """Return the name in map_files of a range in maps, which has zeros in front."""
    return "-".join(f"{int(each, 16):x}" for each in addresses.split("-"))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _threads(pid: int) -> int:
    try:
        # The first line is a name that the process gives itself, in any bytes.
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:")), 0
    )
