"""Running a prediction: on the event loop where that is faster than handing it to a thread, else in a bounded pool.

Handing a call to a thread and back costs 50 to 100 microseconds; a model measured to answer in less than
`predict_inline_max_seconds` is run where it is. All others run in one thread per core: the engine releases the GIL.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from app.core.metrics import Metrics
from app.core.settings import Settings
from app.services.backlog import Backlog
from app.services.preparation import Preparation
from app.services.registry import LoadedModel
from app.services.tensors import Array


class Answer(NamedTuple):
    """The outputs of a call, and where its time went.

    Attributes:
        queue_seconds: time from being ready to run to running.
        compute_seconds: time in the engine.
    """

    outputs: Mapping[str, Array]
    queue_seconds: float
    compute_seconds: float


class Inference:
    """Runs predictions of loaded models."""

    def __init__(self, settings: Settings, metrics: Metrics, cores: int) -> None:
        """Start with an idle pool of `predict_threads` threads, or one per core."""
        threads = settings.predict_threads or cores
        self.batch_max_samples = settings.predict_batch_max_samples
        self.backlog = Backlog(
            "predictions",
            threads,
            settings.predict_queue_max_seconds,
            settings.predict_pending_max_requests,
        )
        self._inline_max_seconds = settings.predict_inline_max_seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="predict")
        self._preparation = Preparation(settings)
        metrics.predict_pending.set_function(lambda: self.backlog.requests)

    def is_inline(self, model: LoadedModel, samples: int) -> bool:
        """Tell whether a batch is run where it is asked for, on the event loop."""
        # One sample's time times samples is an upper bound: a batch never takes longer than that.
        return model.inline_seconds * samples <= self._inline_max_seconds

    def run_here(self, model: LoadedModel, arrays: Mapping[str, Array]) -> Answer:
        """Compute the outputs of a checked batch in this thread."""
        start = time.perf_counter()
        outputs = model.executable.run(arrays)
        return Answer(outputs, 0.0, time.perf_counter() - start)

    async def known(self, model: LoadedModel, arrays: Mapping[str, Array]) -> None:
        """Let the executable find out what it does not know of the size of a batch; see `Preparation.known`."""
        if model.executable.varies:
            await self._preparation.known(model, arrays)

    def check_room(self, model: LoadedModel) -> None:
        """Refuse a prediction of a model that would wait too long for a thread, before its inputs are read.

        Raises:
            OverloadedError: it would.
        """
        if not self.is_inline(model, 1):
            self.backlog.check()

    async def run(self, model: LoadedModel, arrays: Mapping[str, Array]) -> Answer:
        """Compute the outputs of a checked batch in the pool.

        Raises:
            OverloadedError: it would wait too long.
        """
        executable, bound_seconds = model.executable, model.sample_seconds
        if executable.varies:
            bound_seconds *= executable.relative_cost(
                {name: array.shape for name, array in arrays.items()}
            )
            executable = await self._preparation.ready(model, arrays)
        self.backlog.check()
        bound_seconds *= len(next(iter(arrays.values())))
        with self.backlog.entered(bound_seconds * model.share.seconds):
            call = functools.partial(_timed, executable.run, arrays, time.perf_counter())
            # Where the client goes meanwhile, the server cancels the task, and the pool skips the call.
            answer = await asyncio.get_running_loop().run_in_executor(self._pool, call)
        model.share.learn(answer.compute_seconds, bound_seconds)
        return answer

    def close(self) -> None:
        """End the threads after the calls that are running."""
        self._preparation.close()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _timed(
    run: Callable[[Mapping[str, Array]], Mapping[str, Array]],
    arrays: Mapping[str, Array],
    queued_at: float,
) -> Answer:
    start = time.perf_counter()
    outputs = run(arrays)
    return Answer(outputs, start - queued_at, time.perf_counter() - start)
