"""How large an elementwise activation can get, and how much it can enlarge a change of its argument."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from graph.activations import SELU_ALPHA, SELU_SCALE, ActivationFunction, Function


@dataclass(frozen=True, slots=True)
class Envelope:
    """`abs(f(x)) <= min(cap, factor * abs(x) + offset)` and `abs(f(x) - f(y)) <= lipschitz * abs(x - y)`.

    Attributes:
        factor: growth with the argument; infinite when nothing affine bounds the function.
        offset: value at 0, at most.
        cap: bound for every argument, or infinity.
        lipschitz: infinite for a function that jumps or grows without bound.
    """

    factor: float = 1.0
    offset: float = 0.0
    cap: float = math.inf
    lipschitz: float = 1.0


_NOTHING_PROVEN = Envelope(math.inf, 0.0, math.inf, math.inf)
_LIKE_LINEAR = Envelope()
_LIKE_TANH = Envelope(cap=1.0)

# Lipschitz constants that are no round numbers are the maximum of the derivative, rounded up: gelu 1.1290 at x = 1.41,
# silu 1.0998 at x = 2.40, mish 1.0885 at x = 1.49; hard_silu has (2 x + 3) / 6 = 1.5 at x = 3.
_FIXED: dict[Function, Envelope] = {
    Function.LINEAR: _LIKE_LINEAR,
    Function.SELU: Envelope(SELU_SCALE * SELU_ALPHA, lipschitz=SELU_SCALE * SELU_ALPHA),
    Function.GELU: Envelope(lipschitz=1.1295),
    Function.SIGMOID: Envelope(0.25, 0.5, 1.0, 0.25),
    Function.HARD_SIGMOID: Envelope(1 / 6, 0.5, 1.0, 1 / 6),
    Function.HARD_SIGMOID_KERAS2: Envelope(0.2, 0.5, 1.0, 0.2),
    Function.HARD_SILU: Envelope(lipschitz=1.5),
    Function.TANH: _LIKE_TANH,
    Function.HARD_TANH: _LIKE_TANH,
    Function.TANH_SHRINK: _LIKE_LINEAR,
    Function.SILU: Envelope(lipschitz=1.1),
    Function.MISH: Envelope(lipschitz=1.089),
    Function.SOFTPLUS: Envelope(offset=math.log(2.0)),
    Function.SOFTSIGN: _LIKE_TANH,
    Function.SOFT_SHRINK: _LIKE_LINEAR,
    Function.HARD_SHRINK: Envelope(lipschitz=math.inf),
    Function.EXPONENTIAL: _NOTHING_PROVEN,
    Function.LOG_SIGMOID: Envelope(offset=math.log(2.0)),
    Function.SPARSE_PLUS: Envelope(offset=0.25),
    Function.SPARSE_SIGMOID: Envelope(0.5, 0.5, 1.0, 0.5),
    **dict.fromkeys((Function.ABS, Function.NEGATIVE, Function.ASINH), _LIKE_LINEAR),
    Function.SIN: _LIKE_TANH,
    Function.COS: Envelope(offset=1.0, cap=1.0),
    Function.ATAN: Envelope(cap=math.pi / 2),
    # 2 / sqrt(pi) at 0.
    Function.ERF: Envelope(1.1284, cap=1.0, lipschitz=1.1284),
    # Some of them are no numbers for some arguments.
    **dict.fromkeys(
        (
            *(
                Function.SQUARE,
                Function.SQRT,
                Function.RSQRT,
                Function.RECIPROCAL,
                Function.LOG,
                Function.LOG2,
            ),
            *(Function.LOG10, Function.LOG1P, Function.EXPM1, Function.TAN, Function.ASIN),
            *(Function.ACOS, Function.SINH, Function.COSH, Function.ACOSH, Function.ATANH),
        ),
        _NOTHING_PROVEN,
    ),
    # They jump: what rounding hides in front of them it does not behind them.
    Function.SIGN: Envelope(0.0, 1.0, 1.0, math.inf),
    **dict.fromkeys(
        (Function.FLOOR, Function.CEIL, Function.ROUND), Envelope(offset=1.0, lipschitz=math.inf)
    ),
    Function.TRUNC: Envelope(lipschitz=math.inf),
}
# Steps, whose argument must not change at all, not even by a rounding.
STEPS = frozenset({Function.SIGN, Function.FLOOR, Function.CEIL, Function.ROUND, Function.TRUNC})


def has_envelope(function: Function) -> bool:
    """Whether anything is known of the function; those along an axis have no envelope."""
    return function in _PARAMETRIC or function in _FIXED


def envelope(f: ActivationFunction) -> Envelope:
    """The envelope of an elementwise function with its parameters; nothing is proven for odd parameters."""
    if f.function in _PARAMETRIC:
        return _PARAMETRIC[f.function](f)
    if f.function is Function.SOFT_SHRINK and f.threshold < 0:
        return _NOTHING_PROVEN
    return _FIXED[f.function]


def _relu(f: ActivationFunction) -> Envelope:
    leak = abs(f.negative_slope)
    highest = math.inf if f.max_value is None else f.max_value
    if highest < 0:
        return _NOTHING_PROVEN
    return Envelope(
        factor=max(1.0, leak),
        offset=leak * abs(f.threshold),
        cap=math.inf if leak or f.threshold < 0 else highest,
        lipschitz=math.inf if f.threshold else max(1.0, leak),
    )


def _elu(f: ActivationFunction) -> Envelope:
    return Envelope(max(1.0, abs(f.alpha)), lipschitz=max(1.0, abs(f.alpha)))


def _celu(f: ActivationFunction) -> Envelope:
    return _LIKE_LINEAR if f.alpha > 0 else _NOTHING_PROVEN


def _threshold(f: ActivationFunction) -> Envelope:
    return Envelope(offset=abs(f.default_value), lipschitz=math.inf)


def _squareplus(f: ActivationFunction) -> Envelope:
    return Envelope(offset=math.sqrt(f.b) / 2) if f.b >= 0 else _NOTHING_PROVEN


def _clip(f: ActivationFunction) -> Envelope:
    limits = [abs(limit) for limit in (f.min_value, f.max_value) if limit is not None]
    cap = max(limits) if len(limits) == 2 else math.inf
    return Envelope(offset=max(limits, default=0.0), cap=cap)


_PARAMETRIC: dict[Function, Callable[[ActivationFunction], Envelope]] = {
    Function.RELU: _relu,
    Function.ELU: _elu,
    Function.CELU: _celu,
    Function.THRESHOLD: _threshold,
    Function.SQUAREPLUS: _squareplus,
    Function.CLIP: _clip,
}
