"""Operations that take parts of values along axes: slices, elements by number, and `x[...]`."""

from collections.abc import Callable, Mapping

import numpy as np

from graph.errors import ShapeError
from graph.keras.draft import Tensors
from graph.keras.operands import ArrayOperand, SliceOperand
from graph.keras.operation import Operation
from graph.slice_ops import ExpandDims, Gather, Slice, Squeeze
from graph.tensor_type import normalize_axis

Lowering = Callable[[Operation], str | Tensors]


def _take(operation: Operation) -> str:
    value = operation.value("x")
    shape = operation.type(value).shape
    if not operation.has("axis"):
        raise operation.refuse("axis", "an axis of the sample")
    axis = operation.axis("axis", len(shape))
    given = operation.array("indices")
    length = shape[axis]
    if given is None or given.array.ndim > 1 or length is None:
        raise operation.refuse("indices", "whole numbers, along an axis of known length")
    places = tuple(n + length if n < 0 else n for n in operation.wholes("indices"))
    taken = operation.moved(Gather(axis, places), value, "taken")
    return taken if given.array.ndim else operation.moved(Squeeze((axis,)), taken)


def _flip(operation: Operation) -> str:
    value = operation.value("x")
    for axis in operation.axes("axis", operation.type(value).rank):
        value = operation.moved(Slice(axis, step=-1), value)
    return value


def _roll(operation: Operation) -> str:
    value = operation.value("x")
    shifts, axes = (
        operation.wholes("shift"),
        operation.wholes("axis") if operation.has("axis") else [],
    )
    shape = operation.type(value).shape
    for shift, given in zip(shifts, axes, strict=True) if len(shifts) == len(axes) else ():
        axis = normalize_axis(given, len(shape))
        length = shape[axis]
        if axis == 0 or length is None:
            raise operation.refuse("axis", "axes of known length; axis 0 is the batch")
        order = tuple(int(n) for n in np.roll(np.arange(length), shift))
        value = operation.moved(Gather(axis, order), value)
    if len(shifts) != len(axes):
        raise operation.refuse("axis", "an axis for each shift")
    return value


def _slice(operation: Operation) -> str:
    """A part from some place on, as long along each axis as `shape` says; -1 stands for all that follows."""
    value = operation.value("x")
    starts, sizes = operation.wholes("start_indices"), operation.wholes("shape")
    lengths = operation.type(value).shape
    if not len(starts) == len(sizes) == len(lengths) or starts[0] != 0:
        raise operation.refuse("start_indices", "a place for each axis, 0 for the batch")
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        if axis == 0:
            if size != -1:
                raise operation.refuse("shape", "-1 for the batch")
        elif start or size != -1:
            stop = None if size == -1 else start + size
            value = operation.moved(Slice(axis, start, stop), value)
    return value


def _get_item(operation: Operation) -> str:
    """Python's `x[key]`: numbers, slices, new axes and the ellipsis; nothing but a whole slice of the batch.

    Source: NumPy's basic indexing, which Keras and TensorFlow take over.
    """
    value = operation.value("x")
    keys = _keys(operation, operation.type(value).rank)
    axis = 0
    for key in keys:
        if key is None:
            if axis == 0:
                raise operation.refuse("key", "a new axis behind the batch")
            value = operation.moved(ExpandDims((axis,)), value)
        elif isinstance(key, SliceOperand):
            value = _sliced(operation, value, axis, key)
        else:
            value = _element(operation, value, axis, key)
            continue
        axis += 1
    return value


def _keys(operation: Operation, rank: int) -> list[SliceOperand | int | None]:
    """Return the keys of all axes, the ellipsis replaced by whole slices."""
    operand = operation.operands.get("key")
    if isinstance(operand, ArrayOperand) and operand.array.ndim == 1:
        items: tuple[object, ...] = tuple(int(n) for n in operand.array)
    else:
        items = operand if isinstance(operand, tuple) else (operand,)
    used = sum(1 for item in items if item is not None and item is not ...)
    whole = SliceOperand(None, None, None)
    if used > rank or items.count(...) > 1:
        raise operation.refuse("key", f"at most {rank} keys and one ellipsis")
    if ... not in items:
        items = (*items, ...)
    place = items.index(...)
    found = [*items[:place], *[whole] * (rank - used), *items[place + 1 :]]
    keys: list[SliceOperand | int | None] = []
    for item in found:
        if isinstance(item, bool) or not isinstance(item, SliceOperand | int | None):
            raise operation.refuse("key", "whole numbers, slices, new axes and an ellipsis")
        keys.append(item)
    return keys


def _sliced(operation: Operation, value: str, axis: int, key: SliceOperand) -> str:
    step = 1 if key.step is None else key.step
    if step == 1 and key.start in (None, 0) and key.stop is None:
        return value
    if axis == 0:
        raise operation.refuse("key", "all samples of the batch, as in x[:, 0]")
    return operation.moved(Slice(axis, key.start, key.stop, step), value)


def _element(operation: Operation, value: str, axis: int, number: int) -> str:
    """Take one element along an axis, which goes."""
    if axis == 0:
        raise operation.refuse("key", "all samples of the batch, as in x[:, 0]")
    length = operation.type(value).shape[axis]
    if length is not None and not -length <= number < length:
        raise ShapeError(
            "an element is taken that is not there",
            expected=f"{-length} to {length - 1}",
            got=str(number),
        )
    # -1 is the last element, and what follows it begins at 0 again.
    part = operation.moved(Slice(axis, number, number + 1 or None), value, "element")
    return operation.moved(Squeeze((axis,)), part)


LOWERINGS: Mapping[str, Lowering] = {
    "Take": _take,
    "Flip": _flip,
    "Roll": _roll,
    "Slice": _slice,
    "GetItem": _get_item,
}
