"""Turning large bodies into arrays and large answers into bytes: in threads, so that no small request waits for them.

JSON is read and written by one thread at a time: its parser holds Python's lock, so several would only take it from
each other and from the event loop. Files of arrays are unpacked and cast by several; NumPy and zlib let go of the lock.
What is small is not handed to a thread: that costs 50 to 100 microseconds.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.errors import OverloadedError

# Above these, conversion takes longer than other requests should wait for it: about 0.3 milliseconds.
SMALL_TEXT_BYTES = 64 * 1024
SMALL_ARRAY_BYTES = 1024 * 1024
# Python's lists of numbers take about this many times the memory of their text.
_LISTS_PER_TEXT = 8

T = TypeVar("T")


class Conversion:
    """Converts what is large, within a limit on the memory of all that is converted or waits for it."""

    def __init__(self, max_bytes: int, cores: int) -> None:
        """Start without threads; they come as they are needed.

        Args:
            max_bytes: of all bodies and arrays together; one alone may be larger.
            cores: threads that convert arrays.
        """
        self.waiting_bytes = 0
        self._max_bytes = max_bytes
        self._text = ThreadPoolExecutor(1, thread_name_prefix="convert-text")
        self._arrays = ThreadPoolExecutor(cores, thread_name_prefix="convert-arrays")

    async def text(self, size_bytes: int, work: Callable[[], T]) -> T:
        """Run a conversion from or to JSON of this many bytes, after those that came before.

        Raises:
            OverloadedError: too much waits already.
        """
        return await self._run(self._text, size_bytes * _LISTS_PER_TEXT, work)

    async def arrays(self, size_bytes: int, work: Callable[[], T]) -> T:
        """Run a conversion that makes arrays, or bytes of arrays, of this many bytes.

        Raises:
            OverloadedError: too much waits already.
        """
        return await self._run(self._arrays, size_bytes, work)

    async def _run(self, executor: ThreadPoolExecutor, size_bytes: int, work: Callable[[], T]) -> T:
        if self.waiting_bytes and self.waiting_bytes + size_bytes > self._max_bytes:
            raise OverloadedError(
                "too many large predictions wait to be converted",
                expected=f"at most {self._max_bytes:,} bytes of arrays at a time",
                hint="the limit is the setting PRUNUS_PREDICT_CONVERSION_MAX_BYTES",
            )
        self.waiting_bytes += size_bytes
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, work)
        finally:
            self.waiting_bytes -= size_bytes

    def close(self) -> None:
        """End the threads after the conversions that are running."""
        for executor in (self._text, self._arrays):
            executor.shutdown(wait=True, cancel_futures=True)
