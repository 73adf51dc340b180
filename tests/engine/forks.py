"""Forked children, and a fork at the moment when another thread compiles."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

_ALARM_SECONDS = 30


def exit_code_of_child(work: Callable[[], bool]) -> int:
    """Fork; the exit code of the child: 0 where `work` says so in time, else another one."""
    child = os.fork()
    if child == 0:  # pragma: no cover (the child leaves without writing coverage)
        code = 1
        try:
            signal.alarm(_ALARM_SECONDS)  # its default ends the process
            code = 0 if work() else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@contextlib.contextmanager
def held_by_another_thread(lock: contextlib.AbstractContextManager[object]) -> Iterator[None]:
    """Have another thread hold a lock meanwhile."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()
