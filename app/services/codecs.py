"""Bodies of predictions: bytes to arrays and back, for JSON, .npy and .npz.

Nothing here runs code of a body: object arrays (pickles) are refused, zip entries are measured before they are
unpacked. `.npy` headers repeat from request to request, so parsed ones are remembered.
"""

import ast
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
import orjson

from app.errors import (
    BodyTooLargeError,
    InvalidArrayError,
    InvalidJsonError,
    InvalidRequestError,
    WrongDtypeError,
)
from app.services.tensors import Array

JSON = "application/json"
NPY = "application/x-npy"
NPZ = "application/x-npz"
OCTETS = "application/octet-stream"
_COPIED_MAX_BYTES = 16 * 1024
_NPY_MAGIC = b"\x93NUMPY"
_ZIP_MAGIC = b"PK\x03\x04"
_HEADER_MAX_BYTES = 4096
_NPY_VERSIONS = (1, 2, 3)
_MAX_AXES = 32
_MAX_AXIS = 2**31 - 1
_NPZ_MAX_ENTRIES = 256
# What zipfile lets out for damaged files: ValueError for offsets that lie before the file.
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError),
)
_NPZ_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class PredictCall(NamedTuple):
    """A decoded prediction request.

    Attributes:
        model: name of the model; empty where the request does not say.
        version: None takes the latest.
        inputs: a mapping by input name, or what the model's only input gets.
        has_booleans: whether there may be `True` or `False` among nested lists.
    """

    model: str
    version: int | None
    inputs: object
    has_booleans: bool = True


def decode_json(body: bytes) -> PredictCall:
    """Read `{"model", "version"?, "inputs"}`.

    Raises:
        InvalidJsonError: the body is not JSON.
        InvalidRequestError: it is, but a field is missing, unknown or wrong.
        WrongDtypeError: there is text among the inputs.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        document = _with_non_finite_numbers(body, error)
    if type(document) is not dict:
        raise InvalidRequestError(
            "the body is no JSON object", expected='{"model": ..., "inputs": ...}'
        )
    texts = len(document) + ("model" in document)
    inputs = document.pop("inputs", None)
    model = document.pop("model", "")
    version = document.pop("version", None)
    if inputs is None:
        raise InvalidRequestError("'inputs' is missing", expected="a nested list, or an object")
    if type(inputs) is not list and type(inputs) is not dict:
        raise InvalidRequestError(
            "'inputs' cannot be used",
            expected="a nested list, or an object by input name",
            got=type(inputs).__name__,
        )
    if document:
        name = next(iter(document))
        raise InvalidRequestError(
            "the body has an unknown field",
            expected="model, version, inputs",
            got=repr(str(name)[:80]),
        )
    if type(model) is not str or not _is_unicode(model):
        raise InvalidRequestError("'model' cannot be used", expected="a text")
    if version is not None and (type(version) is not int or version < 1):
        raise InvalidRequestError("'version' cannot be used", expected="a positive whole number")
    if type(inputs) is dict:
        texts += len(inputs)
    if _has_more_quotes(body, 2 * texts):
        _refuse_text(inputs)
    # One byte is found many times as fast as a word, and is missing in most bodies.
    has_booleans = (ord("r") in body and b"true" in body) or (ord("a") in body and b"false" in body)
    return PredictCall(model, version, inputs, has_booleans)


def _has_more_quotes(body: bytes, count: int) -> bool:
    place = -1
    for _ in range(count + 1):
        place = body.find(b'"', place + 1)
        if place < 0:
            return False
    return True


def _is_unicode(text: str) -> bool:
    """Whether `text` can be encoded: Python's parser of JSON lets lone surrogates through."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _refuse_text(inputs: object) -> None:
    """Refuse text among nested lists of numbers.

    NumPy would make room for the longest text in every element: gigabytes for a small body.
    """
    waiting: list[object] = list(inputs.values()) if isinstance(inputs, dict) else [inputs]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str):
            raise WrongDtypeError(
                "the inputs have the wrong element type", expected="numbers", got="text"
            )


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


def decode_npy(body: bytes) -> Array:
    """Read one array from a .npy file.

    Returns:
        A view of the body, or of a copy of it.

    Raises:
        InvalidArrayError: it is not a .npy file, is cut off, or holds Python objects.
    """
    start = _npy_header_end(body)
    shape, dtype, fortran = _npy_header(body[:start])
    size = prod(shape) * dtype.itemsize
    if len(body) - start != size:
        raise InvalidArrayError(
            "the .npy file has the wrong length",
            expected=f"{start + size:,} bytes",
            got=f"{len(body):,} bytes",
        )
    # The engine finds the address of writeable memory faster; worth a copy of what is small.
    buffer = bytearray(body) if len(body) <= _COPIED_MAX_BYTES else body
    flat = np.frombuffer(buffer, dtype, offset=start)
    try:
        return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
    except ValueError:  # no elements, but axes whose product overflows
        raise InvalidArrayError("the .npy file's shape is not valid", got=str(shape)[:80]) from None


def _npy_header_end(body: bytes) -> int:
    """Return where the data of a .npy file start: numpy.lib.format, versions 1 to 3."""
    if body[:6] != _NPY_MAGIC or len(body) < 12:
        raise InvalidArrayError("the body is not a .npy file", hint="write it with numpy.save")
    width = 2 if body[6] == 1 else 4
    end = 8 + width + int.from_bytes(body[8 : 8 + width], "little")
    if end > min(len(body), _HEADER_MAX_BYTES):
        raise InvalidArrayError("the .npy header is cut off or too long")
    return end


@lru_cache(maxsize=1024)
def _npy_header(header: bytes) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Return shape, dtype, and whether the first axis is the fastest.

    The header is a Python literal (numpy.lib.format). NumPy's own parser falls back to tokenising the code of Python 2,
    with errors of many kinds; here only the literal is read.
    """
    width = 2 if header[6] == 1 else 4
    try:
        fields = ast.literal_eval(header[8 + width :].decode("latin-1").strip())
        dtype = np.dtype(fields["descr"]) if type(fields["descr"]) is str else None
        shape, fortran = fields["shape"], fields["fortran_order"]
    except (SyntaxError, ValueError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise InvalidArrayError("the .npy header cannot be read", got=str(error)[:200]) from None
    if header[6] not in _NPY_VERSIONS or type(fortran) is not bool or type(shape) is not tuple:
        raise InvalidArrayError("the .npy header cannot be read")
    if not all(type(axis) is int and 0 <= axis <= _MAX_AXIS for axis in shape) or (
        len(shape) > _MAX_AXES
    ):
        raise InvalidArrayError("the .npy file's shape is not valid", got=str(shape)[:80])
    if dtype is None or dtype.kind not in "biuf":
        raise InvalidArrayError(
            "the array's elements are no numbers", expected="a numeric dtype", got=str(dtype)[:80]
        )
    return shape, dtype, fortran


def encode_npy(array: Array) -> bytes:
    """Write a .npy file."""
    array = np.ascontiguousarray(array)
    return _npy_file_header(array.dtype.str, array.shape) + array.tobytes()


@lru_cache(maxsize=1024)
def _npy_file_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def decode_npz(body: bytes, decoded_max_bytes: int) -> dict[str, Array]:
    """Read the arrays of a .npz file by name.

    Args:
        body: the file.
        decoded_max_bytes: limit on all arrays together, checked before anything is unpacked.

    Raises:
        InvalidArrayError: it is not a .npz file, is damaged, or holds Python objects.
        BodyTooLargeError: it unpacks to more than the limit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            _check_entries(entries, decoded_max_bytes)
            return {entry.filename[: -len(".npy")]: _entry(archive, entry) for entry in entries}
    except _ZIP_ERRORS as error:
        raise InvalidArrayError("the .npz file cannot be read", got=str(error)[:200]) from None


def _check_entries(entries: list[zipfile.ZipInfo], decoded_max_bytes: int) -> None:
    if sum(entry.file_size for entry in entries) > decoded_max_bytes:
        raise BodyTooLargeError(
            "the .npz file, unpacked,", decoded_max_bytes, "PRUNUS_PREDICT_DECODED_MAX_BYTES"
        )
    names = [entry.filename for entry in entries]
    if not names or len(names) > _NPZ_MAX_ENTRIES or len(set(names)) != len(names):
        raise InvalidArrayError(
            "the .npz file has no entries, too many, or the same twice",
            expected=f"1 to {_NPZ_MAX_ENTRIES} arrays",
        )
    for entry in entries:
        if not entry.filename.endswith(".npy") or entry.compress_type not in _NPZ_METHODS:
            raise InvalidArrayError(
                "the .npz file has an entry that numpy.savez does not write",
                got=repr(entry.filename[:80]),
            )


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    """Unpack one entry: at most as many bytes as it said it has."""
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise InvalidArrayError("an entry of the .npz file has another size than it says")
    return decode_npy(content)


def encode_npz(arrays: Mapping[str, Array]) -> bytes:
    """Write a .npz file (not compressed), also for names that numpy.savez takes for arguments."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", encode_npy(array))
    return file.getvalue()


def sniff(body: bytes) -> str:
    """Return the media type of an octet stream by its first bytes.

    Raises:
        InvalidArrayError: it is neither .npy nor .npz.
    """
    if body.startswith(_NPY_MAGIC):
        return NPY
    if body.startswith(_ZIP_MAGIC):
        return NPZ
    raise InvalidArrayError("the body is neither a .npy nor a .npz file")
