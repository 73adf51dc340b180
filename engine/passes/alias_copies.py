"""Copies that keep the order of rows (Permute of axes of length 1, RepeatVector(1), ...) become names."""

from dataclasses import replace

from engine.core.program import Program
from engine.core.steps import CopyStep, MoveStep, Place
from engine.passes.rewrite import is_plain_copy, is_whole, with_moved_buffers


def alias_copies(program: Program) -> Program:
    """Let readers of such a copy read the original."""
    targets: dict[int, Place] = {}
    kept = []
    for step in program.steps:
        if is_plain_copy(step, program) and _joins_whole_buffers(program, step):
            targets[step.y.buffer] = step.x
        else:
            kept.append(step)
    return with_moved_buffers(replace(program, steps=tuple(kept)), targets)


def _joins_whole_buffers(program: Program, step: CopyStep | MoveStep) -> bool:
    return is_whole(program, step.y) and is_whole(program, step.x)
