"""What must hold of the steps of tokens and attention; see `engine.core.program_check`.

Every row that a step reads or writes lies in its place: the farthest follows from counts and strides.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from engine.core import limits
from engine.core.attention_steps import (
    GROUP_AXES,
    AttentionStep,
    LookupStep,
    MaskedSoftmaxStep,
    ProductStep,
)
from engine.core.constant_check import array_problems, group_problems
from engine.core.places import Place
from engine.core.program import Program

# What float32 counts exactly.
MAX_TABLE_ROWS = 2**24


def attention_problems(program: Program, step: AttentionStep) -> Iterator[str]:
    """What is wrong with the sizes of a step; the places themselves lie in their buffers."""
    match step:
        case LookupStep():
            yield from _lookup_problems(program, step)
        case ProductStep():
            yield from _product_problems(step)
        case MaskedSoftmaxStep():
            yield from _softmax_problems(step)


def operations(step: AttentionStep) -> int:
    """Return the multiplications of a checked step for one sample, besides its rows."""
    return step.products if isinstance(step, ProductStep) else 0


def _lookup_problems(program: Program, step: LookupStep) -> Iterator[str]:
    if step.y.rows % step.x.rows:
        yield f"{step.y.rows} rows are no features of {step.x.rows} indices"
    elif not 1 <= step.table_rows <= MAX_TABLE_ROWS:
        yield f"a table has 1 to {MAX_TABLE_ROWS} rows"
    else:
        shape = (step.table_rows, step.features)
        yield from array_problems(program, step.table, np.float32, shape)


def _product_problems(step: ProductStep) -> Iterator[str]:
    tuples = (step.groups, step.a_groups, step.b_groups, step.y_groups)
    if any(len(numbers) != GROUP_AXES for numbers in tuples):
        yield f"groups have {GROUP_AXES} axes"
        return
    counts = (*step.groups, step.rows, step.terms, step.columns)
    strides = (*step.a_groups, *step.b_groups, *step.y_groups, step.a_row, step.a_term)
    strides = (*strides, step.b_term, step.y_row)
    if min(counts) < 1 or min(strides) < 0:
        yield "counts are at least 1, and strides at least 0"
    elif max(*counts, *strides) > limits.MAX_BUFFER_ROWS:
        yield f"counts and strides are at most {limits.MAX_BUFFER_ROWS}"
    elif not math.isfinite(step.scale):
        yield "the scale is not finite"
    else:
        a = (*_axes(step.groups, step.a_groups), (step.rows, step.a_row), (step.terms, step.a_term))
        b = (*_axes(step.groups, step.b_groups), (step.terms, step.b_term), (step.columns, 1))
        y = (*_axes(step.groups, step.y_groups), (step.rows, step.y_row), (step.columns, 1))
        yield from _outside("a", step.a, a)
        yield from _outside("b", step.b, b)
        yield from _not_each_once(step.y, y)


def _axes(counts: Sequence[int], strides: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple(zip(counts, strides, strict=True))


def _outside(name: str, place: Place, axes: Sequence[tuple[int, int]]) -> Iterator[str]:
    last = sum((count - 1) * stride for count, stride in axes)
    if last >= place.rows:
        yield f"row {last} of {name} is not below {place.rows}"


def _not_each_once(place: Place, axes: Sequence[tuple[int, int]]) -> Iterator[str]:
    """What is wrong where the axes do not go over all rows, each once: from the innermost on, each lies outside."""
    rows = 1
    for stride, count in sorted((stride, count) for count, stride in axes if count > 1):
        if stride != rows:
            yield "results do not lie side by side"
            return
        rows *= count
    if rows != place.rows:
        yield f"{rows} results for {place.rows} rows"


def _softmax_problems(step: MaskedSoftmaxStep) -> Iterator[str]:
    yield from group_problems(step.x, step.y, (step.outer, step.keys, step.queries))
    if min(step.ahead, step.back) < 0 or max(step.ahead, step.back) > limits.MAX_BUFFER_ROWS:
        yield f"distances are 0 to {limits.MAX_BUFFER_ROWS}"
    if step.mask_outer < 1 or step.outer % step.mask_outer:
        yield f"{step.mask_outer} masks for {step.outer} groups"
    elif step.mask is not None:
        rows = step.mask_outer * step.keys * step.queries
        if step.mask.rows != rows:
            yield f"{step.mask.rows} rows of a mask of {rows}"
