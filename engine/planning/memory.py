"""Where the buffers of a program lie in the arena, for one tile width.

A buffer lives from the step that first writes it to the step that last uses it; buffers that do not
live at the same time share memory. The result of an elementwise step takes the memory of its source
where that dies in the step. Free ranges are searched best fit first.
"""

from dataclasses import dataclass

from engine.core.arrays import ALIGNMENT_BYTES
from engine.core.program import Program
from engine.core.steps import (
    AffineStep,
    BinaryStep,
    ElementStep,
    MaskedSoftmaxStep,
    Place,
    PReluStep,
    SoftmaxStep,
    Step,
    reads,
    writes,
)
from engine.planning.interleaved import interleaved_projections
from engine.planning.staged_windows import staged_windows


@dataclass(frozen=True, slots=True)
class ArenaPlan:
    """Byte offset of each buffer, multiples of 64, and the size of the arena.

    Attributes:
        offsets: offsets in the arena, by buffer.
        size_bytes: size of one arena.
    """

    offsets: tuple[int, ...]
    size_bytes: int


def plan_arena(program: Program, lanes: int) -> ArenaPlan:
    """Lay out the arena of a checked program for tiles of `lanes` samples."""
    sizes = [_aligned(rows * lanes * 4) for rows in program.buffers]
    # Writes count too: a part that nothing reads may be written after the last read of its buffer.
    last_use = {
        place.buffer: number
        for number, step in enumerate(program.steps)
        for place in (*reads(step), *writes(step))
    }
    # What is computed piece by piece between pieces of a later step is read there.
    inside = {**staged_windows(program), **interleaved_projections(program)}
    moved = {reader: reads(program.steps[number]) for reader, number in inside.items()}
    for reader, places in moved.items():
        for place in places:
            last_use[place.buffer] = max(last_use[place.buffer], reader)
    offsets = [-1] * len(sizes)
    free = _FreeRanges()
    for number, step in enumerate(program.steps):
        places = (*reads(step), *writes(step), *moved.get(number, ()))
        used = {place.buffer for place in places}
        dying = sorted(buffer for buffer in used if last_use[buffer] == number)
        for place in writes(step):
            if offsets[place.buffer] >= 0:
                continue
            source = _overwritable(program, step, dying)
            if source is not None:
                offsets[place.buffer] = offsets[source]
                dying.remove(source)
            else:
                offsets[place.buffer] = free.take(sizes[place.buffer])
        for buffer in dying:
            free.give(offsets[buffer], sizes[buffer])
    return ArenaPlan(tuple(max(offset, 0) for offset in offsets), max(free.end, ALIGNMENT_BYTES))


def _overwritable(program: Program, step: Step, dying: list[int]) -> int | None:
    """Return the buffer whose memory the result may take: kernels allow x and y to be one place."""
    x = _first_operand(step)
    if x is None:
        return None
    (y,) = writes(step)
    whole = x.rows == program.buffers[x.buffer] and y.rows == program.buffers[y.buffer]
    return x.buffer if whole and x.buffer in dying else None


def _first_operand(step: Step) -> Place | None:
    match step:
        case ElementStep() | AffineStep() | PReluStep() | SoftmaxStep() | MaskedSoftmaxStep():
            return step.x
        case BinaryStep():
            # What is repeated is read again after the first result is written.
            return step.a if step.b.buffer != step.a.buffer else None
        case _:
            return None


class _FreeRanges:
    """Free ranges of the arena below `end`, in order, never adjacent."""

    def __init__(self) -> None:
        self.end = 0
        self._ranges: list[tuple[int, int]] = []

    def take(self, size: int) -> int:
        """Offset of a range of `size` bytes: the smallest free one that fits, or at the end."""
        fitting = [entry for entry in self._ranges if entry[1] - entry[0] >= size]
        if fitting:
            first, last = min(fitting, key=lambda entry: entry[1] - entry[0])
            place = self._ranges.index((first, last))
            self._ranges[place : place + 1] = [(first + size, last)] if last - first > size else []
            return first
        if self._ranges and self._ranges[-1][1] == self.end:
            first = self._ranges.pop()[0]  # the free end of the arena grows
        else:
            first = self.end
        self.end = first + size
        return first

    def give(self, first: int, size: int) -> None:
        """Make a range free again."""
        joined: list[tuple[int, int]] = []
        for entry in sorted([*self._ranges, (first, first + size)]):
            if joined and joined[-1][1] == entry[0]:
                joined[-1] = (joined[-1][0], entry[1])
            else:
                joined.append(entry)
        self._ranges = joined


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
