"""Measure how much two graphs' outputs differ on probe inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph.activations import FloatArray
from graph.graph import Graph
from graph.reference import run
from pruning.probe import ProbeSet


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
    """

    output: str
    change: float
    change_float32: float
    float32_error: float
    probe: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Changes of all outputs over all probe sets."""

    outputs: tuple[OutputChange, ...]
    samples: int

    @property
    def worst(self) -> float:
        """Largest `change` of any output."""
        return max((output.change for output in self.outputs), default=0.0)


def compare(original: Graph, pruned: Graph, probes: Sequence[ProbeSet]) -> Comparison:
    """Run both graphs on every probe set, in float64 and in float32.

    A number that is not finite in the original must be the same in the pruned graph; otherwise the change is infinite.
    """
    runs = [_run(original, pruned, probe) for probe in probes]
    outputs = []
    for output in original.outputs:
        name = output.name
        floor = max((_size(r.wide[name]) for r in runs if r.probe.is_ordinary), default=0.0)
        found = [_change(name, r, floor) for r in runs]
        worst = max(found, key=lambda change: change.change)
        outputs.append(
            OutputChange(
                name,
                worst.change,
                max(change.change_float32 for change in found),
                max(change.float32_error for change in found),
                worst.probe,
            )
        )
    samples = sum(len(next(iter(probe.inputs.values()))) for probe in probes)
    return Comparison(tuple(outputs), samples)


@dataclass(frozen=True, slots=True)
class _Run:
    """Outputs of both graphs on one probe set."""

    probe: ProbeSet
    wide: Mapping[str, FloatArray]
    wide_pruned: Mapping[str, FloatArray]
    narrow: Mapping[str, FloatArray]
    narrow_pruned: Mapping[str, FloatArray]


def _run(original: Graph, pruned: Graph, probe: ProbeSet) -> _Run:
    return _Run(
        probe,
        run(original, probe.inputs, np.float64),
        run(pruned, probe.inputs, np.float64),
        run(original, probe.inputs, np.float32),
        run(pruned, probe.inputs, np.float32),
    )


def _change(name: str, r: _Run, floor: float) -> OutputChange:
    return OutputChange(
        name,
        relative_change(r.wide[name], r.wide_pruned[name], floor),
        relative_change(r.narrow[name], r.narrow_pruned[name], floor),
        relative_change(r.wide[name], r.narrow[name], floor),
        r.probe.name,
    )


def _size(values: FloatArray) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def relative_change(expected: FloatArray, got: FloatArray, floor: float = 0.0) -> float:
    """max |got - expected| / max(|expected|, floor) over the finite numbers; inf where only one is finite."""
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite], got[~finite], equal_nan=True):
        return float("inf")
    if not finite.any():
        return 0.0
    difference = float(np.abs(got[finite].astype(np.float64) - expected[finite]).max())
    scale = max(_size(expected), floor)
    if difference == 0.0:
        return 0.0
    return difference / scale if scale > 0 and np.isfinite(difference) else float("inf")
