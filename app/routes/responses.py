"""Problem responses as OpenAPI documents them, for the routes of all modules."""

from typing import Any

from app.core.problems import MEDIA_TYPE
from app.routes.schemas import ProblemDocument

_TEXTS = {
    404: "It does not exist.",
    406: "Accept allows no form of the answer.",
    408: "The upload took too long.",
    409: "It is in a state that does not allow this.",
    413: "The upload is over a limit.",
    415: "The content type is not supported.",
    422: "The request, the model file or the recipe is not valid.",
    503: "The service cannot do this now; see Retry-After.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route that can answer with these statuses."""
    schema = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
    return {
        status: {"description": _TEXTS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }
