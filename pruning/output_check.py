"""The last gate of a job: what the compiled model answers, beside the graphs as the NumPy oracle computes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.batches import samples_at_once
from graph.reference import run
from pruning.calibrate import Calibration
from pruning.compare import largest_magnitude
from pruning.errors import OutputCheckError
from pruning.probe import ProbeSet, grouped, joined, probe_sets, rows_of
from pruning.prune import PruneResult
from pruning.recipe import Mode
from pruning.rounding import COMPUTATIONS_SIDE_BY_SIDE, rounding_of

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


def check_other_sizes(compiled: Run, pruned: PruneResult, weight_type: str = "float32") -> float:
    """Compare as `check_outputs` does at all other sizes of a model whose inputs vary in size.

    Returns:
        The largest difference from the original, relative to the output's scale; 0 for fixed shapes.

    Raises:
        OutputCheckError: an output is further off.
    """
    varying, worst = pruned.varying, 0.0
    if varying is None:
        return worst
    for sizes in varying.sizes[1:]:
        original, graph = varying.at(sizes)
        other = replace(pruned, original=original, graph=graph, varying=None)
        worst = max(worst, check_outputs(compiled, other, None, weight_type))
    return worst


@dataclass(frozen=True, slots=True)
class _Probed:
    """What was found of one output on one probe set, over all its samples.

    Attributes:
        size: the largest magnitude in the original graph in float64.
        spread: how far float32 rounding may move the output.
        plain_error: how far NumPy's float32 is from float64, in the pruned graph.
        error: how far the compiled model is from the pruned graph in float64.
        original_error: the same from the original graph.
    """

    size: float = 0.0
    spread: float = 0.0
    plain_error: float = 0.0
    error: float = 0.0
    original_error: float = 0.0

    def also(self, other: "_Probed") -> "_Probed":
        """Return the same over what either looked at."""
        return _Probed(*(max(a, b) for a, b in zip(astuple(self), astuple(other), strict=True)))


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
    probed = _probe(compiled, pruned, sets)
    rounding = WEIGHT_TYPE_TOLERANCE[weight_type]
    gate = pruned.recipe.lossless.gate if pruned.recipe.mode is Mode.LOSSLESS else np.inf
    worst = 0.0
    for output in pruned.original.outputs:
        found = [
            (one, probed[one.name, output.name])
            for one in sets
            if (one.name, output.name) in probed
        ]
        floor = max((seen.size for one, seen in found if one.is_ordinary), default=0.0)
        for one, seen in found:
            scale = max(floor, seen.size) or 1.0
            # Two orders of summation: the compiled model's beside the exact one, and nothing of it is counted twice.
            allowed = max(TOLERANCE, seen.spread / scale) + rounding
            if not (one.is_ordinary or seen.plain_error / scale <= allowed):
                continue  # float32 itself goes wrong on such numbers, in NumPy, too: a square may overflow inside an op
            _expect(output.name, one, seen.error / scale, allowed)
            _expect(output.name, one, seen.original_error / scale, allowed + gate)
            worst = max(worst, seen.original_error / scale)
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
        scale = max(largest_magnitude(old[name]) for old, _ in answers)
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


def _probe(
    compiled: Run, pruned: PruneResult, sets: Sequence[ProbeSet]
) -> Mapping[tuple[str, str], _Probed]:
    """Run all sets through both graphs and the compiled model; the result is by the names of set and output.

    Sets of extraordinary size are left out where a value of the graph overflows float32 on them.
    """
    found: dict[tuple[str, str], _Probed] = {}
    overflowing = set()
    most = samples_at_once(pruned.original, COMPUTATIONS_SIDE_BY_SIDE)
    for group in grouped(sets, most):
        batch = joined(group)
        rounding = rounding_of(pruned.graph, batch)
        original = run(pruned.original, batch, np.float64)
        for one, rows in rows_of(group):
            if not one.is_ordinary and not rounding.fits[rows].all():
                overflowing.add(one.name)
                continue
            answers = compiled(dict(one.inputs))
            for name, expected in original.items():
                exact = rounding.exact[name][rows]
                seen = _Probed(
                    largest_magnitude(expected[rows]),
                    float(rounding.spread[name][rows].max()),
                    _distance(rounding.plain[name][rows], exact),
                    _distance(answers[name], exact),
                    _distance(answers[name], expected[rows]),
                )
                found[one.name, name] = found.get((one.name, name), _Probed()).also(seen)
    return {key: seen for key, seen in found.items() if key[0] not in overflowing}


def _expect(name: str, probe: ProbeSet, error: float, allowed: float) -> None:
    """Refuse an error relative to the output's scale that is not allowed."""
    if not error <= allowed:
        raise OutputCheckError(
            f"output {name!r} of the compiled model differs from the graph's on the probes {probe.name!r}",
            expected=f"at most {allowed:.2g} of the output's scale",
            got=f"{error:.2g}",
            hint="with 16-bit weights: use float32. Where real inputs are smaller than the probes, say so by"
            " `lossless.input_range` in the recipe. Else this is a bug in Prunus, please report it with the model",
        )


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
