"""Batch normalization, and images of another size."""

import numpy as np

from graph.interpolation import Interpolation
from graph.op import Op
from graph.ops import BatchNormalization, LayerNormalization
from graph.resizing_ops import Resize, Upsample
from graph.saved_model.lengths import ONE, show
from graph.saved_model.ops_windows import channels_first
from graph.saved_model.site import Rules, Site
from graph.saved_model.values import Known, Repeated, Tensor, Uniform, Value


def _batch_norm(site: Site) -> tuple[Value, ...]:
    if site.attributes.flag("is_training", default=True):
        return (_layer_norm(site),)
    epsilon = site.attributes.floating("epsilon", 1e-4)
    tensor = site.real(0)
    value = site.value(tensor)
    axis = 1 if channels_first(site) else len(tensor.shape) - 1
    weights = [site.weight(site.known(place)) for place in (1, 2, 3, 4)]
    op = BatchNormalization(site.axis(tensor, axis), _rounded(epsilon))
    made = site.add(op, value, weights=weights, lengths=site.builder.lengths(value))
    return (site.made(made),)


def _layer_norm(site: Site) -> Value:
    """What Keras 2 writes for LayerNormalization: each row of a sample is a channel that is normalized by itself."""
    x = site.real(0)
    is_one_each = (
        channels_first(site)
        and len(x.shape) == 4
        and x.shape[0] == x.shape[3] == ONE
        and _is_uniform(site.input(1), 1.0)
        and _is_uniform(site.input(2), 0.0)
        and site.builder.has_batch
    )
    if not is_one_each:
        raise site.refusal("normalizes by the batch, as in training")
    rows = site.rows(Tensor(x.value, x.shape[1:3], x.dtype))
    lengths = site.builder.lengths(rows)
    epsilon = _rounded(site.attributes.floating("epsilon", 1e-4))
    op = LayerNormalization((len(lengths),), epsilon, scale=False, center=False)
    return Tensor(site.add(op, rows, lengths=lengths), x.shape, x.dtype)


def _is_uniform(value: Value, number: float) -> bool:
    known = value.known if isinstance(value, (Uniform, Repeated)) else value
    return isinstance(known, Known) and bool((known.array == number).all())


def _rounded(number: float) -> float:
    """Return the shortest number that is this float32: 0.001, not 0.0010000000474974513."""
    return float(str(np.float32(number)))


def _resize(site: Site, interpolation: Interpolation) -> Value:
    tensor, size = site.tensor(0), site.integers(1)
    flag = site.attributes.flag
    value = site.value(tensor)
    lengths = site.builder.lengths(value)
    if len(size) != 2 or len(lengths) != 3 or min(size) < 1:
        raise site.refusal("needs an image and two lengths", got=show(tensor.shape))
    now = [length.fixed for length in lengths[:-1]]
    if None in now:
        raise site.refusal("resizes an image whose size varies")
    factors = [new / (old or 1) for new, old in zip(size, now, strict=True)]
    is_whole = all(factor == int(factor) for factor in factors)
    op: Op
    if interpolation is Interpolation.NEAREST and is_whole and not flag("align_corners"):
        op = Upsample(tuple(int(factor) for factor in factors), interpolation)
    elif flag("half_pixel_centers") and not flag("align_corners"):
        op = Resize(size, interpolation)
    else:
        raise site.refusal(
            "places pixels as TensorFlow 1 did", expected="half_pixel_centers and no align_corners"
        )
    return site.made(site.add(op, value))


def _bilinear(site: Site) -> Value:
    return _resize(site, Interpolation.BILINEAR)


def _nearest(site: Site) -> Value:
    return _resize(site, Interpolation.NEAREST)


def _bicubic(site: Site) -> Value:
    return _resize(site, Interpolation.BICUBIC)


RULES: Rules = {
    "FusedBatchNorm": _batch_norm,
    "FusedBatchNormV2": _batch_norm,
    "FusedBatchNormV3": _batch_norm,
    "ResizeBilinear": _bilinear,
    "ResizeNearestNeighbor": _nearest,
    "ResizeBicubic": _bicubic,
}
