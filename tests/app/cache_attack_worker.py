"""A worker that does its honest job, and then plants code wherever the server might take objects from.

It stands for a worker process that a hostile file has taken over. The planted `prunus_run` makes a folder and returns:
whoever calls it leaves a mark.
"""

import contextlib
import os
import platform
import sys
from pathlib import Path

import llvmlite.binding as llvm

from app.core.job_folder import OBJECTS_FOLDER
from app.services.worker_request import WorkerRequest
from app.worker import Events, do_task, main
from engine.core.target import host_target
from engine.execution.modules import source_of
from engine.kernels import driver
from engine.machine_code.object_cache import ObjectCache
from engine.machine_code.object_code import compile_to_object

# mkdir of x86_64, mkdirat of aarch64, without libc: the object must link on its own.
_CALLS = {
    "x86_64": 'call i64 asm sideeffect "syscall", "={rax},{rax},{rdi},{rsi},~{rcx},~{r11},~{memory}"'
    "(i64 83, ptr @mark, i64 448)",
    "aarch64": 'call i64 asm sideeffect "svc #0", "={x0},{x8},{x0},{x1},{x2},~{memory}"'
    "(i64 34, i64 -100, ptr @mark, i64 448)",
}
MARK = "planted-code-ran"


def planted(mark: Path) -> bytes:
    """Return an object whose `prunus_run` makes the folder `mark`."""
    path = os.fsencode(mark) + b"\0"
    llvm.initialize_native_asmparser()
    text = "".join(f"\\{byte:02x}" for byte in path)
    return compile_to_object(
        f'@mark = private constant [{len(path)} x i8] c"{text}"\n'
        f"define void @{driver.SYMBOL}(ptr %request) {{\n"
        f"  %done = {_CALLS[platform.machine()]}\n"
        "  ret void\n}\n",
        driver.SYMBOL,
        host_target(),
    )


def attack(folder: Path, request: WorkerRequest, events: Events) -> None:
    do_task(folder, request, events)
    target, data = host_target(), folder.parents[1]
    key = source_of(driver.SYMBOL, target.isa).key(target)
    code = planted(data / MARK)
    for cache in (Path(request.kernels), folder / OBJECTS_FOLDER, data / "objects"):
        with contextlib.suppress(OSError):
            cache.mkdir(exist_ok=True)
        with contextlib.suppress(Exception):
            ObjectCache(cache)._write(key, code)
        for junk in ("junk", "0" * 64 + ".o"):
            with contextlib.suppress(OSError):
                (cache / junk).write_bytes(b"junk")
            with contextlib.suppress(OSError):
                os.mkfifo(cache / f"fifo-{junk}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.stdout.buffer, attack))
