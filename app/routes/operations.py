"""What runs and watches the service: health, metrics, the meaning of problems, the index."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from app.core.advice import ADVICE
from app.core.errors import RouteNotFoundError
from app.core.problems import PROBLEMS
from app.core.suggestions import did_you_mean
from app.core.version import VERSION
from app.routes.dependencies import ServicesDep
from app.routes.responses import problems
from app.routes.schemas import HealthDocument, ProblemKindDocument

_STATIC = Path(__file__).parent.parent / "static"
router = APIRouter(tags=["operations"])
_LINKS = {
    "models": "/models",
    "jobs": "/jobs",
    "predict": "/predict",
    "metrics": "/metrics",
    "live": "/health/live",
    "ready": "/health/ready",
    "documentation": "/docs",
    "openapi": "/openapi.json",
}


@router.get(
    "/",
    summary="Index",
    response_class=Response,
    responses={
        200: {
            "description": "Links, as JSON or as a page.",
            "content": {"application/json": {}, "text/html": {}},
        }
    },
)
def index(request: Request, services: ServicesDep) -> Response:
    """Return the service's routes, and for browsers a page with its models."""
    if "text/html" in request.headers.get("accept", ""):
        from app.services.pages import index_page

        return HTMLResponse(index_page(services.storage.versions(), _origin(request)))
    return JSONResponse({"service": "prunus", "version": VERSION, "links": _LINKS})


def _origin(request: Request) -> str:
    """Return the address by which the service was asked; only shown, so it need not be trusted."""
    scheme = request.headers.get("x-forwarded-proto", "")
    origin = request.base_url.replace(scheme="https" if scheme == "https" else "http")
    return str(origin).rstrip("/")


@router.get("/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    """Return a page with all routes; it needs neither script nor anything from elsewhere."""
    from app.services.pages import docs_page

    return HTMLResponse(docs_page(request.app.openapi(), _origin(request)))


@router.get("/static/page.css", include_in_schema=False)
def stylesheet() -> FileResponse:
    """Return the style of all pages; a file of its own, so that pages need no inline style."""
    return FileResponse(_STATIC / "page.css", media_type="text/css")


@router.get("/health/live", summary="Is the process alive?")
async def live() -> HealthDocument:
    """Answer as long as the event loop runs."""
    return HealthDocument(status="live")


@router.get(
    "/health/ready",
    summary="Can predictions be sent?",
    responses={503: {"model": HealthDocument, "description": "Starting or stopping."}},
)
async def ready(services: ServicesDep) -> Response:
    """Answer 200 when all stored models were loaded, 503 before that and while shutting down."""
    status = "starting" if services.registry.is_starting else "ready"
    if services.lifecycle.stopping:
        status = "stopping"
    document = HealthDocument(status=status, models_loaded=len(services.registry.versions()))
    return JSONResponse(document.model_dump(), 200 if status == "ready" else 503)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(services: ServicesDep) -> Response:
    """Return all metrics in Prometheus' text format."""
    return Response(
        generate_latest(services.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


@router.get(
    "/problems/{slug}",
    summary="What a problem means",
    response_class=Response,
    responses={
        200: {
            "description": "Cause, cure and an example, as JSON or as a page.",
            "model": ProblemKindDocument,
            "content": {"text/html": {"schema": {"type": "string"}}},
        },
        **problems(404),
    },
)
def problem_kind(request: Request, slug: str) -> Response:
    """Explain the kind of problem whose `type` is this path; browsers get a page."""
    kind = PROBLEMS.get(slug)
    if kind is None:
        raise RouteNotFoundError(
            f"there is no kind of problem {slug[:80]!r}", hint=did_you_mean(slug, PROBLEMS)
        )
    if "text/html" in request.headers.get("accept", ""):
        from app.services.pages import problem_page

        return HTMLResponse(problem_page(slug))
    advice = ADVICE[slug]
    document = ProblemKindDocument(
        type=f"/problems/{slug}",
        status=kind.status,
        text=kind.text,
        cure=advice.cure,
        example=advice.example,
    )
    return JSONResponse(document.model_dump())
