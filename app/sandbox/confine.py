"""What a process gives up before it reads an upload; nothing of it can be taken back.

In this order: limits on resources; a root folder and, for a server that is root, a user of its own; capabilities; files
(Landlock); system calls (seccomp). What the kernel does not have or refuses is reported, and the job shows it; where
the sandbox is required, the process ends instead.
"""

import os
import resource
import signal
import site
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from app.core.job_errors import SandboxUnavailableError
from app.sandbox.capabilities import drop_capabilities, empty_bounding_set, held_capabilities
from app.sandbox.landlock import apply_landlock
from app.sandbox.private_root import become, enter_private_root, give_to, own_user_id
from app.sandbox.seccomp import apply_filter
from app.sandbox.system import (
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    SandboxError,
    is_linux,
    prctl,
)

NOT_LIMITED = "not limited"
_ROOMS = ("app", "graph", "pruning", "engine")
# Besides Python itself: shared libraries, what the CPU is, and randomness. Nothing of users or of other processes, and
# of /proc only what libraries ask for: the rest of /proc/self tells of the network and of what is mounted.
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
    "/proc/self/cgroup",
    "/proc/self/status",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a confined process may use.

    Attributes:
        threads_max: threads at a time.
        sandbox_required: whether the process ends where a part of the sandbox cannot be had.
    """

    memory_max_bytes: int
    cpu_max_seconds: int
    file_max_bytes: int
    open_files_max: int
    threads_max: int
    sandbox_required: bool


@dataclass(frozen=True, slots=True)
class AppliedLimits:
    """What holds for this process from now on; a part that does not hold starts with "not limited".

    Attributes:
        network: "none".
        new_processes: "none".
        file_access: "job folder only".
        capabilities: "none".
        other_files: "do not exist for it", where it has a root folder of its own; else the kernel still tells it
            sizes and times of files that it cannot open.
        user: "its own", or "the server's".
        landlock_version: version of Landlock that the kernel has; 0 is none.
        dies_with_server: whether the kernel ends the process with the server.
    """

    memory_max_bytes: int
    cpu_max_seconds: int
    file_max_bytes: int
    open_files_max: int
    threads_max: int
    network: str
    new_processes: str
    file_access: str
    capabilities: str
    other_files: str
    user: str
    landlock_version: int
    dies_with_server: bool

    def to_record(self) -> dict[str, object]:
        """Return the fields, to be sent to the server."""
        return asdict(self)


def confine(
    limits: Limits, parent: int, folder: Path | None = None, read: Sequence[Path] = ()
) -> AppliedLimits:
    """Give up what the work on an upload does not need.

    Args:
        limits: resources.
        parent: the server process.
        folder: the one folder in which files may be made, if any.
        read: files and folders that may be read, besides Python, its packages and `folder`.

    Raises:
        SandboxUnavailableError: a part of the sandbox is required, and cannot be had.
    """
    _limit_resources(limits)
    if not is_linux():
        if limits.sandbox_required:
            raise _unavailable("Linux", "this is another system")
        return _applied(limits, {}, {}, 0, dies=False)
    # What is around the rooms cannot be listed afterwards, and without the editable installation of a checkout a room
    # that was not imported before would not be found. The packages are empty.
    for room in _ROOMS:
        import_module(room)
    readable = (*_python_paths(), *read)
    # The folder that holds the rooms cannot be listed any more: what lies in them is found from the rooms themselves.
    for room in _ROOMS:
        import_module(room)
    outer = _enter_own_root(limits, folder, readable)
    _die_with_parent(parent)
    versions: list[int] = []
    steps: dict[str, Callable[[], object]] = {
        "capabilities": _give_up_capabilities,
        "file_access": lambda: versions.append(
            apply_landlock(readable, [] if folder is None else [folder])
        ),
        "system_calls": apply_filter,
    }
    failures = {name: reason for name, step in steps.items() if (reason := _attempt(step))}
    if failures and limits.sandbox_required:
        raise _unavailable(*next(iter(failures.items())))
    return _applied(limits, outer, failures, sum(versions), dies=True)


def _attempt(step: Callable[[], object]) -> str:
    """Take a step; return why it failed, or nothing."""
    try:
        step()
    except OSError as error:
        return str(error.strerror or error)
    return ""


def _unavailable(part: str, reason: str) -> SandboxUnavailableError:
    return SandboxUnavailableError(
        f"the sandbox is required, and a part of it cannot be had: {part}",
        got=reason,
        hint="PRUNUS_SANDBOX=best-effort works without what is missing",
    )


def _applied(
    limits: Limits,
    outer: dict[str, str],
    failures: dict[str, str],
    landlock_version: int,
    *,
    dies: bool,
) -> AppliedLimits:
    def holds(part: str, text: str) -> str:
        if not dies:
            return NOT_LIMITED
        return f"{NOT_LIMITED}: {failures[part]}" if part in failures else text

    return AppliedLimits(
        memory_max_bytes=limits.memory_max_bytes,
        cpu_max_seconds=limits.cpu_max_seconds,
        file_max_bytes=limits.file_max_bytes,
        open_files_max=limits.open_files_max,
        threads_max=limits.threads_max,
        network=holds("system_calls", "none"),
        new_processes=holds("system_calls", "none"),
        file_access=holds("file_access", "job folder only"),
        capabilities=holds("capabilities", "none"),
        other_files=outer.get("other_files", "sizes and times are visible"),
        user=outer.get("user", "the server's"),
        landlock_version=landlock_version,
        dies_with_server=dies,
    )


def _enter_own_root(limits: Limits, folder: Path | None, read: Sequence[Path]) -> dict[str, str]:
    """Take a root folder, and where the server is root a user, of the process's own, where that can be had."""
    if folder is None:
        return {}
    user, drops_user = own_user_id(), os.geteuid() == 0 and _is_readable_by_others()
    if reason := _attempt(lambda: enter_private_root(folder, read)):
        return {"other_files": f"sizes and times are visible: {reason}"}
    # Some file systems, and root in a container of an ordinary user, know no other users.
    if drops_user and not _attempt(lambda: give_to(user, folder)):
        empty_bounding_set()
        become(user)
    else:
        drops_user = False
    # The count is of this user in this namespace, so that it is this process's own.
    if drops_user or os.geteuid() != 0:
        resource.setrlimit(resource.RLIMIT_NPROC, (limits.threads_max, limits.threads_max))
    return {
        "other_files": "do not exist for it",
        "user": "its own" if drops_user else "the server's",
    }


def _is_readable_by_others() -> bool:
    """Return whether another user could run this program: what root installs may be closed to all others."""
    origins = [__file__, os.__file__]
    origins += [
        spec.origin for name in ("numpy", "llvmlite") if (spec := find_spec(name)) and spec.origin
    ]
    return all(os.stat(origin).st_mode & 0o004 for origin in origins)


def _give_up_capabilities() -> None:
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    empty_bounding_set()
    drop_capabilities()
    held = held_capabilities(Path("/proc/self/status").read_text())
    if held:
        raise SandboxError(0, f"capabilities {held:x} are still held")


def _die_with_parent(parent: int) -> None:
    """Have the kernel end this process when the server process `parent` ends, however it does.

    To be called after the user has changed, which undoes it.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os.kill(os.getpid(), signal.SIGKILL)


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
    rooms = [program / room for room in _ROOMS]
    paths = [Path(name) for name in (*names, *_SYSTEM_PATHS)]
    paths += [
        Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))
    ]
    # A prefix of `/usr` is right for a system Python; `/` alone would allow everything.
    return [path for path in (*rooms, *paths) if path != Path("/")]
