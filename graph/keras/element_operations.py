"""Operations that compute each element by itself: functions of one and two values, comparisons, logic, selection."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from graph.activations import ActivationFunction, Function
from graph.element_ops import Binary, BinaryFunction, Cast, Select
from graph.errors import UnsupportedArgumentError, UnsupportedDtypeError
from graph.keras.operation import Operation
from graph.ops import Activation, Merge, MergeKind, Rescaling
from graph.tensor_type import DType

Lowering = Callable[[Operation], str]

# By Keras' name; those that give whole numbers of whole numbers first.
_OF_WHOLE_NUMBERS: Mapping[str, Function] = {
    "Absolute": Function.ABS, "Abs": Function.ABS, "Negative": Function.NEGATIVE,
    "Square": Function.SQUARE, "Sign": Function.SIGN, "Round": Function.ROUND,
    "Trunc": Function.TRUNC,
}  # fmt: skip
_OF_NUMBERS: Mapping[str, Function] = {
    "Ceil": Function.CEIL, "Floor": Function.FLOOR, "Sqrt": Function.SQRT, "Rsqrt": Function.RSQRT,
    "Reciprocal": Function.RECIPROCAL, "Log": Function.LOG, "Log2": Function.LOG2,
    "Log10": Function.LOG10, "Log1p": Function.LOG1P, "Expm1": Function.EXPM1, "Sin": Function.SIN,
    "Cos": Function.COS, "Tan": Function.TAN, "Arcsin": Function.ASIN, "Arccos": Function.ACOS,
    "Arctan": Function.ATAN, "Sinh": Function.SINH, "Cosh": Function.COSH,
    "Arcsinh": Function.ASINH, "Arccosh": Function.ACOSH, "Arctanh": Function.ATANH,
    "Erf": Function.ERF,
}  # fmt: skip
# Both operands are numbers; whole numbers stay such.
_MERGES: Mapping[str, MergeKind] = {
    "Add": MergeKind.ADD, "Subtract": MergeKind.SUBTRACT, "Multiply": MergeKind.MULTIPLY,
    "Maximum": MergeKind.MAXIMUM, "Minimum": MergeKind.MINIMUM,
}  # fmt: skip
_BINARY: Mapping[str, BinaryFunction] = {
    "Divide": BinaryFunction.DIVIDE, "TrueDivide": BinaryFunction.DIVIDE,
    "FloorDivide": BinaryFunction.FLOOR_DIVIDE, "Mod": BinaryFunction.MOD,
    "Power": BinaryFunction.POWER, "Arctan2": BinaryFunction.ATAN2,
    "Equal": BinaryFunction.EQUAL, "NotEqual": BinaryFunction.NOT_EQUAL,
    "Less": BinaryFunction.LESS, "LessEqual": BinaryFunction.LESS_EQUAL,
    "Greater": BinaryFunction.GREATER, "GreaterEqual": BinaryFunction.GREATER_EQUAL,
    "LogicalAnd": BinaryFunction.AND, "LogicalOr": BinaryFunction.OR,
    "LogicalXor": BinaryFunction.XOR,
}  # fmt: skip
_FLOATING = ("Divide", "TrueDivide", "Arctan2")
_POWERS = {2.0: Function.SQUARE, 0.5: Function.SQRT, -1.0: Function.RECIPROCAL}


def activated(operation: Operation, function: Function, value: str, kind: DType) -> str:
    """Add a function of one number."""
    return operation.add(Activation(ActivationFunction(function)), [value], kind)


def _function(function: Function, *, keeps_whole: bool) -> Lowering:
    def lower(operation: Operation) -> str:
        if operation.has("decimals") and operation.whole("decimals"):
            raise operation.refuse("decimals", "0")
        value = operation.value("x")
        kind = operation.arithmetic_kind(value) if keeps_whole else DType.FLOAT32
        return activated(operation, function, value, kind)

    return lower


def _clip(operation: Operation) -> str:
    value = operation.value("x")
    kind = operation.arithmetic_kind(value)
    low, high = operation.number("x_min"), operation.number("x_max")
    # Whole numbers are clipped to whole numbers, as Keras converts the limits first.
    if kind is not DType.FLOAT32 and (low != int(low) or high != int(high)):
        raise operation.refuse("x_min", "whole limits for whole numbers")
    function = ActivationFunction(Function.CLIP, min_value=low, max_value=high)
    return operation.add(Activation(function), [value], kind)


def _operands(operation: Operation, names: tuple[str, ...] = ("x1", "x2")) -> list[str]:
    """Return operands of one rank; arrays become constants.

    Raises:
        UnsupportedArgumentError: none is a tensor, or tensors are of different rank: aligned from the right, the batch
            of one would meet another axis of the other.
    """
    tensors = [value for name in names if (value := operation.tensor(name)) is not None]
    ranks = {operation.type(value).rank for value in tensors}
    if len(ranks) != 1:
        raise UnsupportedArgumentError(
            f"{operation.site.arguments.where} combines tensors of different rank"
            if ranks
            else f"{operation.site.arguments.where} is called on no tensor",
            got=str(sorted(ranks)),
        )
    return [operation.operand(name, tensors[0]) for name in names]


def _number_beside(operation: Operation) -> tuple[str, float | None, bool]:
    """Return the tensor, and the one number that the other operand is with whether it comes first."""
    first = operation.tensor("x1")
    name = "x1" if first is None else "x2"
    value = operation.tensor("x2") if first is None else first
    given = operation.array(name)
    if value is None or given is None or given.array.size != 1:
        return "", None, False
    if given.array.ndim > operation.type(value).rank:
        return "", None, False  # The result would have more axes.
    number = float(given.array.reshape(()))
    fits = math.isfinite(number) and operation.kind(value) is DType.FLOAT32
    return value, number if fits else None, first is None


def _merge(name: str, kind: MergeKind) -> Lowering:
    def lower(operation: Operation) -> str:
        value, number, is_first = _number_beside(operation)
        if number is not None:
            return _with_number(operation, name, value, number, is_first=is_first)
        operands = _operands(operation)
        return operation.add(Merge(kind), operands, operation.arithmetic_kind(*operands))

    return lower


def _with_number(
    operation: Operation, name: str, value: str, number: float, *, is_first: bool
) -> str:
    """Add arithmetic of a tensor and a number as a scale and an offset, or as limits."""
    match name:
        case "Add":
            op: Rescaling | Activation = Rescaling((1.0,), (number,))
        case "Subtract" if is_first:
            op = Rescaling((-1.0,), (number,))
        case "Subtract":
            op = Rescaling((1.0,), (-number,))
        case "Multiply":
            op = Rescaling((number,), (0.0,))
        case "Maximum":
            op = Activation(ActivationFunction(Function.CLIP, min_value=number))
        case _:
            op = Activation(ActivationFunction(Function.CLIP, max_value=number))
    return operation.add(op, [value])


def _binary(name: str, function: BinaryFunction) -> Lowering:
    def lower(operation: Operation) -> str:
        short = _short(operation, name)
        if short is not None:
            return short
        operands = _operands(operation)
        if function.is_logical:
            operands = [_truth(operation, value) for value in operands]
        if function.gives_truth:
            return operation.add(Binary(function), operands)
        kind = DType.FLOAT32 if name in _FLOATING else operation.arithmetic_kind(*operands)
        if kind is not DType.FLOAT32 and name == "Power":
            raise _whole_numbers(operation)
        return operation.add(Binary(function), operands, kind)

    return lower


def _whole_numbers(operation: Operation) -> UnsupportedDtypeError:
    return UnsupportedDtypeError(
        f"{operation.site.arguments.where} calculates with integers",
        expected="float32",
        hint="convert the values to float32 in the model",
    )


def _short(operation: Operation, name: str) -> str | None:
    """Return a division or power with a number that a simpler op computes; None for anything else."""
    value, number, is_first = _number_beside(operation)
    if number is None:
        return None
    if name in ("Divide", "TrueDivide"):
        if is_first:
            inverse = activated(operation, Function.RECIPROCAL, value, DType.FLOAT32)
            return operation.add(Rescaling((number,), (0.0,)), [inverse], name="scaled")
        usable = number and math.isfinite(np.float32(1.0 / number))
        return operation.add(Rescaling((1.0 / number,), (0.0,)), [value]) if usable else None
    if name == "Power" and not is_first and number in _POWERS:
        return activated(operation, _POWERS[number], value, DType.FLOAT32)
    return None


def _truth(operation: Operation, value: str) -> str:
    if operation.type(value).dtype is DType.BOOL:
        return value
    return operation.add(Cast(DType.BOOL), [value], name="truth")


def _not(operation: Operation) -> str:
    value = _truth(operation, operation.value("x"))
    zero = operation.constant(np.zeros(()), value, DType.FLOAT32, "zero")
    return operation.add(Binary(BinaryFunction.EQUAL), [value, zero])


def _is_nan(operation: Operation) -> str:
    value = operation.value("x")
    return operation.add(Binary(BinaryFunction.NOT_EQUAL), [value, value])


def _compared_size(function: BinaryFunction) -> Lowering:
    """Compare the size with infinity."""

    def lower(operation: Operation) -> str:
        value = operation.value("x")
        size = operation.add(Activation(ActivationFunction(Function.ABS)), [value], name="size")
        infinite = operation.constant(np.array(np.inf), value, DType.FLOAT32, "infinity")
        return operation.add(Binary(function), [size, infinite])

    return lower


def _where(operation: Operation) -> str:
    if not (operation.has("x1") and operation.has("x2")):
        raise operation.refuse("x1", "both values, x1 and x2")
    condition, a, b = _operands(operation, ("condition", "x1", "x2"))
    kinds = {operation.kind(a), operation.kind(b)}
    kind = kinds.pop() if len(kinds) == 1 else operation.arithmetic_kind(a, b)
    return operation.add(Select(), [_truth(operation, condition), a, b], kind)


def _cast(operation: Operation) -> str:
    wanted = operation.element_type("dtype")
    return operation.add(Cast(wanted), [operation.value("x")], wanted)


def _filled(number: float | None) -> Lowering:
    """Return a constant of the shape of a tensor."""

    def lower(operation: Operation) -> str:
        value = operation.value("x")
        found = operation.number("fill_value") if number is None else number
        kind = operation.kind(value)
        if operation.has("dtype"):
            kind = operation.element_type("dtype")
        shape = operation.type(value).static_sample_shape
        return operation.constant(np.full(shape, found), value, kind, "filled")

    return lower


def _logaddexp(operation: Operation) -> str:
    """Return the larger plus log1p(exp(-distance))."""
    operands = _operands(operation)
    larger = operation.add(Merge(MergeKind.MAXIMUM), operands, name="larger")
    difference = operation.add(Merge(MergeKind.SUBTRACT), operands, name="difference")
    distance = operation.add(Activation(ActivationFunction(Function.ABS)), [difference])
    back = operation.add(Rescaling((-1.0,), (0.0,)), [distance], name="negative")
    rest = operation.add(Activation(ActivationFunction(Function.SOFTPLUS)), [back], name="rest")
    return operation.add(Merge(MergeKind.ADD), [larger, rest])


def _squared_difference(operation: Operation) -> str:
    operands = _operands(operation)
    kind = operation.arithmetic_kind(*operands)
    difference = operation.add(Merge(MergeKind.SUBTRACT), operands, kind, name="difference")
    return activated(operation, Function.SQUARE, difference, kind)


def _divide_no_nan(operation: Operation) -> str:
    """Return the quotient, and 0 where the divisor is 0."""
    a, b = _operands(operation)
    zero = operation.constant(np.zeros(()), operation.site.inputs[0], DType.FLOAT32, "zero")
    quotient = operation.add(Binary(BinaryFunction.DIVIDE), [a, b], name="quotient")
    is_zero = operation.add(Binary(BinaryFunction.EQUAL), [b, zero], name="is_zero")
    return operation.add(Select(), [is_zero, zero, quotient])


def _add_all(operation: Operation) -> str:
    values = operation.values("xs")
    return operation.add(Merge(MergeKind.ADD), values, operation.arithmetic_kind(*values))


def activation(function: ActivationFunction, parameters: tuple[str, ...]) -> Lowering:
    """Return the lowering of an activation function whose parameters are arguments of the same names."""

    def lower(operation: Operation) -> str:
        value = operation.value("x")
        if operation.kind(value) is not DType.FLOAT32:
            raise _whole_numbers(operation)
        given = function
        for name in parameters:
            if operation.has(name):
                given = _with_parameter(operation, given, name)
        return operation.add(Activation(given), [value])

    return lower


def _with_parameter(
    operation: Operation, function: ActivationFunction, name: str
) -> ActivationFunction:
    match name:
        case "axis":
            return replace(function, axis=operation.whole(name))
        case "approximate":
            return replace(function, approximate=operation.flag(name))
        case "alpha":
            return replace(function, alpha=operation.number(name))
        case "b":
            return replace(function, b=operation.number(name))
        case "negative_slope":
            return replace(function, negative_slope=operation.number(name))
        case "threshold":
            return replace(function, threshold=operation.number(name))
        case _:
            return replace(function, default_value=operation.number(name))


LOWERINGS: Mapping[str, Lowering] = {
    **{name: _function(f, keeps_whole=True) for name, f in _OF_WHOLE_NUMBERS.items()},
    **{name: _function(f, keeps_whole=False) for name, f in _OF_NUMBERS.items()},
    **{name: _merge(name, kind) for name, kind in _MERGES.items()},
    **{name: _binary(name, function) for name, function in _BINARY.items()},
    "LogicalNot": _not,
    "Isnan": _is_nan,
    "Isfinite": _compared_size(BinaryFunction.LESS),
    "Isinf": _compared_size(BinaryFunction.EQUAL),
    "Where": _where,
    "Cast": _cast,
    "Clip": _clip,
    "ZerosLike": _filled(0.0),
    "OnesLike": _filled(1.0),
    "FullLike": _filled(None),
    "Logaddexp": _logaddexp,
    "SquaredDifference": _squared_difference,
    "DivideNoNan": _divide_no_nan,
    "AddN": _add_all,
}
