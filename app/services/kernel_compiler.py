"""The server's compiler of kernels: a second confined process, which is told specifications and never sees an upload.

The worker that reads an upload may not put code into the server, so nothing that it compiled is used. The server opens
and checks the artifact and has the kernels that it names compiled. A specification is one of a finite set, and its
text is written by this program; what a hostile artifact can still do is to name many kernels, or such that take long.
That is why the work has a process of its own: it can be ended, and LLVM's memory goes with it.
"""

import base64
import binascii
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import orjson

from app.core.job_errors import KernelCompilerError
from app.sandbox.confine import Limits
from app.services.worker_process import worker_environment
from engine.core.target import Target
from engine.machine_code.object_cache import OBJECT_MAX_BYTES, ModuleSource

# It has no folder to write to.
_NO_FOLDER = Path("/")
MODULE = "app.compile_kernels"
# Besides the CPU time that it may use: for a process that waits for its turn.
_WALL_SECONDS_PER_CPU_SECOND = 4
_ERROR_MAX_CHARACTERS = 2_000
_LOG = logging.getLogger(__name__)


class KernelCompiler:
    """Compiles modules in a process of their own; safe for several threads."""

    def __init__(self, limits: Limits) -> None:
        """Hold each process to `limits`."""
        self.limits = limits
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_closed = False

    def close(self) -> None:
        """End what is running, and refuse what comes: nobody waits for it any more."""
        with self._lock:
            self._is_closed = True
            for process in self._running:
                process.kill()

    def __call__(self, sources: Sequence[ModuleSource], target: Target) -> Mapping[str, bytes]:
        """Return object code by symbol.

        Raises:
            KernelCompilerError: the process ended without the code, or took too long.
        """
        request = {
            "parent": os.getpid(),
            "limits": asdict(self.limits),
            "target": asdict(target),
            "written": [
                each.written if isinstance(each.written, str | None) else asdict(each.written)
                for each in sources
            ],
        }
        answer = self._run(orjson.dumps(request))
        try:
            code = {symbol: base64.b64decode(text) for symbol, text in orjson.loads(answer).items()}
            found = {source.symbol: code[source.symbol] for source in sources}
        except (ValueError, binascii.Error, AttributeError, KeyError, TypeError) as error:
            raise KernelCompilerError("the compiling process gave no object code") from error
        largest = max(found, key=lambda symbol: len(found[symbol]))
        if len(found[largest]) > OBJECT_MAX_BYTES:
            raise KernelCompilerError(
                f"the object code of {largest} is too large",
                expected=f"at most {OBJECT_MAX_BYTES:,} bytes",
                got=f"{len(found[largest]):,} bytes",
            )
        return found

    def _run(self, request: bytes) -> bytes:
        with subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-s", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=worker_environment(_NO_FOLDER, os.environ),
            cwd=_NO_FOLDER,
            start_new_session=True,
        ) as process:
            with self._lock:
                self._running.add(process)
                if self._is_closed:
                    process.kill()
            try:
                answer, errors = process.communicate(
                    request, self.limits.cpu_max_seconds * _WALL_SECONDS_PER_CPU_SECOND
                )
            except subprocess.TimeoutExpired:
                raise self._too_long() from None
            finally:
                process.kill()
                with self._lock:
                    self._running.discard(process)
        if process.returncode == 0:
            return answer
        if self._is_closed:
            raise KernelCompilerError("the server stopped while kernels were compiled")
        if -process.returncode in {signal.SIGXCPU, signal.SIGKILL}:
            raise self._too_long()
        text = errors.decode("utf-8", "replace")[-_ERROR_MAX_CHARACTERS:]
        _LOG.error("compiling kernels ended with status %d:\n%s", process.returncode, text)
        raise KernelCompilerError(
            f"the compiling process ended with status {process.returncode}",
            hint="the service's log has its last lines",
        )

    def _too_long(self) -> KernelCompilerError:
        return KernelCompilerError(
            "compiling the model's kernels took too long",
            expected=f"at most {self.limits.cpu_max_seconds} seconds of CPU time",
            hint="the limit is the setting PRUNUS_COMPILE_CPU_MAX_SECONDS",
        )
