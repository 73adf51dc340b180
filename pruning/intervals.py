"""Intervals for shares that were counted on a sample of all possible inputs.

A share is given Wilson's score interval (E. B. Wilson 1927, JASA 22:209), which also holds near 0 and 1, where shares
of right answers lie. The difference of two shares that were counted on the *same* samples is given the interval of
Bonett and Price (2012, Journal of Educational and Behavioral Statistics 37:479, their adjusted Wald interval for paired
proportions): only the samples on which the two disagree widen it.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

# Of the intervals that reports show.
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that was counted on samples.

    Attributes:
        value: the share that was counted.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float


def share_estimate(count: int, samples: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return `count / samples` with Wilson's two-sided interval; `samples` is at least 1."""
    z2 = _z(confidence) ** 2
    share = count / samples
    centre = (count + z2 / 2) / (samples + z2)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * samples)) / samples) / (1 + z2 / samples)
    # At 0 and 1 the ends are exact; rounding must not move them.
    low = 0.0 if count == 0 else max(0.0, centre - half)
    high = 1.0 if count == samples else min(1.0, centre + half)
    return Estimate(share, low, high)


def difference_estimate(
    first_only: int, second_only: int, samples: int, confidence: float = CONFIDENCE
) -> Estimate:
    """Return the difference of two shares counted on the same samples, with its two-sided interval.

    Args:
        first_only: samples that only the first counts.
        second_only: samples that only the second counts.
        samples: all samples, at least 1.
        confidence: the confidence of the interval.
    """
    adjusted = samples + 2
    first, second = (first_only + 1) / adjusted, (second_only + 1) / adjusted
    middle = first - second
    half = _z(confidence) * math.sqrt(max(0.0, first + second - middle**2) / adjusted)
    value = (first_only - second_only) / samples
    return Estimate(value, max(-1.0, middle - half), min(1.0, middle + half))


def one_sided(confidence: float) -> float:
    """Return the two-sided confidence one end of whose interval is a bound of `confidence` by itself."""
    return 2 * confidence - 1


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)
