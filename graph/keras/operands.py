"""What operations are called on, as data: tensors of the model, numbers, arrays, slices, in lists or alone.

Keras 3 writes the call of an operation as the arguments themselves, with objects for what JSON has not: tensors,
arrays, slices and the ellipsis. tf.keras writes `[layer, node, tensor, arguments]` with tensors among the arguments as
lists `[layer, node, tensor]`, and a constant in the first place as a tensor of a layer called `_CONSTANT_VALUE`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Union

import numpy as np

from graph.errors import ConfigError, UnsupportedArgumentError
from graph.keras.arguments import plain
from graph.keras.description import Call, TensorRef
from graph.keras.json_text import Json, JsonObject, as_index, as_list, as_name, as_object, show

# What tf.keras calls the layer of a constant.
_CONSTANT = "_CONSTANT_VALUE"
_TENSOR = "__keras_tensor__"
_ARRAYS = ("__numpy__", "__tensor__")
_MOST_NUMBERS = 1_000_000
_MOST_OPERANDS = 10_000


@dataclass(frozen=True, slots=True)
class TensorPlace:
    """A tensor of the model: the number of one of the call's inputs."""

    number: int


@dataclass(frozen=True, slots=True)
class SliceOperand:
    """`start:stop:step`."""

    start: int | None
    stop: int | None
    step: int | None


@dataclass(frozen=True, slots=True, eq=False)
class ArrayOperand:
    """An array of numbers, float64, that is of another type in Keras."""

    array: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
    dtype: str


Operand = Union[
    TensorPlace, SliceOperand, EllipsisType, ArrayOperand, float, int, bool, str, None,
    "tuple[Operand, ...]",
]  # fmt: skip


class _Reader:
    """Reads the operands of one call, and collects the tensors among them."""

    def __init__(self, what: str, offsets: Mapping[str, int], *, is_tensorflow: bool) -> None:
        self._what = what
        self._offsets = offsets
        self._is_tensorflow = is_tensorflow
        self._count = 0
        self.tensors: list[TensorRef] = []

    def read(self, value: Json) -> Operand:
        """Return one operand, whatever it is nested in."""
        self._count += 1
        if self._count > _MOST_OPERANDS:
            raise self._refuse(value)
        if isinstance(value, dict):
            return self._object(value)
        if not isinstance(value, list):
            return value
        if self._is_tensorflow and len(value) >= 3 and isinstance(value[0], str):
            return self.tensor(value)
        array = _array(value)
        return array if array is not None else tuple(self.read(item) for item in value)

    def tensor(self, value: Json) -> Operand:
        """Return a tensor from its layer, node and number; in tf.keras it may be a constant."""
        history = as_list(value, self._what)
        if not 3 <= len(history) <= 4:
            raise ConfigError(f"{self._what} is not called on a tensor", got=show(value))
        if history[0] == _CONSTANT:
            return self.read(history[2])
        layer, node, number = history[:3]
        name = as_name(layer, self._what)
        call = as_index(node, self._what) - self._offsets.get(name, 0)
        self.tensors.append(TensorRef(name, call, as_index(number, self._what)))
        return TensorPlace(len(self.tensors) - 1)

    def _object(self, value: JsonObject) -> Operand:
        kind, config = value.get("class_name"), value.get("config")
        if kind == _TENSOR and isinstance(config, dict):
            return self.tensor(config.get("keras_history"))
        if kind == "__ellipsis__":
            return ...
        if kind == "__slice__" and isinstance(config, dict):
            return self._slice(config)
        if kind is None and set(value) == {"start", "stop", "step"}:
            return self._slice(value)
        if kind in _ARRAYS and isinstance(config, dict):
            found = _array(config.get("value"))
            if found is None:
                raise self._refuse(value)
            return ArrayOperand(found.array, str(config.get("dtype")))
        simple = plain(value)
        if isinstance(simple, dict):
            raise self._refuse(value)
        return self.read(simple)

    def _slice(self, value: JsonObject) -> SliceOperand:
        bounds = [value.get(name) for name in ("start", "stop", "step")]
        numbers = [bound for bound in bounds if type(bound) is int]
        if len(numbers) + bounds.count(None) != 3:
            raise self._refuse(value)
        return SliceOperand(*(bound if type(bound) is int else None for bound in bounds))

    def _refuse(self, value: Json) -> UnsupportedArgumentError:
        return UnsupportedArgumentError(
            f"{self._what} is called with arguments that are not supported",
            expected="tensors, numbers, arrays and slices",
            got=show(value),
        )


def _array(value: Json) -> ArrayOperand | None:
    """Return an array of numbers from lists of equal lengths, or one number; None where it is none."""
    leaves, level = 0, [value]
    while level and all(isinstance(item, list) for item in level):
        level = [item for one in level if isinstance(one, list) for item in one]
        leaves += len(level)
        if leaves > _MOST_NUMBERS:
            return None
    if not level or not all(isinstance(item, int | float) for item in level):
        return None
    kinds = {type(item) for item in level}
    try:
        array = np.array(value, np.float64)
    except (ValueError, OverflowError):
        return None
    dtype = "bool" if kinds == {bool} else "int32" if kinds == {int} else "float32"
    return ArrayOperand(array, dtype)


def read_plain(value: Json, what: str) -> Operand:
    """Return an argument of a layer's configuration, in which there are no tensors.

    Raises:
        UnsupportedArgumentError: there are, or something else that is not supported.
    """
    reader = _Reader(what, {}, is_tensorflow=False)
    found = reader.read(value)
    if reader.tensors:
        raise UnsupportedArgumentError(f"{what} has a tensor in its configuration")
    return found


def parse_operation_call(node: Json, what: str, offsets: Mapping[str, int]) -> Call:
    """Read one call of an operation of Keras 3.

    Raises:
        ConfigError: it is not a call.
        UnsupportedArgumentError: it has arguments that are not supported.
    """
    reader = _Reader(what, offsets, is_tensorflow=False)
    call = as_object(node, what)
    operands = tuple(reader.read(one) for one in as_list(call.get("args"), f"args of {what}"))
    keywords = as_object(call.get("kwargs", {}), f"kwargs of {what}")
    named = {name: reader.read(value) for name, value in keywords.items()}
    return Call(tuple(reader.tensors), operands=operands, named=named)


def parse_function_call(node: Json, what: str, offsets: Mapping[str, int]) -> Call:
    """Read one call of a TensorFlow function in tf.keras' notation: `[layer, node, tensor, {"y": other}]`.

    Where the function is called on a list of tensors, each of them repeats the other arguments.

    Raises:
        ConfigError: it is not a call.
        UnsupportedArgumentError: it has arguments that are not supported.
    """
    reader = _Reader(what, offsets, is_tensorflow=True)
    items = as_list(node, what)
    is_list = bool(items) and all(isinstance(item, list) for item in items)
    tensors = [as_list(item, what) for item in items] if is_list else [items]
    if any(len(tensor) != 4 or not isinstance(tensor[0], str) for tensor in tensors):
        raise UnsupportedArgumentError(
            f"{what} is called on something that is not supported",
            expected="one tensor, or a list of them",
            got=show(node),
        )
    if not tensors:
        raise ConfigError(f"{what} is called on nothing")
    found = tuple(reader.tensor(tensor) for tensor in tensors)
    arguments = as_object(tensors[0][3], what)
    named = {name: reader.read(value) for name, value in arguments.items() if name != "name"}
    return Call(tuple(reader.tensors), operands=(found if is_list else found[0],), named=named)


def written_operand(operand: Operand, tensors: Sequence[Json]) -> Json:
    """Return an operand as Keras 3 writes it.

    Args:
        operand: the operand.
        tensors: the inputs of the call, as they are written.
    """
    match operand:
        case TensorPlace(number):
            return tensors[number]
        case SliceOperand(start, stop, step):
            return {
                "class_name": "__slice__",
                "config": {"start": start, "stop": stop, "step": step},
            }
        case ArrayOperand(array, dtype):
            return {
                "class_name": "__numpy__",
                "config": {"value": array.tolist(), "dtype": dtype},
            }
        case tuple():
            return [written_operand(item, tensors) for item in operand]
    if operand is ...:
        return {"class_name": "__ellipsis__", "config": {}}
    return operand
