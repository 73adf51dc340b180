"""Arrays of a prediction request, made from what was decoded; whether they fit the model is checked by the engine.

Element types: an input takes what NumPy casts to its declared type without change of kind (float64 to float32,
integers to floats); a float for an integer input, text, true and false, and Python objects are refused. In JSON null,
NaN, Infinity and -Infinity are numbers of float inputs.
"""

import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from app.core.errors import RaggedInputError
from app.services.shown import shown
from app.services.text_inputs import TextReader
from engine.core.errors import InputDtypeError, MissingInputError
from engine.execution.runtime import TensorSpec
from graph.tensor_type import DType, format_shape

Array = npt.NDArray[Any]


class InputReader:
    """Makes the array of one input; made once per model."""

    __slots__ = ("_row", "_usual_shape", "dtype", "name", "sample_shape")

    def __init__(self, spec: TensorSpec) -> None:
        self.name = spec.name
        self.dtype = np.dtype(spec.dtype)
        self.sample_shape = spec.sample_shape
        self._usual_shape = spec.usual_shape
        is_row = self.dtype == np.float32 and len(self.sample_shape) == 1 and self.sample_shape[0]
        self._row = struct.Struct(f"{self.sample_shape[0]}f") if is_row else None

    def array(self, value: object, *, has_booleans: bool = True) -> Array:
        """Return `value`, an array or nested lists, as an array of the declared type and of any shape.

        Args:
            value: the value that the request gave.
            has_booleans: whether there may be `True` or `False` among nested lists.

        Raises:
            InputDtypeError: its elements are of another kind.
            RaggedInputError: rows differ in length.
        """
        if self._row is not None and not has_booleans and type(value) is list:
            packed = _packed(self._row, value)
            if packed is not None:
                return packed
        if isinstance(value, np.ndarray):
            array = value
        elif (
            value == []
        ):  # a batch without samples; lists without numbers have no type of their own
            return np.empty((0, *self._usual_shape), self.dtype)
        else:
            array = self._from_lists(value, has_booleans=has_booleans)
        dtype = array.dtype
        return array if dtype is self.dtype or dtype == self.dtype else self._cast(array)

    def check_type(self, dtype: np.dtype[Any]) -> None:
        """Refuse arrays of an element type that `array` does not convert.

        Raises:
            InputDtypeError: the type is of another kind than the declared one.
        """
        if dtype is self.dtype:
            return
        kinds = dtype.kind + self.dtype.kind
        if dtype != self.dtype and kinds not in _CASTS and kinds not in _INTEGERS:
            raise self._wrong_dtype(dtype.name)

    def _from_lists(self, value: object, *, has_booleans: bool) -> Array:
        if has_booleans and self.dtype.kind != "b":
            self._refuse(value, bool)
        try:
            array = np.asarray(value)
        except ValueError as error:
            if "inhomogeneous" in str(error):
                raise RaggedInputError(
                    f"input {self.name!r} has rows of different lengths",
                    expected=format_shape((None, *self.sample_shape)),
                    hint="every list of one level must have the same length",
                ) from None
            raise self._wrong_dtype("values that are no numbers") from None
        except OverflowError:
            raise self._wrong_dtype("a number out of range") from None
        if array.dtype.kind == "O":
            return self._from_objects(value, array)
        return array

    def _refuse(self, value: object, kind: type) -> None:
        """Refuse nested lists that hold a value of a kind."""
        found = first_of(value, kind)
        if found is not None:
            place, item = found
            got = "an object" if kind is dict else shown(item)
            hint = "send 1 for true and 0 for false" if kind is bool else ""
            raise self._wrong_dtype(f"{got} at {place}", hint)

    def _from_objects(self, value: object, array: Array) -> Array:
        """Read null as NaN; whatever else made this an array of objects is refused."""
        self._refuse(value, dict)
        if self.dtype.kind != "f":
            self._refuse(value, type(None))
        elif all(type(item) in (int, float, type(None)) for item in array.flat):
            try:
                return array.astype(np.float64)
            except OverflowError:
                raise self._wrong_dtype("a number out of range") from None
        raise self._wrong_dtype("values that are no numbers")

    def _cast(self, array: Array) -> Array:
        kinds = array.dtype.kind + self.dtype.kind
        if array.size == 0 and kinds[0] == "f":
            # An empty list has no type of its own; it fails for its emptiness or its shape.
            return array.astype(self.dtype)
        if kinds in _INTEGERS:
            return self._cast_integers(array)
        self.check_type(array.dtype)
        with np.errstate(over="ignore"):
            return array.astype(self.dtype)

    def _cast_integers(self, array: Array) -> Array:
        info = np.iinfo(self.dtype)
        if array.size and (int(array.min()) < info.min or int(array.max()) > info.max):
            raise self._wrong_dtype(f"a number outside of {info.min} to {info.max}")
        return array.astype(self.dtype)

    def _wrong_dtype(self, got: str, hint: str = "") -> InputDtypeError:
        return InputDtypeError(
            f"input {self.name!r} has the wrong element type",
            expected=self.dtype.name,
            got=got,
            hint=hint,
        )


def first_of(value: object, kind: type) -> tuple[str, object] | None:
    """Return the first value of a type among nested lists, with its place such as `[0][2]`, or None."""
    # A place is a chain of (outer place, number): lists may be nested deeply.
    waiting: list[tuple[Any, object]] = [((), value)]
    while waiting:
        place, item = waiting.pop()
        if type(item) is kind:
            return _place_text(place), item
        if type(item) is list and not {list, kind}.isdisjoint(map(type, item)):
            waiting.extend(
                ((place, number), item[number])
                for number in range(len(item) - 1, -1, -1)
                if type(item[number]) is list or type(item[number]) is kind
            )
    return None


def refuse_text(where: str, value: object) -> None:
    """Refuse text among nested lists of numbers.

    NumPy would make room for the longest text in every element: gigabytes for a small body.

    Raises:
        InputDtypeError: there is some.
    """
    found = first_of(value, str)
    if found is not None:
        place, text = found
        raise InputDtypeError(
            "there is text among the inputs",
            expected="numbers",
            got=f"{shown(text)} at {where}{place}",
            hint="write numbers without quotation marks",
        )


def _place_text(place: Any) -> str:
    numbers = []
    while place:
        place, number = place
        numbers.append(f"[{number}]")
    return "".join(reversed(numbers)) or "the top"


def _packed(row_format: struct.Struct, rows: Sequence[Any]) -> Array | None:
    """Return the rows of numbers as float32; None where they are no such rows, or have null among them.

    Three times as fast as NumPy, which has to find out first what the lists hold. Both round float64 to nearest.
    """
    buffer = bytearray(len(rows) * row_format.size)
    try:
        for number, row in enumerate(rows):
            row_format.pack_into(buffer, number * row_format.size, *row)
    except (struct.error, TypeError):
        return None
    return np.frombuffer(buffer, np.float32).reshape(len(rows), -1) if rows else None


# From kind to kind, by NumPy's letters: b bool, i/u integers, f floats.
_CASTS = frozenset({"ff", "if", "uf"})
_INTEGERS = frozenset({"ii", "iu", "ui", "uu"})


class Signature:
    """The inputs and outputs of a model, ready to read requests.

    Attributes:
        answer_bytes: bytes of all outputs of one sample; 0 where they depend on the size of the inputs.
    """

    __slots__ = ("_single", "answer_bytes", "by_name", "inputs", "outputs")

    def __init__(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.by_name: dict[str, InputReader | TextReader] = {
            spec.name: TextReader(spec) if spec.dtype == DType.STRING else InputReader(spec)
            for spec in inputs
        }
        self._single = self.by_name[inputs[0].name] if len(inputs) == 1 else None
        varies = any(None in spec.sample_shape for spec in (*inputs, *outputs))
        self.answer_bytes = (
            0
            if varies
            else sum(prod(spec.usual_shape) * np.dtype(spec.dtype).itemsize for spec in outputs)
        )

    def arrays(
        self, given: object, *, has_booleans: bool = True, has_text: bool = False
    ) -> dict[str, Array]:
        """Return arrays of the declared types by name; names, shapes and batch sizes are checked by the engine.

        Args:
            given: a mapping by input name, or what the only input gets.
            has_booleans: whether there may be `True` or `False` among nested lists.
            has_text: whether there may be texts among nested lists.

        Raises:
            InputError: they cannot be read, or are not named.
        """
        if isinstance(given, Mapping):
            unknown = np.empty(0)  # stays as it is: the engine says that there is no such input
            if has_text:
                self._refuse_texts(given)
            return {
                name: self.by_name[name].array(value, has_booleans=has_booleans)
                if name in self.by_name
                else unknown
                for name, value in given.items()
            }
        reader = self.only_input()
        if has_text and type(reader) is InputReader:
            refuse_text("inputs", given)
        return {reader.name: reader.array(given, has_booleans=has_booleans)}

    def _refuse_texts(self, given: Mapping[str, object]) -> None:
        """Refuse texts for inputs that take numbers, or that the model does not have."""
        for name, value in given.items():
            if type(self.by_name.get(name)) is not TextReader:
                refuse_text(f"inputs[{shown(name)}]", value)

    def only_input(self) -> InputReader | TextReader:
        """Return the reader of a model with one input.

        Raises:
            MissingInputError: the model has several.
        """
        if self._single is None:
            raise MissingInputError(
                f"the model has {len(self.inputs)} inputs",
                expected=f"an object with {', '.join(repr(name) for name in self.by_name)}",
                got="one value without a name",
            )
        return self._single
