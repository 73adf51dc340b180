"""Tensors as messages: the constants of a graph, and the shapes that go with them."""

import math
from typing import Any

import numpy as np

from graph import limits as bounds
from graph.errors import DamagedFileError, FileLimitError
from graph.saved_model.element_types import BFLOAT16, REFERENCE, numpy_type
from graph.saved_model.wire import Message

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

_SHAPE_DIM, _SHAPE_UNKNOWN_RANK = 2, 3
_DTYPE, _SHAPE, _CONTENT, _STRINGS = 1, 2, 4, 8
# The field that holds the elements of each type where they are not all in `tensor_content`.
_FLOATS = {"<f4": 5, "<f8": 6}
_VARINTS = {"<i4": 7, "|u1": 7, "<i2": 7, "|i1": 7, "<u2": 7, "<i8": 10, "|b1": 11, "<u4": 16}
_VARINTS |= {"<u8": 17}
_HALVES = 13


def shape_of(message: Message) -> tuple[int, ...] | None:
    """Return a shape, -1 where a length is not known; None where the number of axes is not.

    Raises:
        DamagedFileError: a length is less than -1.
        FileLimitError: too many axes.
    """
    if message.integer(_SHAPE_UNKNOWN_RANK):
        return None
    lengths = tuple(part.integer(1) for part in message.messages(_SHAPE_DIM))
    if len(lengths) > bounds.MAX_RANK:
        raise FileLimitError(
            "a tensor has too many axes",
            expected=f"at most {bounds.MAX_RANK}",
            got=str(len(lengths)),
        )
    if any(length < -1 for length in lengths):
        raise DamagedFileError("a tensor has a negative length", got=str(lengths))
    return lengths


def whole_shape(shape: tuple[int, ...] | None, where: str) -> tuple[int, ...]:
    """Return the shape of a tensor that is in the file.

    Raises:
        DamagedFileError: its shape is not known.
        FileLimitError: there are too many.
    """
    if shape is None or min(shape, default=0) < 0:
        raise DamagedFileError(f"{where} does not say its shape", got=str(shape))
    # The lengths have up to 63 bits each; Python's numbers do not overflow.
    count = math.prod(shape)
    if count > bounds.MAX_TENSOR_ELEMENTS:
        raise FileLimitError(
            f"{where} is too large",
            expected=f"at most {bounds.MAX_TENSOR_ELEMENTS} elements",
            got=str(count),
        )
    return shape


def strings_of(message: Message) -> list[str]:
    """Return the elements of a constant of strings."""
    return message.texts(_STRINGS)


def array_of(message: Message, where: str) -> Array:
    """Return the array of a constant; one that repeats its last element takes no memory for that.

    Raises:
        UnsupportedDtypeError: it holds no numbers.
        DamagedFileError: it has not as many elements as its shape says.
        FileLimitError: it is too large.
    """
    shape = whole_shape(shape_of(message.message(_SHAPE)), where)
    count = math.prod(shape)
    number = message.integer(_DTYPE)
    dtype = numpy_type(number, where)
    content = message.view(_CONTENT)
    if len(content):
        if len(content) != count * dtype.itemsize:
            raise DamagedFileError(
                f"{where} holds another number of bytes than its shape says",
                expected=str(count * dtype.itemsize),
                got=str(len(content)),
            )
        return np.frombuffer(content, dtype).reshape(shape)
    return _spread(_values(message, dtype), shape, count, where)


def _values(message: Message, dtype: "np.dtype[Any]") -> Array:
    kind = dtype.str
    if kind in _FLOATS:
        return message.numbers_of(_FLOATS[kind], dtype)
    if kind == "<f2":
        bits = np.array(message.integers(_HALVES), np.int64) & 0xFFFF
        return bits.astype("<u2").view("<f2")
    wide = np.array(message.integers(_VARINTS[kind]), np.int64)
    return wide.astype(dtype)


def _spread(values: Array, shape: tuple[int, ...], count: int, where: str) -> Array:
    """Return the elements in their shape: the last one is repeated where there are too few."""
    if len(values) > count:
        raise DamagedFileError(
            f"{where} has more elements than its shape says",
            expected=str(count),
            got=str(len(values)),
        )
    if len(values) == count:
        return values.reshape(shape)
    if len(values) <= 1:
        only = values[0] if len(values) else values.dtype.type(0)
        return np.broadcast_to(np.asarray(only, values.dtype), shape)
    padded = np.full(count, values[-1])
    padded[: len(values)] = values
    return padded.reshape(shape)


def from_bytes(data: memoryview, number: int, shape: tuple[int, ...], where: str) -> Array:
    """Return a tensor that is stored as bytes, whose number is right; bfloat16 becomes float32."""
    if number % REFERENCE == BFLOAT16:
        upper = np.frombuffer(data, "<u2").astype("<u4") << np.uint32(16)
        return upper.view("<f4").reshape(shape)
    return np.frombuffer(data, numpy_type(number, where)).reshape(shape)


def item_bytes(number: int, where: str) -> int:
    """Return the bytes of an element as it is stored in a checkpoint."""
    return 2 if number % REFERENCE == BFLOAT16 else numpy_type(number, where).itemsize
