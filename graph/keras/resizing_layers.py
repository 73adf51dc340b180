"""Layers that change the size of images -> ops: padding, cropping, upsampling, resizing."""

import numpy as np

from graph.errors import ShapeError
from graph.interpolation import Interpolation
from graph.keras.arguments import Arguments
from graph.keras.channels import Channels, has_channels_first
from graph.keras.conv_layers import per_axis, spatial_rank
from graph.keras.dialects import Dialect
from graph.keras.draft import Site
from graph.keras.json_text import Json
from graph.resizing_ops import Amounts, Crop, Pad, Resize, Upsample

# What a file may say; `bilinear_corner` is not a name of Keras.
_INTERPOLATIONS = {
    one.value: one for one in Interpolation if one is not Interpolation.BILINEAR_CORNER
}


def lower_zero_padding(site: Site) -> str:
    """Add a ZeroPadding layer."""
    op = Pad(_amounts(site.arguments, "padding", spatial_rank(site)))
    channels = Channels(site)
    return channels.restored(site.add(op, on=(channels.input,)))


def lower_cropping(site: Site) -> str:
    """Add a Cropping layer."""
    op = Crop(_amounts(site.arguments, "cropping", spatial_rank(site)))
    channels = Channels(site)
    return channels.restored(site.add(op, on=(channels.input,)))


def lower_upsampling1d(site: Site) -> str:
    """Add an UpSampling1D, whose channels are always last."""
    return site.add(Upsample((site.arguments.whole("size"),)))


def lower_upsampling(site: Site) -> str:
    """Add an UpSampling2D or UpSampling3D."""
    arguments, rank = site.arguments, spatial_rank(site)
    method = Interpolation.NEAREST
    if rank == 2:
        method = _interpolation(arguments)
        if method is Interpolation.BILINEAR and site.draft.source.backend == "theano":
            raise arguments.refuse("interpolation", "nearest, in a file that Theano computed for")
        if method is Interpolation.BILINEAR and site.draft.source.resizes_from_corners:
            method = Interpolation.BILINEAR_CORNER
    channels = Channels(site)
    op = Upsample(per_axis(arguments, "size", rank), method)
    return channels.restored(site.add(op, on=(channels.input,)))


def lower_resizing(site: Site) -> str:
    """Add a Resizing layer; where it keeps the aspect ratio, a Crop or a Pad comes first."""
    arguments = site.arguments
    size = (arguments.whole("height"), arguments.whole("width"))
    channels = Channels(site)
    value = channels.input
    crops, pads = arguments.flag("crop_to_aspect_ratio"), arguments.flag("pad_to_aspect_ratio")
    if crops and pads:
        raise arguments.refuse("pad_to_aspect_ratio", "false where the image is cropped")
    if crops:
        value = _cropped_to_ratio(site, value, size)
    elif pads:
        value = _padded_to_ratio(site, value, size)
    op = Resize(size, _interpolation(arguments), arguments.flag("antialias"))
    return channels.restored(site.add(op, on=(value,)))


def lower_center_crop(site: Site) -> str:
    """Add a CenterCrop: a Crop, or, of an image that is too small, a Crop to the aspect ratio and a bilinear Resize."""
    channels = Channels(site)
    size = (site.arguments.whole("height"), site.arguments.whole("width"))
    height, width = _image_size(site, channels.input)
    if height < size[0] or width < size[1]:
        return channels.restored(_smart_resize(site, channels.input, size))
    amounts = tuple(_around(*pair) for pair in zip((height, width), size, strict=True))
    return channels.restored(site.add(Crop(amounts), on=(channels.input,)))


def lower_random_crop(site: Site) -> str:
    """Add what RandomCrop does outside of training: Keras 2 resizes, Keras 3 may do nothing at all."""
    channels = Channels(site)
    size = (site.arguments.whole("height"), site.arguments.whole("width"))
    if _image_size(site, channels.input) == size:
        return site.input
    if site.draft.dialect is Dialect.KERAS3:
        raise site.arguments.refuse(
            "height",
            "the height and width of its input, since versions of Keras 3 differ in what else it does",
        )
    return channels.restored(_smart_resize(site, channels.input, size))


def _smart_resize(site: Site, value: str, size: tuple[int, int]) -> str:
    return site.add(Resize(size), on=(_cropped_to_ratio(site, value, size),))


def _interpolation(arguments: Arguments) -> Interpolation:
    value = arguments["interpolation"]
    name = value.lower() if isinstance(value, str) else ""
    if name not in _INTERPOLATIONS:
        raise arguments.refuse("interpolation", ", ".join(_INTERPOLATIONS))
    return _INTERPOLATIONS[name]


def _amounts(arguments: Arguments, name: str, rank: int) -> Amounts:
    """Return (before, behind) by axis, from a number, a number per axis, or two of them; 1-D: a number or two."""
    value = arguments[name]
    items = value if isinstance(value, list) else [value] * rank
    if rank == 1:
        return (_pair(arguments, name, value),)
    if len(items) != rank:
        raise arguments.refuse(name, f"a whole number, or {rank} numbers or pairs of numbers")
    return tuple(_pair(arguments, name, one) for one in items)


def _pair(arguments: Arguments, name: str, items: Json) -> tuple[int, int]:
    numbers = Arguments({name: items}, arguments.where).wholes(name)
    if len(numbers) not in (1, 2):
        raise arguments.refuse(name, "one or two whole numbers for an axis")
    return numbers[0], numbers[-1]


def _image_size(site: Site, value: str) -> tuple[int, int]:
    shape = site.draft.type(value).shape
    if len(shape) != 4 or shape[1] is None or shape[2] is None:
        raise ShapeError(
            "the layer needs images of a fixed size",
            expected="[batch, height, width, channels]",
            got=str(site.type) + (", channels first" if has_channels_first(site) else ""),
        )
    return shape[1], shape[2]


def _of_ratio(lengths: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return the height for this width, and the width for this height, at the aspect ratio of `size`, as Keras rounds.

    Source: keras.ops.image.resize and keras.utils.image_utils.smart_resize, which divide in float32.
    """
    height, width = lengths
    at_width = np.float32(width * size[0]) / np.float32(size[1])
    at_height = np.float32(height * size[1]) / np.float32(size[0])
    return int(at_width), int(at_height)


def _around(length: int, kept: int) -> tuple[int, int]:
    """Return how much goes in front and behind where `kept` of `length` elements stay in the middle."""
    before = (length - kept) // 2
    return before, length - kept - before


def _cropped_to_ratio(site: Site, value: str, size: tuple[int, int]) -> str:
    lengths = _image_size(site, value)
    kept = [
        max(1, min(own, wanted))
        for own, wanted in zip(lengths, _of_ratio(lengths, size), strict=True)
    ]
    amounts = tuple(_around(*pair) for pair in zip(lengths, kept, strict=True))
    return site.add(Crop(amounts), on=(value,), name="crop") if kept != list(lengths) else value


def _padded_to_ratio(site: Site, value: str, size: tuple[int, int]) -> str:
    lengths = _image_size(site, value)
    wanted = _of_ratio(lengths, size)
    # Keras puts the same number on both sides, so that an odd one is lost.
    sides = [max(0, target - own) // 2 for own, target in zip(lengths, wanted, strict=True)]
    if not any(sides):
        return value
    return site.add(Pad(tuple((side, side) for side in sides)), on=(value,), name="pad")
