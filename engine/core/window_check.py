"""What must hold of the steps of images and signals; see `engine.core.program_check`.

Every row that a step reads lies in its input, whatever the constants: the largest is found from counts and steps.
"""

import math
from collections.abc import Iterator
from typing import assert_never

import numpy as np
import numpy.typing as npt

from engine.core import limits
from engine.core.constant_check import array_problems, group_problems, number_problems, same_rows
from engine.core.program import Program, dense_array
from engine.core.window_steps import (
    BOX_AXES,
    BOX_NUMBERS,
    ConvStep,
    DepthwiseStep,
    MoveStep,
    PoolStep,
    ReduceStep,
    Reduction,
    ResampleStep,
    RootStep,
    SpatialStep,
)

MAX_AXES = 3
# Boxes of so many rows are looked at one by one.
_LARGE_ROWS = 2**16
_WindowStep = ConvStep | DepthwiseStep | PoolStep


def spatial_problems(program: Program, step: SpatialStep) -> Iterator[str]:
    """What is wrong with the sizes of a step; the places themselves lie in their buffers."""
    match step:
        case ConvStep():
            yield from _conv_problems(program, step)
        case DepthwiseStep():
            yield from _depthwise_problems(program, step)
        case PoolStep():
            yield from _pool_problems(program, step)
        case MoveStep():
            yield from _move_problems(program, step)
        case ReduceStep():
            yield from _reduce_problems(step)
        case ResampleStep():
            yield from _resample_problems(program, step)
        case RootStep():
            yield from group_problems(step.x, step.y, (step.outer, step.length, step.inner))
        case _:
            assert_never(step)


def _reduce_problems(step: ReduceStep) -> Iterator[str]:
    if step.length < 1 or step.length * step.y.rows != step.x.rows:
        yield f"{step.x.rows} rows are not {step.y.rows} groups of {step.length}"


def _grid_problems(step: _WindowStep) -> Iterator[str]:
    """Positions whose rows rise, so that none is met twice; and whole channels of them in y."""
    sizes, strides = step.sizes, step.strides
    if not 1 <= len(sizes) == len(strides) <= MAX_AXES:
        yield f"positions have one to {MAX_AXES} axes"
    elif min(*sizes, *strides, step.channel_rows) < 1 or strides[-1] != 1:
        yield "sizes and strides are at least 1, the last stride is 1"
    elif max(*strides, step.channel_rows) > limits.MAX_BUFFER_ROWS:  # also where none is taken
        yield f"strides and channels have at most {limits.MAX_BUFFER_ROWS} rows"
    elif any(strides[n] < strides[n + 1] * sizes[n + 1] for n in range(len(sizes) - 1)):
        yield "positions overlap"
    elif step.y.rows % math.prod(sizes):
        yield f"{step.y.rows} rows do not hold channels of {math.prod(sizes)} positions"


def _tap_problems(
    program: Program, step: _WindowStep, channels: int, count: int | None
) -> Iterator[str]:
    """Taps of the last position of the last channel lie in x."""
    if count is None:
        array = program.constants.get(step.taps)
        count = array.shape[0] if array is not None and array.shape else 0
    last = sum((n - 1) * stride for n, stride in zip(step.sizes, step.strides, strict=True))
    limit = step.x.rows - (channels - 1) * step.channel_rows - last
    if count < 1:
        yield "a window has at least one element"
    else:
        yield from number_problems(program, step.taps, count, limit)


def _weight_problems(program: Program, step: ConvStep | DepthwiseStep) -> Iterator[str]:
    if not 0 <= step.nonzeros <= step.inputs * step.units:
        yield f"{step.nonzeros} of {step.inputs * step.units} weights are not zero"
    yield from array_problems(program, step.kernel, np.float32, (step.inputs, step.units))
    if step.bias is not None:
        yield from array_problems(program, step.bias, np.float32, (step.units,))


def _conv_problems(program: Program, step: ConvStep) -> Iterator[str]:
    problems = list(_grid_problems(step))
    if not problems and (
        min(step.groups, step.channels, step.tap_count) < 1
        or step.channels % step.groups
        or step.units % step.groups
    ):
        problems.append("channels and units are not divided into whole groups")
    if problems:
        yield from problems
        return
    yield from _weight_problems(program, step)
    yield from _tap_problems(program, step, step.channels, step.tap_count)
    if step.added is not None:
        yield from same_rows(step.added, step.y)


def _depthwise_problems(program: Program, step: DepthwiseStep) -> Iterator[str]:
    problems = list(_grid_problems(step))
    if not problems and (step.multiplier < 1 or step.units % step.multiplier):
        problems.append(f"{step.units} units are no multiple of {step.multiplier}")
    if problems:
        yield from problems
        return
    yield from _weight_problems(program, step)
    yield from _tap_problems(program, step, step.units // step.multiplier, step.tap_count)


def _pool_problems(program: Program, step: PoolStep) -> Iterator[str]:
    problems = list(_grid_problems(step))
    if (step.counts is None) != (step.reduction is Reduction.MAXIMUM):
        problems.append("an average has counts, a maximum has none")
    if problems:
        yield from problems
        return
    positions = math.prod(step.sizes)
    yield from _tap_problems(program, step, step.y.rows // positions, None)
    if step.counts is not None:
        yield from array_problems(program, step.counts, np.float32, (positions,))


def _resample_problems(program: Program, step: ResampleStep) -> Iterator[str]:
    if min(step.outer, step.length, step.inner, step.count, step.terms) < 1:
        yield "an axis has at least one element"
        return
    for place, length in ((step.x, step.length), (step.y, step.count)):
        if step.outer * length * step.inner != place.rows:
            yield f"{step.outer} x {length} x {step.inner} elements in {place.rows} rows"
    shape = (step.count, step.terms)
    problems = list(array_problems(program, step.elements, np.uint32, shape))
    yield from problems
    if not problems and int(dense_array(program.constants[step.elements]).max()) >= step.length:
        yield f"an element of {step.elements!r} is not below {step.length}"
    yield from array_problems(program, step.weights, np.float32, shape)


def _move_problems(program: Program, step: MoveStep) -> Iterator[str]:
    array = program.constants.get(step.boxes)
    rows = array.shape[0] if array is not None and len(array.shape) == 2 else 0
    problems = list(array_problems(program, step.boxes, np.uint32, (rows, BOX_NUMBERS)))
    if step.x_rows > limits.MAX_BUFFER_ROWS:  # also where there is one channel
        problems.append(f"channels have at most {limits.MAX_BUFFER_ROWS} rows")
    if step.outer < 1 or step.x_rows < 0 or step.outer * step.y_rows != step.y.rows:
        problems.append(f"{step.y.rows} rows are not {step.outer} channels of {step.y_rows}")
    if problems:
        yield from problems
        return
    yield from _box_problems(step, dense_array(program.constants[step.boxes]).astype(np.int64))


def _box_problems(step: MoveStep, boxes: npt.NDArray[np.int64]) -> Iterator[str]:
    counts = boxes[:, 2::3]
    # Below this limit no sum of products of a count and a step leaves 64 bits.
    if boxes.size and (int(boxes.max()) > limits.MAX_BUFFER_ROWS or int(counts.min()) < 1):
        yield f"boxes have counts from 1 and numbers up to {limits.MAX_BUFFER_ROWS}"
        return
    x_limit = step.x.rows - (step.outer - 1) * step.x_rows
    for first, steps, limit in ((0, 3, x_limit), (1, 4, step.y_rows)):
        last = boxes[:, first] + ((counts - 1) * boxes[:, steps::3]).sum(axis=1)
        if boxes.size and int(last.max()) >= limit:
            yield f"a box has rows that are not below {limit}"
            return
    # In floating point first: it cannot wrap around. Whoever wrote a row twice could do so for ever.
    if counts.astype(np.float64).prod(axis=1).sum() > 2 * step.y_rows:
        yield f"boxes have more than {step.y_rows} rows"
        return
    sizes = counts.prod(axis=1)
    if int(sizes.sum()) > step.y_rows:
        yield f"boxes have more than {step.y_rows} rows"
    elif step.fill is None and not _covers(step.y_rows, boxes, sizes):
        yield "boxes do not cover a channel, and there is nothing to fill it with"


def _covers(rows: int, boxes: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> bool:
    """Return whether boxes, which lie in so many rows, cover each of them once; `sizes` are their numbers of rows."""
    if int(sizes.sum()) != rows:
        return False
    covered = np.zeros(rows, np.bool_)
    # Small boxes many at a time: there may be as many of them as rows.
    for box in boxes[sizes >= _LARGE_ROWS]:
        places = np.full(1, box[1])
        for count, step in zip(box[2::3], box[4::3], strict=True):
            places = (places[:, None] + np.arange(count) * step).reshape(-1)
        covered[places] = True
    small = np.flatnonzero(sizes < _LARGE_ROWS)
    ends = np.cumsum(sizes[small])
    first = 0
    while first < len(small):
        before = int(ends[first - 1]) if first else 0
        end = int(np.searchsorted(ends, before + 2 * _LARGE_ROWS))
        some = small[first:end]
        covered[_places(boxes[some], sizes[some])] = True
        first = end
    return bool(covered.all())


def _places(boxes: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the rows of the result that boxes have, box after box."""
    box = np.repeat(np.arange(len(boxes)), sizes)
    rest = np.arange(len(box)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    places: npt.NDArray[np.int64] = boxes[box, 1]
    for axis in reversed(range(BOX_AXES)):
        rest, place = np.divmod(rest, boxes[box, 2 + 3 * axis])
        places += place * boxes[box, 4 + 3 * axis]
    return places
