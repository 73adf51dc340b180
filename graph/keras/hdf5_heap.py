"""Checks on HDF5's raw bytes that must come before the C library sees them.

The library (2.0.0 and before) walks a global heap, where strings of any length are kept, by adding up the sizes that
the objects state; free space that states size 0 keeps it in place forever, and no Python signal can stop it. See
"Global Heap" in the HDF5 File Format Specification 3.0, III.E, for the layout.
"""

import io
import mmap
import struct
from pathlib import Path

from graph import limits as bounds
from graph.errors import DamagedFileError, FileLimitError, UnsafeHdf5Error

_HEAP_SIGNATURE = b"GCOL\x01\0\0\0"
_HEAP_HEADER_BYTES = 16
_OBJECT_HEADER = struct.Struct("<HHIQ")  # index, references, reserved, size
# Where each version of the superblock states the sizes of offsets and of lengths.
_SIZES_AT = {0: 13, 1: 13, 2: 9, 3: 9}


def check_raw_hdf5(source: Path | io.BytesIO) -> None:
    """Check the superblock's sizes and every global heap.

    Raises:
        UnsafeHdf5Error: sizes of offsets or lengths other than 8 bytes.
        DamagedFileError: a heap whose objects do not add up.
        FileLimitError: too many objects in heaps.
    """
    if isinstance(source, io.BytesIO):
        _check(source.getvalue())
        return
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _check(data)


def _check(data: bytes | mmap.mmap) -> None:
    start = data[:16]
    place = _SIZES_AT.get(start[8]) if len(start) == 16 else None
    if place is None:
        raise DamagedFileError("the HDF5 file has no header that is known")
    if start[place : place + 2] != b"\x08\x08":
        raise UnsafeHdf5Error(
            "the HDF5 file uses unusual sizes for offsets or lengths",
            expected="8 bytes",
            got=f"{start[place]} and {start[place + 1]}",
        )
    objects = 0
    place = data.find(_HEAP_SIGNATURE)
    while place >= 0:
        objects += _check_heap(data, place, bounds.MAX_HDF5_OBJECTS - objects)
        place = data.find(_HEAP_SIGNATURE, place + 1)


def _check_heap(data: bytes | mmap.mmap, start: int, max_objects: int) -> int:
    """Walk one heap as the library does; give the number of its objects."""
    if start + _HEAP_HEADER_BYTES > len(data):
        return 0  # The library reads no heap that the file cuts short.
    objects = 0
    (size,) = struct.unpack("<Q", data[start + 8 : start + 16])
    end = min(start + size, len(data))
    place = start + _HEAP_HEADER_BYTES
    while place + _OBJECT_HEADER.size <= end:
        header = data[place : place + _OBJECT_HEADER.size]
        index, _, _, object_bytes = _OBJECT_HEADER.unpack(header)
        step = object_bytes if index == 0 else _OBJECT_HEADER.size + (object_bytes + 7) // 8 * 8
        if step < _OBJECT_HEADER.size:
            raise DamagedFileError(
                "a heap in the HDF5 file has an object of impossible size",
                expected=f"at least {_OBJECT_HEADER.size} bytes",
                got=str(step),
            )
        place += step
        objects += 1
        if objects > max_objects:
            raise FileLimitError(
                "the HDF5 file has too many strings", expected=f"at most {bounds.MAX_HDF5_OBJECTS}"
            )
    return objects
