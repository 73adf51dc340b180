"""Splitting steps of tokens and attention into parts: by indices, by groups, or by rows of a product."""

from dataclasses import replace

from engine.core.attention_steps import (
    AttentionStep,
    LookupStep,
    MaskedSoftmaxStep,
    ProductStep,
)
from engine.planning.part_ranges import part_ranges

# Multiplications that take about as long as one number that is moved.
_PRODUCTS = 8


def split_attention(step: AttentionStep, lanes: int, threads: int) -> tuple[AttentionStep, ...]:
    """Return the parts of a step, one for each thread or fewer; see `engine.planning.step_parts`."""
    match step:
        case LookupStep():
            return tuple(
                replace(
                    step,
                    x=step.x.part(part.start, len(part)),
                    y=step.y.part(part.start * step.features, len(part) * step.features),
                )
                for part in part_ranges(step.x.rows, step.y.rows * lanes, threads)
            )
        case ProductStep():
            return _product_parts(step, lanes, threads)
        case MaskedSoftmaxStep():
            return _softmax_parts(step, lanes, threads)


def _product_parts(step: ProductStep, lanes: int, threads: int) -> tuple[AttentionStep, ...]:
    """Split the outermost axis of the results, so that those of a part lie side by side."""
    strides = (*step.y_groups, step.y_row)
    counts = (*step.groups, step.rows)
    axis = max(range(len(counts)), key=lambda place: (counts[place] > 1, strides[place]))
    is_outermost = counts[axis] * strides[axis] == step.y.rows
    units = counts[axis] if is_outermost else 1
    parts = part_ranges(units, step.products // _PRODUCTS * lanes, threads)
    if len(parts) == 1:
        return (step,)
    return tuple(_product_part(step, axis, part) for part in parts)


def _product_part(step: ProductStep, axis: int, part: range) -> ProductStep:
    strides = (*step.y_groups, step.y_row)
    counts = [*step.groups, step.rows]
    first = [
        part.start * both[axis]
        for both in ((*step.a_groups, step.a_row), (*step.b_groups, 0), strides)
    ]
    a, b = (
        place.part(skipped, place.rows - skipped)
        for place, skipped in zip((step.a, step.b), first[:2], strict=True)
    )
    y = step.y.part(first[2], len(part) * strides[axis])
    counts[axis] = len(part)
    return replace(step, a=a, b=b, y=y, groups=tuple(counts[:-1]), rows=counts[-1])


def _softmax_parts(step: MaskedSoftmaxStep, lanes: int, threads: int) -> tuple[AttentionStep, ...]:
    """Split groups, together with those that share a mask."""
    units = step.mask_outer if step.mask_outer > 1 else step.outer
    groups, masks = step.outer // units, step.mask_outer // units
    matrix = step.keys * step.queries
    return tuple(
        replace(
            step,
            x=step.x.part(part.start * groups * matrix, len(part) * groups * matrix),
            y=step.y.part(part.start * groups * matrix, len(part) * groups * matrix),
            mask=step.mask.part(part.start * masks * matrix, len(part) * masks * matrix)
            if step.mask is not None and masks
            else step.mask,
            outer=len(part) * groups,
            mask_outer=max(1, len(part) * masks),
        )
        for part in part_ranges(units, step.y.rows * lanes, threads)
    )
