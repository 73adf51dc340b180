"""Bodies of predictions: JSON to nested lists, arrays to JSON, and which media type is which.

Arrays in .npy and .npz files are read in `array_files`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from app.core.errors import InvalidArrayError, InvalidJsonError, InvalidRequestError
from app.services.array_files import NPY_MAGIC, ZIP_MAGIC
from app.services.shown import shown
from app.services.tensors import Array

JSON = "application/json"
_MODEL_FIRST = re.compile(rb'\s{0,16}\{\s{0,16}"model"\s{0,16}:\s{0,16}"([A-Za-z0-9._-]{1,64})"')
NPY = "application/x-npy"
NPZ = "application/x-npz"
OCTETS = "application/octet-stream"


class PredictCall(NamedTuple):
    """A decoded prediction request.

    Attributes:
        model: name of the model; empty where the request does not say.
        version: the version that is asked; None for the active one.
        inputs: a mapping by input name, or what the model's only input gets.
        has_booleans: whether there may be `True` or `False` among nested lists.
        is_finite: whether the text has none of null, NaN and Infinity in it, as far as a quick look tells.
        size_bytes: size of the text.
        has_text: whether there may be texts among nested lists.
    """

    model: str
    version: int | None
    inputs: object
    has_booleans: bool = True
    is_finite: bool = True
    size_bytes: int = 0
    has_text: bool = False


def decode_json(
    body: bytes, default_model: str = "", default_version: int | None = None
) -> PredictCall:
    """Read `{"model"?, "version"?, "inputs"}`.

    Args:
        body: the text.
        default_model: the model that is asked where the body names none.
        default_version: the version that is asked where the body gives none.

    Raises:
        InvalidJsonError: the body is not JSON.
        InvalidRequestError: it is, but a field is missing, unknown or wrong.
    """
    document, is_finite = _parsed(body)
    if type(document) is not dict:
        raise InvalidRequestError(
            "the body is no JSON object", expected='{"model": ..., "inputs": ...}'
        )
    texts = len(document) + ("model" in document)
    inputs = document.pop("inputs", None)
    model = document.pop("model", "")
    version = document.pop("version", None)
    if document or (type(inputs) is not list and type(inputs) is not dict):
        raise _wrong_fields(inputs, document)
    if type(model) is not str or not _is_unicode(model):
        raise InvalidRequestError("'model' cannot be used", expected="a text")
    if version is None:
        version = default_version
    elif type(version) is not int or version < 1:
        raise InvalidRequestError("'version' cannot be used", expected="a positive whole number")
    if type(inputs) is dict:
        texts += len(inputs)
    has_text = _has_more(body, b'"', 2 * texts)
    has_booleans, has_null = _words(body, model, inputs)
    is_finite = is_finite and not has_null
    return PredictCall(
        model or default_model, version, inputs, has_booleans, is_finite, len(body), has_text
    )


def peek_model(body: bytes) -> str:
    """Return the name of the model where a text begins with it, else nothing; only a hint, nothing is checked."""
    found = _MODEL_FIRST.match(body)
    return found[1].decode("ascii") if found else ""


def _parsed(body: bytes) -> tuple[Any, bool]:
    """Return what a text holds, and whether it has none of NaN and Infinity in it."""
    try:
        return orjson.loads(body), True
    except orjson.JSONDecodeError as error:
        return _with_non_finite_numbers(body, error), False


def _wrong_fields(inputs: object, others: Mapping[str, object]) -> InvalidRequestError:
    """Say what is wrong with a body whose inputs are missing or no tensor, or that has more fields than are known."""
    if inputs is None:
        given = [name for name, value in others.items() if isinstance(value, list | dict)]
        name = shown(given[0]) if given else ""
        return InvalidRequestError(
            "'inputs' is missing",
            expected="a nested list, or an object by input name",
            got=f"the field {name}" if given else "",
            hint=f'rename {name} to "inputs"' if given else "",
        )
    if others:
        return InvalidRequestError(
            "the body has an unknown field",
            expected="model, version, inputs",
            got=shown(next(iter(others))),
        )
    return InvalidRequestError(
        "'inputs' cannot be used",
        expected="a nested list, or an object by input name",
        got=type(inputs).__name__,
    )


def _has_more(body: bytes, byte: bytes, count: int) -> bool:
    """Tell whether a byte occurs more than `count` times; it is found many times as fast as a word."""
    place = -1
    for _ in range(count + 1):
        place = body.find(byte, place + 1)
        if place < 0:
            return False
    return True


def _words(body: bytes, model: str, inputs: list[Any] | dict[str, Any]) -> tuple[bool, bool]:
    """Tell whether there may be true or false, and null, among the inputs.

    Each of the words has the letter u or f, which numbers do not have. Where one stands behind the key "inputs",
    letters of names are counted; a name that is written with escapes has other letters in the text than in itself.
    """
    place = body.find(b"inputs") + 6
    is_escaped = body.find(b"\\") >= 0
    if not is_escaped and body.find(b"u", place) < 0 and body.find(b"f", place) < 0:
        return False, False
    names = ("inputs", model, *inputs) if type(inputs) is dict else ("inputs", model)
    has_u = is_escaped or _has_more(body, b"u", sum([name.count("u") for name in names]))
    has_f = is_escaped or _has_more(body, b"f", sum([name.count("f") for name in names]))
    has_booleans = (has_u and b"true" in body) or (has_f and b"false" in body)
    return has_booleans, has_u and b"null" in body


def _is_unicode(text: str) -> bool:
    """Return whether `text` can be encoded: Python's parser of JSON lets lone surrogates through."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _with_non_finite_numbers(body: bytes, error: orjson.JSONDecodeError) -> Any:
    """Parse again by Python's parser, which knows NaN, Infinity and -Infinity."""
    if b"NaN" in body or b"Infinity" in body:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            pass  # the first parser's message is as good
    raise InvalidJsonError("the body is not JSON", got=str(error)[:200]) from None


def encode_json(name: str, version: int, outputs: Mapping[str, Array], *, bare: bool) -> bytes:
    """Write `{"model", "version", "outputs"}`; numbers that are not finite become null.

    Args:
        name: model.
        version: version that answered.
        outputs: arrays by output name.
        bare: write a single output as a nested list instead of an object.
    """
    values: object = outputs
    if bare and len(outputs) == 1:
        (values,) = outputs.values()
    return orjson.dumps(
        {"model": name, "version": version, "outputs": values},
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def sniff(body: bytes) -> str:
    """Return the media type of an octet stream by its first bytes.

    Raises:
        InvalidArrayError: it is neither .npy nor .npz.
    """
    if body.startswith(NPY_MAGIC):
        return NPY
    if body.startswith(ZIP_MAGIC):
        return NPZ
    raise InvalidArrayError(
        "the body is neither a .npy nor a .npz file",
        hint="write it with numpy.save or numpy.savez, and send it with curl --data-binary @file",
    )
