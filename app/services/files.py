"""Files and folders of the data folder: brought to disk, put in place whole, removed."""

import os
import shutil
from pathlib import Path

# Files that are being written; what a crash leaves of them goes at the next start.
TEMPORARY_PREFIX = ".new-"


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, by name; nothing where there is no such folder."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
