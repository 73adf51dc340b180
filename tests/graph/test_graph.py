"""The graph as data: immutability, edits, verifier, printed form, interpreter errors, drawn graphs."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings

from graph import limits, reference
from graph.activations import RELU
from graph.errors import GraphError, PrunusError, VerifyError
from graph.graph import Graph, Input, Node, Output
from graph.ops import Activation, Dense
from graph.shape_ops import Reshape
from graph.tensor_type import DType, TensorType, float32, normalize_axis
from graph.text import to_text
from graph.verify import verify
from tests.builders import GraphBuilder, random_inputs
from tests.strategies import graphs


def two_layers() -> Graph:
    b = GraphBuilder()
    hidden = b.dense(b.input(4, name="x"), 3, name="first", activation=RELU)
    return b.build(b.dense(hidden, 2, name="second", bias=False))


def test_a_graph_cannot_be_changed_in_place() -> None:
    graph = two_layers()
    with pytest.raises(FrozenInstanceError):
        graph.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        graph.weights["first/kernel"] = np.zeros((4, 3), np.float32)  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        graph.weights["first/kernel"][0, 0] = 1.0


def test_a_graph_does_not_follow_the_callers_array() -> None:
    kernel = np.ones((4, 3), np.float32)
    graph = two_layers().with_weights({"first/kernel": kernel})
    kernel[:] = 7.0
    assert graph.weights["first/kernel"].max() == 1.0


def test_printed_form() -> None:
    text = to_text(two_layers())
    assert text.splitlines()[:5] == [
        'graph "model"',
        "input x: float32[batch, 4]",
        "first = Dense(units=3, use_bias=True)(x; first/kernel, first/bias) : float32[batch, 3]",
        "first/activation = Activation(function=relu)(first) : float32[batch, 3]",
        "second = Dense(units=2, use_bias=False)(first/activation; second/kernel) : float32[batch, 2]",
    ]
    assert text.endswith("\n")
    assert "weight first/kernel: (4, 3) zeros 0.0000" in text


def test_rewiring_lets_readers_and_outputs_follow() -> None:
    graph = two_layers().rewired({"first/activation": "first", "second": "first"})
    assert graph.node("second").inputs == ("first",)
    assert graph.outputs == (Output("y0", "first"),)


def test_dead_nodes_and_their_weights_go_but_inputs_stay() -> None:
    b = GraphBuilder()
    x = b.input(4)
    b.input(2)
    kept = b.dense(x, 3, name="kept")
    b.dense(x, 3, name="dropped")
    graph = b.build(kept).without_dead()
    assert [node.name for node in graph.nodes] == ["kept"]
    assert set(graph.weights) == {"kept/kernel", "kept/bias"}
    assert len(graph.inputs) == 2


def test_consumers_and_weight_users_count_a_node_once() -> None:
    b = GraphBuilder()
    x = b.input(3)
    kernel = b.weight("shared", np.eye(3))
    first = b.add(Dense(3, use_bias=False), [x], [kernel])
    second = b.add(Dense(3, use_bias=False), [first], [kernel])
    graph = b.build(second)
    assert [node.name for node in graph.consumers()[x]] == [first]
    assert [node.name for node in graph.weight_users()["shared"]] == [first, second]
    assert graph.output_values() == {second}


def test_fresh_names_avoid_values_and_weights() -> None:
    graph = two_layers()
    assert graph.fresh_name("new") == "new"
    assert graph.fresh_name("first") == "first_1"
    assert graph.fresh_name("first/kernel") == "first/kernel_1"


def test_unknown_node_is_an_error() -> None:
    with pytest.raises(GraphError, match="there is no node 'third'"):
        two_layers().node("third")


def broken(graph: Graph, **changes: object) -> Graph:
    return replace(graph, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: broken(g, inputs=()), "needs an input"),
        (lambda g: broken(g, outputs=()), "needs an input and an output"),
        (lambda g: broken(g, nodes=g.nodes[::-1]), "before it is made"),
        (lambda g: broken(g, nodes=(*g.nodes, g.nodes[0])), "used twice"),
        (lambda g: broken(g, outputs=g.outputs * 2), "not unique"),
        (lambda g: broken(g, outputs=(Output("y", "nowhere"),)), "which is not there"),
        (lambda g: g.replacing({"second": Node("second", Dense(2, False), ("first",), ("gone",))}), "'gone'"),
        (lambda g: g.with_weights({"first/bias": np.zeros(9, np.float32)}), "weights do not fit"),
        (lambda g: g.with_weights({"first/bias": np.zeros(3, np.float64)}), "stored wrongly"),
        (lambda g: broken(g, inputs=(Input("x", TensorType(DType.FLOAT32, (4,))),)), "no batch axis"),
        (lambda g: broken(g, inputs=(Input("", float32(4)),)), "empty or too long"),
        (lambda g: broken(g, inputs=(Input("x" * 600, float32(4)),)), "empty or too long"),
        (lambda g: broken(g, inputs=(*g.inputs, Input("big", float32(2**20, 2**20)))), "elements"),
        (lambda g: broken(g, inputs=(*g.inputs, Input("deep", float32(*[1] * 9)))), "too many axes"),
        (lambda g: g.replacing({"second": Node("second", Reshape((5,)), ("first",))}), "reshaped"),
    ],
)  # fmt: skip
def test_the_verifier_refuses(change: object, message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        verify(change(two_layers()))  # type: ignore[operator]


def test_the_verifier_limits_the_number_of_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NODES", 2)
    with pytest.raises(VerifyError, match="too many nodes; expected at most 2; got 3"):
        verify(two_layers())


def test_a_verifier_error_shows_the_neighbourhood() -> None:
    graph = two_layers()
    wrong = replace(graph.node("second"), inputs=("first/activation", "x"))
    with pytest.raises(VerifyError) as caught:
        verify(graph.replacing({"second": wrong}))
    assert "> second = Dense" in str(caught.value)
    assert "  first = Dense" in str(caught.value)


def test_errors_say_expected_got_and_hint() -> None:
    error = PrunusError("no", expected="a", got="b", hint="do c")
    assert str(error) == "no; expected a; got b; do c"


def test_the_interpreter_names_a_missing_or_wrong_input() -> None:
    graph = two_layers()
    with pytest.raises(GraphError, match="input 'x' is missing"):
        reference.run(graph, {"z": np.zeros((1, 4))})
    with pytest.raises(GraphError, match="wrong shape"):
        reference.run(graph, {"x": np.zeros((1, 5))})


def test_axes_out_of_range_are_refused() -> None:
    assert normalize_axis(-1, 3) == 2
    with pytest.raises(PrunusError, match="out of range"):
        normalize_axis(3, 3)


def test_a_linear_activation_is_the_identity() -> None:
    b = GraphBuilder()
    x = b.input(3)
    graph = b.build(b.add(Activation(RELU), [x]), x)
    values = random_inputs(graph, 2)
    outputs = reference.run(graph, values)
    np.testing.assert_array_equal(outputs["y1"], values["x0"])
    np.testing.assert_array_equal(outputs["y0"], np.maximum(values["x0"], 0))


@settings(max_examples=60)
@given(graphs())
def test_drawn_graphs_verify_print_and_run_alike_in_both_precisions(graph: Graph) -> None:
    inputs = random_inputs(graph, 3)
    single = reference.run(graph, inputs)
    double = reference.run(graph, inputs, np.float64)
    assert to_text(graph) == to_text(graph)
    for name, value in single.items():
        assert value.dtype == np.float32
        assert double[name].dtype == np.float64
        assert value.shape == double[name].shape
