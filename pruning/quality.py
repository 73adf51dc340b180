"""What a model's answers cost: accuracy with labels, agreement with samples, the change of outputs on made-up inputs.

Everything is counted on what is *served*: the caller passes the compiled model as a function from inputs to outputs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from graph.batches import batches, operations, samples_at_once
from graph.graph import Graph
from graph.reference import run
from pruning.answers import (
    Array,
    OutputReading,
    classes,
    output_readings,
    relative_changes,
    same_answers,
)
from pruning.calibrate import Calibration
from pruning.errors import CalibrationError
from pruning.intervals import Estimate, difference_estimate, share_estimate
from pruning.probe import Arrays, ProbeSet
from pruning.recipe import Answers

Run = Callable[[Arrays], Mapping[str, Array]]

# All outputs of both models are kept.
_OUTPUT_ELEMENTS = 8_000_000
# What is computed for the original's answers, in `graph.batches.operations`: about half a minute on one core.
_MAX_OPERATIONS = 10**12


class Basis(StrEnum):
    """What was measured on, from most to least that it says."""

    LABELS = "labels"
    SAMPLES = "samples"
    PROBES = "probes"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of right answers; `drop` is before minus after, counted on the same samples.

    Attributes:
        lost: samples that only the original answers right.
        gained: samples that only the served model answers right.
    """

    before: Estimate
    after: Estimate
    drop: Estimate
    lost: int
    gained: int


@dataclass(frozen=True, slots=True)
class Change:
    """How far outputs moved, as shares of their own spread; before the last softmax or sigmoid.

    Attributes:
        median: the median over the samples.
        high: nineteen of twenty samples move by no more.
        largest: the largest of any sample, which may be infinite.
    """

    median: float
    high: float
    largest: float


@dataclass(frozen=True, slots=True)
class Quality:
    """The served model's answers beside the original's.

    Attributes:
        basis: labelled samples, samples, or made-up probe inputs, which say nothing about real data.
        answers: what the outputs are read as: classes, numbers, or both words for outputs of both kinds.
        samples: how many samples were compared.
        agreeing: samples that both models answer alike.
        accuracy: the accuracy before and after, if there are labels, else None.
        agreement: share of the samples that both models answer alike; on probes its interval means nothing.
        change: how far outputs moved.
    """

    basis: Basis
    answers: str
    samples: int
    agreeing: int
    accuracy: Accuracy | None
    agreement: Estimate
    change: Change


def check_labels(graph: Graph, calibration: Calibration | None) -> None:
    """Refuse labels that the model's output cannot be held against.

    Raises:
        CalibrationError: the model has no single vector output, or a label is no class of it.
    """
    if calibration is None or calibration.labels is None:
        return
    kind = graph.value_types()[graph.outputs[0].value]
    if len(graph.outputs) != 1 or kind.rank != 2:
        raise CalibrationError(
            "labels", "a model with one output of class scores", f"{len(graph.outputs)} outputs"
        )
    count = max(kind.sample_size, 2)
    largest = calibration.labels.max(initial=0)
    if largest >= count:
        raise CalibrationError("labels", f"class numbers below {count}", str(largest))


class OriginalAnswers:
    """Samples and what the original answers to them: what any number of other models can be held against."""

    def __init__(
        self,
        original: Graph,
        calibration: Calibration | None,
        probes: tuple[ProbeSet, ...],
        answers: Answers | None = None,
        most_samples: int | None = None,
    ) -> None:
        """Compute the original's answers in float32.

        Args:
            original: verified, with fixed sample shapes.
            calibration: samples, and labels that passed `check_labels`.
            probes: what is used where there are no samples; only sets of ordinary size are.
            answers: what the user says the outputs are.
            most_samples: how many are looked at, evenly spaced; all unless
                the outputs are huge or the network takes long to compute.
        """
        inputs = _joined(probes) if calibration is None else calibration.inputs
        labels = None if calibration is None else calibration.labels
        chosen = _chosen_samples(original, len(next(iter(inputs.values()))), most_samples)
        self.basis = Basis.PROBES if calibration is None else Basis.SAMPLES
        self._labels = None
        if labels is not None:
            self.basis, answers, self._labels = Basis.LABELS, Answers.CLASSES, labels[chosen]
        self._readings = _readings(original, answers, is_labelled=labels is not None)
        self._batches = _Batches(original, inputs, chosen)
        self._outputs = self._batches.outputs(lambda batch: run(original, batch))

    def compare(self, model: Run) -> Quality:
        """Hold another model's answers against the original's."""
        before, after = self._outputs, self._batches.outputs(model)
        accuracy = None
        if self._labels is not None:
            accuracy = _accuracy(self._readings[0], before, after, self._labels)
        return _quality(self.basis, self._readings, before, after, accuracy)


def _readings(
    graph: Graph, answers: Answers | None, *, is_labelled: bool
) -> tuple[OutputReading, ...]:
    readings = output_readings(graph, answers)
    if not is_labelled:
        return readings
    # A label is one class number: of several scores the largest answers, whatever made them.
    size = graph.value_types()[graph.outputs[0].value].sample_size
    only = readings[0]
    return (OutputReading(only.name, only.answers, only.function, 1 if size > 1 else None),)


def _quality(
    basis: Basis,
    readings: tuple[OutputReading, ...],
    before: Mapping[str, Array],
    after: Mapping[str, Array],
    accuracy: Accuracy | None,
) -> Quality:
    same = same_answers(readings, before, after)
    moved = np.max([relative_changes(r, before[r.name], after[r.name]) for r in readings], axis=0)
    agreeing = int(same.sum())
    return Quality(
        basis=basis,
        answers=" and ".join(sorted({reading.answers.value for reading in readings})),
        samples=len(same),
        agreeing=agreeing,
        accuracy=accuracy,
        agreement=share_estimate(agreeing, len(same)),
        change=Change(
            median=float(np.quantile(moved, 0.5, method="inverted_cdf")),
            high=float(np.quantile(moved, 0.95, method="inverted_cdf")),
            largest=float(moved.max()),
        ),
    )


def _accuracy(
    reading: OutputReading, before: Mapping[str, Array], after: Mapping[str, Array], labels: Array
) -> Accuracy:
    first, second = (
        (classes(reading, outputs[reading.name])[:, 0] == labels)
        & np.isfinite(outputs[reading.name]).all(axis=1)
        for outputs in (before, after)
    )
    lost, gained = int((first & ~second).sum()), int((second & ~first).sum())
    samples = len(labels)
    return Accuracy(
        before=share_estimate(int(first.sum()), samples),
        after=share_estimate(int(second.sum()), samples),
        drop=difference_estimate(lost, gained, samples),
        lost=lost,
        gained=gained,
    )


def _joined(probes: tuple[ProbeSet, ...]) -> Arrays:
    """Put the samples of all ordinary probe sets behind one another."""
    ordinary = [probe.inputs for probe in probes if probe.is_ordinary]
    return {name: np.concatenate([inputs[name] for inputs in ordinary]) for name in ordinary[0]}


def _chosen_samples(graph: Graph, samples: int, most: int | None) -> Array:
    """Return the numbers of the samples that are looked at: all, or evenly spaced ones where that is too much."""
    types = graph.value_types()
    size = max(sum(types[output.value].sample_size for output in graph.outputs), 1)
    room = _MAX_OPERATIONS // operations(graph)
    count = min(samples, _OUTPUT_ELEMENTS // size, room, samples if most is None else most)
    count = max(1, count)
    return np.linspace(0, samples - 1, count).round().astype(np.int64)


class _Batches:
    """Samples in batches whose values the interpreter can hold in memory."""

    def __init__(self, graph: Graph, inputs: Arrays, chosen: Array) -> None:
        """Cut the samples of `inputs` whose numbers are `chosen` for `graph`."""
        self._most = samples_at_once(graph)
        self._inputs = inputs
        self._chosen = chosen

    def outputs(self, model: Run) -> dict[str, Array]:
        """Return a model's outputs for all samples, by name."""
        parts = [
            model({name: array[part["sample"]] for name, array in self._inputs.items()})
            for part in batches({"sample": self._chosen}, self._most)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
