"""Reads a gzipped tar archive in order, under limits, without a library that would act on what it says."""

import gzip
from collections.abc import Iterator

from graph import limits as bounds
from graph.errors import (
    ArchiveError,
    DamagedFileError,
    EntryNameError,
    FileLimitError,
    NotAModelFileError,
    ZipBombError,
)
from graph.file_kind import FORMATS_HINT
from graph.limits import FileLimits

_BLOCK_BYTES = 512
_STEP_BYTES = 1024 * 1024


class Unpacked:
    """A gzipped file, read in order and bounded while it expands."""

    def __init__(self, file: gzip.GzipFile, size: int, limits: FileLimits) -> None:
        self._file = file
        self._size = size
        self._most = limits.file_max_bytes
        self._read = 0

    def read(self, count: int) -> bytes:
        """Return the next bytes: fewer only at the end.

        Raises:
            ZipBombError: the file expands too far.
        """
        self._count(count)
        return self._file.read(count)

    def skip(self, count: int) -> None:
        """Pass over some bytes."""
        while count > 0:
            step = min(count, _STEP_BYTES)
            if len(self.read(step)) < step:
                raise DamagedFileError("the tar archive is cut off")
            count -= step

    def _count(self, count: int) -> None:
        self._read += count
        inflated = bounds.inflated_bytes(self._read, self._size)
        if inflated > bounds.MAX_INFLATED_BYTES:
            raise ZipBombError(
                f"the gzip archive expands more than {bounds.MAX_ARCHIVE_RATIO} times, to more than is allowed",
                expected=f"at most {bounds.MAX_INFLATED_BYTES} bytes",
            )
        if self._read > self._most:
            raise FileLimitError(
                "the archive is too large when unpacked", expected=f"at most {self._most} bytes"
            )


def tar_entries(file: Unpacked) -> Iterator[tuple[str, int]]:
    """Yield name and size of each regular file; the caller reads or skips its bytes. Source: POSIX.1-2017, pax.

    Long names of GNU tar (type L) and of pax (type x) are read; links, devices and the like are refused.
    """
    long_name = ""
    for _ in range(bounds.MAX_ARCHIVE_ENTRIES * 2):
        header = file.read(_BLOCK_BYTES)
        if not header.strip(b"\0"):
            return
        kind, name, size = _tar_header(header)
        if kind in (b"L", b"x", b"g"):
            if size > bounds.MAX_NAME_LENGTH * 16:
                raise FileLimitError("a header of the tar archive is too large", got=str(size))
            said = file.read(padded(size))[:size]
            if kind != b"g":
                long_name = _gnu_name(said) if kind == b"L" else _pax_name(said) or long_name
            continue
        name, long_name = long_name or name, ""
        _check_tar_name(name)
        if kind == b"5":
            file.skip(padded(size))
        elif kind in (b"0", b"\0", b"7"):
            yield name.removeprefix("./"), size
        else:
            raise ArchiveError(
                f"archive entry {name[:100]!r} is not a regular file",
                expected="files and folders",
                got="a link" if kind in (b"1", b"2") else f"type {kind!r}",
            )
    raise FileLimitError(
        "the archive has too many entries", expected=f"at most {bounds.MAX_ARCHIVE_ENTRIES}"
    )


def _tar_header(header: bytes) -> tuple[bytes, str, int]:
    """Return the type, the name and the size of an entry."""
    if len(header) < _BLOCK_BYTES or header[257:262] != b"ustar":
        raise NotAModelFileError(
            "the gzip archive holds no tar archive",
            expected="a SavedModel as .zip or .tar.gz",
            hint=FORMATS_HINT,
        )
    expected = sum(header[:148]) + sum(header[156:]) + 8 * 32
    if _octal(header[148:156]) != expected:
        raise DamagedFileError("the checksum of a header of the tar archive does not fit")
    name = _tar_text(header[:100])
    prefix = _tar_text(header[345:500]) if header[262:263] == b"\0" else ""
    return header[156:157], f"{prefix}/{name}" if prefix else name, _octal(header[124:136])


def _octal(digits: bytes) -> int:
    text = digits.strip(b" \0")
    if not text or any(digit not in b"01234567" for digit in text):
        raise DamagedFileError("a number of the tar archive is not octal", got=repr(digits[:12]))
    return int(text, 8)


def _tar_text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("utf-8", "replace")


def _gnu_name(data: bytes) -> str:
    return data.rstrip(b"\0").decode("utf-8", "replace")


def _pax_name(data: bytes) -> str:
    """Return the path of an extended header; a size there would contradict the plain one, and is refused."""
    name = ""
    place = 0
    while place < len(data):
        head, _, _ = data[place:].partition(b" ")
        if (
            not head.isdigit()
            or len(head) > 6
            or not len(head) + 1 < int(head) <= len(data) - place
        ):
            raise DamagedFileError("an extended header of the tar archive is damaged")
        record = data[place + len(head) + 1 : place + int(head)].rstrip(b"\n")
        key, _, value = record.partition(b"=")
        if key == b"path":
            name = value.decode("utf-8", "replace")
        elif key == b"size" or key.startswith(b"GNU.sparse") or key == b"linkpath":
            raise ArchiveError(
                "the tar archive has an extended header that is not read", got=str(key)
            )
        place += int(head)
    return name


def padded(size: int) -> int:
    """Return the bytes that an entry of that size takes."""
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def _check_tar_name(name: str) -> None:
    parts = name.removeprefix("./").removesuffix("/").split("/")
    is_root = name in (".", "./")
    plain = name.isprintable() and "\\" not in name and ":" not in name
    if not is_root and (
        not plain or not name or len(name) > bounds.MAX_NAME_LENGTH or {"", ".", ".."} & set(parts)
    ):
        raise EntryNameError(
            "an archive entry's name is not a plain relative path",
            expected="names such as model/saved_model.pb",
            got=repr(name[:100]),
        )
