"""A small network with every kind of step of images, for tests of files."""

from graph.activations import Function
from graph.conv_ops import Conv, DepthwiseConv
from graph.graph import Graph
from graph.interpolation import Interpolation
from graph.normalization_ops import GroupNormalization
from graph.ops import Merge, MergeKind
from graph.pooling_ops import GlobalPool, Pool, PoolKind
from graph.resizing_ops import Upsample
from graph.shape_ops import Permute
from graph.windows import Padding
from tests.engine.spatial_graphs import SpatialBuilder


def image_network() -> Graph:
    """Convolutions plain and in groups, depthwise, pooling, resizing, normalization, channels alone, a residual add."""
    b = SpatialBuilder(11)
    x = b.input(9, 8, 4)
    x = b.weighted(x, Conv((2, 1), (1, 1), Padding.SAME, 1, True), (3, 3, 4, 16), 16, 0.7)
    x = b.activation(x, Function.RELU)
    y = b.weighted(x, Conv((1, 1), (1, 1), Padding.SAME, 2, False), (1, 2, 8, 16), 0, 0.5)
    x = b.add(Merge(MergeKind.ADD), [x, b.activation(b.batch_normalization(y), Function.TANH)])
    x = b.weighted(x, DepthwiseConv((1, 1), (1, 1), Padding.SAME, True), (3, 3, 16, 1), 16, 0.0)
    x = b.prelu(b.batch_normalization(x), shared_axes=(1, 2))
    x = b.add(Pool(PoolKind.AVERAGE, (2, 2), (1, 1), Padding.SAME), [x])
    x = b.add(Pool(PoolKind.MAX, (2, 2), (2, 2), Padding.VALID), [x])
    x = b.add(Upsample((2, 1), Interpolation.BILINEAR), [x])
    gamma, beta = (b.drawn_weight(name, (16,)) for name in ("gamma", "beta"))
    x = b.add(GroupNormalization(4), [x], [gamma, beta])
    turned = b.dense(b.add(Permute((2, 1, 3)), [x]), 5)
    return b.build(b.dense(b.add(GlobalPool(PoolKind.AVERAGE), [x]), 10), turned)
