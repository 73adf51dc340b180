"""What is looked at before a service starts, so that what is wrong is said in one sentence."""

import errno
import os
import socket
import sqlite3
from pathlib import Path

from app.core.storage_full import storage_full
from app.services.database import Database

_OWN_NAMES = (
    *("prunus.db", "prunus.db-wal", "prunus.db-shm"),
    *("models", "uploads", "jobs", "kernels", "owners", "trash", "lost"),
)


class StartError(Exception):
    """The service cannot start; the text is one sentence that says why and what to do."""


def check_data_folder(folder: Path) -> None:
    """Make the data folder where it does not exist, and open and close its database.

    Raises:
        StartError: the folder or the database cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise StartError(f"the data folder {folder} is not a folder; see --data-dir") from None
    except OSError as error:
        raise StartError(f"the data folder {folder} cannot be made: {error.strerror}") from None
    own = [folder / name for name in _OWN_NAMES]
    paths = [folder, *(path for path in own if path.exists())]
    closed = [path for path in paths if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        raise StartError(
            f"{closed[0]} cannot be written by user {os.geteuid()}: change its owner or its mode,"
            " or choose another --data-dir"
        )
    try:
        database = Database(folder / "prunus.db")
        try:
            for table in ("models", "versions", "jobs"):
                database.rows(f"SELECT * FROM {table}")  # noqa: S608 - one of three constants
        finally:
            database.close()
    except sqlite3.Error as error:
        raise StartError(_database_problem(folder / "prunus.db", error)) from error


def _database_problem(path: Path, error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if storage_full(error) is not None:
        return f"the disk of {path} is full: make some room and start again"
    if name in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
        return (
            f"the database {path} is damaged ({error}): restore a backup, or move it away and start again:"
            " what it knew of models is rebuilt from their folders"
        )
    return f"the database {path} cannot be used: {error}"


def check_address(host: str, port: int) -> None:
    """Bind the address and let it go again.

    Raises:
        StartError: it cannot be listened on.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise StartError(
            f"the host {host!r} is not known: try --host 127.0.0.1, or 0.0.0.0 for all addresses"
        ) from None
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                trial.bind(address)
                trial.listen(1)
        except OSError as error:
            raise StartError(_address_problem(host, port, error)) from None


def _address_problem(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use: try --port {port + 1 if port < 65535 else 8000}"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by user {os.geteuid()}: try --port 8000"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: try --host 127.0.0.1"
    return f"{host}, port {port}, cannot be listened on: {error.strerror}"
