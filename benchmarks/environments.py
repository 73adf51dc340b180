"""The peers' environments: one virtual environment each, installed from its hashed lock in requirements/peers/."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.protocol import REPOSITORY

LOCKS = REPOSITORY / "requirements" / "peers"
STAMP = ".prunus-lock"
INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
INSTALL_LIMIT_SECONDS = 1200


class MissingEnvironmentError(Exception):
    """A peer cannot be had on this machine; the text says why, for its place in the tables."""


def interpreter(name: str, root: Path = REPOSITORY) -> Path:
    """Return the path of the environment's Python, whether it exists or not."""
    return root / f".venv-peer-{name}" / "bin" / "python"


def set_up(
    name: str, say: Callable[[str], None], root: Path = REPOSITORY, locks: Path = LOCKS
) -> Path:
    """Make the environment, or renew it where its lock has changed; return its Python.

    Args:
        name: Of the lock, requirements/peers/NAME.txt.
        say: Gets a line when something is installed.
        root: Where the environments are.
        locks: Where the locks are.

    Raises:
        MissingEnvironmentError: It cannot be installed here: another Python, no wheel, no network.
    """
    lock, python = locks / f"{name}.txt", interpreter(name, root)
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = python.parent.parent / STAMP
    if python.exists() and stamp.exists() and stamp.read_text() == digest:
        return python
    say(f"installing the environment of {name}")
    _run([sys.executable, "-m", "venv", "--clear", str(python.parent.parent)])
    _run([str(python), *INSTALL, "-r", str(lock)])
    stamp.write_text(digest)
    return python


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise MissingEnvironmentError(
            f"installation took more than {INSTALL_LIMIT_SECONDS} s"
        ) from None
    if done.returncode:
        raise MissingEnvironmentError(reason(done.stderr))


def reason(messages: str) -> str:
    """Return the telling line of what a failed command said: its last error, without pip's prefix."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or "Error" in line]
    return (errors or lines or ["no message"])[-1].removeprefix("ERROR: ")
