"""What the router and the parameters' types refuse, as our own errors, with what would have been right."""

import itertools
import re
from collections.abc import Iterator
from typing import NoReturn

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from app.core.errors import InvalidRequestError, MethodNotAllowedError, RouteNotFoundError
from app.core.suggestions import did_you_mean
from app.routes.routers import ROUTERS

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
# As other servers of models spell it: TensorFlow Serving, KServe, TorchServe, and what people guess.
_PREDICT_PATHS = re.compile(
    rf"/(?:v[12]/)?models/(?P<name>{_NAME})(?:/versions/(?P<version>[1-9][0-9]{{0,9}}))?[:/](?:predict|infer)"
    rf"|/predict(?:ions)?/(?P<other_name>{_NAME})"
    r"|/(?:predict/|predictions/?|invocations|infer)"
)
_MODEL_PATH = re.compile(rf"/models/(?P<name>{_NAME})/?")


async def raise_http_error(request: Request, error: Exception) -> NoReturn:
    """Turn what the router raises into our own error; the request layer answers it."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 405:
        raise MethodNotAllowedError(
            "the path has other methods",
            expected=", ".join(_allowed_methods(request)),
            got=request.method[:20],
            hint=_right_call(request),
        )
    raise RouteNotFoundError(
        "there is nothing at this path", hint=_right_call(request) or _similar_path(request)
    )


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes that the path leads to."""
    allowed: set[str] = set()
    for route in _routes(request):
        if route.path_regex.match(request.url.path):
            allowed |= route.methods or set()
    return sorted(allowed)


def _routes(request: Request) -> Iterator[Route]:
    own = (route for route in request.app.routes if isinstance(route, Route))
    included = (route for router in ROUTERS for route in router.routes if isinstance(route, Route))
    return itertools.chain(own, included)


def _right_call(request: Request) -> str:
    """Return the command that does what the request probably wanted, or nothing."""
    path, origin = request.url.path, str(request.base_url).rstrip("/")
    found = _PREDICT_PATHS.fullmatch(path)
    if found or path == "/predict":
        name, version = "NAME", ""
        if found:
            name = found["name"] or found["other_name"] or name
            version = f', "version": {found["version"]}' if found["version"] else ""
        body = f'{{"model": "{name}"{version}, "inputs": [[...]]}}'
        return (
            f"predict with: curl -H 'Content-Type: application/json' -d '{body}' {origin}/predict"
        )
    found = _MODEL_PATH.fullmatch(path)
    if found and request.method in {"PUT", "POST", "PATCH"}:
        return f"upload with: curl -F file=@model.keras -F name={found['name']} {origin}/models"
    return ""


def _similar_path(request: Request) -> str:
    paths = (route.path for route in _routes(request) if "{" not in route.path)
    question = did_you_mean(request.url.path, paths)
    return f"{question} GET / lists the routes".strip()


async def raise_validation_error(_request: Request, error: Exception) -> NoReturn:
    """Turn a path or query parameter that does not fit its type into our own error."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    raise InvalidRequestError(
        f"the parameter {where!r} cannot be used",
        expected=str(first["msg"]),
        got=repr(first.get("input"))[:80],
    )
