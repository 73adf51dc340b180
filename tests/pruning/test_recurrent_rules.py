"""Recurrent layers: which units go without changing anything, which must stay, and masks of their kernels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.activations import ActivationFunction, Function
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
from graph.reference import run, run_values
from graph.tensor_type import DType, TensorType
from pruning.lossless.bounds import InputRange, magnitude_bounds
from pruning.prune import prune
from pruning.recipe_parser import parse_recipe
from pruning.simplify.pipeline import SIMPLIFYING, run_to_fixpoint
from pruning.simplify.rewrite import rounded, widened
from tests.builders import GraphBuilder, random_inputs

CELLS: tuple[Cell, ...] = (LstmCell(), GruCell(), GruCell(reset_after=False), SimpleRnnCell())
UNITS = 6


def network(op: Recurrent, seed: int = 0, units: int = UNITS) -> Graph:
    """A projection, a recurrent layer and a Dense layer behind it, over 4 steps of 3 features."""
    b = GraphBuilder(seed)
    columns = op.cell.gates * units
    arguments = [b.dense(b.input(4, 3), columns, name="projection")]
    if op.masked:
        mask = b.input(4, name="mask", type_=TensorType(DType.BOOL, (None, 4)))
        arguments.append(mask)
    if op.stateful_inputs:
        arguments += [b.input(units, name=f"state{place}") for place in range(op.cell.states)]
    weights = [b.weight("kernel", b.rng.normal(0, 0.6, (units, columns)))]
    if op.use_recurrent_bias:
        weights.append(b.weight("bias", b.rng.normal(0, 0.6, columns)))
    y = b.add(op, arguments, weights, name="recurrent")
    return b.build(b.dense(y, 2, name="head"))


def gates_of(graph: Graph, unit: int) -> np.ndarray:
    units = graph.weights["kernel"].shape[0]
    return np.arange(unit, graph.weights["kernel"].shape[1], units)


def edited(graph: Graph, **changes: np.ndarray) -> Graph:
    return graph.with_weights(
        {name.replace("_of_", "/"): array.astype(np.float32) for name, array in changes.items()}
    )


def simplified(graph: Graph) -> Graph:
    return rounded(run_to_fixpoint(widened(graph), SIMPLIFYING).graph)


def units_of(graph: Graph) -> int:
    node = graph.node("recurrent")
    return graph.weights[node.weights[0]].shape[0]


def inputs_of(graph: Graph) -> dict[str, np.ndarray]:
    inputs = random_inputs(graph, 5, seed=3)
    if "mask" in inputs:
        inputs["mask"] = np.random.default_rng(2).integers(0, 2, inputs["mask"].shape).astype(bool)
    return inputs


def assert_same(one: Graph, other: Graph) -> None:
    inputs = inputs_of(one)
    found, wanted = run(other, inputs, np.float64)["y0"], run(one, inputs, np.float64)["y0"]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def without_readers(graph: Graph, units: list[int], readers: list[int]) -> Graph:
    """Only `readers` read these units, and the layer behind does not."""
    kernel, head = np.array(graph.weights["kernel"]), np.array(graph.weights["head/kernel"])
    head[units] = 0.0
    for unit in set(range(UNITS)) - set(readers):
        kernel[np.ix_(units, gates_of(graph, unit))] = 0.0
    return edited(graph, kernel=kernel, head_of_kernel=head)


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("result", [RecurrentResult.LAST, RecurrentResult.SEQUENCE])
@pytest.mark.parametrize("masked", [False, True])
def test_units_that_only_read_each_other_go(
    cell: Cell, result: RecurrentResult, masked: bool
) -> None:
    bias = isinstance(cell, GruCell) and cell.reset_after
    op = Recurrent(cell, result=result, masked=masked, use_recurrent_bias=bias)
    graph = without_readers(network(op), [1, 4], readers=[1, 4])
    found = simplified(graph)
    assert units_of(found) == UNITS - 2
    assert found.weights["projection/kernel"].shape == (3, cell.gates * (UNITS - 2))
    assert_same(graph, found)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_unit_that_another_one_reads_stays(cell: Cell) -> None:
    graph = without_readers(network(Recurrent(cell)), [1], readers=[0, 1])
    assert units_of(simplified(graph)) == UNITS


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_units_with_initial_states_keep_their_inputs(cell: Cell) -> None:
    # The states are inputs of the model, whose shape does not change.
    graph = without_readers(network(Recurrent(cell, stateful_inputs=True)), [2], readers=[2])
    found = simplified(graph)
    assert units_of(found) == UNITS
    assert_same(graph, found)


def with_candidate(graph: Graph, unit: int, *, bias: float) -> Graph:
    """The candidate of a unit reads nothing, and has only a bias."""
    column = gates_of(graph, unit)[0 if graph.weights["kernel"].shape[1] == UNITS else 2]
    kernel, projection = (
        np.array(graph.weights["kernel"]),
        np.array(graph.weights["projection/kernel"]),
    )
    biases = np.array(graph.weights["projection/bias"])
    kernel[:, column], projection[:, column], biases[column] = 0.0, 0.0, bias
    changes = {
        "kernel": kernel, "projection_of_kernel": projection, "projection_of_bias": biases
    }  # fmt: skip
    if "bias" in graph.weights:
        own = np.array(graph.weights["bias"])
        own[column] = 0.0
        changes["bias"] = own
    return edited(graph, **changes)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_unit_that_stays_at_zero_goes(cell: Cell) -> None:
    bias = isinstance(cell, GruCell) and cell.reset_after
    graph = with_candidate(network(Recurrent(cell, use_recurrent_bias=bias)), 3, bias=0.0)
    found = simplified(graph)
    assert units_of(found) == UNITS - 1
    assert_same(graph, found)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_unit_with_only_a_bias_is_not_constant(cell: Cell) -> None:
    op = Recurrent(cell, result=RecurrentResult.SEQUENCE)
    graph = network(op)
    gates = gates_of(graph, 3)
    kernel, projection = (
        np.array(graph.weights["kernel"]),
        np.array(graph.weights["projection/kernel"]),
    )
    kernel[:, gates], projection[:, gates] = 0.0, 0.0
    graph = edited(graph, kernel=kernel, projection_of_kernel=projection)
    found = simplified(graph)
    assert units_of(found) == UNITS
    assert_same(graph, found)
    if not isinstance(cell, SimpleRnnCell):
        states = run_values(graph, inputs_of(graph), np.float64)["recurrent"][0, :, 3]
        assert len(np.unique(states)) == 4


def test_a_unit_with_another_first_state_does_not_stay_at_zero() -> None:
    graph = with_candidate(network(Recurrent(LstmCell(), stateful_inputs=True)), 3, bias=0.0)
    assert_same(graph, simplified(graph))


def test_a_candidate_of_another_function_is_not_zero() -> None:
    cell = LstmCell(ActivationFunction(Function.SIGMOID))
    graph = with_candidate(network(Recurrent(cell)), 3, bias=0.0)
    assert units_of(simplified(graph)) == UNITS


def test_units_that_a_function_couples_stay() -> None:
    cell = GruCell(ActivationFunction(Function.SOFTMAX))
    graph = without_readers(network(Recurrent(cell)), [1], readers=[])
    found = simplified(graph)
    assert units_of(found) == UNITS
    assert_same(graph, found)


def test_layers_that_share_a_kernel_stay_whole() -> None:
    graph = without_readers(network(Recurrent(LstmCell())), [1], readers=[1])
    first, second = graph.node("recurrent"), graph.node("head")
    again = replace(first, name="again", op=replace(first.op, go_backwards=True))
    both = replace(second, name="both", inputs=("again",))
    outputs = (*graph.outputs, replace(graph.outputs[0], name="y1", value="both"))
    graph = replace(graph, nodes=(*graph.nodes, again, both), outputs=outputs)
    assert units_of(simplified(graph)) == UNITS


@settings(max_examples=25)
@given(
    st.sampled_from(CELLS),
    st.sampled_from(RecurrentResult),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**20),
)
def test_drawn_sparse_layers_stay_the_same_and_within_their_bounds(
    cell: Cell, result: RecurrentResult, masked: bool, stateful: bool, seed: int
) -> None:
    bias = isinstance(cell, GruCell) and cell.reset_after
    op = Recurrent(
        cell, result=result, masked=masked, stateful_inputs=stateful, use_recurrent_bias=bias
    )
    graph = network(op, seed)
    rng = np.random.default_rng(seed)
    sparse = {
        name: np.where(rng.random(array.shape) < 0.7, 0.0, array).astype(np.float32)
        for name, array in graph.weights.items()
    }
    graph = graph.with_weights(sparse)
    result_ = prune(graph, parse_recipe({"lossless": {"input_range": [-3, 3]}}))
    assert result_.certificate.rolled_back == ()
    assert_same(graph, result_.graph)
    inputs = {
        name: array if name == "mask" else np.clip(array, -3, 3)
        for name, array in inputs_of(graph).items()
    }
    bounds = magnitude_bounds(graph, {"": InputRange(-3, 3)})
    for name, values in run_values(graph, inputs, np.float64).items():
        limit = bounds.values[name].at(0.0)
        assert not (np.abs(values) > limit * (1 + 1e-12) + 1e-12).any()


@pytest.mark.parametrize(
    "recipe",
    [
        {"mode": "magnitude", "sparsity": 0.5},
        {"mode": "threshold", "threshold": 0.4},
        {"mode": "magnitude", "pattern": {"kind": "n_m", "n": 2, "m": 4}},
    ],
    ids=str,
)
def test_recurrent_kernels_are_pruned_by_size(recipe: dict) -> None:
    graph = network(Recurrent(LstmCell()), units=8)
    found = prune(graph, parse_recipe(recipe))
    before, after = graph.weights["kernel"], found.graph.weights["kernel"]
    assert np.count_nonzero(after) < 0.8 * before.size
    assert (after[after != 0] == before[after != 0]).all()
    (record,) = [layer for layer in found.layers if layer.kind == "Recurrent"]
    assert record.has_kernel
    assert not record.reason
    assert record.nonzeros_after == np.count_nonzero(after)


def test_weights_in_front_are_not_dropped_for_being_small() -> None:
    graph = network(Recurrent(LstmCell()))
    kernel = np.array(graph.weights["projection/kernel"])
    kernel[0] = 1e-20
    graph = edited(graph, projection_of_kernel=kernel)
    found = prune(graph, parse_recipe({"lossless": {"absolute_threshold": 0.0}}))
    assert np.count_nonzero(found.graph.weights["projection/kernel"]) == kernel.size
    assert isinstance(graph.node("projection").op, Dense)
