"""Splitting a layer with weights into parts that threads compute at the same time.

A part is a range of the layer's outputs. It is a layer of its own, packed for the same kernel, that
writes its rows of the whole layer's result. One thread may run all parts one after another: the same code
works on the same data, so results do not depend on how many threads there are.

Only layers that are applied once to a sample are split this way: rows of a part must lie side by side.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.layers import ConvLayer, DenseLayer, DepthwiseLayer, WeightedLayer
from engine.core.steps import (
    ConvStep,
    DenseStep,
    DepthwiseStep,
    Place,
    WeightedStep,
)
from engine.kernels.estimate import layer_size

# Boundaries between parts are multiples of this: whole vectors of every level, whole cache lines of y.
ROW_STEP = 16
# What a row costs besides its non-zeros (start values, activation, store), in non-zeros.
_ROW_COST = 4


def split_rows(kernel: FloatArray, parts: int) -> tuple[range, ...]:
    """Cut a layer's outputs into ranges with about as many non-zeros each.

    Args:
        kernel: float32[...][units].
        parts: number of parts that are wanted; at least 1. There are fewer where the layer is too narrow.

    Returns:
        Ranges that are not empty and follow each other from 0 to `units`.
    """
    return _cut(np.count_nonzero(kernel.reshape(-1, kernel.shape[-1]), axis=0), parts)


def split_evenly(units: int, parts: int) -> tuple[range, ...]:
    """Cut so many outputs, whose zeros are not skipped, into ranges; as `split_rows` does."""
    return _cut(np.zeros(units, np.int64), parts)


def _cut(weights: npt.NDArray[np.int64], parts: int) -> tuple[range, ...]:
    """Ranges of outputs with so many weights each."""
    units = len(weights)
    ends = [*range(ROW_STEP, units, ROW_STEP), units]
    costs = np.cumsum(weights + _ROW_COST)[np.array(ends) - 1]
    bounds = [0]
    for part in range(1, parts):
        wanted = costs[-1] * part / parts
        bound = ends[int(np.argmin(np.abs(costs - wanted)))]
        if bounds[-1] < bound < units:
            bounds.append(bound)
    bounds.append(units)
    return tuple(range(*pair) for pair in itertools.pairwise(bounds))


def whole(units: int) -> tuple[range, ...]:
    """Return a layer in one part."""
    return (range(units),)


def are_parts(parts: Sequence[range], units: int) -> bool:
    """Return whether ranges are parts of a layer: none is empty, and they follow each other in whole steps."""
    bounds = [0, *(part.stop for part in parts)]
    return (
        bounds[-1] == units
        and all(part.step == 1 and len(part) > 0 for part in parts)
        and [part.start for part in parts] == bounds[:-1]
        and all(bound % ROW_STEP == 0 for bound in bounds[:-1])
    )


def part_layer(layer: WeightedLayer, rows: range) -> WeightedLayer:
    """Return the layer of some of the outputs; the layer itself where they are all of them.

    The kernel of a part is a view, not contiguous. A part is added up as the whole layer
    would be, by its density.
    """
    if len(rows) == layer.units:
        return layer
    place = slice(rows.start, rows.stop)
    bias = None if layer.bias is None else layer.bias[place]
    density = layer_size(layer).density if layer.density is None else layer.density
    kernel = layer.kernel[:, place]
    match layer:
        case DenseLayer() | ConvLayer() | DepthwiseLayer():
            return replace(layer, kernel=kernel, bias=bias, nonzeros=None, density=density)
        case _:
            assert_never(layer)


def part_step(step: WeightedStep, rows: range) -> WeightedStep:
    """Return the step that computes some of the outputs of one that may be split.

    Its number of non-zeros stays that of the whole step.
    """
    if len(rows) == step.units:
        return step
    match step:
        case DenseStep():
            return replace(step, y=step.y.part(rows.start, len(rows)))
        case ConvStep():
            y = _channels(step.y, rows, step.positions)
            added = None if step.added is None else _channels(step.added, rows, step.positions)
            return replace(step, y=y, added=added)
        case DepthwiseStep():
            x = _channels(step.x, rows, step.channel_rows)
            return replace(step, x=x, y=_channels(step.y, rows, step.positions))
        case _:
            assert_never(step)


def _channels(place: Place, numbers: range, rows: int) -> Place:
    """Return some channels of a value, each of so many rows."""
    return place.part(numbers.start * rows, len(numbers) * rows)


def may_split(shape: WeightedLayer | WeightedStep) -> bool:
    """Return whether a layer may have several parts: the rows of each must lie side by side."""
    match shape:
        case DenseLayer() | DenseStep():
            return shape.positions == 1
        case ConvLayer() | ConvStep():
            return shape.groups == 1
        case DepthwiseLayer() | DepthwiseStep():
            return shape.multiplier == 1
        case _:
            assert_never(shape)


def first_row(layer: WeightedLayer, rows: range) -> int:
    """Return the row of the whole result that a part begins with."""
    match layer:
        case DenseLayer():
            return rows.start
        case ConvLayer() | DepthwiseLayer():
            return rows.start * layer.positions
        case _:
            assert_never(layer)
