"""What must hold of every program, checked after every compiler pass and before an artifact is used.

1. Counts and sizes keep the limits of `engine.core.limits`.
2. Every place lies inside its buffer, and has the number of rows its step needs.
3. Every constant exists and has the dtype and shape its step needs; row numbers stay inside the value.
4. A row is written once, before it is read; a step never writes what it reads.
5. Every output is written once; inputs may be unused.

A program for which this holds cannot make a kernel leave its arena or read what no step has written.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import assert_never

import numpy as np

from engine.core import attention_check, limits
from engine.core.constant_check import array_problems, group_problems, number_problems, same_rows
from engine.core.errors import ProgramError
from engine.core.functions import MergeOp
from engine.core.general_check import general_problems
from engine.core.program import Program
from engine.core.recurrent_check import recurrent_problems
from engine.core.steps import (
    AffineStep,
    AttentionStep,
    ConvStep,
    CopyStep,
    DenseStep,
    DepthwiseStep,
    DotStep,
    ElementStep,
    GeneralStep,
    GluStep,
    LayerNormStep,
    MergeStep,
    Pack,
    Place,
    PlainStep,
    PoolStep,
    PReluStep,
    RecurrentStep,
    ResampleStep,
    SoftmaxStep,
    SpatialStep,
    Step,
    TransposeStep,
    Unpack,
    constants_of,
    reads,
    writes,
)
from engine.core.window_check import spatial_problems
from graph.tensor_type import DType


def check_program(program: Program) -> None:
    """Check all invariants.

    Raises:
        ProgramError: one does not hold.
    """
    _check_limits(program)
    _check_slots(program)
    written = _Written(program.buffers)
    operations = 0
    for number, step in enumerate(program.steps):
        where = f"step {number} ({type(step).__name__})"
        _check_places(program, step, where)
        for problem in _problems(program, step):
            raise ProgramError(f"{where}: {problem}")
        operations += _operations(program, step)
        if operations > limits.MAX_OPERATIONS:
            raise ProgramError(
                "the program takes too long",
                expected=f"at most {limits.MAX_OPERATIONS:,} operations for a sample",
                got=f"more up to {where}",
            )
        for place in reads(step):
            if not written.covers(place):
                raise ProgramError(f"{where} reads rows that no step has written")
        for place in writes(step):
            if any(place.overlaps(source) for source in reads(step)):
                raise ProgramError(f"{where} writes what it reads")
            if not written.add(place):
                raise ProgramError(f"{where} writes rows that were written before")
    unpacked = sorted(step.slot for step in program.steps if isinstance(step, Unpack))
    if unpacked != list(range(len(program.outputs))):
        raise ProgramError(
            "every output is written once",
            expected=str(list(range(len(program.outputs)))),
            got=str(unpacked),
        )


class _Written:
    """Which rows have been written, as disjoint runs per buffer; adjacent runs are joined."""

    def __init__(self, buffers: tuple[int, ...]) -> None:
        self._runs: list[list[tuple[int, int]]] = [[] for _ in buffers]

    def covers(self, place: Place) -> bool:
        end = place.first + place.rows
        return any(a <= place.first and end <= b for a, b in self._runs[place.buffer])

    def add(self, place: Place) -> bool:
        """Add a run; False where a row of it was written before."""
        runs = sorted([*self._runs[place.buffer], (place.first, place.first + place.rows)])
        if any(right[0] < left[1] for left, right in pairwise(runs)):
            return False
        joined: list[tuple[int, int]] = []
        for first, end in runs:
            if joined and joined[-1][1] == first:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((first, end))
        self._runs[place.buffer] = joined
        return True


def _check_limits(program: Program) -> None:
    counts = (
        ("buffers", len(program.buffers), limits.MAX_BUFFERS),
        ("steps", len(program.steps), limits.MAX_STEPS),
        ("inputs", len(program.inputs), limits.MAX_SLOTS),
        ("outputs", len(program.outputs), limits.MAX_SLOTS),
        ("rows of a buffer", max(program.buffers, default=0), limits.MAX_BUFFER_ROWS),
        ("rows", sum(program.buffers), limits.MAX_ROWS),
    )
    for what, count, limit in counts:
        if count > limit:
            raise ProgramError(f"too many {what}", expected=f"at most {limit}", got=str(count))
    if min(program.buffers, default=1) < 1:
        raise ProgramError("a buffer is empty", expected="at least 1 row")
    if not program.inputs or not program.outputs:
        raise ProgramError("a program needs an input and an output")


def _check_slots(program: Program) -> None:
    for slots in (program.inputs, program.outputs):
        names = [slot.name for slot in slots]
        if len(set(names)) != len(names):
            raise ProgramError("names of inputs or outputs are not unique", got=", ".join(names))
        for slot in slots:
            if not slot.name or len(slot.name) > limits.MAX_NAME_CHARACTERS:
                raise ProgramError("the name of an input or output is empty or too long")
            if len(slot.sample_shape) > limits.MAX_AXES or min(slot.sample_shape, default=1) < 1:
                raise ProgramError(f"shape of {slot.name!r}", got=str(slot.sample_shape))
            if _rows_of(slot.sample_shape) > limits.MAX_BUFFER_ROWS:
                raise ProgramError(f"{slot.name!r} is too large", got=str(slot.sample_shape))
    for slot in program.inputs:
        if slot.dtype not in set(DType) or slot.dtype == DType.STRING:
            raise ProgramError(f"dtype of input {slot.name!r} is not known", got=slot.dtype)


def _rows_of(shape: tuple[int, ...]) -> int:
    rows = 1
    for axis in shape:
        rows *= axis
    return rows


def _check_places(program: Program, step: Step, where: str) -> None:
    for place in (*reads(step), *writes(step)):
        if not 0 <= place.buffer < len(program.buffers):
            raise ProgramError(f"{where} names a buffer that is not there", got=str(place.buffer))
        size = program.buffers[place.buffer]
        inside = 0 <= place.first < size and 1 <= place.rows <= size - place.first
        if not inside:
            raise ProgramError(
                f"{where} leaves its buffer",
                expected=f"rows 0 to {size}",
                got=f"{place.rows} rows from {place.first}",
            )


def _operations(program: Program, step: Step) -> int:
    """Return the most multiplications of a checked step for one sample; a row that is read or written counts as one."""
    rows = sum(place.rows for place in (*reads(step), *writes(step)))
    if isinstance(step, AttentionStep):
        return rows + attention_check.operations(step)
    match step:
        case DenseStep():
            return rows + step.x.rows // step.positions * step.y.rows
        case ConvStep() | DepthwiseStep():
            return rows + step.inputs * step.y.rows
        case PoolStep():
            return rows + program.constants[step.taps].shape[0] * step.y.rows
        case RecurrentStep():
            return rows + step.inputs * step.units * step.times
        case DotStep() | ResampleStep():
            return rows + step.terms * step.y.rows
        case _:
            return rows


def _problems(program: Program, step: Step) -> Iterator[str]:
    if isinstance(step, SpatialStep):
        return spatial_problems(program, step)
    if isinstance(step, AttentionStep):
        return attention_check.attention_problems(program, step)
    if isinstance(step, GeneralStep):
        return general_problems(program, step)
    return _shape_problems(program, step)


def _shape_problems(program: Program, step: PlainStep) -> Iterator[str]:
    """What is wrong with the sizes of a step; the places themselves lie in their buffers."""
    match step:
        case Pack():
            yield from _slot_problems(program.inputs, step.slot, step.y.rows)
        case Unpack():
            yield from _slot_problems(program.outputs, step.slot, step.x.rows)
        case DenseStep() | RecurrentStep():
            yield from _weight_problems(program, step)
        case MergeStep():
            yield from _merge_problems(step)
        case GluStep():
            yield from _glu_problems(step)
        case CopyStep():
            yield from number_problems(program, step.index, step.y.rows, step.x.rows)
        case DotStep():
            yield from _dot_problems(program, step)
        case SoftmaxStep() | LayerNormStep() | AffineStep() | PReluStep():
            yield from _group_problems(program, step)
        case ElementStep() | TransposeStep():
            yield from _row_problems(step)
        case _:
            assert_never(step)


def _slot_problems(slots: tuple[object, ...], slot: int, rows: int) -> Iterator[str]:
    if not 0 <= slot < len(slots):
        yield f"there is no input or output {slot}"
        return
    shape: tuple[int, ...] = getattr(slots[slot], "sample_shape")  # noqa: B009 (both slot types)
    if _rows_of(shape) != rows:
        yield f"{rows} rows do not hold a sample of shape {shape}"


def _row_problems(step: ElementStep | TransposeStep) -> Iterator[str]:
    yield from same_rows(step.x, step.y)
    if isinstance(step, TransposeStep):
        counts = (step.outer, step.rows, step.columns, step.inner)
        if min(counts) < 1 or math.prod(counts) != step.x.rows:
            yield f"{' x '.join(map(str, counts))} rows to exchange in {step.x.rows} rows"


def _weight_problems(program: Program, step: DenseStep | RecurrentStep) -> Iterator[str]:
    if isinstance(step, RecurrentStep):
        yield from recurrent_problems(program, step)
        return
    if step.positions < 1 or step.x.rows % step.positions or step.y.rows % step.positions:
        yield f"rows are no multiple of {step.positions} positions"
        return
    inputs, units = step.x.rows // step.positions, step.y.rows // step.positions
    if not 0 <= step.nonzeros <= inputs * units:
        yield f"{step.nonzeros} of {inputs * units} weights are not zero"
    yield from array_problems(program, step.kernel, np.float32, (inputs, units))
    if step.bias is not None:
        yield from array_problems(program, step.bias, np.float32, (units,))


def _merge_problems(step: MergeStep) -> Iterator[str]:
    if not step.xs:
        yield "nothing to merge"
    if step.op is MergeOp.SUBTRACT and len(step.xs) != 2:
        yield f"subtract takes two values, not {len(step.xs)}"
    for x in step.xs:
        yield from same_rows(x, step.y)


def _glu_problems(step: GluStep) -> Iterator[str]:
    if step.outer < 1 or step.y.rows % step.outer or step.x.rows != 2 * step.y.rows:
        yield "glu halves its blocks"


def _dot_problems(program: Program, step: DotStep) -> Iterator[str]:
    if min(step.terms, step.a_stride, step.b_stride) < 1:
        yield "terms and strides are at least 1"
        return
    sides = ((step.a, step.a_base, step.a_stride), (step.b, step.b_base, step.b_stride))
    for place, base, stride in sides:
        last = place.rows - (step.terms - 1) * stride
        yield from number_problems(program, base, step.y.rows, last)


def _group_problems(
    program: Program, step: SoftmaxStep | LayerNormStep | AffineStep | PReluStep
) -> Iterator[str]:
    yield from group_problems(step.x, step.y, (step.outer, step.length, step.inner))
    for name in constants_of(step):
        yield from array_problems(program, name, np.float32, (step.length,))
