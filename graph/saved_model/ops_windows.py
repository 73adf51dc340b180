"""Convolutions and pooling, channels last.

TensorFlow has these for images only, and Keras writes those of signals with an axis of length 1 more: an axis that the
window does not move over is left out again. Channels that come first are brought to the end, and back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.pooling_ops import Pool, PoolKind
from graph.resizing_ops import Crop, Pad
from graph.saved_model.lengths import ONE, Length, Lengths, show
from graph.saved_model.site import Rules, Site
from graph.saved_model.tensors import Array
from graph.saved_model.values import Known, Phased, Tensor, Value
from graph.shape_ops import Permute
from graph.windows import Padding

_FIRST = frozenset({"NCHW", "NCDHW", "NCW"})


@dataclass(frozen=True, slots=True)
class _Windows:
    """The windows of an operation, over its spatial axes.

    Attributes:
        size: lengths of a window.
        strides: steps from one to the next.
        dilation: steps within one.
        before: explicit padding, a pair for each axis; empty where `padding` says it.
        padding: how TensorFlow pads.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    explicit: tuple[tuple[int, int], ...]
    padding: Padding

    def without(self, axes: frozenset[int]) -> "_Windows":
        """Return the same over fewer axes."""
        kept = [axis for axis in range(len(self.size)) if axis not in axes]

        def of(items: Sequence[int]) -> tuple[int, ...]:
            return tuple(items[axis] for axis in kept)

        explicit = tuple(self.explicit[axis] for axis in kept) if self.explicit else ()
        return _Windows(of(self.size), of(self.strides), of(self.dilation), explicit, self.padding)


def channels_first(site: Site) -> bool:
    """Return whether the channels are the first axis of a sample."""
    return site.attributes.text("data_format", "NHWC") in _FIRST


def _spatial(site: Site, name: str, rank: int) -> tuple[int, ...]:
    """Return the numbers of an attribute that belong to spatial axes; those of batch and channels must be 1."""
    numbers = site.attributes.integers(name, (1,) * (rank + 2))
    if len(numbers) != rank + 2:
        raise site.refusal(f"has an attribute {name} of the wrong length", got=str(numbers))
    inner = numbers[2:] if channels_first(site) else numbers[1:-1]
    if math.prod(numbers) != math.prod(inner) or min(numbers) < 1:
        raise site.refusal(f"has {name} over the batch or the channels", got=str(numbers))
    return inner


def _padding(site: Site, rank: int) -> tuple[Padding, tuple[tuple[int, int], ...]]:
    text = site.attributes.text("padding")
    if text in ("SAME", "VALID"):
        return Padding(text.lower()), ()
    numbers = site.attributes.integers("explicit_paddings")
    if text != "EXPLICIT" or len(numbers) != 2 * (rank + 2) or min(numbers) < 0:
        raise site.refusal("has a padding that is not known", got=f"{text} {numbers}")
    pairs = [(numbers[place], numbers[place + 1]) for place in range(0, len(numbers), 2)]
    spatial = pairs[2:] if channels_first(site) else pairs[1:-1]
    if sum(map(sum, pairs)) != sum(map(sum, spatial)):
        raise site.refusal("pads the batch or the channels", got=str(numbers))
    return Padding.VALID, tuple(spatial)


@dataclass(frozen=True, slots=True)
class _Image:
    """A value with the channels last, for an operation that moves windows over it.

    Attributes:
        value: the value of the graph.
        dropped: spatial axes that it does not have.
        rank: the number of spatial axes in TensorFlow.
    """

    value: str
    dropped: frozenset[int]
    rank: int


def _opened(site: Site, windows: _Windows, rank: int) -> tuple[_Image, _Windows]:
    """Return the value that windows are moved over, without axes over which they do not move."""
    tensor = site.real(0)
    lengths = site.sample_lengths(tensor.shape)
    if len(lengths) != rank + 1:
        raise site.refusal("needs another number of axes", got=show(tensor.shape))
    first = channels_first(site)
    spatial = lengths[1:] if first else lengths[:-1]
    still = [axis for axis in range(rank) if _does_not_move(windows, spatial, axis)]
    dropped = frozenset(still if len(still) < rank else still[1:])
    kept = [length for axis, length in enumerate(spatial) if axis not in dropped]
    if first:
        value = site.shaped(tensor, (lengths[0], *kept))
        order = (*range(2, len(kept) + 2), 1)
        value = site.add(Permute(order), value, lengths=(*kept, lengths[0]), name="last")
    else:
        value = site.shaped(tensor, (*kept, lengths[-1]))
    left = windows.without(dropped)
    if any(map(any, left.explicit)):
        value = site.add(Pad(left.explicit), value, name="pad")
    return _Image(value, dropped, rank), left


def _does_not_move(windows: _Windows, spatial: Lengths, axis: int) -> bool:
    pads = bool(windows.explicit) and any(windows.explicit[axis])
    return spatial[axis] == ONE and windows.size[axis] == 1 and not pads


def _closed(site: Site, image: _Image, value: str) -> Tensor:
    """Return the result in TensorFlow's axes."""
    lengths = site.builder.lengths(value)
    spatial = iter(lengths[:-1])
    whole = [ONE if axis in image.dropped else next(spatial) for axis in range(image.rank)]
    made = site.made(value)
    batch = made.shape[: len(made.shape) - len(lengths)]
    if not channels_first(site):
        return Tensor(value, (*batch, *whole, lengths[-1]), made.dtype)
    order = (len(lengths), *range(1, len(lengths)))
    moved = site.add(Permute(order), value, lengths=(lengths[-1], *lengths[:-1]), name="first")
    return Tensor(moved, (*batch, lengths[-1], *whole), made.dtype)


def _without_axes(array: Array, image: _Image) -> Array:
    """Return a kernel without the spatial axes that were left out."""
    kept = [
        length for axis, length in enumerate(array.shape[: image.rank]) if axis not in image.dropped
    ]
    return array.reshape(*kept, *array.shape[image.rank :])


def _dilations(site: Site, rank: int) -> tuple[Site, tuple[int, ...]]:
    """Return the operation on its value and the steps within a window; on phases these are the numbers of phases."""
    written, value = _spatial(site, "dilations", rank), site.input(0)
    if not isinstance(value, Phased):
        return site, written
    if set(written) | set(_spatial(site, "strides", rank)) != {1} or (
        site.attributes.text("padding") != "VALID" or channels_first(site)
    ):
        raise site.refusal("moves over phases in another way than one by one")
    return replace(site, inputs=(value.tensor, *site.inputs[1:])), value.blocks[1:-1]


def _as_phases(site: Site, result: Tensor) -> Value:
    """Return the result cut into phases again, where the input was."""
    value = site.input(0)
    return Phased(result, value.blocks) if isinstance(value, Phased) else result


def _space_to_batch(site: Site) -> Value:
    x, sizes, amounts = site.real(0), site.integers(1), site.known(2).array
    pairs = [(int(before), int(behind)) for before, behind in amounts]
    lengths = site.sample_lengths(x.shape)
    if len(sizes) != len(pairs) or not 0 < len(sizes) < len(lengths) or min(sizes) < 1:
        raise site.refusal("cuts other axes than spatial ones", got=str(sizes))
    if len(sizes) != len(lengths) - 1 or any(min(pair) < 0 for pair in pairs):
        raise site.refusal("cuts other axes than spatial ones", got=str(sizes))
    value = site.value(x)
    if any(map(any, pairs)):
        value = site.add(Pad(tuple(pairs)), value, name="pad")
    padded = site.made(value)
    for length, size in zip(site.builder.lengths(value)[:-1], sizes, strict=True):
        if site.number(length) % size:
            raise site.refusal("cuts an axis unevenly", got=f"{length} by {size}")
    return Phased(padded, (1, *sizes, 1))


def _batch_to_space(site: Site) -> Value:
    value, sizes, amounts = site.input(0), site.integers(1), site.known(2).array
    if not isinstance(value, Phased) or (1, *sizes, 1) != value.blocks:
        raise site.refusal("joins what was not cut the same way")
    pairs = tuple((int(before), int(behind)) for before, behind in amounts)
    if len(pairs) != len(sizes) or any(min(pair) < 0 for pair in pairs):
        raise site.refusal("crops other axes than spatial ones", got=str(pairs))
    if not any(map(any, pairs)):
        return value.tensor
    return site.made(site.add(Crop(pairs), site.value(value.tensor)))


def _conv(site: Site, rank: int) -> Value:
    kernel = _kernel(site, 1, rank)
    padding, explicit = _padding(site, rank)
    opened, dilations = _dilations(site, rank)
    strides = _spatial(site, "strides", rank)
    windows = _Windows(kernel.array.shape[:rank], strides, dilations, explicit, padding)
    image, left = _opened(opened, windows, rank)
    channels = site.builder.lengths(image.value)[-1].fixed or 0
    groups = channels // kernel.array.shape[-2] if kernel.array.shape[-2] else 0
    if groups * kernel.array.shape[-2] != channels:
        raise site.refusal(
            "has a kernel of other channels", got=f"{kernel.array.shape}, {channels}"
        )
    op = Conv(left.strides, left.dilation, left.padding, groups, use_bias=False)
    weight = site.weight(kernel, _without_axes(kernel.array, image))
    made = site.add(op, image.value, weights=(weight,))
    return _as_phases(site, _closed(site, image, made))


def _kernel(site: Site, place: int, rank: int) -> Known:
    kernel = site.known(place)
    if kernel.array.ndim != rank + 2 or kernel.array.size == 0:
        raise site.refusal("has a kernel of the wrong shape", got=str(kernel.array.shape))
    return kernel


def _conv2d(site: Site) -> Value:
    return _conv(site, 2)


def _conv3d(site: Site) -> Value:
    return _conv(site, 3)


def _depthwise(site: Site) -> Value:
    kernel = _kernel(site, 1, 2)
    padding, explicit = _padding(site, 2)
    opened, dilations = _dilations(site, 2)
    strides = _spatial(site, "strides", 2)
    windows = _Windows(kernel.array.shape[:2], strides, dilations, explicit, padding)
    image, left = _opened(opened, windows, 2)
    op = DepthwiseConv(left.strides, left.dilation, left.padding, use_bias=False)
    weight = site.weight(kernel, _without_axes(kernel.array, image))
    made = site.add(op, image.value, weights=(weight,))
    return _as_phases(site, _closed(site, image, made))


def _transposed(site: Site, rank: int) -> Value:
    """The gradient of a convolution with respect to its input, whose shape is the first input."""
    wanted, kernel = site.lengths(0), _kernel(site, 1, rank)
    padding, explicit = _padding(site, rank)
    if explicit:
        raise site.refusal("is a transposed convolution with explicit padding")
    windows = _Windows(
        kernel.array.shape[:rank],
        _spatial(site, "strides", rank),
        _spatial(site, "dilations", rank),
        (),
        padding,
    )
    moved = replace(site, inputs=(site.input(2),))
    image, left = _opened(moved, windows, rank)
    spatial = wanted[2:] if channels_first(site) else wanted[1:-1]
    target = [length for axis, length in enumerate(spatial) if axis not in image.dropped]
    weight = site.weight(kernel, _without_axes(kernel.array, image))
    op = ConvTranspose(left.strides, left.dilation, left.padding, None, use_bias=False)
    op = _with_output(site, op, image.value, left.size, target)
    return _closed(site, image, site.add(op, image.value, weights=(weight,)))


def _with_output(
    site: Site, op: ConvTranspose, value: str, size: tuple[int, ...], target: Sequence[Length]
) -> ConvTranspose:
    """Return the op with the padding of its output that gives the lengths that the file says."""
    wanted = tuple(length.fixed for length in target)
    spatial = tuple(length.fixed for length in site.builder.lengths(value)[:-1])
    if None in wanted or None in spatial:
        raise site.refusal("has a size of its result that varies", got=show(tuple(target)))
    if op.lengths(spatial, size) == wanted:
        return op
    least = replace(op, output_padding=(0,) * len(wanted)).lengths(spatial, size)
    extra = [(all_ or 0) - (some or 0) for all_, some in zip(wanted, least, strict=True)]
    if min(extra) < 0:
        raise site.refusal("has a size of its result that does not fit", got=show(tuple(target)))
    return replace(op, output_padding=tuple(extra))


def _conv2d_transposed(site: Site) -> Value:
    return _transposed(site, 2)


def _conv3d_transposed(site: Site) -> Value:
    return _transposed(site, 3)


def _pool(site: Site, kind: PoolKind, rank: int) -> Value:
    padding, explicit = _padding(site, rank)
    if explicit:
        raise site.refusal("pools with explicit padding")
    size = _spatial(site, "ksize", rank)
    windows = _Windows(size, _spatial(site, "strides", rank), (1,) * rank, (), padding)
    image, left = _opened(site, windows, rank)
    op = Pool(kind, left.size, left.strides, left.padding)
    return _closed(site, image, site.add(op, image.value))


def _max_pool(site: Site) -> Value:
    return _pool(site, PoolKind.MAX, 2)


def _average_pool(site: Site) -> Value:
    return _pool(site, PoolKind.AVERAGE, 2)


def _max_pool3d(site: Site) -> Value:
    return _pool(site, PoolKind.MAX, 3)


def _average_pool3d(site: Site) -> Value:
    return _pool(site, PoolKind.AVERAGE, 3)


RULES: Rules = {
    "Conv2D": _conv2d,
    "Conv3D": _conv3d,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _conv2d_transposed,
    "Conv3DBackpropInputV2": _conv3d_transposed,
    "SpaceToBatchND": _space_to_batch,
    "BatchToSpaceND": _batch_to_space,
    "MaxPool": _max_pool,
    "AvgPool": _average_pool,
    "MaxPool3D": _max_pool3d,
    "AvgPool3D": _average_pool3d,
}
