"""How many uploads may arrive at a time, and which one yields: each holds a connection, a folder and room on the disk.

A slow line is no reason to refuse an upload, as long as there is room. Once all places are taken, the slowest upload
that is below the least rate ends for the next one: a few clients that send a byte now and then do not keep out all
others.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

from app.core.errors import TooManyUploadsError, UploadTimeoutError
from app.core.metrics import Metrics
from app.core.settings import Settings


class Passage:
    """One upload that is arriving: what came of it lately."""

    def __init__(self, idle_seconds: float, window_seconds: float, now: float) -> None:
        self._idle_seconds = idle_seconds
        self._window_seconds = window_seconds
        # The window before the present one, and the present one: when they began, and what came since.
        self._before = (now, 0)
        self._present = (now, 0)
        self._timeout: asyncio.Timeout | None = None
        self._is_ended = False

    def rate(self, now: float) -> float | None:
        """Return bytes a second in the last one to two windows; None before the first has passed."""
        self._roll(now)
        since = self._before[0]
        if now - since < self._window_seconds:
            return None
        return (self._before[1] + self._present[1]) / (now - since)

    def count(self, size: int, now: float) -> None:
        """Note that so many bytes came."""
        self._roll(now)
        self._present = (self._present[0], self._present[1] + size)

    def _roll(self, now: float) -> None:
        if now - self._present[0] >= self._window_seconds:
            self._before, self._present = self._present, (now, 0)

    def end(self) -> None:
        """Give its place to another upload."""
        self._is_ended = True
        if self._timeout is not None:
            self._timeout.reschedule(0.0)

    async def steady(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass on what arrives, as long as it does.

        Raises:
            UploadTimeoutError: nothing came for too long, or another upload took its place.
        """
        while not self._is_ended:
            try:
                async with asyncio.timeout(self._idle_seconds) as self._timeout:
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                break
            finally:
                self._timeout = None
            self.count(len(chunk), time.monotonic())
            yield chunk
        if self._is_ended:
            raise UploadTimeoutError(
                "the upload arrived too slowly while others waited for its place",
                hint="PRUNUS_UPLOAD_MIN_BYTES_PER_SECOND is the rate below which an upload yields",
            )
        raise UploadTimeoutError(
            "the upload stopped arriving",
            expected=f"pauses of at most {self._idle_seconds:g} seconds",
            hint="the limit is the setting PRUNUS_UPLOAD_IDLE_TIMEOUT_SECONDS",
        )


class UploadGate:
    """Counts the uploads that are arriving."""

    def __init__(
        self, settings: Settings, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._arriving: set[Passage] = set()
        metrics.uploads_in_flight.set_function(lambda: len(self._arriving))

    @contextlib.contextmanager
    def passage(self) -> Iterator[Passage]:
        """Let one upload in for as long as the block lasts.

        Raises:
            TooManyUploadsError: as many as are allowed arrive already, and none of them is slow.
        """
        settings = self._settings
        if len(self._arriving) >= settings.upload_parallel_max_uploads:
            self._make_room()
        passage = Passage(
            settings.upload_idle_timeout_seconds, settings.upload_rate_seconds, self._clock()
        )
        self._arriving.add(passage)
        try:
            yield passage
        finally:
            self._arriving.discard(passage)

    def _make_room(self) -> None:
        """End the slowest upload, if it is below the least rate."""
        now = self._clock()
        rates = [(rate, one) for one in self._arriving if (rate := one.rate(now)) is not None]
        slowest = min(rates, key=lambda pair: pair[0], default=None)
        if slowest is None or slowest[0] >= self._settings.upload_min_bytes_per_second:
            raise TooManyUploadsError(
                "too many uploads arrive at this moment",
                expected=f"at most {self._settings.upload_parallel_max_uploads}",
                hint="the limit is the setting PRUNUS_UPLOAD_PARALLEL_MAX_UPLOADS",
            )
        self._arriving.discard(slowest[1])
        slowest[1].end()
