"""Forms in pieces, arrays of every kind: what decoding must do with any input, not only with tidy ones."""

import asyncio
import errno
import io
import itertools
import warnings
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from app.core.errors import InvalidArrayError, InvalidJsonError, StorageFullError
from app.core.settings import Settings
from app.services import uploads
from app.services.array_files import NpzBody, decode_npy, encode_npy, encode_npz
from app.services.codecs import decode_json, sniff
from app.services.tensors import Signature
from app.services.uploads import Upload, receive_upload
from engine.core.errors import InputError
from engine.execution.runtime import TensorSpec
from graph.errors import PrunusError

BOUNDARY = b"0123abcd"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY.decode()}"


def form(file: bytes, name: str) -> bytes:
    head = b'--%b\r\nContent-Disposition: form-data; name="name"\r\n\r\n%b\r\n'
    tail = (
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="m.keras"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n%b\r\n--%b--\r\n"
    )
    return head % (BOUNDARY, name.encode()) + tail % (BOUNDARY, file, BOUNDARY)


def receive(body: bytes, cuts: list[int], folder: Path) -> Upload:
    async def chunks() -> AsyncIterator[bytes]:
        places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
        for start, end in itertools.pairwise(places):
            yield body[start:end]

    folder.mkdir(exist_ok=True)
    return asyncio.run(receive_upload(CONTENT_TYPE, chunks(), folder, "me", Settings()))


@settings(max_examples=60)
@given(
    file=st.binary(max_size=300) | st.just(b"\r\n--" + BOUNDARY[:-1] + b"\r\n--"),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
)
def test_a_form_is_the_same_however_it_is_cut(
    file: bytes, cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    upload = receive(form(file, "a name"), cuts, tmp_path_factory.mktemp("uploads"))
    assert upload.fields == {"name": "a name"}
    assert upload.file_names == {"file": "m.keras"}
    assert (upload.folder / "upload.model").read_bytes() == file
    assert upload.sizes == {"file": len(file)}


@settings(max_examples=60)
@given(
    body=st.binary(max_size=200) | st.integers(0, 200).map(lambda n: form(b"x" * 50, "n")[:n]),
    cuts=st.lists(st.integers(0, 1000), max_size=5),
)
def test_a_broken_form_is_refused_and_leaves_nothing(
    body: bytes, cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.raises(PrunusError):
        receive(body, cuts, folder)
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads._Form, "_part_data", full)
    with pytest.raises(StorageFullError):
        receive(form(b"x", "n"), [], tmp_path / "uploads")
    assert list((tmp_path / "uploads").iterdir()) == []


NUMBERS = st.sampled_from(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u4", "?"])
ARRAYS = NUMBERS.flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@given(ARRAYS)
def test_npy_files_are_read_as_numpy_reads_them(array: np.ndarray) -> None:
    for order in "CF":
        file = io.BytesIO()
        np.save(file, np.asarray(array, order=order))  # type: ignore[call-overload]
        found = decode_npy(file.getvalue())
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


@given(ARRAYS)
def test_what_is_written_as_npy_and_npz_is_read_by_numpy(array: np.ndarray) -> None:
    np.testing.assert_array_equal(
        np.load(io.BytesIO(encode_npy(array))), np.atleast_1d(array) if array.ndim == 0 else array
    )
    with np.load(io.BytesIO(encode_npz({"file": array, "a/b": array}))) as found:
        assert sorted(found.files) == ["a/b", "file"]


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidArrayError):
        decode_npy(body)
    with pytest.raises(InvalidArrayError):
        NpzBody(body, 1000)
    if not body.startswith((b"\x93NUMPY", b"PK\x03\x04")):
        with pytest.raises(InvalidArrayError):
            sniff(body)


@pytest.mark.parametrize(
    "shape",
    ["(0, 9" + "9" * 30 + ")", "(0, 2147483647, 2147483647, 2147483647)", "(-1,)", "(True,)", "[]"],
)
def test_shapes_that_cannot_be_are_refused(shape: str) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with pytest.raises(InvalidArrayError):
        decode_npy(body)


@pytest.mark.parametrize(
    "descr",
    [
        "'|a1'",
        "'float32'",
        "'<f4,<f4'",
        "'<c8'",
        "'|O'",
        "'<U0'",
        "'|S0'",
        "'<U99999999'",
        "'<M8[s]'",
        "'|V4'",
        "4",
    ],
)
def test_element_types_that_are_no_numbers_are_never_asked_of_numpy(descr: str) -> None:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}".ljust(117) + "\n"
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidArrayError, match="neither numbers nor texts"):
            decode_npy(body)


ENDLESS = "0x" + "f" * 3600


@pytest.mark.parametrize(
    "fields",
    [
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({ENDLESS},)}}",
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': (-{ENDLESS},)}}",
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': ((1, {ENDLESS}),)}}",
        f"{{'descr': {ENDLESS}, 'fortran_order': False, 'shape': (1,)}}",
        f"{{'descr': [('a', {ENDLESS})], 'fortran_order': False, 'shape': (1,)}}",
        f"{{'descr': '<f4', 'fortran_order': {ENDLESS}, 'shape': (1,)}}",
        f"{{{ENDLESS}: 1, 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}}",
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': {ENDLESS}}}",
        f"{ENDLESS}",
        "1" * 3900,
    ],
)
def test_integers_too_long_to_be_shown_are_refused(fields: str) -> None:
    # Python shows no integer of more than 4,300 decimal digits; hexadecimal ones are read at any length.
    header = fields.ljust(117) + "\n"
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with pytest.raises(InvalidArrayError):
        decode_npy(body)
    with pytest.raises(InvalidArrayError):
        NpzBody(packed(body), 10_000).headers()


def packed(body: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", body)
    return file.getvalue()


@given(ARRAYS, st.data())
def test_a_damaged_npy_file_is_refused_or_an_array(array: np.ndarray, data: Any) -> None:
    body = bytearray(encode_npy(array))
    place = data.draw(st.integers(0, min(len(body), 130) - 1))
    body[place] = data.draw(st.integers(0, 255))
    try:
        found = decode_npy(bytes(body))
    except InvalidArrayError:
        return
    assert found.dtype.kind in "biuf"
    assert found.nbytes <= len(body)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_text_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(PrunusError):
        decode_json(body)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidJsonError):
        decode_json(b'{"inputs": ' + b"[" * 100_000 + b"NaN")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=20,
)


@settings(max_examples=300)
@given(value=VALUES, dtype=st.sampled_from(["float32", "int32", "bool", "uint8"]))
def test_any_json_value_is_an_array_of_the_model_or_refused(value: object, dtype: str) -> None:
    signature = Signature((TensorSpec("x", dtype, (2,), (2,)),), ())
    try:
        arrays = signature.arrays({"x": value})
    except InputError:
        return
    assert arrays["x"].dtype == dtype


NUMBERS = st.one_of(
    st.floats(width=64), st.integers(-(2**70), 2**70), st.none(), st.floats(width=32)
)


@settings(max_examples=300)
@given(rows=st.lists(st.lists(NUMBERS, max_size=3), max_size=4))
def test_rows_are_packed_to_what_numpy_makes_of_them(rows: list[list[object]]) -> None:
    signature = Signature((TensorSpec("x", "float32", (2,), (2,)),), ())

    def arrays(*, has_booleans: bool) -> np.ndarray | str:
        try:
            return signature.arrays(rows, has_booleans=has_booleans)["x"]
        except InputError as error:
            return error.slug

    by_numpy, packed = arrays(has_booleans=True), arrays(has_booleans=False)
    if isinstance(by_numpy, str):
        assert packed == by_numpy
    else:
        # Integers over 2**53 are rounded twice on one of the two ways.
        np.testing.assert_allclose(packed, by_numpy, rtol=1.2e-7)


@given(npst.arrays("i8", (2, 2), elements=st.integers(-(2**40), 2**40)))
def test_integers_are_converted_exactly_or_refused(array: np.ndarray) -> None:
    signature = Signature((TensorSpec("x", "int32", (2,), (2,)),), ())
    try:
        found = signature.arrays(array)["x"]
    except InputError:
        assert np.abs(array).max() >= 2**31 - 1
        return
    np.testing.assert_array_equal(found, array)
