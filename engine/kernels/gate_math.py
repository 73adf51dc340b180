"""The usual functions of recurrent cells as fractions, so that several of them share one division.

tanh(x) is about x P(x^2) / Q(x^2), within 3e-7 for every x; sigmoid(x) is (1 + tanh(x / 2)) / 2. Both polynomials are a
minimax fit of our own (iteratively reweighted least squares, float64) on 0..8.5; there tanh is 1 but for 8e-8. All of
their coefficients are positive, and Q is at most 300: products of a few denominators stay far from overflow. In the
left tail of the sigmoid the error is small beside 1, not beside the result as in `engine.kernels.vector_math`; gates
are multiplied with numbers and added to others, where only that counts. NaN gives NaN.
"""

from dataclasses import dataclass

from engine.kernels.emit import Value, Writer
from engine.kernels.vector_math import maximum, minimum, polynomial

_LARGEST = 8.5
_NUMERATOR = (
    1.0,
    0.13413242995738983,
    0.0035340224858373404,
    2.1250973077258095e-05,
    1.4269132542210627e-08,
)
_DENOMINATOR = (
    1.0,
    0.46746566891670227,
    0.026022734120488167,
    0.0003348857571836561,
    8.145083825183974e-07,
)


@dataclass(frozen=True, slots=True)
class Fraction:
    """A number that is not divided yet; the denominator is positive.

    Attributes:
        above: numerator.
        below: denominator.
    """

    above: Value
    below: Value


def tanh_fraction(w: Writer, x: Value) -> Fraction:
    """Return the hyperbolic tangent."""
    within = maximum(w, minimum(w, x, _LARGEST), -_LARGEST)
    square = w.op("fmul", within, within)
    above = w.op("fmul", within, polynomial(w, square, _NUMERATOR))
    return Fraction(above, polynomial(w, square, _DENOMINATOR))


def sigmoid_fraction(w: Writer, x: Value) -> Fraction:
    """Return 1 / (1 + e^-x)."""
    half = tanh_fraction(w, w.op("fmul", x, w.const(x.type, 0.5)))
    both = w.op("fadd", half.below, half.below)
    return Fraction(w.op("fadd", half.below, half.above), both)


def divided(w: Writer, fraction: Fraction) -> Value:
    """Return the number."""
    return w.op("fdiv", fraction.above, fraction.below)


def lstm_state(w: Writer, f: Fraction, state: Value, i: Fraction, candidate: Fraction) -> Value:
    """Return f * state + i * candidate."""
    new_below = w.op("fmul", i.below, candidate.below)
    new_above = w.op("fmul", w.op("fmul", i.above, candidate.above), f.below)
    kept = w.op("fmul", w.op("fmul", f.above, state), new_below)
    below = w.op("fmul", f.below, new_below)
    return w.op("fdiv", w.op("fadd", kept, new_above), below)


def product(w: Writer, a: Fraction, b: Fraction) -> Value:
    """Return a * b."""
    return w.op("fdiv", w.op("fmul", a.above, b.above), w.op("fmul", a.below, b.below))


def mixed(w: Writer, z: Fraction, h: Value, candidate: Fraction) -> Value:
    """Return z * h + (1 - z) * candidate."""
    kept = w.op("fmul", w.op("fmul", z.above, h), candidate.below)
    rest = w.op("fmul", w.op("fsub", z.below, z.above), candidate.above)
    return w.op("fdiv", w.op("fadd", kept, rest), w.op("fmul", z.below, candidate.below))
