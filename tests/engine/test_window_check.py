"""Steps of images and signals that would lead a kernel outside its buffers, or leave rows unwritten, are refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.core import limits
from engine.core.errors import ProgramError
from engine.core.functions import ElementFunction
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.program_check import check_program
from engine.core.program_text import to_text
from engine.core.steps import (
    ConvStep,
    DepthwiseStep,
    MoveStep,
    Pack,
    Place,
    PoolStep,
    ReduceStep,
    ResampleStep,
    RootStep,
    SpatialStep,
    Unpack,
)
from engine.core.window_steps import BOX_NUMBERS, Reduction, Root

# Two channels of 4 x 4 rows in; windows of 2 x 2 give 3 x 3 positions.
X, NINE = Place(0, 0, 32), (3, 3)
TAPS = np.array([0, 1, 4, 5], np.uint32)
# One box: rows 5, 6 and 9, 10 of a channel to all four rows of one of y.
BOX = np.array([[5, 0, 1, 0, 0, 1, 0, 0, 2, 4, 2, 2, 1, 1]], np.uint32)


def changed(place: int, number: int) -> np.ndarray:
    array = BOX.copy()
    array[0, place] = number
    return array


CONSTANTS: dict[str, np.ndarray] = {
    "kernel": np.ones((8, 2), np.float32),
    "channels": np.ones((4, 2), np.float32),
    "bias": np.ones(2, np.float32),
    "taps": TAPS,
    "far": TAPS + np.uint32(1),
    "none": TAPS[:0],
    "counts": np.full(9, 4, np.float32),
    "box": BOX,
    "behind": changed(0, 6),
    "beyond": changed(1, 1),
    "empty": changed(8, 0),
    "huge": changed(9, limits.MAX_BUFFER_ROWS + 1),
    "twice": changed(10, 0),
    "part": changed(8, 1),
    "signed": BOX.astype(np.int64),
    "elements": np.array([[0, 1], [2, 3]], np.uint32),
    "outside": np.array([[0, 1], [2, 4]], np.uint32),
    "weights": np.ones((2, 2), np.float32),
}
FUNCTION = ElementFunction()
CONV = ConvStep(
    "c", X, Place(1, 0, 18), "kernel", "bias", None, "taps", 1, 16, NINE, (4, 1), 2, 4, 16, FUNCTION
)
GROUPED = replace(CONV, kernel="channels", groups=2, nonzeros=8)
DEPTHWISE = DepthwiseStep(
    "d", X, Place(1, 0, 18), "channels", "bias", "taps", 1, 16, NINE, (4, 1), 4, 8, FUNCTION
)
LARGEST = PoolStep(Reduction.MAXIMUM, X, Place(1, 0, 18), "taps", None, 16, NINE, (4, 1))
AVERAGE = replace(LARGEST, reduction=Reduction.AVERAGE, counts="counts")
MOVE = MoveStep(X, Place(1, 0, 8), "box", 2, 16, 4, None)
REDUCE = ReduceStep(Reduction.AVERAGE, X, Place(1, 0, 2), 16)
RESAMPLE = ResampleStep(X, Place(1, 0, 16), "elements", "weights", 2, 4, 4, 2, 2)
ROOT = RootStep(Root.NORM, X, Place(1, 0, 32), 2, 16, 1, 1e-3)


def program(step: SpatialStep) -> Program:
    rows = step.y.rows
    return Program(
        "p",
        (InputSlot("x", "float32", (32,)),),
        (OutputSlot("y", (rows,)),),
        (32, rows),
        (Pack(0, X), step, Unpack(Place(1, 0, rows), 0)),
        CONSTANTS,
    )


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (CONV, "conv+linear x9(%0) [kernel, bias, taps]"),
        (replace(CONV, bias=None), "conv+linear x9(%0) [kernel, taps]"),
        (GROUPED, "conv+linear x9(%0) [channels, bias, taps]"),
        (DEPTHWISE, "depthwise+linear x9(%0) [channels, bias, taps]"),
        (LARGEST, "maximum_pool x9(%0) [taps]"),
        (AVERAGE, "average_pool x9(%0) [taps, counts]"),
        (MOVE, "move<2, 16, 4>(%0) [box]"),
        (replace(MOVE, boxes="part", fill=0.0), "move<2, 16, 4>(%0) [part]"),
        (REDUCE, "average<16>(%0)"),
        (RESAMPLE, "resample<2, 4, 4>(%0) [elements, weights]"),
        (ROOT, "divide_by_norm<2, 16, 1>(%0)"),
    ],
)
def test_a_right_step_passes_and_is_printed(step: SpatialStep, text: str) -> None:
    check_program(program(step))
    assert f"%1 = {text}\n" in to_text(program(step))


def of(step: SpatialStep, **changes: Any) -> SpatialStep:
    return replace(step, **changes)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (of(CONV, sizes=(), strides=()), "one to 3 axes"),
        (of(CONV, sizes=(3, 3, 1, 1), strides=(4, 1, 1, 1)), "one to 3 axes"),
        (of(CONV, strides=(4,)), "one to 3 axes"),
        (of(CONV, sizes=(3, 0)), "at least 1"),
        (of(CONV, strides=(4, 2)), "last stride is 1"),
        (of(CONV, channel_rows=0), "at least 1"),
        (of(CONV, strides=(2, 1)), "positions overlap"),
        (of(CONV, sizes=(3, 2)), "shape|should be"),
        (of(CONV, sizes=(4, 2)), "do not hold channels"),
        (of(CONV, groups=0), "whole groups"),
        (of(CONV, groups=3), "whole groups"),
        (of(CONV, channels=0), "whole groups"),
        (of(CONV, channels=4), "should be"),
        (of(CONV, nonzeros=17), "weights are not zero"),
        (of(CONV, kernel="bias"), "should be"),
        (of(CONV, bias="counts"), "should be"),
        (of(CONV, taps="far"), "is not below"),
        (of(CONV, taps="nowhere"), "not there"),
        (of(CONV, channel_rows=17), "is not below"),
        (of(CONV, added=Place(0, 0, 17)), "17 rows in"),
        (of(DEPTHWISE, strides=(2, 1)), "positions overlap"),
        (of(DEPTHWISE, multiplier=0), "multiple of 0"),
        (of(DEPTHWISE, multiplier=3), "multiple of 3"),
        (of(DEPTHWISE, taps="far"), "is not below"),
        (of(DEPTHWISE, nonzeros=9), "weights are not zero"),
        (of(LARGEST, strides=(2, 1)), "positions overlap"),
        (of(LARGEST, counts="counts"), "has counts"),
        (of(AVERAGE, counts=None), "has counts"),
        (of(AVERAGE, counts="bias"), "should be"),
        (of(LARGEST, taps="far"), "is not below"),
        (of(LARGEST, taps="none"), "at least one element"),
        (of(LARGEST, taps="nowhere"), "at least one element"),
        (of(MOVE, outer=0), "0 channels"),
        (of(MOVE, outer=3), "3 channels"),
        (of(MOVE, x_rows=-1), "channels of 4"),
        (of(MOVE, x_rows=22), "not below"),
        (of(MOVE, boxes="behind", x_rows=22), "not below"),
        (of(MOVE, boxes="beyond"), "not below 4"),
        (of(MOVE, boxes="empty"), "counts from 1"),
        (of(MOVE, boxes="huge"), "counts from 1"),
        (of(MOVE, boxes="twice"), "do not cover"),
        (of(MOVE, boxes="part"), "do not cover"),
        (of(MOVE, boxes="signed"), "should be"),
        (of(MOVE, boxes="nowhere"), "not there"),
        (of(REDUCE, length=15), "groups of 15"),
        (of(REDUCE, length=0), "groups of 0"),
        (of(RESAMPLE, terms=0), "at least one element"),
        (of(RESAMPLE, outer=1), "1 x 4 x 4 elements"),
        (of(RESAMPLE, count=3), "2 x 3 x 4 elements"),
        (of(RESAMPLE, elements="outside"), "not below 4"),
        (of(RESAMPLE, elements="taps"), "should be"),
        (of(RESAMPLE, weights="bias"), "should be"),
        (of(ROOT, inner=2), "2 x 16 x 2 groups"),
        (of(ROOT, outer=0), "at least one element"),
        (of(ROOT, y=Place(1, 0, 31)), "31 rows out"),
    ],
)
def test_a_wrong_step_is_refused(step: SpatialStep, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        check_program(program(step))


def test_a_box_has_as_many_numbers_as_its_description() -> None:
    assert BOX.shape[1] == BOX_NUMBERS
