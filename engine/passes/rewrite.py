"""What passes share: who reads each buffer, and steps with other places."""

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from engine.core.program import Program
from engine.core.steps import (
    AffineStep,
    ConvStep,
    CopyStep,
    DenseStep,
    DepthwiseStep,
    DotStep,
    ElementStep,
    GluStep,
    LayerNormStep,
    MergeStep,
    MoveStep,
    Pack,
    Place,
    PoolStep,
    PReluStep,
    ReduceStep,
    ResampleStep,
    RootStep,
    SoftmaxStep,
    Step,
    TransposeStep,
    Unpack,
    reads,
)

PlaceMap = Callable[[Place], Place]


def readers(program: Program) -> dict[int, list[int]]:
    """Numbers of the steps that read each buffer, by buffer."""
    found: dict[int, list[int]] = {buffer: [] for buffer in range(len(program.buffers))}
    for number, step in enumerate(program.steps):
        for buffer in dict.fromkeys(place.buffer for place in reads(step)):
            found[buffer].append(number)
    return found


def is_whole(program: Program, place: Place) -> bool:
    """Return whether a place is all of its buffer."""
    return place.first == 0 and place.rows == program.buffers[place.buffer]


def moved(step: Step, to: PlaceMap) -> Step:
    """Return the step with every place replaced."""
    match step:
        case Pack():
            return replace(step, y=to(step.y))
        case Unpack():
            return replace(step, x=to(step.x))
        case MergeStep():
            return replace(step, xs=tuple(to(x) for x in step.xs), y=to(step.y))
        case DotStep():
            return replace(step, a=to(step.a), b=to(step.b), y=to(step.y))
        case DenseStep() | ElementStep() | CopyStep() | AffineStep() | PReluStep():
            return replace(step, x=to(step.x), y=to(step.y))
        case TransposeStep() | GluStep() | SoftmaxStep() | LayerNormStep():
            return replace(step, x=to(step.x), y=to(step.y))
        case ConvStep():
            added = None if step.added is None else to(step.added)
            return replace(step, x=to(step.x), y=to(step.y), added=added)
        case DepthwiseStep() | PoolStep() | MoveStep() | ReduceStep():
            return replace(step, x=to(step.x), y=to(step.y))
        case ResampleStep() | RootStep():
            return replace(step, x=to(step.x), y=to(step.y))
        case _:
            assert_never(step)


def with_moved_buffers(program: Program, targets: dict[int, Place]) -> Program:
    """Let each buffer in `targets` be a part of another one; targets may be moved themselves.

    Args:
        program: the program that is changed.
        targets: where the rows of a buffer are now; the place has as many rows as the buffer.
    """

    def to(place: Place) -> Place:
        while place.buffer in targets:
            place = targets[place.buffer].part(place.first, place.rows)
        return place

    return replace(program, steps=tuple(moved(step, to) for step in program.steps))
