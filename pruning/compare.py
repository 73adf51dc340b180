"""Measure how much two graphs' outputs differ on probe inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from graph.activations import FloatArray
from graph.batches import samples_at_once
from graph.graph import Graph
from graph.reference import run
from pruning.probe import ProbeSet, grouped, joined, rows_of

# Folding a normalization rounds other numbers than the original does, and about as often.
_ROUNDINGS = 4.0


@dataclass(frozen=True, slots=True)
class OutputChange:
    """The largest change of one output, relative to its scale.

    The scale is the output's largest magnitude on the same probe set, or on the sets of ordinary size if that is
    larger: near zero, where terms cancel, a relative measure would say nothing.

    Attributes:
        output: public name.
        change: between the two graphs, both in float64.
        change_float32: between the two graphs, both in float32; includes other orders of summation.
        float32_error: the difference of float32 and float64 in the original alone: what rounding does without any
            pruning.
        probe: the set on which `change` is largest.
        unexplained: the largest `change` that gates judge. On sets of ordinary size that is every change; on the
            others, where numbers may be far larger than models are fed with, a change counts only where it is more
            than `_ROUNDINGS` times what float32 rounding does to the original on the same set.
    """

    output: str
    change: float
    change_float32: float
    float32_error: float
    probe: str
    unexplained: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Changes of all outputs over all probe sets."""

    outputs: tuple[OutputChange, ...]
    samples: int

    @property
    def worst(self) -> float:
        """Largest `change` of any output."""
        return max((output.change for output in self.outputs), default=0.0)

    @property
    def unexplained(self) -> float:
        """Largest change of any output that gates judge."""
        return max((output.unexplained for output in self.outputs), default=0.0)


def compare(original: Graph, pruned: Graph, probes: Sequence[ProbeSet]) -> Comparison:
    """Run both graphs on every probe set, in float64 and in float32.

    A number that is not finite in the original must be the same in the pruned graph; otherwise the change is infinite.
    """
    found = _compared(original, pruned, probes)
    outputs = []
    for output in original.outputs:
        each = [(probe, found[probe.name, output.name]) for probe in probes]
        floor = max((d.wide.size for probe, d in each if probe.is_ordinary), default=0.0)
        changes = [_change(output.name, probe, d, floor) for probe, d in each]
        worst = max(changes, key=lambda change: change.change)
        outputs.append(
            OutputChange(
                output.name,
                worst.change,
                max(change.change_float32 for change in changes),
                max(change.float32_error for change in changes),
                worst.probe,
                max(change.unexplained for change in changes),
            )
        )
    return Comparison(tuple(outputs), sum(probe.samples for probe in probes))


@dataclass(frozen=True, slots=True)
class Distance:
    """How far an output is from the expected one, over all that was looked at.

    Attributes:
        size: the largest expected magnitude, of the finite ones.
        distance: the largest difference where both are finite; infinite where only one is, or where two numbers that
            are not finite differ.
    """

    size: float = 0.0
    distance: float = 0.0

    def also(self, other: "Distance") -> "Distance":
        """Return the same over what either looked at."""
        return Distance(max(self.size, other.size), max(self.distance, other.distance))

    def relative(self, floor: float = 0.0) -> float:
        """Return the distance relative to the size, or to `floor` where that is larger."""
        scale = max(self.size, floor)
        if self.distance == 0.0:
            return 0.0
        return self.distance / scale if scale > 0 and np.isfinite(self.distance) else float("inf")


def distance(expected: FloatArray, got: FloatArray) -> Distance:
    """Compare two arrays of one shape."""
    size = largest_magnitude(expected)
    finite = np.isfinite(expected)
    same = np.array_equal(expected[~finite], got[~finite], equal_nan=True)
    if not same or not np.isfinite(got[finite]).all():
        return Distance(size, float("inf"))
    with np.errstate(over="ignore"):
        difference = np.abs(got[finite].astype(np.float64) - expected[finite])
    return Distance(size, float(difference.max(initial=0.0)))


def largest_magnitude(values: FloatArray) -> float:
    """Return the largest magnitude of the finite numbers; 0 if there are none."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


@dataclass(frozen=True, slots=True)
class _Distances:
    """One output on one probe set: pruned from original in float64, the same in float32, float32 from float64."""

    wide: Distance = Distance()
    narrow: Distance = Distance()
    rounding: Distance = Distance()


def _compared(
    original: Graph, pruned: Graph, probes: Sequence[ProbeSet]
) -> Mapping[tuple[str, str], _Distances]:
    """Return the distances by the names of the probe set and of the output."""
    found: dict[tuple[str, str], _Distances] = {}
    for group in grouped(probes, samples_at_once(original)):
        batch = joined(group)
        wide, wide_pruned = run(original, batch, np.float64), run(pruned, batch, np.float64)
        narrow, narrow_pruned = run(original, batch), run(pruned, batch)
        for (probe, rows), name in product(rows_of(group), wide):
            known = found.get((probe.name, name), _Distances())
            found[probe.name, name] = _Distances(
                known.wide.also(distance(wide[name][rows], wide_pruned[name][rows])),
                known.narrow.also(distance(narrow[name][rows], narrow_pruned[name][rows])),
                known.rounding.also(distance(wide[name][rows], narrow[name][rows])),
            )
    return found


def _change(name: str, probe: ProbeSet, found: _Distances, floor: float) -> OutputChange:
    change, rounding = found.wide.relative(floor), found.rounding.relative(floor)
    is_judged = probe.is_ordinary or not change <= _ROUNDINGS * rounding < np.inf
    narrow = found.narrow.relative(floor)
    return OutputChange(name, change, narrow, rounding, probe.name, change if is_judged else 0.0)
