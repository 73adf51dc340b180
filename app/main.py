"""The application factory: everything is made from settings when the application starts, nothing at import."""

import asyncio
import contextlib
import functools
import logging
import os
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.job_folder import FILE_PARTS
from app.core.metrics import Metrics
from app.core.model_request import ModelRequest
from app.core.settings import Settings
from app.core.version import VERSION
from app.http_errors import raise_http_error, raise_validation_error
from app.middleware import NO_SNIFFING, RequestAccount, RequestLayer
from app.openapi import openapi_of
from app.routes.dependencies import Services
from app.routes.predictions import PredictEndpoint
from app.routes.routers import ROUTERS
from app.services.conversion import Conversion
from app.services.database import Database
from app.services.inference import Inference
from app.services.job_log import JobLog
from app.services.jobs import Jobs
from app.services.kernel_compiler import KernelCompiler
from app.services.lifecycle import Lifecycle
from app.services.loading import Loading
from app.services.onboarding import JobRequest, Onboarding, worker_limits
from app.services.ownership import Ownership
from app.services.prediction import Predictor
from app.services.recovery import recover
from app.services.registry import Registry
from app.services.retuning import Retuning
from app.services.storage import Storage
from app.services.upload_gate import UploadGate
from app.services.uploads import Upload
from app.site_guard import SiteGuard
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.execution.sizes import SizeLimits
from engine.machine_code.object_cache import ObjectCache

DEMO_NAME = "digits"
_DEMO = Path(__file__).parent / "demo"
# The model, and samples with their labels, so that its report tells what pruning costs.
DEMO_FILES = {
    "file": _DEMO / "digits.keras",
    "calibration": _DEMO / "calibration.npz",
    "labels": _DEMO / "labels.npy",
}
_HOUSEKEEPING_SECONDS = 3600.0
_LOG = logging.getLogger(__name__)
_DESCRIPTION = (
    "Upload a trained Keras model; it is pruned, compiled to native sparse code and served."
    " Errors are problem documents (RFC 9457)."
)


class Service(FastAPI):
    """The application; predictions take a way of their own past the router's and FastAPI's layers."""

    account: RequestAccount
    predict: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event of the server."""
        if (
            scope["type"] == "http"
            and scope["path"] == PredictEndpoint.path
            and scope["method"] == "POST"
        ):
            scope["app"] = self
            await self.predict(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings,
    metrics_registry: CollectorRegistry | None = None,
    worker_module: str = "app.worker",
) -> Service:
    """Make the application.

    Args:
        settings: all that can be configured.
        metrics_registry: where metrics are registered; default a new one.
        worker_module: module that each upload job runs as a process.
    """
    metrics = Metrics(metrics_registry or CollectorRegistry())

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(app, settings, metrics, worker_module):
            yield

    account = RequestAccount(metrics)
    app = Service(
        title="Prunus",
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        # FastAPI's own pages load script from elsewhere.
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            HTTPException: raise_http_error,
            RequestValidationError: raise_validation_error,
        },
    )
    predict = PredictEndpoint(settings)
    guard = SiteGuard(settings.host, settings.allowed_hosts)
    app.account = account
    app.predict = RequestLayer(predict, account, guard, NO_SNIFFING)
    # Also a route: for other methods on the path, and where a proxy's prefix is part of it.
    app.router.routes.append(
        Route(predict.path, predict, methods=["POST"], include_in_schema=False)
    )
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(RequestLayer, account=account, guard=guard)
    app.openapi = openapi_of(app)  # type: ignore[method-assign]
    return app


@contextlib.asynccontextmanager
async def _running(
    app: FastAPI, settings: Settings, metrics: Metrics, worker_module: str
) -> AsyncIterator[None]:
    """Open all services, and close them in the opposite order."""
    if os.geteuid() == 0:
        _LOG.warning(
            "running as root, which nothing needs: upload processes give up its rights, and take a user of their"
            " own where the kernel gives them a root folder of their own"
        )
    async with contextlib.AsyncExitStack() as stack:
        services = _open(settings, metrics, worker_module, stack)
        app.state.services = services
        services.jobs.start()
        stack.push_async_callback(services.jobs.close)
        follower = asyncio.create_task(_follow(services))
        stack.push_async_callback(_stopped, follower)
        housekeeper = asyncio.create_task(_housekeep(services))
        stack.push_async_callback(_stopped, housekeeper)
        if settings.retune:
            tuner = asyncio.create_task(services.retuning.run())
            stack.push_async_callback(_stopped, tuner)
        try:
            yield
        finally:
            services.lifecycle.stopping = True


def _open(
    settings: Settings, metrics: Metrics, worker_module: str, stack: contextlib.AsyncExitStack
) -> Services:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    root = settings.data_dir.resolve()
    database = Database(root / "prunus.db")
    stack.callback(database.close)
    ownership = Ownership(root / "owners")
    stack.callback(ownership.close)
    storage = Storage(root, database)
    job_log = JobLog(database)
    findings = recover(storage, job_log, ownership, settings.lost_keep_days)
    metrics.show_recovery(asdict(findings))
    metrics.watch_jobs(job_log.count_by_state)
    target = host_target()
    cache = _open_cache(settings, storage, stack)
    threads = settings.threads or target.cores
    loading = Loading(
        lambda path: load(path, cache, target, threads, size_limits(settings)),
        target.cores,
        settings.load_max_seconds,
    )
    stack.callback(loading.close)
    registry = Registry(metrics.models, loading, settings.model_memory_max_bytes)
    stack.callback(registry.close)
    inference = Inference(settings, metrics, target.cores)
    stack.callback(inference.close)
    conversion = Conversion(
        settings.predict_conversion_max_bytes, target.cores, settings.predict_queue_max_seconds
    )
    stack.callback(conversion.close)
    onboarding = Onboarding(settings, storage, registry, ownership, worker_module, threads)
    lifecycle = Lifecycle()
    return Services(
        settings=settings,
        metrics=metrics,
        storage=storage,
        job_log=job_log,
        ownership=ownership,
        registry=registry,
        inference=inference,
        conversion=conversion,
        predictor=Predictor(registry, inference, job_log, conversion),
        jobs=Jobs(settings, job_log, onboarding, metrics, lifecycle),
        upload_gate=UploadGate(settings, metrics),
        retuning=Retuning(
            settings,
            storage,
            job_log,
            registry,
            metrics,
            worker_module,
            threads,
            ownership,
        ),
        lifecycle=lifecycle,
    )


def size_limits(settings: Settings) -> SizeLimits:
    """Return what predictions of models of varying size may ask for."""
    return SizeLimits(
        settings.size_max_length,
        settings.size_max_operations,
        settings.sizes_max_kept,
        settings.sizes_max_bytes,
    )


def _open_cache(
    settings: Settings, storage: Storage, stack: contextlib.AsyncExitStack
) -> ObjectCache:
    compiler = KernelCompiler(worker_limits(settings, settings.compile_cpu_max_seconds))
    stack.callback(compiler.close)  # before the threads that load are waited for
    cache = ObjectCache(storage.kernels, compile_written=compiler)
    storage.kernels.chmod(0o755)  # upload workers, which may have another user, read it
    return cache


async def _follow(services: Services) -> None:
    """Load what is stored, then what other processes store later; upload the demo model once."""
    storage, registry = services.storage, services.registry
    read_stored = functools.partial(asyncio.to_thread, storage.all_versions)
    counter = await asyncio.to_thread(storage.change_counter)
    await registry.follow(read_stored)
    _LOG.info("ready: %d model versions loaded", len(registry.versions()))
    if services.settings.demo:
        await _upload_demo(services)
    while True:
        await asyncio.sleep(services.settings.refresh_seconds)
        try:
            latest = await asyncio.to_thread(storage.change_counter)
            if latest != counter or registry.retry_due:
                await registry.follow(read_stored)
                counter = latest
        except sqlite3.Error:
            _LOG.exception("the database cannot be read; trying again")


async def _housekeep(services: Services) -> None:
    """Remove what was set aside or deleted long ago, as a start does."""
    while True:
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
        try:
            await asyncio.to_thread(services.storage.housekeep, services.settings.lost_keep_days)
        except OSError:
            _LOG.exception("what was set aside cannot be removed; trying again")


async def _upload_demo(services: Services) -> None:
    """Queue the demo model as if it had been uploaded, where there is no model at all yet."""
    stored = await asyncio.to_thread(services.storage.all_versions)
    active = await asyncio.to_thread(services.job_log.active)
    if stored or active:
        _LOG.info("the demo model is not uploaded: there are models, or jobs that make some")
        return
    job_id = secrets.token_hex(8)
    folder = services.storage.uploads / f"{services.ownership.owner_id}.{job_id}"
    folder.mkdir()
    for part, path in DEMO_FILES.items():
        await asyncio.to_thread(shutil.copyfile, path, folder / FILE_PARTS[part])
    upload = Upload(
        job_id,
        folder,
        file_names={part: path.name for part, path in DEMO_FILES.items()},
        sizes={part: path.stat().st_size for part, path in DEMO_FILES.items()},
    )
    asked = ModelRequest(has_calibration=True, has_labels=True)
    await services.jobs.submit(upload, JobRequest(DEMO_NAME, None, asked))


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
