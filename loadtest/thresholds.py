"""What a load test must reach to pass."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds; a measured value may equal them.

    Attributes:
        failure_ratio: Failed requests over all, in [0, 1].
        p95_milliseconds: 95th percentile of the response time.
        p99_milliseconds: 99th percentile of the response time.
        rate_ratio: Requests a second that were answered over those that were asked for, at least.
    """

    failure_ratio: float
    p95_milliseconds: float
    p99_milliseconds: float
    rate_ratio: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured after the warm-up, in the units of `Thresholds`."""

    requests: int
    failure_ratio: float
    median_milliseconds: float
    p95_milliseconds: float
    p99_milliseconds: float
    rate_ratio: float


def violations(outcome: Outcome, thresholds: Thresholds) -> tuple[str, ...]:
    """Return a sentence for every bound that was missed; none means that the test passed."""
    if outcome.requests == 0:
        return ("no request was answered",)
    upper = (
        ("failure ratio", outcome.failure_ratio, thresholds.failure_ratio, ""),
        ("95th percentile", outcome.p95_milliseconds, thresholds.p95_milliseconds, " ms"),
        ("99th percentile", outcome.p99_milliseconds, thresholds.p99_milliseconds, " ms"),
    )
    found = [
        f"{name}: expected at most {bound:g}{unit}, got {value:g}{unit}"
        for name, value, bound, unit in upper
        if value > bound
    ]
    if outcome.rate_ratio < thresholds.rate_ratio:
        found.append(
            f"rate: expected at least {thresholds.rate_ratio:.0%} of what was asked for, "
            f"got {outcome.rate_ratio:.0%}"
        )
    return tuple(found)
