"""The last gate of a job: what the compiled model answers, beside the original as the NumPy oracle computes it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import OutputCheckError
from engine.kernels.abi import ValueType
from engine.runtime import Executable
from graph.graph import Graph
from graph.reference import run
from pruning.calibrate import Calibration
from pruning.probe import probe_sets
from pruning.prune import PruneResult
from pruning.recipe import Mode

Arrays = Mapping[str, npt.NDArray[Any]]

# Of an output's scale, its largest magnitude over the probes; or as far as plain float32 is off, times this.
TOLERANCE = 1e-5
FLOAT32_ERROR_FACTOR = 8.0
# Sixteen units in the last place of a weight: errors of layers add up, and most cancel.
VALUES_TOLERANCE = {
    ValueType.FLOAT32: 0.0,
    ValueType.BFLOAT16: 16 * 2.0**-9,
    ValueType.FLOAT16: 16 * 2.0**-12,
}


def check_outputs(
    executable: Executable,
    pruned: PruneResult,
    calibration: Calibration | None,
    values: str = ValueType.FLOAT32.value,
) -> float:
    """Compare compiled outputs with the pruned and with the original graph, in float64.

    The compiled model may be off the pruned graph by `TOLERANCE` of the output's scale, or where float32 itself is
    further off, by `FLOAT32_ERROR_FACTOR` times that. With a lossless recipe the same holds for the original graph,
    plus the recipe's gate. Weights rounded to 16 bits may take `VALUES_TOLERANCE` more.

    Returns:
        The largest difference from the original, relative to the output's scale.

    Raises:
        OutputCheckError: an output is further off.
    """
    samples = None if calibration is None else calibration.inputs
    sets = probe_sets(pruned.original, pruned.recipe.lossless.input_ranges, samples)
    worst = 0.0
    for probes in sets:
        if not probes.is_ordinary:
            continue
        found = executable.run(dict(probes.inputs))
        rounding = VALUES_TOLERANCE[ValueType(values)]
        _compare(found, pruned.graph, probes.inputs, rounding)
        gate = pruned.recipe.lossless.gate if pruned.recipe.mode is Mode.LOSSLESS else np.inf
        worst = max(worst, _compare(found, pruned.original, probes.inputs, gate + rounding))
    return worst


def _compare(found: Arrays, graph: Graph, inputs: Arrays, more: float) -> float:
    """Return the largest relative difference; refuse one above the tolerance plus `more`."""
    exact = run(graph, inputs, dtype=np.float64)
    plain = run(graph, inputs, dtype=np.float32)
    worst = 0.0
    for name, wanted in exact.items():
        scale = _largest(wanted) or 1.0
        error = _distance(found[name], wanted) / scale
        float32_error = _distance(plain[name], wanted) / scale
        allowed = max(TOLERANCE, FLOAT32_ERROR_FACTOR * float32_error) + more
        if not error <= allowed:
            raise OutputCheckError(
                f"output {name!r} of the compiled model differs from the graph's",
                expected=f"at most {allowed:.2g} of the output's scale",
                got=f"{error:.2g}",
                hint="with 16-bit weights: use float32; else this is a bug in Prunus, please report it with the model",
            )
        worst = max(worst, error)
    return worst


def _largest(array: npt.NDArray[Any]) -> float:
    finite = array[np.isfinite(array)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def _distance(found: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
    """Return the largest difference; infinite where only one of two values is a number."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = wanted.astype(np.float32)
        both = np.isfinite(found) & np.isfinite(narrow)
        same = both | (np.isnan(found) & np.isnan(narrow)) | (found == narrow)
        if not same.all():
            return float("inf")
        difference = np.abs(found.astype(np.float64) - wanted)[both]
    return float(difference.max()) if difference.size else 0.0
