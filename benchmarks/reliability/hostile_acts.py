"""What a worker process that was taken over tries, one act after the other; harmless where an act should succeed.

Calls that would harm the machine get arguments that the kernel refuses only after it has let the call through, so that
"Invalid argument" means that the act would have been possible.
"""

import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.reliability.hostile_calls import (
    NOWHERE,
    Scene,
    attribute,
    capabilities,
    clone,
    fork,
    keep_link,
    lists,
    memory_files,
    mode,
    more_memory,
    open_socket,
    own_signal,
    owner,
    plant,
    raise_own_limit,
    reads,
    set_limit,
    system_call,
    threads,
    times,
)

REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOENT, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is tried.

    Attributes:
        group: title of the part of the table.
        name: what it is.
        before: what became of it at commit 78f1b7c, on a kernel with Landlock 7.
        run: tries it; an OSError or MemoryError says that it was refused.
        needs_own_root: whether it is refused only where the process has a root folder of its own.
    """

    group: str
    name: str
    before: str
    run: Callable[[Scene], object]
    needs_own_root: bool = False


def outcome(act: Act, scene: Scene) -> str:
    """Try an act; return "refused (reason)", or "possible"."""
    try:
        act.run(scene)
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, str(error))
        return f"refused ({reason})" if error.errno in REFUSALS else f"possible ({reason})"
    except MemoryError:
        return "refused (MemoryError)"
    return "possible"


def _shown(path: str) -> str:
    return path.format(server="SERVER", data="DATA")


_HELD, _H5, _ROOT = "Held before, too", "H5: calls that were not refused", "H5: as root"
_FAMILIES = (
    *(("IPv4", socket.AF_INET), ("IPv6", socket.AF_INET6), ("Unix", socket.AF_UNIX)),
    *(("netlink", 16), ("packet", 17), ("vsock", 40)),
)
_FILES = (
    *("/etc/passwd", "/etc/shadow", "/proc/1/status", "/proc/{server}/environ"),
    *("/proc/{server}/maps", "/proc/{server}/cmdline", "/proc/self/root/etc/passwd"),
    *("{data}/prunus.db", "{data}/../../../../../../etc/passwd"),
)
_FOLDERS = (
    "/root",
    "/proc/{server}/fd",
    "{data}/models",
    "{data}/uploads",
    "{data}/owners",
)
_WRITES: tuple[tuple[str, Callable[[Scene], object]], ...] = (
    ("make a file in models/", lambda scene: (scene.data / "models" / "x").write_bytes(b"x")),
    ("truncate the database", lambda s: os.truncate(s.data / "prunus.db", 10**9)),
    ("unlink a file of owners/", lambda s: os.unlink(s.data / "owners" / "none.lock")),
    ("rename the database", lambda s: os.rename(s.data / "prunus.db", s.data / "prunus.db.x")),
    ("make a symbolic link out", lambda s: os.symlink("/etc", s.data / "models" / "x")),
)

ACTS: tuple[Act, ...] = (
    *(
        Act(_HELD, f"open a socket: {name}", "refused", open_socket(kind))
        for name, kind in _FAMILIES
    ),
    *(Act(_HELD, f"read {_shown(path)}", "refused", reads(path)) for path in _FILES),
    *(Act(_HELD, f"list {_shown(path)}", "refused", lists(path)) for path in _FOLDERS),
    *(Act(_HELD, name, "refused", run) for name, run in _WRITES),
    Act(_HELD, "connect, bind", "refused", system_call("connect", 0, NOWHERE, 16)),
    Act(_HELD, "io_uring", "refused", system_call("io_uring_setup", 1, NOWHERE)),
    Act(_HELD, "open a file by its handle", "refused", system_call("open_by_handle_at", -1, 8, 0)),
    Act(_HELD, "fork", "refused", fork),
    Act(
        _HELD,
        "vfork and run a program",
        "refused",
        lambda _: os.posix_spawn("/bin/true", ["x"], {}),
    ),
    Act(_HELD, "clone a process", "refused", clone(0)),
    Act(_HELD, "clone3", "refused", system_call("clone3", NOWHERE, 88)),
    Act(_HELD, "execve", "refused", system_call("execve", NOWHERE, 0, 0)),
    Act(_HELD, "execveat", "refused", system_call("execveat", -1, NOWHERE, 0, 0, 0)),
    Act(_HELD, "unshare a namespace", "refused", system_call("unshare", 0x10000000)),
    Act(_HELD, "enter a namespace", "refused", system_call("setns", -1, 0)),
    Act(_HELD, "ptrace: attach", "refused", system_call("ptrace", 16, "server", 0, 0)),
    Act(_HELD, "ptrace: seize", "refused", system_call("ptrace", 0x4206, "server", 0, 0)),
    Act(
        _HELD,
        "read the server's memory",
        "refused",
        system_call("process_vm_readv", "server", 8, 1, 8, 1, 0),
    ),
    Act(_HELD, "kcmp", "refused", system_call("kcmp", "server", "server", 0, 0, 0)),
    Act(_HELD, "take a file descriptor", "refused", system_call("pidfd_getfd", -1, 0, 0)),
    Act(_HELD, "process_madvise", "refused", system_call("process_madvise", -1, 8, 1, 4, 0)),
    Act(_HELD, "kill the server", "refused", lambda s: os.kill(s.server, 0)),
    Act(_HELD, "kill the server's group", "refused", lambda _: os.kill(0, 0)),
    Act(_HELD, "tkill", "refused", system_call("tkill", "server", 0)),
    Act(_HELD, "tgkill", "refused", system_call("tgkill", "server", "server", 0)),
    Act(_HELD, "bpf", "refused", system_call("bpf", 0, NOWHERE, 8)),
    Act(_HELD, "userfaultfd", "refused", system_call("userfaultfd", 1)),
    Act(_HELD, "keyctl", "refused", system_call("keyctl", 0, -3, 0)),
    Act(_HELD, "raise its own limits", "refused", raise_own_limit),
    Act(_HELD, "more memory than allowed", "refused", more_memory),
    Act(_HELD, "leave its session", "refused", system_call("setsid")),
    Act(_HELD, "leave its group", "refused", system_call("setpgid", 0, 0)),
    *(
        Act(_H5, f"set the server's RLIMIT_{name}", effect, set_limit(number))
        for name, number, effect in (
            ("CPU", 0, "server killed"),
            ("NOFILE", 7, "no connection accepted any more"),
            ("AS", 9, "server hangs"),
            ("FSIZE", 1, "server writes nothing any more"),
        )
    ),
    Act(_H5, "chmod of the database", "possible; the server does not start again", mode),
    Act(_H5, "chown of the database", "possible as root", owner),
    Act(_H5, "set times of files", "possible", times),
    Act(_H5, "set attributes of files", "possible", attribute),
    Act(
        _H5,
        "sched_setaffinity of the server",
        "possible",
        system_call("sched_setaffinity", "server", 8, NOWHERE),
    ),
    Act(
        _H5,
        "sched_setscheduler of the server",
        "possible",
        system_call("sched_setscheduler", "server", 5, NOWHERE),
    ),
    Act(
        _H5,
        "ioprio_set of the server",
        "possible",
        system_call("ioprio_set", 1, "server", 3 << 13),
    ),
    Act(
        _H5,
        "rt_sigqueueinfo",
        "refused only by Landlock 6",
        system_call("rt_sigqueueinfo", "server", 0, NOWHERE),
    ),
    Act(
        _H5,
        "rt_tgsigqueueinfo",
        "refused only by Landlock 6",
        system_call("rt_tgsigqueueinfo", "server", "server", 0, NOWHERE),
    ),
    Act(_H5, "pidfd_open", "possible", system_call("pidfd_open", "server", 0)),
    Act(
        _H5,
        "pidfd_send_signal",
        "refused only by Landlock 6",
        system_call("pidfd_send_signal", -1, 0, 0, 0),
    ),
    Act(_H5, "fcntl F_SETOWN to the server", "refused only by Landlock 6", own_signal),
    Act(_H5, "shmget: memory that outlives it", "possible", system_call("shmget", 0, 4096, 0o600)),
    Act(_H5, "msgget", "possible", system_call("msgget", 0, 0o600)),
    Act(_H5, "semget", "possible", system_call("semget", 0, 1, 0o600)),
    Act(_H5, "memory beyond the limit by memfd_create", "640 MiB", memory_files),
    Act(_H5, "600 threads for a moment", "1500, no limit met", threads, needs_own_root=True),
    Act(_H5, "add_key", "possible", system_call("add_key", NOWHERE, NOWHERE, 0, 0, -3)),
    Act(_H5, "request_key", "possible", system_call("request_key", NOWHERE, NOWHERE, 0, -3)),
    Act(
        _H5,
        "sizes and times of /etc/shadow",
        "possible",
        lambda _: os.stat("/etc/shadow"),
        needs_own_root=True,
    ),
    Act(
        _H5,
        "sizes and times of the database",
        "possible",
        lambda s: os.stat(s.data / "prunus.db"),
        needs_own_root=True,
    ),
    Act(_H5, "read /proc/self/net/tcp", "possible", reads("/proc/self/net/tcp")),
    Act(_H5, "read /proc/self/mountinfo", "possible", reads("/proc/self/mountinfo")),
    Act(_ROOT, "hold capabilities", "all of them", capabilities),
    Act(_ROOT, "chroot", "possible", system_call("chroot", NOWHERE)),
    Act(_ROOT, "sethostname", "possible", system_call("sethostname", NOWHERE, 1)),
    Act(_ROOT, "acct", "possible", system_call("acct", NOWHERE)),
    Act(
        _ROOT, "mknod of a device", "possible", lambda s: os.mknod(s.folder / "sda", 0o60600, 0x800)
    ),
    Act(_ROOT, "fsopen", "possible", system_call("fsopen", NOWHERE, 0)),
    Act(_ROOT, "open_tree", "possible", system_call("open_tree", -1, NOWHERE, 0)),
    Act(_ROOT, "mount", "refused", system_call("mount", NOWHERE, NOWHERE, 0, 0, 0)),
    Act(_ROOT, "fanotify_init", "possible", system_call("fanotify_init", 0x200, 0)),
    Act(
        _ROOT,
        "perf_event_open of the server",
        "possible",
        system_call("perf_event_open", NOWHERE, "server", -1, -1, 0),
    ),
    Act(_ROOT, "SCHED_FIFO", "possible", system_call("sched_setscheduler", 0, 1, NOWHERE)),
    Act(_ROOT, "reboot", "came to its argument checks", system_call("reboot", 1, 1, 1, 0)),
    Act(
        _ROOT,
        "set the clock",
        "came to its argument checks",
        system_call("clock_settime", -1, NOWHERE),
    ),
    Act(_ROOT, "setuid", "refused", system_call("setuid", 0)),
    Act(
        "C1: the object cache",
        "replace or add an object of the server",
        "its code ran in the server, also after a restart",
        plant,
    ),
    Act(
        "M5: links",
        "keep a hard link to what is published",
        "a later job killed the server by it",
        keep_link,
    ),
    Act(
        "M11: outliving",
        "undo PR_SET_PDEATHSIG",
        "lived on after the server, and wrote its cache",
        system_call("prctl", 1, 0, 0, 0, 0),
    ),
)
