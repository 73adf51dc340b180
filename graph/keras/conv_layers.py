"""Convolutions of every kind -> ops; the kernels are stored as the ops want them."""

from dataclasses import replace

import numpy as np

from graph.activations import LINEAR, ActivationFunction
from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.errors import UnsupportedLayerError
from graph.keras.activation_layers import activation_of
from graph.keras.arguments import Arguments
from graph.keras.channels import Channels, has_channels_first
from graph.keras.dialects import Dialect
from graph.keras.draft import Site
from graph.keras.keras1_layers import later_kernel
from graph.ops import Activation
from graph.resizing_ops import Pad
from graph.windows import Padding, Window, reach_of


def spatial_rank(site: Site) -> int:
    """Return how many spatial axes a layer has, which its class names: Conv2D, MaxPooling1D."""
    return int(site.layer.class_name.split("D")[-2][-1])


def per_axis(arguments: Arguments, name: str, rank: int) -> tuple[int, ...]:
    """Return an argument that is one whole number for each spatial axis, or one for all.

    Raises:
        UnsupportedArgumentError: it is something else.
    """
    numbers = arguments.wholes(name)
    if len(numbers) == 1:
        numbers = numbers * rank
    if len(numbers) != rank:
        raise arguments.refuse(name, f"a whole number, or {rank} of them")
    return tuple(numbers)


def padding_of(arguments: Arguments, *allowed: Padding) -> Padding:
    """Return the argument `padding`.

    Raises:
        UnsupportedArgumentError: it is not one of those allowed.
    """
    value = arguments["padding"]
    found = next((one for one in allowed if value in (one.value, one.value.upper())), None)
    if found is None:
        raise arguments.refuse("padding", " or ".join(one.value for one in allowed))
    return found


def lower_conv(site: Site) -> str:
    """Add a Conv1D, Conv2D or Conv3D."""
    arguments, rank = site.arguments, spatial_rank(site)
    allowed = (Padding.VALID, Padding.SAME, *([Padding.CAUSAL] if rank == 1 else []))
    op = Conv(
        per_axis(arguments, "strides", rank),
        per_axis(arguments, "dilation_rate", rank),
        padding_of(arguments, *allowed),
        arguments.whole("groups"),
        arguments.flag("use_bias"),
    )
    channels, filters = Channels(site), arguments.whole("filters")
    of_group = (channels.type.shape[-1] or 0) // max(1, op.groups)
    size = per_axis(arguments, "kernel_size", rank)
    weights = [_kernel(site, "kernel", (*size, of_group, filters)), *_bias(site, filters)]
    value = channels.input
    if op.padding is Padding.SAME and not site.draft.source.pads_as_tensorflow:
        value = _padded_in_the_middle(site, value, op.window((*size, of_group, filters)))
        op = replace(op, padding=Padding.VALID)
    return _finished(site, channels, site.add(op, on=(value,), weights=weights))


def lower_conv_transpose(site: Site) -> str:
    """Add a transposed convolution."""
    arguments, rank = site.arguments, spatial_rank(site)
    extra = None
    if arguments["output_padding"] is not None:
        extra = per_axis(arguments, "output_padding", rank)
    op = ConvTranspose(
        per_axis(arguments, "strides", rank),
        per_axis(arguments, "dilation_rate", rank),
        padding_of(arguments, Padding.VALID, Padding.SAME),
        extra,
        arguments.flag("use_bias"),
    )
    channels, filters = Channels(site), arguments.whole("filters")
    size = per_axis(arguments, "kernel_size", rank)
    if op.padding is Padding.SAME and not site.draft.source.pads_as_tensorflow:
        raise arguments.refuse(
            "padding", f"valid, in a file that {site.draft.source.backend} computed for"
        )
    if arguments["output_shape"] is not None:
        op = replace(op, output_padding=_stated_output(site, op, channels, size))
    kernel = _kernel(site, "kernel", (*size, filters, channels.type.shape[-1]), is_transposed=True)
    value = site.add(op, on=(channels.input,), weights=[kernel, *_bias(site, filters)])
    return _finished(site, channels, value)


def lower_depthwise_conv(site: Site) -> str:
    """Add a depthwise convolution."""
    channels = Channels(site)
    op, kernel = _depthwise(site, channels, use_bias=site.arguments.flag("use_bias"))
    outputs = (channels.type.shape[-1] or 0) * site.arguments.whole("depth_multiplier")
    weights = [kernel, *_bias(site, outputs)]
    return _finished(site, channels, site.add(op, on=(channels.input,), weights=weights))


def lower_separable_conv(site: Site) -> str:
    """Add a depthwise convolution without bias, and a convolution of one pixel."""
    arguments, rank, channels = site.arguments, spatial_rank(site), Channels(site)
    op, kernel = _depthwise(site, channels, use_bias=False)
    inner = site.add(op, on=(channels.input,), weights=[kernel], name="depthwise")
    filters, ones = arguments.whole("filters"), (1,) * rank
    shape = (*ones, site.draft.type(inner).shape[-1], filters)
    weights = [_kernel(site, "pointwise_kernel", shape), *_bias(site, filters)]
    pointwise = Conv(ones, ones, Padding.VALID, 1, arguments.flag("use_bias"))
    return _finished(site, channels, site.add(pointwise, on=(inner,), weights=weights))


def _depthwise(site: Site, channels: Channels, *, use_bias: bool) -> tuple[DepthwiseConv, str]:
    arguments, rank = site.arguments, spatial_rank(site)
    op = DepthwiseConv(
        per_axis(arguments, "strides", rank),
        per_axis(arguments, "dilation_rate", rank),
        padding_of(arguments, Padding.VALID, Padding.SAME),
        use_bias,
    )
    size, multiplier = per_axis(arguments, "kernel_size", rank), arguments.whole("depth_multiplier")
    shape = (*size, channels.type.shape[-1], multiplier)
    if site.draft.source.flips_kernels:
        raise UnsupportedLayerError(
            f"{arguments.where} was computed by Theano, whose separable convolutions are not read",
            hint="load the model in Keras 2 with TensorFlow, check its outputs, and save it again",
        )
    if op.padding is Padding.SAME and not site.draft.source.pads_as_tensorflow:
        raise arguments.refuse(
            "padding", f"valid, in a file that {site.draft.source.backend} computed for"
        )
    return op, _kernel(site, "depthwise_kernel", shape)


def _kernel(
    site: Site, role: str, shape: tuple[int | None, ...], *, is_transposed: bool = False
) -> str:
    """Add a kernel in the layout and with the meaning of today, from whatever version of Keras it comes."""
    array = site.stored(role)
    if array is not None and site.draft.dialect is Dialect.KERAS1:
        first = has_channels_first(site)
        array = later_kernel(array, shape, channels_first=first, is_transposed=is_transposed)
    if array is not None and site.draft.source.flips_kernels:
        array = np.ascontiguousarray(np.flip(array, tuple(range(max(0, array.ndim - 2)))))
    return site.weight(role, shape, later=array)


def _padded_in_the_middle(site: Site, value: str, window: Window) -> str:
    """Add the padding "same" of Theano: half of the window in front, whatever the strides."""
    backend = site.draft.source.backend
    if backend != "theano" and not _is_in_the_middle(window):
        raise site.arguments.refuse("padding", f"valid, in a file that {backend} computed for")
    lengths = site.draft.type(value).shape[1:-1]
    amounts = []
    axes = zip(lengths, window.size, window.strides, window.dilation, strict=True)
    for length, size, stride, dilation in axes:
        if length is None:
            raise site.arguments.refuse("padding", "valid, where the size of images may vary")
        reach = reach_of(size, dilation)
        needed = (-(-length // stride) - 1) * stride + reach
        amounts.append((reach // 2, max(0, needed - length - reach // 2)))
    return site.add(Pad(tuple(amounts)), on=(value,), name="padding")


def _is_in_the_middle(window: Window) -> bool:
    """Return whether "same" can only mean as much padding in front as behind, and no choice is left to a backend."""
    pairs = zip(window.size, window.strides, strict=True)
    return all(size % 2 and stride == 1 for size, stride in pairs)


def _stated_output(
    site: Site, op: ConvTranspose, channels: Channels, size: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the output padding that gives the output shape that Keras 1 states, the batch and channels with it."""
    stated = site.arguments["output_shape"]
    rank = len(size)
    first = 2 if has_channels_first(site) else 1
    spatial = stated[first : first + rank] if isinstance(stated, list) else []
    wanted = Arguments({"output_shape": list(spatial)}, site.arguments.where).wholes("output_shape")
    least = replace(op, output_padding=(0,) * rank).lengths(channels.type.shape[1:-1], size)
    extra = [own - (base or 0) for own, base in zip(wanted, least, strict=False)]
    if len(extra) != rank or None in least or min(extra, default=-1) < 0:
        raise site.arguments.refuse("output_shape", f"at least {least} on the spatial axes")
    return tuple(extra)


def _bias(site: Site, length: int) -> list[str]:
    return [site.weight("bias", (length,))] if site.arguments.flag("use_bias") else []


def _finished(site: Site, channels: Channels, value: str) -> str:
    """Add the layer's activation; one along an axis counts the axes as the layer has them."""
    function = activation_of(site.arguments["activation"], site.arguments, site.draft.dialect)
    if function.is_elementwise:
        return channels.restored(_activated(site, value, function))
    return _activated(site, channels.restored(value), function)


def _activated(site: Site, value: str, function: ActivationFunction) -> str:
    if function == LINEAR:
        return value
    return site.add(Activation(function), on=(value,), name="activation")
