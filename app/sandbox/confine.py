"""The limits under which a worker process reads an upload, applied by the process to itself before it does.

What the kernel does not have is left out and reported: the job shows which limits hold.
"""

import os
import resource
import signal
import site
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from app.sandbox.landlock import apply_landlock
from app.sandbox.seccomp import apply_filter
from app.sandbox.system import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, is_linux, prctl

# Besides Python itself: shared libraries, what the CPU is, and randomness. Nothing of users or of other processes.
_SYSTEM_PATHS = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker process may use."""

    memory_max_bytes: int
    cpu_max_seconds: int
    file_max_bytes: int
    open_files_max: int


@dataclass(frozen=True, slots=True)
class AppliedLimits:
    """What holds for this process from now on.

    Attributes:
        network: "none", or "not limited".
        new_processes: "none", or "not limited".
        file_access: "job folder only", or "not limited".
        landlock_version: version of Landlock that the kernel has; 0 is none.
        dies_with_server: whether the kernel ends the process with the server.
    """

    memory_max_bytes: int
    cpu_max_seconds: int
    file_max_bytes: int
    open_files_max: int
    network: str
    new_processes: str
    file_access: str
    landlock_version: int
    dies_with_server: bool

    def to_record(self) -> dict[str, object]:
        """Return the fields, to be sent to the server."""
        return asdict(self)


def die_with_parent(parent: int) -> bool:
    """Have the kernel end this process when the server process `parent` ends, however it does.

    Returns:
        Whether the kernel will; on other systems than Linux it cannot.
    """
    if not is_linux():
        return False
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os.kill(os.getpid(), signal.SIGKILL)
    return True


def confine(
    limits: Limits, parent: int, write: Sequence[Path], read: Sequence[Path] = ()
) -> AppliedLimits:
    """Give up what the work on an upload does not need; nothing of it can be taken back.

    Args:
        limits: resources.
        parent: the server process.
        write: folders in which files may be made.
        read: files and folders that may be read, besides Python, its packages and `write`.
    """
    ends_with_parent = die_with_parent(parent)
    _limit_resources(limits)
    filtered, landlock = False, 0
    if is_linux():
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        landlock = apply_landlock((*_python_paths(), *read), write)
        filtered = apply_filter()
    return AppliedLimits(
        memory_max_bytes=limits.memory_max_bytes,
        cpu_max_seconds=limits.cpu_max_seconds,
        file_max_bytes=limits.file_max_bytes,
        open_files_max=limits.open_files_max,
        network="none" if filtered else "not limited",
        new_processes="none" if filtered else "not limited",
        file_access="job folder only" if landlock else "not limited",
        landlock_version=landlock,
        dies_with_server=ends_with_parent,
    )


def _limit_resources(limits: Limits) -> None:
    wanted = (
        (resource.RLIMIT_AS, limits.memory_max_bytes, 0),
        # The soft limit raises SIGXCPU, which names the reason; the hard one follows with SIGKILL.
        (resource.RLIMIT_CPU, limits.cpu_max_seconds, 5),
        (resource.RLIMIT_FSIZE, limits.file_max_bytes, 0),
        (resource.RLIMIT_NOFILE, limits.open_files_max, 0),
        (resource.RLIMIT_CORE, 0, 0),
    )
    for name, soft, more in wanted:
        _, ceiling = resource.getrlimit(name)
        hard = soft + more
        if ceiling != resource.RLIM_INFINITY:
            hard = min(hard, ceiling)
        resource.setrlimit(name, (min(soft, hard), hard))


def _python_paths() -> list[Path]:
    """Return what the interpreter, its packages and this program consist of."""
    names = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
    names.update(site.getsitepackages())
    program = Path(__file__).resolve().parents[2]
    rooms = [program / room for room in ("app", "graph", "pruning", "engine")]
    paths = [Path(name) for name in (*names, *_SYSTEM_PATHS)]
    paths += [
        Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))
    ]
    # A prefix of `/usr` is right for a system Python; `/` alone would allow everything.
    return [path for path in (*rooms, *paths) if path != Path("/")]
