"""The rows of versions, written within a transaction that its caller holds."""

import sqlite3
import time

from app.core.errors import DuplicateVersionError
from app.services.set_aside import Identity
from app.services.version_record import VersionRecord

# Of deleted versions; beyond that the oldest are forgotten.
DELETED_MAX_ROWS = 100_000


def insert_row(connection: sqlite3.Connection, record: VersionRecord) -> None:
    """Write the row of a version, and its model's where there is none.

    Raises:
        DuplicateVersionError: the version exists.
    """
    connection.execute(
        "INSERT INTO models VALUES (?, ?) ON CONFLICT (name)"
        " DO UPDATE SET last_version = max(last_version, excluded.last_version)",
        (record.name, record.version),
    )
    try:
        connection.execute(
            "INSERT INTO versions (name, version, created_at, job_id, summary, active, revision)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(record.name, record.version, record.created_at, record.job_id),
                *(record.summary.model_dump_json(), record.active, record.revision),
            ),
        )
    except sqlite3.IntegrityError:
        raise DuplicateVersionError(record.name, record.version) from None


def replace_row(connection: sqlite3.Connection, record: VersionRecord) -> None:
    """Make the row of a version, which there is, say what the record of its folder says."""
    connection.execute(
        "UPDATE versions SET created_at = ?, job_id = ?, summary = ?, active = ?, revision = ?"
        " WHERE name = ? AND version = ?",
        (
            *(record.created_at, record.job_id, record.summary.model_dump_json()),
            *(record.active, record.revision, record.name, record.version),
        ),
    )


def delete_row(connection: sqlite3.Connection, identity: Identity) -> None:
    """Remove the row of a version, and remember that it was deleted."""
    connection.execute(
        "DELETE FROM versions WHERE name = ? AND version = ? AND job_id = ?", identity
    )
    connection.execute(
        "INSERT OR REPLACE INTO deleted (name, version, job_id, deleted_at) VALUES (?, ?, ?, ?)",
        (*identity, time.time()),
    )


def raise_last_version(connection: sqlite3.Connection, name: str, version: int) -> None:
    """Note that a model, if it exists, had this version."""
    connection.execute(
        "UPDATE models SET last_version = ? WHERE name = ? AND last_version < ?",
        (version, name, version),
    )


def drop_empty_models(connection: sqlite3.Connection) -> None:
    """Remove the rows of models that have no versions."""
    connection.execute("DELETE FROM models WHERE name NOT IN (SELECT name FROM versions)")


def deleted_versions(connection: sqlite3.Connection) -> set[Identity]:
    """Return which versions were deleted; beyond the newest, the database forgets."""
    connection.execute(
        "DELETE FROM deleted WHERE job_id NOT IN"
        " (SELECT job_id FROM deleted ORDER BY deleted_at DESC LIMIT ?)",
        (DELETED_MAX_ROWS,),
    )
    return {
        Identity(*row) for row in connection.execute("SELECT name, version, job_id FROM deleted")
    }
