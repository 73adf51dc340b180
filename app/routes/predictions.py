"""`POST /predict`: the one hot path. A bare ASGI endpoint: bytes in, arrays, one native call, bytes out."""

import asyncio
import re
import time
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs

import numpy as np
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from app.core.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    InvalidRequestError,
    MediaTypeError,
    NotAcceptableError,
)
from app.core.settings import Settings
from app.routes.dependencies import Services, unknown_parameter
from app.routes.prediction_answer import Answer, encode
from app.services.array_files import NpzBody, decode_npy
from app.services.codecs import (
    JSON,
    NPY,
    NPZ,
    OCTETS,
    PredictCall,
    decode_json,
    sniff,
)
from app.services.conversion import SMALL_TEXT_BYTES
from app.services.prediction import AnswerLimit

_VERSION = re.compile(r"0{0,9}[1-9][0-9]{0,9}")
_PARAMETERS = ("model", "version")
_FORMS = (JSON, NPY, NPZ)
_TYPE_HEADERS = {form: (b"content-type", form.encode()) for form in _FORMS}
_NOT_FINITE = (
    b"x-prunus-warning",
    b"numbers that are not finite (NaN, infinity) went in or came out; JSON shows them as null",
)
_MEDIA_TYPES = {
    **{form: form for form in (*_FORMS, OCTETS)},
    "application/npy": NPY,
    "application/npz": NPZ,
    "application/vnd.numpy": NPY,
}


class PredictEndpoint:
    """Answers predictions."""

    __slots__ = ("_answer_limits", "_body_limits")
    path = "/predict"

    def __init__(self, settings: Settings) -> None:
        """Look the limits up once."""
        self._body_limits = {form: body_limit(form, settings) for form in (*_FORMS, OCTETS)}
        self._answer_limits = {form: answer_limit(form, settings) for form in _FORMS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, decode, predict, encode."""
        scope["route"] = self
        services: Services = scope["app"].state.services
        content_type, accept = b"", b""
        for name, value in scope["headers"]:
            if name == b"content-type":
                content_type = value
            elif name == b"accept":
                accept = value
            elif name == b"content-encoding":
                refuse_coding(value)
        form = media_type(content_type)
        body = await _read(receive, form, self._body_limits[form], services)
        start = time.perf_counter()
        if form == OCTETS:
            form = sniff(body)
        answer_form = answer_media_type(accept, form)
        model, version = _query(scope["query_string"])
        ready = None
        if form != JSON:
            decoded_max_bytes = services.settings.predict_decoded_max_bytes
            arrays = decode_npy(body) if form == NPY else NpzBody(body, decoded_max_bytes)
            call = PredictCall(model, version, arrays)
        elif len(body) > SMALL_TEXT_BYTES:
            call, ready = await services.predictor.read_text(body, model, version)
        else:
            call = decode_json(body, model, version)
        limit = self._answer_limits[answer_form]
        found = await services.predictor.predict(call, limit, ready)
        bare = type(call.inputs) is list or type(call.inputs) is np.ndarray
        answer = await encode(answer_form, found, services.conversion, bare=bare)
        headers = _answer_headers(answer, found.model.version)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in answer.parts[:-1]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": answer.parts[-1]})
        found.model.series.observe(
            found.samples,
            found.ready_at - start,
            found.queue_seconds,
            found.compute_seconds,
            time.perf_counter() - found.done_at,
        )


def _answer_headers(answer: Answer, version: int) -> list[tuple[bytes, bytes]]:
    headers = [_TYPE_HEADERS[answer.form], (b"content-length", b"%d" % answer.size_bytes)]
    if answer.form != JSON:  # which says in its body which version has answered
        headers.append((b"x-prunus-version", b"%d" % version))
    if not answer.is_finite:
        headers.append(_NOT_FINITE)
    return headers


class _BodyLimit(NamedTuple):
    """Most bytes of a body, the setting that says so, and what to do about a larger one."""

    max_bytes: int
    setting: str
    hint: str


def body_limit(form: str, settings: Settings) -> _BodyLimit:
    """Return how large a body may be."""
    if form == JSON:
        hint = "send a .npy file, which may be larger, or fewer samples; "
        return _BodyLimit(settings.predict_json_max_bytes, "PRUNUS_PREDICT_JSON_MAX_BYTES", hint)
    return _BodyLimit(settings.predict_body_max_bytes, "PRUNUS_PREDICT_BODY_MAX_BYTES", "")


def answer_limit(form: str, settings: Settings) -> AnswerLimit:
    """Return how large the arrays of an answer may be: text is written while everybody waits."""
    if form == JSON:
        return AnswerLimit(settings.predict_json_max_bytes, "PRUNUS_PREDICT_JSON_MAX_BYTES")
    return AnswerLimit(settings.predict_decoded_max_bytes, "PRUNUS_PREDICT_DECODED_MAX_BYTES")


async def _read(receive: Receive, form: str, limit: _BodyLimit, services: Services) -> bytes:
    """Return the body; refuse it as soon as too much has come, or when the rest does not come in time."""
    message = await receive()
    if message.get("more_body", False):
        if form == JSON:
            services.conversion.check_text()
        # Most bodies come whole; only others need a clock.
        return await _read_parts(message, receive, limit, services.settings)
    return _checked_part(message, 0, limit)


async def _read_parts(
    message: Message, receive: Receive, limit: _BodyLimit, settings: Settings
) -> bytes:
    parts = [_checked_part(message, 0, limit)]
    size = len(parts[0])
    try:
        async with asyncio.timeout(settings.predict_read_timeout_seconds):
            while message.get("more_body", False):
                message = await receive()
                parts.append(_checked_part(message, size, limit))
                size += len(parts[-1])
    except TimeoutError:
        raise BodyTimeoutError(
            "the body did not arrive in time",
            expected=f"at most {settings.predict_read_timeout_seconds:g} seconds",
            got=f"{size:,} bytes so far",
            hint="the limit is the setting PRUNUS_PREDICT_READ_TIMEOUT_SECONDS",
        ) from None
    return b"".join(parts)


def _checked_part(message: Message, size: int, limit: _BodyLimit) -> bytes:
    """Return what a message adds to a body of `size` bytes."""
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    part: bytes = message.get("body", b"")
    if size + len(part) > limit.max_bytes:
        raise BodyTooLargeError("the body", *limit)
    return part


@lru_cache(maxsize=256)
def media_type(content_type: bytes) -> str:
    """Return which form of body a Content-Type header names.

    Raises:
        MediaTypeError: none that is read here.
    """
    text = content_type.decode("latin-1").split(";")[0].strip().lower()
    form = _MEDIA_TYPES.get(text)
    if form is None:
        raise MediaTypeError(
            "predictions are not read from this content type",
            expected=f"one of {JSON}, {NPY}, {NPZ}, {OCTETS}",
            got=repr(text[:100]) if text else "no Content-Type",
            hint=f"curl needs -H 'Content-Type: {JSON}'",
        )
    return form


def refuse_coding(coding: bytes) -> None:
    """Refuse a compressed body.

    Raises:
        MediaTypeError: the Content-Encoding header names a coding.
    """
    if coding.strip().lower() not in {b"", b"identity"}:
        raise MediaTypeError(
            "compressed bodies are not read",
            expected="no Content-Encoding",
            got=f"Content-Encoding: {coding.decode('latin-1')[:40]}",
            hint="send the body as it is",
        )


@lru_cache(maxsize=256)
def answer_media_type(accept: bytes, form: str) -> str:
    """Return the form of the answer: that of the request, unless the Accept header asks for others.

    Raises:
        NotAcceptableError: the header allows none.
    """
    if not accept or accept == b"*/*":
        return form
    wanted: list[tuple[float, str]] = []
    for item in accept.decode("latin-1").split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = _quality(parameters)
        if quality > 0:
            wanted.append((quality, name))
    wanted.sort(key=lambda pair: -pair[0])
    for _, name in wanted:
        if name in {"*/*", "application/*"}:
            return form
        found = _MEDIA_TYPES.get(name)
        if found is not None:
            return form if found == OCTETS else found
    raise NotAcceptableError(
        "the answer has none of the forms in Accept",
        expected=f"one of {', '.join(_FORMS)}",
        got=repr(accept.decode("latin-1")[:100]),
    )


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


@lru_cache(maxsize=1024)
def _query(query: bytes) -> tuple[str, int | None]:
    """Return `model` and `version` of a query string."""
    if not query:
        return "", None
    try:
        fields = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise InvalidRequestError("the query cannot be used", got=str(error)[:200]) from None
    for name in fields:
        if name not in _PARAMETERS:
            raise unknown_parameter(name, _PARAMETERS)
    version = fields.get("version", [None])[-1]
    if version is not None and not _VERSION.fullmatch(version):
        raise InvalidRequestError(
            "'version' cannot be used", expected="a positive whole number", got=repr(version[:40])
        )
    return fields.get("model", [""])[-1], None if version is None else int(version)
