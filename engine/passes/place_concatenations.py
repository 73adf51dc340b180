"""Values that are only copied into a part of another buffer are written there in the first place."""

from dataclasses import replace

from engine.core.arrays import ALIGNMENT_BYTES
from engine.core.program import Program
from engine.core.steps import CopyStep, MoveStep, Place
from engine.passes.rewrite import is_plain_copy, is_whole, with_moved_buffers

# A value starts on a 64-byte boundary in every tile width, one sample included.
_ALIGNED_ROWS = ALIGNMENT_BYTES // 4


def place_concatenations(program: Program) -> Program:
    """Drop each copy of a whole buffer, in order, to an aligned part; a second copy of it stays."""
    targets: dict[int, Place] = {}
    kept = []
    for step in program.steps:
        if is_plain_copy(step, program) and _can_move(program, step, targets):
            targets[step.x.buffer] = step.y
        else:
            kept.append(step)
    return with_moved_buffers(replace(program, steps=tuple(kept)), targets)


def _can_move(program: Program, step: CopyStep | MoveStep, targets: dict[int, Place]) -> bool:
    return (
        step.x.buffer not in targets
        and is_whole(program, step.x)
        and step.y.first % _ALIGNED_ROWS == 0
    )
