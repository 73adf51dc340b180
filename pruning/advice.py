"""What to do when little could be removed: how large the weights are, and a recipe that was tried.

The thresholds of a short ladder are applied to the original graph, smallest first, until the answers change by more
than the gate would allow by default. The answers are those of the NumPy interpreter in float32; what it computes is
bounded by a number of multiplications, so that the same model gets the same advice on every machine.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from graph.batches import operations
from graph.graph import Graph
from graph.reference import run
from pruning.answers import Array
from pruning.calibrate import Calibration
from pruning.gate import DEFAULT_MAX_ACCURACY_DROP, DEFAULT_MIN_AGREEMENT
from pruning.magnitude import choose_by_size
from pruning.markdown import percent
from pruning.probe import ProbeSet
from pruning.prunable import WeightedLayer, weighted_layers
from pruning.quality import Basis, OriginalAnswers, Quality
from pruning.recipe import Answers, Mode, PruningRecipe

# A report that removes less than this shows what could be done.
LITTLE_REMOVED = 0.5
# A recipe that removes less than this beyond what is gone already is not worth a word.
_LEAST_GAIN = 0.1
_SIZES = (1e-15, 1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
_LADDER = (1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
# What all trials compute together, in `graph.batches.operations`; a small part of the time that a job takes.
_MAX_OPERATIONS = 2 * 10**10
# A network that takes very long to compute is tried on few samples.
_LEAST_SAMPLES = 4
_SHOWN_LIMIT = 1e-3
# Probes are few, and some of them are close calls that no real input is; the proposal says that they decide nothing.
_MIN_PROBE_AGREEMENT = 0.95


@dataclass(frozen=True, slots=True)
class SizeShare:
    """Share of the weights that are smaller than a limit.

    Attributes:
        limit: upper limit of the magnitude.
        absolute: share of the weights whose magnitude is at most `limit`.
        relative: the same for magnitudes that are given as shares of the largest one of their layer.
    """

    limit: float
    absolute: float
    relative: float


@dataclass(frozen=True, slots=True)
class Trial:
    """A threshold that was tried.

    Attributes:
        threshold: weights of at most this magnitude were set to zero.
        removed_share: the share of the kernel weights that was removed.
        quality: what that did to the answers.
        is_good: whether the gate would allow it by default.
    """

    threshold: float
    removed_share: float
    quality: Quality
    is_good: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """What can be done about a model that little was removed from.

    Attributes:
        sizes: how large its weights are, from the smallest limit up.
        trials: what was tried, from the smallest threshold up.
        recipe: the JSON form of the recipe that is proposed, or None.
        text: what to do, in sentences.
    """

    sizes: tuple[SizeShare, ...]
    trials: tuple[Trial, ...]
    recipe: dict[str, object] | None
    text: str


def advise(
    graph: Graph,
    removed_share: float,
    calibration: Calibration | None,
    probes: tuple[ProbeSet, ...],
    answers: Answers | None = None,
) -> Advice | None:
    """Look for a threshold that removes more and keeps the answers; None where enough was removed.

    Args:
        graph: the original model.
        removed_share: what the recipe that was asked for removed, in [0, 1].
        calibration: samples to try on, and labels.
        probes: what is tried on where there are no samples.
        answers: what the user says the outputs are.
    """
    layers = weighted_layers(graph, {})
    kernels = [graph.weights[layer.weight] for layer in layers if layer.is_prunable]
    if removed_share >= LITTLE_REMOVED or not kernels:
        return None
    sizes = _sizes(kernels)
    candidates = _candidates(kernels, removed_share)
    trials = _try(graph, layers, candidates, (calibration, probes, answers))
    best = next((trial for trial in reversed(trials) if trial.is_good), None)
    if best is None:
        return Advice(sizes, trials, None, _no_threshold(trials, sizes))
    recipe = {"mode": Mode.THRESHOLD.value, "threshold": best.threshold}
    return Advice(sizes, trials, recipe, _proposal(best, recipe))


def _sizes(kernels: Sequence[Array]) -> tuple[SizeShare, ...]:
    absolute = _shares(kernels, _SIZES, [1.0] * len(kernels))
    relative = _shares(
        kernels, _SIZES, [float(np.abs(kernel).max(initial=0.0)) for kernel in kernels]
    )
    return tuple(map(SizeShare, _SIZES, absolute, relative))


def _shares(
    kernels: Sequence[Array], limits: Sequence[float], scales: Sequence[float]
) -> tuple[float, ...]:
    """Return for each limit the share of the weights that are at most that limit times their kernel's scale."""
    counts = np.zeros(len(limits))
    for kernel, scale in zip(kernels, scales, strict=True):
        size = np.abs(kernel)
        counts += [np.count_nonzero(size <= _float32_below(limit * scale)) for limit in limits]
    return tuple(map(float, counts / sum(kernel.size for kernel in kernels)))


def _float32_below(limit: float) -> np.float32:
    """Return the largest float32 that is at most `limit`: comparing in float64, as masks are made, takes far longer."""
    near = np.float32(limit)
    return near if float(near) <= limit else np.nextafter(near, np.float32(-1.0))


def _recipe(threshold: float) -> PruningRecipe:
    return PruningRecipe(mode=Mode.THRESHOLD, threshold=threshold)


def _pruned(graph: Graph, layers: Sequence[WeightedLayer], threshold: float) -> tuple[Graph, float]:
    """Return the graph with small weights set to zero, and the share of its kernel weights that is zero then."""
    kernels = choose_by_size(graph, layers, _recipe(threshold)).weights
    pruned = graph.with_weights(kernels)
    total = sum(kernel.size for kernel in kernels.values())
    nonzeros = sum(int(np.count_nonzero(kernel)) for kernel in kernels.values())
    return pruned, 1.0 - nonzeros / total if total else 0.0


def _candidates(kernels: Sequence[Array], removed_share: float) -> tuple[float, ...]:
    """Return the thresholds that remove more than what is gone already, and more than the one before."""
    found, last = [], removed_share + _LEAST_GAIN
    for threshold, share in zip(
        _LADDER, _shares(kernels, _LADDER, [1.0] * len(kernels)), strict=True
    ):
        if share >= last:
            found.append(threshold)
            last = share + _LEAST_GAIN / 10
    return tuple(found)


def _try(
    graph: Graph,
    layers: Sequence[WeightedLayer],
    thresholds: Sequence[float],
    data: tuple[Calibration | None, tuple[ProbeSet, ...], Answers | None],
) -> tuple[Trial, ...]:
    """Try thresholds, smallest first, up to the first that changes the answers too much."""
    if not thresholds:
        return ()
    calibration, probes, answers = data
    room = _MAX_OPERATIONS // (operations(graph) * (len(thresholds) + 1))
    original = OriginalAnswers(graph, calibration, probes, answers, max(room, _LEAST_SAMPLES))
    trials = []
    for threshold in thresholds:
        pruned, share = _pruned(graph, layers, threshold)
        quality = original.compare(partial(run, pruned))
        trials.append(Trial(threshold, share, quality, _is_good(quality)))
        if not trials[-1].is_good:
            break
    return tuple(trials)


def _is_good(quality: Quality) -> bool:
    if quality.accuracy is not None:
        return quality.accuracy.drop.value <= DEFAULT_MAX_ACCURACY_DROP
    is_made_up = quality.basis is Basis.PROBES
    return quality.agreement.value >= (
        _MIN_PROBE_AGREEMENT if is_made_up else DEFAULT_MIN_AGREEMENT
    )


def _proposal(best: Trial, recipe: dict[str, object]) -> str:
    quality = best.quality
    is_made_up = quality.basis is Basis.PROBES
    where = (
        f"{quality.samples:,} made-up probe inputs"
        if is_made_up
        else f"your {quality.samples:,} samples"
    )
    found = [
        f"The recipe `{json.dumps(recipe)}` would remove {percent(best.removed_share)} of the kernel weights. It was tried:"
        f" the answers stay the same on {quality.agreeing:,} of {where}."
    ]
    if quality.accuracy is not None:
        before, after = quality.accuracy.before.value, quality.accuracy.after.value
        found.append(f"Accuracy is {percent(before)} before and {percent(after)} after.")
    if is_made_up:
        found.append(
            "Made-up inputs say little about real ones: upload the model with it and with 'calibration' samples, best with"
            " 'labels'."
        )
    else:
        found.append("To have it, upload the model with this recipe and the same samples.")
    return " ".join(found)


def _no_threshold(trials: Sequence[Trial], sizes: Sequence[SizeShare]) -> str:
    """Say why no threshold helps, and what does."""
    small = next(size for size in sizes if size.limit == _SHOWN_LIMIT)
    reason = (
        f"only {percent(small.absolute)} of the weights are at most {small.limit:g} in magnitude"
    )
    if trials:
        first = trials[0]
        kind = "made-up probe inputs" if first.quality.basis is Basis.PROBES else "samples"
        reason = (
            f"the smallest threshold that would remove much more, {first.threshold:g}, keeps the same answers on"
            f" {first.quality.agreeing:,} of {first.quality.samples:,} {kind} only"
        )
    return (
        f"No threshold removes much of this model without changing its answers: {reason}. What helps is training: prune by"
        ' `{"mode": "magnitude", "sparsity": 0.5}` or more with samples and labels, which shows what it costs; train the'
        " pruned model for some epochs with its zeros kept at zero; and upload it again."
    )
