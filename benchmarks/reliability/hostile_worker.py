"""A worker process that tries every hostile act, and writes down what came of each.

The server starts it as it starts the honest one, with the same confinement (`app.worker.main`). What the uploaded file
says chooses what it does: `acts`, or one of the programs below.
"""

import contextlib
import ctypes
import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from app.core.job_folder import FILE_PARTS
from app.sandbox import confine
from app.sandbox.system import SandboxError
from app.services.worker_request import WorkerRequest
from app.worker import Events, main
from benchmarks.reliability.hostile_acts import ACTS, Scene, outcome
from benchmarks.reliability.hostile_calls import call

RESULTS_FILE = "results.jsonl"
# How archives begin: the server refuses other files before there is a job.
MAGIC = b"PK\x03\x04 "
DONE_LINE = b'{"done":true}\n'
# A word of the uploaded file: as in a container that gives no namespaces.
NO_OWN_ROOT = "no-own-root"


def acts(scene: Scene, _: Events) -> None:
    """Try all acts; the file of results is written as they come, for one may end the process."""
    with (scene.folder / RESULTS_FILE).open("wb") as file:
        for place, act in enumerate(ACTS):
            file.write(orjson.dumps([place, outcome(act, scene)]) + b"\n")
            file.flush()
        file.write(DONE_LINE)
        file.flush()
    time.sleep(600)


def unknown_stage(_: Scene, events: Events) -> None:
    """Name stages without end: each was a series of metrics and a row."""
    for number in range(1000):
        events.send("stage", stage=f"mine-{number}")
    time.sleep(600)


def own_title(_: Scene, events: Events) -> None:
    """Speak in the server's name."""
    problem = {"slug": "custom-code", "title": "Log in at http://evil.example", "detail": "now"}
    events.send("failed", problem=problem)
    sys.exit(1)


def fill_disk(scene: Scene, _: Events) -> None:
    """Write many files, each below the limit on one file."""
    for number in range(100):
        (scene.folder / f"junk-{number}").write_bytes(bytes(1 << 20))
    time.sleep(600)


def hide_by_mapping(scene: Scene, _: Events) -> None:
    """Write many files, and keep one page of each without a name and without a descriptor."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    for _number in range(100):
        with (scene.folder / "hidden").open("w+b") as file:
            file.write(bytes(1 << 20))
            file.flush()
            # Not by Python, which keeps a descriptor of its own.
            libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file.fileno(), ctypes.c_long(0))
        (scene.folder / "hidden").unlink()
    time.sleep(600)


def hide_by_ended_thread(scene: Scene, _: Events) -> None:
    """Write many files without a name, and end the thread whose descriptors are looked at first."""
    files = [(scene.folder / "hidden").open("w+b", buffering=0)]
    for _number in range(100):
        (scene.folder / "hidden").unlink()
        files[-1].write(bytes(1 << 20))
        files.append((scene.folder / "hidden").open("w+b", buffering=0))
    threading.Thread(target=time.sleep, args=(600,)).start()
    call("exit", 0)


def hide_by_depth(scene: Scene, _: Events) -> None:
    """Write below more folders than a path can name, and than a recursion that removes them can go down."""
    here = os.open(scene.folder, os.O_RDONLY)
    for _number in range(1_500):
        os.mkdir("deep-down", dir_fd=here)
        inner = os.open("deep-down", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    file = os.open("hidden", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    for _number in range(100):
        os.write(file, bytes(1 << 20))
    time.sleep(600)


def keep_threads(_: Scene, events: Events) -> None:
    """Have as many threads as can be had, and keep them."""
    threading.stack_size(64 * 1024)
    with contextlib.suppress(RuntimeError):
        for _number in range(600):
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    events.enter("read")
    time.sleep(600)


def outlive(scene: Scene, events: Events) -> None:
    """Try not to end with the server."""
    outcome(next(act for act in ACTS if act.group.startswith("M11")), scene)
    events.enter("read")
    time.sleep(600)


HIDING = (hide_by_mapping, hide_by_ended_thread, hide_by_depth)
PROGRAMS: dict[str, Callable[[Scene, Events], None]] = {
    program.__name__: program
    for program in (acts, unknown_stage, own_title, fill_disk, *HIDING, keep_threads, outlive)
}


def hostile(folder: Path, request: WorkerRequest, events: Events) -> None:
    """Do what the uploaded file names."""
    program = _words(folder)[1]
    scene = Scene(folder, folder.parents[1], Path(request.kernels), os.getppid())
    PROGRAMS[program](scene, events)


def _words(folder: Path) -> list[str]:
    return (folder / FILE_PARTS["file"]).read_text("latin-1").split()


def _refuse_own_root(*_: object) -> None:
    raise SandboxError(errno.EPERM, "not tried")


if __name__ == "__main__":
    if NO_OWN_ROOT in _words(Path(sys.argv[1])):
        vars(confine)["enter_private_root"] = _refuse_own_root
    sys.exit(main(Path(sys.argv[1]), sys.stdout.buffer, hostile))
