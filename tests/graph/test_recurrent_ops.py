"""Recurrent layers beside Keras: cells, masks, directions, initial states, and what the node gives."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.activations import ActivationFunction, Function
from graph.errors import ShapeError
from graph.graph import Graph
from graph.ops import Dense
from graph.recurrent_ops import (
    Cell,
    GruCell,
    LstmCell,
    Recurrent,
    RecurrentResult,
    SimpleRnnCell,
)
from graph.reference import run
from graph.tensor_type import DType, TensorType, float32
from tests.builders import GraphBuilder

COVERED = {Recurrent}

HARD = ActivationFunction(Function.HARD_SIGMOID)
RELU = ActivationFunction(Function.RELU)
CELLS: tuple[Cell, ...] = (
    LstmCell(),
    LstmCell(RELU, HARD),
    GruCell(),
    GruCell(reset_after=False),
    GruCell(RELU, HARD, reset_after=False),
    SimpleRnnCell(),
    SimpleRnnCell(RELU),
)


def graph_of(op: Recurrent, time: int, features: int, units: int, *, bias: bool = True) -> Graph:
    """A recurrent layer with all the inputs that it takes, behind its projection."""
    b = GraphBuilder()
    x = b.input(time, features)
    columns = op.cell.gates * units
    arguments = [b.dense(x, columns, bias=bias)]
    if op.masked:
        arguments.append(b.input(time, name="mask", type_=TensorType(DType.BOOL, (None, time))))
    if op.stateful_inputs:
        arguments += [b.input(units, name=f"state{place}") for place in range(op.cell.states)]
    weights = [b.weight("recurrent_kernel", b.rng.normal(0, 0.5, (units, columns)))]
    if op.use_recurrent_bias:
        weights.append(b.weight("recurrent_bias", b.rng.normal(0, 0.5, columns)))
    return b.build(b.add(op, arguments, weights))


def keras_layer(keras: Any, op: Recurrent, units: int, *, bias: bool) -> Any:
    arguments: dict[str, Any] = {
        "activation": op.cell.activation.function.value,
        "go_backwards": op.go_backwards,
        "return_sequences": op.result is not RecurrentResult.LAST,
        "return_state": op.result is RecurrentResult.SEQUENCE_AND_STATES,
        "zero_output_for_mask": op.zero_output_for_mask,
        "use_bias": bias,
    }
    match op.cell:
        case LstmCell():
            arguments["recurrent_activation"] = op.cell.recurrent_activation.function.value
            return keras.layers.LSTM(units, **arguments)
        case GruCell():
            arguments["recurrent_activation"] = op.cell.recurrent_activation.function.value
            arguments["reset_after"] = op.cell.reset_after
            return keras.layers.GRU(units, **arguments)
        case SimpleRnnCell():
            return keras.layers.SimpleRNN(units, **arguments)


def keras_result(keras: Any, graph: Graph, inputs: dict[str, np.ndarray], *, bias: bool) -> Any:
    dense, node = graph.nodes
    assert isinstance(node.op, Recurrent)
    assert isinstance(dense.op, Dense)
    op, units = node.op, graph.weights["recurrent_kernel"].shape[0]
    layer = keras_layer(keras, op, units, bias=bias)
    x = inputs["x0"]
    states = [inputs[f"state{place}"] for place in range(op.cell.states * op.stateful_inputs)]
    call = {"mask": inputs.get("mask"), "initial_state": states or None}
    layer(x, **call)
    arrays = [graph.weights[name] for name in (*dense.weights[:1], "recurrent_kernel")]
    if bias:
        own = graph.weights[dense.weights[1]]
        both = op.use_recurrent_bias
        arrays.append(np.stack([own, graph.weights["recurrent_bias"]]) if both else own)
    layer.set_weights(arrays)
    result = layer(x, **call)
    if op.result is not RecurrentResult.SEQUENCE_AND_STATES:
        return np.asarray(result)
    return np.concatenate([result[0], *[np.asarray(one)[:, None] for one in result[1:]]], axis=1)


@st.composite
def recurrents(draw: st.DrawFn) -> Recurrent:
    cell = draw(st.sampled_from(CELLS))
    masked = draw(st.booleans())
    return Recurrent(
        cell,
        go_backwards=draw(st.booleans()),
        result=draw(st.sampled_from(RecurrentResult)),
        masked=masked,
        stateful_inputs=draw(st.booleans()),
        zero_output_for_mask=masked and draw(st.booleans()),
        use_recurrent_bias=isinstance(cell, GruCell) and cell.reset_after,
    )


@settings(max_examples=40, deadline=None)
@given(recurrents(), st.integers(1, 5), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_every_cell_equals_keras(
    keras: Any, op: Recurrent, time: int, features: int, units: int, seed: int
) -> None:
    graph = graph_of(op, time, features, units)
    rng = np.random.default_rng(seed)
    inputs = {
        one.name: rng.integers(0, 2, (3, time)).astype(bool)
        if one.name == "mask"
        else rng.normal(size=(3, *one.type.static_sample_shape)).astype(np.float32)
        for one in graph.inputs
    }
    found = run(graph, inputs)["y0"]
    expected = keras_result(keras, graph, inputs, bias=True)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("cell", [LstmCell(), GruCell(reset_after=True), SimpleRnnCell()])
def test_without_any_bias(keras: Any, cell: Cell) -> None:
    graph = graph_of(Recurrent(cell, result=RecurrentResult.SEQUENCE), 4, 3, 5, bias=False)
    inputs = {"x0": np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)}
    expected = keras_result(keras, graph, inputs, bias=False)
    np.testing.assert_allclose(run(graph, inputs)["y0"], expected, rtol=2e-6, atol=2e-6)


def test_masked_first_steps_give_zeros_whatever_the_initial_state_is() -> None:
    op = Recurrent(
        SimpleRnnCell(),
        result=RecurrentResult.SEQUENCE_AND_STATES,
        masked=True,
        stateful_inputs=True,
    )
    graph = graph_of(op, 3, 2, 2)
    state = np.array([[0.5, -0.5]], np.float32)
    mask = np.array([[False, False, False]])
    found = run(graph, {"x0": np.ones((1, 3, 2)), "mask": mask, "state0": state})["y0"]
    np.testing.assert_array_equal(found[:, :3], 0)
    np.testing.assert_array_equal(found[:, 3], state)


MASK = TensorType(DType.BOOL, (None, 4))


@pytest.mark.parametrize(
    ("op", "inputs", "weights", "message"),
    [
        (Recurrent(LstmCell()), (float32(4, 8),), ((2, 6),), "weights do not fit"),
        (Recurrent(LstmCell()), (float32(4, 8),), (), "weights do not fit"),
        (Recurrent(LstmCell()), (float32(4, 7),), ((2, 8),), "does not fit its input"),
        (Recurrent(LstmCell()), (float32(8),), ((2, 8),), "does not fit its input"),
        (Recurrent(LstmCell()), (float32(4, 8), MASK), ((2, 8),), "wrong number of inputs"),
        (Recurrent(LstmCell(), masked=True), (float32(4, 8),), ((2, 8),), "number of inputs"),
        (Recurrent(LstmCell(), masked=True), (float32(3, 8), MASK), ((2, 8),), "a mask does"),
        (Recurrent(LstmCell(), masked=True), (float32(4, 8), float32(4)), ((2, 8),), "a mask does"),
        (
            Recurrent(LstmCell(), stateful_inputs=True),
            (float32(4, 8), float32(2), float32(3)),
            ((2, 8),),
            "an initial state does not fit",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    op: Recurrent,
    inputs: tuple[TensorType, ...],
    weights: tuple[tuple[int, ...], ...],
    message: str,
) -> None:
    with pytest.raises(ShapeError, match=message):
        op.infer(inputs, weights)


def test_the_time_may_vary() -> None:
    op = Recurrent(LstmCell(), result=RecurrentResult.SEQUENCE_AND_STATES)
    assert op.infer((float32(None, 8),), ((2, 8),)) == float32(None, 2)
    assert op.infer((float32(5, 8),), ((2, 8),)) == float32(7, 2)
