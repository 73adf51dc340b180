"""The entries of a zip archive: checked by the directory before any is read, bounded while they are.

Names are plain relative paths, entries are files and folders, stored or deflated; all that a model file may not be is
refused. Sizes are checked in the directory first and then again on the bytes that really come out.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graph import limits as bounds
from graph.errors import (
    ArchiveError,
    DamagedFileError,
    EntryNameError,
    FileLimitError,
    ZipBombError,
)
from graph.limits import FileLimits
from graph.zip_directory import measure_zip_directory

_ALLOWED_COMPRESSION = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_READ_BYTES = 1024 * 1024


@contextmanager
def reading_zip() -> Iterator[None]:
    """Say of an archive that the zip library cannot read that it is damaged."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        struct.error,
    ) as error:
        raise DamagedFileError("the zip archive is damaged", got=str(error)[:200]) from error


def check_directory(path: Path) -> None:
    """Bound the directory before the zip library reads it into memory."""
    with path.open("rb") as file:
        directory = measure_zip_directory(
            file, bounds.MAX_ARCHIVE_ENTRIES, bounds.MAX_ARCHIVE_DIRECTORY_BYTES
        )
    if directory is None:
        raise DamagedFileError(
            "the zip archive has no directory", hint="the upload may be truncated"
        )
    if directory.is_zip64:
        raise ArchiveError(
            "the archive is in the zip64 form", expected="a plain zip, as Keras writes"
        )
    if not directory.is_small:
        raise FileLimitError(
            "the archive has too many entries",
            expected=f"at most {bounds.MAX_ARCHIVE_ENTRIES}",
            got=f"{directory.entries} in {directory.size_bytes} bytes",
        )


def check_entries(
    archive: zipfile.ZipFile, size: int, limits: FileLimits
) -> dict[str, zipfile.ZipInfo]:
    """Return all entries by name, when each of them may be read.

    Args:
        archive: an archive whose directory was checked.
        size: bytes of the file.
        limits: the limits to hold.

    Raises:
        ModelFileError: an entry is refused; the class says why.
    """
    entries: dict[str, zipfile.ZipInfo] = {}
    stored = inflated = 0
    for entry in archive.infolist():
        _check_name(entry)
        _check_kind(entry)
        _check_size(entry, limits)
        if entry.filename in entries:
            raise ArchiveError(f"the archive has two entries named {entry.filename!r}")
        entries[entry.filename] = entry
        stored += entry.compress_size
        inflated += bounds.inflated_bytes(entry.file_size, entry.compress_size)
    if inflated > bounds.MAX_INFLATED_BYTES:
        raise ZipBombError(
            f"entries of the archive expand more than {bounds.MAX_ARCHIVE_RATIO} times, to more than is allowed",
            expected=f"at most {bounds.MAX_INFLATED_BYTES} bytes",
            got=f"{inflated} bytes from a file of {size}",
            hint="store the archive's entries uncompressed, as Keras does",
        )
    if stored > size:
        raise ZipBombError(
            "entries of the archive overlap", expected=f"at most {size} bytes", got=f"{stored}"
        )
    return entries


def _check_name(entry: zipfile.ZipInfo) -> None:
    # `filename` is cut at the first NUL by the library; the original is what another reader may act on.
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    plain = name.isprintable() and "\\" not in name and ":" not in name
    if not plain or not name or len(name) > bounds.MAX_NAME_LENGTH or {"", ".", ".."} & set(parts):
        raise EntryNameError(
            "an archive entry's name is not a plain relative path",
            expected="names such as config.json",
            got=repr(name[:100]),
        )


def _check_kind(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & 0x2041:  # encrypted, strongly encrypted, or with a hidden directory
        raise ArchiveError(f"archive entry {entry.filename!r} is encrypted")
    mode = stat.S_IFMT(entry.external_attr >> 16)
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(
            f"archive entry {entry.filename!r} is not a regular file",
            expected="files and folders",
            got="a symbolic link" if mode == stat.S_IFLNK else f"file type {mode:o}",
        )
    if entry.compress_type not in _ALLOWED_COMPRESSION:
        raise ArchiveError(
            f"archive entry {entry.filename!r} is compressed in an unusual way",
            expected="stored or deflate",
            got=f"method {entry.compress_type}",
        )


def _check_size(entry: zipfile.ZipInfo, limits: FileLimits) -> None:
    if entry.file_size > limits.file_max_bytes:
        raise FileLimitError(
            f"archive entry {entry.filename!r} is too large",
            expected=f"at most {limits.file_max_bytes} bytes",
            got=f"{entry.file_size}",
        )
    if bounds.is_beyond_deflate(entry.file_size, entry.compress_size):
        raise ZipBombError(
            f"archive entry {entry.filename!r} claims to expand further than deflate can",
            expected=f"at most {bounds.MAX_DEFLATE_RATIO} times its stored size",
            got=f"{entry.file_size} bytes from {entry.compress_size}",
        )


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> io.BytesIO:
    """Read an entry; the library stops at the size that the directory states, and then compares checksums."""
    if entry.file_size > max_bytes:
        raise FileLimitError(
            f"{entry.filename} is too large",
            expected=f"at most {max_bytes} bytes",
            got=f"{entry.file_size}",
        )
    data = io.BytesIO()
    with archive.open(entry) as stream:
        while chunk := stream.read(_READ_BYTES):
            data.write(chunk)
    if data.tell() != entry.file_size:
        raise DamagedFileError(f"{entry.filename} is not as long as the archive's directory says")
    data.seek(0)
    return data
