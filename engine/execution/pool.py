"""The process's pool of native threads, which help calls that are long enough.

There is at most one pool in a process, made when a call first wants it; executables come and go. A worker
is a daemon thread that stays in one native call (`engine.kernels.worker`), without the GIL: it spins for a
short time after a job and then sleeps on a semaphore. Nothing ever waits for a worker that has not taken
part, so a pool without workers, or with all of them asleep, only leaves the work to the caller.

- After `fork` the child has no workers: it makes a pool of its own when it wants one.
- At exit the workers are told to leave before the interpreter goes. Code and memory of the pool are never
  freed: a daemon thread may be in them to the very end.
"""

import atexit
import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.core.errors import ThreadCountError
from engine.core.target import Target, wanted_threads
from engine.kernels import pool as native
from engine.kernels import worker
from engine.kernels.pool import Pool, Sleeper
from engine.machine_code.linking import NativeLibrary, load_sources
from engine.machine_code.object_cache import ModuleSource, ObjectCache

MAX_THREADS = native.MAX_WORKERS + 1
# How long workers may take to leave at exit: a part of a layer, or a chunk of samples.
_EXIT_SECONDS = 2.0
_WORKER_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)


@dataclass(frozen=True, slots=True)
class PoolTimes:
    """When workers sleep, are woken and are left alone, in nanoseconds; see docs/decisions/0005-threads.md.

    Attributes:
        spin_ns: time that a worker looks for the next job before it sleeps.
        hot_ns: a call that begins so soon after the last one ended wakes workers, however short it is.
        wake_ns: a call that should take so long wakes workers.
        calm_ns: time that calls are not helped after a worker found itself on its caller's core.
        patience: largest multiple of its own length for which a call that helpers delayed has the next ones
            run alone; not a time.
    """

    spin_ns: int = 100_000
    hot_ns: int = 100_000
    wake_ns: int = 150_000
    calm_ns: int = 2_000_000
    patience: int = 64


def thread_count(asked: int | None, target: Target) -> int:
    """Return how many threads may compute one request.

    Args:
        asked: number that is wanted, cut to what a pool can have; default: `PRUNUS_THREADS`, else the target's cores.
        target: the host.

    Raises:
        ThreadCountError: it is not 1 or more.
    """
    threads = wanted_threads(target.cores) if asked is None else asked
    if threads < 1:
        raise ThreadCountError(str(threads))
    return min(threads, MAX_THREADS)


class ThreadPool:
    """Workers, and the memory through which callers reach them.

    Attributes:
        address: address of that memory, for a request.
        workers: number of workers.
    """

    def __init__(
        self,
        target: Target,
        cache: ObjectCache,
        times: PoolTimes | None = None,
        forked: "ThreadPool | None" = None,
    ) -> None:
        """Make a pool without workers.

        Args:
            target: the host.
            cache: object code.
            times: the times after which workers sleep and are woken.
            forked: a pool of the process that this one was forked from. Its code is here, too, and is used:
                a thread that held LLVM's lock at the time of the fork will never give it back here.

        Raises:
            CodegenError: the code could not be compiled or loaded.
        """
        source = ModuleSource(worker.SYMBOL, worker.emit_worker)
        self._library: NativeLibrary = (
            forked._library if forked else load_sources([source], target, cache)
        )
        self._run = _WORKER_SIGNATURE(self._library.address(worker.SYMBOL))
        self._libc = ctypes.CDLL(None)
        line = native.LINE_BYTES
        block = np.zeros(native.POOL_BYTES + line, np.uint8)
        start = -block.ctypes.data % line
        self._memory = block[start : start + native.POOL_BYTES]
        self.address = int(self._memory.ctypes.data)
        self._fields = self._memory.view(np.int64)
        self._threads: list[threading.Thread] = []
        for field, name in (
            (Pool.SEM_WAIT, "sem_wait"),
            (Pool.SEM_POST, "sem_post"),
            (Pool.CLOCK, "clock_gettime"),
            (Pool.YIELD, "sched_yield"),
            (Pool.GET_CPU, "sched_getcpu"),
            (Pool.GET_AFFINITY, "sched_getaffinity"),
            (Pool.SET_AFFINITY, "sched_setaffinity"),
        ):
            self._fields[field // 8] = self._function(name)
        self.set_times(times or PoolTimes())
        # One reference more than will ever be dropped: see the module's text.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    @property
    def workers(self) -> int:
        """How many workers there are."""
        return len(self._threads)

    def set_times(self, times: PoolTimes) -> None:
        """Change when workers sleep and are woken."""
        self._fields[Pool.SPIN_NS // 8] = times.spin_ns
        self._fields[Pool.HOT_NS // 8] = times.hot_ns
        self._fields[Pool.WAKE_NS // 8] = times.wake_ns
        self._fields[Pool.CALM_NS // 8] = times.calm_ns
        self._fields[Pool.PATIENCE // 8] = times.patience

    def grow(self, workers: int) -> None:
        """Have at least so many workers, or as many as the system allows."""
        most = min(workers, native.MAX_WORKERS) if self._fields[Pool.GET_CPU // 8] else 0
        while self.workers < most:
            number = self.workers + 1
            if self._libc.sem_init(ctypes.c_void_p(self._semaphore(number)), 0, 0) != 0:
                return
            thread = threading.Thread(
                target=self._work, args=(number,), name=f"prunus-{number}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # no more threads: callers do the work themselves
                return
            self._threads.append(thread)
            self._fields[Pool.WORKERS // 8] = number

    def _work(self, number: int) -> None:
        # A thread begins with the cores of whoever started it: of a caller that is bound to one, if it came first.
        with contextlib.suppress(AttributeError, OSError):  # not on every system
            os.sched_setaffinity(0, os.sched_getaffinity(os.getpid()))
        self._run(self.address, number)

    def stop(self, seconds: float) -> bool:
        """Have the workers leave; whether all did in that time."""
        self._fields[Pool.STOP // 8] = 1
        for number in range(1, self.workers + 1):
            self._libc.sem_post(ctypes.c_void_p(self._semaphore(number)))
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def sleeping(self) -> int:
        """How many workers sleep now."""
        return int(self._fields[Pool.ASLEEP // 8].view(np.uint64)).bit_count()

    @property
    def helped(self) -> int:
        """How many parts of layers and chunks of samples workers have computed."""
        lines = range(1, self.workers + 1)
        return sum(int(self._fields[(self._line(number) + Sleeper.JOBS) // 8]) for number in lines)

    def _function(self, name: str) -> int:
        function = getattr(self._libc, name, None)  # Linux has all of them
        return 0 if function is None else ctypes.cast(function, ctypes.c_void_p).value or 0

    def _semaphore(self, number: int) -> int:
        return self.address + self._line(number) + Sleeper.SEMAPHORE

    def _line(self, number: int) -> int:
        return Pool.SLEEPERS + number * native.SLEEPER_BYTES


class ProcessPool:
    """The pool of this process: none, until a call wants one.

    Attributes:
        pool: the pool of now; None before the first.
    """

    def __init__(self) -> None:
        self.pool: ThreadPool | None = None
        self._lock = threading.Lock()
        self._ended = False
        self._watching = False
        self._before_fork: ThreadPool | None = None
        self._times = PoolTimes()

    def of(self, workers: int, target: Target, cache: ObjectCache) -> ThreadPool:
        """Return a pool of at least so many workers if the system allows and the process goes on.

        Raises:
            CodegenError: the code could not be compiled or loaded.
        """
        pool = self.pool
        if pool is not None and pool.workers >= workers:
            return pool
        with self._lock:
            self._watch()
            pool = self.pool or ThreadPool(target, cache, self._times, self._before_fork)
            if not self._ended:
                pool.grow(workers)
            self.pool = pool
            return pool

    @contextlib.contextmanager
    def without_pauses(self) -> Iterator[None]:
        """Let workers help right after late calls, too.

        For measurements of which the least are believed: a pause would hide what threads can do.
        """
        self._set_times(PoolTimes(patience=0))
        try:
            yield
        finally:
            self._set_times(PoolTimes())

    def _set_times(self, times: PoolTimes) -> None:
        with self._lock:
            self._times = times
            if self.pool is not None:
                self.pool.set_times(times)

    def end(self) -> None:
        """Have the workers leave, and start none again in this process."""
        with self._lock:
            self._ended = True
        if self.pool is not None:
            self.pool.stop(_EXIT_SECONDS)

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            atexit.register(self.end)
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        # Another thread may have held the lock, and the workers are not here.
        self._before_fork = self.pool or self._before_fork
        self.pool = None
        self._lock = threading.Lock()


PROCESS_POOL = ProcessPool()
