"""Numbers that grow with the model's inputs: arrays `constant + slope * rho`, at least 0.

`rho` is the largest magnitude among the input entries whose size nothing bounds (no declared range, no narrow integer
dtype). A bound with slope 0 holds for every input; one with a slope says how it grows. An entry whose constant is
infinite is *unknown*: nothing is proven about it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Reals = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

# Float32's: the largest relative error of one rounding to nearest.
UNIT_ROUNDOFF = 2.0**-24


@dataclass(frozen=True, slots=True)
class Bound:
    """`constant + slope * rho`, elementwise.

    Attributes:
        constant: the part that does not grow, float64, at least 0, of a value's sample shape; infinite where unknown.
        slope: the factor of `rho`, of the same shape; 0 where the constant is infinite.
    """

    constant: Reals
    slope: Reals

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of both arrays."""
        return self.constant.shape

    @property
    def unknown(self) -> Flags:
        """Where nothing is proven."""
        return np.isinf(self.constant)

    def at(self, rho: float) -> Reals:
        """The values for one `rho`, at least 0."""
        # An infinite slope, which a tolerance may have, times 0 would be NaN.
        return self.constant + self.slope * rho if rho else self.constant

    def plus(self, other: "Bound") -> "Bound":
        """Sum, broadcasting."""
        return known(self.constant + other.constant, self.slope + other.slope)

    def times(self, factor: Reals | float) -> "Bound":
        """Product with a number or array >= 0, broadcasting; 0 times unknown, or times infinity, is 0."""
        zero = np.equal(factor, 0.0) | ((self.constant == 0.0) & (self.slope == 0.0))
        with np.errstate(invalid="ignore"):
            constant, slope = self.constant * factor, self.slope * factor
        return known(np.where(zero, 0.0, constant), np.where(zero, 0.0, slope))

    def shifted(self, addend: Reals | float) -> "Bound":
        """Add a number or array >= 0 to the constant."""
        return known(self.constant + addend, self.slope + np.zeros_like(addend))

    def largest(self, other: "Bound") -> "Bound":
        """An upper bound of both: the larger constant and the larger slope."""
        constant = np.maximum(self.constant, other.constant)
        return known(constant, np.maximum(self.slope, other.slope))

    def capped(self, cap: float) -> "Bound":
        """The smaller of this and a constant `cap`, as far as an affine bound can say it."""
        if np.isinf(cap):
            return self
        cut = (self.slope > 0) | (self.constant > cap)
        return Bound(np.where(cut, cap, self.constant), np.where(cut, 0.0, self.slope))

    def divided(self, factor: Reals | float) -> "Bound":
        """As the limit of a change: the limit before a multiplication by `factor`; what has none keeps none."""

        def divide(limit: Reals) -> Reals:
            free = np.isinf(limit) | np.equal(factor, 0.0)
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(free, np.inf, limit / factor)

        return self.mapped(divide)

    def mapped(self, move: Callable[[Reals], Reals]) -> "Bound":
        """Apply a function that only moves or repeats elements to both arrays."""
        return Bound(move(self.constant), move(self.slope))


def known(constant: Reals, slope: Reals) -> Bound:
    """Build a bound; where anything overflowed or is undefined it is unknown."""
    lost = ~np.isfinite(constant) | ~np.isfinite(slope)
    return Bound(np.where(lost, np.inf, constant), np.where(lost, 0.0, slope))


def zeros(shape: tuple[int, ...]) -> Bound:
    """The bound 0."""
    return Bound(np.zeros(shape), np.zeros(shape))


def unknown(shape: tuple[int, ...]) -> Bound:
    """No bound at all."""
    return Bound(np.full(shape, np.inf), np.zeros(shape))
