"""Graphs of image and signal layers drawn at random, and layers one by one."""

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from graph import conv_ops, normalization_ops, ops, pooling_ops, resizing_ops, shape_ops
from graph.activations import Function
from graph.graph import Graph
from graph.interpolation import Interpolation
from graph.op import Op
from graph.pooling_ops import PoolKind
from graph.windows import Padding
from tests.builders import GraphBuilder

_FUNCTIONS = [Function.RELU, Function.TANH, Function.SIGMOID, Function.SILU]


class SpatialBuilder(GraphBuilder):
    """Adds layers to a value with spatial axes; every method gives the name of the new value."""

    def drawn_weight(self, name: str, shape: Sequence[int], sparsity: float = 0.0) -> str:
        array = self.rng.normal(size=shape) / np.sqrt(max(1, np.prod(shape[:-1])))
        array[self.rng.random(array.shape) < sparsity] = 0
        return self.weight(name, array)

    def spatial(self, x: str) -> tuple[int, ...]:
        """The spatial lengths of a value."""
        return self.type(x).static_sample_shape[:-1]

    def channels(self, x: str) -> int:
        return self.type(x).static_sample_shape[-1]

    def weighted(self, x: str, op: Op, shape: Sequence[int], bias: int, sparsity: float) -> str:
        number = len(self._nodes)
        names = [self.drawn_weight(f"w{number}/kernel", shape, sparsity)]
        if bias:
            names.append(self.weight(f"w{number}/bias", self.rng.normal(size=bias)))
        return self.add(op, [x], names)


def _numbers(draw: st.DrawFn, rank: int, most: int) -> tuple[int, ...]:
    return tuple(draw(st.integers(1, most)) for _ in range(rank))


def conv(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    rank, channels = len(b.spatial(x)), b.channels(x)
    size = tuple(draw(st.integers(1, min(3, length))) for length in b.spatial(x))
    strides = _numbers(draw, rank, 3)
    dilation = _numbers(draw, rank, 2) if max(strides) == 1 else (1,) * rank
    groups = draw(st.sampled_from([g for g in (1, 1, 2, 3) if channels % g == 0]))
    filters = groups * draw(st.integers(1, 5))
    padding = draw(st.sampled_from([Padding.SAME, Padding.VALID] + [Padding.CAUSAL] * (rank == 1)))
    spans = [(s - 1) * d + 1 for s, d in zip(size, dilation, strict=True)]
    if padding is Padding.VALID and any(s > n for s, n in zip(spans, b.spatial(x), strict=True)):
        padding = Padding.SAME
    bias = draw(st.sampled_from([0, filters]))
    op = conv_ops.Conv(strides, dilation, padding, groups, bool(bias))
    sparsity = draw(st.sampled_from([0.0, 0.7, 1.0]))
    return b.weighted(x, op, (*size, channels // groups, filters), bias, sparsity)


def depthwise(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    rank, channels = len(b.spatial(x)), b.channels(x)
    size = tuple(draw(st.integers(1, min(3, length))) for length in b.spatial(x))
    multiplier = draw(st.integers(1, 2))
    bias = draw(st.sampled_from([0, channels * multiplier]))
    padding = draw(st.sampled_from([Padding.SAME, Padding.VALID]))
    strides = (draw(st.integers(1, 2)),) * rank
    op = conv_ops.DepthwiseConv(strides, (1,) * rank, padding, bool(bias))
    return b.weighted(x, op, (*size, channels, multiplier), bias, 0.3)


def transpose(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    rank, channels = len(b.spatial(x)), b.channels(x)
    strides = (draw(st.integers(1, 3)),) * rank
    size = _numbers(draw, rank, 3)
    filters = draw(st.integers(1, 4))
    bias = draw(st.sampled_from([0, filters]))
    padding = draw(st.sampled_from([Padding.SAME, Padding.VALID]))
    op = conv_ops.ConvTranspose(strides, (1,) * rank, padding, None, bool(bias))
    return b.weighted(x, op, (*size, filters, channels), bias, 0.3)


def pool(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    rank, kind = len(b.spatial(x)), draw(st.sampled_from(PoolKind))
    if draw(st.booleans()):
        return b.add(pooling_ops.AdaptivePool(kind, _numbers(draw, rank, 4)), [x])
    size = tuple(draw(st.integers(1, min(3, length))) for length in b.spatial(x))
    padding = draw(st.sampled_from([Padding.SAME, Padding.VALID]))
    return b.add(pooling_ops.Pool(kind, size, _numbers(draw, rank, 2), padding), [x])


def moved(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    rank = len(b.spatial(x))
    amounts = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank))
    if draw(st.booleans()):
        return b.add(resizing_ops.Pad(amounts), [x])
    cut = tuple(
        both if sum(both) < length else (0, 0)
        for both, length in zip(amounts, b.spatial(x), strict=True)
    )
    return b.add(resizing_ops.Crop(cut), [x])


def padded(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    """Windows over a value that was padded before."""
    amounts = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in b.spatial(x))
    x = b.add(resizing_ops.Pad(amounts), [x])
    return draw(st.sampled_from([conv, depthwise, pool]))(draw, b, x)


def resized(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    rank = len(b.spatial(x))
    methods = [Interpolation.NEAREST, Interpolation.BILINEAR, Interpolation.BICUBIC]
    method = draw(st.sampled_from(methods))
    if draw(st.booleans()):
        return b.add(resizing_ops.Upsample(_numbers(draw, rank, 2), method), [x])
    return b.add(resizing_ops.Resize(_numbers(draw, rank, 7), method), [x])


def normalized(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    rank, channels = len(b.spatial(x)), b.channels(x)
    kind = draw(st.sampled_from(["batch", "group", "rms", "unit", "layer"]))
    number = len(b._nodes)
    if kind == "batch":
        return b.batch_normalization(x)
    if kind == "group":
        groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
        names = [b.drawn_weight(f"g{number}/{name}", (channels,)) for name in ("gamma", "beta")]
        return b.add(normalization_ops.GroupNormalization(groups), [x], names)
    if kind == "unit":
        axes = draw(st.sampled_from([(rank + 1,), (1,), tuple(range(1, rank + 2))]))
        return b.add(normalization_ops.UnitNormalization(axes), [x])
    weight = b.drawn_weight(f"n{number}", (channels,))
    if kind == "rms":
        return b.add(normalization_ops.RmsNormalization((rank + 1,)), [x], [weight])
    op = ops.LayerNormalization((rank + 1,), scale=True, center=False)
    return b.add(op, [x], [weight])


def joined(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    """The value with one made from it: added, multiplied, concatenated, gated by a number per channel."""
    rank, kind = len(b.spatial(x)), draw(st.integers(0, 3))
    other = b.activation(x, draw(st.sampled_from(_FUNCTIONS)))
    if kind == 0:
        return b.add(ops.Merge(draw(st.sampled_from(ops.MergeKind))), [x, other])
    if kind == 1:
        return b.add(shape_ops.Concatenate(rank + 1), [x, other, x])
    if kind == 2:
        gate = b.add(pooling_ops.GlobalPool(PoolKind.AVERAGE, keepdims=True), [x])
        gate = b.dense(gate, b.channels(x), activation=Function.SIGMOID)
        return b.add(ops.Merge(ops.MergeKind.MULTIPLY), [x, gate])
    gate = b.dense(x, 1, activation=Function.SIGMOID)
    return b.add(ops.Merge(ops.MergeKind.MULTIPLY), [gate, x])


def pointed(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    y = b.dense(x, draw(st.integers(1, 20)), sparsity=draw(st.sampled_from([0.0, 0.8])))
    return b.activation(y, draw(st.sampled_from([*_FUNCTIONS, Function.SOFTMAX])))


def permuted(draw: st.DrawFn, b: SpatialBuilder, x: str) -> str:
    """To channels first and back, perhaps with something between."""
    rank = len(b.spatial(x))
    y = b.add(shape_ops.Permute((rank + 1, *range(1, rank + 1))), [x])
    y = b.activation(y, draw(st.sampled_from(_FUNCTIONS)))
    return b.add(shape_ops.Permute((*range(2, rank + 2), 1)), [y])


LAYERS: dict[str, Callable[[st.DrawFn, SpatialBuilder, str], str]] = {
    layer.__name__: layer
    for layer in (
        conv,
        depthwise,
        transpose,
        pool,
        moved,
        padded,
        resized,
        normalized,
        joined,
        pointed,
        permuted,
    )
}


@st.composite
def spatial_graphs(draw: st.DrawFn, layer: str | None = None) -> Graph:
    """A graph of one kind of layer between two convolutions, or of several kinds."""
    b = SpatialBuilder(draw(st.integers(0, 999)))
    rank = draw(st.integers(1, 3))
    lengths = [draw(st.integers(1, 40 if rank == 1 else 7)) for _ in range(rank)]
    x = b.input(*lengths, draw(st.integers(1, 6)))
    names = [layer] if layer else draw(st.lists(st.sampled_from(sorted(LAYERS)), max_size=5))
    if draw(st.booleans()):
        x = conv(draw, b, x)
    for name in names:
        if np.prod(b.type(x).static_sample_shape) < 4000:
            x = LAYERS[name](draw, b, x)
    match draw(st.integers(0, 2)):
        case 0:
            x = b.add(pooling_ops.GlobalPool(draw(st.sampled_from(PoolKind))), [x])
        case 1:
            x = b.add(shape_ops.Reshape((int(np.prod(b.type(x).static_sample_shape)),)), [x])
            x = b.dense(x, 3)
    return b.build(x)
