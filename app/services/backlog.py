"""Work that waits for threads, counted in seconds: who would wait too long is told to come back later.

A limit on the number of requests says nothing about time: 512 requests wait a millisecond for one model and a minute
for another. Here each piece of work is entered with the time that it should take, and what waits is its sum over the
number of threads.
"""

import contextlib
from collections.abc import Iterator

from app.core.errors import OverloadedError

_SMOOTHING = 0.2


class Backlog:
    """What waits for a number of threads, or runs in one. Only the event loop changes it."""

    def __init__(self, what: str, threads: int, max_seconds: float, max_requests: int) -> None:
        """Start empty.

        Args:
            what: name of what waits, for people.
            threads: number of threads that do the work.
            max_seconds: longest time that a new request may be expected to wait.
            max_requests: most requests that wait or run.
        """
        self.requests = 0
        self._seconds = 0.0
        self._what = what
        self._threads = threads
        self._max_seconds = max_seconds
        self._max_requests = max_requests

    def wait_seconds(self) -> float:
        """Return how long a request that comes now should wait until a thread takes it."""
        return 0.0 if self.requests < self._threads else self._seconds / self._threads

    def check(self) -> None:
        """Refuse a request that would wait too long.

        Raises:
            OverloadedError: it would.
        """
        if self.requests >= self._max_requests:
            raise OverloadedError(
                f"too many {self._what} wait", expected=f"at most {self._max_requests}"
            )
        wait = self.wait_seconds()
        if wait > self._max_seconds:
            raise OverloadedError(
                f"too many {self._what} wait",
                expected=f"a wait of at most {self._max_seconds:g} seconds",
                got=f"about {wait:.2g} seconds",
                hint="the limit is the setting PRUNUS_PREDICT_QUEUE_MAX_SECONDS",
            )

    @contextlib.contextmanager
    def entered(self, seconds: float) -> Iterator[None]:
        """Count work of about so many seconds for as long as the block lasts."""
        self.requests += 1
        self._seconds += seconds
        try:
            yield
        finally:
            self.requests -= 1
            # Rounding must not leave anything where nobody waits.
            self._seconds = self._seconds - seconds if self.requests else 0.0


class Rate:
    """Seconds for one unit of work, learned from what work took."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def learn(self, seconds: float, units: float) -> None:
        """Take account of work of so many units that took so many seconds."""
        if units > 0:
            self.seconds += _SMOOTHING * (seconds / units - self.seconds)
