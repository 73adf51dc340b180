"""Programs that would lead a kernel outside its buffers, or to rows that nobody wrote, are refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from engine.core.errors import ProgramError
from engine.core.functions import ElementFunction, MergeOp
from engine.core.general_steps import BinaryFunction, Fold, Scan
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.program_check import check_program
from engine.core.steps import (
    AffineStep,
    BinaryStep,
    ConstantStep,
    CopyStep,
    DenseStep,
    DotStep,
    ElementStep,
    FoldStep,
    GluStep,
    GroupFunction,
    LayerNormStep,
    MergeStep,
    Pack,
    Place,
    PReluStep,
    ScanStep,
    SelectStep,
    SoftmaxStep,
    Step,
    TransposeStep,
    Unpack,
)
from engine.passes.pipeline import build_program
from graph.graph import Graph
from tests.strategies import graphs

X, Y = Place(0, 0, 8), Place(1, 0, 8)
NUMBERS = np.arange(8, dtype=np.uint32)
ROWS = np.ones(8, np.float32)


def program(step: Step, **changes: Any) -> Program:
    base = Program(
        "p",
        (InputSlot("x", "float32", (8,)),),
        (OutputSlot("y", (8,)),),
        (8, 8),
        (Pack(0, X), step, Unpack(Y, 0)),
        {
            "numbers": NUMBERS,
            "rows": ROWS,
            "two": ROWS[:2],
            "kernel": np.ones((8, 8), np.float32),
            "small": np.ones((4, 8), np.float32),
            "wide": ROWS.astype(np.float64),
            "signed": NUMBERS.astype(np.int32),
        },
    )
    return replace(base, **changes)


ELEMENT = ElementStep(X, Y, ElementFunction())
COPY = CopyStep(X, Y, "numbers")
DENSE = DenseStep("d", X, Y, "kernel", "rows", 1, 64, ElementFunction())
DOT = DotStep(X, X, Y, "numbers", "numbers", 1, 1, 1, normalize=False)
NORM = LayerNormStep(X, Y, 1, 8, 1, "rows", "rows", 1e-3, centred=True)
EXCHANGE = TransposeStep(X, Y, 1, 2, 4, 1)
AFFINE = AffineStep(X, Y, 1, 8, 1, "rows", "rows")
PRELU = PReluStep(X, Y, 1, 8, 1, "rows")
SOFTMAX = SoftmaxStep(GroupFunction.SOFTMAX, X, Y, 2, 4, 1)


@pytest.mark.parametrize(
    "step",
    [
        ELEMENT,
        COPY,
        DENSE,
        DOT,
        NORM,
        SOFTMAX,
        EXCHANGE,
        replace(EXCHANGE, outer=2, columns=2),
        AFFINE,
        replace(AFFINE, outer=2, length=2, inner=2, scale="two", shift="two"),
        PRELU,
        MergeStep(MergeOp.ADD, (X, X), Y),
    ],
)
def test_a_right_program_passes(step: Step) -> None:
    check_program(program(step))


@settings(max_examples=50)
@given(graph=graphs())
def test_lowered_graphs_pass(graph: Graph) -> None:
    check_program(build_program(graph))


BINARY = BinaryStep(BinaryFunction.ADD, X, X, Y, 1, 8, 1, swapped=False)
FOLD = FoldStep(Fold.SUM, X, Place(1, 0, 1), 1, 8, 1)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (replace(ELEMENT, x=Place(0, 0, 9)), "leaves its buffer"),
        (replace(ELEMENT, x=Place(0, 1, 8)), "leaves its buffer"),
        (replace(ELEMENT, x=Place(0, -1, 8)), "leaves its buffer"),
        (replace(ELEMENT, x=Place(0, 0, 0)), "leaves its buffer"),
        (replace(ELEMENT, x=Place(2, 0, 8)), "not there"),
        (replace(ELEMENT, x=Place(-1, 0, 8)), "not there"),
        (replace(ELEMENT, x=Y), "no step has written"),
        (replace(ELEMENT, y=X), "writes what it reads"),
        (replace(ELEMENT, y=Place(1, 0, 7)), "8 rows in, 7 rows out"),
        (replace(COPY, index="none"), "is not there"),
        (replace(COPY, index="signed"), "should be uint32"),
        (replace(COPY, x=Place(0, 0, 7)), "not below 7"),
        (replace(COPY, y=Place(1, 0, 4)), "should be uint32"),
        (replace(DENSE, kernel="small"), "should be float32"),
        (replace(DENSE, kernel="rows"), "should be float32"),
        (replace(DENSE, bias="wide"), "should be float32"),
        (replace(DENSE, positions=0), "no multiple"),
        (replace(DENSE, nonzeros=65), "65 of 64 weights"),
        (replace(DENSE, nonzeros=-1), "-1 of 64 weights"),
        (replace(DENSE, positions=3), "no multiple"),
        (replace(DENSE, positions=2, nonzeros=9), "should be float32"),
        (replace(DOT, terms=2), "not below 7"),
        (replace(DOT, a_stride=0), "at least 1"),
        (replace(DOT, terms=0), "at least 1"),
        (replace(DOT, terms=2**40), "not below"),
        (replace(NORM, gamma="wide"), "should be float32"),
        (replace(NORM, length=4, outer=2), "should be float32"),
        (replace(SOFTMAX, outer=3), "groups in 8 rows"),
        (replace(SOFTMAX, inner=0), "at least one element"),
        (replace(EXCHANGE, rows=3), "1 x 3 x 4 x 1 rows to exchange in 8 rows"),
        (replace(EXCHANGE, rows=-2, columns=-4), "rows to exchange"),
        (replace(EXCHANGE, y=Place(1, 0, 4)), "8 rows in, 4 rows out"),
        (replace(AFFINE, shift="wide"), "should be float32"),
        (replace(AFFINE, length=4, inner=2), "should be float32"),
        (replace(AFFINE, outer=2), "groups in 8 rows"),
        (replace(AFFINE, inner=0), "at least one element"),
        (replace(AFFINE, outer=-1, inner=-1), "at least one element"),
        (replace(PRELU, alpha="numbers"), "should be float32"),
        (replace(PRELU, length=2, inner=4), "should be float32"),
        (MergeStep(MergeOp.ADD, (), Y), "nothing to merge"),
        (MergeStep(MergeOp.ADD, (X, Place(0, 0, 4)), Y), "4 rows in"),
        (MergeStep(MergeOp.SUBTRACT, (X, X, X), Y), "two values, not 3"),
        (GluStep(X, Y, 1), "glu halves"),
        (GluStep(X, Place(1, 0, 4), 3), "glu halves"),
        (replace(BINARY, length=7), "1 x 7 x 1 groups in 8 rows"),
        (replace(BINARY, outer=-1, inner=-1), "at least one element"),
        (replace(BINARY, outer=2, length=4), "8 rows are repeated, not 4"),
        (replace(BINARY, b=Place(0, 0, 9)), "leaves its buffer"),
        (replace(BINARY, y=X), "writes what it reads"),
        (SelectStep(Place(0, 0, 4), X, X, Y), "4 rows in, 8 rows out"),
        (SelectStep(X, X, Place(0, 0, 4), Y), "4 rows in, 8 rows out"),
        (ConstantStep(Y, "wide"), "should be float32"),
        (ConstantStep(Y, "numbers"), "should be float32"),
        (replace(FOLD, inner=2), "1 x 8 x 2 groups in 8 rows"),
        (replace(FOLD, outer=2, length=4), "2 x 1 groups become 1 rows"),
        (replace(FOLD, outer=-1, length=-8), "at least one element"),
        (ScanStep(Scan.SUM, X, Y, 1, 4, 1), "1 x 4 x 1 groups in 8 rows"),
        (ScanStep(Scan.SUM, X, Place(1, 0, 4), 1, 8, 1), "8 rows in, 4 rows out"),
        (Pack(1, Y), "no input or output 1"),
        (Pack(0, Place(1, 0, 4)), "do not hold a sample"),
        (Unpack(Place(0, 0, 4), 0), "do not hold a sample"),
        (Unpack(X, -1), "no input or output -1"),
    ],
)
def test_a_wrong_step_is_refused(step: Step, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        check_program(program(step))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: {"steps": p.steps[:2]}, "every output is written once"),
        (lambda p: {"steps": (*p.steps, p.steps[2])}, "every output is written once"),
        (lambda p: {"steps": (*p.steps[:2], p.steps[1], p.steps[2])}, "written before"),
        (lambda p: {"steps": p.steps[1:]}, "no step has written"),
        (lambda p: {"buffers": (8, 8, 0)}, "a buffer is empty"),
        (lambda p: {"buffers": (8, 2**40)}, "too many rows"),
        (lambda p: {"buffers": (8,) * 50_000}, "too many buffers"),
        (lambda p: {"steps": p.steps * 20_000}, "too many steps"),
        (lambda p: {"inputs": ()}, "an input and an output"),
        (lambda p: {"inputs": p.inputs * 2}, "not unique"),
        (lambda p: {"inputs": (InputSlot("", "float32", (8,)),)}, "empty or too long"),
        (lambda p: {"inputs": (InputSlot("x", "object", (8,)),)}, "dtype of input"),
        (lambda p: {"inputs": (InputSlot("x", "float32", (-8, -1)),)}, "shape of 'x'"),
        (lambda p: {"outputs": (OutputSlot("y", (1,) * 20),)}, "shape of 'y'"),
        (lambda p: {"outputs": (OutputSlot("y", (2**20, 2**20)),)}, "too large"),
    ],
)
def test_a_wrong_program_is_refused(
    change: Callable[[Program], dict[str, Any]], message: str
) -> None:
    right = program(ELEMENT)
    with pytest.raises(ProgramError, match=message):
        check_program(replace(right, **change(right)))
