"""A root folder of the process's own, in which nothing is but what it needs: other files cannot even be named.

Landlock stops a process from opening files, but not from asking for their sizes and times (`stat`). In a mount
namespace of its own with a new root, what is not mounted there does not exist. The same step gives namespaces without
network and shared memory, and, where the server is root, a user id that owns nothing else. mount_namespaces(7),
user_namespaces(7), pivot_root(2).

Needs CAP_SYS_ADMIN, or user namespaces for everybody. Containers usually have neither, but their own root folder holds
little.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from app.sandbox.system import SandboxError, libc_call, syscall

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_NAMESPACES = _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWNET
_MS_RDONLY, _MS_NOSUID, _MS_REMOUNT, _MS_BIND, _MS_REC = 1, 2, 32, 4096, 16384
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
# Nobody's: above what systems give to users and containers. Each process gets one of its own.
_FIRST_USER_ID = 2_000_000_000
_ROOT_FOLDER = ".root"
# Bound by the name in front, whatever process reads it.
_OWN_PROCESS = Path("/proc/self")


def enter_private_root(folder: Path, read: Iterable[Path]) -> None:
    """Move this process, which must have one thread, into namespaces and a root of its own.

    Args:
        folder: the job folder, which stays writable; a sub-folder of it is used to build the root.
        read: files and folders that stay readable; what does not exist is left out.

    Raises:
        SandboxError: the kernel does not let this process do so; nothing has changed then.
    """
    paths = _without_nested([*read, folder])
    # Half of it done would be worse than nothing: a process of its own tries first.
    if reason := _tried(lambda: _enter(folder, paths)):
        raise SandboxError(errno.EPERM, reason)
    _enter(folder, paths)


def _tried(step: Callable[[], None]) -> str:
    """Take a step in a child process; return why it failed, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - the child must end here whatever happens
            os.write(writing, str(error).encode()[:1000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        reason = answers.read().decode("utf-8", "replace")
    os.waitpid(child, 0)
    return reason


def _enter(folder: Path, paths: Sequence[Path]) -> None:
    if os.uname().machine not in _PIVOT_ROOT:
        raise SandboxError(errno.ENOSYS, "system calls of this machine are not known")
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        libc_call("unshare", ctypes.c_int(_NAMESPACES))
    else:
        libc_call("unshare", ctypes.c_int(_NAMESPACES | _CLONE_NEWUSER))
        _map_user(user, group)
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    root = folder / _ROOT_FOLDER
    root.mkdir(exist_ok=True)
    _mount("none", str(root), "tmpfs", _MS_NOSUID, "size=64k,mode=0755")
    for path in paths:
        _bind(root, path, writable=path == folder)
    _mount(None, str(root), None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID)
    os.chdir(root)
    syscall(_PIVOT_ROOT[os.uname().machine], b".", b".")
    libc_call("umount2", b".", ctypes.c_int(_MNT_DETACH))
    os.chdir(folder)


def own_user_id() -> int:
    """Return a user id for this process that no other process has."""
    return _FIRST_USER_ID + os.getpid()


def give_to(user: int, folder: Path) -> None:
    """Give a folder and all that is in it to a user; links are not followed."""
    os.chown(folder, user, user, follow_symlinks=False)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, user, user, follow_symlinks=False)


def become(user: int) -> None:
    """Take another user id and group id for good, and no further groups."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _map_user(user: int, group: int) -> None:
    """Keep the ids in the new user namespace; it knows no others."""
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError as error:
        raise SandboxError(error.errno, f"user namespace: {error.strerror}") from error


def _without_nested(paths: Sequence[Path]) -> list[Path]:
    """Drop what does not exist, and what lies below another path of the list, except the last path."""
    existing = sorted({path for path in paths if path.exists()})
    last = paths[-1]
    kept: list[Path] = []
    for path in existing:
        if path == last or not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def _bind(root: Path, path: Path, *, writable: bool) -> None:
    """Show a file or folder, at its own place, under the new root."""
    source = path.resolve()
    place = root / path.relative_to("/")
    if path == _OWN_PROCESS or path.is_relative_to(_OWN_PROCESS):
        source = Path("/proc") / str(os.getpid()) / path.relative_to(_OWN_PROCESS)
    _make_parents(root, place.parent)
    if stat.S_ISDIR(source.stat().st_mode):
        place.mkdir(exist_ok=True)
    else:
        place.touch()
    # Not what is mounted below the job folder: that is the new root.
    _mount(str(source), str(place), None, _MS_BIND if writable else _MS_BIND | _MS_REC)
    if not writable:
        # What the file system was mounted with may not be taken back in a user namespace.
        kept = os.statvfs(place).f_flag & (
            os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME
        )
        _mount(None, str(place), None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept)


def _make_parents(root: Path, folder: Path) -> None:
    for parent in (*reversed(folder.parents), folder):
        if parent.is_relative_to(root):
            parent.mkdir(exist_ok=True)


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    data = None if options is None else options.encode()
    libc_call("mount", *texts, ctypes.c_ulong(flags), data)
