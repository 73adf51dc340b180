"""Steps of images that would lead a kernel outside, or keep it or its checks busy for ever, are refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.core import limits
from engine.core.errors import ProgramError
from engine.core.functions import ElementFunction
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.program_check import check_program
from engine.core.steps import (
    ConvStep,
    DepthwiseStep,
    DotStep,
    MoveStep,
    Pack,
    Place,
    PoolStep,
    Step,
    Unpack,
)
from engine.core.window_check import _covers
from engine.core.window_steps import BOX_NUMBERS, Reduction, ResampleStep

X, Y = Place(0, 0, 8), Place(1, 0, 8)


def program(step: Step, **constants: Any) -> Program:
    return Program(
        "p",
        (InputSlot("x", "float32", (8,)),),
        (OutputSlot("y", (8,)),),
        (8, 8),
        (Pack(0, X), step, Unpack(Y, 0)),
        {
            "kernel": np.ones((1, 1), np.float32),
            "taps": np.zeros(1, np.uint32),
            **{name: np.asarray(array) for name, array in constants.items()},
        },
    )


def box(x: int, y: int, *axes: tuple[int, int, int]) -> list[int]:
    padded = [(1, 0, 0)] * (4 - len(axes)) + list(axes)
    return [x, y, *(number for axis in padded for number in axis)]


def boxes(*rows: list[int]) -> np.ndarray[Any, Any]:
    return np.array(rows, np.uint32).reshape(-1, BOX_NUMBERS)


MOVE = MoveStep(X, Y, "boxes", 1, 8, 8, 0.0)
POOL = PoolStep(Reduction.MAXIMUM, X, Y, "taps", None, 8, (8,), (1,))
CONV = ConvStep(
    *("c", X, Y, "kernel", None, None, "taps", 1, 8, (8,), (1,), 1, 1, 1),
    ElementFunction(),
)
DEPTHWISE = DepthwiseStep(
    *("d", X, Y, "kernel", None, "taps", 1, 8, (8,), (1,), 1, 1),
    ElementFunction(),
)


@pytest.mark.parametrize("fill", [None, 0.0])
def test_a_move_that_writes_rows_again_and_again_is_refused(fill: float | None) -> None:
    """Its kernel would not come back: 2^104 rows."""
    for_ever = [box(0, 0, *[(limits.MAX_BUFFER_ROWS, 0, 0)] * 4)]
    twice = [box(0, 0, (8, 1, 1)), box(0, 0, (1, 1, 1))]
    for numbers in (for_ever, twice):
        with pytest.raises(ProgramError, match="more than 8 rows"):
            check_program(program(replace(MOVE, fill=fill), boxes=boxes(*numbers)))


def test_moves_that_cover_a_channel_pass() -> None:
    halves = boxes(box(0, 0, (4, 1, 2)), box(4, 1, (4, 1, 2)))
    check_program(program(replace(MOVE, fill=None), boxes=halves))
    check_program(program(MOVE, boxes=halves[:1]))
    with pytest.raises(ProgramError, match="do not cover"):
        check_program(program(replace(MOVE, fill=None), boxes=boxes(halves[0], halves[0])))


@pytest.mark.parametrize("large", [False, True])
def test_cover_is_found_as_by_counting(large: bool) -> None:
    """Many small boxes in disorder, beside large ones or not."""
    rng = np.random.default_rng(0)
    found, row = [], 0
    for place in range(3000):
        counts = [int(count) for count in rng.integers(1, 5, 3)]
        if large and place % 1000 == 0:
            counts = [40, 50, 60]
        a, b, c = counts
        found.append(box(0, row, (c, 0, 1), (a, 0, b * c), (b, 0, c)))
        row += a * b * c
    table = boxes(*(found[place] for place in rng.permutation(len(found)))).astype(np.int64)
    sizes = table[:, 2::3].prod(axis=1)
    assert _covers(row, table, sizes)
    table[7, 1] = table[8, 1]
    assert not _covers(row, table, sizes)


@pytest.mark.parametrize("step", [POOL, CONV, DEPTHWISE])
def test_channels_and_strides_keep_to_what_a_buffer_can_have(
    step: ConvStep | DepthwiseStep | PoolStep,
) -> None:
    """Also where they are not used, since kernels are told them in bytes."""
    check_program(program(step))
    too_many = limits.MAX_BUFFER_ROWS + 1
    for wrong in (
        replace(step, channel_rows=too_many),
        replace(step, sizes=(1, 8), strides=(too_many, 1)),
    ):
        with pytest.raises(ProgramError, match="at most"):
            check_program(program(wrong))


def test_channels_of_a_move_keep_to_what_a_buffer_can_have() -> None:
    wrong = program(
        replace(MOVE, x_rows=limits.MAX_BUFFER_ROWS + 1), boxes=boxes(box(0, 0, (8, 1, 1)))
    )
    with pytest.raises(ProgramError, match="at most"):
        check_program(wrong)


def _pool(count: int) -> Program:
    return program(POOL, taps=np.zeros(count, np.uint32))


def _conv(count: int) -> Program:
    kernel = np.zeros((count, 1), np.float32)
    step = replace(CONV, tap_count=count)
    return program(step, taps=np.zeros(count, np.uint32), kernel=kernel)


def _depthwise(count: int) -> Program:
    kernel = np.zeros((count, 1), np.float32)
    step = replace(DEPTHWISE, tap_count=count)
    return program(step, taps=np.zeros(count, np.uint32), kernel=kernel)


def _resample(count: int) -> Program:
    step = ResampleStep(X, Y, "elements", "weights", 1, 8, 1, 8, count)
    elements, weights = np.zeros((8, count), np.uint32), np.zeros((8, count), np.float32)
    return program(step, elements=elements, weights=weights)


def _dot(count: int) -> Program:
    step = DotStep(X, X, Y, "base", "base", min(count, 8), 1, 1, normalize=False)
    return program(step, base=np.zeros(8, np.uint32))


@pytest.mark.parametrize("make", [_pool, _conv, _depthwise, _resample, _dot])
def test_programs_that_take_too_long_are_refused(
    make: Callable[[int], Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_OPERATIONS", 80)
    check_program(make(2))
    with pytest.raises(ProgramError, match="takes too long"):
        check_program(make(8))


def test_the_rows_of_all_buffers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ROWS", 15)
    with pytest.raises(ProgramError, match="too many rows"):
        check_program(program(POOL))
