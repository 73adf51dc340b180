"""The SQLite database of a data folder: schema, transactions, and noticing what other processes wrote.

One connection per process, behind a lock: every statement takes microseconds to milliseconds, and WAL lets readers of
other processes go on meanwhile. `synchronous=FULL` makes a committed row survive a power cut.
"""

import functools
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from app.core.storage_full import storage_full
from app.services.reserve import Reserve

T = TypeVar("T")
_LOG = logging.getLogger(__name__)

BUSY_TIMEOUT_SECONDS = 30.0
SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE models (
    name TEXT PRIMARY KEY,
    last_version INTEGER NOT NULL
) STRICT;
CREATE TABLE versions (
    name TEXT NOT NULL REFERENCES models (name),
    version INTEGER NOT NULL CHECK (version > 0),
    created_at REAL NOT NULL,
    job_id TEXT NOT NULL,
    summary TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    revision INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (name, version)
) STRICT;
CREATE TABLE deleted (
    job_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    deleted_at REAL NOT NULL
) STRICT;
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    stage TEXT NOT NULL,
    progress REAL NOT NULL DEFAULT 0,
    owner TEXT NOT NULL,
    file_name TEXT NOT NULL,
    upload_bytes INTEGER NOT NULL,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL,
    timings TEXT NOT NULL DEFAULT '[]',
    limits TEXT NOT NULL DEFAULT '{}',
    error TEXT
) STRICT;
CREATE UNIQUE INDEX jobs_active ON jobs (name, version) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_by_state ON jobs (state, created_at);
"""
# From each older schema to the next. Before versions could be inactive, all of them were active.
_MIGRATIONS = {
    1: """
ALTER TABLE versions ADD COLUMN active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1));
ALTER TABLE versions ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
CREATE TABLE deleted (
    job_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    deleted_at REAL NOT NULL
) STRICT;
"""
}


class Database:
    """A connection to `prunus.db`, shared by the threads of this process."""

    def __init__(self, path: Path) -> None:
        """Open the database, and make it where it does not exist.

        Raises:
            sqlite3.Error: it is damaged, of a later schema, or cannot be written.
        """
        self._lock = threading.RLock()
        self.reserve = Reserve(path.with_name("reserve"))
        self._path = path
        try:
            self._open()
        except sqlite3.Error as error:
            if storage_full(error) is None:
                raise
            self._open_on_full_disk()

    def _open_on_full_disk(self) -> None:
        """Open it where there may be no room for the two files that SQLite makes beside it."""
        self.reserve.release()
        try:
            self._open()
        except sqlite3.Error as error:
            if storage_full(error) is None:
                raise
            # Alone, it keeps one of them in memory and does without the other until it writes.
            _LOG.error("the disk is full: no other server process can share this data folder")
            self._open("PRAGMA locking_mode=EXCLUSIVE")

    def _open(self, mode: str = "PRAGMA locking_mode=NORMAL") -> None:
        self._connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute(mode)
            self._set_up()
        except BaseException:
            self._connection.close()
            raise

    def _set_up(self) -> None:
        self._connection.row_factory = sqlite3.Row
        # A text with damaged bytes is read as far as it goes: else it would hide all other rows of its table.
        self._connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._create()

    def _create(self) -> None:
        with self.transaction() as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found == SCHEMA_VERSION:
                return
            if found > SCHEMA_VERSION:
                raise sqlite3.DatabaseError(
                    f"the database has schema {found}, this version of Prunus reads {SCHEMA_VERSION}"
                )
            steps = (
                [_SCHEMA] if found == 0 else [_MIGRATIONS[n] for n in range(found, SCHEMA_VERSION)]
            )
            for statement in "".join(steps).split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the one write lock of the data folder; commit at the end, or undo on an error."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has undone everything by itself where the disk is full.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def change(self, make: Callable[[sqlite3.Connection], T]) -> T:
        """Do `make` in a transaction; where the disk is full, once more with the room that is kept for this.

        For what must work on a full disk: deleting, and ending jobs.
        """
        try:
            with self.transaction() as connection:
                return make(connection)
        except (sqlite3.Error, OSError) as error:
            if storage_full(error) is None:
                raise
        self.reserve.release()
        with self.transaction() as connection:
            return make(connection)

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Run one reading statement."""
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def change_counter(self) -> int:
        """Return a number that differs after another connection has committed a change."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()
