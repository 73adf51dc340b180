"""Intervals, beside SciPy's and beside simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest

from pruning.intervals import difference_estimate, one_sided, share_estimate


@pytest.mark.parametrize(
    ("count", "samples"), [(0, 1), (1, 1), (0, 10), (10, 10), (3, 7), (348, 360), (99_990, 100_000)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_interval_of_a_share_is_wilsons(count: int, samples: int, confidence: float) -> None:
    found = share_estimate(count, samples, confidence)
    wanted = binomtest(count, samples).proportion_ci(confidence, method="wilson")
    assert found.value == count / samples
    assert found.low == pytest.approx(wanted.low, abs=1e-12)
    assert found.high == pytest.approx(wanted.high, abs=1e-12)


def test_the_ends_of_a_share_are_exact_and_an_interval_is_never_empty() -> None:
    assert share_estimate(0, 5).low == 0.0
    assert share_estimate(5, 5).high == 1.0
    assert share_estimate(5, 5).low < 1.0


def test_a_difference_has_its_sign_and_its_interval_around_it() -> None:
    found = difference_estimate(12, 2, 100)
    assert found.value == pytest.approx(0.1)
    assert found.low < 0.1 < found.high
    mirrored = difference_estimate(2, 12, 100)
    assert (mirrored.value, mirrored.low, mirrored.high) == pytest.approx(
        (-found.value, -found.high, -found.low)
    )


def test_without_any_disagreement_few_samples_say_little() -> None:
    few, many = difference_estimate(0, 0, 10), difference_estimate(0, 0, 10_000)
    assert few.value == many.value == 0.0
    assert few.high > 0.1
    assert many.high < 0.0005


def test_the_interval_of_a_difference_covers_the_truth_about_as_often_as_it_says() -> None:
    """Two models that differ in 6 % of the samples, 4 against 2: 20,000 samples of 300 each, drawn by a fixed seed."""
    rng = np.random.default_rng(20170403)
    lost, gained, _ = rng.multinomial(300, [0.04, 0.02, 0.94], size=20_000).T
    found = [difference_estimate(int(a), int(b), 300) for a, b in zip(lost, gained, strict=True)]
    covered = np.mean([each.low <= 0.02 <= each.high for each in found])
    assert 0.94 <= covered <= 0.97


def test_one_end_of_a_90_percent_interval_is_a_95_percent_bound() -> None:
    assert one_sided(0.95) == pytest.approx(0.9)
