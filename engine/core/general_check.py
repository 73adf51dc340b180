"""What must hold of the steps of general operations; see `engine.core.program_check`."""

from collections.abc import Iterator
from typing import assert_never

import numpy as np

from engine.core.constant_check import array_problems, group_problems, same_rows
from engine.core.general_steps import (
    BinaryStep,
    ConstantStep,
    FoldStep,
    GeneralStep,
    ScanStep,
    SelectStep,
)
from engine.core.program import Program


def general_problems(program: Program, step: GeneralStep) -> Iterator[str]:
    """What is wrong with the sizes of a step; the places themselves lie in their buffers."""
    match step:
        case BinaryStep():
            yield from group_problems(step.a, step.y, (step.outer, step.length, step.inner))
            if step.b.rows != step.length:
                yield f"{step.b.rows} rows are repeated, not {step.length}"
        case SelectStep():
            for x in (step.condition, step.a, step.b):
                yield from same_rows(x, step.y)
        case ConstantStep():
            yield from array_problems(program, step.numbers, np.float32, (step.y.rows,))
        case FoldStep():
            counts = (step.outer, step.length, step.inner)
            yield from group_problems(step.x, step.x, counts)
            if min(counts) >= 1 and step.outer * step.inner != step.y.rows:
                yield f"{step.outer} x {step.inner} groups become {step.y.rows} rows"
        case ScanStep():
            yield from group_problems(step.x, step.y, (step.outer, step.length, step.inner))
        case _:
            assert_never(step)
