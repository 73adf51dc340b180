"""The steps of general operations: functions of two values, selection, constants, folds; see `engine.core.steps`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from engine.core.places import Place


class BinaryFunction(StrEnum):
    """Functions of two numbers; truth values are 0 and 1."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    DIVIDE = "divide"
    FLOOR_DIVIDE = "floor_divide"
    MOD = "mod"
    POWER = "power"
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


@dataclass(frozen=True, slots=True)
class BinaryStep:
    """y[o][l][i] = function(a[o][l][i], b[l]), or function(b[l], a[o][l][i]) where the operands are swapped.

    Attributes:
        function: the function.
        a: [outer][length][inner] rows.
        b: [length] rows.
        y: [outer][length][inner] rows.
        outer: how often b is repeated as a whole.
        length: rows of b.
        inner: how often each row of b is repeated.
        swapped: whether b is the first operand.
    """

    function: BinaryFunction
    a: Place
    b: Place
    y: Place
    outer: int
    length: int
    inner: int
    swapped: bool


@dataclass(frozen=True, slots=True)
class SelectStep:
    """y = a where the condition is not 0, else b; elementwise."""

    condition: Place
    a: Place
    b: Place
    y: Place


@dataclass(frozen=True, slots=True)
class ConstantStep:
    """y[i] = numbers[i] for every sample; constant float32[y.rows]."""

    y: Place
    numbers: str


class Fold(StrEnum):
    """What is made of a group of rows; the extremes are NaN where one of them is."""

    SUM = "sum"
    MEAN = "mean"
    PRODUCT = "product"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    # About the mean, divided by the number of rows.
    VARIANCE = "variance"
    # The logarithm of the sum of exponentials.
    LOGSUMEXP = "logsumexp"
    # The number of the first largest or smallest row; the first NaN counts as either.
    ARGMAX = "argmax"
    ARGMIN = "argmin"


@dataclass(frozen=True, slots=True)
class FoldStep:
    """y[o][i] = fold over l of x[o][l][i], of [outer][length][inner] rows."""

    fold: Fold
    x: Place
    y: Place
    outer: int
    length: int
    inner: int


class Scan(StrEnum):
    """What runs along an axis."""

    SUM = "sum"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class ScanStep:
    """y[o][l][i] = the sum or product of x[o][0][i] to x[o][l][i], of [outer][length][inner] rows."""

    scan: Scan
    x: Place
    y: Place
    outer: int
    length: int
    inner: int


GeneralStep = BinaryStep | SelectStep | ConstantStep | FoldStep | ScanStep


def reads(step: GeneralStep) -> tuple[Place, ...]:
    """Return the places that a step reads."""
    match step:
        case BinaryStep():
            return (step.a, step.b)
        case SelectStep():
            return (step.condition, step.a, step.b)
        case ConstantStep():
            return ()
        case FoldStep() | ScanStep():
            return (step.x,)
        case _:
            assert_never(step)


def constants_of(step: GeneralStep) -> tuple[str, ...]:
    """Return the names of the constants that a step uses."""
    return (step.numbers,) if isinstance(step, ConstantStep) else ()
