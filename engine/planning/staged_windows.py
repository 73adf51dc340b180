"""Which moves are made channel by channel inside of the step over windows that reads their result.

A staged channel then stays in the nearest cache until its windows are done, instead of the whole value going through
memory. The staged value's own place in the arena is the room for it.
"""

import math
from collections.abc import Mapping

from engine.core.program import Program
from engine.core.steps import DepthwiseStep, MoveStep, PoolStep, reads, writes


def staged_windows(program: Program) -> Mapping[int, int]:
    """Return the number of the move by that of the only step that reads its result, which takes a channel at a time."""
    readers: dict[int, list[int]] = {}
    moves: dict[int, int] = {}
    for number, step in enumerate(program.steps):
        for place in reads(step):
            readers.setdefault(place.buffer, []).append(number)
        for place in writes(step):
            if isinstance(step, MoveStep) and place.rows == program.buffers[place.buffer]:
                moves[place.buffer] = number
    return {
        readers[buffer][0]: number
        for buffer, number in moves.items()
        if len(readers.get(buffer, ())) == 1 and _fits(program, number, readers[buffer][0])
    }


def _fits(program: Program, number: int, reader: int) -> bool:
    """Return whether channels of the move are channels of its reader."""
    move, step = program.steps[number], program.steps[reader]
    if not isinstance(move, MoveStep) or not isinstance(step, DepthwiseStep | PoolStep):
        return False
    channels = step.y.rows // math.prod(step.sizes)
    if isinstance(step, DepthwiseStep):
        channels //= step.multiplier
    return step.x == move.y and move.outer == channels and move.y_rows == step.channel_rows
