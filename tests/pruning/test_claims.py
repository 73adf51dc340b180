"""A ratio is claimed only where the spreads of readings are apart."""

import pytest

from pruning.claims import LEAST_READINGS, Claim, Spread, Verdict, claim_of, in_words, times


def spread(low: float, median: float, high: float, count: int = 9) -> Spread:
    return Spread(median, low, high, count)


@pytest.mark.parametrize(
    ("baseline", "own", "verdict", "ratio"),
    [
        (spread(9, 10, 11), spread(4, 5, 6), Verdict.FASTER, 2.0),
        (spread(4, 5, 6), spread(9, 10, 11), Verdict.SLOWER, 0.5),
        # The medians differ by 0.70, 0.93, 1.62, and the readings lie across each other.
        (spread(6, 7, 11), spread(8, 10, 12), Verdict.NO_DIFFERENCE, None),
        (spread(9, 9.3, 10.5), spread(9.4, 10, 10.2), Verdict.NO_DIFFERENCE, None),
        (spread(9, 16.2, 20), spread(8, 10, 11), Verdict.NO_DIFFERENCE, None),
        # Apart, but by less than where arrays lie in memory may be worth.
        (spread(10.2, 10.3, 10.4), spread(9.9, 10, 10.1), Verdict.NO_DIFFERENCE, None),
        # Too few readings to have a spread.
        (spread(9, 10, 11, LEAST_READINGS - 1), spread(4, 5, 6), Verdict.NO_DIFFERENCE, None),
    ],
    ids=["faster", "slower", "0.70", "0.93", "1.62", "small", "few readings"],
)
def test_only_what_is_apart_is_claimed(
    baseline: Spread, own: Spread, verdict: Verdict, ratio: float | None
) -> None:
    assert claim_of(baseline, own) == Claim(verdict, ratio)


def test_the_same_code_is_exactly_as_fast_whatever_was_read() -> None:
    claim = claim_of(spread(9, 10, 11), spread(4, 5, 6), same_code=True)
    assert claim == Claim(Verdict.SAME_CODE, 1.0)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (Claim(Verdict.SAME_CODE, 1.0), "same code as dense"),
        (Claim(Verdict.NO_DIFFERENCE, None), "no measurable difference from dense"),
        (Claim(Verdict.FASTER, 7.6), "7.60 times as fast as dense"),
        (Claim(Verdict.SLOWER, 0.8), "slower: takes 1.25 times as long as dense"),
    ],
)
def test_claims_in_words(claim: Claim, words: str) -> None:
    assert in_words(claim) == words


def test_large_ratios_have_no_decimals() -> None:
    assert [times(ratio) for ratio in (1.234, 12.34, 1234.5)] == ["1.23", "12.3", "1,234"]
