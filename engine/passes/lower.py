"""Graph to program: every node becomes steps over buffers of its own; later passes join and drop them.

Rank and axes are gone afterwards: a value is its elements row-major, or in channels (`engine.passes.lowering`), and
every op is expressed by counts (outer, length, inner), by row numbers, by windows, or by one number per row.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.core.errors import UnsupportedModelError, VariableLengthError
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.steps import Pack, Unpack
from engine.passes.lower_axes import (
    lower_activation,
    lower_concatenate,
    lower_dot,
    lower_glu_or_group,
    lower_layer_normalization,
    lower_merge,
    lower_permute,
    lower_repeat_vector,
)
from engine.passes.lower_conv import lower_conv, lower_conv_transpose, lower_depthwise
from engine.passes.lower_norms import (
    lower_group_normalization,
    lower_rms_normalization,
    lower_unit_normalization,
)
from engine.passes.lower_pool import lower_adaptive_pool, lower_global_pool, lower_pool
from engine.passes.lower_resizing import lower_crop, lower_pad, lower_resize, lower_upsample
from engine.passes.lower_rows import (
    lower_affine,
    lower_dense,
    lower_prelu,
    lower_reshape,
)
from engine.passes.lowering import Lowering, Result
from engine.passes.positions_inside import dense_in_channels
from graph import conv_ops, normalization_ops, ops, pooling_ops, resizing_ops, shape_ops
from graph.graph import Graph, Node
from graph.tensor_type import TensorType, format_shape

# The third argument is the node's op, of the class that the rule is listed under.
_Lower = Callable[[Lowering, Node, Any], Result]


def _activation(to: Lowering, node: Node, op: ops.Activation) -> Result:
    if op.function.is_elementwise:
        return lower_activation(to, node, op)
    return lower_glu_or_group(to, node, op)


_LOWER: dict[type[Any], _Lower] = {
    ops.Dense: lower_dense,
    ops.Activation: _activation,
    ops.PRelu: lower_prelu,
    ops.BatchNormalization: lower_affine,
    ops.LayerNormalization: lower_layer_normalization,
    ops.Rescaling: lower_affine,
    ops.Normalization: lower_affine,
    ops.Merge: lower_merge,
    ops.Dot: lower_dot,
    shape_ops.Reshape: lower_reshape,
    shape_ops.Permute: lower_permute,
    shape_ops.RepeatVector: lower_repeat_vector,
    shape_ops.Concatenate: lower_concatenate,
    conv_ops.Conv: lower_conv,
    conv_ops.DepthwiseConv: lower_depthwise,
    conv_ops.ConvTranspose: lower_conv_transpose,
    pooling_ops.Pool: lower_pool,
    pooling_ops.AdaptivePool: lower_adaptive_pool,
    pooling_ops.GlobalPool: lower_global_pool,
    resizing_ops.Pad: lower_pad,
    resizing_ops.Crop: lower_crop,
    resizing_ops.Upsample: lower_upsample,
    resizing_ops.Resize: lower_resize,
    normalization_ops.GroupNormalization: lower_group_normalization,
    normalization_ops.RmsNormalization: lower_rms_normalization,
    normalization_ops.UnitNormalization: lower_unit_normalization,
}


def lower(graph: Graph) -> Program:
    """Turn a verified graph into a program.

    Raises:
        VariableLengthError: a value has an axis of varying length.
        UnsupportedModelError: the engine has no kernel for an op.
    """
    types = graph.value_types()
    for name, value in types.items():
        _expect_fixed(name, value)
    to = Lowering(graph.weights, types, dense_in_channels(graph))
    inputs = tuple(
        InputSlot(given.name, given.type.dtype.value, given.type.static_sample_shape)
        for given in graph.inputs
    )
    for slot, given in enumerate(graph.inputs):
        place = to.new_buffer(given.type.sample_size)
        to.steps.append(Pack(slot, place))
        to.add(given.name, place)
    for node in graph.nodes:
        rule = _LOWER.get(type(node.op))
        if rule is None:
            raise UnsupportedModelError(
                f"layer {node.layer or node.name!r}: there is no kernel for {type(node.op).__name__}"
            )
        to.add(node.name, rule(to, node, node.op))
    for slot, output in enumerate(graph.outputs):
        to.steps.append(Unpack(to.row_major(output.value), slot))
    outputs = tuple(
        OutputSlot(output.name, types[output.value].static_sample_shape) for output in graph.outputs
    )
    return Program(
        graph.name or "model",
        inputs,
        outputs,
        tuple(to.buffers),
        tuple(to.steps),
        _frozen(to.constants),
    )


def _expect_fixed(name: str, value: TensorType) -> None:
    if None in value.sample_shape:
        raise VariableLengthError(name, format_shape(value.shape))


def _frozen(constants: dict[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    for array in constants.values():
        array.flags.writeable = False
    return constants
