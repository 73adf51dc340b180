"""Arrays in .npy and .npz files: read from the bytes of a request, and written.

Nothing here runs code of a file: object arrays (pickles) are refused. What a file would unpack to is known from its
directory and from the header of each entry before anything is unpacked. `.npy` headers repeat from request to request,
so parsed ones are remembered.
"""

import ast
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from app.core.errors import BodyTooLargeError, InvalidArrayError
from app.services.tensors import Array
from graph.zip_directory import measure_zip_directory

NPY_MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK\x03\x04"
_COPIED_MAX_BYTES = 16 * 1024
_HEADER_MAX_BYTES = 4096
_NPY_VERSIONS = (1, 2, 3)
# Element types as numpy.save spells them: truth values, integers, floats, and texts of a fixed width.
_ELEMENTS = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f(?:[248]|16)|[SU][1-9][0-9]{0,6})")
_PART_BYTES = 1024 * 1024
_MAX_AXES = 32
_MAX_AXIS = 2**31 - 1
_NPZ_MAX_ENTRIES = 256
_NPZ_MAX_DIRECTORY_BYTES = 256 * 1024
# A file that unpacks to more than the floor may not unpack to more than this many times its size.
_NPZ_MAX_RATIO = 100
_NPZ_RATIO_FLOOR_BYTES = 1024 * 1024
# What zipfile lets out for damaged files: ValueError for offsets that lie before the file.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
_NPY_HINT = "write it with numpy.save, and send it with curl --data-binary @file"
_NPZ_HINT = "write it with numpy.savez(file, name=array), and send it with curl --data-binary @file"
_NPZ_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class NpyHeader(NamedTuple):
    """What the header of a .npy file says.

    Attributes:
        data_start: bytes before the elements.
        is_fortran: whether the first axis is the fastest.
    """

    data_start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool

    @property
    def file_bytes(self) -> int:
        """How long the whole file must be."""
        return self.data_start + prod(self.shape) * self.dtype.itemsize


def decode_npy(body: bytes) -> Array:
    """Read one array from a .npy file.

    Returns:
        A view of the body, or of a copy of it.

    Raises:
        InvalidArrayError: it is not a .npy file, is cut off, or holds Python objects.
    """
    header = _npy_header(body[: _npy_header_end(body)])
    if len(body) != header.file_bytes:
        raise InvalidArrayError(
            "the .npy file has the wrong length",
            expected=f"{header.file_bytes:,} bytes",
            got=f"{len(body):,} bytes",
            hint=_curl_hint(body),
        )
    # The engine finds the address of writeable memory faster; worth a copy of what is small.
    buffer = bytearray(body) if len(body) <= _COPIED_MAX_BYTES else body
    flat = np.frombuffer(buffer, header.dtype, offset=header.data_start)
    shape = header.shape
    return flat.reshape(shape[::-1]).T if header.is_fortran else flat.reshape(shape)


def _curl_hint(body: bytes) -> str:
    """Say what `curl -d` does to a file: it takes out line ends, also the header's, and cuts at the first zero byte."""
    if b"\n" in body[:_HEADER_MAX_BYTES]:
        return ""
    return "curl needs --data-binary @file: -d changes the file"


def _npy_header_end(body: bytes) -> int:
    """Return where the data of a .npy file start: numpy.lib.format, versions 1 to 3."""
    if body[:6] != NPY_MAGIC or len(body) < 12:
        raise InvalidArrayError("the body is not a .npy file", hint=_NPY_HINT)
    width = 2 if body[6] == 1 else 4
    end = 8 + width + int.from_bytes(body[8 : 8 + width], "little")
    if end > min(len(body), _HEADER_MAX_BYTES):
        raise InvalidArrayError("the .npy header is cut off or too long", hint=_curl_hint(body))
    return end


@lru_cache(maxsize=1024)
def _npy_header(header: bytes) -> NpyHeader:
    """Return what a header says.

    The header is a Python literal (numpy.lib.format). NumPy's own parser falls back to tokenising the code of Python 2,
    with errors of many kinds; here only the literal is read.
    """
    width = 2 if header[6] == 1 else 4
    try:
        fields = ast.literal_eval(header[8 + width :].decode("latin-1").strip())
        descr, shape, fortran = fields["descr"], fields["shape"], fields["fortran_order"]
    except (SyntaxError, ValueError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise InvalidArrayError("the .npy header cannot be read", got=str(error)[:200]) from None
    if header[6] not in _NPY_VERSIONS or type(fortran) is not bool or type(shape) is not tuple:
        raise InvalidArrayError("the .npy header cannot be read")
    if not _is_shape(shape):
        raise InvalidArrayError("the .npy file's shape is not valid", got=_shown_shape(shape))
    if type(descr) is not str or not _ELEMENTS.fullmatch(descr):
        raise InvalidArrayError(
            "the array's elements are neither numbers nor texts",
            expected="a numeric dtype, U or S",
            got=descr[:80] if type(descr) is str else type(descr).__name__,
        )
    dtype = np.dtype(descr)
    return NpyHeader(len(header), shape, dtype, fortran)


def _is_shape(shape: tuple[object, ...]) -> bool:
    """Tell whether NumPy can make an array of a shape; also without elements its axes must not overflow."""
    sizes = [axis for axis in shape if type(axis) is int and 0 <= axis <= _MAX_AXIS]
    return len(sizes) == len(shape) <= _MAX_AXES and prod(size or 1 for size in sizes) < 2**56


def _shown_shape(shape: tuple[object, ...]) -> str:
    """Show a shape without the axes that may be anything: Python refuses to show very long integers."""
    axes = [
        str(axis) if type(axis) is int and axis.bit_length() < 64 else "?" for axis in shape[:20]
    ]
    return f"({', '.join(axes)})"[:80]


class NpzBody:
    """A .npz file whose directory was read, and nothing else yet.

    Attributes:
        names: names of the arrays, without the ending.
        unpacked_bytes: unpacked size of all arrays together, as the directory says.
        is_compressed: whether any of them is compressed: unpacking such takes longer than copying.
    """

    def __init__(self, body: bytes, decoded_max_bytes: int) -> None:
        """Read the directory of a file.

        Args:
            body: the file.
            decoded_max_bytes: limit on all arrays together.

        Raises:
            InvalidArrayError: it is not a .npz file, is damaged, has too many entries, or entries that unpack to far
                more than their size.
            BodyTooLargeError: it unpacks to more than the limit.
        """
        file = io.BytesIO(body)
        directory = measure_zip_directory(file, _NPZ_MAX_ENTRIES, _NPZ_MAX_DIRECTORY_BYTES)
        if directory is None or directory.is_zip64:
            raise InvalidArrayError("the body is not a .npz file", hint=_NPZ_HINT)
        if not directory.is_small:
            raise InvalidArrayError(
                "the .npz file has too many entries",
                expected=f"1 to {_NPZ_MAX_ENTRIES} arrays",
                got=f"{directory.entries:,} in a directory of {directory.size_bytes:,} bytes",
            )
        with _zip_errors():
            self._archive = zipfile.ZipFile(file)
        entries = self._archive.infolist()
        _check_entries(entries)
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in entries}
        self.names = tuple(self._entries)
        self.unpacked_bytes = sum(entry.file_size for entry in entries)
        self.is_compressed = any(entry.compress_type for entry in entries)
        self._check_size(len(body), decoded_max_bytes)

    def _check_size(self, body_bytes: int, decoded_max_bytes: int) -> None:
        if self.unpacked_bytes > decoded_max_bytes:
            raise BodyTooLargeError(
                "the .npz file, unpacked,", decoded_max_bytes, "PRUNUS_PREDICT_DECODED_MAX_BYTES"
            )
        if self.unpacked_bytes > max(_NPZ_RATIO_FLOOR_BYTES, _NPZ_MAX_RATIO * body_bytes):
            raise InvalidArrayError(
                "the .npz file unpacks to far more than its size",
                expected=f"at most {_NPZ_MAX_RATIO} times",
                got=f"{self.unpacked_bytes:,} bytes from {body_bytes:,}",
                hint="write it with numpy.savez, which does not compress",
            )

    def headers(self) -> dict[str, NpyHeader]:
        """Return the header of each array; of each entry no more than a few KiB are unpacked.

        Raises:
            InvalidArrayError: an entry is no .npy file, or has another size than its header says.
        """
        return {name: self._header(entry) for name, entry in self._entries.items()}

    def _header(self, entry: zipfile.ZipInfo) -> NpyHeader:
        with _zip_errors(), self._archive.open(entry) as file:
            start = file.read(_HEADER_MAX_BYTES)
        header = _npy_header(start[: _npy_header_end(start)])
        if header.file_bytes != entry.file_size:
            raise InvalidArrayError(
                f"entry {entry.filename[:80]!r} of the .npz file has the wrong length",
                expected=f"{header.file_bytes:,} bytes",
                got=f"{entry.file_size:,} bytes",
            )
        return header

    def arrays(self) -> dict[str, Array]:
        """Unpack all arrays.

        Raises:
            InvalidArrayError: an entry is damaged.
        """
        return {name: self._array(entry) for name, entry in self._entries.items()}

    def _array(self, entry: zipfile.ZipInfo) -> Array:
        """Unpack one entry: at most as many bytes as it said it has."""
        with _zip_errors(), self._archive.open(entry) as file:
            content = file.read(entry.file_size + 1)
        if len(content) != entry.file_size:
            raise InvalidArrayError("an entry of the .npz file has another size than it says")
        return decode_npy(content)


@contextmanager
def _zip_errors() -> Iterator[None]:
    try:
        yield
    except _ZIP_ERRORS as error:
        raise InvalidArrayError("the .npz file cannot be read", got=str(error)[:200]) from None


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if not entries or len({entry.filename for entry in entries}) != len(entries):
        raise InvalidArrayError(
            "the .npz file has no entries, or the same twice",
            expected=f"1 to {_NPZ_MAX_ENTRIES} arrays",
        )
    for entry in entries:
        if not entry.filename.endswith(".npy") or entry.compress_type not in _NPZ_METHODS:
            raise InvalidArrayError(
                "the .npz file has an entry that numpy.savez does not write",
                got=repr(entry.filename[:80]),
            )


def encode_npy(array: Array) -> bytes:
    """Write a .npy file."""
    array = np.ascontiguousarray(array)
    return _npy_file_header(array.dtype.str, array.shape) + array.tobytes()


def npy_parts(array: Array) -> list[bytes | memoryview]:
    """Return a .npy file in parts of at most 1 MiB: views of the array, which is not copied."""
    array = np.ascontiguousarray(array)
    data = array.data.cast("B")
    starts = range(0, len(data), _PART_BYTES)
    header = _npy_file_header(array.dtype.str, array.shape)
    return [header, *(data[start : start + _PART_BYTES] for start in starts)]


@lru_cache(maxsize=1024)
def _npy_file_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def encode_npz(arrays: Mapping[str, Array]) -> bytes:
    """Write a .npz file (not compressed), also for names that numpy.savez takes for arguments."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", encode_npy(array))
    return file.getvalue()
