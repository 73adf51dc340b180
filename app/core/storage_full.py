"""The one place that knows how a full disk looks: to the system, to SQLite, and inside of other errors."""

import errno
import sqlite3
from collections.abc import Iterator

from app.core.errors import StorageFullError

# No room on the disk, or none left for this user.
_SYSTEM_CODES = frozenset({errno.ENOSPC, errno.EDQUOT})
# What SQLite makes of these; the second kind is what it says where its own files cannot grow.
_SQLITE_NAMES = frozenset(
    {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE"}
    | {"SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_SHMOPEN", "SQLITE_CANTOPEN_FULL"}
)


def storage_full(error: BaseException) -> StorageFullError | None:
    """Return the error for a full disk if that is what `error`, or what led to it, says."""
    for link in _chain(error):
        if isinstance(link, StorageFullError):
            return link
        if _says_full(link):
            full = StorageFullError(
                "the disk of the data folder is full",
                got=str(link),
                hint="delete models or versions: that works on a full disk, too",
            )
            full.__cause__ = error
            return full
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, as a traceback shows them."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        yield link
        seen.add(id(link))
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _SYSTEM_CODES
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") in _SQLITE_NAMES
    return False
