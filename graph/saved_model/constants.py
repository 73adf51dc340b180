"""Constants among the values of a graph: as weights, as scales and shifts along an axis, as values of their own."""

import math

import numpy as np

from graph.element_ops import Cast, Constant
from graph.errors import UnsupportedDtypeError
from graph.ops import BatchNormalization, Rescaling
from graph.saved_model.lengths import show
from graph.saved_model.site import Site, as_known, sample_array
from graph.saved_model.tensors import Array
from graph.saved_model.values import Known, Repeated, Tensor, Value
from graph.tensor_type import DType


def constant(site: Site, known: Known, like: Tensor) -> Tensor:
    """Return a constant as a value of the new graph, aligned with another one at the last axis.

    Raises:
        UnsupportedArgumentError: it differs by sample.
    """
    array = sample_array(site, known.array, len(like.shape))
    if array is None:
        raise site.refusal(
            "joins samples with a constant that differs from sample to sample",
            got=f"{show(like.shape)} and {known.array.shape}",
        )
    is_bool = array.dtype == np.bool_
    weight = site.weight(known, _as_float32(site, array))
    made = site.add(Constant(), like.value, weights=(weight,), name="constant")
    if is_bool:
        made = site.add(Cast(DType.BOOL), made, name="constant")
    return site.made(made, known.array.dtype)


def _as_float32(site: Site, array: Array) -> Array:
    if array.dtype == np.float32:
        return array
    result = np.asarray(array, np.float32)
    if array.dtype.kind not in "iub" or (result.astype(np.float64) != array).any():
        raise UnsupportedDtypeError(
            f"{site.where} has a constant that float32 does not hold", got=str(array.dtype)
        )
    return result


def scaled(
    site: Site, x: Tensor, *, scale: Known | None = None, offset: Known | None = None
) -> Tensor | None:
    """Return x * scale or x + offset, with constants that broadcast to x; None where they belong to several axes."""
    known = scale if scale is not None else offset
    if known is None:
        return None
    if known.array.size == 1 and known.array.ndim <= len(x.shape):
        return _by_number(site, x, known, is_scale=scale is not None)
    array = sample_array(site, known.array, len(x.shape))
    if array is None:
        return None
    axes = [axis for axis, length in enumerate(array.shape) if length != 1]
    if len(axes) != 1:
        return None
    axis = axes[0] + 1
    is_last = axis == array.ndim
    value = site.rows(x) if is_last else site.value(x)
    lengths = site.builder.lengths(value)
    place = len(lengths) if is_last else axis
    if lengths[place - 1].fixed != array.size:
        return None
    return _by_axis(
        site, x if is_last else site.made(value), value, place, known, is_scale=scale is not None
    )


def _by_number(site: Site, x: Tensor, known: Known, *, is_scale: bool) -> Tensor:
    number = float(known.array.reshape(-1)[0])
    if not math.isfinite(number):
        raise site.refusal("computes with a constant that is not finite", got=str(number))
    lengths = site.builder.lengths(x.value)
    op = Rescaling((number,)) if is_scale else Rescaling((1.0,), (number,))
    return Tensor(site.add(op, x.value, lengths=lengths), x.shape, x.dtype)


def _by_axis(
    site: Site, x: Tensor, value: str, axis: int, known: Known, *, is_scale: bool
) -> Tensor:
    """Return the value scaled or shifted along an axis, as a batch normalization without statistics."""
    vector = known.array.reshape(-1)
    size = vector.size
    rest = [
        site.weight(Known(np.full(size, number, np.float32), name))
        for number, name in ((0, f"zeros/{size}"), (1, f"ones/{size}"))
    ]
    weight = site.weight(known, np.ascontiguousarray(vector))
    op = BatchNormalization(axis, epsilon=0.0, scale=is_scale, center=not is_scale)
    lengths = site.builder.lengths(value)
    made = site.add(op, value, weights=(weight, *rest), lengths=lengths)
    return Tensor(made, x.shape, x.dtype)


def operand(site: Site, value: Value, like: Tensor) -> Tensor:
    """Return a value as one of the new graph; a constant is aligned with `like` at the last axis."""
    if isinstance(value, Tensor):
        return value
    known = as_known(value)
    if known is None:
        raise site.refusal("has an input that is no tensor")
    return constant(site, known, like)


def as_tensor(site: Site, value: Value, like: Tensor) -> Tensor:
    """Return a value as one of the new graph; what is repeated for each sample becomes a constant."""
    if isinstance(value, Repeated):
        array = value.known.array
        weight = site.weight(value.known, _as_float32(site, np.ascontiguousarray(array)))
        made = site.add(Constant(), like.value, weights=(weight,), name="constant")
        return site.made(made, array.dtype)
    return operand(site, value, like)
