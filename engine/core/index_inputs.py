"""Which numbers of a call are indices of embeddings: those that reach the step that looks them up as they are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.attention_steps import LookupStep
from engine.core.program import Program, dense_array
from engine.core.steps import CopyStep, MoveStep, Pack, Place, Step, TransposeStep
from engine.core.window_steps import BOX_NUMBERS

Limits = npt.NDArray[np.float64]
_Numbers = npt.NDArray[np.int64]
_UNKNOWN = -1


def index_limits(program: Program) -> Mapping[str, Limits]:
    """Return for each input with indices the number below which each element stays; infinity where it is no index.

    Args:
        program: a checked program.
    """
    if not any(isinstance(step, LookupStep) for step in program.steps):
        return {}
    sizes = [int(np.prod(slot.sample_shape)) for slot in program.inputs]
    firsts = np.cumsum([0, *sizes])
    limits = np.full(firsts[-1], np.inf)
    buffers: dict[int, _Numbers] = {}
    for step in program.steps:
        if isinstance(step, LookupStep):
            numbers = _read(buffers, step.x)
            np.minimum.at(limits, numbers[numbers >= 0], step.table_rows)
            continue
        moved = _moved(program, step, buffers, firsts)
        if moved is not None:
            place, numbers = moved
            rows = program.buffers[place.buffer]
            whole = buffers.setdefault(place.buffer, np.full(rows, _UNKNOWN, np.int64))
            whole[place.first : place.first + place.rows] = numbers
    found = {
        slot.name: limits[first : first + size].reshape(slot.sample_shape)
        for slot, first, size in zip(program.inputs, firsts, sizes, strict=False)
    }
    return {name: array for name, array in found.items() if np.isfinite(array).any()}


def _read(buffers: Mapping[int, _Numbers], place: Place) -> _Numbers:
    """Return which element of an input each row of a place is; a negative number for what is computed."""
    if place.buffer not in buffers:
        return np.full(place.rows, _UNKNOWN, np.int64)
    return buffers[place.buffer][place.first : place.first + place.rows]


def _moved(
    program: Program, step: Step, buffers: Mapping[int, _Numbers], firsts: _Numbers
) -> tuple[Place, _Numbers] | None:
    """Return what a step that only moves rows writes; None for any other step."""
    match step:
        case Pack():
            first = int(firsts[step.slot])
            return step.y, np.arange(first, first + step.y.rows)
        case CopyStep():
            index = dense_array(program.constants[step.index])
            return step.y, _read(buffers, step.x)[index]
        case TransposeStep():
            shape = (step.outer, step.rows, step.columns, step.inner)
            numbers = _read(buffers, step.x).reshape(shape)
            return step.y, numbers.transpose(0, 2, 1, 3).reshape(-1)
        case MoveStep():
            return step.y, _boxes(program, step, _read(buffers, step.x))
        case _:
            return None


def _boxes(program: Program, step: MoveStep, x: _Numbers) -> _Numbers:
    y = np.full((step.outer, step.y_rows), _UNKNOWN, np.int64)
    channels = np.arange(step.outer)[:, None] * step.x_rows
    for numbers in dense_array(program.constants[step.boxes]).astype(np.int64):
        sources, targets = numbers[:1], numbers[1:2]
        for place in range(2, BOX_NUMBERS, 3):
            count, x_step, y_step = numbers[place : place + 3]
            sources = (sources[:, None] + np.arange(count) * x_step).reshape(-1)
            targets = (targets[:, None] + np.arange(count) * y_step).reshape(-1)
        y[:, targets] = x[channels + sources]
    return y.reshape(-1)


def with_indices(
    arrays: Mapping[str, npt.NDArray[Any]], limits: Mapping[str, Limits]
) -> dict[str, npt.NDArray[Any]]:
    """Return arrays (batch, *sample shape) with the elements that are indices brought below their limits."""
    found = dict(arrays)
    for name, limit in limits.items():
        array = arrays[name]
        with np.errstate(invalid="ignore"):
            whole = np.mod(np.trunc(np.abs(array.astype(np.float64))), limit)
        found[name] = np.where(np.isfinite(limit), whole, array).astype(array.dtype)
    return found
