"""Upload jobs: how far they are, as JSON and as server-sent events; cancelling."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from app.routes.dependencies import ServicesDep, refuse_unknown_query
from app.routes.responses import problems
from app.routes.schemas import JobDocument, JobListDocument
from app.services.job_log import Job, JobState
from app.services.jobs import Jobs
from app.services.storage import Storage
from graph.errors import PrunusError

_SHUTDOWN_GRACE_SECONDS = 3.0

router = APIRouter(prefix="/jobs", tags=["jobs"], dependencies=[Depends(refuse_unknown_query)])


@router.get("", summary="List the latest jobs")
def list_jobs(
    services: ServicesDep, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> JobListDocument:
    """Return the latest jobs, newest first."""
    made = {stored.job_id: stored.summary for stored in services.storage.versions()}
    jobs = services.job_log.recent(limit)
    return JobListDocument(jobs=[JobDocument.of(job, made.get(job.id)) for job in jobs])


@router.get("/{job_id}", summary="Show a job", responses=problems(404))
def show_job(services: ServicesDep, job_id: str) -> JobDocument:
    """Return stage, progress, timings, applied limits and, where it failed, the problem."""
    return _document(services.storage, services.job_log.get(job_id))


@router.get(
    "/{job_id}/events",
    summary="Watch a job",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events: `job` with the job's JSON at every change; the last"
            " one has a state that is an end, then the stream ends.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems(404),
    },
)
async def watch_job(services: ServicesDep, job_id: str) -> Response:
    """Stream the job at every change until it has ended."""
    # Imported here: it is needed rarely, and costs a tenth of the service's start.
    from sse_starlette.sse import EventSourceResponse

    await asyncio.to_thread(services.job_log.get, job_id)
    # The stream sees for itself that the service stops, and ends whole; the grace is for that.
    return EventSourceResponse(
        _events(services.jobs, services.storage, job_id),
        shutdown_grace_period=_SHUTDOWN_GRACE_SECONDS,
    )


async def _events(jobs: Jobs, storage: Storage, job_id: str) -> AsyncIterator[dict[str, Any]]:
    async with contextlib.aclosing(jobs.watch(job_id)) as states:
        async for job in states:
            if job.state is JobState.DONE:
                document = await asyncio.to_thread(_document, storage, job)
            else:
                document = JobDocument.of(job)
            yield {"event": "job", "data": document.model_dump_json()}


def _document(storage: Storage, job: Job) -> JobDocument:
    """Describe a job; one that is done with what its version costs, if that is still there."""
    if job.state is not JobState.DONE:
        return JobDocument.of(job)
    try:
        stored = storage.version(job.name, job.version)
    except PrunusError:  # deleted meanwhile, or damaged
        return JobDocument.of(job)
    return JobDocument.of(job, stored.summary if stored.job_id == job.id else None)


@router.delete("/{job_id}", summary="Cancel a job", responses=problems(404, 409))
async def cancel_job(services: ServicesDep, job_id: str) -> JobDocument:
    """End a job that waits or runs; its worker process is killed and its files are removed."""
    return JobDocument.of(await services.jobs.cancel(job_id))
