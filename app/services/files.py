"""Files and folders of the data folder: brought to disk, put in place whole, removed."""

import contextlib
import errno
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path

# Files that are being written; what a crash leaves of them goes at the next start.
TEMPORARY_PREFIX = ".new-"
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOG = logging.getLogger(__name__)


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, by name; nothing where there is no such folder."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove(path: Path) -> bool:
    """Remove a file or a folder with all that is in it, if it is there; links are not followed.

    A process that was taken over may have made what lies in a folder: folders within folders without end, and paths
    that are longer than the kernel reads. So there is no recursion here, and no path of more than one name.

    Returns:
        Whether nothing is left of it. What cannot be removed stays, and the log says why.
    """
    try:
        _remove(path)
    except OSError as error:
        _LOG.error("%s cannot be removed: %s", path, error)
        return False
    return True


def _remove(path: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return
    if not is_folder:
        path.unlink(missing_ok=True)
        return
    top = _open_folder(str(path), None)
    try:
        _empty(top)
    finally:
        os.close(top)
    path.rmdir()


@dataclass(slots=True)
class _Level:
    """A folder on the way down: which it is, and the names of the folders in it that are still to be removed."""

    identity: tuple[int, int]
    folders: list[str]


def _empty(top: int) -> None:
    """Remove all that is in an open folder, with two descriptors open at most, however deep it is."""
    here = os.dup(top)
    try:
        way = [_Level(_identity(here), _unlink_files(here))]
        while True:
            if way[-1].folders:
                here = _exchange(here, _open_folder(way[-1].folders[-1], here))
                way.append(_Level(_identity(here), _unlink_files(here)))
                continue
            way.pop()
            if not way:
                return
            here = _exchange(here, os.open("..", _FOLDER_FLAGS, dir_fd=here))
            if _identity(here) != way[-1].identity:
                raise OSError(errno.ESTALE, "the folder was moved while it was removed")
            os.rmdir(way[-1].folders.pop(), dir_fd=here)
    finally:
        os.close(here)


def _exchange(old: int, new: int) -> int:
    os.close(old)
    return new


def _identity(folder: int) -> tuple[int, int]:
    status = os.fstat(folder)
    return status.st_dev, status.st_ino


def _unlink_files(folder: int) -> list[str]:
    """Remove what is no folder from an open folder; return the names of the folders in it."""
    folders = []
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                folders.append(name)
            else:
                os.unlink(name, dir_fd=folder)
    return folders


def _open_folder(name: str, parent: int | None) -> int:
    """Open a folder so that it can be changed, also where its mode says otherwise; a link is refused."""
    try:
        return _open_changeable(name, parent)
    except PermissionError:
        os.chmod(name, stat.S_IRWXU, dir_fd=parent)
        return _open_changeable(name, parent)


def _open_changeable(name: str, parent: int | None) -> int:
    folder = os.open(name, _FOLDER_FLAGS, dir_fd=parent)
    if os.fstat(folder).st_mode & stat.S_IRWXU != stat.S_IRWXU:
        try:
            os.fchmod(folder, stat.S_IRWXU)
        except OSError:
            os.close(folder)
            raise
    return folder


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all, also after a power cut.

    Raises:
        OSError: it cannot be written; nothing is left of it then.
    """
    unfinished = path.with_name(TEMPORARY_PREFIX + path.name)
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Bring a file's content to disk; a link is refused."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to disk."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    file = os.open(path, flags | os.O_NOFOLLOW)
    try:
        os.fsync(file)
    finally:
        os.close(file)
