"""Models: upload, list, show, delete; a version's report, artifact and pruned Keras file."""

import asyncio
from pathlib import Path as FilePath
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response

from app.core.errors import FileNotKeptError
from app.core.job_folder import (
    ARTIFACT_FILE,
    KERAS2_FILE,
    KERAS_FILE,
    REPORT_FILE,
    REPORT_TEXT_FILE,
)
from app.core.logs import REQUEST_ID
from app.core.problems import MEDIA_TYPE
from app.routes.dependencies import Services, ServicesDep, refuse_unknown_query
from app.routes.forms import UPLOAD_FORM_OPENAPI, job_request, refuse_other_files
from app.routes.predictions import refuse_coding
from app.routes.responses import problems
from app.routes.schemas import JobDocument, ModelDocument, ModelListDocument, VersionDocument
from app.services.job_log import MAX_VERSION, Job, JobState
from app.services.registry import Standing
from app.services.stored_version import AnyVersion, StoredVersion
from app.services.uploads import receive_upload

router = APIRouter(prefix="/models", tags=["models"], dependencies=[Depends(refuse_unknown_query)])
Version = Annotated[int, Path(ge=1, le=MAX_VERSION)]
ReportForm = Literal["json", "markdown", "html"]
_MARKDOWN = "text/markdown"


@router.post(
    "",
    summary="Upload a model",
    status_code=202,
    response_model=JobDocument,
    responses={
        201: {"model": VersionDocument, "description": "With `wait`: the finished version."},
        **problems(408, 409, 413, 415, 422, 503),
    },
    openapi_extra=UPLOAD_FORM_OPENAPI,
)
async def upload_model(
    request: Request,
    services: ServicesDep,
    wait: Annotated[
        float | None, Query(ge=0, description="Seconds to wait for the finished version.")
    ] = None,
) -> Response:
    """Stream a Keras file to disk and queue the job that prunes, compiles and publishes it.

    Answers 202 with the job, or, with `wait`, 201 with the finished version; a job that failed by
    then is answered with its problem.
    """
    refuse_coding(request.headers.get("content-encoding", "").encode("latin-1"))
    services.jobs.check_room()
    with services.upload_gate.passage() as passage:
        upload = await receive_upload(
            request.headers.get("content-type", ""),
            passage.steady(request.stream()),
            services.storage.uploads,
            services.ownership.owner_id,
            services.settings,
        )
    await asyncio.to_thread(refuse_other_files, upload)
    services.metrics.uploaded_bytes.inc(sum(upload.sizes.values()))
    asked = await asyncio.to_thread(job_request, upload)
    job = await services.jobs.submit(upload, asked)
    if wait:
        job = await services.jobs.wait(job.id, min(wait, services.settings.wait_max_seconds))
    return await asyncio.to_thread(_job_answer, services, job)


def _job_answer(services: Services, job: Job) -> Response:
    if job.state is JobState.DONE:
        document = _version(services, services.storage.version(job.name, job.version))
        return JSONResponse(
            document.model_dump(mode="json"), 201, {"Location": document.links["self"]}
        )
    links = {"Location": f"/jobs/{job.id}"}
    if job.error is not None:
        problem = job.error.document(
            job=f"/jobs/{job.id}", stage=job.stage, request_id=REQUEST_ID.get()
        )
        return JSONResponse(problem, job.error.status, links, media_type=MEDIA_TYPE)
    return JSONResponse(JobDocument.of(job).model_dump(mode="json"), 202, links)


@router.get("", summary="List the models")
def list_models(services: ServicesDep) -> ModelListDocument:
    """Return all models with all their versions."""
    by_name: dict[str, list[AnyVersion]] = {}
    for stored in services.storage.all_versions():
        by_name.setdefault(stored.name, []).append(stored)
    return ModelListDocument(models=[_model(services, versions) for versions in by_name.values()])


@router.get("/{name}", summary="Show a model", responses=problems(404, 422))
def show_model(services: ServicesDep, name: str) -> ModelDocument:
    """Return a model's versions, each with inputs, outputs, sparsity and measured times."""
    return _model(services, services.storage.all_versions_of(name))


@router.delete("/{name}", summary="Delete a model", status_code=204, responses=problems(404, 422))
async def delete_model(services: ServicesDep, name: str) -> Response:
    """Delete all versions of a model; jobs that are preparing a new one go on."""
    stored = await asyncio.to_thread(services.storage.all_versions_of, name)
    return await _delete(services, name, [one.version for one in stored])


@router.get("/{name}/versions/{version}", summary="Show a version", responses=problems(404, 422))
def show_version(services: ServicesDep, name: str, version: Version) -> VersionDocument:
    """Return one version."""
    return _version(services, services.storage.version(name, version))


@router.delete(
    "/{name}/versions/{version}",
    summary="Delete a version",
    status_code=204,
    responses=problems(404, 422),
)
async def delete_version(services: ServicesDep, name: str, version: Version) -> Response:
    """Delete one version; if it answered requests without a version, the highest active one left does."""
    await asyncio.to_thread(services.storage.any_version, name, version)
    return await _delete(services, name, [version])


@router.post(
    "/{name}/versions/{version}/activate",
    summary="Activate a version",
    responses=problems(404, 422, 503),
)
async def activate_version(services: ServicesDep, name: str, version: Version) -> VersionDocument:
    """Let a version answer requests without a version, unless a higher one is active, too; doing it twice is fine.

    A version that could not be loaded is tried once more.
    """
    stored = await asyncio.to_thread(services.storage.version, name, version)
    await services.registry.retry(stored)
    services.registry.check_usable(stored.name, stored.version)
    return await _set_active(services, name, version, is_active=True)


@router.post(
    "/{name}/versions/{version}/deactivate",
    summary="Deactivate a version",
    responses=problems(404, 422, 503),
)
async def deactivate_version(services: ServicesDep, name: str, version: Version) -> VersionDocument:
    """Let the highest active version below answer instead; this one still answers by its number."""
    return await _set_active(services, name, version, is_active=False)


@router.get(
    "/{name}/versions/{version}/report",
    summary="Read a version's report",
    response_class=Response,
    responses={
        200: {
            "description": "What was removed, what it changed, what it saves.",
            "content": {
                "application/json": {"schema": {"type": "object"}},
                _MARKDOWN: {"schema": {"type": "string"}},
                "text/html": {"schema": {"type": "string"}},
            },
        },
        **problems(404, 422),
    },
)
def show_report(
    request: Request,
    services: ServicesDep,
    name: str,
    version: Version,
    form: Annotated[
        ReportForm | None,
        Query(alias="format", description="Instead of the Accept header."),
    ] = None,
) -> Response:
    """Return the report as JSON (default), Markdown or an HTML page, by `format` or Accept."""
    form = form or _report_form(request.headers.get("accept", ""))
    if form == "markdown":
        text = services.storage.file(name, version, REPORT_TEXT_FILE).read_text("utf-8")
        return PlainTextResponse(text, media_type=_MARKDOWN)
    content = services.storage.file(name, version, REPORT_FILE).read_bytes()
    if form == "html":
        from app.services.pages import report_page

        return HTMLResponse(report_page(content, services.storage.version(name, version)))
    return Response(content, media_type="application/json")


@router.get(
    "/{name}/versions/{version}/artifact",
    summary="Download the compiled model",
    response_class=FileResponse,
    responses=problems(404, 422),
)
def download_artifact(services: ServicesDep, name: str, version: Version) -> FileResponse:
    """Return the artifact file, which `prunus predict` and `prunus bench` read."""
    path = services.storage.file(name, version, ARTIFACT_FILE)
    return FileResponse(path, filename=f"{name}-{version}.prunus")


@router.get(
    "/{name}/versions/{version}/keras",
    summary="Download the pruned Keras model",
    response_class=FileResponse,
    responses=problems(404, 422),
)
def download_keras(
    services: ServicesDep,
    name: str,
    version: Version,
    form: Annotated[
        Literal["keras", "h5"],
        Query(alias="format", description="keras: for Keras 3. h5: for tf.keras 2."),
    ] = "keras",
) -> FileResponse:
    """Return the pruned model as a `.keras` file for Keras 3, or as an `.h5` file for tf.keras 2.

    There is an `.h5` file only where the upload came from Keras 1 or 2. What the files do not keep of the uploaded one
    is said in the version's `notes`.
    """
    if form == "keras":
        path = services.storage.file(name, version, KERAS_FILE)
    else:
        path = _file_for_keras2(services, name, version)
    return FileResponse(path, filename=f"{name}-{version}.{form}")


def _file_for_keras2(services: Services, name: str, version: int) -> FilePath:
    try:
        return services.storage.file(name, version, KERAS2_FILE)
    except FileNotKeptError as error:
        raise FileNotKeptError(
            error.message,
            hint="an .h5 file is made where the upload came from Keras 1 or 2; the version's notes say why there is none",
        ) from None


async def _delete(services: Services, name: str, versions: list[int]) -> Response:
    await asyncio.to_thread(services.storage.delete, name, versions)
    for version in versions:
        services.registry.drop(name, version)
    return Response(status_code=204)


async def _set_active(
    services: Services, name: str, version: int, *, is_active: bool
) -> VersionDocument:
    stored = await asyncio.to_thread(
        services.storage.set_active, name, version, is_active=is_active
    )
    services.registry.set_standing(name, version, Standing(stored.is_active, stored.revision))
    return _version(services, stored)


def _model(services: Services, versions: list[AnyVersion]) -> ModelDocument:
    """Describe a model by its versions, of which there is one at least."""
    return ModelDocument(
        name=versions[-1].name,
        latest_version=versions[-1].version,
        active_version=max((one.version for one in versions if one.is_active), default=None),
        versions=[_version(services, one) for one in versions if isinstance(one, StoredVersion)],
        unreadable_versions=[one.version for one in versions if not isinstance(one, StoredVersion)],
    )


def _version(services: Services, stored: StoredVersion) -> VersionDocument:
    executable = services.registry.executable(stored.name, stored.version)
    state = "loading" if services.registry.is_starting else "unavailable"
    return VersionDocument.of(stored, "loaded" if executable else state, executable)


def _report_form(accept: str) -> ReportForm:
    """Return the form of the report that comes first in an Accept header."""
    for item in accept.split(","):
        kind = item.split(";")[0].strip().lower()
        if kind in {"text/html", "application/xhtml+xml"}:
            return "html"
        if kind in {_MARKDOWN, "text/plain"}:
            return "markdown"
        if kind == "application/json":
            return "json"
    return "json"
