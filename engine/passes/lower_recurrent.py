"""Lowering of recurrent layers: what is left of them behind their input projection, which is a Dense layer."""

import numpy as np

from engine.core.errors import UnsupportedModelError
from engine.core.functions import ElementFunction
from engine.core.recurrent_steps import (
    BLOCK_UNITS,
    Cell,
    MaskedOutput,
    RecurrentStep,
    SequenceResult,
    blocked_columns,
    scratch_of,
)
from engine.kernels.element_functions import element_function
from engine.passes.lowering import Lowering, Lowerings, Result
from graph.activations import ActivationFunction
from graph.graph import Node
from graph.recurrent_ops import GruCell, LstmCell, Recurrent, RecurrentResult, SimpleRnnCell

_RESULTS = {
    RecurrentResult.SEQUENCE: SequenceResult.SEQUENCE,
    RecurrentResult.LAST: SequenceResult.LAST,
    RecurrentResult.SEQUENCE_AND_STATES: SequenceResult.SEQUENCE_AND_STATES,
}


def lower_recurrent(to: Lowering, node: Node, op: Recurrent) -> Result:
    """Return the outputs of a loop over time.

    Raises:
        UnsupportedModelError: a function of the cell acts along an axis.
    """
    places = [to.row_major(value) for value in node.inputs]
    y = to.result(node)
    times = to.shape(node.inputs[0])[0]
    cell = _cell(op)
    hidden = places[0].rows // (times * cell.gates)
    masked = MaskedOutput.NONE
    if op.masked:
        masked = MaskedOutput.ZERO if op.zero_output_for_mask else MaskedOutput.REPEAT
    columns = blocked_columns(cell, hidden)
    weights = [to.weight_array(name)[..., columns] for name in node.weights]
    names = [
        to.constant(f"{name}/in blocks of {BLOCK_UNITS}", weight)
        for name, weight in zip(node.weights, weights, strict=True)
    ]
    gate = ElementFunction()
    if not isinstance(op.cell, SimpleRnnCell):
        gate = _function(node, op.cell.recurrent_activation)
    to.steps.append(
        RecurrentStep(
            node.name,
            places[0],
            y,
            names[0],
            names[1] if op.use_recurrent_bias else None,
            int(np.count_nonzero(weights[0])),
            cell,
            _function(node, op.cell.activation),
            gate,
            times,
            op.go_backwards,
            _RESULTS[op.result],
            masked,
            places[1] if op.masked else None,
            tuple(places[1 + op.masked :]),
            to.new_buffer(scratch_of(cell, masked, hidden).rows),
        )
    )
    return y


def _cell(op: Recurrent) -> Cell:
    match op.cell:
        case LstmCell():
            return Cell.LSTM
        case GruCell():
            return Cell.GRU if op.cell.reset_after else Cell.GRU_BEFORE
        case SimpleRnnCell():
            return Cell.SIMPLE


def _function(node: Node, activation: ActivationFunction) -> ElementFunction:
    if not activation.is_elementwise:
        raise UnsupportedModelError(
            f"layer {node.layer or node.name!r}: there is no kernel for {activation.function.value} "
            "inside of a recurrent layer"
        )
    return element_function(activation)


LOWERINGS: Lowerings = {Recurrent: lower_recurrent}
