"""Element functions that are operations rather than activations, in vector form; see `engine.kernels.activations`."""

import math
from collections.abc import Callable, Mapping

from engine.core.functions import FusedActivation
from engine.kernels import double_math as dm
from engine.kernels import vector_math as vm
from engine.kernels.emit import Value
from engine.kernels.kernel_writer import KernelWriter

Function = Callable[[KernelWriter, Value], Value]

# From here on every float32 is an integer.
_WHOLE = 2.0**23


def clip(w: KernelWriter, x: Value, parameters: tuple[Value, ...]) -> Value:
    """The lower limit where x is below it, then the upper one where that is above; NaN stays."""
    low, high = parameters
    above = w.select(w.compare("olt", x, low), low, x)
    return w.select(w.compare("ogt", above, high), high, above)


def _in_double(function: Callable[[KernelWriter, Value], Value]) -> Function:
    return lambda w, x: dm.narrowed(w, function(w, dm.widened(w, x)))


def _round(w: KernelWriter, x: Value) -> Value:
    size = vm.absolute(w, x)
    limit = w.const(x.type, _WHOLE)
    near = w.op("fsub", w.op("fadd", size, limit), limit)
    inside = w.select(w.compare("olt", size, limit), near, size)
    return w.intrinsic("copysign", inside, x)


def _stepped(predicate: str, step: float) -> Function:
    """The rounded number, and one further where that lies on the wrong side."""

    def function(w: KernelWriter, x: Value) -> Value:
        near = _round(w, x)
        further = w.op("fadd", near, w.const(x.type, step))
        return w.intrinsic("copysign", w.select(w.compare(predicate, near, x), further, near), x)

    return function


floor = _stepped("ogt", -1.0)


def _trunc(w: KernelWriter, x: Value) -> Value:
    return w.intrinsic("copysign", floor(w, vm.absolute(w, x)), x)


def _sign(w: KernelWriter, x: Value) -> Value:
    zero = w.zero(x.type)
    down = w.select(w.compare("olt", x, zero), w.const(x.type, -1.0), x)
    up = w.select(w.compare("ogt", x, zero), w.const(x.type, 1.0), down)
    return w.select(w.compare("oeq", x, zero), zero, up)


def _sqrt(w: KernelWriter, x: Value) -> Value:
    return w.intrinsic("sqrt", x)


def _reciprocal(w: KernelWriter, x: Value) -> Value:
    return w.op("fdiv", w.const(x.type, 1.0), x)


def _rsqrt(w: KernelWriter, x: Value) -> Value:
    return _reciprocal(w, _sqrt(w, x))


def _log_of_base(base: float) -> Function:
    def function(w: KernelWriter, x: Value) -> Value:
        return w.op("fmul", dm.log(w, x), w.const(x.type, 1.0 / math.log(base)))

    return _in_double(function)


def _tan(w: KernelWriter, x: Value) -> Value:
    sine, cosine = dm.sine_and_cosine(w, x)
    return w.op("fdiv", sine, cosine)


def _asin(w: KernelWriter, x: Value) -> Value:
    one = w.const(x.type, 1.0)
    rest = w.op("fmul", w.op("fsub", one, x), w.op("fadd", one, x))
    return dm.atan(w, w.op("fdiv", x, w.intrinsic("sqrt", rest)))


def _acos(w: KernelWriter, x: Value) -> Value:
    one = w.const(x.type, 1.0)
    ratio = w.op("fdiv", w.op("fsub", one, x), w.op("fadd", one, x))
    half = dm.atan(w, w.intrinsic("sqrt", ratio))
    return w.op("fadd", half, half)


def _sinh(w: KernelWriter, x: Value) -> Value:
    grown = dm.expm1(w, dm.absolute(w, x))
    shrunk = w.op("fdiv", grown, w.op("fadd", grown, w.const(x.type, 1.0)))
    double = w.op("fadd", grown, shrunk)
    return w.intrinsic("copysign", w.op("fmul", double, w.const(x.type, 0.5)), x)


def _cosh(w: KernelWriter, x: Value) -> Value:
    grown = dm.exp(w, dm.absolute(w, x))
    double = w.op("fadd", grown, w.op("fdiv", w.const(x.type, 1.0), grown))
    return w.op("fmul", double, w.const(x.type, 0.5))


def _asinh(w: KernelWriter, x: Value) -> Value:
    """Return the sign of x times log1p(|x| + x^2 / (1 + sqrt(1 + x^2)))."""
    one, size, square = w.const(x.type, 1.0), dm.absolute(w, x), w.op("fmul", x, x)
    root = w.op("fadd", one, w.intrinsic("sqrt", w.op("fadd", one, square)))
    inside = w.op("fadd", size, w.op("fdiv", square, root))
    inside = w.select(w.compare("oeq", size, w.const(x.type, math.inf)), size, inside)
    return w.intrinsic("copysign", dm.log1p(w, inside), x)


def _acosh(w: KernelWriter, x: Value) -> Value:
    one = w.const(x.type, 1.0)
    above = w.op("fsub", x, one)
    root = w.intrinsic("sqrt", w.op("fmul", above, w.op("fadd", x, one)))
    below = w.compare("olt", x, one)
    result = dm.log1p(w, w.op("fadd", above, root))
    return w.select(below, w.const(x.type, math.nan), result)


def _atanh(w: KernelWriter, x: Value) -> Value:
    one, size = w.const(x.type, 1.0), dm.absolute(w, x)
    ratio = w.op("fdiv", w.op("fadd", size, size), w.op("fsub", one, size))
    ratio = w.select(w.compare("ogt", size, one), w.const(x.type, math.nan), ratio)
    half = w.op("fmul", dm.log1p(w, ratio), w.const(x.type, 0.5))
    return w.intrinsic("copysign", half, x)


OPERATIONS: Mapping[FusedActivation, Function] = {
    FusedActivation.ABS: vm.absolute,
    FusedActivation.NEGATIVE: vm.negative,
    FusedActivation.SQUARE: lambda w, x: w.op("fmul", x, x),
    FusedActivation.SQRT: _sqrt,
    FusedActivation.RSQRT: _rsqrt,
    FusedActivation.RECIPROCAL: _reciprocal,
    FusedActivation.SIGN: _sign,
    FusedActivation.FLOOR: floor,
    FusedActivation.CEIL: _stepped("olt", 1.0),
    FusedActivation.ROUND: _round,
    FusedActivation.TRUNC: _trunc,
    FusedActivation.LOG: _in_double(dm.log),
    FusedActivation.LOG2: _log_of_base(2.0),
    FusedActivation.LOG10: _log_of_base(10.0),
    FusedActivation.LOG1P: _in_double(dm.log1p),
    FusedActivation.EXPM1: _in_double(dm.expm1),
    FusedActivation.SIN: _in_double(lambda w, x: dm.sine_and_cosine(w, x)[0]),
    FusedActivation.COS: _in_double(lambda w, x: dm.sine_and_cosine(w, x)[1]),
    FusedActivation.TAN: _in_double(_tan),
    FusedActivation.ASIN: _in_double(_asin),
    FusedActivation.ACOS: _in_double(_acos),
    FusedActivation.ATAN: _in_double(dm.atan),
    FusedActivation.SINH: _in_double(_sinh),
    FusedActivation.COSH: _in_double(_cosh),
    FusedActivation.ASINH: _in_double(_asinh),
    FusedActivation.ACOSH: _in_double(_acosh),
    FusedActivation.ATANH: _in_double(_atanh),
    FusedActivation.ERF: _in_double(dm.erf),
}
