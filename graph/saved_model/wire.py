"""Reads protocol buffers' wire format under limits: fields by number, without any description of messages.

Nothing is copied: a message is a view of the file. A message within a message is parsed only when it is asked for, so
depth is bounded by the code that asks. Source: protobuf.dev/programming-guides/encoding.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from graph import limits as bounds
from graph.errors import DamagedFileError, FileLimitError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_MAX_FIELD_NUMBER = 2**29 - 1


class Budget:
    """How many fields may still be parsed of one file, in all its messages together."""

    def __init__(self, fields: int = bounds.MAX_PROTO_FIELDS) -> None:
        self._left = self._most = fields

    def spend(self, fields: int) -> None:
        """Count parsed fields.

        Raises:
            FileLimitError: there were too many.
        """
        self._left -= fields
        if self._left < 0:
            raise FileLimitError(
                "the SavedModel has too many parts", expected=f"at most {self._most} fields"
            )


class Message:
    """One message, parsed one level deep; what it does not have reads as zero, or as empty."""

    def __init__(self, data: memoryview, budget: Budget) -> None:
        """Parse the fields of a message.

        Raises:
            DamagedFileError: the bytes are no message.
            FileLimitError: too many fields.
        """
        self._budget = budget
        self._fields: dict[int, list[tuple[int, int | memoryview]]] = {}
        count = 0
        for number, wire_type, value in _fields(data):
            self._fields.setdefault(number, []).append((wire_type, value))
            count += 1
            if count % 1024 == 0:
                budget.spend(1024)
        budget.spend(count % 1024)

    def has(self, number: int) -> bool:
        """Return whether the field is there."""
        return number in self._fields

    def numbers(self) -> frozenset[int]:
        """Return the numbers of all fields that are there."""
        return frozenset(self._fields)

    def views(self, number: int) -> list[memoryview]:
        """Return the bytes of a repeated field of strings, bytes or messages."""
        found = self._fields.get(number, [])
        views = [value for _, value in found if isinstance(value, memoryview)]
        if len(views) != len(found):
            raise _damaged(f"field {number} holds a number where bytes are due")
        return views

    def view(self, number: int) -> memoryview:
        """Return the bytes of a field: the last one counts, as protocol buffers say."""
        found = self.views(number)
        return found[-1] if found else memoryview(b"")

    def text(self, number: int) -> str:
        """Return a string."""
        return _text(self.view(number))

    def texts(self, number: int) -> list[str]:
        """Return a repeated string."""
        found = self.views(number)
        self._budget.spend(len(found))
        return [_text(view) for view in found]

    def message(self, number: int) -> "Message":
        """Return a message; parts that are given several times are one, as protocol buffers say."""
        found = self.views(number)
        joined = found[0] if len(found) == 1 else memoryview(b"".join(found))
        return Message(joined, self._budget)

    def messages(self, number: int) -> list["Message"]:
        """Return a repeated message."""
        return [Message(view, self._budget) for view in self.views(number)]

    def mapping(self, number: int) -> dict[str, "Message"]:
        """Return a map from strings to messages; of equal keys the last one counts."""
        return {entry.text(1): entry.message(2) for entry in self.messages(number)}

    def text_mapping(self, number: int) -> dict[str, str]:
        """Return a map from strings to strings."""
        return {entry.text(1): entry.text(2) for entry in self.messages(number)}

    def integer(self, number: int) -> int:
        """Return a signed number of at most 64 bits; the last one counts."""
        found = self.integers(number)
        return found[-1] if found else 0

    def integers(self, number: int) -> list[int]:
        """Return repeated signed numbers, packed or not."""
        values: list[int] = []
        for wire_type, value in self._fields.get(number, []):
            if isinstance(value, memoryview):
                values.extend(_packed(value, self._budget))
            elif wire_type == _VARINT:
                values.append(_signed(value))
            else:
                raise _damaged(f"field {number} is no varint")
        return values

    def fixed32(self, number: int) -> int:
        """Return an unsigned number of 32 bits that is stored as such."""
        found = self._fields.get(number, [])
        if not found:
            return 0
        wire_type, value = found[-1]
        if wire_type != _FIXED32 or isinstance(value, memoryview):
            raise _damaged(f"field {number} is not stored in 4 bytes")
        return value

    def floating(self, number: int) -> float:
        """Return a float32."""
        found = self.numbers_of(number, np.dtype("<f4"))
        return float(found[-1]) if found.size else 0.0

    def numbers_of(
        self, number: int, dtype: "np.dtype[Any]"
    ) -> "np.ndarray[tuple[int], np.dtype[Any]]":
        """Return repeated numbers that are stored in 4 or 8 bytes each, packed or not."""
        wanted = _FIXED32 if dtype.itemsize == 4 else _FIXED64
        parts = []
        for wire_type, value in self._fields.get(number, []):
            if isinstance(value, memoryview):
                if len(value) % dtype.itemsize:
                    raise _damaged(f"field {number} does not hold whole numbers")
                parts.append(np.frombuffer(value, dtype))
            elif wire_type == wanted:
                packed = struct.pack("<I" if wanted == _FIXED32 else "<Q", value)
                parts.append(np.frombuffer(packed, dtype))
            else:
                raise _damaged(f"field {number} is stored in another way")
        return np.concatenate(parts) if parts else np.empty(0, dtype)


def _fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield the number, the wire type and the value of each field."""
    place, end = 0, len(data)
    while place < end:
        key, place = read_varint(data, place)
        number, wire_type = key >> 3, key & 7
        if not 1 <= number <= _MAX_FIELD_NUMBER:
            raise _damaged("a field has no valid number")
        value: int | memoryview
        if wire_type == _VARINT:
            value, place = read_varint(data, place)
        elif wire_type == _BYTES:
            length, place = read_varint(data, place)
            if length > end - place:
                raise _damaged("a field is longer than its message")
            value, place = data[place : place + length], place + length
        elif wire_type in (_FIXED32, _FIXED64):
            size = 4 if wire_type == _FIXED32 else 8
            if size > end - place:
                raise _damaged("a number is cut off")
            value, place = int.from_bytes(data[place : place + size], "little"), place + size
        else:
            raise _damaged(f"a field is of wire type {wire_type}, which TensorFlow does not write")
        yield number, wire_type, value


def read_varint(data: memoryview, place: int) -> tuple[int, int]:
    """Return the number of up to 64 bits at a place, and the place behind it.

    Raises:
        DamagedFileError: it is cut off, or too long.
    """
    value = shift = 0
    for at in range(place, min(place + _MAX_VARINT_BYTES, len(data))):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 2**64:
                break
            return value, at + 1
        shift += 7
    raise _damaged("a number is cut off or too long")


def _packed(data: memoryview, budget: Budget) -> list[int]:
    values, place = [], 0
    while place < len(data):
        value, place = read_varint(data, place)
        values.append(_signed(value))
    budget.spend(len(values))
    return values


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _text(view: memoryview) -> str:
    try:
        return str(view, "utf-8")
    except UnicodeDecodeError as error:
        raise _damaged("a name is not UTF-8 text") from error


def _damaged(what: str) -> DamagedFileError:
    return DamagedFileError(f"the protocol buffers of the SavedModel are damaged: {what}")
