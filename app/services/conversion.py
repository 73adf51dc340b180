"""Turning large bodies into arrays and large answers into bytes: in threads, so that no small request waits for them.

JSON is read and written by one thread at a time: its parser holds Python's lock, so several would only take it from
each other and from the event loop. Files of arrays are unpacked and cast by several; NumPy and zlib let go of the lock.
What is small is not handed to a thread: that costs 50 to 100 microseconds.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.core.errors import OverloadedError
from app.services.backlog import Backlog, Rate

# Above these, conversion takes longer than other requests should wait for it: about 0.3 milliseconds.
SMALL_TEXT_BYTES = 64 * 1024
SMALL_ARRAY_BYTES = 1024 * 1024
# Python's lists of numbers take about this many times the memory of their text.
_LISTS_PER_TEXT = 8
# What converting one byte takes, before any was measured; by text and by arrays.
_TEXT_BYTE_SECONDS = 4e-8
_ARRAY_BYTE_SECONDS = 1e-9

T = TypeVar("T")


class Conversion:
    """Converts what is large, within limits on the memory of all that is converted and on how long it waits."""

    def __init__(self, max_bytes: int, cores: int, backlog_max_seconds: float) -> None:
        """Start without threads; they come as they are needed.

        Args:
            max_bytes: largest size of all bodies and arrays together; one alone may be larger.
            cores: threads that convert arrays.
            backlog_max_seconds: longest time that a conversion may be expected to wait.
        """
        self.waiting_bytes = 0
        self._max_bytes = max_bytes
        limits = backlog_max_seconds, sys.maxsize
        self._text = _Threads(
            "convert-text", 1, Backlog("large JSON bodies", 1, *limits), Rate(_TEXT_BYTE_SECONDS)
        )
        self._arrays = _Threads(
            "convert-arrays",
            cores,
            Backlog("large files", cores, *limits),
            Rate(_ARRAY_BYTE_SECONDS),
        )

    def check_text(self) -> None:
        """Refuse JSON that would wait too long, before it has come.

        Raises:
            OverloadedError: it would.
        """
        self._text.backlog.check()

    async def text(self, size_bytes: int, work: Callable[[], T], *, has_begun: bool = False) -> T:
        """Run a conversion from or to JSON of this many bytes, after those that came before.

        Args:
            size_bytes: size of the text.
            work: the function to run.
            has_begun: whether work was done for the request already: then it is not refused for its wait.

        Raises:
            OverloadedError: too much waits already.
        """
        return await self._run(
            self._text, size_bytes, size_bytes * _LISTS_PER_TEXT, work, has_begun
        )

    async def arrays(self, size_bytes: int, work: Callable[[], T], *, has_begun: bool = False) -> T:
        """Run a conversion that makes arrays, or bytes of arrays, of this many bytes.

        Raises:
            OverloadedError: too much waits already.
        """
        return await self._run(self._arrays, size_bytes, size_bytes, work, has_begun)

    async def _run(
        self,
        threads: "_Threads",
        size_bytes: int,
        held_bytes: int,
        work: Callable[[], T],
        has_begun: bool,
    ) -> T:
        if self.waiting_bytes and self.waiting_bytes + held_bytes > self._max_bytes:
            raise OverloadedError(
                "too many large predictions wait to be converted",
                expected=f"at most {self._max_bytes:,} bytes of arrays at a time",
                hint="the limit is the setting PRUNUS_PREDICT_CONVERSION_MAX_BYTES",
            )
        if not has_begun:
            threads.backlog.check()
        self.waiting_bytes += held_bytes
        try:
            with threads.backlog.entered(size_bytes * threads.byte.seconds):
                result, seconds = await asyncio.get_running_loop().run_in_executor(
                    threads.executor, _timed, work
                )
        finally:
            self.waiting_bytes -= held_bytes
        threads.byte.learn(seconds, size_bytes)
        return result

    def close(self) -> None:
        """End the threads after the conversions that are running."""
        for threads in (self._text, self._arrays):
            threads.executor.shutdown(wait=True, cancel_futures=True)


class _Threads:
    """Threads for one kind of conversion, what waits for them, and what one byte takes them."""

    def __init__(self, name: str, count: int, backlog: Backlog, byte: Rate) -> None:
        self.executor = ThreadPoolExecutor(count, thread_name_prefix=name)
        self.backlog = backlog
        self.byte = byte


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start
