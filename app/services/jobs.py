"""The queue of upload jobs: accepting, running a few at a time, cancelling, watching."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from app.core.errors import (
    InternalError,
    JobCancelledError,
    JobFinishedError,
    JobTimeoutError,
    QueueFullError,
    ServerStoppedError,
    ShuttingDownError,
)
from app.core.metrics import Metrics
from app.core.problems import Problem
from app.core.settings import Settings
from app.core.storage_full import storage_full
from app.sandbox.confine import NOT_LIMITED
from app.services.job_log import Job, JobLog, JobState, NewJob, StageTiming
from app.services.job_watch import JobWatch
from app.services.lifecycle import Lifecycle
from app.services.onboarding import JobRequest, Onboarding
from app.services.uploads import Upload
from app.services.worker_process import WorkerFailedError
from graph.errors import PrunusError

_LOG = logging.getLogger(__name__)
_PROGRESS_INTERVAL_SECONDS = 0.25
# How often the end of a job is tried to be written while the disk has no room for it.
_FULL_DISK_RETRY_SECONDS = 1.0


class JobTracker:
    """Notes how far one running job is: in the database, for its watchers, in the metrics."""

    def __init__(self, jobs: "Jobs", job: Job) -> None:
        self._jobs = jobs
        self._job_id = job.id
        self._stage = job.stage
        self._progress = 0.0
        self._stage_began = time.monotonic()
        self._noted = 0.0
        self.timings: list[StageTiming] = []

    @property
    def stage(self) -> str:
        """The stage the job is in."""
        return self._stage

    async def enter(self, stage: str) -> None:
        """Note that a stage begins, and that the one before has ended."""
        self.leave()
        self._stage = stage
        await self._note()

    def leave(self) -> None:
        """Note that the stage has ended."""
        now = time.monotonic()
        timing = StageTiming(self._stage, round(now - self._stage_began, 6))
        self._stage_began = now
        if self._stage != "queued":
            self.timings.append(timing)
            self._jobs.metrics.stage_seconds.labels(timing.stage).observe(timing.seconds)

    async def advance(self, fraction: float) -> None:
        """Note the share of the whole job that is done; it never goes back."""
        self._progress = max(self._progress, fraction)
        if time.monotonic() - self._noted >= _PROGRESS_INTERVAL_SECONDS:
            await self._note()

    async def limits(self, limits: dict[str, object]) -> None:
        """Note which limits hold for the worker process, and warn of those that do not."""
        missing = [name for name, value in limits.items() if str(value).startswith(NOT_LIMITED)]
        if missing:
            _LOG.warning("job %s runs without limits on %s", self._job_id, ", ".join(missing))
        await asyncio.to_thread(self._jobs.log.note_limits, self._job_id, limits)

    async def _note(self) -> None:
        self._noted = time.monotonic()
        await asyncio.to_thread(
            self._jobs.log.move, self._job_id, self._stage, self._progress, tuple(self.timings)
        )
        self._jobs.notify()


@dataclass(frozen=True, slots=True)
class _Waiting:
    job_id: str
    request: JobRequest


class Jobs:
    """Accepts uploads and runs them as jobs."""

    def __init__(
        self,
        settings: Settings,
        log: JobLog,
        onboarding: Onboarding,
        metrics: Metrics,
        lifecycle: Lifecycle,
    ) -> None:
        self.log = log
        self.metrics = metrics
        self._settings = settings
        self._onboarding = onboarding
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._cancelled: set[str] = set()
        self._runners: list[asyncio.Task[None]] = []
        self._watch = JobWatch(log, lifecycle)
        self._lifecycle = lifecycle

    def start(self) -> None:
        """Start taking jobs from the queue."""
        for _ in range(self._settings.job_parallel_max_jobs):
            self._runners.append(asyncio.create_task(self._run_queue()))

    async def submit(self, upload: Upload, request: JobRequest) -> Job:
        """Queue an upload that has arrived; its files go with it, or are removed.

        Raises:
            DuplicateVersionError: the version exists or is being made.
            QueueFullError: too many jobs wait.
            ShuttingDownError: the service is being stopped.
        """
        try:
            self.check_room()
            job = await asyncio.to_thread(self._accept, upload, request)
        except BaseException:
            upload.discard()
            raise
        self._queue.put_nowait(_Waiting(job.id, request))
        _LOG.info("job %s: queued %r as version %d of %r", *_shown(job))
        self.notify()
        return job

    def _accept(self, upload: Upload, request: JobRequest) -> Job:
        new = NewJob(
            id=upload.job_id,
            name=request.name,
            version=request.version,
            owner=self._onboarding.owner_id,
            file_name=upload.file_names.get("file", ""),
            upload_bytes=upload.sizes.get("file", 0),
        )
        # The row first: a folder without a row would be removed by another process that starts.
        job = self.log.add(new, self._settings.job_queue_max_jobs)
        self._onboarding.take_upload(upload)
        return job

    def check_room(self) -> None:
        """Refuse an upload before it is received when the queue is full.

        Raises:
            QueueFullError: too many jobs wait.
            ShuttingDownError: the service is being stopped.
        """
        if self._lifecycle.stopping:
            raise ShuttingDownError("the service is shutting down")
        if self._queue.qsize() >= self._settings.job_queue_max_jobs:
            raise QueueFullError(
                "too many jobs wait", expected=f"at most {self._settings.job_queue_max_jobs}"
            )

    async def cancel(self, job_id: str) -> Job:
        """End a job that waits or runs.

        Raises:
            JobNotFoundError: there is no such job.
            JobFinishedError: it has ended, or another server process runs it.
        """
        job = await asyncio.to_thread(self.log.get, job_id)
        if job.ended:
            raise JobFinishedError(f"job {job_id} has ended already", got=job.state.value)
        if job.owner != self._onboarding.owner_id:
            raise JobFinishedError(
                f"job {job_id} belongs to another server process", hint="cancel it there"
            )
        self._cancelled.add(job_id)
        task = self._running.get(job_id)
        if task is None:
            await self._end(job, JobState.CANCELLED, JobCancelledError("cancelled while it waited"))
        else:
            task.cancel()
            await asyncio.wait([task])
        job = await asyncio.to_thread(self.log.get, job_id)
        if not job.ended:  # its task had not got as far as to end it
            self._cancelled.discard(job_id)
            await self._end(job, JobState.CANCELLED, JobCancelledError("cancelled as it began"))
            job = await asyncio.to_thread(self.log.get, job_id)
        return job

    def notify(self) -> None:
        """Wake those who wait for news of a job."""
        self._watch.notify()

    def watch(self, job_id: str) -> AsyncGenerator[Job, None]:
        """Yield a job now and whenever it has changed, until it has ended or the service stops.

        Raises:
            JobNotFoundError: there is no such job.
        """
        return self._watch.watch(job_id)

    async def wait(self, job_id: str, seconds: float) -> Job:
        """Return a job when it has ended, or after `seconds` as it is then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async with contextlib.aclosing(self.watch(job_id)) as states:
                    async for job in states:
                        if job.ended:
                            return job
        return await asyncio.to_thread(self.log.get, job_id)

    async def _run_queue(self) -> None:
        while True:
            waiting = await self._queue.get()
            if waiting.job_id in self._cancelled:
                self._cancelled.discard(waiting.job_id)
                continue
            task = asyncio.create_task(self._run(waiting))
            self._running[waiting.job_id] = task
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                task.cancel()
                await asyncio.wait([task])
                raise
            finally:
                del self._running[waiting.job_id]

    async def _run(self, waiting: _Waiting) -> None:
        """Run one job to its end, whatever that is."""
        job = await asyncio.to_thread(self.log.get, waiting.job_id)
        tracker = JobTracker(self, job)
        try:
            async with asyncio.timeout(self._settings.job_timeout_seconds):
                await asyncio.to_thread(self.log.start, waiting.job_id)
                await self._onboarding.run(job, waiting.request, tracker)
        except WorkerFailedError as error:
            await self._end(job, JobState.FAILED, error.problem)
        except PrunusError as error:
            await self._end(job, JobState.FAILED, storage_full(error) or error)
        except TimeoutError:
            await self._end(job, JobState.FAILED, self._timeout_error(tracker.stage))
        except asyncio.CancelledError:
            await self._end_cancelled(job, tracker.stage)
            raise
        except Exception as error:  # noqa: BLE001 - a bug in one job must not end the queue
            full = storage_full(error)
            if full is None:
                _LOG.exception("job %s failed by a bug", job.id)
            bug = InternalError("the job failed by a bug; see the log")
            await self._end(job, JobState.FAILED, full or bug)
        else:
            self.metrics.jobs_finished.labels(JobState.DONE.value).inc()
            _LOG.info("job %s: published %r as version %d of %r", *_shown(job))
            self.notify()
        await self._forget_old()

    async def _forget_old(self) -> None:
        try:
            await asyncio.to_thread(self.log.forget_old, self._settings.job_history_max_jobs)
        except sqlite3.Error as error:
            if storage_full(error) is None:
                raise
            _LOG.warning("old jobs are not forgotten: the disk is full")

    async def _end_cancelled(self, job: Job, stage: str) -> None:
        if job.id in self._cancelled:
            self._cancelled.discard(job.id)
            await self._end(
                job, JobState.CANCELLED, JobCancelledError(f"cancelled while it was in {stage!r}")
            )
        else:
            await self._end(
                job,
                JobState.FAILED,
                ServerStoppedError(
                    f"the server stopped while the job was in {stage!r}",
                    hint="upload the model again",
                ),
            )

    async def _end(self, job: Job, state: JobState, error: PrunusError | Problem) -> None:
        problem = error if isinstance(error, Problem) else Problem.of(error)
        # The files first, so that nothing of them is left when the job is seen to have ended.
        try:
            await asyncio.to_thread(self._onboarding.discard, job.id)
        except Exception:  # noqa: BLE001 - a job whose files stay has ended all the same
            _LOG.exception(
                "the files of job %s cannot be removed; the next start tries again", job.id
            )
        while not await asyncio.to_thread(self._note_end, job.id, state, problem):
            if self._lifecycle.stopping:
                return  # waiting for room could keep the service from stopping: the next start ends the job
            await asyncio.sleep(_FULL_DISK_RETRY_SECONDS)
        self.metrics.jobs_finished.labels(counted_as(state, problem)).inc()
        _LOG.warning("job %s for model %r %s: %s", job.id, job.name, state.value, problem.detail)
        self.notify()

    def _note_end(self, job_id: str, state: JobState, problem: Problem) -> bool:
        """Write how a job ended; tell whether there was room for it, which a full disk may not have."""
        try:
            self.log.end(job_id, state, problem)
        except (sqlite3.Error, OSError) as error:
            if storage_full(error) is None:
                raise
            _LOG.error("the end of job %s cannot be written: the disk is full", job_id)
            return False
        return True

    def _timeout_error(self, stage: str) -> JobTimeoutError:
        return JobTimeoutError(
            f"the job took too long; it was in {stage!r}",
            expected=f"at most {self._settings.job_timeout_seconds:g} seconds",
            hint="the limit is the setting PRUNUS_JOB_TIMEOUT_SECONDS",
        )

    async def close(self) -> None:
        """End what runs and what waits; each job is left with the reason."""
        self._lifecycle.stopping = True
        self.notify()
        for task in self._runners:
            task.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        while not self._queue.empty():
            waiting = self._queue.get_nowait()
            job = await asyncio.to_thread(self.log.get, waiting.job_id)
            if not job.ended:
                stopped = ServerStoppedError("the server stopped while the job waited in the queue")
                await self._end(job, JobState.FAILED, stopped)


def counted_as(state: JobState, problem: Problem) -> str:
    """Return the state that metrics count: what an upload could not be used for is no failure of the service."""
    return "refused" if state is JobState.FAILED and problem.status < 500 else state.value


def _shown(job: Job) -> tuple[str, str, int, str]:
    return job.id, job.file_name, job.version, job.name
