"""Vector exp, expm1, log, log1p, tanh, sigmoid and the normal distribution, as LLVM IR.

No table look-ups and no branches; NaN gives NaN, and the limits at infinity are exact. Polynomials
are minimax fits of our own (iteratively reweighted least squares on a Chebyshev grid, in float64);
the reductions are the classic ones (Cody & Waite 1980). Measured against float64 NumPy by
tests/engine/kernels/test_activations.py, in units of the last place of the float32 result:

    exp 2   expm1 (x <= 0) 3   log 2   log1p (0..1) 2   tanh 3   sigmoid 4

Sample (the core of exp)::

    %t = fmuladd %x, log2(e), 12582912.0     ; adds 1.5 * 2^23: the integer is in the low bits
    %n = fsub %t, 12582912.0
    %r = fmuladd %n, -0.693359375, %x        ; x - n ln 2 in two steps
    %r' = fmuladd %n, 2.12194440e-4, %r
    ...                                      ; 1 + r' + r'^2 P(r'), then times 2^n in two steps
"""

from collections.abc import Sequence

from engine.kernels.emit import F32, I32, Value, Writer

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693359375  # few bits: n * high is exact for every exponent n
_LN2_LOW = -2.12194440e-4
_ROUNDER = 12582912.0  # 1.5 * 2^23
_ROUNDER_BITS = 0x4B400000
_EXPONENT_BIAS = 127
_MANTISSA_BITS = 23

# (exp(r) - 1 - r) / r^2 on +-ln(2)/2
_EXP = (
    0.5,
    0.1666666716337204,
    0.041666269302368164,
    0.008333264850080013,
    0.0013946190010756254,
    0.00019917971803806722,
)
# (log(1 + f) - f + f^2 / 2) / f^3 on sqrt(1/2) - 1 .. sqrt(2) - 1
_LOG = (
    0.3333331048488617,
    -0.24999986588954926,
    0.20002231001853943,
    -0.1666925698518753,
    0.14218555390834808,
    -0.1238415464758873,
    0.11873586475849152,
    -0.11791310459375381,
    0.06915805488824844,
)
# (tanh(x) / x - 1) / x^2 in x^2, up to 0.625^2
_TANH = (
    -0.3333333134651184,
    0.13333210349082947,
    -0.05394720286130905,
    0.021702967584133148,
    -0.008182673715054989,
    0.0021475369576364756,
)
_TANH_SMALL = 0.625
# exp(a^2 / 2) * Phi(-a) in t = (a - 3) / (a + 3), a in 0..14.5
_NORMAL_TAIL = (
    0.12151394784450531,
    -0.20640261471271515,
    0.12322504073381424,
    -0.046213261783123016,
    0.006131942383944988,
    0.002904387190937996,
    -0.000983288511633873,
    -0.0003390123602002859,
    0.00011501384869916365,
    5.316148235579021e-05,
)
_NORMAL_TAIL_MIDDLE = 3.0
_NORMAL_TAIL_END = 14.5  # Phi(-14.5) is 0 in float32


def polynomial(w: Writer, x: Value, coefficients: Sequence[float]) -> Value:
    """c0 + c1 x + c2 x^2 + ... by Horner's rule."""
    result = w.const(x.type, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = w.fma(result, x, w.const(x.type, coefficient))
    return result


def minimum(w: Writer, x: Value, limit: float) -> Value:
    """x, or `limit` where x is above; NaN stays."""
    bound = w.const(x.type, limit)
    return w.select(w.compare("ogt", x, bound), bound, x)


def maximum(w: Writer, x: Value, limit: float) -> Value:
    """x, or `limit` where x is below; NaN stays."""
    bound = w.const(x.type, limit)
    return w.select(w.compare("olt", x, bound), bound, x)


def absolute(w: Writer, x: Value) -> Value:
    """|x|."""
    return w.intrinsic("fabs", x)


def negative(w: Writer, x: Value) -> Value:
    """-x, also of zeros and NaN."""
    return w.value(x.type, f"fneg {x}")


def exp(w: Writer, x: Value) -> Value:
    """e^x, with gradual underflow, 0 and infinity at the ends."""
    n, bits, r = _reduce(w, maximum(w, minimum(w, x, 89.0), -105.0))
    del n
    square = w.op("fmul", r, r)
    above_one = w.fma(square, polynomial(w, r, _EXP), r)
    mantissa = w.op("fadd", above_one, w.const(x.type, 1.0))
    # 2^n in two factors: n itself may be outside the exponents of normal numbers.
    half = w.op("ashr", bits, w.const(bits.type, 1))
    scaled = w.op("fmul", mantissa, _power_of_two(w, half))
    return w.op("fmul", scaled, _power_of_two(w, w.op("sub", bits, half)))


def expm1_negative(w: Writer, x: Value) -> Value:
    """e^x - 1 for x <= 0 (and NaN); without cancellation near zero."""
    _, bits, r = _reduce(w, maximum(w, x, -30.0))
    square = w.op("fmul", r, r)
    above_one = w.fma(square, polynomial(w, r, _EXP), r)
    power = _power_of_two(w, bits)
    return w.fma(above_one, power, w.op("fsub", power, w.const(x.type, 1.0)))


def log(w: Writer, x: Value) -> Value:
    """Natural logarithm of a positive normal number or infinity; NaN stays NaN."""
    integers = w.cast("bitcast", x, I32)
    # Mantissa to sqrt(1/2) .. sqrt(2): subtract the bits of sqrt(1/2), what is left is the exponent.
    shifted = w.op("sub", integers, w.const(integers.type, 0x3F3504F3))
    exponent = w.op("ashr", shifted, w.const(integers.type, _MANTISSA_BITS))
    fraction = w.op("and", shifted, w.const(integers.type, 0x007FFFFF))
    mantissa = w.cast("bitcast", w.add(fraction, 0x3F3504F3), F32)
    f = w.op("fsub", mantissa, w.const(x.type, 1.0))
    result = _log_of(w, f, w.cast("sitofp", exponent, F32))
    infinite = w.compare("ueq", x, w.const(x.type, float("inf")))
    return w.select(infinite, x, result)


def log1p_unit(w: Writer, x: Value) -> Value:
    """log(1 + x) for x in 0..1 (and NaN), accurate near zero."""
    large = w.compare("ogt", x, w.const(x.type, 0.41421356))
    halved = w.fma(x, w.const(x.type, 0.5), w.const(x.type, -0.5))  # (1 + x) / 2 - 1
    f = w.select(large, halved, x)
    exponent = w.select(large, w.const(x.type, 1.0), w.zero(x.type))
    return _log_of(w, f, exponent)


def tanh(w: Writer, x: Value) -> Value:
    """Hyperbolic tangent."""
    size = absolute(w, x)
    square = w.op("fmul", x, x)
    cubic = w.op("fmul", w.op("fmul", x, square), polynomial(w, square, _TANH))
    small = w.op("fadd", x, cubic)
    one, two = w.const(x.type, 1.0), w.const(x.type, 2.0)
    grown = exp(w, w.op("fmul", minimum(w, size, 10.0), two))
    large = w.op("fsub", one, w.op("fdiv", two, w.op("fadd", grown, one)))
    signed = w.intrinsic("copysign", large, x)
    is_small = w.compare("olt", size, w.const(x.type, _TANH_SMALL))
    return w.select(is_small, small, signed)


def tanh_shrink(w: Writer, x: Value) -> Value:
    """x - tanh(x), without cancellation near zero."""
    square = w.op("fmul", x, x)
    small = negative(w, w.op("fmul", w.op("fmul", x, square), polynomial(w, square, _TANH)))
    is_small = w.compare("olt", absolute(w, x), w.const(x.type, _TANH_SMALL))
    return w.select(is_small, small, w.op("fsub", x, tanh(w, x)))


def sigmoid(w: Writer, x: Value) -> Value:
    """1 / (1 + e^-x), with full relative precision in the left tail."""
    one = w.const(x.type, 1.0)
    e = exp(w, negative(w, absolute(w, x)))
    numerator = w.select(w.compare("olt", x, w.zero(x.type)), e, one)
    return w.op("fdiv", numerator, w.op("fadd", one, e))


def softplus(w: Writer, x: Value) -> Value:
    """log(1 + e^x)."""
    tail = log1p_unit(w, exp(w, negative(w, absolute(w, x))))
    return w.op("fadd", maximum(w, x, 0.0), tail)


def normal_distribution(w: Writer, x: Value) -> Value:
    """Phi(x) = (1 + erf(x / sqrt 2)) / 2 of the standard normal distribution."""
    a = minimum(w, absolute(w, x), _NORMAL_TAIL_END)
    middle = w.const(x.type, _NORMAL_TAIL_MIDDLE)
    t = w.op("fdiv", w.op("fsub", a, middle), w.op("fadd", a, middle))
    decay = exp(w, w.op("fmul", w.op("fmul", a, a), w.const(x.type, -0.5)))
    tail = w.op("fmul", decay, polynomial(w, t, _NORMAL_TAIL))
    head = w.op("fsub", w.const(x.type, 1.0), tail)
    return w.select(w.compare("olt", x, w.zero(x.type)), tail, head)


def _reduce(w: Writer, x: Value) -> tuple[Value, Value, Value]:
    """Return n as a float, n as an integer, and r, with x = n ln 2 + r and |r| <= ln(2) / 2."""
    rounder = w.const(x.type, _ROUNDER)
    shifted = w.fma(x, w.const(x.type, _LOG2_E), rounder)
    n = w.op("fsub", shifted, rounder)
    integers = w.cast("bitcast", shifted, I32)
    bits = w.op("sub", integers, w.const(integers.type, _ROUNDER_BITS))
    r = w.fma(n, w.const(x.type, -_LN2_HIGH), x)
    return n, bits, w.fma(n, w.const(x.type, -_LN2_LOW), r)


def _power_of_two(w: Writer, exponent: Value) -> Value:
    """2^exponent, for exponents of normal numbers."""
    biased = w.add(exponent, _EXPONENT_BIAS)
    return w.cast("bitcast", w.op("shl", biased, w.const(biased.type, _MANTISSA_BITS)), F32)


def _log_of(w: Writer, f: Value, exponent: Value) -> Value:
    """log(1 + f) + exponent * ln 2."""
    square = w.op("fmul", f, f)
    correction = w.op("fmul", w.op("fmul", f, square), polynomial(w, f, _LOG))
    correction = w.fma(exponent, w.const(f.type, _LN2_LOW), correction)
    correction = w.fma(square, w.const(f.type, -0.5), correction)
    result = w.op("fadd", f, correction)
    return w.fma(exponent, w.const(f.type, _LN2_HIGH), result)
