"""The OpenAPI description: what FastAPI makes of the routes' types, and what it cannot know, written down."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.routes.predictions import PredictEndpoint
from app.routes.schemas import ProblemDocument
from app.services.codecs import JSON, NPY, NPZ

_INPUTS_SCHEMA = {
    "description": "A nested list [batch, ...sample shape] for a model with one input,"
    " or an object with one such list per input name.",
    "oneOf": [
        {"type": "array", "items": {}},
        {"type": "object", "additionalProperties": {"type": "array", "items": {}}},
    ],
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PROBLEM = {
    "content": {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    }
}
_STATUSES = {
    "400": "The body cannot be read.",
    "404": "There is no such model or version.",
    "406": "Accept allows no form of the answer.",
    "408": "The body did not arrive in time.",
    "413": "The body or the batch is over its limit.",
    "415": "The content type is not supported.",
    "422": "The inputs do not fit the model.",
    "503": "The model is still being prepared, or too many requests wait; see Retry-After.",
}
# What FastAPI would generate from types, written down: tensors do not go through pydantic.
PREDICT_OPENAPI = {
    "post": {
        "tags": ["predictions"],
        "summary": "Predict",
        "description": "JSON, a .npy file (models with one input) or a .npz file (one array per input name);"
        " the answer comes in the same form unless Accept asks for another. NaN, Infinity, -Infinity and null"
        " are accepted as numbers in JSON; outputs that are not finite are null in JSON and untouched in .npy.",
        "operationId": "predict",
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": text,
                "schema": schema,
            }
            for name, text, schema in (
                ("model", "Model, where the body does not name it.", {"type": "string"}),
                ("version", "Version; default the latest.", {"type": "integer", "minimum": 1}),
            )
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["model", "inputs"],
                        "properties": {
                            "model": {"type": "string"},
                            "version": {"type": "integer", "minimum": 1},
                            "inputs": _INPUTS_SCHEMA,
                        },
                    },
                    "example": {"model": "digits", "inputs": [[0.0, 0.5, 1.0]]},
                },
                NPY: _BINARY,
                NPZ: _BINARY,
            },
        },
        "responses": {
            "200": {
                "description": "The outputs, in the form of the inputs.",
                "headers": {
                    "X-Prunus-Warning": {
                        "description": "In JSON answers: inputs or outputs are NaN or infinite.",
                        "schema": {"type": "string"},
                    }
                },
                "content": {
                    JSON: {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "model": {"type": "string"},
                                "version": {"type": "integer"},
                                "outputs": _INPUTS_SCHEMA,
                            },
                        },
                        "example": {"model": "digits", "version": 1, "outputs": [[0.25, 0.75]]},
                    },
                    NPY: _BINARY,
                    NPZ: _BINARY,
                },
            },
            **{status: {"description": text, **_PROBLEM} for status, text in _STATUSES.items()},
        },
    }
}


def openapi_of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Return what replaces `app.openapi`: the description, made at its first use and kept."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            schema["paths"][PredictEndpoint.path] = PREDICT_OPENAPI
            parts = schema["components"]["schemas"]
            parts.setdefault("ProblemDocument", ProblemDocument.model_json_schema())
            for unused in ("HTTPValidationError", "ValidationError"):
                parts.pop(unused, None)
            _drop_validation_responses(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    return openapi


def _drop_validation_responses(schema: dict[str, Any]) -> None:
    """Replace FastAPI's own 422 documents by problems, which is what the service answers."""
    problem = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    for path in schema["paths"].values():
        for operation in path.values():
            response = operation.get("responses", {}).get("422")
            if response and "application/json" in response.get("content", {}):
                response["content"] = {"application/problem+json": problem}
                response["description"] = "A parameter is not valid."
