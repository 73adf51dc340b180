"""How much memory it takes to make a size of a model ready, from its graph alone: before any of it is taken.

What is made for a size besides its weights are tables: offsets of windows and vectors of positions, a few numbers for
each position of a value; and for ops that copy rows in any order, a number for each element. NumPy makes them by way of
temporary arrays of int64, one op after the other.
"""

import math
from collections.abc import Mapping

from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.graph import Graph, Node
from graph.ops import Activation, BatchNormalization, Dense, Merge, Rescaling
from graph.pooling_ops import AdaptivePool, GlobalPool, Pool
from graph.resizing_ops import Crop, Pad, Resize, Upsample
from graph.shape_ops import Concatenate
from graph.tensor_type import TensorType

# Ops that read and make values with the channels outermost. Their tables are of positions, or of the axes.
_SPATIAL = (Conv, ConvTranspose, DepthwiseConv, Pool, AdaptivePool, Pad, Crop, Resize, Upsample)
# Ops that take values as they lie, without tables where all are of one shape. (All other ops are taken to have numbers
# for each element.)
_AS_IT_LIES = (Activation, BatchNormalization, Merge, Rescaling)
# Bytes of what stays and of what is there only while it is made, for each position, or element, as measured (see
# tests/engine/test_size_memory.py), and more.
_POSITION_BYTES, _POSITION_WORK_BYTES = 16, 256
_ELEMENT_BYTES, _ELEMENT_WORK_BYTES = 16, 64
# The widest filter of a resized axis has eleven elements, for each one of the longer axis.
_TERM_BYTES, _TERM_WORK_BYTES = 11 * 8, 11 * 96


def making_bytes(graph: Graph) -> int:
    """Return about the most bytes that it takes to make a size ready, without what packing the weights takes.

    Args:
        graph: the graph at that size, verified.
    """
    types = graph.value_types()
    kept, most = 0, 0
    in_channels: set[str] = set()
    for node in graph.nodes:
        count, stays, working = _tables(node, types, in_channels)
        kept += count * stays
        most = max(most, count * working)
    return kept + most


def _tables(
    node: Node, types: Mapping[str, TensorType], in_channels: set[str]
) -> tuple[int, int, int]:
    """Return how many numbers there are for a node, and their bytes: those that stay, and those while it is made.

    Adds to `in_channels` what surely lies with its channels outermost: such values are joined without tables.
    """
    shapes = [types[name].static_sample_shape for name in (node.name, *node.inputs)]
    positions = max(math.prod(shape[:-1]) for shape in shapes)
    stays_so = isinstance(node.op, _AS_IT_LIES) and len(set(shapes)) == 1
    joined = isinstance(node.op, Concatenate) and node.op.axis in {-1, len(shapes[0])}
    lies_so = not in_channels.isdisjoint(node.inputs)
    if isinstance(node.op, _SPATIAL) or ((stays_so or joined) and lies_so):
        in_channels.update({node.name} if shapes[0][-1:] > (1,) else ())
    if isinstance(
        node.op, AdaptivePool
    ):  # windows overlap: each axis is spread out before it is pooled
        pairs = zip(shapes[0][:-1], shapes[1][:-1], strict=True)
        spread = math.prod(2 * count + length for count, length in pairs)
        return spread, _POSITION_BYTES, _POSITION_WORK_BYTES
    if isinstance(node.op, Resize | Upsample):
        lengths = sum(sum(shape[:-1]) for shape in shapes)
        return lengths, _TERM_BYTES, _TERM_WORK_BYTES
    if isinstance(node.op, (*_SPATIAL, GlobalPool)) or (joined and lies_so):
        return positions, _POSITION_BYTES, _POSITION_WORK_BYTES
    if stays_so or isinstance(node.op, Dense):
        return 0, 0, 0
    elements = sum(math.prod(shape) for shape in shapes)
    return elements, _ELEMENT_BYTES, _ELEMENT_WORK_BYTES
