"""The last gate of a job: what the compiled model answers, beside the graphs as the NumPy oracle computes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.reference import run
from pruning.calibrate import Calibration
from pruning.errors import OutputCheckError
from pruning.probe import ProbeSet, most_samples, probe_sets
from pruning.prune import PruneResult
from pruning.recipe import Mode
from pruning.rounding import rounding_of

Arrays = Mapping[str, npt.NDArray[Any]]
Run = Callable[[Arrays], Arrays]

# Of an output's scale: kernels add in another order, and their functions are polynomials.
TOLERANCE = 1e-5
# What rounded weights may add, of an output's scale: sixteen units in the last place of a weight. Errors of layers add
# up, and most cancel.
WEIGHT_TYPE_TOLERANCE: Mapping[str, float] = {
    "float32": 0.0,
    "bfloat16": 16 * 2.0**-9,
    "float16": 16 * 2.0**-12,
}
# How much more than its own tile widths differ by a model may differ from itself after tuning again.
_WIDTHS_FACTOR = 4.0


@dataclass(frozen=True, slots=True)
class _Probed:
    """Outputs on one probe set, by name.

    Attributes:
        probe: the set.
        found: what the compiled model answers.
        exact: the pruned graph in float64.
        plain: the same in float32, as NumPy computes it.
        original: the original graph in float64.
        spread: how far float32 rounding may move each output.
    """

    probe: ProbeSet
    found: Arrays
    exact: Arrays
    plain: Arrays
    original: Arrays
    spread: Mapping[str, float]


def check_outputs(
    compiled: Run,
    pruned: PruneResult,
    calibration: Calibration | None,
    weight_type: str = "float32",
) -> float:
    """Compare compiled outputs with the pruned and with the original graph, in float64, on all probe sets.

    With 16-bit weights only on those of ordinary size.

    The compiled model may be off the pruned graph by `TOLERANCE` of an output's scale, or where float32 rounding may
    take it further, by what `pruning.rounding` says. With a lossless recipe the same holds for the original graph, plus
    the recipe's gate. Weights rounded to 16 bits may take `WEIGHT_TYPE_TOLERANCE` more. The scale of an output is its
    largest magnitude over all probe sets of ordinary size, or over the same set if that is larger.

    Args:
        compiled: runs the compiled model on a batch.
        pruned: both graphs, and the recipe.
        calibration: samples that join the probes.
        weight_type: what weights were rounded to; a key of `WEIGHT_TYPE_TOLERANCE`.

    Returns:
        The largest difference from the original, relative to the output's scale.

    Raises:
        OutputCheckError: an output is further off.
    """
    samples = None if calibration is None else calibration.inputs
    sets = [
        one
        for one in probe_sets(pruned.original, pruned.recipe.lossless.input_ranges, samples)
        # A rounded weight times a huge input may turn a saturated unit over: that is no fault of the compiled model.
        if one.is_ordinary or weight_type == "float32"
    ]
    probed = [
        one
        for group in _groups(sets, most_samples(pruned.original))
        for one in _probe(compiled, pruned, group)
    ]
    rounding = WEIGHT_TYPE_TOLERANCE[weight_type]
    gate = pruned.recipe.lossless.gate if pruned.recipe.mode is Mode.LOSSLESS else np.inf
    floors = {output.name: _floor(probed, output.name) for output in pruned.original.outputs}
    worst = 0.0
    for one in probed:
        for name, floor in floors.items():
            scale = max(floor, _largest(one.original[name])) or 1.0
            # Two orders of summation: the compiled model's beside the exact one, and nothing of it is counted twice.
            allowed = max(TOLERANCE, one.spread[name] / scale) + rounding
            plain_error = _distance(one.plain[name], one.exact[name]) / scale
            if not (one.probe.is_ordinary or plain_error <= allowed):
                continue  # float32 itself goes wrong on such numbers, in NumPy, too: a square may overflow inside an op
            _compare(one, name, one.exact[name], scale, allowed)
            worst = max(worst, _compare(one, name, one.original[name], scale, allowed + gate))
    return worst


def check_retuned(before: Run, after: Run, batches: Sequence[Arrays]) -> None:
    """Compare a model with itself after its kernels were chosen again.

    They may differ by `TOLERANCE` of an output's scale over all batches, or by four times what the tile widths of the
    model differ by that it was before. The model of before gives the same bits whenever it is asked the same.

    Raises:
        OutputCheckError: the two do not answer the same.
    """
    answers = [(before(batch), after(batch)) for batch in batches]
    singles = [_one_by_one(before, batch) for batch in batches]
    for name in answers[0][0]:
        scale = max(_largest(old[name]) for old, _ in answers)
        width = max(
            _distance(single[name], old[name])
            for single, (old, _) in zip(singles, answers, strict=True)
        )
        allowed = max(TOLERANCE * scale, _WIDTHS_FACTOR * width)
        error = max(_distance(new[name], old[name]) for old, new in answers)
        again = [before(batch)[name] for batch in batches]
        steady = all(
            np.array_equal(array, old[name], equal_nan=True)
            for array, (old, _) in zip(again, answers, strict=True)
        )
        if not (steady and error <= allowed):
            raise OutputCheckError(
                f"output {name!r} differs after tuning again",
                expected=f"differences of at most {allowed:.2g}",
                got=f"{error:.2g}",
                hint="the version is served as before; please report this",
            )


def _one_by_one(run_batch: Run, batch: Arrays) -> Arrays:
    count = len(next(iter(batch.values())))
    answers = [
        run_batch({name: array[place : place + 1] for name, array in batch.items()})
        for place in range(count)
    ]
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _groups(sets: Sequence[ProbeSet], most: int) -> list[list[ProbeSet]]:
    """Sets that are computed together, so many samples at a time: the oracle converts all weights for every batch."""
    groups: list[list[ProbeSet]] = []
    count = most
    for one in sets:
        count += one.samples
        if count > most:
            groups.append([])
            count = one.samples
        groups[-1].append(one)
    return groups


def _probe(compiled: Run, pruned: PruneResult, group: Sequence[ProbeSet]) -> list[_Probed]:
    """Run a group of sets through both graphs, and each set by itself through the compiled model.

    Sets of extraordinary size are left out where a value of the graph overflows float32 on them.
    """
    names = group[0].inputs
    joined = {name: np.concatenate([one.inputs[name] for one in group]) for name in names}
    rounding = rounding_of(pruned.graph, joined)
    original = run(pruned.original, joined, np.float64)
    found, start = [], 0
    for one in group:
        rows = slice(start, start + one.samples)
        start += one.samples
        if not one.is_ordinary and not rounding.fits[rows].all():
            continue
        found.append(
            _Probed(
                one,
                compiled(dict(one.inputs)),
                {name: array[rows] for name, array in rounding.exact.items()},
                {name: array[rows] for name, array in rounding.plain.items()},
                {name: array[rows] for name, array in original.items()},
                {name: float(array[rows].max()) for name, array in rounding.spread.items()},
            )
        )
    return found


def _floor(probed: Sequence[_Probed], name: str) -> float:
    """Return the scale of an output: its largest magnitude over the sets of ordinary size."""
    sizes = [_largest(one.original[name]) for one in probed if one.probe.is_ordinary]
    return max(sizes, default=0.0)


def _compare(
    one: _Probed, name: str, wanted: npt.NDArray[Any], scale: float, allowed: float
) -> float:
    """Return the largest difference relative to the scale; refuse one that is not allowed."""
    error = _distance(one.found[name], wanted) / scale
    if not error <= allowed:
        raise OutputCheckError(
            f"output {name!r} of the compiled model differs from the graph's on the probes {one.probe.name!r}",
            expected=f"at most {allowed:.2g} of the output's scale",
            got=f"{error:.2g}",
            hint="with 16-bit weights: use float32. Where real inputs are smaller than the probes, say so by"
            " `lossless.input_range` in the recipe. Else this is a bug in Prunus, please report it with the model",
        )
    return error


def _largest(array: npt.NDArray[Any]) -> float:
    finite = array[np.isfinite(array)]
    return float(np.abs(finite).max(initial=0.0))


def _distance(found: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
    """Return the largest difference; infinite where only one of two values is a number."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = wanted.astype(np.float32)
        both = np.isfinite(found) & np.isfinite(narrow)
        same = both | (np.isnan(found) & np.isnan(narrow)) | (found == narrow)
        if not same.all():
            return float("inf")
        difference = np.abs(found.astype(np.float64) - wanted)[both]
    return float(difference.max(initial=0.0))
