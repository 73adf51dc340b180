"""One call of an operation, with its arguments by name: what lowering functions of operations ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph.element_ops import Cast, Constant
from graph.errors import UnsupportedArgumentError, UnsupportedDtypeError
from graph.keras.draft import Site
from graph.keras.json_text import show
from graph.keras.operands import ArrayOperand, Operand, TensorPlace
from graph.op import Op
from graph.tensor_type import DType, TensorType

# The element types that operations know: numbers and truth values.
NUMERIC = frozenset(
    kind for kind in DType if kind.value.startswith(("float", "int", "uint", "bool"))
)
_INTEGERS = (DType.INT32, DType.INT64)
# Arithmetic on them goes round at their ends in Keras.
_NARROW = (DType.INT8, DType.INT16, DType.UINT8, DType.UINT16, DType.UINT32, DType.UINT64)


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of an operation, about to be lowered.

    Attributes:
        site: the call's site.
        operands: its arguments by name, those that stand in the layer's configuration included; None is left out.
    """

    site: Site
    operands: Mapping[str, Operand]

    def refuse(self, name: str, expected: str) -> UnsupportedArgumentError:
        """Return the error for an argument that is missing, or has a value that is not supported."""
        value = self.operands.get(name)
        got = "nothing" if value is None else _shown(value)
        return UnsupportedArgumentError(
            f"{self.site.arguments.where} has an argument {name!r} that is not supported",
            expected=expected,
            got=got,
        )

    def has(self, name: str) -> bool:
        """Return whether an argument is given, and not as None."""
        return self.operands.get(name) is not None

    def tensor(self, name: str) -> str | None:
        """Return the value of an argument that is a tensor; None where it is a constant."""
        operand = self.operands.get(name)
        return self.site.inputs[operand.number] if isinstance(operand, TensorPlace) else None

    def value(self, name: str) -> str:
        """Return the value of an argument that is a tensor.

        Raises:
            UnsupportedArgumentError: it is something else.
        """
        found = self.tensor(name)
        if found is None:
            raise self.refuse(name, "a tensor")
        return found

    def values(self, name: str) -> list[str]:
        """Return the values of a list of tensors.

        Raises:
            UnsupportedArgumentError: it is something else.
        """
        operand = self.operands.get(name)
        items = operand if isinstance(operand, tuple) else (operand,)
        if not items or not all(isinstance(item, TensorPlace) for item in items):
            raise self.refuse(name, "a list of tensors")
        return [self.site.inputs[one.number] for one in items if isinstance(one, TensorPlace)]

    def array(self, name: str) -> ArrayOperand | None:
        """Return an argument that is a number or an array of numbers; None where it is something else."""
        operand = self.operands.get(name)
        if isinstance(operand, ArrayOperand):
            return operand
        if isinstance(operand, bool | int | float):
            kind = {bool: "bool", int: "int32"}.get(type(operand), "float32")
            return ArrayOperand(np.array(operand, np.float64), kind)
        return None

    def number(self, name: str, default: float | None = None) -> float:
        """Return an argument that is one finite number.

        Raises:
            UnsupportedArgumentError: it is something else.
        """
        found = self.array(name)
        if found is None and default is not None and not self.has(name):
            return default
        if found is None or found.array.size != 1 or not np.isfinite(found.array).all():
            raise self.refuse(name, "a number")
        return float(found.array.reshape(()))

    def whole(self, name: str, default: int | None = None) -> int:
        """Return an argument that is one whole number; see `number`."""
        found = self.number(name, default)
        if found != int(found):
            raise self.refuse(name, "a whole number")
        return int(found)

    def wholes(self, name: str) -> list[int]:
        """Return an argument that is one whole number, or a list of them."""
        found = self.array(name)
        if self.operands.get(name) == ():
            return []
        if found is None or found.array.ndim > 1 or (found.array != np.rint(found.array)).any():
            raise self.refuse(name, "whole numbers")
        return [int(one) for one in found.array.reshape(-1)]

    def flag(self, name: str, default: bool = False) -> bool:
        """Return an argument that is true or false."""
        operand = self.operands.get(name, default)
        if not isinstance(operand, bool):
            raise self.refuse(name, "true or false")
        return operand

    def word(self, name: str, default: str) -> str:
        """Return an argument that is a word, in small letters."""
        operand = self.operands.get(name, default)
        if not isinstance(operand, str):
            raise self.refuse(name, "a word")
        return operand.lower()

    def element_type(self, name: str, default: str = "") -> DType:
        """Return an argument that is an element type; all floating ones count as float32 when they are compared.

        Raises:
            UnsupportedArgumentError: it is none, or one that operations do not know.
        """
        found = self.word(name, default).removeprefix("tf.")
        found = "float16" if found == "bfloat16" else found
        if found not in NUMERIC:
            raise self.refuse(name, ", ".join(sorted(NUMERIC)))
        return DType.FLOAT32 if found.startswith("float") else DType(found)

    def axis(self, name: str, rank: int, default: int | None = None) -> int:
        """Return an axis of the sample, positive and counted with the batch.

        Raises:
            UnsupportedArgumentError: it is the batch, or not there.
        """
        found = self.whole(name, default)
        if not -rank <= found < rank or found % rank == 0:
            raise self.refuse(name, f"an axis from 1 to {rank - 1}; axis 0 is the batch")
        return found % rank

    def axes(self, name: str, rank: int) -> tuple[int, ...]:
        """Return axes of the sample, sorted; see `axis`."""
        if not self.has(name):
            raise self.refuse(name, "the axes of the sample; without them the batch is one of them")
        found = [one % rank if -rank <= one < rank else 0 for one in self.wholes(name)]
        if 0 in found or len(set(found)) != len(found) or not found:
            raise self.refuse(name, f"axes from 1 to {rank - 1}; axis 0 is the batch")
        return tuple(sorted(found))

    def type(self, value: str) -> TensorType:
        """Return the type of a value."""
        return self.site.draft.type(value)

    def kind(self, value: str) -> DType:
        """Return the element type that a value has in Keras; all floating ones count as float32."""
        found = self.site.draft.keras_type(value)
        return DType.FLOAT32 if self.site.draft.is_float(value) else found

    def add(
        self,
        op: Op,
        on: Sequence[str],
        kind: DType | None = None,
        weights: Sequence[str] = (),
        name: str = "",
    ) -> str:
        """Add a node; `kind` is the element type that its value has in Keras, if it is none that the graph knows."""
        value = self.site.add(op, on=on, weights=weights, name=name)
        if kind is not None:
            self.site.draft.say_keras_type(value, kind)
        return value

    def moved(self, op: Op, value: str, name: str = "") -> str:
        """Add a node that only moves elements."""
        return self.add(op, [value], self.kind(value), name=name)

    def constant(self, numbers: np.ndarray, beside: str, kind: DType, name: str) -> str:
        """Add a constant of a sample's shape, in the batch of another value.

        Raises:
            UnsupportedDtypeError: float32 does not hold the whole numbers.
        """
        array = np.asarray(numbers, np.float64)
        if kind is not DType.FLOAT32 and np.abs(array).max(initial=0) > 2**24:
            raise UnsupportedDtypeError(
                f"{self.site.arguments.where} has whole numbers that float32 does not hold",
                expected="at most 2^24",
                got=str(np.abs(array).max()),
            )
        weight = self.site.constant(name, np.ascontiguousarray(array, np.float32))
        value = self.add(Constant(), [beside], kind, [weight], name)
        if kind is not DType.BOOL:
            return value
        return self.add(Cast(DType.BOOL), [value], name=f"{name}/truth")

    def operand(self, name: str, beside: str) -> str:
        """Return an argument that is a tensor or an array of numbers, which becomes a constant.

        Args:
            name: the argument.
            beside: a tensor of the operation, whose rank an array has at most: it is aligned from the right.

        Raises:
            UnsupportedArgumentError: it is something else, or an array that differs by sample.
        """
        found = self.tensor(name)
        if found is not None:
            return found
        given = self.array(name)
        if given is None:
            raise self.refuse(name, "a tensor, a number or an array")
        array, rank = given.array, self.type(beside).rank
        if array.ndim == rank and rank and array.shape[0] == 1:
            array = array[0]
        if array.ndim >= max(rank, 1) or not array.size:
            raise self.refuse(name, "an array of the shape of a sample, or of its last axes")
        kind = _constant_kind(given, self.kind(beside))
        return self.constant(array, beside, kind, name)

    def arithmetic_kind(self, *values: str) -> DType:
        """Return the element type of arithmetic on values, as Keras has it.

        Raises:
            UnsupportedDtypeError: arithmetic on integers that go round at their ends, or on truth values alone.
        """
        kinds = {self.kind(value) for value in values}
        if DType.FLOAT32 in kinds:
            return DType.FLOAT32
        narrow = sorted(kinds.intersection(_NARROW))
        if narrow or kinds == {DType.BOOL}:
            raise UnsupportedDtypeError(
                f"{self.site.arguments.where} calculates with {(narrow or [DType.BOOL])[0].value}",
                expected="a floating type, int32 or int64",
                hint="convert the values to float32 in the model",
            )
        return DType.INT64 if DType.INT64 in kinds else DType.INT32


def _constant_kind(given: ArrayOperand, beside: DType) -> DType:
    """Return the type of a constant: Python's numbers take that of the tensor beside them where it holds them."""
    if given.dtype == "bool":
        return DType.BOOL
    is_whole = given.dtype.startswith(("int", "uint"))
    if not is_whole:
        return DType.FLOAT32
    if beside is DType.BOOL:
        return DType.INT32
    return beside if beside in _INTEGERS or beside is DType.FLOAT32 else DType.INT32


def _shown(value: Operand) -> str:
    if isinstance(value, TensorPlace):
        return "a tensor"
    if isinstance(value, ArrayOperand):
        return show(value.array.tolist())
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_shown, value[:8])) + "]"
    return str(value)[:80]
