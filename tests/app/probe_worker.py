"""A worker process that tries what the uploaded file names, instead of reading a model; tests look at the outcome.

It runs through `app.worker.main`: the same limits, the same account of failures.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from app.core.errors import JobCrashedError
from app.core.job_folder import FILE_PARTS
from app.services.worker_request import WorkerRequest
from app.worker import Events, main
from graph.file_kind import ZIP_SIGNATURE
from tests.app.covered_worker import measured


def internet(_: Path) -> object:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def internet_6(_: Path) -> object:
    return socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)


def unix_socket(_: Path) -> object:
    return socket.socket(socket.AF_UNIX)


def environment(_: Path) -> object:
    return sorted(os.environ)


def memory(_: Path) -> object:
    return len(bytearray(4 * 1024**3))


def cpu(_: Path) -> object:
    while True:
        pass


def sleep(_: Path) -> object:
    time.sleep(600)
    return None


def big_file(folder: Path) -> object:
    return (folder / "big").write_bytes(bytes(8 * 1024**2))


def open_files(_: Path) -> object:
    return [open("/dev/null") for _ in range(400)]


def write_outside(folder: Path) -> object:
    return (folder.parent.parent / "models" / "outside").write_text("x")


def write_elsewhere(_: Path) -> object:
    return Path("/tmp/prunus-outside").write_text("x")  # noqa: S108


def read_database(folder: Path) -> object:
    return len((folder.parent.parent / "prunus.db").read_bytes())


def read_users(_: Path) -> object:
    return Path("/etc/passwd").read_text()


def read_server(_: Path) -> object:
    return Path(f"/proc/{os.getppid()}/environ").read_bytes()


def run_program(_: Path) -> object:
    return subprocess.run(["/bin/true"]).returncode


def fork(_: Path) -> object:
    return os.fork()


def kill_server(_: Path) -> object:
    os.kill(os.getppid(), signal.SIGTERM)
    return "killed"


def rename_out(folder: Path) -> object:
    (folder / "a").write_text("x")
    return (folder / "a").rename(folder.parent.parent / "models" / "a")


def link_out(folder: Path) -> object:
    output = folder / "out"
    output.mkdir()
    (output / "model.prunus").symlink_to("/etc/passwd")
    (output / "result.json").symlink_to("/etc/passwd")
    return "linked"


def thread(_: Path) -> object:
    done: list[int] = []
    one = threading.Thread(target=lambda: done.append(1))
    one.start()
    one.join()
    return done


def abort(_: Path) -> object:
    os.abort()


def flood(_: Path) -> object:
    for _line in range(100):
        sys.stdout.buffer.write(b"x" * 1_000_000 + b"\n{}\n[1]\nnull\n")
    sys.stdout.buffer.flush()
    return "flooded"


PROBES: dict[str, Callable[[Path], object]] = {
    function.__name__: function
    for function in (
        *(internet, internet_6, unix_socket, environment, memory, cpu, sleep, big_file),
        *(open_files, write_outside, write_elsewhere, read_database, read_users, read_server),
        *(run_program, fork, kill_server, rename_out, link_out, thread, abort, flood),
    )
}
# Failures that the worker itself has to account for; all others are told as they are.
ITS_OWN = {"memory", "big_file", "link_out"}


def probe(folder: Path, _request: WorkerRequest, events: Events) -> None:
    name = (folder / FILE_PARTS["file"]).read_text().removeprefix(ZIP_SIGNATURE.decode())
    events.enter("read")
    if name in ITS_OWN:
        PROBES[name](folder)
        return
    try:
        outcome = repr(PROBES[name](folder))
    except OSError as error:
        outcome = f"{type(error).__name__}: {error.strerror}"
    raise JobCrashedError(outcome)


if __name__ == "__main__":
    job_folder = Path(sys.argv[1])
    sys.exit(measured(lambda: main(job_folder, sys.stdout.buffer, probe), job_folder))
