"""Arrays of a prediction request: made from what was decoded, and checked against the model's signature.

Element types: an input takes what NumPy casts to its declared type without change of kind (float64 to float32,
integers to floats); a float for an integer input, text and Python objects are refused. In JSON null, NaN, Infinity and
-Infinity are numbers of float inputs.
"""

import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.errors import (
    BatchMismatchError,
    BatchTooLargeError,
    EmptyBatchError,
    MissingInputError,
    RaggedInputError,
    UnknownInputError,
    WrongDtypeError,
    WrongShapeError,
)
from engine.runtime import TensorSpec

Array = npt.NDArray[Any]
_SHOWN_NAMES = 20


class AnswerLimit(NamedTuple):
    """Most bytes of all output arrays of one answer, and the setting that says so."""

    max_bytes: int
    setting: str


class InputCheck:
    """What one input must look like; made once per model."""

    __slots__ = ("_row", "dtype", "name", "rank", "sample_shape")

    def __init__(self, spec: TensorSpec) -> None:
        self.name = spec.name
        self.dtype = np.dtype(spec.dtype)
        self.sample_shape = tuple(spec.sample_shape)
        self.rank = len(self.sample_shape) + 1
        is_row = self.dtype == np.float32 and self.rank == 2 and self.sample_shape[0] > 0
        self._row = struct.Struct(f"{self.sample_shape[0]}f") if is_row else None

    def array(self, value: object, *, has_booleans: bool = True) -> Array:
        """Return `value`, an array or nested lists, as an array (batch, *sample shape).

        Args:
            value: what the request gave.
            has_booleans: whether there may be `True` or `False` among nested lists.

        Raises:
            InputError: it does not fit.
        """
        if self._row is not None and not has_booleans and type(value) is list:
            packed = _packed(self._row, value)
            if packed is not None:
                return packed
        array = value if isinstance(value, np.ndarray) else self._from_lists(value)
        if array.dtype != self.dtype:
            array = self._cast(array)
        if array.ndim != self.rank or array.shape[1:] != self.sample_shape:
            raise self._wrong_shape(array.shape)
        return array

    def _from_lists(self, value: object) -> Array:
        try:
            array = np.asarray(value)
        except ValueError as error:
            if "inhomogeneous" in str(error):
                raise RaggedInputError(
                    f"input {self.name!r} has rows of different lengths",
                    expected=self._wanted(),
                    hint="every list of one level must have the same length",
                ) from None
            raise self._wrong_dtype("values that are no numbers") from None
        except OverflowError:
            raise self._wrong_dtype("a number out of range") from None
        if array.dtype.kind == "O":
            return self._from_objects(array)
        return array

    def _from_objects(self, array: Array) -> Array:
        """Read null as NaN; whatever else made this an array of objects is refused."""
        if self.dtype.kind == "f":
            allowed = (int, float, type(None))
            flat = array.ravel()
            if all(type(item) in allowed for item in flat):
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
        if kinds not in _CASTS:
            raise self._wrong_dtype(array.dtype.name)
        with np.errstate(over="ignore"):
            return array.astype(self.dtype)

    def _cast_integers(self, array: Array) -> Array:
        info = np.iinfo(self.dtype)
        if array.size and (int(array.min()) < info.min or int(array.max()) > info.max):
            raise self._wrong_dtype(f"a number outside of {info.min} to {info.max}")
        return array.astype(self.dtype)

    def _wanted(self) -> str:
        return "[" + ", ".join(["batch", *map(str, self.sample_shape)]) + "]"

    def _wrong_shape(self, shape: tuple[int, ...]) -> WrongShapeError:
        hint = ""
        if shape == self.sample_shape:
            hint = "a single sample needs a batch axis too: put it into a list"
        got = str(list(shape))
        return WrongShapeError(
            f"input {self.name!r} has the wrong shape", expected=self._wanted(), got=got, hint=hint
        )

    def _wrong_dtype(self, got: str) -> WrongDtypeError:
        return WrongDtypeError(
            f"input {self.name!r} has the wrong element type", expected=self.dtype.name, got=got
        )


def _packed(row_format: struct.Struct, rows: Sequence[Any]) -> Array | None:
    """Return rows of numbers as float32; None where they are no such rows, or have null among them.

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
    """The inputs and outputs of a model, ready to check requests."""

    __slots__ = ("answer_bytes", "by_name", "checks", "inputs", "outputs", "single")

    def __init__(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.checks = tuple(InputCheck(spec) for spec in inputs)
        self.by_name = {check.name: check for check in self.checks}
        self.single = self.checks[0] if len(self.checks) == 1 else None
        self.answer_bytes = sum(
            prod(spec.sample_shape) * np.dtype(spec.dtype).itemsize for spec in outputs
        )

    def arrays(
        self,
        given: object,
        batch_max_samples: int,
        answer_limit: AnswerLimit | None = None,
        *,
        has_booleans: bool = True,
    ) -> tuple[dict[str, Array], int]:
        """Return the arrays by input name, and the number of samples.

        Args:
            given: a mapping by input name, or what the only input gets.
            batch_max_samples: most samples of one request.
            answer_limit: on all output arrays together, checked before any is made; None for none.
            has_booleans: whether there may be `True` or `False` among nested lists.

        Raises:
            InputError: they do not fit the model.
        """
        if isinstance(given, Mapping):
            arrays = self._by_name(given, has_booleans)
        elif self.single is not None:
            arrays = {self.single.name: self.single.array(given, has_booleans=has_booleans)}
        else:
            raise MissingInputError(
                f"the model has {len(self.checks)} inputs",
                expected=f"an object with {_names(self.by_name)}",
                got="one value without a name",
            )
        samples = self._samples(arrays, batch_max_samples)
        if answer_limit is not None and samples * self.answer_bytes > answer_limit.max_bytes:
            raise BatchTooLargeError(
                "the answer to the batch would be too large",
                expected=f"at most {answer_limit.max_bytes // self.answer_bytes:,} samples",
                got=f"{samples:,}",
                hint=f"the limit is the setting {answer_limit.setting}",
            )
        return arrays, samples

    def _by_name(self, given: Mapping[str, object], has_booleans: bool) -> dict[str, Array]:
        for name in given:
            if name not in self.by_name:
                raise UnknownInputError(
                    "the model has no such input",
                    expected=_names(self.by_name),
                    got=repr(str(name)[:80]),
                )
        missing = [name for name in self.by_name if name not in given]
        if missing:
            raise MissingInputError(
                f"input {missing[0]!r} is missing",
                expected=_names(self.by_name),
                got=_names(given) or "no inputs",
            )
        return {
            name: check.array(given[name], has_booleans=has_booleans)
            for name, check in self.by_name.items()
        }

    def _samples(self, arrays: Mapping[str, Array], batch_max_samples: int) -> int:
        samples = -1
        for name, array in arrays.items():
            if samples >= 0 and len(array) != samples:
                raise BatchMismatchError(
                    "inputs differ in their number of samples",
                    expected=f"{samples} samples, as the first input has",
                    got=f"{len(array)} in {name!r}",
                )
            samples = len(array)
        if samples == 0:
            raise EmptyBatchError("the batch has no samples", expected="at least one sample")
        if samples > batch_max_samples:
            raise BatchTooLargeError(
                "the batch has too many samples",
                expected=f"at most {batch_max_samples:,}",
                got=f"{samples:,}",
                hint="the limit is the setting PRUNUS_PREDICT_BATCH_MAX_SAMPLES",
            )
        return samples


def _names(names: Mapping[str, object]) -> str:
    shown = [repr(str(name)[:80]) for name in list(names)[:_SHOWN_NAMES]]
    return ", ".join(shown) + (", ..." if len(names) > _SHOWN_NAMES else "")
