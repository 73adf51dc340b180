"""Texts of a prediction request: strings of JSON, base64 for bytes, and NumPy's arrays of texts."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.core.errors import RaggedInputError
from app.services.shown import shown
from engine.core.errors import InputDtypeError
from engine.execution.runtime import TensorSpec
from graph.tensor_type import format_shape
from graph.texts import TextError, as_bytes, bytes_of

Array = np.ndarray[Any, np.dtype[Any]]

_BASE64 = "b64"
_HINT = 'send texts as strings, and other bytes as {"b64": "..."}'


class TextReader:
    """Makes the array of one input that takes texts; made once per model."""

    __slots__ = ("_usual_shape", "dtype", "name", "sample_shape")

    def __init__(self, spec: TensorSpec) -> None:
        self.name = spec.name
        self.dtype = np.dtype(object)
        self.sample_shape = spec.sample_shape
        self._usual_shape = spec.usual_shape

    def array(self, value: object, *, has_booleans: bool = True) -> Array:
        """Return `value`, an array or nested lists, as an array of `bytes` objects of any shape.

        Args:
            value: the value that the request gave.
            has_booleans: not used; texts are told from truth values one by one.

        Raises:
            InputDtypeError: something is no text, or no valid one.
            RaggedInputError: lists of one level differ in length.
        """
        del has_booleans
        try:
            if isinstance(value, np.ndarray):
                return bytes_of(value)
            if value == []:
                return np.empty((0, *self._usual_shape), object)
            items, shape = self._flat(value)
            return as_bytes(
                [self._text(item, place, shape) for place, item in enumerate(items)], shape
            )
        except TextError as error:
            raise self._wrong(error.got, error.message) from error

    def check_type(self, dtype: np.dtype[Any]) -> None:
        """Refuse arrays whose elements are no texts.

        Raises:
            InputDtypeError: they are not.
        """
        if dtype.kind not in "US":
            raise self._wrong(dtype.name, hint="write texts with numpy as U or S, not as objects")

    def _flat(self, value: object) -> tuple[Sequence[Any], tuple[int, ...]]:
        """Return the leaves of nested lists, and the shape that the lists have."""
        if type(value) is not list:
            return [value], ()
        items, shape = value, [len(value)]
        while items and any(type(item) is list for item in items):
            lengths = {len(item) if type(item) is list else -1 for item in items}
            if len(lengths) > 1:
                raise RaggedInputError(
                    f"input {self.name!r} has rows of different lengths",
                    expected=format_shape((None, *self.sample_shape)),
                    hint="every list of one level must have the same length",
                )
            shape.append(lengths.pop())
            items = [inner for item in items for inner in item]
        return items, tuple(shape)

    def _text(self, item: object, place: int, shape: tuple[int, ...]) -> str | bytes:
        if type(item) is str:
            return item
        where = "".join(f"[{index}]" for index in np.unravel_index(place, shape)) if shape else ""
        if type(item) is dict and list(item) == [_BASE64] and type(item[_BASE64]) is str:
            try:
                return base64.b64decode(item[_BASE64], validate=True)
            except (binascii.Error, ValueError) as error:
                got = f"{shown(item[_BASE64])} at {where or 'the top'}: {error}"
                raise self._wrong(got, "a text is no base64") from None
        got = "an object" if type(item) is dict else shown(item)
        raise self._wrong(f"{got} at {where or 'the top'}")

    def _wrong(self, got: str, message: str = "", hint: str = _HINT) -> InputDtypeError:
        return InputDtypeError(
            f"input {self.name!r}: {message}" if message else f"input {self.name!r} takes texts",
            expected="texts",
            got=got,
            hint=hint,
        )
