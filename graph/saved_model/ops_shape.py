"""Operations on shapes, and those that only move elements: constants, lengths and values of samples alike.

What Keras writes as Flatten, Reshape or Dense over positions ends here as a view of the value that is there; nodes are
added only where elements really move.
"""

from dataclasses import replace

import numpy as np

from graph.errors import UnsupportedLayerError
from graph.saved_model.lengths import BATCH, ONE, Length, Lengths, fixed, product, show
from graph.saved_model.site import Rules, Site, as_lengths, as_shape_value
from graph.saved_model.values import (
    Known,
    Phased,
    Repeated,
    Shape,
    Tensor,
    TimeMajor,
    Uniform,
    Value,
)
from graph.shape_ops import Permute


def _shape(site: Site) -> Value:
    value = site.input(0)
    if isinstance(value, Known):
        return Known(np.array(value.array.shape, np.int32), site.label)
    if isinstance(value, (Tensor, Repeated, TimeMajor)):
        dtype = np.dtype(np.int64 if site.attributes.dtype("out_type", 3) == 9 else np.int32)
        return as_shape_value(value.shape, Shape((), False, dtype), site.label, is_scalar=False)
    raise site.refusal("asks for the shape of something else than a tensor")


def _size(site: Site) -> Value:
    lengths = _lengths_of_tensor(site)
    return as_shape_value([product(lengths)], site.input(0), site.label, is_scalar=True)


def _rank(site: Site) -> Value:
    return Known(np.array(len(_lengths_of_tensor(site)), np.int32), site.label)


def _lengths_of_tensor(site: Site) -> Lengths:
    value = site.input(0)
    if isinstance(value, Known):
        return fixed(value.array.shape)
    if isinstance(value, (Tensor, Repeated)):
        return value.shape
    raise site.refusal("asks for the shape of something else than a tensor")


def _reshape(site: Site) -> Value:
    value, target = site.input(0), site.lengths(1)
    if isinstance(value, Shape):
        return _reshaped_lengths(site, value, target)
    if not isinstance(value, Tensor):
        raise site.refusal("gives a constant a shape that is not known", got=show(target))
    return Tensor(value.value, _completed(site, value.shape, target), value.dtype)


def _reshaped_lengths(site: Site, value: Shape, target: Lengths) -> Value:
    """Lengths stay lengths as a vector or a number."""
    shape = _completed(site, (Length(len(value.lengths)),), target)
    if len(shape) > 1:
        raise site.refusal("makes a matrix of lengths", got=show(shape))
    return Shape(value.lengths, not shape, value.dtype)


def _completed(site: Site, shape: Lengths, target: Lengths) -> Lengths:
    """Return the new shape, with the length that -1 stands for."""
    whole = product(shape)
    free = [place for place, length in enumerate(target) if length.fixed == -1]
    rest = product(length for length in target if length.fixed != -1)
    missing = whole.over(rest)
    if len(free) == 1 and missing is not None:
        place = free[0]
        return (*target[:place], missing, *target[place + 1 :])
    if free or whole != rest:
        raise site.refusal(
            "does not fit the size of its value", expected=show(shape), got=show(target)
        )
    return target


def _expand_dims(site: Site) -> Value:
    value, axis = site.input(0), site.integer(1)
    if isinstance(value, Shape) and value.is_scalar:
        return Shape(value.lengths, False, value.dtype)
    if isinstance(value, Phased):
        inner = _expand_dims(replace(site, inputs=(value.tensor, site.input(1))))
        place = axis % (len(value.blocks) + 1)
        blocks = (*value.blocks[:place], 1, *value.blocks[place:])
        return Phased(inner, blocks) if isinstance(inner, Tensor) else inner
    if not isinstance(value, (Tensor, Repeated)):
        raise site.refusal("gives lengths another axis")
    rank = len(value.shape) + 1
    if not -rank <= axis < rank:
        raise site.refusal("has an axis that is not there", got=str(axis))
    place = axis % rank
    shape = (*value.shape[:place], ONE, *value.shape[place:])
    return _viewed(site, value, shape)


def _squeeze(site: Site) -> Value:
    value = site.input(0)
    axes = site.attributes.integers("squeeze_dims") or site.attributes.integers("axis")
    if isinstance(value, Shape) and len(value.lengths) == 1:
        return Shape(value.lengths, True, value.dtype)
    if isinstance(value, Phased):
        inner = _squeeze(replace(site, inputs=(value.tensor,)))
        rank = len(value.blocks)
        gone = {axis % rank for axis in axes}
        blocks = tuple(block for axis, block in enumerate(value.blocks) if axis not in gone)
        return Phased(inner, blocks) if isinstance(inner, Tensor) and axes else inner
    if not isinstance(value, (Tensor, Repeated)):
        raise site.refusal("takes an axis of lengths")
    rank = len(value.shape)
    gone = {axis % rank for axis in axes if -rank <= axis < rank}
    if not axes:
        gone = {axis for axis, length in enumerate(value.shape) if length == ONE}
        if any(length.symbols and length != BATCH for length in value.shape):
            raise site.refusal("drops all axes of length 1 of a value whose size varies")
    if any(value.shape[axis] != ONE for axis in gone) or len(gone) < len(set(axes)):
        raise site.refusal("drops an axis that is not of length 1", got=show(value.shape))
    kept = [length for axis, length in enumerate(value.shape) if axis not in gone]
    return _viewed(site, value, tuple(kept))


def _viewed(site: Site, value: Tensor | Repeated, shape: Lengths) -> Value:
    """Return the same elements in another shape."""
    if isinstance(value, Tensor):
        return Tensor(value.value, shape, value.dtype)
    if not shape or shape[0] != BATCH:
        raise site.refusal("moves the axis of the batch", got=show(shape))
    numbers = [length.fixed or 0 for length in shape[1:]]
    return Repeated(Known(value.known.array.reshape(numbers), value.known.name), shape)


def transpose(site: Site) -> Value:
    """Return a value with its axes in another order; nothing moves where only axes of length 1 do."""
    if isinstance(given := site.input(0), TimeMajor):
        if site.integers(1) != (1, 0, *range(2, len(given.shape))):
            raise site.refusal("moves the axes of a sequence in another way than back")
        return given.tensor
    value, order = site.tensor(0), site.integers(1)
    if order == (1, 0, *range(2, len(value.shape))) and value.shape[0] == BATCH:
        return TimeMajor(value)
    rank = len(value.shape)
    places = [axis % rank for axis in order] if rank else []
    if sorted(places) != list(range(rank)):
        raise site.refusal("does not name every axis once", got=str(order))
    if places == list(range(rank)):
        return value
    moved = [axis for axis in places if value.shape[axis] != ONE]
    if moved == sorted(moved):
        return Tensor(value.value, tuple(value.shape[axis] for axis in places), value.dtype)
    first = 1 if site.builder.has_batch else 0
    if site.builder.has_batch and places[0] != 0:
        raise UnsupportedLayerError(
            f"{site.where} moves the axis of the batch", expected="the batch as the first axis"
        )
    source = site.value(value)
    dims = tuple(axis - first + 1 for axis in places[first:])
    lengths = tuple(site.builder.lengths(source)[dim - 1] for dim in dims)
    made = site.add(Permute(dims), source, lengths=lengths)
    return Tensor(made, tuple(value.shape[axis] for axis in places), value.dtype)


def _fill(site: Site) -> Value:
    lengths, value = site.lengths(0), site.known(1)
    if value.array.size != 1:
        raise site.refusal("repeats something else than one number")
    return filled(site, lengths, value)


def _zeros_like(site: Site) -> Value:
    return _like(site, 0)


def _ones_like(site: Site) -> Value:
    return _like(site, 1)


def _like(site: Site, number: int) -> Value:
    value = site.input(0)
    lengths = _lengths_of_tensor(site)
    dtype = value.array.dtype if isinstance(value, Known) else np.dtype(np.float32)
    dtype = value.dtype if isinstance(value, Tensor) else dtype
    return filled(site, lengths, Known(np.array(number, dtype), site.label))


def filled(site: Site, lengths: Lengths, value: Known) -> Value:
    """Return one number, repeated in that shape."""
    is_batch = bool(lengths) and lengths[0] == BATCH and site.builder.has_batch
    if not is_batch and any(length.fixed is None for length in lengths):
        return Uniform(value, lengths)
    sample = lengths[1:] if is_batch else lengths
    numbers = [length.fixed for length in sample]
    if None in numbers or min((n for n in numbers if n is not None), default=0) < 0:
        raise site.refusal("makes a constant of a size that varies", got=show(lengths))
    shape = tuple(number for number in numbers if number is not None)
    known = Known(np.broadcast_to(value.array.reshape(()), shape), value.name)
    return Repeated(known, lengths) if is_batch else known


def _broadcast_to(site: Site) -> Value:
    known, lengths = site.known(0), site.lengths(1)
    if known.array.size == 1:
        return filled(site, lengths, known)
    if lengths and lengths[0] == BATCH and site.builder.has_batch:
        sample = tuple(length.fixed or 0 for length in lengths[1:])
        array = known.array[0] if known.array.ndim == len(lengths) else known.array
        return Repeated(Known(np.broadcast_to(array, sample), known.name), lengths)
    return Known(
        np.broadcast_to(known.array, [length.fixed or 0 for length in lengths]), known.name
    )


def _identity(site: Site) -> Value:
    return site.input(0)


def _identities(site: Site) -> tuple[Value, ...]:
    return site.inputs


def _prod(site: Site) -> Value:
    lengths = as_lengths(site.input(0))
    if lengths is None or site.integers(1) not in ((0,), (-1,)):
        raise site.refusal("multiplies something else than lengths")
    kept = site.attributes.flag("keep_dims")
    return as_shape_value([product(lengths)], site.input(0), site.label, is_scalar=not kept)


def _lengths_multiplied(site: Site) -> Value:
    one, other = (as_lengths(site.input(place)) for place in (0, 1))
    if one is None or other is None:
        raise site.refusal("multiplies lengths and something else")
    count = max(len(one), len(other))
    if not {len(one), len(other)} <= {1, count}:
        raise site.refusal("multiplies lists of lengths of different sizes")
    pairs = zip(one * (count // len(one)), other * (count // len(other)), strict=True)
    is_scalar = all(_is_scalar(site.input(place)) for place in (0, 1))
    products = [a.times(b) for a, b in pairs]
    return as_shape_value(products, site.input(0), site.label, is_scalar=is_scalar)


def _is_scalar(value: Value) -> bool:
    return (
        value.is_scalar
        if isinstance(value, Shape)
        else (isinstance(value, Known) and value.array.ndim == 0)
    )


def _lengths_cast(site: Site) -> Value:
    value, number = site.input(0), site.attributes.dtype("DstT")
    if not isinstance(value, Shape) or number not in (3, 9):
        raise site.refusal("makes something else than whole numbers of lengths")
    return Shape(value.lengths, value.is_scalar, np.dtype(np.int32 if number == 3 else np.int64))


# For operations on lengths that are not all known.
LENGTH_RULES: Rules = {
    "Cast": _lengths_cast,
    "Mul": _lengths_multiplied,
    "Prod": _prod,
}
RULES: Rules = {
    "Shape": _shape,
    "Size": _size,
    "Rank": _rank,
    "Reshape": _reshape,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Transpose": transpose,
    "Fill": _fill,
    "ZerosLike": _zeros_like,
    "OnesLike": _ones_like,
    "BroadcastTo": _broadcast_to,
    "Identity": _identity,
    "IdentityN": _identities,
    "StopGradient": _identity,
    "PreventGradient": _identity,
    "CheckNumerics": _identity,
    "Snapshot": _identity,
}
