"""Sizes that a model of varying size has not computed yet: made ready in a thread of their own, before the prediction.

There is one such thread, so that clients which send ever new sizes slow down each other, and not the predictions of
sizes that are ready.
"""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from app.core.settings import Settings
from app.services.backlog import Backlog, Rate
from app.services.registry import LoadedModel
from app.services.tensors import Array

_FIRST_GUESS_SECONDS = 0.1


class Preparation:
    """Makes sizes ready."""

    def __init__(self, settings: Settings) -> None:
        """Start with an idle thread."""
        self.backlog = Backlog(
            "inputs of new sizes",
            1,
            settings.predict_queue_max_seconds,
            settings.size_pending_max_requests,
        )
        self._rate = Rate(_FIRST_GUESS_SECONDS)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sizes")

    async def ready(self, model: LoadedModel, arrays: Mapping[str, Array]) -> None:
        """Make the size of a checked batch ready, where it is not.

        Raises:
            OverloadedError: it would wait too long.
            PrunusError: it cannot be made ready.
        """
        shapes = {name: array.shape for name, array in arrays.items()}
        if model.executable.is_ready(shapes):
            return
        self.backlog.check()
        with self.backlog.entered(self._rate.seconds):
            loop = asyncio.get_running_loop()
            took = await loop.run_in_executor(self._pool, _prepared, model, shapes)
        self._rate.learn(took, 1.0)

    def close(self) -> None:
        """End the thread after the size that is being made ready."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _prepared(model: LoadedModel, shapes: Mapping[str, tuple[int, ...]]) -> float:
    start = time.perf_counter()
    model.executable.prepare(shapes)
    return time.perf_counter() - start
