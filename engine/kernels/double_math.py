"""Functions of one and two numbers, computed in float64 inside, as LLVM IR; see `engine.kernels.operations`.

They are for functions that real networks apply to few values: slower than `engine.kernels.vector_math`, but right to
the last place of float32, with the series themselves instead of fits. Arguments and results are float64 scalars or
vectors. No table look-ups and no branches; NaN gives NaN.

Sample (the core of log)::

    %up = add %bits, 0x3FF0000000000000 - bits(sqrt(1/2))
    %e  = lshr %up, 52                        ; the biased exponent, with a mantissa from sqrt(1/2) to sqrt(2)
    %m  = bitcast (sub %bits, shl (sub %e, 1023), 52)
    %s  = fdiv (fsub %m, 1), (fadd %m, 1)     ; log m = 2 (s + s^3 / 3 + s^5 / 5 + ...)
"""

import math

from engine.kernels.emit import F32, F64, I64, Value, Writer, vector, width_of
from engine.kernels.vector_math import polynomial

# Added to a number below 2^51 it leaves the nearest integer in the low bits.
_ROUNDER = 1.5 * 2.0**52
_ROUNDER_BITS = 0x4338000000000000
_MANTISSA_BITS = 52
_BIAS = 1023
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
# Behind these limits e^x is 0 or infinite in float32.
_EXP_END = 200.0
# pi / 2 in three parts of 33 bits, so that small multiples of the first two are exact (as in Cody & Waite 1980).
_HALF_PI = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
_EXPM1_TERMS, _LOG_TERMS, _SINE_TERMS, _ATAN_TERMS, _ERF_TERMS = 12, 9, 7, 13, 20
_EIGHTH_PI_TANGENT = math.sqrt(2.0) - 1.0


def widened(w: Writer, x: Value) -> Value:
    """Return float32 as float64."""
    return w.cast("fpext", x, F64)


def narrowed(w: Writer, x: Value) -> Value:
    """Return float64 rounded to float32."""
    return w.cast("fptrunc", x, F32)


def absolute(w: Writer, x: Value) -> Value:
    """|x|."""
    return w.intrinsic("fabs", x)


def expm1(w: Writer, x: Value) -> Value:
    """e^x - 1, without cancellation near zero."""
    part, power = _exp_parts(w, x)
    above = w.op("fsub", power, w.const(x.type, 1.0))
    return w.op("fadd", w.op("fmul", part, power), above)


def exp(w: Writer, x: Value) -> Value:
    """e^x, of arguments whose result matters in float32."""
    part, power = _exp_parts(w, x)
    return w.op("fmul", w.op("fadd", part, w.const(x.type, 1.0)), power)


def _exp_parts(w: Writer, x: Value) -> tuple[Value, Value]:
    """Return e^r - 1 and 2^n, with x = n ln 2 + r."""
    limit = w.const(x.type, _EXP_END)
    below = w.select(w.compare("ogt", x, limit), limit, x)
    floor = w.const(x.type, -_EXP_END)
    inside = w.select(w.compare("olt", below, floor), floor, below)
    rounder = w.const(x.type, _ROUNDER)
    shifted = w.op("fadd", w.op("fmul", inside, w.const(x.type, 1 / math.log(2.0))), rounder)
    n = w.op("fsub", shifted, rounder)
    rest = w.op("fsub", inside, w.op("fmul", n, w.const(x.type, math.log(2.0))))
    series = [1.0 / math.factorial(power) for power in range(1, _EXPM1_TERMS)]
    part = w.op("fmul", rest, polynomial(w, rest, series))
    exponent = w.op("sub", w.cast("bitcast", shifted, I64), _bits(w, x, _ROUNDER_BITS - _BIAS))
    power = w.op("shl", exponent, _bits(w, x, _MANTISSA_BITS))
    return part, w.cast("bitcast", power, F64)


def log(w: Writer, x: Value) -> Value:
    """Natural logarithm; -infinity of 0, NaN of numbers below."""
    bits = w.cast("bitcast", x, I64)
    up = w.op("add", bits, _bits(w, x, (_BIAS << _MANTISSA_BITS) - _ROOT_HALF_BITS))
    biased = w.op("lshr", up, _bits(w, x, _MANTISSA_BITS))
    # 2^52 with the exponent in its low bits: an integer becomes a number without a conversion, which AVX2 has not.
    counted = w.op("or", biased, _bits(w, x, 0x4330000000000000))
    exponent = w.op("fsub", w.cast("bitcast", counted, F64), w.const(x.type, 2.0**52 + _BIAS))
    scaled = w.op("shl", w.op("sub", biased, _bits(w, x, _BIAS)), _bits(w, x, _MANTISSA_BITS))
    mantissa = w.cast("bitcast", w.op("sub", bits, scaled), F64)
    one = w.const(x.type, 1.0)
    s = w.op("fdiv", w.op("fsub", mantissa, one), w.op("fadd", mantissa, one))
    series = [2.0 / (2 * place + 1) for place in range(_LOG_TERMS)]
    small = w.op("fmul", s, polynomial(w, w.op("fmul", s, s), series))
    result = w.op("fadd", small, w.op("fmul", exponent, w.const(x.type, math.log(2.0))))
    result = _where(w, "oeq", x, 0.0, -math.inf, result)
    result = _where(w, "oeq", x, math.inf, math.inf, result)
    result = _where(w, "olt", x, 0.0, math.nan, result)
    return w.select(w.compare("uno", x, x), x, result)


def log1p(w: Writer, x: Value) -> Value:
    """log(1 + x), accurate near zero."""
    # Where 1 + x would lose digits two terms are enough.
    near = w.op("fsub", x, w.op("fmul", w.op("fmul", x, x), w.const(x.type, 0.5)))
    far = log(w, w.op("fadd", x, w.const(x.type, 1.0)))
    return w.select(w.compare("olt", absolute(w, x), w.const(x.type, 1e-5)), near, far)


def sine_and_cosine(w: Writer, x: Value) -> tuple[Value, Value]:
    """sin(x) and cos(x), to the last place of float32 up to 2^20; the angle loses digits beyond."""
    rounder = w.const(x.type, _ROUNDER)
    shifted = w.op("fadd", w.op("fmul", x, w.const(x.type, 2.0 / math.pi)), rounder)
    n = w.op("fsub", shifted, rounder)
    r = x
    for part in _HALF_PI:
        r = w.op("fsub", r, w.op("fmul", n, w.const(x.type, part)))
    end = w.const(x.type, 0.8)
    r = w.select(w.compare("ogt", r, end), end, r)
    low = w.const(x.type, -0.8)
    r = w.select(w.compare("olt", r, low), low, r)
    square = w.op("fmul", r, r)
    terms = range(_SINE_TERMS)
    odd = [(-1.0) ** k / math.factorial(2 * k + 1) for k in terms]
    even = [(-1.0) ** k / math.factorial(2 * k) for k in terms]
    sine, cosine = w.op("fmul", r, polynomial(w, square, odd)), polynomial(w, square, even)
    quadrant = w.cast("bitcast", shifted, I64)
    swapped = _has_bits(w, x, quadrant, 1)
    first, second = w.select(swapped, cosine, sine), w.select(swapped, sine, cosine)
    following = w.op("add", quadrant, _bits(w, x, 1))
    return (
        w.select(_has_bits(w, x, quadrant, 2), _negative(w, first), first),
        w.select(_has_bits(w, x, following, 2), _negative(w, second), second),
    )


def atan(w: Writer, x: Value) -> Value:
    """The angle with this tangent, in radians."""
    one, size = w.const(x.type, 1.0), absolute(w, x)
    steep = w.compare("ogt", size, one)
    t = w.select(steep, w.op("fdiv", one, size), size)
    wide = w.compare("ogt", t, w.const(x.type, _EIGHTH_PI_TANGENT))
    turned = w.op("fdiv", w.op("fsub", t, one), w.op("fadd", t, one))
    r = w.select(wide, turned, t)
    series = [(-1.0) ** k / (2 * k + 1) for k in range(_ATAN_TERMS)]
    angle = w.op("fmul", r, polynomial(w, w.op("fmul", r, r), series))
    start = w.select(wide, w.const(x.type, math.pi / 4), w.zero(x.type))
    angle = w.op("fadd", start, angle)
    complement = w.op("fsub", w.const(x.type, math.pi / 2), angle)
    return w.intrinsic("copysign", w.select(steep, complement, angle), x)


def erf(w: Writer, x: Value) -> Value:
    """The error function, by its series up to 2 and by Laplace's continued fraction beyond (A&S 7.1.5 and 7.1.14)."""
    size = absolute(w, x)
    end = w.const(x.type, 6.0)
    size = w.select(w.compare("ogt", size, end), end, size)
    square = w.op("fmul", size, size)
    terms = range(_ERF_TERMS + 6)
    series = [
        2.0 / math.sqrt(math.pi) * (-1.0) ** k / (math.factorial(k) * (2 * k + 1)) for k in terms
    ]
    near = w.op("fmul", size, polynomial(w, square, series))
    fraction = size
    for k in range(_ERF_TERMS, 0, -1):
        fraction = w.op("fadd", size, w.op("fdiv", w.const(x.type, k / 2), fraction))
    decay = w.op("fmul", exp(w, _negative(w, square)), w.const(x.type, 1 / math.sqrt(math.pi)))
    far = w.op("fsub", w.const(x.type, 1.0), w.op("fdiv", decay, fraction))
    result = w.select(w.compare("olt", size, w.const(x.type, 2.0)), near, far)
    result = w.select(w.compare("uno", x, x), x, result)
    return w.intrinsic("copysign", result, x)


def rounded(w: Writer, x: Value) -> Value:
    """The nearest integer, of halves the even one; for float64 that come of float32."""
    size = absolute(w, x)
    limit = w.const(x.type, 2.0**52)
    near = w.op("fsub", w.op("fadd", size, limit), limit)
    inside = w.select(w.compare("olt", size, limit), near, size)
    return w.intrinsic("copysign", inside, x)


def floor(w: Writer, x: Value) -> Value:
    """The largest integer that is not above."""
    near = rounded(w, x)
    below = w.op("fsub", near, w.const(x.type, 1.0))
    result = w.select(w.compare("ogt", near, x), below, near)
    return w.intrinsic("copysign", result, x)


def power(w: Writer, a: Value, b: Value) -> Value:
    """a^b as IEEE 754 has it: 1 for any exponent 0 and any base 1, NaN of negative bases with broken exponents."""
    one, zero, size = w.const(a.type, 1.0), w.zero(a.type), absolute(w, a)
    result = exp(w, w.op("fmul", log(w, size), b))
    half = w.op("fmul", b, w.const(a.type, 0.5))
    is_whole = w.compare("oeq", rounded(w, b), b)
    is_odd = w.op("and", is_whole, w.compare("one", rounded(w, half), half))
    # |a| = 1: any exponent, an infinite one too, gives 1.
    result = w.select(w.compare("oeq", size, one), one, result)
    broken = w.op("and", w.compare("olt", a, zero), w.compare("one", rounded(w, b), b))
    result = w.select(w.op("and", broken, _is_finite(w, a)), w.const(a.type, math.nan), result)
    result = w.select(is_odd, w.intrinsic("copysign", result, a), result)
    unknown = w.op("or", w.compare("uno", a, b), w.compare("uno", result, result))
    result = w.select(unknown, w.const(a.type, math.nan), result)
    certain = w.op("or", w.compare("oeq", b, zero), w.compare("oeq", a, one))
    return w.select(certain, one, result)


def modulo(w: Writer, a: Value, b: Value) -> Value:
    """a - floor(a / b) b, with the sign of b; exact for quotients below 2^29, and rounded beyond."""
    zero, size = w.zero(a.type), absolute(w, b)
    quotient = floor(w, w.op("fdiv", a, b))
    rest = w.op("fsub", a, w.op("fmul", quotient, b))
    # The quotient may have been rounded up to an integer, never down below one.
    against = w.compare("olt", w.op("fmul", rest, b), zero)
    rest = w.select(against, w.op("fadd", rest, b), rest)
    rest = w.select(w.compare("oeq", rest, zero), w.intrinsic("copysign", zero, b), rest)
    infinite = w.op("and", w.compare("oeq", size, w.const(a.type, math.inf)), _is_finite(w, a))
    far = w.select(w.compare("olt", w.op("fmul", a, b), zero), b, a)
    far = w.select(w.compare("oeq", a, zero), w.intrinsic("copysign", zero, b), far)
    return w.select(infinite, far, rest)


def angle(w: Writer, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), in radians."""
    high, wide = absolute(w, y), absolute(w, x)
    one, zero = w.const(x.type, 1.0), w.zero(x.type)
    ratio = w.op("fdiv", high, wide)
    ratio = w.select(w.compare("oeq", high, wide), one, ratio)
    ratio = w.select(w.compare("oeq", high, zero), zero, ratio)
    turn = atan(w, ratio)
    is_left = w.compare("olt", w.intrinsic("copysign", one, x), zero)
    turn = w.select(is_left, w.op("fsub", w.const(x.type, math.pi), turn), turn)
    result = w.intrinsic("copysign", turn, y)
    return w.select(w.compare("uno", x, y), w.const(x.type, math.nan), result)


def _is_finite(w: Writer, x: Value) -> Value:
    return w.compare("olt", absolute(w, x), w.const(x.type, math.inf))


def _negative(w: Writer, x: Value) -> Value:
    return w.value(x.type, f"fneg {x}")


def _where(w: Writer, predicate: str, x: Value, limit: float, yes: float, no: Value) -> Value:
    found = w.compare(predicate, x, w.const(x.type, limit))
    return w.select(found, w.const(x.type, yes), no)


def _bits(w: Writer, like: Value, number: int) -> Value:
    return w.const(vector(I64, width_of(like.type)), number)


def _has_bits(w: Writer, like: Value, integers: Value, mask: int) -> Value:
    found = w.op("and", integers, _bits(w, like, mask))
    return w.compare("ne", found, _bits(w, like, 0))
