"""What passes share: who reads each buffer, and steps with other places."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeGuard, assert_never

from engine.core.program import Program, dense_array, is_identity
from engine.core.steps import (
    AffineStep,
    AttentionStep,
    BinaryStep,
    ConstantStep,
    ConvStep,
    CopyStep,
    DenseStep,
    DepthwiseStep,
    DotStep,
    ElementStep,
    FoldStep,
    GeneralStep,
    GluStep,
    LayerNormStep,
    LookupStep,
    MaskedSoftmaxStep,
    MergeStep,
    MoveStep,
    Pack,
    Place,
    PlainStep,
    PoolStep,
    PReluStep,
    ProductStep,
    RecurrentStep,
    ReduceStep,
    ResampleStep,
    RootStep,
    ScanStep,
    SelectStep,
    SoftmaxStep,
    SpatialStep,
    Step,
    TransposeStep,
    Unpack,
    reads,
)
from engine.core.window_steps import BOX_AXES

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


def is_plain_copy(step: Step, program: Program) -> TypeGuard[CopyStep | MoveStep]:
    """Return whether a step copies all rows of its input in order."""
    if isinstance(step, CopyStep):
        return is_identity(dense_array(program.constants[step.index]), step.x.rows)
    if not isinstance(step, MoveStep) or step.outer != 1 or step.x.rows != step.y.rows:
        return False
    return dense_array(program.constants[step.boxes]).tolist() == [plain_box(step.x.rows)]


def plain_box(rows: int) -> list[int]:
    """Return the box of so many rows in order."""
    return [0, 0, *(1, 0, 0) * (BOX_AXES - 1), rows, 1, 1]


def moved(step: Step, to: PlaceMap) -> Step:
    """Return the step with every place replaced."""
    if isinstance(step, SpatialStep):
        return _moved_spatial(step, to)
    if isinstance(step, AttentionStep):
        return _moved_attention(step, to)
    if isinstance(step, GeneralStep):
        return _moved_general(step, to)
    return _moved_plain(step, to)


def _moved_plain(step: PlainStep, to: PlaceMap) -> Step:
    match step:
        case Pack():
            return replace(step, y=to(step.y))
        case Unpack():
            return replace(step, x=to(step.x))
        case MergeStep():
            return replace(step, xs=tuple(to(x) for x in step.xs), y=to(step.y))
        case RecurrentStep():
            return replace(
                step,
                x=to(step.x),
                y=to(step.y),
                mask=None if step.mask is None else to(step.mask),
                initial=tuple(to(state) for state in step.initial),
                scratch=to(step.scratch),
            )
        case DotStep():
            return replace(step, a=to(step.a), b=to(step.b), y=to(step.y))
        case DenseStep() | ElementStep() | CopyStep() | AffineStep() | PReluStep():
            return replace(step, x=to(step.x), y=to(step.y))
        case TransposeStep() | GluStep() | SoftmaxStep() | LayerNormStep():
            return replace(step, x=to(step.x), y=to(step.y))
        case _:
            assert_never(step)


def _moved_general(step: GeneralStep, to: PlaceMap) -> Step:
    match step:
        case BinaryStep():
            return replace(step, a=to(step.a), b=to(step.b), y=to(step.y))
        case SelectStep():
            condition, a, b = (to(place) for place in (step.condition, step.a, step.b))
            return replace(step, condition=condition, a=a, b=b, y=to(step.y))
        case ConstantStep():
            return replace(step, y=to(step.y))
        case FoldStep() | ScanStep():
            return replace(step, x=to(step.x), y=to(step.y))
        case _:
            assert_never(step)


def _moved_spatial(step: SpatialStep, to: PlaceMap) -> Step:
    match step:
        case ConvStep():
            added = None if step.added is None else to(step.added)
            return replace(step, x=to(step.x), y=to(step.y), added=added)
        case DepthwiseStep() | PoolStep() | MoveStep() | ReduceStep() | ResampleStep() | RootStep():
            return replace(step, x=to(step.x), y=to(step.y))
        case _:
            assert_never(step)


def _moved_attention(step: AttentionStep, to: PlaceMap) -> Step:
    match step:
        case LookupStep():
            return replace(step, x=to(step.x), y=to(step.y))
        case ProductStep():
            return replace(step, a=to(step.a), b=to(step.b), y=to(step.y))
        case MaskedSoftmaxStep():
            mask = None if step.mask is None else to(step.mask)
            return replace(step, x=to(step.x), y=to(step.y), mask=mask)


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
