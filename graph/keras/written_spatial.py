"""The table from the ops of images and signals back to Keras 3 layers; see `graph.keras.keras_layers`.

Chains: what Keras 3 has no layer for is written as what it means. A resizing that Keras 3 does not know is a matrix
along each axis: a Dense layer without bias between two Permutes. A depthwise convolution over three axes is one in as
many groups as channels. UnitNormalization with another epsilon gets a Rescaling in front.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.errors import ExportError
from graph.interpolation import Interpolation
from graph.keras.json_text import Json, JsonObject
from graph.keras.keras_layer import Array, KerasLayer
from graph.normalization_ops import GroupNormalization, RmsNormalization, UnitNormalization
from graph.pooling_ops import AdaptivePool, GlobalPool, Pool, PoolKind
from graph.resizing_ops import Amounts, Crop, Pad, Resize, Upsample
from graph.tensor_type import TensorType

Weights = tuple[Array, ...]
_FORMAT: JsonObject = {"data_format": "channels_last"}
# What keras.layers.UpSampling2D and Resizing of Keras 3 know.
INTERPOLATIONS = frozenset(
    {
        Interpolation.NEAREST,
        Interpolation.BILINEAR,
        Interpolation.BICUBIC,
        Interpolation.LANCZOS3,
        Interpolation.LANCZOS5,
    }
)
# The norm below which Keras 3 does not divide any more.
_KERAS3_SMALLEST_NORM = 1e-12


def spatial_layers(op: Any, x: TensorType, weights: Weights) -> tuple[KerasLayer, ...] | None:
    """Return the layers that mean what an op of images or signals means on `x`; None for any other op.

    Only exact classes count: a subclass may mean something else.
    """
    write = _WRITTEN.get(type(op))
    return write(op, x, weights) if write is not None else None


def _conv(op: Conv, x: TensorType, weights: Weights) -> tuple[KerasLayer, ...]:
    kernel = weights[0]
    config = _window(op, kernel) | {"filters": kernel.shape[-1], "groups": op.groups}
    return (KerasLayer(f"Conv{x.rank - 2}D", config, weights),)


def _conv_transpose(op: ConvTranspose, x: TensorType, weights: Weights) -> tuple[KerasLayer, ...]:
    kernel = weights[0]
    extra: Json = None if op.output_padding is None else list(op.output_padding)
    config = _window(op, kernel) | {"filters": kernel.shape[-2], "output_padding": extra}
    return (KerasLayer(f"Conv{x.rank - 2}DTranspose", config, weights),)


def _depthwise(op: DepthwiseConv, x: TensorType, weights: Weights) -> tuple[KerasLayer, ...]:
    kernel, rank = weights[0], x.rank - 2
    config = _window(op, kernel)
    if rank < 3:
        config["depth_multiplier"] = kernel.shape[-1]
        return (KerasLayer(f"DepthwiseConv{rank}D", config, weights),)
    channels, multiplier = kernel.shape[-2:]
    config |= {"filters": channels * multiplier, "groups": channels}
    grouped = kernel.reshape(*kernel.shape[:-2], 1, channels * multiplier)
    return (KerasLayer("Conv3D", config, (grouped, *weights[1:])),)


def _window(op: Conv | ConvTranspose | DepthwiseConv, kernel: Array) -> JsonObject:
    return {
        "kernel_size": list(kernel.shape[:-2]),
        "strides": list(op.strides),
        "padding": op.padding.value,
        "dilation_rate": list(op.dilation),
        "activation": "linear",
        "use_bias": op.use_bias,
        **_FORMAT,
    }


def _pool(op: Pool, x: TensorType, _weights: Weights) -> tuple[KerasLayer, ...]:
    config: JsonObject = {
        "pool_size": list(op.size), "strides": list(op.strides), "padding": op.padding.value,
    }  # fmt: skip
    return (KerasLayer(f"{_kind(op.kind)}Pooling{x.rank - 2}D", config | _FORMAT),)


def _adaptive_pool(op: AdaptivePool, x: TensorType, _weights: Weights) -> tuple[KerasLayer, ...]:
    config: JsonObject = {"output_size": list(op.output_size), **_FORMAT}
    return (KerasLayer(f"Adaptive{_kind(op.kind)}Pooling{x.rank - 2}D", config),)


def _global_pool(op: GlobalPool, x: TensorType, _weights: Weights) -> tuple[KerasLayer, ...]:
    config: JsonObject = {"keepdims": op.keepdims, **_FORMAT}
    return (KerasLayer(f"Global{_kind(op.kind)}Pooling{x.rank - 2}D", config),)


def _kind(kind: PoolKind) -> str:
    return "Max" if kind is PoolKind.MAX else "Average"


def _pad(op: Pad, x: TensorType, _weights: Weights) -> tuple[KerasLayer, ...]:
    return (KerasLayer(f"ZeroPadding{x.rank - 2}D", {"padding": _amounts(op.amounts), **_FORMAT}),)


def _crop(op: Crop, x: TensorType, _weights: Weights) -> tuple[KerasLayer, ...]:
    data_format = _FORMAT if x.rank > 3 else {}
    return (
        KerasLayer(f"Cropping{x.rank - 2}D", {"cropping": _amounts(op.amounts), **data_format}),
    )


def _amounts(amounts: Amounts) -> list[Json]:
    pairs: list[Json] = [list(both) for both in amounts]
    return list(amounts[0]) if len(amounts) == 1 else pairs


def _upsample(op: Upsample, x: TensorType, _weights: Weights) -> tuple[KerasLayer, ...]:
    rank = x.rank - 2
    if op.interpolation is Interpolation.NEAREST and rank == 1:
        return (KerasLayer("UpSampling1D", {"size": op.size[0]}),)
    config: JsonObject = {"size": list(op.size), **_FORMAT}
    if op.interpolation is Interpolation.NEAREST and rank == 3:
        return (KerasLayer("UpSampling3D", config),)
    if op.interpolation in INTERPOLATIONS and rank == 2:
        config["interpolation"] = op.interpolation.value
        return (KerasLayer("UpSampling2D", config),)
    pairs = zip(x.sample_shape, op.size, strict=False)
    size = tuple((length or 1) * factor for length, factor in pairs)
    return _matrices(Resize(size, op.interpolation), x)


def _resize(op: Resize, x: TensorType, _weights: Weights) -> tuple[KerasLayer, ...]:
    if op.interpolation not in INTERPOLATIONS or x.rank != 4:
        return _matrices(op, x)
    config: JsonObject = {
        "height": op.size[0], "width": op.size[1], "interpolation": op.interpolation.value,
        **_FORMAT,
    }  # fmt: skip
    if op.antialias:  # Older versions of Keras 3 do not know the argument.
        config["antialias"] = True
    return (KerasLayer("Resizing", config),)


def _matrices(op: Resize, x: TensorType) -> tuple[KerasLayer, ...]:
    """Apply the matrix of each axis, the last one first, as TensorFlow does.

    Raises:
        ExportError: the size of the image may vary.
    """
    if None in x.sample_shape:
        raise ExportError("a resizing that Keras 3 has no layer for, of images of any size")
    layers: list[KerasLayer] = []
    for axis in reversed(range(len(op.size))):
        length = x.static_sample_shape[axis]
        # Resizing the elements' numbers themselves gives the matrix, also where an element is only copied.
        matrix = Resize((op.size[axis],), op.interpolation, op.antialias).evaluate(
            [np.eye(length)[..., None]], []
        )[..., 0]
        swapped = list(range(1, x.rank))
        swapped[axis], swapped[-1] = swapped[-1], swapped[axis]
        dims: list[Json] = list(swapped)
        swap = KerasLayer("Permute", {"dims": dims})
        config: JsonObject = {"units": op.size[axis], "activation": "linear", "use_bias": False}
        layers += [swap, KerasLayer("Dense", config, (matrix.astype(np.float32),)), swap]
    return tuple(layers)


def _group(op: GroupNormalization, _x: TensorType, weights: Weights) -> tuple[KerasLayer, ...]:
    config: JsonObject = {
        "groups": op.groups, "axis": -1, "epsilon": op.epsilon, "center": op.center,
        "scale": op.scale,
    }  # fmt: skip
    return (KerasLayer("GroupNormalization", config, weights),)


def _rms(op: RmsNormalization, _x: TensorType, weights: Weights) -> tuple[KerasLayer, ...]:
    config: JsonObject = {"axis": list(op.axes), "epsilon": op.epsilon}
    return (KerasLayer("RMSNormalization", config, weights),)


def _unit(op: UnitNormalization, _x: TensorType, _weights: Weights) -> tuple[KerasLayer, ...]:
    layer = KerasLayer("UnitNormalization", {"axis": list(op.axes)})
    if op.epsilon == _KERAS3_SMALLEST_NORM:
        return (layer,)
    # x / max(|x|, e) = c x / max(|c x|, s) for c = s / e.
    scale = KerasLayer("Rescaling", {"scale": _KERAS3_SMALLEST_NORM / op.epsilon, "offset": 0.0})
    return scale, layer


_WRITTEN: Mapping[type[Any], Callable[[Any, TensorType, Weights], tuple[KerasLayer, ...]]] = (
    MappingProxyType(
        {
            Conv: _conv,
            ConvTranspose: _conv_transpose,
            DepthwiseConv: _depthwise,
            Pool: _pool,
            AdaptivePool: _adaptive_pool,
            GlobalPool: _global_pool,
            Pad: _pad,
            Crop: _crop,
            Upsample: _upsample,
            Resize: _resize,
            GroupNormalization: _group,
            RmsNormalization: _rms,
            UnitNormalization: _unit,
        }
    )
)
