"""Operations that take parts of values, join them, or give them other axes."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from graph import limits as bounds
from graph.keras.draft import KerasTensor, Tensors
from graph.keras.operands import TensorPlace
from graph.keras.operation import Operation
from graph.shape_ops import Concatenate, Permute, Reshape
from graph.slice_ops import BroadcastTo, ExpandDims, Gather, Slice, Squeeze
from graph.tensor_type import DType

Lowering = Callable[[Operation], str | Tensors]


def _identity(operation: Operation) -> str:
    return operation.value("x")


def _reshape(operation: Operation) -> str:
    value = operation.value("x")
    target = operation.wholes("newshape")
    sample = operation.type(value).static_sample_shape
    total = math.prod(sample)
    if not target or len(target) > bounds.MAX_RANK or any(n < 1 for n in target if n != -1):
        raise operation.refuse("newshape", "the batch, then positive lengths and -1 at most once")
    rest = target[1:]
    if target[0] != -1:
        raise operation.refuse("newshape", "-1 in the place of the batch")
    if -1 in rest:
        if rest.count(-1) > 1:
            raise operation.refuse("newshape", "-1 at most once besides the batch")
        known = -math.prod(rest)
        rest[rest.index(-1)] = max(1, total // max(known, 1))
    return operation.moved(Reshape(tuple(rest)), value)


def _transpose(operation: Operation) -> str:
    value = operation.value("x")
    rank = operation.type(value).rank
    axes = operation.wholes("axes") if operation.has("axes") else list(range(rank))[::-1]
    return _permuted(operation, value, axes, "axes")


def _permuted(operation: Operation, value: str, axes: Sequence[int], name: str) -> str:
    rank = operation.type(value).rank
    places = [axis % rank for axis in axes if -rank <= axis < rank]
    if sorted(places) != list(range(rank)) or places[0] != 0:
        raise operation.refuse(name, "all axes in another order, the batch first")
    return operation.moved(Permute(tuple(places[1:])), value)


def _swapaxes(operation: Operation) -> str:
    value = operation.value("x")
    rank = operation.type(value).rank
    order = list(range(rank))
    first, second = operation.axis("axis1", rank), operation.axis("axis2", rank)
    order[first], order[second] = order[second], order[first]
    return _permuted(operation, value, order, "axis1")


def _moveaxis(operation: Operation) -> str:
    value = operation.value("x")
    rank = operation.type(value).rank
    sources, targets = operation.wholes("source"), operation.wholes("destination")
    both = [*sources, *targets]
    if len(sources) != len(targets) or any(not -rank <= axis < rank for axis in both):
        raise operation.refuse("source", "as many axes as destinations")
    kept = [axis for axis in range(rank) if axis not in [source % rank for source in sources]]
    places = sorted(zip([to % rank for to in targets], sources, strict=True))
    for place, source in places:
        kept.insert(place, source % rank)
    return _permuted(operation, value, kept, "source")


def _expand_dims(operation: Operation) -> str:
    value = operation.value("x")
    given = operation.wholes("axis")
    rank = operation.type(value).rank + len(given)
    axes = sorted(axis % rank for axis in given if -rank <= axis < rank)
    if not axes or len(set(axes)) != len(given) or axes[0] == 0:
        raise operation.refuse("axis", f"axes from 1 to {rank - 1}; axis 0 is the batch")
    return operation.moved(ExpandDims(tuple(axes)), value)


def _squeeze(operation: Operation) -> str:
    value = operation.value("x")
    shape = operation.type(value).shape
    if operation.has("axis") and operation.operands.get("axis") != ():
        axes = operation.axes("axis", len(shape))
    else:
        axes = tuple(axis for axis, length in enumerate(shape) if length == 1)
    return operation.moved(Squeeze(axes), value) if axes else value


def _common_kind(operation: Operation, values: Sequence[str]) -> DType:
    kinds = {operation.kind(value) for value in values}
    return kinds.pop() if len(kinds) == 1 else operation.arithmetic_kind(*values)


def _listed(operation: Operation) -> list[str]:
    """Return the values of a list in which arrays stand for constants of the other values' shape but for the batch."""
    operand = operation.operands.get("xs")
    items = operand if isinstance(operand, tuple) else (operand,)
    tensors = [operation.site.inputs[x.number] for x in items if isinstance(x, TensorPlace)]
    if not tensors or len(tensors) != len(items):
        raise operation.refuse("xs", "a list of tensors")
    return tensors


def _concatenate(operation: Operation) -> str:
    values = _listed(operation)
    axis = operation.axis("axis", operation.type(values[0]).rank, 0)
    return operation.add(Concatenate(axis), values, _common_kind(operation, values))


def _stack(operation: Operation) -> str:
    values = _listed(operation)
    axis = operation.axis("axis", operation.type(values[0]).rank + 1, 0)
    stacked = [operation.moved(ExpandDims((axis,)), one, "expanded") for one in values]
    return operation.add(Concatenate(axis), stacked, _common_kind(operation, values))


def _hstack(operation: Operation) -> str:
    values = _listed(operation)
    if operation.type(values[0]).rank < 2:
        raise operation.refuse("xs", "tensors with an axis besides the batch")
    return operation.add(Concatenate(1), values, _common_kind(operation, values))


def _made(values: Sequence[str]) -> Tensors:
    return tuple(KerasTensor(value) for value in values)


def _split(operation: Operation) -> Tensors:
    value = operation.value("x")
    shape = operation.type(value).shape
    axis = operation.axis("axis", len(shape), 0)
    length = shape[axis]
    if length is None:
        raise operation.refuse("axis", "an axis of known length")
    places = _split_places(operation, length)
    pairs = zip([0, *places], [*places, length], strict=True)
    return _made([operation.moved(Slice(axis, a, b), value, "part") for a, b in pairs])


def _split_places(operation: Operation, length: int) -> list[int]:
    """Return where the parts after the first one begin: numbers of parts, sizes of parts, or the places themselves."""
    name = "sizes" if operation.has("sizes") else "indices_or_sections"
    given = operation.array(name)
    if given is not None and given.array.ndim == 0:
        count = operation.whole(name)
        if count < 1 or length % count:
            raise operation.refuse(name, f"a number of equal parts of {length}")
        return list(range(length // count, length, length // count))
    numbers = operation.wholes(name)
    if name == "sizes":
        if numbers.count(-1) == 1:
            numbers[numbers.index(-1)] = length - sum(numbers) - 1
        if sum(numbers) != length or min(numbers) < 1:
            raise operation.refuse(name, f"sizes that add up to {length}")
        return [int(place) for place in np.cumsum(numbers)[:-1]]
    if any(a >= b for a, b in zip([0, *numbers], [*numbers, length], strict=True)):
        raise operation.refuse(name, f"rising places from 1 to {length - 1}")
    return numbers


def _unstack(operation: Operation) -> Tensors:
    value = operation.value("x")
    shape = operation.type(value).shape
    axis = operation.axis("axis", len(shape), 0)
    length = shape[axis]
    if length is None or length > bounds.MAX_NODES or operation.number("num", length) != length:
        raise operation.refuse("axis", "an axis of known length")
    parts = [operation.moved(Slice(axis, n, n + 1), value, "part") for n in range(length)]
    return _made([operation.moved(Squeeze((axis,)), part, "element") for part in parts])


def _tile(operation: Operation) -> str:
    value, repeats = operation.value("x"), operation.wholes("repeats")
    rank = operation.type(value).rank
    if len(repeats) != rank or repeats[0] != 1 or min(repeats) < 1 or max(repeats) > 2**16:
        raise operation.refuse("repeats", f"{rank} numbers from 1, the first 1 for the batch")
    for axis, count in enumerate(repeats):
        if count > 1:
            value = operation.add(Concatenate(axis), [value] * count, operation.kind(value))
    return value


def _repeat(operation: Operation) -> str:
    value = operation.value("x")
    shape = operation.type(value).shape
    if not operation.has("axis"):
        raise operation.refuse("axis", "an axis of the sample")
    axis, repeats = operation.axis("axis", len(shape)), operation.wholes("repeats")
    length = shape[axis]
    counts = repeats * (length or 0) if len(repeats) == 1 else repeats
    if length is None or len(counts) != length or not 0 <= min(counts) <= max(counts) <= 2**16:
        raise operation.refuse("repeats", "one number, or one for each element of the axis")
    order = tuple(int(n) for n in np.repeat(np.arange(length), counts))
    return operation.moved(Gather(axis, order), value)


def _broadcast_to(operation: Operation) -> str:
    value, shape = operation.value("x"), operation.wholes("shape")
    rank = operation.type(value).rank
    if len(shape) != rank or shape[0] != -1:
        raise operation.refuse("shape", f"{rank} lengths, the first -1 for the batch")
    return operation.moved(BroadcastTo(tuple(shape[1:])), value)


def _pad(operation: Operation) -> str:
    """Put constants before and behind each axis."""
    value = operation.value("x")
    if operation.word("mode", "constant") != "constant":
        raise operation.refuse("mode", "constant")
    given = operation.array("pad_width")
    rank = operation.type(value).rank
    widths = None if given is None else given.array
    if widths is not None and widths.shape in ((), (2,)):
        widths = None  # The batch would be padded, too.
    fits = widths is not None and widths.shape == (rank, 2) and not widths[0].any()
    if widths is None or not fits or widths.min() < 0:
        raise operation.refuse("pad_width", f"{rank} pairs of lengths, the first 0 and 0")
    number = operation.number("constant_values", 0.0)
    for axis in range(1, rank):
        value = _padded(operation, value, axis, [int(n) for n in widths[axis]], number)
    return value


def _padded(
    operation: Operation, value: str, axis: int, amounts: Sequence[int], number: float
) -> str:
    kind, joined = operation.kind(value), [value]
    for place, amount in enumerate(amounts):
        if not amount:
            continue
        shape = list(operation.type(value).static_sample_shape)
        shape[axis - 1] = amount
        block = operation.constant(np.full(shape, number), value, kind, f"padding_{axis}_{place}")
        joined.insert(0 if place == 0 else len(joined), block)
    return value if len(joined) == 1 else operation.add(Concatenate(axis), joined, kind)


LOWERINGS: Mapping[str, Lowering] = {
    "StopGradient": _identity,
    "Copy": _identity,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Swapaxes": _swapaxes,
    "Moveaxis": _moveaxis,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Concatenate": _concatenate,
    "Stack": _stack,
    "Hstack": _hstack,
    "Split": _split,
    "Unstack": _unstack,
    "Tile": _tile,
    "Repeat": _repeat,
    "BroadcastTo": _broadcast_to,
    "Pad": _pad,
}
