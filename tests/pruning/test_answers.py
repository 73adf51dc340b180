"""What outputs answer, and how far they moved."""

import numpy as np
import pytest

from graph.activations import ActivationFunction, Function
from graph.graph import Graph
from pruning.answers import (
    NUMBERS_TOLERANCE,
    OutputReading,
    classes,
    output_readings,
    relative_changes,
    same_answers,
)
from pruning.recipe import Answers
from tests.builders import GraphBuilder


def network(activation: Function | ActivationFunction, units: int = 3) -> Graph:
    b = GraphBuilder(1)
    return b.build(b.dense(b.input(4), units, activation=activation))


SOFTMAX = OutputReading("y", Answers.CLASSES, Function.SOFTMAX, 1)
SIGMOID = OutputReading("y", Answers.CLASSES, Function.SIGMOID, None)
NUMBERS = OutputReading("y", Answers.NUMBERS, Function.LINEAR, None)


def softmax(scores: np.ndarray) -> np.ndarray:
    grown = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    return (grown / grown.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    ("activation", "units", "asked", "answers", "axis"),
    [
        (Function.SOFTMAX, 3, None, Answers.CLASSES, 1),
        (Function.LOG_SOFTMAX, 3, None, Answers.CLASSES, 1),
        (Function.SOFTMAX, 1, None, Answers.NUMBERS, None),
        (Function.SIGMOID, 3, None, Answers.CLASSES, None),
        (Function.SIGMOID, 1, None, Answers.CLASSES, None),
        (Function.LINEAR, 3, None, Answers.NUMBERS, None),
        (Function.RELU, 3, None, Answers.NUMBERS, None),
        (Function.LINEAR, 3, Answers.CLASSES, Answers.CLASSES, 1),
        (Function.LINEAR, 1, Answers.CLASSES, Answers.CLASSES, None),
        (Function.SOFTMAX, 3, Answers.NUMBERS, Answers.NUMBERS, None),
    ],
)
def test_outputs_are_read_by_their_last_activation_or_as_asked(
    activation: Function, units: int, asked: Answers | None, answers: Answers, axis: int | None
) -> None:
    (reading,) = output_readings(network(activation, units), asked)
    assert (reading.answers, reading.axis) == (answers, axis)


def test_a_softmax_along_another_axis_is_read_along_it() -> None:
    b = GraphBuilder(1)
    y = b.activation(b.input(5, 2), ActivationFunction(Function.SOFTMAX, axis=1))
    (reading,) = output_readings(b.build(y), None)
    assert reading.axis == 1
    scores = np.zeros((3, 5, 2), np.float32)
    scores[:, 4, 0] = scores[:, 2, 1] = 1
    assert classes(reading, scores).tolist() == [[4, 2]] * 3


def test_scores_of_one_half_and_of_zero_decide() -> None:
    scores = np.array([[0.4], [0.6]], np.float32)
    assert classes(SIGMOID, scores).tolist() == [[False], [True]]
    linear = OutputReading("y", Answers.CLASSES, Function.LINEAR, None)
    assert classes(linear, scores - 0.5).tolist() == [[False], [True]]


@pytest.mark.parametrize("size", [1.0, 5.0, 15.0])
def test_a_saturated_softmax_hides_nothing(size: float) -> None:
    """The same relative change of the scores is the same number, as far as float32 holds its outputs."""
    rng = np.random.default_rng(3)
    scores = rng.standard_normal((50, 10)) * size
    moved = scores * 0.9
    found = relative_changes(SOFTMAX, softmax(scores), softmax(moved))
    assert np.sqrt((found**2).mean()) == pytest.approx(0.1, rel=0.02)


def test_a_saturated_sigmoid_hides_nothing_that_float32_still_has() -> None:
    scores = np.linspace(-12, 12, 49)[:, None]
    before, after = (
        (1 / (1 + np.exp(-z))).astype(np.float32) for z in (scores, scores - 0.5 * np.sign(scores))
    )
    found = relative_changes(SIGMOID, before, after)
    assert found[np.abs(scores[:, 0]) > 0.6].min() > 0.05


def test_rounding_of_saturated_outputs_is_no_change() -> None:
    before = np.array([[1 - 2.0**-20], [0.5], [1.0], [1e-30]], np.float32)
    after = np.nextafter(before, np.float32(0))
    assert relative_changes(SIGMOID, before, after).max() == 0.0


def test_a_number_added_to_all_scores_is_no_change_of_a_softmax() -> None:
    log = OutputReading("y", Answers.CLASSES, Function.LOG_SOFTMAX, 1)
    scores = np.random.default_rng(1).standard_normal((20, 4))
    assert relative_changes(log, scores, scores + 3.0).max() < 1e-12


def test_changes_of_numbers_are_shares_of_their_spread() -> None:
    before = np.array([[100.0], [102.0], [98.0], [100.0]])
    after = before + np.array([[0.0], [0.1], [0.0], [1.0]])
    found = relative_changes(NUMBERS, before, after)
    assert found == pytest.approx([0.0, 0.1 / np.sqrt(2), 0.0, 1 / np.sqrt(2)])
    same = same_answers([NUMBERS], {"y": before}, {"y": after})
    assert same.tolist() == [True, False, True, False]
    assert NUMBERS_TOLERANCE == 0.05


def test_outputs_that_never_differ_are_measured_by_their_size() -> None:
    before = np.full((5, 2), 4.0)
    assert relative_changes(NUMBERS, before, before + 0.4) == pytest.approx([0.1] * 5)
    nothing = np.zeros((5, 2))
    assert relative_changes(NUMBERS, nothing, nothing).tolist() == [0.0] * 5
    assert np.isinf(relative_changes(NUMBERS, nothing, nothing + 1)).all()


@pytest.mark.parametrize("reading", [SOFTMAX, SIGMOID, NUMBERS])
def test_a_number_that_is_not_finite_in_one_model_only_is_another_answer(
    reading: OutputReading,
) -> None:
    before = np.array([[0.2, 0.8], [0.3, 0.7]], np.float32)
    after = before.copy()
    after[1, 0] = np.nan
    assert relative_changes(reading, before, after).tolist() == [0.0, np.inf]
    assert same_answers([reading], {"y": before}, {"y": after}).tolist() == [True, False]
    assert relative_changes(reading, after, after).tolist() == [0.0, 0.0]
    assert same_answers([reading], {"y": after}, {"y": after}).all()


def test_all_outputs_must_answer_alike() -> None:
    readings = [SOFTMAX, OutputReading("z", Answers.CLASSES, Function.SIGMOID, None)]
    before = {"y": np.array([[0.1, 0.9]] * 2), "z": np.array([[0.9], [0.9]])}
    after = {"y": np.array([[0.1, 0.9]] * 2), "z": np.array([[0.9], [0.1]])}
    assert same_answers(readings, before, after).tolist() == [True, False]
