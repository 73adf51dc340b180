"""What a model's outputs answer, so that two models' answers can be compared: classes, or numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.activations import Function
from graph.graph import Graph
from graph.ops import Activation
from pruning.recipe import Answers

Array = np.ndarray[Any, np.dtype[Any]]

# Numbers count as the same answer while they move by no more than this share of their spread.
NUMBERS_TOLERANCE = 0.05
_LARGEST_SCORE_WINS = frozenset({Function.SOFTMAX, Function.LOG_SOFTMAX, Function.SPARSEMAX})
_ONE_HALF_DECIDES = frozenset(
    {
        Function.SIGMOID,
        Function.HARD_SIGMOID,
        Function.HARD_SIGMOID_KERAS2,
        Function.SPARSE_SIGMOID,
    }
)
# Outputs that differ by a few units in the last place of float32 are the same: their logarithms are noise.
_ROUNDING = 2.0**-21
_SMALLEST = float(np.finfo(np.float32).tiny)
# Of the distance between a sigmoid and 1, which float32 cannot tell from 0 below this.
_NEAREST_TO_ONE = 2.0**-20


@dataclass(frozen=True, slots=True)
class OutputReading:
    """How one output is read.

    Attributes:
        name: public name.
        answers: classes or numbers.
        function: the output's last activation; linear where there is none.
        axis: the axis of the scores of one decision, counted with the batch; None if every score decides for itself.
    """

    name: str
    answers: Answers
    function: Function
    axis: int | None


def output_readings(graph: Graph, answers: Answers | None) -> tuple[OutputReading, ...]:
    """Tell how each output of a graph is read.

    Args:
        graph: verified.
        answers: what the user says the outputs are; None follows the last activation: after softmax the largest score
            decides, after sigmoid every score decides by itself at one half, and anything else is numbers.
    """
    producers, types = graph.producers(), graph.value_types()
    found = []
    for output in graph.outputs:
        node, rank = producers.get(output.value), types[output.value].rank
        function, axis = Function.LINEAR, rank - 1
        if node is not None and type(node.op) is Activation:
            function = node.op.function.function
            if function in _LARGEST_SCORE_WINS:
                axis = node.op.function.axis % rank
        found.append(_reading(output.name, function, types[output.value].shape, axis, answers))
    return tuple(found)


def _reading(
    name: str,
    function: Function,
    sides: Sequence[int | None],
    axis: int,
    answers: Answers | None,
) -> OutputReading:
    has_rivals = axis > 0 and (sides[axis] or 0) > 1
    if answers is Answers.NUMBERS:
        return OutputReading(name, Answers.NUMBERS, function, None)
    if function in _LARGEST_SCORE_WINS and has_rivals:
        return OutputReading(name, Answers.CLASSES, function, axis)
    if function in _ONE_HALF_DECIDES:
        return OutputReading(name, Answers.CLASSES, function, None)
    if answers is Answers.CLASSES:
        return OutputReading(name, Answers.CLASSES, function, axis if has_rivals else None)
    return OutputReading(name, Answers.NUMBERS, function, None)


def classes(reading: OutputReading, output: Array) -> Array:
    """Return the decisions of an output that is read as classes, (samples, decisions)."""
    if reading.axis is not None:
        return output.argmax(axis=reading.axis).reshape(len(output), -1)
    middle = 0.5 if reading.function in _ONE_HALF_DECIDES else 0.0
    return (output > middle).reshape(len(output), -1)


def relative_changes(reading: OutputReading, before: Array, after: Array) -> Array:
    """Return how far each sample's output moved, relative to how far the output is spread over the samples.

    Softmax and sigmoid are undone first: they hide how far their arguments moved as soon as they saturate. Distances
    are root mean squares over the elements of a sample; the spread is that of `before` around its mean over the
    samples. Where only one of two numbers is finite, the change is infinite.

    Args:
        reading: how the output is read.
        before: the original's output, (samples, ...).
        after: the other model's.

    Returns:
        One number a sample, float64.
    """
    wide, moved = before.astype(np.float64), after.astype(np.float64)
    finite = np.isfinite(wide)
    same_kind = (finite & np.isfinite(moved)) | (wide == moved) | (np.isnan(wide) & np.isnan(moved))
    with np.errstate(invalid="ignore"):
        is_rounding = np.abs(moved - wide) <= _ROUNDING * np.maximum(np.abs(wide), np.abs(moved))
    scores, moved_scores = _scores(reading, wide), _scores(reading, moved)
    with np.errstate(invalid="ignore"):
        difference = np.where(is_rounding | ~finite, 0.0, moved_scores - scores)
    difference = np.where(same_kind, difference, np.inf)
    distance = np.sqrt((_centred(reading, difference) ** 2).reshape(len(wide), -1).mean(axis=1))
    spread = _spread(_centred(reading, np.where(finite, scores, 0.0)))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = distance / spread
    return np.where(distance == 0.0, 0.0, np.where(np.isfinite(relative), relative, np.inf))


def _scores(reading: OutputReading, output: Array) -> Array:
    """Return what went into the last activation, as far as float32 lets it be told."""
    if reading.function is Function.SOFTMAX:
        return np.log(np.maximum(output, _SMALLEST))
    if reading.function is Function.SIGMOID:
        return np.log(np.maximum(output, _SMALLEST)) - np.log(
            np.maximum(1 - output, _NEAREST_TO_ONE)
        )
    return output


def _centred(reading: OutputReading, scores: Array) -> Array:
    """Take away what softmax does not see: a number added to all scores of one decision."""
    if reading.function not in (Function.SOFTMAX, Function.LOG_SOFTMAX) or reading.axis is None:
        return scores
    with np.errstate(invalid="ignore"):
        centred = scores - scores.mean(axis=reading.axis, keepdims=True)
    return np.where(np.isnan(centred), np.inf, centred)


def _spread(scores: Array) -> float:
    """Root mean square around the mean over the samples; of outputs that are constant, their size."""
    spread = float(np.sqrt(((scores - scores.mean(axis=0)) ** 2).mean()))
    size = float(np.sqrt((scores**2).mean()))
    # Below that, samples do not differ but for rounding.
    return spread if spread > _ROUNDING * size else size


def same_answers(
    readings: Sequence[OutputReading], before: Mapping[str, Array], after: Mapping[str, Array]
) -> Array:
    """Return for each sample whether all outputs answer the same, as booleans.

    Classes are the same if every decision is, and the same scores are finite; numbers are if `relative_changes` is at
    most `NUMBERS_TOLERANCE`.
    """
    same = np.ones(len(next(iter(before.values()))), np.bool_)
    for reading in readings:
        first, second = before[reading.name], after[reading.name]
        if reading.answers is Answers.CLASSES:
            same &= (classes(reading, first) == classes(reading, second)).all(axis=1)
            same &= (np.isfinite(first) == np.isfinite(second)).reshape(len(same), -1).all(axis=1)
        else:
            same &= relative_changes(reading, first, second) <= NUMBERS_TOLERANCE
    return same
