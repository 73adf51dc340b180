"""The meaning of every spatial op is Keras' own: each is compared with the Keras layer or function it stands for.

Hypothesis draws sizes, strides, dilations, paddings and odd shapes. Everything is also computed in float64, which must
agree with float32: an op that rounds its constants to float32, or sums in it, would show.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.errors import ShapeError
from graph.interpolation import Interpolation
from graph.normalization_ops import GroupNormalization, RmsNormalization, UnitNormalization
from graph.op import Op
from graph.pooling_ops import AdaptivePool, GlobalPool, Pool, PoolKind
from graph.resizing_ops import Crop, Pad, Resize, Upsample
from graph.tensor_type import float32
from graph.windows import Padding

RANKS = pytest.mark.parametrize("rank", [1, 2, 3])
KINDS = pytest.mark.parametrize("kind", list(PoolKind))
few = settings(max_examples=25)
Array = np.ndarray
COVERED: frozenset[type] = frozenset(
    {
        Conv,
        ConvTranspose,
        DepthwiseConv,
        Pool,
        AdaptivePool,
        GlobalPool,
        Pad,
        Crop,
        Upsample,
        Resize,
    }
    | {GroupNormalization, RmsNormalization, UnitNormalization}
)


def drawn(data: DataObject, *shape: int) -> Array:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    return rng.standard_normal(shape).astype(np.float32)


def axes(data: DataObject, rank: int, low: int, high: int, label: str) -> tuple[int, ...]:
    return tuple(data.draw(st.tuples(*[st.integers(low, high)] * rank), label=label))


def check(op: Op, x: Array, weights: Sequence[Array], expected: Any) -> None:
    """Compare shape and values with Keras', in float32 and in float64."""
    expected = np.asarray(expected)
    kind = op.infer((float32(*x.shape[1:]),), tuple(w.shape for w in weights))
    assert kind.static_sample_shape == expected.shape[1:]
    single = op.evaluate([x], list(weights))
    double = op.evaluate([x.astype(np.float64)], [w.astype(np.float64) for w in weights])
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    assert single.shape == double.shape == expected.shape
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(double, expected, rtol=1e-5, atol=1e-5)


def named(keras: Any, name: str, rank: int, suffix: str = "") -> Any:
    return getattr(keras.layers, f"{name}{rank}D{suffix}")


def strides_or_dilation(data: DataObject, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Keras takes either strides or a dilation."""
    ones = (1,) * rank
    numbers = axes(data, rank, 1, 3, "strides or dilation")
    return (numbers, ones) if data.draw(st.booleans(), label="strided") else (ones, numbers)


@RANKS
@few
@given(data=st.data())
def test_conv(keras: Any, rank: int, data: DataObject) -> None:
    size = axes(data, rank, 1, 4, "size")
    lengths = axes(data, rank, 1, 9 if rank < 3 else 6, "lengths")
    strides, dilation = strides_or_dilation(data, rank)
    choices = [Padding.VALID, Padding.SAME, *([Padding.CAUSAL] if rank == 1 else [])]
    padding = data.draw(st.sampled_from(choices))
    groups = data.draw(st.sampled_from([1, 1, 2, 3]))
    channels, filters = groups * data.draw(st.integers(1, 3)), groups * data.draw(st.integers(1, 3))
    reach = [(s - 1) * d + 1 for s, d in zip(size, dilation, strict=True)]
    assume(padding is not Padding.VALID or all(r <= n for r, n in zip(reach, lengths, strict=True)))
    x = drawn(data, 2, *lengths, channels)
    bias = data.draw(st.booleans())
    layer = named(keras, "Conv", rank)(
        filters, size, strides, padding.value, dilation_rate=dilation, groups=groups, use_bias=bias
    )
    layer.build(x.shape)
    weights = [drawn(data, *w.shape) for w in layer.get_weights()]
    layer.set_weights(weights)
    check(Conv(strides, dilation, padding, groups, bias), x, weights, layer(x))


@pytest.mark.parametrize("rank", [1, 2])
@few
@given(data=st.data())
def test_depthwise_conv(keras: Any, rank: int, data: DataObject) -> None:
    size = axes(data, rank, 1, 4, "size")
    lengths = axes(data, rank, 4, 9, "lengths")
    # TensorFlow takes one stride for both axes.
    stride, rate = data.draw(st.sampled_from([(1, 1), (2, 1), (3, 1), (1, 2)]))
    padding = data.draw(st.sampled_from([Padding.VALID, Padding.SAME]))
    assume(padding is Padding.SAME or max((s - 1) * rate + 1 for s in size) <= min(lengths))
    multiplier, bias = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    x = drawn(data, 2, *lengths, data.draw(st.integers(1, 4)))
    layer = named(keras, "DepthwiseConv", rank)(
        size,
        stride,
        padding.value,
        depth_multiplier=multiplier,
        dilation_rate=rate,
        use_bias=bias,
    )
    layer.build(x.shape)
    weights = [drawn(data, *w.shape) for w in layer.get_weights()]
    layer.set_weights(weights)
    op = DepthwiseConv((stride,) * rank, (rate,) * rank, padding, bias)
    check(op, x, weights, layer(x))


@RANKS
@few
@given(data=st.data())
def test_conv_transpose(keras: Any, rank: int, data: DataObject) -> None:
    size = axes(data, rank, 1, 4, "size")
    lengths = axes(data, rank, 1, 6 if rank < 3 else 4, "lengths")
    strides = axes(data, rank, 1, 3, "strides")
    padding = data.draw(st.sampled_from([Padding.VALID, Padding.SAME]))
    extra = None
    if data.draw(st.booleans(), label="output padding"):
        extra = tuple(data.draw(st.integers(0, s - 1)) for s in strides)
    bias = data.draw(st.booleans())
    x = drawn(data, 2, *lengths, data.draw(st.integers(1, 3)))
    filters = data.draw(st.integers(1, 3))
    op = ConvTranspose(strides, (1,) * rank, padding, extra, bias)
    kernel = (*size, filters, x.shape[-1])
    shapes = (kernel, (filters,)) if bias else (kernel,)
    try:
        op.infer((float32(*x.shape[1:]),), shapes)
    except ShapeError:
        assume(condition=False)
    layer = named(keras, "Conv", rank, "Transpose")(
        filters, size, strides, padding.value, output_padding=extra, use_bias=bias
    )
    layer.build(x.shape)
    weights = [drawn(data, *shape) for shape in shapes]
    layer.set_weights(weights)
    check(op, x, weights, layer(x))


@pytest.mark.parametrize("padding", [Padding.VALID, Padding.SAME])
@pytest.mark.parametrize("dilation", [(2, 2), (3, 2)])
def test_conv_transpose_with_dilation(
    keras: Any, padding: Padding, dilation: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 6, 3)).astype(np.float32)
    layer = keras.layers.Conv2DTranspose(2, (3, 2), padding=padding.value, dilation_rate=dilation)
    layer.build(x.shape)
    weights = [rng.standard_normal(w.shape).astype(np.float32) for w in layer.get_weights()]
    layer.set_weights(weights)
    check(ConvTranspose((1, 1), dilation, padding), x, weights, layer(x))


@RANKS
@KINDS
@few
@given(data=st.data())
def test_pool(keras: Any, rank: int, kind: PoolKind, data: DataObject) -> None:
    size, strides = axes(data, rank, 1, 4, "size"), axes(data, rank, 1, 3, "strides")
    lengths = axes(data, rank, 1, 9 if rank < 3 else 6, "lengths")
    padding = data.draw(st.sampled_from([Padding.VALID, Padding.SAME]))
    assume(padding is Padding.SAME or all(s <= n for s, n in zip(size, lengths, strict=True)))
    x = drawn(data, 2, *lengths, 3)
    layer = named(keras, f"{kind.value.capitalize()}Pooling", rank)(size, strides, padding.value)
    check(Pool(kind, size, strides, padding), x, [], layer(x))


@RANKS
@KINDS
@few
@given(data=st.data())
def test_adaptive_pool(keras: Any, rank: int, kind: PoolKind, data: DataObject) -> None:
    lengths = axes(data, rank, 2, 7, "lengths")
    counts = tuple(data.draw(st.integers(1, length)) for length in lengths)
    # Keras pools with windows of ceil(length / count) and one more, which must not be longer than the axis.
    assume(all(-(-n // c) < n for n, c in zip(lengths, counts, strict=True)))
    x = drawn(data, 2, *lengths, 3)
    name = f"Adaptive{kind.value.capitalize()}Pooling"
    layer = named(keras, name, rank)(counts if rank > 1 else counts[0])
    check(AdaptivePool(kind, counts), x, [], layer(x))


@RANKS
@KINDS
@pytest.mark.parametrize("keepdims", [True, False])
def test_global_pool(keras: Any, rank: int, kind: PoolKind, *, keepdims: bool) -> None:
    x = np.random.default_rng(rank).standard_normal((2, *range(2, 2 + rank), 3)).astype(np.float32)
    layer = named(keras, f"Global{kind.value.capitalize()}Pooling", rank)(keepdims=keepdims)
    check(GlobalPool(kind, keepdims), x, [], layer(x))


@RANKS
@few
@given(data=st.data())
def test_pad_and_crop(keras: Any, rank: int, data: DataObject) -> None:
    amounts = tuple(axes(data, 2, 0, 3, "amounts") for _ in range(rank))
    both = (amounts[0][0], amounts[0][1]) if rank == 1 else amounts
    x = drawn(data, 2, *axes(data, rank, 7, 8, "lengths"), 3)
    check(Pad(amounts), x, [], named(keras, "ZeroPadding", rank)(both)(x))
    check(Crop(amounts), x, [], named(keras, "Cropping", rank)(both)(x))


@RANKS
@few
@given(data=st.data())
def test_upsample(keras: Any, rank: int, data: DataObject) -> None:
    size = axes(data, rank, 1, 3, "size")
    x = drawn(data, 2, *axes(data, rank, 1, 5, "lengths"), 3)
    layer = named(keras, "UpSampling", rank)(size if rank > 1 else size[0])
    check(Upsample(size), x, [], layer(x))


METHODS = [Interpolation(name) for name in ("bilinear", "bicubic", "lanczos3", "lanczos5")]


@pytest.mark.parametrize("method", METHODS)
@few
@given(data=st.data())
def test_upsample_with_interpolation(keras: Any, method: Interpolation, data: DataObject) -> None:
    size = axes(data, 2, 1, 4, "size")
    x = drawn(data, 2, *axes(data, 2, 1, 7, "lengths"), 2)
    layer = keras.layers.UpSampling2D(size, interpolation=method.value)
    check(Upsample(size, method), x, [], layer(x))


@pytest.mark.parametrize(
    "method", [m for m in Interpolation if m is not Interpolation.BILINEAR_CORNER]
)
@pytest.mark.parametrize("antialias", [True, False])
@few
@given(data=st.data())
def test_resize(keras: Any, method: Interpolation, data: DataObject, *, antialias: bool) -> None:
    import tensorflow as tf

    size = axes(data, 2, 1, 12, "size")
    x = drawn(data, 2, *axes(data, 2, 1, 12, "lengths"), 2)
    expected = tf.image.resize(x, size, method=method.value, antialias=antialias)
    check(Resize(size, method, antialias), x, [], expected)


@pytest.mark.parametrize("lengths", [(224, 97), (96, 333)])
@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "area"])
def test_resize_of_large_images(keras: Any, lengths: tuple[int, int], method: str) -> None:
    import tensorflow as tf

    x = np.random.default_rng(1).standard_normal((1, *lengths, 1)).astype(np.float32)
    size = (131, 224)
    check(Resize(size, Interpolation(method)), x, [], tf.image.resize(x, size, method=method))


@few
@given(length=st.integers(1, 12), count=st.integers(1, 12))
def test_the_matrix_of_the_nearest_takes_what_the_op_takes(length: int, count: int) -> None:
    x = np.random.default_rng(length).standard_normal((1, length, 1))
    op = Resize((count,), Interpolation.NEAREST)
    np.testing.assert_array_equal(op.matrix(0, length) @ x[0], op.evaluate([x], [])[0])


@few
@given(data=st.data())
def test_bilinear_corner_is_the_first_resize_of_tensorflow(keras: Any, data: DataObject) -> None:
    import tensorflow as tf

    size = axes(data, 2, 1, 12, "size")
    x = drawn(data, 2, *axes(data, 2, 1, 12, "lengths"), 2)
    expected = tf.compat.v1.image.resize_bilinear(x, size)
    check(Resize(size, Interpolation.BILINEAR_CORNER), x, [], expected)


@RANKS
@few
@given(data=st.data())
def test_group_normalization(keras: Any, rank: int, data: DataObject) -> None:
    groups = data.draw(st.integers(1, 3))
    x = drawn(data, 2, *axes(data, rank, 1, 4, "lengths"), groups * data.draw(st.integers(1, 3)))
    scale, center = data.draw(st.booleans()), data.draw(st.booleans())
    layer = keras.layers.GroupNormalization(groups, scale=scale, center=center)
    layer.build(x.shape)
    weights = [drawn(data, *w.shape) for w in layer.get_weights()]
    layer.set_weights(weights)
    check(GroupNormalization(groups, 1e-3, scale, center), x, weights, layer(x))


@few
@given(data=st.data())
def test_rms_and_unit_normalization(keras: Any, data: DataObject) -> None:
    x = drawn(data, 3, *axes(data, 3, 1, 4, "lengths"))
    chosen = tuple(sorted(data.draw(st.sets(st.integers(1, 3), min_size=1))))
    layer = keras.layers.RMSNormalization(axis=list(chosen), epsilon=1e-4)
    layer.build(x.shape)
    weights = [drawn(data, *w.shape) for w in layer.get_weights()]
    layer.set_weights(weights)
    op = RmsNormalization(chosen, 1e-4)
    lengths = [x.shape[axis] for axis in chosen]
    if all(own in (1, n) for own, n in zip(lengths, x.shape[-len(lengths) :], strict=True)):
        check(op, x, weights, layer(x))
    else:
        # Keras lays the scale along the last axes, and fails or gives another shape.
        with pytest.raises(ShapeError, match="last axes"):
            op.infer((float32(*x.shape[1:]),), (weights[0].shape,))
    check(UnitNormalization(chosen), x, [], keras.layers.UnitNormalization(axis=list(chosen))(x))


def test_unit_normalization_of_tiny_vectors_in_both_versions_of_keras(
    keras: Any, tf_keras: Any
) -> None:
    x = np.array([[0.0, 0.0], [3e-8, 4e-8], [3.0, 4.0]], np.float32)
    check(UnitNormalization((1,)), x, [], keras.layers.UnitNormalization()(x))
    check(UnitNormalization((1,), 1e-6), x, [], tf_keras.layers.UnitNormalization()(x))


ONE, TWO = (1,), (1, 1)
IMAGE = (8, 9, 6)
KERNEL = ((3, 3, 6, 4), (4,))


@pytest.mark.parametrize(
    ("op", "shape", "weights", "words"),
    [
        (Conv(TWO, TWO), (8, 6), KERNEL, "number of axes"),
        (Conv(ONE, ONE), IMAGE, ((3, 9, 6), (6,)), "number of axes"),
        (Conv(TWO, TWO), IMAGE, (), "kernel does not fit"),
        (Conv(TWO, TWO), IMAGE, ((3, 3, 6, 4),), "weights do not fit"),
        (Conv(TWO, TWO), IMAGE, ((3, 3, 5, 4), (4,)), "weights do not fit"),
        (Conv(TWO, TWO), IMAGE, ((0, 3, 6, 4), (4,)), "kernel does not fit"),
        (Conv(TWO, TWO, groups=4), IMAGE, KERNEL, "groups"),
        (Conv(TWO, TWO, groups=0), IMAGE, KERNEL, "groups"),
        (Conv((0, 1), TWO), IMAGE, KERNEL, "at least 1"),
        (Conv(TWO, (1, -1)), IMAGE, KERNEL, "at least 1"),
        (Conv(TWO, ONE), IMAGE, KERNEL, "at least 1"),
        (Conv(TWO, (4, 1)), IMAGE, KERNEL, "larger than"),
        (Conv(TWO, (10**8, 1), Padding.SAME), IMAGE, KERNEL, "too large"),
        (DepthwiseConv(TWO, TWO), IMAGE, ((3, 3, 6, 2), (6,)), "weights do not fit"),
        (ConvTranspose(TWO, TWO), IMAGE, ((3, 3, 4, 5), (4,)), "weights do not fit"),
        (ConvTranspose(TWO, TWO, Padding.CAUSAL), IMAGE, ((3, 3, 4, 6), (4,)), "does not exist"),
        (ConvTranspose(TWO, ONE), IMAGE, ((3, 3, 4, 6), (4,)), "every axis"),
        (
            ConvTranspose((2, 2), TWO, output_padding=(0, 2)),
            IMAGE,
            ((3, 3, 4, 6), (4,)),
            "no output",
        ),
        (Pool(PoolKind.MAX, (9, 1), TWO), IMAGE, (), "larger than"),
        (Pool(PoolKind.MAX, (2**31, 1), TWO, Padding.SAME), IMAGE, (), "too large"),
        (Pool(PoolKind.MAX, TWO, TWO), IMAGE, ((1,),), "weights do not fit"),
        (AdaptivePool(PoolKind.MAX, (0, 1)), IMAGE, (), "at least one window"),
        (GlobalPool(PoolKind.MAX), (6,), (), "number of axes"),
        (Pad(((1, 1),)), IMAGE, (), "number of axes"),
        (Pad(((1, -1), (0, 0))), IMAGE, (), "two numbers"),
        (Crop(((4, 4), (0, 0))), IMAGE, (), "nothing is left"),
        (Upsample((0, 1)), IMAGE, (), "factor"),
        (Resize((0, 1)), IMAGE, (), "length"),
        (Resize((64 * 2**20, 1)), IMAGE, (), "too long"),
        (Upsample((64 * 2**20, 1), Interpolation.BILINEAR), IMAGE, (), "too long"),
        (GroupNormalization(4), IMAGE, ((6,), (6,)), "groups"),
        (GroupNormalization(3), IMAGE, ((6,),), "weights do not fit"),
        (RmsNormalization((3, 1)), IMAGE, ((6,),), "sorted"),
        (UnitNormalization(()), IMAGE, (), "distinct"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_what_does_not_fit_is_refused(
    op: Op, shape: tuple[int, ...], weights: tuple[tuple[int, ...], ...], words: str
) -> None:
    with pytest.raises(ShapeError, match=words):
        op.infer((float32(*shape),), weights)


@pytest.mark.parametrize(
    ("op", "weights", "expected"),
    [
        (Conv((2, 1), TWO, Padding.SAME), KERNEL, (None, None, 9, 4)),
        (DepthwiseConv(TWO, TWO), ((3, 3, 6, 2), (12,)), (None, None, 7, 12)),
        (ConvTranspose((2, 2), TWO), ((3, 3, 4, 6), (4,)), (None, None, 19, 4)),
        (Pool(PoolKind.MAX, (2, 2), (2, 2)), (), (None, None, 4, 6)),
        (GlobalPool(PoolKind.MAX), (), (None, 6)),
        (Pad(((1, 2), (0, 3))), (), (None, None, 12, 6)),
        (Crop(((1, 2), (0, 3))), (), (None, None, 6, 6)),
        (Upsample((2, 2)), (), (None, None, 18, 6)),
        (Resize((5, 5)), (), (None, 5, 5, 6)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_lengths_may_vary(
    op: Op, weights: tuple[tuple[int, ...], ...], expected: tuple[int | None, ...]
) -> None:
    assert op.infer((float32(None, 9, 6),), weights).shape == expected
