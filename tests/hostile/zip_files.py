"""Zip files whose directory is what is wrong with them."""

import struct


def directory_of(entries: int, *, said: int | None = None, name: bytes = b"x.npy") -> bytes:
    """A zip file that is nothing but a directory of empty entries; `said` is what its end record says."""
    header = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0
    )
    directory = (header + name) * entries
    said = entries & 0xFFFF if said is None else said
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, said, said, len(directory), 0, 0)
    return directory + end
