"""The gate: may what is served take the original's place, by the recipe and by what was measured?

Decision 0009 says why it judges as it does: a measured value beyond what is allowed refuses the model; one within it
lets the model take traffic only if a one-sided 95 % bound is within it, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pruning.errors import QualityGateError
from pruning.intervals import CONFIDENCE, difference_estimate, one_sided, share_estimate
from pruning.markdown import percent, points
from pruning.quality import Accuracy, Basis, Quality
from pruning.recipe import GateOptions

DEFAULT_MAX_ACCURACY_DROP = 0.01
DEFAULT_MIN_AGREEMENT = 0.99
_BOUND = one_sided(CONFIDENCE)


class Verdict(StrEnum):
    """What the gate says.

    - *lossless*: nothing was done that could cost accuracy, and no gate was set.
    - *held*: every gate held, with confidence.
    - *undecided*: every measured value is allowed, but there are too few samples to be sure.
    - *unchecked*: weights were removed or rounded without any data to measure the cost on.
    """

    LOSSLESS = "lossless"
    HELD = "held"
    UNDECIDED = "undecided"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Check:
    """One gate.

    Attributes:
        field: the recipe's field.
        allowed: what it allows.
        measured: what was measured.
        bound: what holds with one-sided confidence; None where no interval can be given.
        holds: whether the measured value is allowed.
        is_certain: whether the bound is allowed, too.
        allows: what is allowed, in words.
        found: what was measured, in words.
        text: what the gate says, in a sentence.
    """

    field: str
    allowed: float
    measured: float
    bound: float | None
    holds: bool
    is_certain: bool
    allows: str
    found: str
    text: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate found.

    Attributes:
        verdict: the outcome.
        text: the outcome for a person.
        checks: what was judged.
    """

    verdict: Verdict
    text: str
    checks: tuple[Check, ...] = ()

    @property
    def may_take_traffic(self) -> bool:
        """Whether the model may answer in the place of an earlier version without being told to."""
        return self.verdict in (Verdict.LOSSLESS, Verdict.HELD)


def judge(options: GateOptions, quality: Quality, *, is_lossy: bool) -> GateResult:
    """Judge what is served.

    Args:
        options: the recipe's; without them a lossy model has a default gate for the data there are.
        quality: what was measured on what is served.
        is_lossy: whether weights that are not zero were removed by their size, or weights are rounded to 16 bits.

    Raises:
        QualityGateError: a measured value is beyond what is allowed.
    """
    checks = _checks(options, quality, is_lossy=is_lossy)
    for check in checks:
        if not check.holds:
            raise QualityGateError(check.field, check.allows, check.found)
    text = " ".join(check.text for check in checks)
    if is_lossy and quality.basis is Basis.PROBES:
        return GateResult(Verdict.UNCHECKED, f"{text} {_UNCHECKED}".strip(), checks)
    if not checks:
        return GateResult(Verdict.LOSSLESS, _LOSSLESS)
    unsure = next((check for check in checks if not check.is_certain), None)
    if unsure is not None:
        return GateResult(Verdict.UNDECIDED, f"{text} {_too_few(quality, unsure)}", checks)
    return GateResult(Verdict.HELD, text, checks)


_NOT_ACTIVE = "Unless it is activated, this version answers only requests that name it."
_UNCHECKED = (
    "Weights were removed by their size or rounded to 16 bits, and no samples were given: nothing is known about what that"
    f" costs on real data. {_NOT_ACTIVE} Send 'calibration' samples, best with 'labels', and the cost is measured."
)
_LOSSLESS = "Nothing was removed or rounded that changes outputs by more than float32 rounding, so no gate is needed."


def _checks(options: GateOptions, quality: Quality, *, is_lossy: bool) -> tuple[Check, ...]:
    """Judge each gate that is set, or holds by default."""
    drop, agreement = options.max_accuracy_drop, options.min_agreement
    if is_lossy and drop is None and quality.basis is Basis.LABELS:
        drop = DEFAULT_MAX_ACCURACY_DROP
    if is_lossy and agreement is None and quality.basis is Basis.SAMPLES:
        agreement = DEFAULT_MIN_AGREEMENT
    found = []
    if drop is not None and quality.accuracy is not None:
        found.append(_drop_check(drop, quality.accuracy, quality.samples))
    if agreement is not None:
        found.append(_agreement_check(agreement, quality))
    if options.max_change is not None:
        found.append(_change_check(options.max_change, quality))
    return tuple(found)


def _drop_check(allowed: float, accuracy: Accuracy, samples: int) -> Check:
    drop, bound = accuracy.drop, _drop_bound(accuracy, samples)
    return Check(
        field="max_accuracy_drop",
        allowed=allowed,
        measured=drop.value,
        bound=bound,
        holds=drop.value <= allowed,
        is_certain=bound <= allowed,
        allows=f"a drop of at most {_points(allowed)} percentage points",
        found=f"accuracy {percent(accuracy.before.value)} before and {percent(accuracy.after.value)} after on"
        f" {samples:,} labelled samples: a change of {points(-drop.value)} percentage points (95 % interval"
        f" {points(-drop.high)} to {points(-drop.low)})",
        text=f"Gate max_accuracy_drop: accuracy may drop by {_points(allowed)} percentage points; it changes by"
        f" {points(-drop.value)} on the samples, and with 95 % confidence drops by at most {_points(bound)}.",
    )


def _agreement_check(allowed: float, quality: Quality) -> Check:
    share = quality.agreement
    bound = share_estimate(quality.agreeing, quality.samples, _BOUND).low
    return Check(
        field="min_agreement",
        allowed=allowed,
        measured=share.value,
        bound=bound,
        holds=share.value >= allowed,
        is_certain=bound >= allowed,
        allows=f"the same answers on at least {percent(allowed)} of the samples",
        found=f"the same answers on {quality.agreeing:,} of {quality.samples:,} samples, {percent(share.value)}"
        f" (95 % interval {percent(share.low)} to {percent(share.high)})",
        text=f"Gate min_agreement: answers must be the same on {percent(allowed)} of the samples; they are on"
        f" {percent(share.value)}, and with 95 % confidence on at least {percent(bound)}.",
    )


def _change_check(allowed: float, quality: Quality) -> Check:
    largest = quality.change.largest
    kind = "probe inputs" if quality.basis is Basis.PROBES else "samples"
    return Check(
        field="max_change",
        allowed=allowed,
        measured=largest,
        bound=None,
        holds=largest <= allowed,
        is_certain=True,
        allows=f"outputs that move by at most {allowed:.3g} of their spread",
        found=f"outputs that move by {largest:.3g} of their spread, on {quality.samples:,} {kind}",
        text=f"Gate max_change: outputs may move by {allowed:.3g} of their spread; they move by at most {largest:.3g} on"
        f" {quality.samples:,} {kind}.",
    )


def _drop_bound(accuracy: Accuracy, samples: int, factor: int = 1) -> float:
    """Return the one-sided bound, as it would be with `factor` times as many samples of the same kind."""
    lost, gained = accuracy.lost * factor, accuracy.gained * factor
    return difference_estimate(lost, gained, samples * factor, _BOUND).high


def _too_few(quality: Quality, check: Check) -> str:
    """Say that more samples are needed, and how many if the shares stay as they are."""
    accuracy, samples = quality.accuracy, quality.samples
    if check.field == "max_accuracy_drop" and accuracy is not None:
        needed = _factor(lambda factor: _drop_bound(accuracy, samples, factor) <= check.allowed)
    else:
        agreeing = quality.agreeing
        needed = _factor(
            lambda factor: (
                share_estimate(agreeing * factor, samples * factor, _BOUND).low >= check.allowed
            )
        )
    advice = (
        "No reasonable number of samples would show that; set a gate that allows more."
        if needed is None
        else f"About {needed * samples:,} samples would, if they answer as these do."
    )
    return f"So few samples cannot show that the gate holds. {_NOT_ACTIVE} {advice}"


def _factor(holds: Callable[[int], bool]) -> int | None:
    """Return the least whole factor of samples with which the bound is within the gate, or None."""
    return next((factor for factor in range(2, 1001) if holds(factor)), None)


def _points(share: float) -> str:
    return f"{100 * share:.2f}"
