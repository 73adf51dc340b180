"""What must hold of a recurrent step: `engine.core.program_check` asks."""

from collections.abc import Iterator

import numpy as np

from engine.core.constant_check import array_problems
from engine.core.program import Program
from engine.core.recurrent_steps import (
    BLOCK_UNITS,
    MaskedOutput,
    RecurrentStep,
    result_rows,
    scratch_of,
)


def recurrent_problems(program: Program, step: RecurrentStep) -> Iterator[str]:
    """What is wrong with the sizes of a recurrent step; the places themselves lie in their buffers."""
    gates = step.cell.gates
    if step.times < 1 or step.x.rows % (step.times * gates):
        yield f"rows are no multiple of {gates} gates at {step.times} steps of time"
        return
    hidden = step.hidden
    wanted = result_rows(step.cell, step.result, step.times, hidden)
    if step.y.rows != wanted:
        yield f"{step.y.rows} rows of results, not {wanted}"
    yield from _state_problems(step)
    if not 0 <= step.nonzeros <= hidden * step.units:
        yield f"{step.nonzeros} of {hidden * step.units} weights are not zero"
    yield from array_problems(program, step.kernel, np.float32, (hidden, step.units))
    if step.bias is not None:
        yield from array_problems(program, step.bias, np.float32, (step.units,))


def _state_problems(step: RecurrentStep) -> Iterator[str]:
    hidden = step.hidden
    if (step.mask is None) != (step.masked is MaskedOutput.NONE):
        yield "a mask and what it does come together"
    if step.mask is not None and step.mask.rows != step.times:
        yield f"{step.mask.rows} rows of a mask, not {step.times}"
    if len(step.initial) not in (0, step.cell.states):
        yield f"{len(step.initial)} initial states, not {step.cell.states}"
    if any(state.rows != hidden for state in step.initial):
        yield f"an initial state does not have {hidden} rows"
    rows = scratch_of(step.cell, step.masked, hidden).rows
    if step.scratch.rows != rows:
        yield f"{step.scratch.rows} rows of scratch, not {rows}"
    if step.scratch.first % BLOCK_UNITS:
        yield "scratch does not start on a cache line"
