"""Copies that keep the order of rows (Permute of axes of length 1, RepeatVector(1), ...) become names."""

from dataclasses import replace

from engine.core.program import Program, dense_array, is_identity
from engine.core.steps import CopyStep, Place
from engine.passes.rewrite import is_whole, with_moved_buffers


def alias_copies(program: Program) -> Program:
    """Let readers of such a copy read the original."""
    targets: dict[int, Place] = {}
    kept = []
    for step in program.steps:
        if isinstance(step, CopyStep) and _is_alias(program, step):
            targets[step.y.buffer] = step.x
        else:
            kept.append(step)
    return with_moved_buffers(replace(program, steps=tuple(kept)), targets)


def _is_alias(program: Program, step: CopyStep) -> bool:
    return (
        is_whole(program, step.y)
        and is_whole(program, step.x)
        and is_identity(dense_array(program.constants[step.index]), step.x.rows)
    )
