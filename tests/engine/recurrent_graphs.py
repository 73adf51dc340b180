"""Recurrent layers drawn at random: cells, functions, masks, states, sizes around blocks of units."""

import numpy as np
from hypothesis import strategies as st

from graph.activations import ActivationFunction, Function
from graph.graph import Graph
from graph.recurrent_ops import (
    Cell,
    GruCell,
    LstmCell,
    Recurrent,
    RecurrentResult,
    SimpleRnnCell,
)
from graph.tensor_type import DType, TensorType
from tests.builders import GraphBuilder, random_inputs

CELLS = (LstmCell, GruCell, SimpleRnnCell)
GATES = (Function.SIGMOID, Function.HARD_SIGMOID, Function.HARD_SIGMOID_KERAS2)
ACTIVATIONS = (Function.TANH, Function.SOFTSIGN, Function.RELU)


def recurrent_graph(
    op: Recurrent, times: int, units: int, *, sparsity: float = 0.0, seed: int = 0
) -> Graph:
    """A recurrent layer behind its projection, with every input that it takes."""
    b = GraphBuilder(seed)
    columns = op.cell.gates * units
    arguments = [b.dense(b.input(times, 3), columns, sparsity=0.3)]
    if op.masked:
        arguments.append(b.input(times, name="mask", type_=TensorType(DType.BOOL, (None, times))))
    if op.stateful_inputs:
        arguments += [b.input(units, name=f"state{place}") for place in range(op.cell.states)]
    kernel = b.rng.standard_normal((units, columns)) / np.sqrt(units)
    kernel[b.rng.random(kernel.shape) < sparsity] = 0
    weights = [b.weight("recurrent_kernel", kernel)]
    if op.use_recurrent_bias:
        weights.append(b.weight("recurrent_bias", b.rng.normal(0, 0.3, columns)))
    return b.build(b.add(op, arguments, weights, name="recurrent"))


def masked_inputs(graph: Graph, batch: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random inputs; two thirds of a mask are set, and the mask of the first sample nowhere."""
    rng = np.random.default_rng(seed)
    inputs = random_inputs(graph, batch, seed)
    for name, array in inputs.items():
        if array.dtype == np.bool_:
            inputs[name] = rng.random(array.shape) < 2 / 3
            inputs[name][0] = False
    return inputs


@st.composite
def recurrent_ops(draw: st.DrawFn) -> Recurrent:
    kind = draw(st.sampled_from(CELLS))
    activation = ActivationFunction(draw(st.sampled_from(ACTIVATIONS)))
    gate = ActivationFunction(draw(st.sampled_from(GATES)))
    cell: Cell
    if kind is SimpleRnnCell:
        cell = SimpleRnnCell(activation)
    elif kind is GruCell:
        cell = GruCell(activation, gate, reset_after=draw(st.booleans()))
    else:
        cell = LstmCell(activation, gate)
    masked = draw(st.booleans())
    return Recurrent(
        cell,
        go_backwards=draw(st.booleans()),
        result=draw(st.sampled_from(RecurrentResult)),
        masked=masked,
        stateful_inputs=draw(st.booleans()),
        zero_output_for_mask=masked and draw(st.booleans()),
        use_recurrent_bias=draw(st.booleans()),
    )


@st.composite
def recurrent_graphs(draw: st.DrawFn) -> Graph:
    return recurrent_graph(
        draw(recurrent_ops()),
        draw(st.integers(1, 9)),
        draw(st.one_of(st.integers(1, 20), st.sampled_from([31, 32, 33, 50]))),
        sparsity=draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])),
        seed=draw(st.integers(0, 1000)),
    )
