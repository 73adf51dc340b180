"""Operations that take parts of values, or join values: slices, rows of a table, concatenation.

Each works on constants, on lengths and on values of samples; the first two need no node.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graph.attention_ops import Embedding
from graph.errors import UnsupportedLayerError
from graph.saved_model.constants import as_tensor
from graph.saved_model.lengths import ONE, Length
from graph.saved_model.site import Rules, Site, as_lengths, as_shape_value
from graph.saved_model.values import Known, Refused, Repeated, Shape, Tensor, TimeMajor, Value
from graph.shape_ops import Concatenate
from graph.slice_ops import Gather, Slice


@dataclass(frozen=True, slots=True)
class _Part:
    """What is taken of one axis.

    Attributes:
        start: the first element, or None for the end where the step points away from.
        stop: the element behind the last, or None.
        step: the step.
        is_one: whether the axis vanishes, as by a plain number in brackets.
        is_new: whether it is a new axis of length 1.
    """

    start: int | None = None
    stop: int | None = None
    step: int = 1
    is_one: bool = False
    is_new: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the axis stays as it is."""
        return not self.is_one and self.step == 1 and self.start in (0, None) and self.stop is None

    def slice(self) -> slice:
        """Return it in Python's notation."""
        if not self.is_one:
            return slice(self.start, self.stop, self.step)
        start = self.start or 0
        return slice(start, start + 1 or None)


def _parts(site: Site, rank: int) -> list[_Part]:
    """Return what StridedSlice takes of each axis (tensorflow/core/ops/array_ops.cc).

    Limits that are not known are left open where the masks say so, and refused otherwise.
    """
    begin, end = (site.lengths(place) for place in (1, 2))
    steps = site.integers(3)
    if not len(begin) == len(end) == len(steps):
        raise site.refusal("has limits for different numbers of axes")
    mask = site.attributes.integer
    new, ellipsis = mask("new_axis_mask"), mask("ellipsis_mask")
    parts: list[_Part] = []
    count = sum(1 for place in range(len(begin)) if not (new | ellipsis) >> place & 1)
    seen = False
    for place, step in enumerate(steps):
        if ellipsis >> place & 1 and not seen:
            seen = True
            parts += [_Part()] * (rank - count)
        elif new >> place & 1:
            parts.append(_Part(is_new=True))
        elif mask("shrink_axis_mask") >> place & 1:
            parts.append(_Part(site.number(begin[place]), None, 1, is_one=True))
        else:
            start = None if mask("begin_mask") >> place & 1 else site.number(begin[place])
            stop = None if mask("end_mask") >> place & 1 else site.number(end[place])
            parts.append(_Part(start, stop, step))
    old = sum(1 for part in parts if not part.is_new)
    if old > rank:
        raise site.refusal("takes parts of more axes than there are", got=f"{old} of {rank}")
    return parts + [_Part()] * (rank - old)


def _strided_slice(site: Site) -> Value:
    value = site.input(0)
    if isinstance(value, Known):
        index = tuple(
            None if part.is_new else (part.start or 0) if part.is_one else part.slice()
            for part in _parts(site, value.array.ndim)
        )
        return Known(value.array[index], value.name)
    if isinstance(value, Shape):
        return _slice_of_lengths(site, value)
    if isinstance(value, Tensor):
        return _slice_of_tensor(site, value, _parts(site, len(value.shape)))
    if isinstance(value, TimeMajor):
        return _step_of(site, value)
    raise site.refusal("takes a part of something else than a tensor")


def _step_of(site: Site, value: TimeMajor) -> Value:
    """Return one step of a sequence."""
    first, *rest = _parts(site, len(value.shape))
    if not first.is_one or not all(part.is_whole for part in rest):
        raise site.refusal("takes something else of a sequence than one step")
    batch, *others = rest
    return _slice_of_tensor(site, value.tensor, [batch, first, *others])


def _slice_of_lengths(site: Site, value: Shape) -> Value:
    (part,) = _parts(site, 1)
    found = value.lengths[part.slice()]
    if not found and part.is_one:
        raise site.refusal("takes an element that is not there")
    return as_shape_value(found, value, site.label, is_scalar=part.is_one)


def _slice_of_tensor(site: Site, x: Tensor, parts: Sequence[_Part]) -> Value:
    now: str | None = None
    shape: list[Length] = []
    old = 0
    for part in parts:
        if part.is_new:
            shape.append(ONE)
            continue
        length = x.shape[old]
        if not part.is_whole and not _takes_all(part, length):
            now = site.value(x) if now is None else now
            now = _sliced(site, now, site.axis(x, old), part)
            place = site.axis(x, old) - 1
            length = site.builder.lengths(now)[place]
        if not part.is_one:
            shape.append(length)
        elif site.builder.has_batch and old == 0:
            raise UnsupportedLayerError(f"{site.where} takes one sample of the batch")
        old += 1
    return Tensor(x.value if now is None else now, tuple(shape), x.dtype)


def _takes_all(part: _Part, length: Length) -> bool:
    """Return whether the part is the whole axis."""
    number = length.fixed
    return number is not None and len(range(number)[part.slice()]) == number and part.step > 0


def _sliced(site: Site, value: str, axis: int, part: _Part) -> str:
    bounds = part.slice()
    length = site.builder.lengths(value)[axis - 1].fixed
    if length is not None and not range(length)[bounds]:
        raise site.refusal("takes nothing of an axis", got=f"{bounds} of {length}")
    op = Slice(axis, bounds.start, bounds.stop, part.step)
    return site.add(op, value, name="part")


def _slice(site: Site) -> Value:
    value = site.input(0)
    begin, size = site.integers(1), site.lengths(2)
    parts = []
    for start, length in zip(begin, size, strict=True):
        count = site.number(length)
        parts.append(_Part(start, None if count == -1 else start + count))
    if isinstance(value, Known):
        return Known(value.array[tuple(part.slice() for part in parts)], value.name)
    if isinstance(value, Shape) and len(parts) == 1:
        return as_shape_value(value.lengths[parts[0].slice()], value, site.label, is_scalar=False)
    x = site.tensor(0)
    if len(parts) != len(x.shape):
        raise site.refusal("has limits for another number of axes")
    return _slice_of_tensor(site, x, parts)


def _split(site: Site) -> tuple[Value, ...]:
    axis, count = site.integer(0), site.attributes.integer("num_split", 1)
    return _divided(site, site.input(1), axis, count=count)


def _split_by_sizes(site: Site) -> tuple[Value, ...]:
    return _divided(site, site.input(0), site.integer(2), sizes=site.integers(1))


def _unpack(site: Site) -> tuple[Value, ...]:
    value, axis = site.input(0), site.attributes.integer("axis")
    count = site.attributes.integer("num")
    found = _divided(site, value, axis, count=count)
    return tuple(_without_axis(part, axis) for part in found)


def _without_axis(value: Value, axis: int) -> Value:
    if isinstance(value, Known):
        return Known(np.squeeze(value.array, axis), value.name)
    if isinstance(value, Shape):
        return Shape(value.lengths, True, value.dtype)
    if not isinstance(value, Tensor):
        return Refused()
    place = axis % len(value.shape)
    return Tensor(value.value, (*value.shape[:place], *value.shape[place + 1 :]), value.dtype)


def _divided(
    site: Site, value: Value, axis: int, *, count: int = 0, sizes: Sequence[int] = ()
) -> tuple[Value, ...]:
    """Return the parts of a value along an axis: `count` equal ones, or some of those sizes."""
    if isinstance(value, Known):
        length = value.array.shape[axis]
    elif isinstance(value, Shape):
        length = len(value.lengths)
    elif isinstance(value, Tensor):
        site.axis(value, axis)  # refuses the batch
        length = site.number(value.shape[axis])
    else:
        raise site.refusal("divides something else than a tensor")
    parts = _sizes(site, length, count, list(sizes))
    found: list[Value] = []
    start = 0
    for size in parts:
        found.append(_range_of(site, value, axis, start, start + size))
        start += size
    return tuple(found)


def _sizes(site: Site, length: int, count: int, sizes: list[int]) -> list[int]:
    if not sizes:
        if count < 1 or length % count:
            raise site.refusal("divides an axis unevenly", got=f"{length} by {count}")
        return [length // count] * count
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = length - sum(size for size in sizes if size >= 0)
    if min(sizes) < 0 or sum(sizes) != length:
        raise site.refusal("divides an axis into parts that do not fit", got=f"{length}: {sizes}")
    return sizes


def _range_of(site: Site, value: Value, axis: int, start: int, stop: int) -> Value:
    if isinstance(value, Known):
        index = [slice(None)] * value.array.ndim
        index[axis] = slice(start, stop)
        return Known(value.array[tuple(index)], f"{value.name}/{start}")
    if isinstance(value, Shape):
        return as_shape_value(value.lengths[start:stop], value, site.label, is_scalar=False)
    if not isinstance(value, Tensor) or start == stop:
        # Keras splits off parts without elements, which nothing reads.
        return Refused()
    parts = [_Part()] * len(value.shape)
    parts[axis] = _Part(start, stop)
    return _slice_of_tensor(site, value, parts)


def _concat(site: Site) -> Value:
    axis = site.integer(len(site.inputs) - 1)
    return _joined(site, site.inputs[:-1], axis)


def _joined(site: Site, values: Sequence[Value], axis: int) -> Value:
    if all(isinstance(value, Known) for value in values):
        arrays = [value.array for value in values if isinstance(value, Known)]
        return Known(np.concatenate(arrays, axis), site.label)
    lengths = [as_lengths(value) for value in values]
    if not any(isinstance(value, (Tensor, Repeated)) for value in values):
        if any(part is None for part in lengths) or axis not in (0, -1):
            raise site.refusal("joins lengths and something else")
        whole = [length for part in lengths for length in part or ()]
        like = next(value for value in values if isinstance(value, Shape))
        return as_shape_value(whole, like, site.label, is_scalar=False)
    return _joined_tensors(site, values, axis)


def _joined_tensors(site: Site, values: Sequence[Value], axis: int) -> Value:
    like = next((value for value in values if isinstance(value, Tensor)), None)
    if like is None:
        raise site.refusal("joins constants once for every sample")
    tensors = [as_tensor(site, value, like) for value in values]
    if len({one.dtype for one in tensors}) != 1:
        raise site.refusal("joins values of several types")
    place = site.axis(like, axis)
    made = site.add(Concatenate(place), *(site.value(one) for one in tensors))
    return site.made(made, like.dtype)


def _pack(site: Site) -> Value:
    axis = site.attributes.integer("axis")
    lengths = [as_lengths(value) for value in site.inputs]
    if all(part is not None and len(part) == 1 for part in lengths) and not any(
        isinstance(value, Known) and value.array.ndim for value in site.inputs
    ):
        whole = [length for part in lengths for length in part or ()]
        like = next((v for v in site.inputs if isinstance(v, Shape)), site.input(0))
        return as_shape_value(whole, like, site.label, is_scalar=False)
    if all(isinstance(value, Known) for value in site.inputs):
        arrays = [value.array for value in site.inputs if isinstance(value, Known)]
        return Known(np.stack(arrays, axis), site.label)
    if axis == 0 and site.builder.has_batch:
        # One value after another in front of the batch: the steps of a sequence.
        steps: list[Value] = [_with_axis(site, value, 1) for value in site.inputs]
        sequence = _joined(site, steps, 1)
        return TimeMajor(sequence) if isinstance(sequence, Tensor) else Refused()
    widened: list[Value] = [_with_axis(site, value, axis) for value in site.inputs]
    return _joined(site, widened, axis)


def _with_axis(site: Site, value: Value, axis: int) -> Value:
    if isinstance(value, Known):
        return Known(np.expand_dims(value.array, axis), value.name)
    if not isinstance(value, Tensor):
        raise site.refusal("stacks something else than tensors")
    place = axis % (len(value.shape) + 1)
    return Tensor(value.value, (*value.shape[:place], ONE, *value.shape[place:]), value.dtype)


def _gather(site: Site) -> Value:
    params, indices = site.input(0), site.input(1)
    axis = site.integer(2) if len(site.inputs) > 2 else 0
    if site.attributes.integer("batch_dims"):
        raise site.refusal("looks up rows of each sample in a table of its own")
    if isinstance(params, Known) and isinstance(indices, Known):
        return Known(np.take(params.array, indices.array, axis), params.name)
    if isinstance(params, Shape):
        return _gathered_lengths(site, params)
    if isinstance(params, Known) and isinstance(indices, Tensor):
        return embedded(site, params, indices, axis)
    x, numbers = site.tensor(0), site.integers(1)
    place = site.axis(x, axis)
    length = site.builder.lengths(site.value(x))[place - 1].fixed
    if length is None or any(not 0 <= number < length for number in numbers):
        raise site.refusal("takes elements that are not there", got=f"{numbers} of {length}")
    made = site.made(site.add(Gather(place, numbers), site.value(x)), x.dtype)
    if site.known(1).array.ndim:
        return made
    return _without_axis(made, axis)


def _gathered_lengths(site: Site, value: Shape) -> Value:
    places = site.integers(1)
    if any(not 0 <= place < len(value.lengths) for place in places):
        raise site.refusal("takes a length that is not there", got=str(places))
    is_scalar = site.known(1).array.ndim == 0
    found = [value.lengths[place] for place in places]
    return as_shape_value(found, value, site.label, is_scalar=is_scalar)


def embedded(site: Site, table: Known, indices: Tensor, axis: int = 0) -> Value:
    """Return rows of a table, one for each index."""
    if axis or table.array.ndim != 2 or indices.dtype.kind not in "iu":
        raise site.refusal(
            "looks up something else than rows of a matrix", got=str(table.array.shape)
        )
    rows, features = table.array.shape
    lengths = (*site.builder.lengths(indices.value), Length(features))
    weight = site.weight(table)
    made = site.add(Embedding(rows, features), indices.value, weights=(weight,), lengths=lengths)
    return Tensor(made, (*indices.shape, Length(features)), table.array.dtype)


LENGTH_RULES: Rules = {
    "StridedSlice": _strided_slice,
    "Slice": _slice,
    "ConcatV2": _concat,
    "Pack": _pack,
    "Unpack": _unpack,
    "Split": _split,
    "SplitV": _split_by_sizes,
    "GatherV2": _gather,
    "Gather": _gather,
}
RULES: Rules = LENGTH_RULES
