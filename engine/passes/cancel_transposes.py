"""A transpose that undoes the one before it, or that moves nothing, becomes another name for the value."""

from dataclasses import replace

from engine.core.program import Program
from engine.core.steps import Place, Step, TransposeStep
from engine.passes.rewrite import is_whole, with_moved_buffers


def cancel_transposes(program: Program) -> Program:
    """Let readers of such a transpose read the original; the transpose before it may be needed by others."""
    made: dict[int, TransposeStep] = {}
    targets: dict[int, Place] = {}
    kept: list[Step] = []
    for step in program.steps:
        original = (
            _original(program, step, made, targets) if isinstance(step, TransposeStep) else None
        )
        if isinstance(step, TransposeStep) and original is not None:
            targets[step.y.buffer] = original
        else:
            kept.append(step)
            if isinstance(step, TransposeStep) and is_whole(program, step.y):
                made[step.y.buffer] = step
    return with_moved_buffers(replace(program, steps=tuple(kept)), targets)


def _original(
    program: Program, step: TransposeStep, made: dict[int, TransposeStep], targets: dict[int, Place]
) -> Place | None:
    """Return the place that holds the rows of the result already; None where there is none."""
    if not (is_whole(program, step.y) and is_whole(program, step.x)):
        return None
    if 1 in (step.rows, step.columns):
        return step.x
    x = step.x
    while x.buffer in targets:
        x = targets[x.buffer]
    before = made.get(x.buffer)
    if before is None or not is_whole(program, before.x):
        return None
    undone = (before.outer, before.columns, before.rows, before.inner)
    return before.x if (step.outer, step.rows, step.columns, step.inner) == undone else None
