"""Graph to program: every node becomes steps over buffers of its own; later passes join and drop them.

Rank and axes are gone afterwards: a value is its elements row-major, or in channels (`engine.passes.lowering`), and
every op is expressed by counts (outer, length, inner), by row numbers, by windows, or by one number per row.
"""

from typing import Any

import numpy as np

from engine.core.errors import UnsupportedModelError, VariableLengthError
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.steps import Pack, Unpack
from engine.passes import (
    lower_attention,
    lower_axes,
    lower_conv,
    lower_general,
    lower_norms,
    lower_pool,
    lower_recurrent,
    lower_resizing,
    lower_rows,
)
from engine.passes.lowering import DerivedWeights, Lowering, Lowerings
from engine.passes.positions_inside import dense_in_channels
from graph.graph import Graph
from graph.tensor_type import TensorType, format_shape

# By the class of the op; an op that is not here is refused.
LOWERED: Lowerings = {
    **lower_attention.LOWERINGS,
    **lower_axes.LOWERINGS,
    **lower_conv.LOWERINGS,
    **lower_general.LOWERINGS,
    **lower_norms.LOWERINGS,
    **lower_pool.LOWERINGS,
    **lower_recurrent.LOWERINGS,
    **lower_resizing.LOWERINGS,
    **lower_rows.LOWERINGS,
}


def lower(graph: Graph, derived: DerivedWeights | None = None) -> Program:
    """Turn a verified graph into a program.

    Args:
        graph: the graph.
        derived: what was made of its weights at other sizes, where there are some.

    Raises:
        VariableLengthError: a value has an axis of varying length.
        UnsupportedModelError: the engine has no kernel for an op.
    """
    types = graph.value_types()
    for name, value in types.items():
        _expect_fixed(name, value)
    to = Lowering(graph.weights, types, dense_in_channels(graph), derived)
    inputs = tuple(
        InputSlot(given.name, given.type.dtype.value, given.type.static_sample_shape)
        for given in graph.inputs
    )
    for slot, given in enumerate(graph.inputs):
        place = to.new_buffer(given.type.sample_size)
        to.steps.append(Pack(slot, place))
        to.add(given.name, place)
    for node in graph.nodes:
        rule = LOWERED.get(type(node.op))
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
