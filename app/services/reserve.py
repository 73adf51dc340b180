"""A little room that is kept on the disk, and given up when it is full so that models can be deleted."""

import os
from pathlib import Path

from app.core.storage_full import storage_full

# More than the pages that SQLite writes for deleting a version and for ending a job.
RESERVE_BYTES = 1024 * 1024
_MIN_BYTES = 64 * 1024


class Reserve:
    """A file of zeros; whoever must write on a full disk removes it first."""

    def __init__(self, path: Path) -> None:
        """Keep the room in the file `path`."""
        self._path = path

    def release(self) -> None:
        """Give up the room."""
        self._path.unlink(missing_ok=True)

    def refill(self) -> None:
        """Take the room again, or as much of it as there is."""
        size = RESERVE_BYTES
        while size >= _MIN_BYTES and not self._take(size):
            size //= 2

    def _take(self, size: int) -> bool:
        try:
            with self._path.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            return storage_full(error) is None  # for another reason, less would not help
        return True
