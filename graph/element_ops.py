"""The ops that compute each element from elements at the same place: of two values, by a condition, or of none.

Values broadcast as in `graph.ops.Merge`, which adds, subtracts, multiplies and takes the larger or smaller of values.
Truth values are 0 and 1, of element type bool; whole numbers are such of float32. See `graph.ops`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.op import WeightShapes, broadcast_shape, expect_weights, only_input, same_rank
from graph.tensor_type import DType, TensorType


class BinaryFunction(StrEnum):
    """Functions of two numbers, and of two truth values."""

    DIVIDE = "divide"
    # floor(a / b)
    FLOOR_DIVIDE = "floor_divide"
    # Has the sign of b.
    MOD = "mod"
    POWER = "power"
    # The angle of the point (b, a), in radians.
    ATAN2 = "atan2"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    LESS = "less"
    LESS_EQUAL = "less_equal"
    GREATER = "greater"
    GREATER_EQUAL = "greater_equal"
    AND = "and"
    OR = "or"
    XOR = "xor"

    @property
    def is_logical(self) -> bool:
        """Whether it takes truth values."""
        return self in (BinaryFunction.AND, BinaryFunction.OR, BinaryFunction.XOR)

    @property
    def gives_truth(self) -> bool:
        """Whether it gives truth values."""
        return self.is_logical or self in _COMPARISONS


_COMPARISONS = frozenset(
    {
        BinaryFunction.EQUAL,
        BinaryFunction.NOT_EQUAL,
        BinaryFunction.LESS,
        BinaryFunction.LESS_EQUAL,
        BinaryFunction.GREATER,
        BinaryFunction.GREATER_EQUAL,
    }
)
_MEANING: dict[BinaryFunction, Callable[[FloatArray, FloatArray], FloatArray]] = {
    BinaryFunction.DIVIDE: np.divide,
    BinaryFunction.FLOOR_DIVIDE: lambda a, b: np.floor(a / b),
    BinaryFunction.MOD: np.mod,
    BinaryFunction.POWER: np.power,
    BinaryFunction.ATAN2: np.arctan2,
    BinaryFunction.EQUAL: np.equal,
    BinaryFunction.NOT_EQUAL: np.not_equal,
    BinaryFunction.LESS: np.less,
    BinaryFunction.LESS_EQUAL: np.less_equal,
    BinaryFunction.GREATER: np.greater,
    BinaryFunction.GREATER_EQUAL: np.greater_equal,
    BinaryFunction.AND: np.logical_and,
    BinaryFunction.OR: np.logical_or,
    BinaryFunction.XOR: np.logical_xor,
}


@dataclass(frozen=True, slots=True)
class Binary:
    """A function of two values, element by element; axes of length 1 broadcast."""

    function: BinaryFunction

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Broadcast the shapes; logical functions take truth values only."""
        expect_weights(weights)
        _expect_values(self.function.value, inputs, 2)
        if self.function.is_logical:
            _expect_truth(self.function.value, inputs)
        dtype = DType.BOOL if self.function.gives_truth else DType.FLOAT32
        return TensorType(dtype, broadcast_shape(inputs))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = f(a, b)."""
        a, b = same_rank(inputs)
        with np.errstate(all="ignore"):
            return _MEANING[self.function](a, b).astype(a.dtype, copy=False)


@dataclass(frozen=True, slots=True)
class Select:
    """Elements of the second value where the first, a truth value, holds; else those of the third."""

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Broadcast the shapes."""
        expect_weights(weights)
        _expect_values("a selection", inputs, 3)
        _expect_truth("a selection", inputs[:1])
        is_truth = all(x.dtype is DType.BOOL for x in inputs)
        return TensorType(DType.BOOL if is_truth else DType.FLOAT32, broadcast_shape(inputs))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = where(condition, a, b)."""
        condition, a, b = same_rank(inputs)
        return np.where(condition != 0, a, b)


@dataclass(frozen=True, slots=True)
class Cast:
    """Numbers as Keras casts them: to bool whether they are not 0, to integers without their fraction.

    Numbers that the integers do not hold stay what they are, where Keras leaves open what comes of them; floating types
    are all computed in float32.
    """

    dtype: DType

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        expect_weights(weights)
        return TensorType(DType.BOOL if self.dtype is DType.BOOL else DType.FLOAT32, x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = x, x != 0, or x without its fraction."""
        x = inputs[0]
        if self.dtype is DType.BOOL:
            return (x != 0).astype(x.dtype)
        return x if self.dtype.numpy.kind == "f" else np.trunc(x)


@dataclass(frozen=True, slots=True)
class Constant:
    """The same numbers for every sample; weight: the numbers, of a sample's shape. Its input only says the batch."""

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Return the shape of the weight."""
        only_input(inputs)
        if len(weights) != 1:
            raise ShapeError("a constant has one weight", expected="1", got=str(len(weights)))
        return TensorType(DType.FLOAT32, (None, *weights[0]))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[n] = the weight."""
        value = weights[0]
        return np.broadcast_to(value, (len(inputs[0]), *value.shape)).copy()


def _expect_values(what: str, inputs: tuple[TensorType, ...], count: int) -> None:
    if len(inputs) != count:
        raise ShapeError(
            f"{what} got the wrong number of inputs", expected=str(count), got=str(len(inputs))
        )


def _expect_truth(what: str, inputs: tuple[TensorType, ...]) -> None:
    for x in inputs:
        if x.dtype is not DType.BOOL:
            raise ShapeError(f"{what} needs truth values", expected="bool", got=x.dtype.value)
