"""Lowering of general ops: parts of values, new axes, functions of two values, selection, constants, folds.

Each works in the form in which its input lies; axes are looked at in the order in which they lie there: the channels
come first for a value in channels.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.core.errors import UnsupportedModelError
from engine.core.functions import ElementFunction, FusedActivation
from engine.core.general_steps import (
    BinaryFunction,
    BinaryStep,
    ConstantStep,
    Fold,
    FoldStep,
    Scan,
    ScanStep,
    SelectStep,
)
from engine.core.steps import ElementStep, Place
from engine.passes.lower_rows import lower_reshape
from engine.passes.lowering import InChannels, Lowering, Lowerings, Result, place_of, with_place
from graph.element_ops import Binary, Cast, Constant, Select
from graph.graph import Node
from graph.op import Op
from graph.reduction_ops import ArgReduce, Cumulative, Reduce, ReduceKind
from graph.slice_ops import BroadcastTo, ExpandDims, Gather, Slice, Squeeze
from graph.tensor_type import DType, normalize_axis

Shape = tuple[int, ...]
Counts = tuple[int, int, int]

_FOLDS = {
    ReduceKind.SUM: Fold.SUM,
    ReduceKind.MEAN: Fold.MEAN,
    ReduceKind.PROD: Fold.PRODUCT,
    ReduceKind.MAX: Fold.MAXIMUM,
    ReduceKind.MIN: Fold.MINIMUM,
    ReduceKind.VARIANCE: Fold.VARIANCE,
    ReduceKind.LOGSUMEXP: Fold.LOGSUMEXP,
    # Truth values are 0 and 1.
    ReduceKind.ANY: Fold.MAXIMUM,
    ReduceKind.ALL: Fold.MINIMUM,
}


def lower_slice(to: Lowering, node: Node, op: Slice | Gather) -> Result:
    """Return a name for rows that lie side by side, and copies of others."""
    value = node.inputs[0]
    x = to.as_it_lies(value)
    shape = to.shape(value)
    order = _order(x, len(shape))
    rows = np.arange(math.prod(shape), dtype=np.uint32).reshape([shape[axis] for axis in order])
    if isinstance(op, Slice):
        places = slice(op.start, op.stop, op.step)
        numbers = np.arange(shape[normalize_axis(op.axis, len(shape) + 1) - 1])[places]
    else:
        numbers = np.array(op.indices)
    taken = rows.take(numbers, axis=order.index(normalize_axis(op.axis, len(shape) + 1) - 1))
    return with_place(x, _taken(to, node, place_of(x), taken.reshape(-1)))


def _taken(to: Lowering, node: Node, x: Place, rows: npt.NDArray[np.uint32]) -> Place:
    """Return rows by number: the place itself where they lie side by side."""
    first = int(rows[0])
    if np.array_equal(rows, np.arange(first, first + rows.size, dtype=np.uint32)):
        return x.part(first, rows.size)
    return to.copy(node.name, x, rows)


def lower_broadcast_to(to: Lowering, node: Node, op: Op) -> Result:
    """Repeat rows."""
    del op
    value, shape = node.inputs[0], to.shape(node.name)
    x = to.as_it_lies(value) if len(shape) == len(to.shape(value)) else to.row_major(value)
    order = _order(x, len(shape))
    return with_place(x, _whole(to, node, value, x, _ordered(shape, order)))


def lower_cast(to: Lowering, node: Node, op: Cast) -> Result:
    """Return the value itself as a floating type, without its fraction as an integer, else whether it is not 0."""
    x = to.as_it_lies(node.inputs[0])
    if op.dtype is DType.BOOL:
        zero = _constant(to, f"{node.name}/zero", np.zeros(1, np.float32))
        y = to.result(node)
        function = BinaryFunction.NOT_EQUAL
        to.steps.append(BinaryStep(function, place_of(x), zero, y, 1, 1, y.rows, swapped=False))
        return with_place(x, y)
    if op.dtype.numpy.kind == "f" or to.types[node.inputs[0]].dtype is DType.BOOL:
        return x
    y = to.result(node)
    to.steps.append(ElementStep(place_of(x), y, ElementFunction(FusedActivation.TRUNC)))
    return with_place(x, y)


def lower_constant(to: Lowering, node: Node, op: Constant) -> Place:
    """Write the numbers for every sample."""
    del op
    return _constant(to, node.weights[0], to.weight_array(node.weights[0]).reshape(-1))


def _constant(to: Lowering, name: str, numbers: npt.NDArray[np.float32]) -> Place:
    y = to.new_buffer(numbers.size)
    to.steps.append(ConstantStep(y, to.constant(f"{name}/rows", numbers)))
    return y


def lower_binary(to: Lowering, node: Node, op: Binary) -> Result:
    """Return a function of two values."""
    return binary(to, node, BinaryFunction(op.function.value))


def binary(to: Lowering, node: Node, function: BinaryFunction) -> Result:
    """Add a function of the node's two values; one of them may be repeated as it is read."""
    shape = to.shape(node.name)
    form, order = _common_form(to, node, shape)
    wanted = _ordered(shape, order)
    places = [_place(to, value, form) for value in node.inputs]
    spreads = [_spread(_padded(to, value, shape, order), wanted) for value in node.inputs]
    # The operand that is read whole comes first in the step.
    swapped = spreads[0] is not None and (1, math.prod(wanted), 1) != spreads[0]
    whole = 1 if swapped else 0
    a = _whole(to, node, node.inputs[whole], with_place(form, places[whole]), wanted)
    counts, b = spreads[1 - whole], places[1 - whole]
    if counts is None:
        b = _whole(to, node, node.inputs[1 - whole], with_place(form, b), wanted)
        counts = (1, math.prod(wanted), 1)
    y = to.result(node)
    to.steps.append(BinaryStep(function, a, b, y, *counts, swapped=swapped))
    return with_place(form, y)


def lower_select(to: Lowering, node: Node, op: Op) -> Result:
    """Return elements of one of two values; what broadcasts is repeated first."""
    del op
    shape = to.shape(node.name)
    form, order = _common_form(to, node, shape)
    wanted = _ordered(shape, order)
    condition, a, b = (
        _whole(to, node, value, with_place(form, _place(to, value, form)), wanted)
        for value in node.inputs
    )
    y = to.result(node)
    to.steps.append(SelectStep(condition, a, b, y))
    return with_place(form, y)


def _common_form(to: Lowering, node: Node, shape: Shape) -> tuple[Result, list[int]]:
    """Return the form in which all values are read, with a place of no meaning, and the order of the axes in it."""
    same = all(len(to.shape(value)) == len(shape) for value in node.inputs)
    in_channels = same and to.lies_in_channels(*node.inputs)
    form: Result = InChannels(Place(0, 0, 1)) if in_channels else Place(0, 0, 1)
    return form, _order(form, len(shape))


def _place(to: Lowering, value: str, form: Result) -> Place:
    return to.in_channels(value) if isinstance(form, InChannels) else to.row_major(value)


def _order(form: Result, rank: int) -> list[int]:
    """Return the axes of a sample in the order in which they lie."""
    if isinstance(form, InChannels):
        return [rank - 1, *range(rank - 1)]
    return list(range(rank))


def _ordered(shape: Shape, order: Sequence[int]) -> Shape:
    return tuple(shape[axis] for axis in order)


def _padded(to: Lowering, value: str, shape: Shape, order: Sequence[int]) -> Shape:
    """Return the sample shape of a value with axes of length 1 before it, in the order in which they lie."""
    own = to.shape(value)
    return _ordered((1,) * (len(shape) - len(own)) + own, order)


def _whole(to: Lowering, node: Node, value: str, x: Result, wanted: Shape) -> Place:
    """Return a value with as many rows as its broadcast shape, both in the order in which they lie."""
    place = place_of(x)
    if place.rows == math.prod(wanted):
        return place
    order = _order(x, len(wanted))
    ranks = [0] * len(wanted)
    for at, axis in enumerate(order):
        ranks[axis] = wanted[at]
    own = _padded(to, value, tuple(ranks), order)
    rows = np.arange(place.rows, dtype=np.uint32).reshape(own)
    return to.copy(f"{node.name}/{value}", place, np.broadcast_to(rows, wanted))


def _spread(own: Shape, wanted: Shape) -> Counts | None:
    """Return how often a value is repeated as a whole, its rows, and how often each is repeated; None otherwise."""
    told = [axis for axis, length in enumerate(own) if length > 1]
    if not told:
        return (1, 1, math.prod(wanted))
    first, end = told[0], told[-1] + 1
    if own[first:end] != wanted[first:end]:
        return None
    return (math.prod(wanted[:first]), math.prod(own), math.prod(wanted[end:]))


def lower_reduce(to: Lowering, node: Node, op: Reduce) -> Result:
    """Fold neighbouring axes; others are brought to the end first."""
    return _folded(to, node, _FOLDS[op.kind], [axis - 1 for axis in op.axes])


def lower_arg_reduce(to: Lowering, node: Node, op: ArgReduce) -> Result:
    """Fold one axis to the place of its extreme."""
    axis = normalize_axis(op.axis, len(to.shape(node.inputs[0])) + 1) - 1
    return _folded(to, node, Fold.ARGMAX if op.is_max else Fold.ARGMIN, [axis])


def _folded(to: Lowering, node: Node, fold: Fold, axes: Sequence[int]) -> Result:
    value = node.inputs[0]
    form, shape = to.as_it_lies(value), to.shape(value)
    order = _order(form, len(shape))
    x, lengths = place_of(form), _ordered(shape, order)
    places = sorted(order.index(axis) for axis in axes)
    if places != list(range(places[0], places[-1] + 1)):
        kept = [place for place in range(len(lengths)) if place not in places]
        rows = np.arange(x.rows, dtype=np.uint32).reshape(lengths).transpose([*kept, *places])
        x, lengths = to.copy(f"{node.name}/in", x, rows), tuple(rows.shape)
        places = list(range(len(kept), len(lengths)))
    first, end = places[0], places[-1] + 1
    counts = (
        math.prod(lengths[:first]),
        math.prod(lengths[first:end]),
        math.prod(lengths[end:]),
    )
    y = to.result(node)
    to.steps.append(FoldStep(fold, x, y, *counts))
    # Without its channels a value has one order only; with them they still come first.
    return y if len(shape) - 1 in axes else with_place(form, y)


def lower_cumulative(to: Lowering, node: Node, op: Cumulative) -> Result:
    """Run along one axis."""
    form, shape = to.as_it_lies(node.inputs[0]), to.shape(node.inputs[0])
    order = _order(form, len(shape))
    lengths = _ordered(shape, order)
    place = order.index(normalize_axis(op.axis, len(shape) + 1) - 1)
    x, y = place_of(form), to.result(node)
    counts = (math.prod(lengths[:place]), lengths[place], math.prod(lengths[place + 1 :]))
    scan = {"sum": Scan.SUM, "prod": Scan.PRODUCT}.get(op.kind.value)
    if scan is None:
        raise UnsupportedModelError(f"there is no kernel for running {op.kind.value}")
    to.steps.append(ScanStep(scan, x, y, *counts))
    return with_place(form, y)


LOWERINGS: Lowerings = {
    Slice: lower_slice,
    Gather: lower_slice,
    ExpandDims: lower_reshape,
    Squeeze: lower_reshape,
    BroadcastTo: lower_broadcast_to,
    Cast: lower_cast,
    Constant: lower_constant,
    Binary: lower_binary,
    Select: lower_select,
    Reduce: lower_reduce,
    ArgReduce: lower_arg_reduce,
    Cumulative: lower_cumulative,
}
