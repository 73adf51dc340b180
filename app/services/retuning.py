"""Kernels chosen again for stored models that were tuned elsewhere: on another kind of CPU, or for fewer threads.

Such models answer at once, with best guesses. After the start they are tuned one after the other, each by the confined
worker process at low priority and while no upload is worked on. A new artifact takes the old one's place in two steps:
first its numbers are written to the version's row, then the file is renamed. Whatever a crash leaves is a version that
answers as before; if the file is still the old one, the next start tunes it again.
"""

import asyncio
import contextlib
import logging
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import VersionNotFoundError
from app.core.job_folder import ARTIFACT_FILE, OLD_ARTIFACT_FILE, OUTPUT_FOLDER
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.core.stages import RETUNE_STAGES
from app.services.files import remove
from app.services.job_log import JobLog
from app.services.onboarding import make_worker_request, watched_limits
from app.services.ownership import Ownership
from app.services.registry import Registry
from app.services.storage import RETUNE_PREFIX, Storage, sync_output
from app.services.stored_version import StoredVersion
from app.services.worker_output import take_output
from app.services.worker_process import WorkerFailedError, WorkerRun, run_worker
from app.services.worker_request import Retune
from graph.errors import PrunusError

_LOG = logging.getLogger(__name__)
_WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Retuning:
    """Tunes stored models again.

    Attributes:
        worker_module: Python module that is run as a process; `app.worker`.
        threads: number of threads that compute one prediction.
        ownership: mark of this server process.
    """

    settings: Settings
    storage: Storage
    job_log: JobLog
    registry: Registry
    metrics: Metrics
    worker_module: str
    threads: int
    ownership: Ownership

    async def run(self) -> None:
        """Tune what is loaded when the start is over, and was not tuned here."""
        while self.registry.is_starting:
            await asyncio.sleep(_WAIT_SECONDS / 10)
        for stored in await asyncio.to_thread(self.storage.versions):
            executable = self.registry.executable(stored.name, stored.version)
            if executable is None or executable.is_tuned_here:
                continue
            while await asyncio.to_thread(self.job_log.active):
                await asyncio.sleep(_WAIT_SECONDS)
            await self._tune_or_tell(stored)

    async def _tune_or_tell(self, stored: StoredVersion) -> None:
        shown = (stored.version, stored.name)
        _LOG.info("version %d of model %r was tuned elsewhere; tuning it here", *shown)
        state = "failed"
        try:
            async with asyncio.timeout(self.settings.job_timeout_seconds):
                await self._tune(stored)
        except WorkerFailedError as error:
            _LOG.error("version %d of model %r: %s", *shown, error.problem.detail)
        except (PrunusError, OSError, TimeoutError) as error:
            _LOG.error("version %d of model %r could not be tuned: %s", *shown, error)
        except Exception:  # noqa: BLE001 - a bug over one version must not keep others from being tuned
            _LOG.exception("version %d of model %r could not be tuned by a bug", *shown)
        else:
            state = "done"
            _LOG.info("version %d of model %r is tuned for this machine", *shown)
        self.metrics.retunes_finished.labels(state).inc()

    async def _tune(self, stored: StoredVersion) -> None:
        # No row tells whose it is: another server that starts now knows by the name that it is in use.
        folder = (
            self.storage.jobs / f"{RETUNE_PREFIX}{self.ownership.owner_id}.{secrets.token_hex(8)}"
        )
        try:
            await asyncio.to_thread(self._prepare, folder, stored)
            run = WorkerRun(
                self.worker_module,
                folder,
                RETUNE_STAGES,
                watched_limits(self.settings),
                self.ownership,
            )
            async with contextlib.aclosing(run_worker(run)) as events:
                async for _ in events:
                    pass
            sha256 = await asyncio.to_thread(take_output, folder, self.settings.job_file_max_bytes)
            new = folder / OUTPUT_FOLDER / ARTIFACT_FILE
            warm = await self.registry.load(new)
            await asyncio.to_thread(self._publish, stored, new, sha256)
            self.registry.exchange((stored.name, stored.version, stored.job_id), warm)
        finally:
            await asyncio.to_thread(remove, folder)

    def _prepare(self, folder: Path, stored: StoredVersion) -> None:
        folder.mkdir()
        shutil.copyfile(stored.folder / ARTIFACT_FILE, folder / OLD_ARTIFACT_FILE)
        make_worker_request(Retune(), self.storage, self.settings, self.threads).write(folder)

    def _publish(self, stored: StoredVersion, new: Path, sha256: str) -> None:
        """Put the new artifact in the place of the old one, unless the version has gone meanwhile."""
        sync_output(new.parent)
        # The measured times stay those of the upload, and so does the CPU they were measured on.
        summary = stored.summary.model_copy(
            update={"artifact_bytes": new.stat().st_size, "artifact_sha256": sha256}
        )
        for artifact in (None, new):
            if not self.storage.renew(stored, summary, artifact):
                raise VersionNotFoundError(stored.name, stored.version)
