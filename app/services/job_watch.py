"""Watching jobs: however many clients watch one, its row is read once for all of them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from app.services.job_log import Job, JobLog
from app.services.lifecycle import Lifecycle

# Jobs of other server processes change without a notice: their rows are read this often.
_INTERVAL_SECONDS = 0.5


@dataclass(slots=True)
class _Watched:
    """A job that is watched.

    Attributes:
        watchers: how many watch it.
        job: its row as it was read last.
        error: why it cannot be read.
        is_over: whether it is read no more.
        news: set when any of these has changed; each change is followed by a new event.
        reader: the task that reads it.
    """

    watchers: int = 0
    job: Job | None = None
    error: Exception | None = None
    is_over: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    reader: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Wake the watchers."""
        self.news.set()
        self.news = asyncio.Event()


class JobWatch:
    """Tells watchers how jobs change. Only the event loop uses it."""

    def __init__(self, log: JobLog, lifecycle: Lifecycle) -> None:
        """Start without watchers; at the end of `lifecycle` all of them are let go."""
        self._log = log
        self._lifecycle = lifecycle
        self._changed = asyncio.Event()
        self._watched: dict[str, _Watched] = {}

    def notify(self) -> None:
        """Read the rows of watched jobs now: one of them has changed, or the service stops."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self, job_id: str) -> AsyncGenerator[Job, None]:
        """Yield a job now and whenever it has changed, until it has ended or the service stops.

        Raises:
            JobNotFoundError: there is no such job.
        """
        watched = self._watched.get(job_id)
        if watched is None:
            watched = self._watched[job_id] = _Watched()
            watched.reader = asyncio.create_task(self._read(job_id, watched))
        watched.watchers += 1
        last: Job | None = None
        try:
            while True:
                news, is_over = watched.news, watched.is_over
                if watched.error is not None:
                    raise watched.error
                if watched.job is not None and watched.job != last:
                    last = watched.job
                    yield last
                elif is_over:
                    return
                else:
                    await news.wait()
        finally:
            watched.watchers -= 1
            if not watched.watchers:
                self._forget(job_id, watched)

    async def _read(self, job_id: str, watched: _Watched) -> None:
        """Read a job again and again until it has ended."""
        try:
            while not watched.is_over:
                changed = self._changed
                watched.job = await asyncio.to_thread(self._log.get, job_id)
                watched.is_over = watched.job.ended or self._lifecycle.stopping
                watched.tell()
                if not watched.is_over:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), _INTERVAL_SECONDS)
        except Exception as error:  # noqa: BLE001 - it is raised where it is watched
            watched.error, watched.is_over = error, True
            watched.tell()
        finally:
            self._forget(job_id, watched)

    def _forget(self, job_id: str, watched: _Watched) -> None:
        if self._watched.get(job_id) is watched:
            del self._watched[job_id]
        if watched.reader is not None and not watched.watchers:
            watched.reader.cancel()
