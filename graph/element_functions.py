"""Functions of one number that Keras has as operations (keras.ops), by their NumPy meaning; see `graph.activations`.

Each takes and gives an array of float32 or float64. What no real number stands for is NaN or infinite, as NumPy has it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graph.error_function import erf

Numbers = np.ndarray[Any, np.dtype[Any]]


def _reciprocal(x: Numbers) -> Numbers:
    result: Numbers = x.dtype.type(1) / x
    return result


def _rsqrt(x: Numbers) -> Numbers:
    return _reciprocal(np.sqrt(x))


# By the values of `graph.activations.Function`.
ELEMENT_FUNCTIONS: Mapping[str, Callable[[Numbers], Numbers]] = MappingProxyType(
    {
        "abs": np.abs,
        "negative": np.negative,
        "square": np.square,
        "sqrt": np.sqrt,
        "rsqrt": _rsqrt,
        "reciprocal": _reciprocal,
        "sign": np.sign,
        "floor": np.floor,
        "ceil": np.ceil,
        # Halves go to the even neighbour.
        "round": np.rint,
        "trunc": np.trunc,
        "log": np.log,
        "log2": np.log2,
        "log10": np.log10,
        "log1p": np.log1p,
        "expm1": np.expm1,
        "sin": np.sin,
        "cos": np.cos,
        "tan": np.tan,
        "asin": np.arcsin,
        "acos": np.arccos,
        "atan": np.arctan,
        "sinh": np.sinh,
        "cosh": np.cosh,
        "asinh": np.arcsinh,
        "acosh": np.arccosh,
        "atanh": np.arctanh,
        "erf": erf,
    }
)
