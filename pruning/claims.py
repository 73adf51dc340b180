"""When two times may be compared: a ratio is claimed only where the spreads of their readings are apart."""

from dataclasses import dataclass
from enum import StrEnum

# Spreads that are apart by less than this are not worth a claim: where arrays lie in memory may be as much.
LEAST_RATIO = 1.05
# Fewer readings say nothing about their spread.
LEAST_READINGS = 5


@dataclass(frozen=True, slots=True)
class Spread:
    """What readings of one call say.

    Attributes:
        median_seconds: half of the readings are below.
        low_seconds: 10th percentile.
        high_seconds: 90th percentile.
        count: how many readings there are.
    """

    median_seconds: float
    low_seconds: float
    high_seconds: float
    count: int


class Verdict(StrEnum):
    """What may be said of a network beside another one."""

    SAME_CODE = "same_code"
    FASTER = "faster"
    SLOWER = "slower"
    NO_DIFFERENCE = "no_difference"


@dataclass(frozen=True, slots=True)
class Claim:
    """What may be said, and by how much.

    Attributes:
        verdict: what may be said of the network beside the one that it is compared with.
        ratio: how many times as fast it is, by medians; exactly 1 where both run the same code, and None where
            the readings show no difference.
    """

    verdict: Verdict
    ratio: float | None


def claim_of(baseline: Spread, own: Spread, *, same_code: bool = False) -> Claim:
    """Compare a network with its baseline.

    Args:
        baseline: calls of what it is compared with.
        own: calls of the network, read in turn with the baseline's.
        same_code: whether both run the same kernels on arrays of the same sizes.
    """
    if same_code:
        return Claim(Verdict.SAME_CODE, 1.0)
    if min(baseline.count, own.count) >= LEAST_READINGS:
        ratio = baseline.median_seconds / own.median_seconds
        if baseline.low_seconds > own.high_seconds and ratio >= LEAST_RATIO:
            return Claim(Verdict.FASTER, ratio)
        if baseline.high_seconds < own.low_seconds and ratio <= 1 / LEAST_RATIO:
            return Claim(Verdict.SLOWER, ratio)
    return Claim(Verdict.NO_DIFFERENCE, None)


def times(ratio: float) -> str:
    """Write a ratio of at least 1 with as many digits as it deserves: 1.24, 12.4, 124."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def in_words(claim: Claim, baseline: str = "dense") -> str:
    """Write a claim down, e.g. "7.60 times as fast as dense"."""
    if claim.verdict is Verdict.SAME_CODE:
        return f"same code as {baseline}"
    if claim.ratio is None:
        return f"no measurable difference from {baseline}"
    if claim.verdict is Verdict.FASTER:
        return f"{times(claim.ratio)} times as fast as {baseline}"
    return f"slower: takes {times(1 / claim.ratio)} times as long as {baseline}"
