"""The gate: what may take traffic, what is refused, and what too few samples leave open."""

from dataclasses import replace

import pytest

from pruning.errors import QualityGateError, RecipeError
from pruning.gate import GateResult, Verdict, judge
from pruning.intervals import difference_estimate, share_estimate
from pruning.quality import Accuracy, Basis, Change, Quality
from pruning.recipe import GateOptions, PruningRecipe
from pruning.recipe_parser import check_data

NO_GATE = GateOptions()


def labelled(samples: int, lost: int = 0, gained: int = 0) -> Quality:
    right = samples * 9 // 10
    accuracy = Accuracy(
        share_estimate(right, samples),
        share_estimate(right - lost + gained, samples),
        difference_estimate(lost, gained, samples),
        lost,
        gained,
    )
    agreeing = samples - lost - gained
    return replace(unlabelled(samples, agreeing), basis=Basis.LABELS, accuracy=accuracy)


def unlabelled(samples: int, agreeing: int, basis: Basis = Basis.SAMPLES) -> Quality:
    share = share_estimate(agreeing, samples)
    return Quality(basis, "classes", samples, agreeing, None, share, Change(0.01, 0.05, 0.2))


def lossy(quality: Quality, options: GateOptions = NO_GATE) -> GateResult:
    return judge(options, quality, is_lossy=True)


def test_a_lossless_recipe_needs_no_gate_and_may_take_traffic() -> None:
    for quality in (labelled(10, lost=3), unlabelled(10, 5), unlabelled(97, 50, Basis.PROBES)):
        result = judge(NO_GATE, quality, is_lossy=False)
        assert (result.verdict, result.may_take_traffic) == (Verdict.LOSSLESS, True)


def test_a_gate_that_is_set_judges_a_lossless_recipe_too() -> None:
    with pytest.raises(QualityGateError):
        judge(GateOptions(max_accuracy_drop=0.01), labelled(100, lost=5), is_lossy=False)


def test_without_data_nothing_lossy_takes_traffic_and_the_text_says_so() -> None:
    result = lossy(unlabelled(97, 97, Basis.PROBES))
    assert (result.verdict, result.may_take_traffic) == (Verdict.UNCHECKED, False)
    for wanted in ("nothing is known", "calibration", "labels", "Unless it is activated"):
        assert wanted in result.text


def test_a_change_on_probes_alone_never_lets_take_traffic_but_may_refuse() -> None:
    probes = unlabelled(97, 97, Basis.PROBES)
    assert lossy(probes, GateOptions(max_change=0.5)).verdict is Verdict.UNCHECKED
    with pytest.raises(QualityGateError, match=r"by 0\.2 of their spread"):
        lossy(probes, GateOptions(max_change=0.1))


def test_the_default_gate_with_labels_allows_one_percentage_point() -> None:
    result = lossy(labelled(10_000, lost=60, gained=10))
    assert (result.verdict, result.may_take_traffic) == (Verdict.HELD, True)
    (check,) = result.checks
    assert (check.field, check.allowed) == ("max_accuracy_drop", 0.01)
    assert check.bound is not None
    assert check.measured < check.bound <= 0.01
    with pytest.raises(QualityGateError) as caught:
        lossy(labelled(10_000, lost=120))
    assert caught.value.field == "max_accuracy_drop"
    assert caught.value.slug == "quality-gate-failed"
    assert "1.00 percentage points" in caught.value.expected
    for wanted in ("90.00 % before", "88.80 % after", "10,000", "-1.20", "95 % interval"):
        assert wanted in caught.value.got
    assert "max_accuracy_drop" in caught.value.hint


def test_the_default_gate_without_labels_asks_for_the_same_answers_on_99_of_100() -> None:
    assert lossy(unlabelled(1000, 999)).verdict is Verdict.HELD
    with pytest.raises(QualityGateError) as caught:
        lossy(unlabelled(1000, 989))
    assert caught.value.field == "min_agreement"
    assert "989 of 1,000" in caught.value.got


def test_labels_count_more_than_agreement_unless_both_are_asked_for() -> None:
    changed = labelled(1000, lost=30, gained=40)
    assert lossy(changed).verdict is Verdict.HELD
    with pytest.raises(QualityGateError):
        lossy(changed, GateOptions(min_agreement=0.99))


@pytest.mark.parametrize(
    ("quality", "more"),
    [(labelled(20), "240 samples"), (unlabelled(20, 20), "280 samples"), (labelled(200, 1), "")],
)
def test_too_few_samples_leave_it_open_and_say_how_many_would_do(
    quality: Quality, more: str
) -> None:
    result = lossy(quality)
    assert (result.verdict, result.may_take_traffic) == (Verdict.UNDECIDED, False)
    assert "Unless it is activated" in result.text
    assert more in result.text


def test_what_no_number_of_samples_can_show_is_said() -> None:
    result = lossy(unlabelled(500, 500), GateOptions(min_agreement=1.0))
    assert result.verdict is Verdict.UNDECIDED
    assert "No reasonable number of samples" in result.text


def test_a_gate_may_be_opened_wide() -> None:
    ruined = labelled(360, lost=226)
    with pytest.raises(QualityGateError):
        lossy(ruined)
    assert lossy(ruined, GateOptions(max_accuracy_drop=1.0)).may_take_traffic


def test_an_infinite_change_is_beyond_every_gate() -> None:
    broken = replace(unlabelled(1000, 1000), change=Change(0.0, 0.0, float("inf")))
    with pytest.raises(QualityGateError):
        lossy(broken, GateOptions(max_change=1e6))


def test_a_gate_without_its_data_is_refused() -> None:
    options = GateOptions(max_accuracy_drop=0.1)
    for has_samples in (False, True):
        with pytest.raises(RecipeError) as caught:
            check_data(PruningRecipe(gate=options), has_samples=has_samples, has_labels=False)
        assert caught.value.field == "max_accuracy_drop"
        assert "labels" in caught.value.hint
    with pytest.raises(RecipeError, match="samples"):
        check_data(
            PruningRecipe(gate=GateOptions(min_agreement=0.9)), has_samples=False, has_labels=False
        )
    both = GateOptions(min_agreement=0.9, max_change=1.0)
    check_data(PruningRecipe(gate=both), has_samples=True, has_labels=False)
    check_data(PruningRecipe(gate=GateOptions(max_change=1.0)), has_samples=False, has_labels=False)
    check_data(
        PruningRecipe(gate=GateOptions(max_accuracy_drop=0.1)), has_samples=True, has_labels=True
    )
