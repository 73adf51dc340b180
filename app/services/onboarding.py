"""From an upload on disk to a version that answers predictions: the whole flow, top to bottom."""

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.core.job_folder import ARTIFACT_FILE, OUTPUT_FOLDER, REPORT_FILE, RESULT_FILE
from app.core.model_request import ModelRequest
from app.core.settings import Settings
from app.core.stages import UPLOAD_STAGES
from app.sandbox.confine import Limits
from app.services.job_log import Job, StageTiming
from app.services.ownership import Ownership
from app.services.registry import Registry, Standing
from app.services.storage import Storage
from app.services.stored_version import StoredVersion
from app.services.summary import ModelSummary
from app.services.uploads import Upload
from app.services.warm import Warm
from app.services.worker_events import LimitsEvent, ProgressEvent, StageEvent
from app.services.worker_output import read_summary, take_output, with_facts
from app.services.worker_process import WorkerRun, run_worker
from app.services.worker_report import check_page
from app.services.worker_request import Retune, Work, WorkerRequest
from app.services.worker_watch import WatchedLimits


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What the client asked for, checked.

    Attributes:
        version: number of the version; None for the next one.
    """

    name: str
    version: int | None
    model: ModelRequest


class Tracker(Protocol):
    """What is told how far a job has come."""

    @property
    def timings(self) -> list[StageTiming]:
        """The stages that have ended."""

    def leave(self) -> None:
        """The stage has ended."""

    async def enter(self, stage: str) -> None:
        """A stage begins."""

    async def advance(self, fraction: float) -> None:
        """So much of the whole job is done."""

    async def limits(self, limits: dict[str, object]) -> None:
        """These limits hold for the worker."""


class Onboarding:
    """Makes versions of uploads."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        registry: Registry,
        ownership: Ownership,
        worker_module: str,
        threads: int,
    ) -> None:
        """Run `worker_module` for each job.

        Args:
            settings: the worker's limits.
            storage: the store that versions are published in.
            registry: the registry that puts them in service.
            ownership: mark of this server process.
            worker_module: Python module that is run as a process; `app.worker`.
            threads: number of threads that compute one prediction, which plans are made for.
        """
        self.owner_id = ownership.owner_id
        self._ownership = ownership
        self._settings = settings
        self._storage = storage
        self._registry = registry
        self._worker_module = worker_module
        self._threads = threads

    def take_upload(self, upload: Upload) -> None:
        """Make the folder of an upload the folder of its job."""
        upload.folder.rename(self._storage.jobs / upload.job_id)

    def discard(self, job_id: str) -> None:
        """Remove the files of a job."""
        self._storage.discard_job(job_id)

    async def run(self, job: Job, request: JobRequest, tracker: Tracker) -> None:
        """Make a version of the upload of `job` and put it in service.

        Raises:
            WorkerFailedError: the worker process could not make a model of it.
            PrunusError: what it made cannot be loaded or published.
        """
        folder = self._storage.jobs / job.id
        worker_request = make_worker_request(
            Work(request.model, job.name, job.version), self._storage, self._settings, self._threads
        )
        await asyncio.to_thread(worker_request.write, folder)
        run = WorkerRun(
            self._worker_module,
            folder,
            UPLOAD_STAGES,
            watched_limits(self._settings),
            self._ownership,
        )
        async with contextlib.aclosing(run_worker(run)) as events:
            async for event in events:
                match event:
                    case StageEvent(stage):
                        await tracker.enter(stage)
                    case ProgressEvent(fraction):
                        await tracker.advance(fraction)
                    case LimitsEvent(limits):
                        await tracker.limits(dict(limits))
        await self._enter(tracker, "load")
        summary = await asyncio.to_thread(self._take, folder, job)
        warm = await self._registry.load(folder / OUTPUT_FOLDER / ARTIFACT_FILE)
        await self._enter(tracker, "publish")
        tracker.leave()
        asked = request.model.activate
        is_active = summary.may_take_traffic if asked is None else asked
        await _to_the_end(self._publish(job, summary, warm, tracker.timings, is_active=is_active))

    def _take(self, folder: Path, job: Job) -> ModelSummary:
        output = folder / OUTPUT_FOLDER
        sha256 = take_output(folder, self._settings.job_file_max_bytes)
        summary = read_summary(output / RESULT_FILE)
        summary = with_facts(summary, output, sha256, job.upload_bytes)
        report = output / REPORT_FILE
        if report.exists():
            shown = StoredVersion(job.name, job.version, job.created_at, job.id, summary, output)
            check_page(report.read_bytes(), shown)
        return summary

    async def _publish(
        self,
        job: Job,
        summary: ModelSummary,
        warm: Warm,
        timings: Sequence[StageTiming],
        *,
        is_active: bool,
    ) -> None:
        stored = await asyncio.to_thread(
            self._storage.publish,
            *(job.id, job.name, job.version, summary, timings),
            is_active=is_active,
        )
        standing = Standing(stored.is_active, stored.revision)
        self._registry.put((job.name, job.version, job.id), warm, summary, standing)

    async def _enter(self, tracker: Tracker, stage: str) -> None:
        await tracker.enter(stage)
        if stage == self._settings.job_pause_stage:
            await asyncio.sleep(self._settings.job_pause_seconds)


def worker_limits(settings: Settings, cpu_max_seconds: int) -> Limits:
    """Return the limits of a confined process that may use so much CPU time."""
    return Limits(
        memory_max_bytes=settings.job_memory_max_bytes,
        cpu_max_seconds=cpu_max_seconds,
        file_max_bytes=settings.job_file_max_bytes,
        open_files_max=settings.job_open_files_max,
        threads_max=settings.job_threads_max,
        sandbox_required=settings.sandbox == "required",
    )


def watched_limits(settings: Settings) -> WatchedLimits:
    """Return what the server itself holds a worker process to."""
    return WatchedLimits(
        settings.job_disk_max_bytes, settings.job_threads_max, settings.job_timeout_seconds
    )


def make_worker_request(
    task: Work | Retune, storage: Storage, settings: Settings, threads: int
) -> WorkerRequest:
    """Return what a worker process is told: its task, and the limits of the settings."""
    return WorkerRequest(
        task=task,
        limits=worker_limits(settings, settings.job_cpu_max_seconds),
        parent=os.getpid(),
        kernels=str(storage.kernels.resolve()),
        tune_seconds=settings.job_tune_seconds,
        threads=threads,
        pause_stage=settings.job_pause_stage,
        pause_seconds=settings.job_pause_seconds,
    )


async def _to_the_end(work: Coroutine[None, None, None]) -> None:
    """Await `work` even if this task is cancelled meanwhile: its thread could not be stopped half-way."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
