"""Starting a worker process, listening to it, and telling why it ended.

The process gets its own session, an environment from an allow-list, and no file of ours but its job folder. What it
says is not trusted (`worker_events`), and its use of disk and threads is watched (`worker_watch`).
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from app.core.errors import JobCpuError, JobCrashedError, JobMemoryError
from app.core.problems import Problem
from app.services.ownership import Ownership
from app.services.worker_events import (
    EventReader,
    OutcomeEvent,
    WorkerEvent,
    events_max,
    plain_line,
)
from app.services.worker_watch import WatchedLimits, watch
from graph.errors import PrunusError

# What a worker may know of the server's environment: nothing that could be a credential.
ENVIRONMENT_ALLOWED = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "PRUNUS_ISA", "PRUNUS_TUNING_SEED")
LINE_MAX_BYTES = 256 * 1024
# Of each of its two streams, events apart; more would only keep the server busy.
LINES_MAX = 100_000
_OVERLONG_COUNTS_LINES = 100
_STDERR_LINES_KEPT = 100
_ERROR_LINE_MAX_CHARACTERS = 2_000
_MEMORY_SIGNS = (
    *("MemoryError", "bad_alloc", "out of memory", "Cannot allocate memory"),
    "failed to map segment from shared object",
)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerRun:
    """What is run, and how it is watched.

    Attributes:
        module: Python module that is run as a process; `app.worker`.
        folder: the job's folder.
        stages: the stages that the worker goes through.
        limits: the limits that the server holds it to.
        ownership: keeps account of the process for the next start of the server.
    """

    module: str
    folder: Path
    stages: Sequence[str]
    limits: WatchedLimits
    ownership: Ownership


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


async def run_worker(run: WorkerRun) -> AsyncGenerator[WorkerEvent, None]:
    """Run `python -m <module> <folder>` and yield its events until it has done its work.

    However the iteration ends, the process and its session have ended then.

    Raises:
        WorkerFailedError: it ended without a result, or did what no worker does.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-s", "-m", run.module, str(run.folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=worker_environment(run.folder, os.environ),
        cwd=run.folder,
        start_new_session=True,
        limit=LINE_MAX_BYTES,
    )
    run.ownership.note_started(process.pid)
    errors: deque[str] = deque(maxlen=_STDERR_LINES_KEPT)
    listener = asyncio.create_task(_keep_errors(process, errors))
    watcher = asyncio.create_task(_watch(process, run))
    max_events = events_max(run.limits.seconds_max)
    reader, outcome = EventReader(run.stages, max_events), OutcomeEvent(None)
    has_ended = False
    try:
        async for message in _messages(process, LINES_MAX + max_events):
            event = reader.read(message)
            if isinstance(event, OutcomeEvent):
                outcome, has_ended = event, True
            else:
                yield event
        status = await process.wait()
        await listener
    except JobCrashedError as error:
        _LOG.error("%s; its last lines:\n%s", error, "\n".join(errors))
        raise WorkerFailedError(Problem.of(error)) from error
    finally:
        await _end(process)
        run.ownership.note_ended(process.pid)
        listener.cancel()
        watcher.cancel()
    if watcher.done() and not watcher.cancelled():
        raise WorkerFailedError(Problem.of(watcher.result()))
    if has_ended and outcome.problem is None and status == 0:
        return
    if outcome.problem is not None:
        raise WorkerFailedError(outcome.problem)
    _LOG.error(
        "worker process ended with status %d; its last lines:\n%s", status, "\n".join(errors)
    )
    raise WorkerFailedError(Problem.of(_crash(status, errors)))


async def _watch(process: asyncio.subprocess.Process, run: WorkerRun) -> PrunusError:
    """Return when the process is over a limit and has been killed for that."""
    try:
        return await watch(process.pid, run.folder, run.limits)
    finally:
        # Also where watching failed by a bug: a process that nobody watches may not go on.
        _kill(process)


async def _messages(
    process: asyncio.subprocess.Process, max_lines: int
) -> AsyncIterator[dict[str, object]]:
    """Yield the JSON objects that the process writes; other lines are dropped, up to a limit.

    Raises:
        JobCrashedError: there are too many lines.
    """
    stream, lines = process.stdout, 0
    while stream is not None:
        lines += 1
        if lines > max_lines:
            raise JobCrashedError(
                "the worker process said what no worker says",
                expected=f"at most {max_lines:,} lines",
                hint="its work is not used; the service's log has its last lines",
            )
        try:
            line = await stream.readline()
        except ValueError:  # longer than LINE_MAX_BYTES
            lines += _OVERLONG_COUNTS_LINES
            continue
        if not line:
            return
        with contextlib.suppress(orjson.JSONDecodeError):
            message = orjson.loads(line)
            if isinstance(message, dict) and message:
                yield message


async def _keep_errors(process: asyncio.subprocess.Process, errors: deque[str]) -> None:
    stream = process.stderr
    lines = 0
    while stream is not None and lines < LINES_MAX:
        lines += 1
        try:
            line = await stream.readline()
        except ValueError:  # longer than LINE_MAX_BYTES
            lines += _OVERLONG_COUNTS_LINES
            continue
        if not line:
            return
        errors.append(plain_line(line.decode("utf-8", "replace"))[:_ERROR_LINE_MAX_CHARACTERS])
    _kill(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process and all of its session, and wait until it is gone."""
    _kill(process)
    await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the process and its group; not another one that has got its number since it ended."""
    if process.returncode is not None and Path(f"/proc/{process.pid}").exists():
        return
    # Where it has ended, and its number is no process: what is left of its group keeps the number from being given.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


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
