from dataclasses import replace

import pytest

from loadtest.thresholds import Outcome, Thresholds, violations

BOUNDS = Thresholds(failure_ratio=0.01, p95_milliseconds=20, p99_milliseconds=50, rate_ratio=0.95)
AT_THE_BOUNDS = Outcome(
    requests=100,
    failure_ratio=0.01,
    median_milliseconds=9,
    p95_milliseconds=20,
    p99_milliseconds=50,
    rate_ratio=0.95,
)


def test_values_at_the_bounds_pass() -> None:
    assert violations(AT_THE_BOUNDS, BOUNDS) == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"failure_ratio": 0.02}, "failure ratio: expected at most 0.01, got 0.02"),
        ({"p95_milliseconds": 21.0}, "95th percentile: expected at most 20 ms, got 21 ms"),
        ({"p99_milliseconds": 51.0}, "99th percentile: expected at most 50 ms, got 51 ms"),
        ({"rate_ratio": 0.5}, "rate: expected at least 95% of what was asked for, got 50%"),
    ],
)
def test_each_bound_is_held(change: dict[str, float], sentence: str) -> None:
    outcome = replace(AT_THE_BOUNDS, **change)  # type: ignore[arg-type]
    assert violations(outcome, BOUNDS) == (sentence,)


def test_no_request_at_all_fails() -> None:
    assert violations(replace(AT_THE_BOUNDS, requests=0), BOUNDS) == ("no request was answered",)
