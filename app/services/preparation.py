"""Sizes that a model of varying size has not computed yet: looked at and made ready in a thread of their own.

There is one such thread, so that clients which send ever new sizes slow down each other, and not the predictions of
sizes that are ready.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.core.errors import OverloadedError
from app.core.settings import Settings
from app.services.backlog import Backlog, Rate
from app.services.registry import LoadedModel
from app.services.tensors import Array
from engine.core.errors import SizesInUseError
from engine.execution.runtime import Executable

_FIRST_LOOK_SECONDS = 0.01

_Shapes = Mapping[str, tuple[int, ...]]
_Result = TypeVar("_Result")


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
        self._look_rate = Rate(_FIRST_LOOK_SECONDS)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sizes")

    async def known(self, model: LoadedModel, arrays: Mapping[str, Array]) -> None:
        """Find out whether the network can be computed at the size of a batch, where that is not known yet.

        Of a deep network this takes milliseconds, in which the event loop would answer nobody.

        Raises:
            OverloadedError: it would wait too long.
            PrunusError: it cannot be computed.
        """
        shapes = {name: array.shape for name, array in arrays.items()}
        if not model.executable.is_known(shapes):
            await self._done(model.executable.check, shapes, self._look_rate)

    async def ready(self, model: LoadedModel, arrays: Mapping[str, Array]) -> Executable:
        """Return what computes a checked batch; it is made where it is not there, and lasts as long as it is held.

        Raises:
            OverloadedError: it would wait too long.
            PrunusError: it cannot be made ready.
        """
        shapes = {name: array.shape for name, array in arrays.items()}
        executable = model.executable.ready(shapes)
        if executable is not None:
            return executable
        # A part of the work grows with the size, and another part does not.
        units = max(1.0, model.executable.relative_cost(shapes))
        try:
            return await self._done(model.executable.prepared, shapes, model.making, units)
        except SizesInUseError as error:
            raise OverloadedError(
                error.message, expected=error.expected, got=error.got, hint=error.hint
            ) from error

    async def _done(
        self,
        work: Callable[[_Shapes], _Result],
        shapes: _Shapes,
        rate: Rate,
        units: float = 1.0,
    ) -> _Result:
        """Do something for a size in the thread, which should take `units` times the seconds of the rate."""
        self.backlog.check()
        with self.backlog.entered(rate.seconds * units):
            loop = asyncio.get_running_loop()
            result, took = await loop.run_in_executor(self._pool, _timed, work, shapes)
        rate.learn(took, units)
        return result

    def close(self) -> None:
        """End the thread after the size that is being made ready."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _timed(work: Callable[[_Shapes], _Result], shapes: _Shapes) -> tuple[_Result, float]:
    start = time.perf_counter()
    result = work(shapes)
    return result, time.perf_counter() - start
