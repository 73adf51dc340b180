"""How large the directory of a zip archive is, found out before the zip library reads it into memory.

`zipfile` makes an object of some hundred bytes for every entry before anybody can count them: a file of 50 MiB can
have 600,000 entries, which take seconds.
"""

import io
import struct
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

_END_BYTES = zipfile.sizeEndCentDir  # type: ignore[attr-defined]
_HEADER_BYTES = zipfile.sizeCentralDir  # type: ignore[attr-defined]
_HEADER_LENGTHS = struct.Struct("<HHH")
_HEADER_LENGTHS_OFFSET = 28
_COMMENT_MAX_BYTES = 65_536
_LOCATOR_BYTES = 20


@dataclass(frozen=True, slots=True)
class ZipDirectory:
    """What the end record of an archive says of its directory (APPNOTE.TXT 4.3.12 and 4.3.16).

    Attributes:
        entries: the number of entries that the end record names, or that were counted if those are more.
        size_bytes: size of the directory, as the end record says.
        is_zip64: whether other records replace these numbers, and may be much larger.
        is_small: whether it is within the limits that were given.
    """

    entries: int
    size_bytes: int
    is_zip64: bool
    is_small: bool


def measure_zip_directory(file: BinaryIO, max_entries: int, max_bytes: int) -> ZipDirectory | None:
    """Find the directory exactly where `zipfile` finds it, and count its entries as far as a limit.

    The end record is the very end of the file, else the last one; the directory lies before it. Where it is larger
    than `max_bytes`, it is not read.

    Args:
        file: an archive that can be read at any place.
        max_entries: limit on the entries.
        max_bytes: limit on the size of the directory.

    Returns:
        None where there is no end record.
    """
    size = file.seek(0, io.SEEK_END)
    start = max(0, size - _END_BYTES - _COMMENT_MAX_BYTES - _LOCATOR_BYTES)
    file.seek(start)
    tail = file.read()
    place = len(tail) - _END_BYTES
    if place < 0 or tail[place : place + 4] != b"PK\x05\x06" or tail[-2:] != b"\0\0":
        place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END_BYTES:
        return None
    is_zip64 = tail[max(0, place - _LOCATOR_BYTES) : place].startswith(b"PK\x06\x07")
    entries, directory_bytes = struct.unpack_from("<HI", tail, place + 10)
    is_small = entries <= max_entries and directory_bytes <= max_bytes
    if is_small:
        file.seek(max(0, start + place - directory_bytes))
        counted = _count_entries(file.read(directory_bytes), max_entries)
        entries = max(entries, counted)
        is_small = entries <= max_entries
    return ZipDirectory(entries, directory_bytes, is_zip64, is_small)


def _count_entries(directory: bytes, max_entries: int) -> int:
    """Count the headers of a directory, at most one more than allowed: the end record may say fewer."""
    count, place = 0, 0
    while place + _HEADER_BYTES <= len(directory) and count <= max_entries:
        lengths = _HEADER_LENGTHS.unpack_from(directory, place + _HEADER_LENGTHS_OFFSET)
        place += _HEADER_BYTES + sum(lengths)
        count += 1
    return count
