"""Splitting a layer with weights into parts that threads compute at the same time.

A part is a range of the layer's outputs, or of its positions. A range of outputs is a layer of its own, packed for the
same kernel, that writes its rows of the whole layer's result; they must lie side by side. A range of positions is the
whole packed layer with the blocks of positions that begin in it: every part reads all weights, but only its share of
the input. One thread may run all parts one after another: the same code works on the same data, so results do not
depend on how many threads there are.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple, assert_never

import numpy as np
import numpy.typing as npt

from engine.core.arrays import ALIGNMENT_BYTES, FloatArray, aligned
from engine.core.layers import (
    ConvLayer,
    DenseLayer,
    DepthwiseLayer,
    RecurrentLayer,
    WeightedLayer,
)
from engine.core.recurrent_steps import BLOCK_UNITS, MaskedOutput, SequenceResult
from engine.core.steps import (
    ConvStep,
    DenseStep,
    DepthwiseStep,
    Place,
    RecurrentStep,
    WeightedStep,
)
from engine.kernels.abi import PackedLayer
from engine.kernels.estimate import layer_size
from engine.kernels.position_blocks import blocks_of

# Boundaries between parts are multiples of this: whole vectors of every level, whole cache lines of y.
ROW_STEP = 16
# A layer is split by positions where each part has so many elements of a channel, samples of a tile counted: full
# registers. With fewer, by outputs.
_PART_ELEMENTS = 256
# Steps of time for which threads may share the units of a recurrent layer: tables grow with them.
_MOST_SHARED_TIMES = 2048
# What a row costs besides its non-zeros (start values, activation, store), in non-zeros.
_ROW_COST = 4


class SplitAxis(StrEnum):
    """What the parts of a layer are ranges of."""

    UNITS = "units"
    POSITIONS = "positions"


class Split(NamedTuple):
    """The parts of a layer: ranges that follow each other."""

    axis: SplitAxis
    parts: tuple[range, ...]


def split_rows(kernel: FloatArray, parts: int) -> tuple[range, ...]:
    """Cut a layer's outputs into ranges with about as many non-zeros each.

    Args:
        kernel: float32[...][units].
        parts: number of parts that are wanted; at least 1. There are fewer where the layer is too narrow.

    Returns:
        Ranges that are not empty and follow each other from 0 to `units`.
    """
    counts = np.count_nonzero(kernel.reshape(-1, kernel.shape[-1]), axis=0)
    return _cut(counts, parts, ROW_STEP)


def split_evenly(units: int, parts: int) -> tuple[range, ...]:
    """Cut so many outputs, whose zeros are not skipped, into ranges; as `split_rows` does."""
    return _cut(np.zeros(units, np.int64), parts, ROW_STEP)


def _cut(weights: npt.NDArray[np.int64], parts: int, step: int) -> tuple[range, ...]:
    """Ranges of outputs with so many weights each, from multiples of `step` on."""
    units = len(weights)
    ends = [*range(step, units, step), units]
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


def are_parts(parts: Sequence[range], units: int, step: int = ROW_STEP) -> bool:
    """Return whether ranges are parts of a layer: none is empty, and they follow each other in whole steps."""
    bounds = [0, *(part.stop for part in parts)]
    return (
        bounds[-1] == units
        and all(part.step == 1 and len(part) > 0 for part in parts)
        and [part.start for part in parts] == bounds[:-1]
        and all(bound % step == 0 for bound in bounds[:-1])
    )


def are_positions(parts: Sequence[range], positions: int) -> bool:
    """Return whether ranges are parts of a layer by positions: none is empty, and they follow each other."""
    bounds = [0, *(part.stop for part in parts)]
    return (
        bounds[-1] == positions
        and all(part.step == 1 and len(part) > 0 for part in parts)
        and [part.start for part in parts] == bounds[:-1]
    )


def packed_parts(
    pack: Callable[[WeightedLayer], PackedLayer], layer: WeightedLayer, split: Split, lanes: int
) -> tuple[PackedLayer, ...]:
    """Return the parts of a layer in the format of a kernel, every array on a 64-byte boundary."""
    if split.axis is SplitAxis.UNITS:
        return tuple(aligned_layer(pack(part_layer(layer, rows))) for rows in split.parts)
    packed = aligned_layer(pack(layer))
    found = []
    for positions in split.parts:
        first, count = blocks_of(packed.constants["table"], positions, lanes)
        ints = {**packed.ints, "first_block": first, "blocks": count}
        found.append(replace(packed, ints=ints))
    return tuple(found)


def aligned_layer(packed: PackedLayer) -> PackedLayer:
    """Return the same layer with every array on a 64-byte boundary, so that loading it copies nothing."""
    constants = {
        name: array if array.ctypes.data % ALIGNMENT_BYTES == 0 else aligned(array)
        for name, array in packed.constants.items()
    }
    shaped = {name: constants[name].reshape(a.shape) for name, a in packed.constants.items()}
    return replace(packed, constants=shaped)


def part_layer(layer: WeightedLayer, rows: range) -> WeightedLayer:
    """Return the layer of some of the outputs; the layer itself where they are all of them.

    The kernel of a part is a view, not contiguous. A part is added up as the whole layer
    would be, by its density. Of a recurrent layer it is the product with some columns.
    """
    if isinstance(layer, RecurrentLayer):
        layer = layer.product
    if len(rows) == layer.units:
        return layer
    place = slice(rows.start, rows.stop)
    bias = None if layer.bias is None else layer.bias[place]
    density = layer_size(layer).density if layer.density is None else layer.density
    kernel = layer.kernel[:, place]
    if isinstance(layer, ConvLayer) and layer.forms is not None:
        layer = replace(layer, forms=layer.forms.part(rows))
    match layer:
        case DenseLayer() | ConvLayer() | DepthwiseLayer():
            return replace(layer, kernel=kernel, bias=bias, nonzeros=None, density=density)
        case _:
            assert_never(layer)


def part_step(step: WeightedStep, rows: range, axis: SplitAxis = SplitAxis.UNITS) -> WeightedStep:
    """Return the step that computes one part of one that may be split.

    Its number of non-zeros stays that of the whole step. A part by positions works on the places of the whole one.
    Of a recurrent step it is the product with some columns, in no buffer.
    """
    if isinstance(step, RecurrentStep):
        step = product_step(step)
    if axis is SplitAxis.POSITIONS or len(rows) == step.units:
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


def product_step(step: RecurrentStep) -> DenseStep:
    """Return the product inside of a recurrent step, in no buffer."""
    return DenseStep(
        step.name,
        Place(-1, 0, step.inputs),
        Place(-1, 0, step.units),
        step.kernel,
        step.bias,
        1,
        step.nonzeros,
        step.function,
    )


def _channels(place: Place, numbers: range, rows: int) -> Place:
    """Return some channels of a value, each of so many rows."""
    return place.part(numbers.start * rows, len(numbers) * rows)


def split_axes(shape: WeightedLayer | WeightedStep) -> tuple[SplitAxis, ...]:
    """Return the axes by which a layer may have several parts: the rows of each unit must lie side by side."""
    match shape:
        case DenseLayer() | DenseStep():
            return (SplitAxis.UNITS,) if shape.positions == 1 else ()
        case RecurrentLayer():
            return (SplitAxis.UNITS,) if may_share_units(shape.products, shape.times) else ()
        case RecurrentStep():
            return (SplitAxis.UNITS,) if may_share_units(shape.cell.products, shape.times) else ()
        case ConvLayer() | ConvStep():
            by_units = shape.groups == 1
        case DepthwiseLayer() | DepthwiseStep():
            by_units = shape.multiplier == 1
        case _:
            assert_never(shape)
    return (SplitAxis.POSITIONS, SplitAxis.UNITS) if by_units else (SplitAxis.POSITIONS,)


def split_layer(layer: WeightedLayer, count: int, lanes: int, *, sparse: bool) -> Split:
    """Return so many parts of a layer that take about as long as each other, if it is large enough.

    Args:
        layer: the layer to split.
        count: number of parts that are wanted.
        lanes: samples per tile.
        sparse: whether its zeros cost nothing.
    """
    axes = split_axes(layer)
    if isinstance(layer, RecurrentLayer):
        return _split_recurrent(layer, count if axes else 1, sparse=sparse)
    if count < 2 or not axes:
        return Split(SplitAxis.UNITS, whole(layer.units))
    elements = layer.positions * lanes // count
    if isinstance(layer, DepthwiseLayer) and SplitAxis.UNITS in axes:
        # Channels do not meet, and whole ones need no move before them (`engine.planning.staged_windows`).
        by_units = split_evenly(layer.units, count)
        if len(by_units) == count:
            return Split(SplitAxis.UNITS, by_units)
    if SplitAxis.POSITIONS in axes and (elements >= _PART_ELEMENTS or len(axes) == 1):
        count = min(count, layer.positions)
        bounds = [layer.positions * part // count for part in range(count + 1)]
        return Split(
            SplitAxis.POSITIONS, tuple(range(*pair) for pair in itertools.pairwise(bounds))
        )
    parts = split_rows(layer.kernel, count) if sparse else split_evenly(layer.units, count)
    return Split(SplitAxis.UNITS, parts)


def without_time(step: RecurrentStep) -> RecurrentStep:
    """Return a step in no buffer whose product, and whose parts, are those of another one, for one step of time.

    Or for as many as need another rule for parts.
    """
    times = 1 if step.times <= _MOST_SHARED_TIMES else _MOST_SHARED_TIMES + 1
    return replace(
        step,
        x=Place(-1, 0, times * step.units),
        y=Place(-1, 0, step.hidden),
        times=times,
        backwards=False,
        result=SequenceResult.LAST,
        masked=MaskedOutput.NONE,
        mask=None,
        initial=(),
        scratch=Place(-1, 0, 0),
    )


def split_units(layer: WeightedLayer, count: int) -> tuple[range, ...]:
    """Return so many ranges of a layer's outputs, or fewer, with about as many non-zeros each."""
    if isinstance(layer, RecurrentLayer):
        return _split_recurrent(layer, count, sparse=True).parts
    return split_rows(layer.kernel, count)


def may_share_units(products: Sequence[int], times: int) -> bool:
    """Return whether threads may share the units of a recurrent layer: one call for each step of time and thread."""
    return len(products) == 1 and times <= _MOST_SHARED_TIMES


def _split_recurrent(layer: RecurrentLayer, count: int, *, sparse: bool) -> Split:
    """Return parts of whole blocks of units; of a layer with two products, the products."""
    if len(layer.products) > 1:
        ends = itertools.accumulate(layer.products, initial=0)
        return Split(SplitAxis.UNITS, tuple(range(*pair) for pair in itertools.pairwise(ends)))
    counts = np.count_nonzero(layer.kernel, axis=0) if sparse else np.zeros(layer.units, np.int64)
    return Split(SplitAxis.UNITS, _cut(counts, count, layer.part_columns))


def is_split(split: Split, step: WeightedStep) -> bool:
    """Return whether a step may be split so: along an axis of it, in parts that follow each other to its end."""
    axis, parts = split
    if isinstance(step, RecurrentStep) and len(step.cell.products) > 1:
        ends = [*itertools.accumulate(gates * step.hidden for gates in step.cell.products)]
        return axis is SplitAxis.UNITS and [part.stop for part in parts] == ends
    if axis not in split_axes(step) and (axis is SplitAxis.POSITIONS or len(parts) > 1):
        return False
    if axis is SplitAxis.POSITIONS:
        return are_positions(parts, step.positions)
    block = step.cell.gates * BLOCK_UNITS if isinstance(step, RecurrentStep) else ROW_STEP
    return are_parts(parts, step.units, block)


def first_row(layer: WeightedLayer, rows: range, axis: SplitAxis) -> int:
    """Return the row of the whole result that the places of a part begin with."""
    if axis is SplitAxis.POSITIONS:
        return 0
    match layer:
        case DenseLayer() | RecurrentLayer():
            return rows.start
        case ConvLayer() | DepthwiseLayer():
            return rows.start * layer.positions
        case _:
            assert_never(layer)
