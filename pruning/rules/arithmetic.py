"""How far float32 arithmetic moves results: sums of many products, and ops of a few operations.

A sum of n products is moved by `LAMBDA` sqrt(n) u times the sum of their magnitudes, whatever the order they are added
in: rounding errors that are independent of each other grow like that (N. J. Higham and T. Mary, A new approach to
probabilistic rounding error analysis, SIAM J. Sci. Comput. 41, 2019, theorem 3.1; u = 2^-24). One chain of positive
numbers, the worst of the orders that kernels have, was measured to err by 0.26 sqrt(n) u (root mean square, 256 to
65,536 products): `LAMBDA` is more than eleven times that.
"""

from typing import Any

import numpy as np

from pruning.rules.bound import UNIT_ROUNDOFF

Reals = np.ndarray[Any, np.dtype[Any]]

LAMBDA = 3.0
# Units by which arguments and results of ops without long sums are moved: a few operations, a polynomial.
FEW_ARGUMENT_UNITS, FEW_RESULT_UNITS = 4.0, 8.0


def sum_units(terms: int) -> float:
    """By how many units a sum of so many terms may be moved, relative to the sum of their magnitudes."""
    return LAMBDA * float(np.sqrt(terms))


def sum_error(terms: int, magnitudes: Reals) -> Reals:
    """How far sums of so many terms may be moved, from the sums of the terms' magnitudes."""
    error: Reals = sum_units(terms) * UNIT_ROUNDOFF * magnitudes
    return error


def few_operations_error(result: Reals) -> Reals:
    """How far the result of an op without long sums may be moved."""
    error: Reals = FEW_RESULT_UNITS * UNIT_ROUNDOFF * np.abs(result)
    return error
