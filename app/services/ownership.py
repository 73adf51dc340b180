"""Which server process a job or an unfinished upload belongs to, and whether that process still lives.

Each server holds a file lock on `owners/<id>.lock` as long as it lives. The kernel drops the lock with the process,
however it ends, so there is no lease to renew and no clock to trust; it also works between containers that share the
folder, where process identifiers mean nothing.
"""

import contextlib
import fcntl
import os
import secrets
import signal
from pathlib import Path


class Ownership:
    """This process's mark on the data folder."""

    def __init__(self, folder: Path) -> None:
        """Take a new mark under `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._children: dict[int, str] = {}
        self.owner_id = secrets.token_hex(8)
        # Locked before it has its name: nobody can find it unlocked and take this process for dead.
        unnamed = folder / f"{self.owner_id}.new"
        self._file = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        unnamed.rename(self._path(self.owner_id))

    def note_started(self, pid: int) -> None:
        """Note a child process, so that the next start ends it if it outlives this server."""
        self._children[pid] = _identity(pid)
        self._write_children()

    def note_ended(self, pid: int) -> None:
        """Note that a child process has ended."""
        self._children.pop(pid, None)
        self._write_children()

    def _write_children(self) -> None:
        lines = [f"{pid} {identity}\n" for pid, identity in self._children.items() if identity]
        # On a full disk the account is lost, not the job: the kernel, too, ends workers with their server.
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, "".join(lines).encode(), 0)

    def end_children_of(self, owner_id: str) -> list[int]:
        """Kill the processes that a dead server has left; return their ids."""
        ended = []
        with contextlib.suppress(OSError):
            for line in self._path(owner_id).read_text().splitlines():
                pid, _, identity = line.partition(" ")
                if pid.isdigit() and identity and _identity(int(pid)) == identity:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                        ended.append(int(pid))
        return ended

    def _path(self, owner_id: str) -> Path:
        return self._folder / f"{owner_id}.lock"

    def is_alive(self, owner_id: str) -> bool:
        """Tell whether the process with this mark still runs."""
        if owner_id == self.owner_id:
            return True
        try:
            file = os.open(self._path(owner_id), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def others(self) -> tuple[str, ...]:
        """Return the marks of all other processes, living or not."""
        names = {path.stem for path in self._folder.glob("*.lock")}
        return tuple(sorted(names - {self.owner_id}))

    def forget(self, owner_id: str) -> None:
        """Remove the mark of a process that has ended."""
        self._path(owner_id).unlink(missing_ok=True)

    def close(self) -> None:
        """Give up this process's mark."""
        self.forget(self.owner_id)
        os.close(self._file)


def _identity(pid: int) -> str:
    """Tell a process from all others, of other times, boots and containers; empty where that cannot be known."""
    try:
        # Behind the name, which may hold anything, the 20th field is when it started, in ticks since the boot.
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        started = stat.rsplit(")", 1)[1].split()[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{started} {boot} {os.readlink('/proc/self/ns/pid')}"
    except (OSError, IndexError):
        return ""
