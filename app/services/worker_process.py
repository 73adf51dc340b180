"""Starting a worker process, listening to it, and telling why it ended.

The process gets its own session, an environment from an allow-list, and no file of ours but its job folder. What it
says is not trusted: lines are limited and only known events of known types are heard.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from app.errors import JobCpuError, JobCrashedError, JobMemoryError
from app.problems import Problem
from graph.errors import PrunusError

# What a worker may know of the server's environment: nothing that could be a credential.
ENVIRONMENT_ALLOWED = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "PRUNUS_ISA", "PRUNUS_TUNING_SEED")
LINE_MAX_BYTES = 256 * 1024
_STDERR_LINES_KEPT = 40
_STAGE_MAX_CHARACTERS = 40
_MEMORY_SIGNS = (
    *("MemoryError", "bad_alloc", "out of memory", "Cannot allocate memory"),
    "failed to map segment from shared object",
)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StageEvent:
    """A stage begins."""

    stage: str


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """How much of the whole job is done, in [0, 1]."""

    fraction: float


@dataclass(frozen=True, slots=True)
class LimitsEvent:
    """The limits that the worker applied to itself."""

    limits: Mapping[str, object]


WorkerEvent = StageEvent | ProgressEvent | LimitsEvent


class WorkerFailedError(Exception):
    """The work ended without a result, for the reason in `problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def worker_environment(folder: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker: a few variables of `inherited`, and what it needs."""
    allowed = {name: inherited[name] for name in ENVIRONMENT_ALLOWED if name in inherited}
    return {
        **allowed,
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        # The engine times kernels on its own threads; BLAS must not take the cores from them.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


async def run_worker(module: str, folder: Path) -> AsyncGenerator[WorkerEvent, None]:
    """Run `python -m <module> <folder>` and yield its events until it has done its work.

    However the iteration ends, the process and its session have ended then.

    Raises:
        WorkerFailedError: it ended without a result.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-s", "-m", module, str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=worker_environment(folder, os.environ),
        cwd=folder,
        start_new_session=True,
        limit=LINE_MAX_BYTES,
    )
    errors: deque[str] = deque(maxlen=_STDERR_LINES_KEPT)
    listener = asyncio.create_task(_keep_errors(process, errors))
    outcome: Mapping[str, object] = {}
    try:
        async for message in _messages(process):
            if message.get("event") in {"done", "failed"}:
                outcome = message
            elif (event := _event(message)) is not None:
                yield event
        status = await process.wait()
        await listener
    finally:
        await _end(process)
        listener.cancel()
    if outcome.get("event") == "done" and status == 0:
        return
    problem = outcome.get("problem")
    if isinstance(problem, dict):
        raise WorkerFailedError(Problem.from_record(problem))
    _LOG.error(
        "worker process ended with status %d; its last lines:\n%s", status, "\n".join(errors)
    )
    raise WorkerFailedError(Problem.of(_crash(status, errors)))


async def _messages(process: asyncio.subprocess.Process) -> AsyncIterator[dict[str, object]]:
    """Yield the JSON objects that the process writes; other lines are dropped."""
    stream = process.stdout
    while stream is not None:
        try:
            line = await stream.readline()
        except ValueError:  # longer than LINE_MAX_BYTES
            continue
        if not line:
            return
        with contextlib.suppress(orjson.JSONDecodeError):
            message = orjson.loads(line)
            if isinstance(message, dict):
                yield message


def _event(message: Mapping[str, object]) -> WorkerEvent | None:
    stage, fraction, limits = (message.get(name) for name in ("stage", "fraction", "limits"))
    if message.get("event") == "stage" and isinstance(stage, str):
        return StageEvent(stage[:_STAGE_MAX_CHARACTERS])
    if message.get("event") == "progress" and isinstance(fraction, int | float):
        return ProgressEvent(min(max(float(fraction), 0.0), 1.0))
    if message.get("event") == "limits" and isinstance(limits, dict):
        return LimitsEvent(limits)
    return None


async def _keep_errors(process: asyncio.subprocess.Process, errors: deque[str]) -> None:
    stream = process.stderr
    while stream is not None:
        try:
            line = await stream.readline()
        except ValueError:
            continue
        if not line:
            return
        errors.append(line.decode("utf-8", "replace").rstrip()[:500])


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process and all of its session, and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _crash(status: int, errors: deque[str]) -> PrunusError:
    """Tell why a process ended that did not say so itself."""
    if -status == signal.SIGXCPU:
        return JobCpuError(
            "the job used more CPU time than it may",
            hint="the limit is the setting PRUNUS_JOB_CPU_MAX_SECONDS",
        )
    if any(sign in line for line in errors for sign in _MEMORY_SIGNS):
        return JobMemoryError(
            "the job needed more memory than it may use",
            hint="the limit is the setting PRUNUS_JOB_MEMORY_MAX_BYTES",
        )
    how = f"with status {status}" if status >= 0 else f"by signal {_signal_name(-status)}"
    hint = "the service's log has its last lines"
    if -status in {signal.SIGSEGV, signal.SIGABRT}:
        hint += "; a compiler that gets no memory ends so, too: PRUNUS_JOB_MEMORY_MAX_BYTES"
    if -status == signal.SIGKILL:
        hint = "somebody killed it, or the machine ran out of memory"
    return JobCrashedError(f"the worker process ended {how}", hint=hint)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
