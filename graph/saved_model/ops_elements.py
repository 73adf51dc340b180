"""Operations element by element: arithmetic with constants and with other values, and functions of one value."""

from collections.abc import Mapping

import numpy as np

from graph.activations import ActivationFunction, Function
from graph.element_ops import Binary, BinaryFunction, Cast, Select
from graph.errors import UnsupportedDtypeError
from graph.ops import Activation, Merge, MergeKind
from graph.saved_model.constants import constant, operand, scaled
from graph.saved_model.element_types import BFLOAT16, numpy_type
from graph.saved_model.lengths import ONE, Lengths, show
from graph.saved_model.site import Rules, Site, as_known
from graph.saved_model.values import Known, Tensor, Value
from graph.tensor_type import DType

_EXACT_INTEGERS = "Whole numbers are computed in float32, which is exact up to 16,777,216; TensorFlow computes them in their own type."
_REDUCED = (
    "Parts of the model compute in a 16-bit type in TensorFlow. Here all arithmetic is float32, so answers differ by the"
    " rounding of that type."
)
_WIDE = ("int32", "int64", "uint32", "uint64")
_MERGES = {
    "Add": MergeKind.ADD,
    "AddV2": MergeKind.ADD,
    "Sub": MergeKind.SUBTRACT,
    "Mul": MergeKind.MULTIPLY,
    "Maximum": MergeKind.MAXIMUM,
    "Minimum": MergeKind.MINIMUM,
}
_BINARIES: Mapping[str, BinaryFunction] = {
    "RealDiv": BinaryFunction.DIVIDE,
    "Div": BinaryFunction.DIVIDE,
    "FloorDiv": BinaryFunction.FLOOR_DIVIDE,
    "FloorMod": BinaryFunction.MOD,
    "Pow": BinaryFunction.POWER,
    "Atan2": BinaryFunction.ATAN2,
    "Equal": BinaryFunction.EQUAL,
    "NotEqual": BinaryFunction.NOT_EQUAL,
    "Less": BinaryFunction.LESS,
    "LessEqual": BinaryFunction.LESS_EQUAL,
    "Greater": BinaryFunction.GREATER,
    "GreaterEqual": BinaryFunction.GREATER_EQUAL,
    "LogicalAnd": BinaryFunction.AND,
    "LogicalOr": BinaryFunction.OR,
}
_TO_BOOL = frozenset(
    {"Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual", "LogicalAnd", "LogicalOr"}
)
_NEED_REALS = frozenset({"RealDiv", "Div", "Pow", "Atan2"})
_NEGATIVE = ActivationFunction(Function.NEGATIVE)
_FUNCTIONS: Mapping[str, ActivationFunction] = {
    "Relu": ActivationFunction(Function.RELU),
    "Relu6": ActivationFunction(Function.RELU, max_value=6.0),
    "Elu": ActivationFunction(Function.ELU),
    "Selu": ActivationFunction(Function.SELU),
    "Sigmoid": ActivationFunction(Function.SIGMOID),
    "Tanh": ActivationFunction(Function.TANH),
    "Softplus": ActivationFunction(Function.SOFTPLUS),
    "Softsign": ActivationFunction(Function.SOFTSIGN),
    "Exp": ActivationFunction(Function.EXPONENTIAL),
    "Abs": ActivationFunction(Function.ABS),
    "Square": ActivationFunction(Function.SQUARE),
    "Sqrt": ActivationFunction(Function.SQRT),
    "Rsqrt": ActivationFunction(Function.RSQRT),
    "Reciprocal": ActivationFunction(Function.RECIPROCAL),
    "Inv": ActivationFunction(Function.RECIPROCAL),
    "Sign": ActivationFunction(Function.SIGN),
    "Floor": ActivationFunction(Function.FLOOR),
    "Ceil": ActivationFunction(Function.CEIL),
    "Rint": ActivationFunction(Function.ROUND),
    "Round": ActivationFunction(Function.ROUND),
    "Log": ActivationFunction(Function.LOG),
    "Log1p": ActivationFunction(Function.LOG1P),
    "Expm1": ActivationFunction(Function.EXPM1),
    "Sin": ActivationFunction(Function.SIN),
    "Cos": ActivationFunction(Function.COS),
    "Tan": ActivationFunction(Function.TAN),
    "Asin": ActivationFunction(Function.ASIN),
    "Acos": ActivationFunction(Function.ACOS),
    "Atan": ActivationFunction(Function.ATAN),
    "Sinh": ActivationFunction(Function.SINH),
    "Cosh": ActivationFunction(Function.COSH),
    "Asinh": ActivationFunction(Function.ASINH),
    "Acosh": ActivationFunction(Function.ACOSH),
    "Atanh": ActivationFunction(Function.ATANH),
    "Erf": ActivationFunction(Function.ERF),
}


def _one(site: Site) -> Value:
    return applied(site, site.real(0), _FUNCTIONS[site.op])


def applied(site: Site, x: Tensor, function: ActivationFunction) -> Tensor:
    """Return a function of each element; the value keeps the shape that it has in the new graph."""
    lengths = site.builder.lengths(x.value)
    made = site.add(Activation(function), x.value, lengths=lengths)
    return Tensor(made, x.shape, x.dtype)


def _leaky_relu(site: Site) -> Value:
    slope = float(str(np.float32(site.attributes.floating("alpha", 0.2))))
    return applied(site, site.real(0), ActivationFunction(Function.RELU, negative_slope=slope))


def _negative(site: Site) -> Value:
    return applied(site, site.real(0), _NEGATIVE)


def _real(site: Site, value: Value) -> Tensor:
    if not isinstance(value, Tensor):
        raise site.refusal("does not depend on the model's inputs")
    return site.as_real(value)


def _cast(site: Site) -> Value:
    x, number = site.tensor(0), site.attributes.dtype("DstT")
    if number in (BFLOAT16, 19):
        site.note(_REDUCED)
        number = 1
    dtype = numpy_type(number, site.where)
    if dtype == np.float64:
        raise UnsupportedDtypeError(
            f"{site.where} computes in float64", expected="float32", got="float64"
        )
    is_float = dtype.kind == "f"
    if is_float and x.dtype.kind == "b":
        made = site.add(Cast(DType.FLOAT32), x.value, lengths=site.builder.lengths(x.value))
        return Tensor(made, x.shape, dtype)
    if is_float or x.dtype == dtype or _widens(x.dtype, dtype):
        return Tensor(x.value, x.shape, dtype)
    if dtype.name not in set(DType):
        raise UnsupportedDtypeError(f"{site.where} makes a type that is not read", got=dtype.name)
    made = site.add(Cast(DType(dtype.name)), x.value, lengths=site.builder.lengths(x.value))
    return Tensor(made, x.shape, dtype)


def _widens(old: "np.dtype[np.generic]", new: "np.dtype[np.generic]") -> bool:
    """Return whether every whole number of the old type is one of the new type."""
    return old.kind in "iu" and new.kind in "iu" and np.can_cast(old, new)


def _two(site: Site) -> Value:
    left, right = site.input(0), site.input(1)
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return _of_tensors(site, left, right)
    known = as_known(right if isinstance(left, Tensor) else left)
    tensor = left if isinstance(left, Tensor) else right
    if known is None or not isinstance(tensor, Tensor):
        raise site.refusal("has inputs that do not follow from the model's inputs")
    _check_type(site, tensor.dtype)
    if tensor.dtype == np.float32:
        found = _affine(site, tensor, known, is_first=isinstance(left, Tensor))
        if found is not None:
            return found
    other = constant(site, known, like=tensor)
    return _of_tensors(site, *((tensor, other) if isinstance(left, Tensor) else (other, tensor)))


def _check_type(site: Site, dtype: "np.dtype[np.generic]") -> None:
    if dtype == np.float32 or site.op in _TO_BOOL:
        return
    if dtype.name not in _WIDE or site.op in _NEED_REALS:
        raise UnsupportedDtypeError(
            f"{site.where} does not compute in float32", expected="float32", got=str(dtype)
        )
    site.note(_EXACT_INTEGERS)


def _of_tensors(site: Site, left: Tensor, right: Tensor) -> Value:
    if left.dtype != right.dtype:
        raise site.refusal("has inputs of two types", got=f"{left.dtype} and {right.dtype}")
    _check_type(site, left.dtype)
    a, b, shape = _aligned(site, left, right)
    merge = _MERGES.get(site.op)
    op = Merge(merge) if merge is not None else Binary(_BINARIES[site.op])
    made = site.add(op, a, b, lengths=_lengths_of(site, a, b))
    dtype = np.dtype(np.bool_) if site.op in _TO_BOOL else left.dtype
    return site.made(made, dtype) if shape is None else Tensor(made, shape, dtype)


def _lengths_of(site: Site, a: str, b: str) -> Lengths | None:
    one, other = site.builder.lengths(a), site.builder.lengths(b)
    return (
        one
        if len(one) == len(other) and all(x in (y, ONE) for x, y in zip(other, one, strict=True))
        else None
    )


def _aligned(site: Site, left: Tensor, right: Tensor) -> tuple[str, str, Lengths | None]:
    """Return two values that broadcast as in TensorFlow, and the shape of the result if it is a view."""
    same = left.shape == right.shape
    if same and site.builder.lengths(left.value) == site.builder.lengths(right.value):
        return left.value, right.value, left.shape
    if len(left.shape) != len(right.shape) and site.builder.has_batch:
        raise site.refusal(
            "joins values of different numbers of axes, which would mix samples",
            got=f"{show(left.shape)} and {show(right.shape)}",
        )
    rank = max(len(left.shape), len(right.shape))
    a, b = (
        site.shaped(one, _padded(site.sample_lengths(one.shape), rank - len(one.shape)))
        for one in (left, right)
    )
    return a, b, None


def _padded(lengths: Lengths, count: int) -> Lengths:
    return (ONE,) * count + lengths


def _affine(site: Site, x: Tensor, known: Known, *, is_first: bool) -> Value | None:
    """Return x plus, minus or times a constant, where the constant belongs to one axis at most."""
    number = Known(known.array, known.name)
    match site.op:
        case "Add" | "AddV2":
            return scaled(site, x, offset=number)
        case "Sub" if is_first:
            return scaled(site, x, offset=Known(-known.array, known.name))
        case "Sub":
            return scaled(site, applied(site, x, _NEGATIVE), offset=number)
        case "Mul":
            return scaled(site, x, scale=number)
        case "RealDiv" | "Div" if is_first and bool((known.array != 0).all()):
            return scaled(site, x, scale=Known(np.float32(1) / known.array, known.name))
        case "Maximum" if known.array.size == 1 and float(known.array.reshape(-1)[0]) == 0.0:
            return applied(site, x, ActivationFunction(Function.RELU))
    return None


def _bias_add(site: Site) -> Value:
    x, bias = site.real(0), site.known(1)
    if bias.array.ndim != 1:
        raise site.refusal("adds a bias that is no vector")
    array = bias.array
    if site.attributes.text("data_format", "NHWC") == "NCHW":
        array = array.reshape(-1, *[1] * (len(x.shape) - 2))
    found = scaled(site, x, offset=Known(array, bias.name))
    if found is None:
        raise site.refusal("adds a bias that does not fit", got=f"{show(x.shape)}, {array.shape}")
    return found


def _add_n(site: Site) -> Value:
    total: Value = site.input(0)
    for other in site.inputs[1:]:
        pair = Site(site.builder, site.label, "AddV2", (total, other), site.attributes)
        total = _two(pair)
    return total


def _squared_difference(site: Site) -> Value:
    pair = Site(site.builder, site.label, "Sub", site.inputs, site.attributes)
    difference = _two(pair)
    return applied(site, _real(site, difference), _FUNCTIONS["Square"])


def _not(site: Site) -> Value:
    x = site.tensor(0)
    zero = constant(site, Known(np.array(False), site.label), like=x)
    made = site.add(Binary(BinaryFunction.EQUAL), x.value, zero.value)
    return Tensor(made, x.shape, np.dtype(np.bool_))


def _select(site: Site) -> Value:
    tensors = [value for value in site.inputs if isinstance(value, Tensor)]
    if len(site.inputs) != 3 or not tensors:
        raise site.refusal("chooses between constants")
    like = max(tensors, key=lambda one: len(one.shape))
    parts = [operand(site, value, like) for value in site.inputs]
    if site.op == "Select" and parts[0].shape != parts[1].shape:
        raise site.refusal("chooses by a condition of another shape, as TensorFlow 1 did")
    rank = len(like.shape)
    values = [
        site.shaped(one, _padded(site.sample_lengths(one.shape), rank - len(one.shape)))
        for one in parts
    ]
    if site.builder.has_batch and any(len(one.shape) != rank for one in parts):
        raise site.refusal("joins values of different numbers of axes, which would mix samples")
    return site.made(site.add(Select(), *values), parts[1].dtype)


def _erfc(site: Site) -> Value:
    """1 - erf(x)."""
    erf = applied(site, site.real(0), _FUNCTIONS["Erf"])
    one = Known(np.array(1, np.float32), site.label)
    return _real(site, scaled(site, applied(site, erf, _NEGATIVE), offset=one) or erf)


def _divide_no_nan(site: Site) -> Value:
    """x / c for constants c without a zero; anything else divides by zero differently than other operations."""
    known = as_known(site.input(1))
    if known is None or not (known.array != 0).all():
        raise site.refusal("divides by values that may be zero")
    return _two(Site(site.builder, site.label, "RealDiv", site.inputs, site.attributes))


def _clip(site: Site) -> Value:
    x = site.real(0)
    limits = [site.known(place).array for place in (1, 2)]
    if any(limit.size != 1 for limit in limits):
        raise site.refusal("clips each element by other limits")
    low, high = (float(limit.reshape(-1)[0]) for limit in limits)
    return applied(site, x, ActivationFunction(Function.CLIP, min_value=low, max_value=high))


RULES: Rules = {
    **dict.fromkeys(_FUNCTIONS, _one),
    **dict.fromkeys((*_MERGES, *_BINARIES), _two),
    "LeakyRelu": _leaky_relu,
    "Neg": _negative,
    "Cast": _cast,
    "BiasAdd": _bias_add,
    "BiasAddV1": _bias_add,
    "AddN": _add_n,
    "SquaredDifference": _squared_difference,
    "LogicalNot": _not,
    "Select": _select,
    "SelectV2": _select,
    "ClipByValue": _clip,
    "Erfc": _erfc,
    "DivNoNan": _divide_no_nan,
}
