"""Exact rewrites: the oracle is the interpreter before and after, in float64."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.activations import ActivationFunction, Function
from graph.graph import Graph
from graph.ops import Dense, Merge, MergeKind, Normalization, PRelu, Rescaling
from graph.reference import run
from graph.shape_ops import Concatenate, Reshape
from pruning.simplify.pipeline import FOLDING, SIMPLIFYING, run_to_fixpoint
from pruning.simplify.rewrite import Change, Pass, Rewrite, rounded, widened
from pruning.simplify.shrink import shrink
from tests.builders import GraphBuilder, random_inputs
from tests.pruning.planted import planted_graphs, random_network

ALL = (*FOLDING, *SIMPLIFYING)
# Rewrites are algebraic identities computed in float64: a few units of its rounding, over a few dozen terms.
EXACT = 1e-12


def simplify(graph: Graph, passes: Sequence[Pass] = ALL) -> Rewrite:
    """Run the passes and check that outputs and signature stay."""
    wide = widened(graph)
    rewrite = run_to_fixpoint(wide, passes)
    assert rewrite.graph.inputs == graph.inputs
    assert [o.name for o in rewrite.graph.outputs] == [o.name for o in graph.outputs]
    inputs = random_inputs(graph, 5, seed=1)
    expected = run(wide, inputs, np.float64)
    got = run(rewrite.graph, inputs, np.float64)
    for name, array in expected.items():
        assert got[name].shape == array.shape
        if np.isfinite(array).all():
            scale = max(1.0, float(np.abs(array).max()))
            assert np.abs(got[name] - array).max() <= EXACT * scale
    return rewrite


def units(graph: Graph, name: str) -> int:
    op = graph.node(name).op
    assert isinstance(op, Dense)
    return op.units


def relu_net(kernel: np.ndarray, bias: np.ndarray, activation: Function = Function.RELU) -> Graph:
    """x -> Dense(kernel, bias) -> activation -> Dense(2)."""
    b = GraphBuilder(1)
    x = b.input(len(kernel))
    h = b.dense(x, len(bias), kernel=kernel, bias_values=bias, activation=activation, name="h")
    return b.build(b.dense(h, 2, name="y"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(planted_graphs())
def test_outputs_stay_on_drawn_graphs_and_a_second_run_changes_nothing(graph: Graph) -> None:
    rewrite = simplify(graph)
    assert run_to_fixpoint(rewrite.graph, ALL).notes == ()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**31))
def test_outputs_stay_on_deep_networks_with_branches_and_shared_layers(seed: int) -> None:
    rewrite = simplify(random_network(seed))
    assert run_to_fixpoint(rewrite.graph, ALL).notes == ()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(planted_graphs(max_steps=5), st.sampled_from(ALL))
def test_every_pass_alone_keeps_the_outputs(graph: Graph, step: Pass) -> None:
    simplify(graph, [step])


def test_units_nobody_reads_go() -> None:
    kernel = np.eye(4, 6)
    b = GraphBuilder(1)
    h = b.dense(b.input(4), 6, kernel=kernel, activation=Function.TANH, name="h")
    read = np.ones((6, 2))
    read[[1, 4]] = 0.0
    rewrite = simplify(b.build(b.dense(h, 2, kernel=read, name="y")))
    # Units 4 and 5 have no incoming weights: 5 is a constant, 4 is both.
    assert units(rewrite.graph, "h") == 3


def test_constant_units_move_into_the_next_bias() -> None:
    kernel = np.array([[1.0, 0.0], [2.0, 0.0]])
    graph = relu_net(kernel, np.array([0.5, 3.0]))
    rewrite = simplify(graph)
    assert units(rewrite.graph, "h") == 1
    moved = rewrite.graph.weights["y/bias"] - graph.weights["y/bias"].astype(np.float64)
    assert moved == pytest.approx(3.0 * graph.weights["y/kernel"][1].astype(np.float64))


def test_a_bias_is_added_where_a_constant_needs_one() -> None:
    b = GraphBuilder(1)
    h = b.dense(b.input(2), 2, kernel=np.array([[1.0, 0], [1, 0]]), activation=Function.RELU)
    rewrite = simplify(b.build(b.dense(h, 3, bias=False, name="y")))
    assert rewrite.graph.node("y").op == Dense(3, use_bias=True)


def test_a_constant_unit_that_a_softmax_reads_stays() -> None:
    b = GraphBuilder(1)
    kernel = np.ones((3, 4))
    kernel[:, 2] = 0.0
    h = b.dense(b.input(3), 4, kernel=kernel, activation=Function.SOFTMAX, name="h")
    rewrite = simplify(b.build(b.dense(h, 2, name="y")))
    assert units(rewrite.graph, "h") == 4


@pytest.mark.parametrize("kind", list(MergeKind))
def test_a_constant_unit_of_one_branch_survives_a_merge(kind: MergeKind) -> None:
    b = GraphBuilder(2)
    x = b.input(3)
    kernel = b.rng.standard_normal((3, 4))
    kernel[:, 1] = 0.0
    bias = np.full(4, 0.5)
    left = b.dense(x, 4, kernel=kernel, bias_values=bias, activation=Function.RELU, name="left")
    right = b.dense(x, 4, activation=Function.RELU, name="right")
    merged = b.add(Merge(kind), [left, right])
    rewrite = simplify(b.build(b.dense(merged, 2, name="y")))
    assert units(rewrite.graph, "left") == units(rewrite.graph, "right") == 4


@pytest.mark.parametrize("kind", [MergeKind.ADD, MergeKind.AVERAGE, MergeKind.MAXIMUM])
def test_a_unit_constant_in_both_branches_goes(kind: MergeKind) -> None:
    b = GraphBuilder(2)
    x = b.input(3)
    branches = []
    for name in ("left", "right"):
        kernel = b.rng.standard_normal((3, 4))
        kernel[:, 1] = 0.0
        branches.append(b.dense(x, 4, kernel=kernel, activation=Function.RELU, name=name))
    rewrite = simplify(b.build(b.dense(b.add(Merge(kind), branches), 2, name="y")))
    assert units(rewrite.graph, "left") == units(rewrite.graph, "right") == 3


def test_a_residual_keeps_what_either_reader_needs() -> None:
    b = GraphBuilder(3)
    h = b.dense(b.input(3), 4, activation=Function.RELU, name="h")
    inner = b.rng.standard_normal((4, 4))
    inner[0] = 0.0  # the branch does not read unit 0, the skip connection does
    branch = b.dense(h, 4, kernel=inner, activation=Function.RELU, name="branch")
    total = b.add(Merge(MergeKind.ADD), [h, branch])
    outer = b.rng.standard_normal((4, 2))
    outer[3] = 0.0  # nobody reads element 3 of the sum, but the branch reads unit 3 of h
    rewrite = simplify(b.build(b.dense(total, 2, kernel=outer, name="y")))
    assert units(rewrite.graph, "h") == 4


def test_an_element_dead_along_a_whole_residual_goes_from_all_its_layers() -> None:
    b = GraphBuilder(3)
    h = b.dense(b.input(3), 4, activation=Function.RELU, name="h")
    inner = b.rng.standard_normal((4, 4))
    inner[3] = 0.0
    branch = b.dense(h, 4, kernel=inner, activation=Function.RELU, name="branch")
    total = b.add(Merge(MergeKind.ADD), [h, branch])
    outer = b.rng.standard_normal((4, 2))
    outer[3] = 0.0
    rewrite = simplify(b.build(b.dense(total, 2, kernel=outer, name="y")))
    assert units(rewrite.graph, "h") == units(rewrite.graph, "branch") == 3


def test_a_shared_layer_loses_only_what_every_use_can_spare() -> None:
    b = GraphBuilder(4)
    x = b.input(3)
    kernel = b.weight("k", b.rng.standard_normal((3, 4)))
    bias = b.weight("b", b.rng.standard_normal(4))
    twins = []
    for index, spared in enumerate(((0, 1), (1, 2))):
        shifted = b.activation(b.dense(x, 3, name=f"in{index}"), Function.TANH)
        twin = b.activation(
            b.add(Dense(4), [shifted], [kernel, bias], name=f"t{index}"), Function.RELU
        )
        read = b.rng.standard_normal((4, 2))
        read[list(spared)] = 0.0
        twins.append(b.dense(twin, 2, kernel=read, name=f"y{index}"))
    rewrite = simplify(b.build(*twins))
    assert units(rewrite.graph, "t0") == units(rewrite.graph, "t1") == 3
    assert rewrite.graph.node("t0").weights == rewrite.graph.node("t1").weights


def test_units_go_through_concatenate_and_flatten() -> None:
    b = GraphBuilder(5)
    rows = b.input(3, 2)
    dead = b.rng.standard_normal((2, 4))
    h = b.dense(rows, 4, kernel=dead, activation=Function.RELU, name="h")
    flat = b.add(Reshape((12,)), [h])
    side = b.dense(b.input(5), 3, activation=Function.TANH, name="side")
    both = b.add(Concatenate(), [flat, side])
    read = b.rng.standard_normal((15, 2))
    read[[1, 5, 9]] = 0.0  # channel 1 at all three positions
    read[[2, 6]] = 0.0  # channel 2 only at two of them: stays
    read[13] = 0.0  # unit 1 of the side branch
    rewrite = simplify(b.build(b.dense(both, 2, kernel=read, name="y")))
    assert units(rewrite.graph, "h") == 3
    assert units(rewrite.graph, "side") == 2
    assert rewrite.graph.node("reshape_2").op == Reshape((9,))


def test_a_constant_that_differs_between_positions_is_not_folded_into_one_bias() -> None:
    b = GraphBuilder(6)
    rows = b.input(3, 2)
    kernel = np.array([[1.0, 0.0], [1.0, 0.0]])
    h = b.dense(rows, 2, kernel=kernel, bias_values=np.array([0.1, -0.7]), name="h")
    alpha = b.weight("alpha", np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]))
    sloped = b.add(PRelu(), [h], [alpha])
    rewrite = simplify(b.build(b.dense(sloped, 2, name="y")))
    assert units(rewrite.graph, "h") == 2


@pytest.mark.parametrize(
    ("activation", "factor", "left"),
    [
        (Function.RELU, 1.0, 1),
        (Function.RELU, 2.0, 1),
        (Function.RELU, -2.0, 2),
        (Function.TANH, 1.0, 1),
        (Function.TANH, 2.0, 2),
        (Function.SIGMOID, -1.0, 2),
    ],
)
def test_proportional_units_are_merged_where_the_activation_allows(
    activation: Function, factor: float, left: int
) -> None:
    row = np.array([0.3, -0.7, 0.2], np.float32)
    kernel = np.stack([row, row * np.float32(factor)], axis=1)
    bias = np.array([0.25, 0.25 * factor])
    assert units(simplify(relu_net(kernel, bias, activation)).graph, "h") == left


def test_units_with_other_biases_are_not_merged() -> None:
    kernel = np.array([[0.3, 0.3], [0.1, 0.1]])
    assert units(simplify(relu_net(kernel, np.array([0.25, 0.5]))).graph, "h") == 2


def test_nearly_proportional_units_are_not_merged() -> None:
    row = np.array([0.3, -0.7, 0.2], np.float32)
    nearly = row * np.float32(3.0)
    nearly[0] = np.nextafter(nearly[0], np.float32(1.0))
    graph = relu_net(np.stack([row, nearly], axis=1), np.zeros(2))
    assert units(simplify(graph).graph, "h") == 2


def test_duplicates_of_a_follower_are_found_in_the_next_layer() -> None:
    b = GraphBuilder(7)
    first = np.array([[1.0, 1.0, 0.5], [2.0, 2.0, 0.1]])
    h = b.dense(b.input(2), 3, kernel=first, bias=False, activation=Function.RELU, name="h")
    # The two columns differ, but units 0 and 1 of h are equal: 1 + 2 = 2 + 1.
    second = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]])
    g = b.dense(h, 2, kernel=second, bias=False, activation=Function.RELU, name="g")
    rewrite = simplify(b.build(b.dense(g, 2, name="y")))
    assert units(rewrite.graph, "h") == 2
    assert units(rewrite.graph, "g") == 1


def test_batch_normalization_is_folded_both_ways() -> None:
    b = GraphBuilder(8)
    h = b.batch_normalization(b.dense(b.input(4), 5, bias=False, name="h"))
    h = b.batch_normalization(b.activation(h, Function.RELU))
    b._weights["batchnormalization_3/mean"] = np.zeros(5, np.float32)
    graph = b.build(b.dense(h, 2, name="y"))
    rewrite = simplify(graph)
    assert [node.name for node in rewrite.graph.nodes] == ["h", "activation_2", "y"]
    # Rounded to float32, every weight keeps its 24 bits.
    inputs = random_inputs(graph, 9)
    expected = run(graph, inputs, np.float64)["y0"]
    got = run(rounded(rewrite.graph), inputs, np.float64)["y0"]
    assert np.abs(got - expected).max() <= 1e-6 * np.abs(expected).max()


def test_a_rank_3_batch_normalization_over_positions_is_not_folded_into_the_layer_before() -> None:
    b = GraphBuilder(9)
    h = b.batch_normalization(b.dense(b.input(3, 2), 4, name="h"), axis=1)
    rewrite = simplify(b.build(h))
    assert len(rewrite.graph.nodes) == 2


def test_a_layer_that_is_also_an_output_is_not_folded() -> None:
    b = GraphBuilder(9)
    h = b.dense(b.input(3), 4, name="h")
    graph = b.build(b.batch_normalization(h), h)
    assert simplify(graph).notes == ()


def test_a_normalization_of_huge_mean_is_not_folded_for_it_would_cancel() -> None:
    b = GraphBuilder(10)
    x = b.input(2)
    mean = b.weight("mean", np.array([[0.5, 1e9]]))
    variance = b.weight("variance", np.array([[1.0, 4.0]]))
    h = b.add(Normalization(), [x], [mean, variance], name="n")
    graph = b.build(b.dense(h, 3, name="y"))
    assert simplify(graph).notes == ()


def test_a_rescaling_is_folded_through_flatten() -> None:
    b = GraphBuilder(11)
    x = b.add(Rescaling((1 / 255,), (-0.5,)), [b.input(4, 3)])
    graph = b.build(b.dense(b.add(Reshape((12,)), [x]), 3, name="y"))
    assert [n.name for n in simplify(graph).graph.nodes] == ["reshape_1", "y"]


def test_linear_layers_collapse_only_where_it_saves_work() -> None:
    for middle, left in ((50, 1), (2, 2)):
        b = GraphBuilder(12)
        h = b.dense(b.input(20), middle, name="h")
        graph = b.build(b.dense(h, 20, name="y"))
        assert len(simplify(graph).graph.nodes) == left


def test_sparse_linear_layers_do_not_collapse_into_a_denser_one() -> None:
    b = GraphBuilder(13)
    h = b.dense(b.input(40), 40, kernel=np.eye(40)[::-1] + np.eye(40, k=3), name="h")
    spread = np.zeros((40, 40))
    spread[np.arange(40), np.arange(40)[::-1]] = 1.0
    spread[:2] = 1.0
    graph = b.build(b.dense(h, 40, kernel=spread + np.eye(40, k=5) + np.eye(40, k=-9), name="y"))
    before = sum(np.count_nonzero(graph.weights[f"{n}/kernel"]) for n in "hy")
    product = np.count_nonzero(graph.weights["h/kernel"] @ graph.weights["y/kernel"])
    assert product > before
    assert len(simplify(graph).graph.nodes) == 2


def test_identities_go_but_an_output_stays_a_node() -> None:
    b = GraphBuilder(14)
    x = b.input(6)
    same = b.add(Rescaling((1.0,)), [x])
    h = b.dense(b.add(Reshape((6,)), [same]), 3, name="h")
    rows = b.add(Reshape((3, 1)), [h])
    graph = b.build(b.add(Reshape((1, 3)), [rows]), same)
    names = [n.name for n in simplify(graph).graph.nodes]
    assert names == ["rescaling_0", "h", "reshape_4"]


def test_a_network_without_weights_left_reads_the_smallest_input() -> None:
    b = GraphBuilder(15)
    big, _ = b.input(9), b.input(2, name="small")
    h = b.dense(big, 5, kernel=np.zeros((9, 5)), activation=Function.TANH, name="h")
    rewrite = simplify(b.build(b.activation(b.dense(h, 3, name="y"), Function.SOFTMAX)))
    assert rewrite.graph.nodes[0].name == "y"
    assert rewrite.graph.node("y").inputs == ("small",)
    assert any(note.change is Change.DETACHED for note in rewrite.notes)


def test_unused_graph_inputs_stay_in_the_signature() -> None:
    b = GraphBuilder(16)
    x, unused = b.input(3), b.input(4)
    dead = b.dense(unused, 3, kernel=np.zeros((4, 3)), bias=False)
    graph = b.build(b.add(Merge(MergeKind.ADD), [b.dense(x, 3), dead]))
    assert [given.name for given in simplify(graph).graph.inputs] == ["x0", "x1"]


def test_an_activation_that_is_not_zero_at_zero_gives_a_constant() -> None:
    f = ActivationFunction(Function.SOFTPLUS)
    b = GraphBuilder(17)
    kernel = np.array([[1.0, 0.0], [1.0, 0.0]])
    h = b.dense(b.input(2), 2, kernel=kernel, bias=False, activation=f, name="h")
    rewrite = simplify(b.build(b.dense(h, 1, bias=False, name="y")))
    assert units(rewrite.graph, "h") == 1
    assert len(rewrite.graph.node("y").weights) == 2


def test_what_stays_between_two_reshapes_is_a_box() -> None:
    b = GraphBuilder(18)
    h = b.dense(b.input(3), 12, activation=Function.TANH, name="h")
    rows = b.activation(b.add(Reshape((3, 4)), [h]), Function.SIGMOID)
    read = b.rng.standard_normal((12, 2))
    read[[0, 1, 2, 3]] = 0.0  # the whole first row: may go
    read[[5, 9]] = 0.0  # what is left of the second column: may go
    read[6] = 0.0  # one element alone: must stay
    rewrite = simplify(b.build(b.dense(b.add(Reshape((12,)), [rows]), 2, kernel=read, name="y")))
    assert units(rewrite.graph, "h") == 6
    assert rewrite.graph.node("reshape_2").op == Reshape((2, 3))


def test_a_unit_constant_at_every_position_with_other_values_is_not_made_one_bias() -> None:
    b = GraphBuilder(6)
    kernel = np.array([[1.0, 0.0], [1.0, 0.0]])
    h = b.dense(b.input(3, 2), 2, kernel=kernel, bias_values=np.array([0.1, -0.7]))
    alpha = b.weight("alpha", np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]))
    sloped = b.add(PRelu(), [h], [alpha])
    # Unit 1 reads the constant feature only, which is -0.07, -0.14 and -0.21.
    rewrite = simplify(b.build(b.dense(sloped, 2, kernel=np.array([[1.0, 0], [1, 1]]), name="y")))
    assert np.count_nonzero(rewrite.graph.weights["y/kernel"][:, 1]) == 1


def test_what_is_multiplied_by_a_constant_zero_goes() -> None:
    b = GraphBuilder(2)
    x = b.input(3)
    kernel = b.rng.standard_normal((3, 4))
    kernel[:, 1] = 0.0
    closed = np.array([0.5, -0.5, 0.5, 0.5])  # relu(-0.5) = 0
    gate = b.dense(x, 4, kernel=kernel, bias_values=closed, activation=Function.RELU, name="gate")
    value = b.dense(x, 4, activation=Function.TANH, name="value")
    product = b.add(Merge(MergeKind.MULTIPLY), [gate, value])
    rewrite = simplify(b.build(b.dense(product, 2, name="y")))
    assert units(rewrite.graph, "gate") == units(rewrite.graph, "value") == 3


def test_a_layer_that_something_else_reads_is_not_folded_into() -> None:
    b = GraphBuilder(9)
    h = b.dense(b.input(3), 4, name="h")
    total = b.add(Merge(MergeKind.ADD), [h, b.batch_normalization(h)])
    assert Change.FOLDED not in [note.change for note in simplify(b.build(total)).notes]


def test_a_rescaling_by_feature_loses_the_numbers_of_units_that_go() -> None:
    b = GraphBuilder(19)
    h = b.dense(b.input(3), 4, activation=Function.TANH, name="h")
    scaled = b.add(Rescaling((1.0, 2.0, 3.0, 4.0), (0.5,)), [h], name="scaled")
    read = b.rng.standard_normal((4, 2))
    read[1] = 0.0
    graph = b.build(b.activation(b.dense(scaled, 2, kernel=read), Function.TANH))
    rewrite = simplify(graph, [shrink])
    assert rewrite.graph.node("scaled").op == Rescaling((1.0, 3.0, 4.0), (0.5,))
