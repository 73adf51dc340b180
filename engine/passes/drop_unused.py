"""Steps, buffers and constants that no output needs are dropped, and buffers get new numbers."""

from dataclasses import replace

from engine.core.program import Program
from engine.core.steps import Place, Unpack, constants_of, reads, writes
from engine.passes.rewrite import moved


def drop_unused(program: Program) -> Program:
    """Keep the steps that write a buffer which a kept step reads; outputs are kept."""
    needed: set[int] = set()
    kept = []
    for step in reversed(program.steps):
        if isinstance(step, Unpack) or any(place.buffer in needed for place in writes(step)):
            kept.append(step)
            needed.update(place.buffer for place in reads(step))
    kept.reverse()
    # What a step alone uses is read by none.
    needed.update(place.buffer for step in kept for place in writes(step))
    numbers = {buffer: number for number, buffer in enumerate(sorted(needed))}

    def to(place: Place) -> Place:
        return replace(place, buffer=numbers[place.buffer])

    steps = tuple(moved(step, to) for step in kept)
    names = {name for step in steps for name in constants_of(step)}
    return replace(
        program,
        steps=steps,
        buffers=tuple(program.buffers[buffer] for buffer in sorted(needed)),
        constants={name: array for name, array in program.constants.items() if name in names},
    )
