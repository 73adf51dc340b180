"""Graph to program: every node becomes steps over buffers of its own; later passes join and drop them.

Rank and axes are gone afterwards: a value is its elements in row-major order, and every op is
expressed by counts (outer, length, inner), by row numbers, or by one number per row.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.core.errors import UnsupportedModelError, VariableLengthError
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.steps import Pack, Place, Unpack
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
from engine.passes.lower_rows import (
    lower_affine,
    lower_dense,
    lower_prelu,
    lower_reshape,
)
from engine.passes.lowering import Lowering
from graph import ops, shape_ops
from graph.graph import Graph, Node
from graph.tensor_type import TensorType, format_shape

# The third argument is the node's op, of the class that the rule is listed under.
_Lower = Callable[[Lowering, Node, Any], Place]


def _activation(to: Lowering, node: Node, op: ops.Activation) -> Place:
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
    to = Lowering(graph.weights, types)
    inputs = tuple(
        InputSlot(given.name, given.type.dtype.value, given.type.static_sample_shape)
        for given in graph.inputs
    )
    for slot, given in enumerate(graph.inputs):
        place = to.new_buffer(given.type.sample_size)
        to.steps.append(Pack(slot, place))
        to.places[given.name] = place
    for node in graph.nodes:
        rule = _LOWER.get(type(node.op))
        if rule is None:
            raise UnsupportedModelError(
                f"layer {node.layer or node.name!r}: there is no kernel for {type(node.op).__name__}"
            )
        to.places[node.name] = rule(to, node, node.op)
    for slot, output in enumerate(graph.outputs):
        to.steps.append(Unpack(to.places[output.value], slot))
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
