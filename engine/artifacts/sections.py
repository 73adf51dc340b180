"""The binary half of an artifact: arrays in aligned sections, equal ones stored once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts.record import Record, as_integer
from engine.core import limits
from engine.core.arrays import ALIGNMENT_BYTES
from engine.core.errors import SectionError

# Element types of sections. Little-endian, as the header is.
SECTION_DTYPES = ("uint8", "uint16", "uint32", "int32", "int64", "uint64", "float32")
MAX_SECTION_AXES = 8


@dataclass(frozen=True, slots=True)
class Section:
    """Where an array lies.

    Attributes:
        dtype: NumPy's name of the element type.
        shape: shape of the array, row-major.
        offset: offset of its first byte from the start of the data.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the array, without padding."""
        size = np.dtype(self.dtype).itemsize
        for axis in self.shape:
            size *= axis
        return size


class SectionWriter:
    """Collects arrays; gives each distinct content a number."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.arrays: list[npt.NDArray[Any]] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], int] = {}
        self.size_bytes = 0

    def add(self, array: npt.NDArray[Any]) -> int:
        """Return the number of the section that holds this array.

        Raises:
            SectionError: its element type has no place in an artifact.
        """
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        if plain.dtype.name not in SECTION_DTYPES:
            raise SectionError("element type of a section", got=plain.dtype.name)
        # ascontiguousarray gives a scalar one axis.
        shape = tuple(array.shape)
        key = (plain.dtype.name, shape, hashlib.sha256(plain.tobytes()).digest())
        if key not in self._known:
            self._known[key] = len(self.sections)
            self.sections.append(Section(plain.dtype.name, shape, self.size_bytes))
            self.arrays.append(plain)
            self.size_bytes += padded(plain.nbytes)
        return self._known[key]


class SectionReader:
    """Arrays of a mapped file by section number, as read-only views."""

    def __init__(self, data: memoryview, sections: Sequence[Section]) -> None:
        """Check where the sections lie.

        Args:
            data: everything behind the manifest.
            sections: the sections in the order of their offsets, without holes between them.

        Raises:
            SectionError: a section is not where it must be.
        """
        self._data = data
        self._sections = sections
        self._arrays: dict[int, npt.NDArray[Any]] = {}
        end = 0
        for number, section in enumerate(sections):
            if section.offset != end:
                raise SectionError(
                    f"section {number} does not follow the one before",
                    expected=str(end),
                    got=str(section.offset),
                )
            end += padded(section.size_bytes)
            if end > len(data):
                raise SectionError(
                    f"section {number} ends outside the file",
                    expected=f"at most {len(data)}",
                    got=str(end),
                )
        if end != len(data):
            raise SectionError("there are bytes behind the last section", got=str(len(data) - end))

    def array(self, number: int) -> npt.NDArray[Any]:
        """Return the array of a section; the same object each time, so that its uses can be told from others.

        Raises:
            SectionError: there is no such section.
        """
        if not 0 <= number < len(self._sections):
            raise SectionError("there is no such section", got=str(number))
        if number not in self._arrays:
            self._arrays[number] = self._view(number)
        return self._arrays[number]

    def _view(self, number: int) -> npt.NDArray[Any]:
        section = self._sections[number]
        part = self._data[section.offset : section.offset + section.size_bytes]
        flat = np.frombuffer(part, np.dtype(section.dtype).newbyteorder("<"))
        return flat.reshape(section.shape)


def padded(size: int) -> int:
    """Return the next multiple of the alignment: 64 bytes, a cache line and the widest vector."""
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def encode_section(section: Section) -> dict[str, Any]:
    """As JSON."""
    return {"dtype": section.dtype, "shape": list(section.shape), "offset": section.offset}


def decode_section(value: Any, path: str) -> Section:
    """From JSON.

    Raises:
        ManifestError: not of the documented form.
        SectionError: an element type or size that no section has.
    """
    record = Record(value, path)
    section = Section(
        record.text("dtype"),
        record.items("shape", MAX_SECTION_AXES, as_integer),
        record.integer("offset"),
    )
    record.done()
    if section.dtype not in SECTION_DTYPES:
        raise SectionError(
            f"{path} has an unknown element type",
            expected=", ".join(SECTION_DTYPES),
            got=section.dtype,
        )
    if section.size_bytes > limits.MAX_ARTIFACT_BYTES:
        raise SectionError(f"{path} is too large", got=str(section.size_bytes))
    return section
