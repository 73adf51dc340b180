"""What is wrong before a start is said in one sentence, also where this machine cannot be made to be wrong."""

import errno
import socket
import sqlite3
from pathlib import Path

import pytest

from app import startup
from app.startup import StartError, check_address, check_data_folder


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StartError, match="cannot be made: Read-only file system"):
        check_data_folder(tmp_path / "data")


@pytest.mark.parametrize(
    ("code", "name", "text"),
    [
        (sqlite3.SQLITE_FULL, "SQLITE_FULL", "is full: make some room"),
        (sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT", "is damaged"),
        (sqlite3.SQLITE_BUSY, "SQLITE_BUSY", "cannot be used: it failed"),
    ],
)
def test_a_database_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, name: str, text: str
) -> None:
    def fail(_: Path) -> None:
        error = sqlite3.OperationalError("it failed")
        error.sqlite_errorcode, error.sqlite_errorname = code, name
        raise error

    monkeypatch.setattr(startup, "Database", fail)
    with pytest.raises(StartError, match=text):
        check_data_folder(tmp_path / "data")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EADDRINUSE, "port 8000 is in use: try --port 8001"),
        (errno.EACCES, "port 8000 may not be used by user"),
        (errno.EADDRNOTAVAIL, "is no address of this machine"),
        (errno.ENETDOWN, "cannot be listened on: gone"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_that_cannot_be_listened_on(
    monkeypatch: pytest.MonkeyPatch, host: str, number: int, text: str
) -> None:
    class Refusing(socket.socket):
        def bind(self, address: object, /) -> None:
            raise OSError(number, "gone")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(StartError, match=text):
        check_address(host, 8000)
