"""Threads that load artifacts, with a limit on the time that each may take.

An artifact is data that a process made which had read an upload. It is checked before it is used, but a check can take
long, and so can the first calls. A thread cannot be ended: one that is over its limit is left alone, and what it makes
is closed. Where several are left alone nothing more is loaded until one of them has ended.
"""

import asyncio
import contextlib
import logging
import threading
from pathlib import Path

from app.core.errors import LoadTimeoutError
from app.services.warm import Loader, Warm, load_warm

_LOG = logging.getLogger(__name__)
MOST_LEFT_ALONE = 4


class Loading:
    """Loads artifacts in threads."""

    def __init__(self, loader: Loader, threads: int, max_seconds: float) -> None:
        """Start with no thread.

        Args:
            loader: makes an executable from an artifact file.
            threads: how many load at a time.
            max_seconds: longest time that one may take.
        """
        self._loader = loader
        self._max_seconds = max_seconds
        self._places = asyncio.Semaphore(threads)
        self._running: set[threading.Thread] = set()
        self._left_alone: set[threading.Thread] = set()

    async def load(self, artifact: Path) -> Warm:
        """Load an artifact and warm it.

        Raises:
            LoadTimeoutError: it takes too long, or too many others do.
            PrunusError: it cannot be loaded.
        """
        async with self._places:
            self._left_alone = {one for one in self._left_alone if one.is_alive()}
            if len(self._left_alone) >= MOST_LEFT_ALONE:
                raise LoadTimeoutError(
                    "other models have been loading for too long",
                    expected=f"fewer than {MOST_LEFT_ALONE} of them",
                    hint="delete them, and start the service again",
                )
            task = _Task(self._loader, artifact)
            # A daemon: the process does not wait for one that never ends.
            thread = threading.Thread(target=task.run, name="load", daemon=True)
            self._running.add(thread)
            try:
                thread.start()
                async with asyncio.timeout(self._max_seconds):
                    return await asyncio.shield(task.result)
            except TimeoutError:
                raise LoadTimeoutError(
                    "the model takes too long to load",
                    expected=f"at most {self._max_seconds:g} seconds",
                    hint="the limit is the setting PRUNUS_LOAD_MAX_SECONDS",
                ) from None
            finally:
                self._running.discard(thread)
                if thread.is_alive():
                    self._left_alone.add(thread)
                task.give_up()

    def close(self) -> None:
        """Wait for what is being loaded, but not for what is over its limit."""
        for thread in tuple(self._running):
            thread.join(self._max_seconds)


class _Task:
    """One artifact: made in the event loop, run in a thread."""

    def __init__(self, loader: Loader, artifact: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Warm] = self._loop.create_future()
        self._work = (loader, artifact)

    def run(self) -> None:
        """Load, and hand the result over."""
        warm, error = None, None
        try:
            warm = load_warm(*self._work)
        except BaseException as raised:  # noqa: BLE001 - the caller gets it
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(self._finish, warm, error)
            return
        if warm is not None:
            warm.executable.close()

    def _finish(self, warm: Warm | None, error: BaseException | None) -> None:
        if not self.result.done():
            if warm is not None:
                self.result.set_result(warm)
            else:
                self.result.set_exception(error or RuntimeError("nothing was loaded"))
        elif warm is not None:
            warm.executable.close()
            _LOG.warning("a model that took too long to load has been loaded and closed")

    def give_up(self) -> None:
        """Let nobody have what comes from now on."""
        self.result.cancel()
