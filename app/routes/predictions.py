"""`POST /predict`: the one hot path. A bare ASGI endpoint: bytes in, arrays, one native call, bytes out."""

import asyncio
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from app.dependencies import Services
from app.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    InvalidRequestError,
    MediaTypeError,
    ModelNotFoundError,
    ModelNotReadyError,
    NotAcceptableError,
    VersionNotFoundError,
)
from app.services.codecs import (
    JSON,
    NPY,
    NPZ,
    OCTETS,
    PredictCall,
    decode_json,
    decode_npy,
    decode_npz,
    encode_json,
    encode_npy,
    encode_npz,
    sniff,
)
from app.services.registry import LoadedModel
from app.services.tensors import AnswerLimit, Array
from app.settings import Settings
from graph.errors import PrunusError

_VERSION = re.compile(r"0{0,9}[1-9][0-9]{0,9}")
_FORMS = (JSON, NPY, NPZ)
_TYPE_HEADERS = {form: (b"content-type", form.encode()) for form in _FORMS}
_MEDIA_TYPES = {
    **{form: form for form in (*_FORMS, OCTETS)},
    "application/npy": NPY,
    "application/npz": NPZ,
    "application/vnd.numpy": NPY,
}


class PredictEndpoint:
    """Answers predictions."""

    __slots__ = ()
    path = "/predict"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decode, find the model, check, run, encode."""
        scope["route"] = self
        services: Services = scope["app"].state.services
        content_type, accept = b"", b""
        for name, value in scope["headers"]:
            if name == b"content-type":
                content_type = value
            elif name == b"accept":
                accept = value
        form = media_type(content_type)
        body = await _read(receive, form, services.settings)
        start = time.perf_counter()
        if form == OCTETS:
            form = sniff(body)
        answer_form = answer_media_type(accept, form)
        call = _decode(form, body, scope["query_string"], services)
        model = _loaded(services, call) or await _find(services, call)
        try:
            arrays, samples = model.signature.arrays(
                call.inputs,
                services.inference.batch_max_samples,
                answer_limit(answer_form, services.settings),
                has_booleans=call.has_booleans,
            )
            decoded = time.perf_counter()
            if services.inference.is_inline(model, samples):
                answer = services.inference.run_here(model, arrays)
            else:
                answer = await services.inference.run(model, arrays)
        except PrunusError as error:
            model.series.fail(error.slug)
            raise
        computed = time.perf_counter()
        bare = type(call.inputs) is not dict
        answer_form, content = encode_answer(answer_form, model, answer.outputs, bare=bare)
        length = b"%d" % len(content)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [_TYPE_HEADERS[answer_form], (b"content-length", length)],
            }
        )
        await send({"type": "http.response.body", "body": content})
        model.series.observe(
            samples,
            decoded - start,
            answer.queue_seconds,
            answer.compute_seconds,
            time.perf_counter() - computed,
        )


async def _read(receive: Receive, form: str, settings: Settings) -> bytes:
    """Return the body; refuse it as soon as too much has come, or when the rest does not come in time."""
    is_json = form == JSON
    name = "PRUNUS_PREDICT_JSON_MAX_BYTES" if is_json else "PRUNUS_PREDICT_BODY_MAX_BYTES"
    limit = settings.predict_json_max_bytes if is_json else settings.predict_body_max_bytes
    message = await receive()
    if message.get("more_body", False):
        # Most bodies come whole; only others need a clock.
        return await _read_parts(message, receive, limit, name, settings)
    return _checked_part(message, 0, limit, name)


async def _read_parts(
    message: Message, receive: Receive, limit: int, limit_name: str, settings: Settings
) -> bytes:
    parts = [_checked_part(message, 0, limit, limit_name)]
    size = len(parts[0])
    try:
        async with asyncio.timeout(settings.predict_read_timeout_seconds):
            while message.get("more_body", False):
                message = await receive()
                parts.append(_checked_part(message, size, limit, limit_name))
                size += len(parts[-1])
    except TimeoutError:
        raise BodyTimeoutError(
            "the body did not arrive in time",
            expected=f"at most {settings.predict_read_timeout_seconds:g} seconds",
            got=f"{size:,} bytes so far",
            hint="the limit is the setting PRUNUS_PREDICT_READ_TIMEOUT_SECONDS",
        ) from None
    return b"".join(parts)


def _checked_part(message: Message, size: int, limit_bytes: int, limit_name: str) -> bytes:
    """Return what a message adds to a body of `size` bytes."""
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    part: bytes = message.get("body", b"")
    if size + len(part) > limit_bytes:
        raise BodyTooLargeError("the body", limit_bytes, limit_name)
    return part


def answer_limit(form: str, settings: Settings) -> AnswerLimit:
    """Return how large the arrays of an answer may be: text is written while everybody waits."""
    if form == JSON:
        return AnswerLimit(settings.predict_json_max_bytes, "PRUNUS_PREDICT_JSON_MAX_BYTES")
    return AnswerLimit(settings.predict_decoded_max_bytes, "PRUNUS_PREDICT_DECODED_MAX_BYTES")


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


def _decode(form: str, body: bytes, query: bytes, services: Services) -> PredictCall:
    model, version = _query(query)
    if form == JSON:
        call = decode_json(body)
        if call.model and call.version is not None:
            return call
        return PredictCall(
            call.model or model,
            version if call.version is None else call.version,
            call.inputs,
            call.has_booleans,
        )
    if form == NPY:
        return PredictCall(model, version, decode_npy(body))
    arrays = decode_npz(body, services.settings.predict_decoded_max_bytes)
    return PredictCall(model, version, arrays)


@lru_cache(maxsize=1024)
def _query(query: bytes) -> tuple[str, int | None]:
    """Return `model` and `version` of a query string."""
    if not query:
        return "", None
    try:
        fields = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise InvalidRequestError("the query cannot be used", got=str(error)[:200]) from None
    version = fields.get("version", [None])[-1]
    if version is not None and not _VERSION.fullmatch(version):
        raise InvalidRequestError(
            "'version' cannot be used", expected="a positive whole number", got=repr(version[:40])
        )
    return fields.get("model", [""])[-1], None if version is None else int(version)


def _loaded(services: Services, call: PredictCall) -> LoadedModel | None:
    try:
        return services.registry.get(call.model, call.version) if call.model else None
    except PrunusError:
        return None


async def _find(services: Services, call: PredictCall) -> LoadedModel:
    if not call.model:
        raise InvalidRequestError(
            "the model is not named",
            expected='"model" in a JSON body, or ?model= for .npy and .npz',
            hint="GET /models lists the models",
        )
    try:
        return services.registry.get(call.model, call.version)
    except (ModelNotFoundError, VersionNotFoundError):
        for job in await asyncio.to_thread(services.job_log.preparing, call.model):
            if call.version in {None, job.version}:
                raise ModelNotReadyError(
                    f"version {job.version} of model {call.model!r} is still being prepared",
                    hint=f"GET /jobs/{job.id} shows how far it is",
                ) from None
        raise


def encode_answer(
    form: str, model: LoadedModel, outputs: Mapping[str, Array], *, bare: bool
) -> tuple[str, bytes]:
    """Return media type and body of an answer; several outputs do not fit a .npy and become a .npz."""
    if form == JSON:
        return JSON, encode_json(model.name, model.version, outputs, bare=bare)
    if form == NPY and len(outputs) == 1:
        (array,) = outputs.values()
        return NPY, encode_npy(array)
    return NPZ, encode_npz(outputs)
