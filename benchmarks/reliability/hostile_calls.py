"""How hostile acts are tried: system calls by their numbers, and the few acts that take more than one call.

Calls that would harm the machine get arguments that the kernel refuses only after it has let the call through.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_X86_64 = {
    "io_uring_setup": 425,
    "open_tree": 428,
    "fsopen": 430,
    "mknodat": 259,
    "clone": 56,
    "clone3": 435,
    "execve": 59,
    "execveat": 322,
    "memfd_create": 319,
    "unshare": 272,
    "setns": 308,
    "ptrace": 101,
    "process_vm_readv": 310,
    "kcmp": 312,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "kill": 62,
    "tkill": 200,
    "tgkill": 234,
    "rt_sigqueueinfo": 129,
    "rt_tgsigqueueinfo": 297,
    "pidfd_send_signal": 424,
    "bpf": 321,
    "userfaultfd": 323,
    "keyctl": 250,
    "add_key": 248,
    "request_key": 249,
    "setsid": 112,
    "setpgid": 109,
    "prlimit64": 302,
    "sched_setaffinity": 203,
    "sched_setscheduler": 144,
    "ioprio_set": 251,
    "shmget": 29,
    "msgget": 68,
    "semget": 64,
    "chroot": 161,
    "sethostname": 170,
    "acct": 163,
    "fanotify_init": 300,
    "perf_event_open": 298,
    "reboot": 169,
    "clock_settime": 227,
    "mount": 165,
    "setuid": 105,
    "capset": 126,
    "open_by_handle_at": 304,
    "connect": 42,
    "bind": 49,
    "prctl": 157,
    "fcntl": 72,
    "exit": 60,
}
_AARCH64 = {
    "io_uring_setup": 425,
    "open_tree": 428,
    "fsopen": 430,
    "mknodat": 33,
    "clone": 220,
    "clone3": 435,
    "execve": 221,
    "execveat": 281,
    "memfd_create": 279,
    "unshare": 97,
    "setns": 268,
    "ptrace": 117,
    "process_vm_readv": 270,
    "kcmp": 272,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "kill": 129,
    "tkill": 130,
    "tgkill": 131,
    "rt_sigqueueinfo": 138,
    "rt_tgsigqueueinfo": 240,
    "pidfd_send_signal": 424,
    "bpf": 280,
    "userfaultfd": 282,
    "keyctl": 219,
    "add_key": 217,
    "request_key": 218,
    "setsid": 157,
    "setpgid": 154,
    "prlimit64": 261,
    "sched_setaffinity": 122,
    "sched_setscheduler": 119,
    "ioprio_set": 30,
    "shmget": 194,
    "msgget": 186,
    "semget": 190,
    "chroot": 51,
    "sethostname": 161,
    "acct": 89,
    "fanotify_init": 262,
    "perf_event_open": 241,
    "reboot": 142,
    "clock_settime": 112,
    "mount": 40,
    "setuid": 146,
    "capset": 91,
    "open_by_handle_at": 265,
    "connect": 203,
    "bind": 200,
    "prctl": 167,
    "fcntl": 25,
    "exit": 93,
}
_NUMBERS = {"x86_64": _X86_64, "aarch64": _AARCH64}.get(platform.machine(), {})
# An address that no process may read: the kernel looks at it only when it has let the call through.
NOWHERE = 8


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the acts happen.

    Attributes:
        folder: folder of the job.
        data: data folder of the server.
        kernels: the server's object cache.
        server: process id of the server.
    """

    folder: Path
    data: Path
    kernels: Path
    server: int


def call(name: str, *arguments: object) -> int:
    """Make a system call of this machine by its name; an OSError says why it failed."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    padded = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = int(libc.syscall(ctypes.c_long(_NUMBERS[name]), *padded))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def system_call(name: str, *arguments: object) -> Callable[[Scene], object]:
    """Return an act that makes one call; the word "server" among the arguments is the server's process id."""
    return lambda scene: call(name, *(scene.server if a == "server" else a for a in arguments))


def reads(path: str) -> Callable[[Scene], object]:
    """Return an act that reads a file."""
    return lambda scene: Path(path.format(server=scene.server, data=scene.data)).read_bytes()[:1]


def lists(path: str) -> Callable[[Scene], object]:
    """Return an act that lists a folder."""
    return lambda scene: os.listdir(path.format(server=scene.server, data=scene.data))


def open_socket(family: int) -> Callable[[Scene], object]:
    """Return an act that opens a socket of a family."""
    return lambda _: socket.socket(family, socket.SOCK_DGRAM).close()


def fork(_: Scene) -> None:
    """Make a process."""
    if os.fork() == 0:
        os._exit(0)


def clone(flags: int) -> Callable[[Scene], object]:
    """Return an act that makes a process by clone, with more flags."""

    def run(_: Scene) -> None:
        if call("clone", flags | 17, 0, 0, 0, 0) == 0:
            os._exit(0)

    return run


def set_limit(name: int) -> Callable[[Scene], object]:
    """Return an act that sets a limit of the server, by its number."""

    def run(scene: Scene) -> None:
        # Those that it has: whoever may set these may set others.
        old = (ctypes.c_uint64 * 2)()
        unlimited = (ctypes.c_uint64 * 2)(2**64 - 1, 2**64 - 1)
        with contextlib.suppress(OSError):
            call("prlimit64", scene.server, name, None, old)
            unlimited = old
        call("prlimit64", scene.server, name, unlimited, None)

    return run


def raise_own_limit(_: Scene) -> None:
    """Raise the hard limit on open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    call("prlimit64", 0, resource.RLIMIT_NOFILE, (ctypes.c_uint64 * 2)(soft, hard + 1), None)


def own_signal(scene: Scene) -> None:
    """Have the kernel send the signals of a file to the server."""
    call("fcntl", 0, 8, scene.server)


def threads(_: Scene) -> None:
    """As many threads as can be had, up to 600; they go at once when the last one was refused."""
    stop = threading.Event()
    started: list[threading.Thread] = []
    old = threading.stack_size(64 * 1024)
    try:
        for _number in range(600):
            thread = threading.Thread(target=stop.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        raise OSError(errno.EPERM, "no more threads") from None
    finally:
        stop.set()
        threading.stack_size(old)
        for thread in started:
            thread.join()


def more_memory(_: Scene) -> int:
    """Take 64 GiB of memory."""
    return len(bytearray(64 * 1024**3))


def memory_files(_: Scene) -> None:
    """Make a file in memory, which no limit counts."""
    file = call("memfd_create", ctypes.c_char_p(b"x"), 0)
    os.close(file)


def capabilities(_: Scene) -> None:
    """Succeed where a capability is held or could be taken back."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in {"CapInh", "CapPrm", "CapEff", "CapAmb"} and int(value, 16):
            return
    raise OSError(errno.EPERM, "none are held")


def plant(scene: Scene) -> None:
    """Replace an object of the server's cache, or add one."""
    for name in sorted(os.listdir(scene.kernels)):
        (scene.kernels / name).write_bytes(b"planted")
        return
    (scene.kernels / ("0" * 64 + ".o")).write_bytes(b"planted")


def keep_link(scene: Scene) -> None:
    """Keep a hard link to a file of the job."""
    (scene.folder / "kept").write_bytes(b"x")
    os.link(scene.folder / "kept", scene.folder / "link")


def mode(scene: Scene) -> None:
    """Change the mode of the database."""
    os.chmod(scene.data / "prunus.db", 0o644)


def owner(scene: Scene) -> None:
    """Change the owner of the database."""
    os.chown(scene.data / "prunus.db", os.getuid(), os.getgid())


def times(scene: Scene) -> None:
    """Change the times of a folder of the server."""
    os.utime(scene.data / "models")


def attribute(scene: Scene) -> None:
    """Give a folder of the server an attribute."""
    os.setxattr(scene.data / "models", "user.prunus", b"x")
