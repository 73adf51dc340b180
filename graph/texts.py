"""Texts from outside -> arrays of `bytes` objects, which is what front parts compute with.

Arrays of texts have a fixed width (NumPy's `U` and `S`); of Python objects only texts and bytes are taken, and no file
of objects is ever read.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.errors import GraphError

_LAST_CHARACTER = 0x10FFFF
# One text; a request or file has limits of its own, too.
MAX_TEXT_BYTES = 16 * 1024 * 1024


class TextError(GraphError):
    """Something is no text, or no valid one."""

    slug = "wrong-dtype"
    title = "An input is not text"


def bytes_of(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the texts of an array as `bytes` objects, those of `U` arrays in UTF-8.

    Raises:
        TextError: its elements are no texts, or one is not valid or too long.
    """
    if array.dtype.kind not in "US":
        raise TextError("texts are needed", expected="texts (dtype U or S)", got=array.dtype.name)
    if array.dtype.itemsize == 0:
        raise TextError("texts are needed", expected="texts of some width", got=array.dtype.str)
    if array.dtype.kind == "U":
        _check_characters(array)
    return as_bytes(array.ravel().tolist(), array.shape)


def _check_characters(array: npt.NDArray[Any]) -> None:
    """Refuse numbers that are no characters, of which NumPy makes strings that Python does not know."""
    codes = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).view(np.uint32)
    if codes.size and codes.max() > _LAST_CHARACTER:
        raise TextError(
            "a text is not valid", expected="valid Unicode", got=f"character {codes.max():#x}"
        )


def as_bytes(items: Iterable[str | bytes], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return texts as an array of `bytes` objects of that shape.

    Raises:
        TextError: one is not valid Unicode, or too long.
    """
    found = np.empty(shape, object)
    flat = found.reshape(-1)
    for place, item in enumerate(items):
        text = item if isinstance(item, bytes) else _encoded(item)
        if len(text) > MAX_TEXT_BYTES:
            raise TextError(
                "a text is too long",
                expected=f"at most {MAX_TEXT_BYTES:,} bytes",
                got=f"{len(text):,}",
            )
        flat[place] = text
    return found


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise TextError(
            "a text is not valid", expected="valid Unicode", got=ascii(text)[:80]
        ) from None
