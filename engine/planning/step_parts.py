"""Splitting steps without weights into parts that threads compute at the same time; see `engine.planning.parts`.

Every part computes rows of the whole result as the whole step would, so results do not depend on the number of parts.
"""

import math
from dataclasses import replace

from engine.core.steps import (
    AttentionStep,
    ElementStep,
    MergeStep,
    MoveStep,
    Place,
    PoolStep,
    ReduceStep,
    Step,
)
from engine.planning.attention_parts import split_attention
from engine.planning.part_ranges import part_ranges

# Parts of rows begin on whole cache lines, for one sample, too.
_ROW_STEP = 16


def split_step(step: Step, lanes: int, threads: int) -> tuple[Step, ...]:
    """Return the parts of a step, one for each thread or fewer; the step itself where it is short or not known.

    Args:
        step: a step without weights.
        lanes: samples per tile.
        threads: number of threads.
    """
    if isinstance(step, AttentionStep):
        return split_attention(step, lanes, threads)
    match step:
        case ElementStep() | MergeStep():
            units = step.y.rows // _ROW_STEP
        case MoveStep():
            units = step.outer
        case PoolStep():
            units = step.y.rows // math.prod(step.sizes)
        case ReduceStep():
            units = step.y.rows
        case _:
            return (step,)
    numbers = step.y.rows * lanes
    if isinstance(step, PoolStep | ReduceStep):
        numbers = step.x.rows * lanes
    parts = part_ranges(units, numbers, threads)
    if len(parts) == 1:
        return (step,)
    return tuple(_part(step, part, last=part is parts[-1]) for part in parts)


def _part(
    step: ElementStep | MergeStep | MoveStep | PoolStep | ReduceStep, units: range, *, last: bool
) -> Step:
    """Return the part of some units: runs of rows, or channels."""
    match step:
        case ElementStep():
            return replace(step, x=_rows(step.x, units, last), y=_rows(step.y, units, last))
        case MergeStep():
            xs = tuple(_rows(x, units, last) for x in step.xs)
            return replace(step, xs=xs, y=_rows(step.y, units, last))
        case MoveStep():
            x = _from(step.x, units.start * step.x_rows)
            y = step.y.part(units.start * step.y_rows, len(units) * step.y_rows)
            return replace(step, x=x, y=y, outer=len(units))
        case PoolStep():
            x = _from(step.x, units.start * step.channel_rows)
            positions = math.prod(step.sizes)
            y = step.y.part(units.start * positions, len(units) * positions)
            return replace(step, x=x, y=y)
        case ReduceStep():
            x = step.x.part(units.start * step.length, len(units) * step.length)
            return replace(step, x=x, y=step.y.part(units.start, len(units)))


def _rows(place: Place, units: range, last: bool) -> Place:
    end = place.rows if last else units.stop * _ROW_STEP
    return place.part(units.start * _ROW_STEP, end - units.start * _ROW_STEP)


def _from(place: Place, first: int) -> Place:
    """Return what is behind the first rows: channels may lie apart, or boxes reach over several."""
    return place.part(first, place.rows - first)
