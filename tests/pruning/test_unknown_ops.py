"""Unknown means closed: of an op without rules, every analysis must expect the worst."""

import importlib
import pkgutil
import re
from dataclasses import is_dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graph as graph_package
from graph.activations import ActivationFunction, Function
from graph.front import LOOKUPS
from graph.graph import Graph, Node
from graph.op import Op
from graph.ops import Activation, Dense, Merge, MergeKind, PRelu, Rescaling
from graph.reference import run, run_values
from pruning.answers import output_readings
from pruning.certificate import Guarantee
from pruning.lossless.bounds import magnitude_bounds
from pruning.lossless.drop import drop_negligible
from pruning.lossless.network_bound import network_bounds
from pruning.lossless.options import InputRange, LosslessOptions
from pruning.lossless.perturbation import propagate_errors
from pruning.lossless.tolerance import tolerances
from pruning.prune import prune
from pruning.recipe import Answers, PruningRecipe
from pruning.recipe_parser import parse_recipe
from pruning.rounding import rounding_of
from pruning.rules.op_rules import OpRules
from pruning.rules.table import RULES, rules_of, rules_of_node
from pruning.simplify.constants import constant_elements
from pruning.simplify.keep import kept_elements
from pruning.simplify.liveness import needed_elements
from pruning.simplify.pipeline import BEFORE_DROPPING, FOLDING, SIMPLIFYING, run_to_fixpoint
from pruning.simplify.relations import relations
from pruning.simplify.rewrite import Change, widened
from tests.builders import GraphBuilder, random_inputs
from tests.conftest import REPOSITORY
from tests.pruning.planted import plant
from tests.strategies import graphs
from tests.unknown_ops import (
    SAME_SHAPE,
    CumSum,
    DoubledActivation,
    Outer,
    Reversed,
    RollingDense,
    Wave,
)

RANGES = {"": InputRange(-2, 2)}
WHOLE = ("first", "second", "third", "fourth")
names = pytest.mark.parametrize("op", SAME_SHAPE, ids=lambda op: type(op).__name__)


def planted(op: Op, seed: int = 0) -> Graph:
    """x -> Dense with an unread, a constant, a tiny and two equal units -> op -> Dense."""
    b = GraphBuilder(seed)
    kernel = b.rng.standard_normal((5, 6))
    kernel[:, 1] = 0.0
    kernel[:, 3] = kernel[:, 2]
    kernel[:, 4] *= 1e-30
    h = b.dense(b.input(5), 6, kernel=kernel, bias=False, name="h")
    weird = b.add(op, [h], name="weird")
    read = b.rng.standard_normal((6, 3))
    read[[0, 2]] = 0.0
    read[5] = 1e-30
    return b.build(b.dense(weird, 3, kernel=read, name="y"))


@names
def test_no_element_around_an_unknown_op_is_constant_unneeded_or_removable(op: Op) -> None:
    graph = planted(op)
    constants = constant_elements(graph)
    assert np.isnan(constants["weird"]).all()
    needed = needed_elements(graph, constants)
    assert needed["h"].all()
    kept = kept_elements(graph, constants, needed)
    assert kept["h"].all()
    assert kept["weird"].all()


@names
def test_elements_of_an_unknown_op_are_not_related(op: Op) -> None:
    assert relations(planted(op))["weird"].is_trivial


@names
def test_an_unknown_op_has_no_bound_no_error_bound_and_no_tolerance(op: Op) -> None:
    graph = planted(op)
    bounds = magnitude_bounds(graph, RANGES)
    assert bounds.values["weird"].unknown.all()
    assert bounds.values["y"].unknown.all()
    removed = {"h/kernel": graph.weights["h/kernel"].astype(np.float64)}
    errors = propagate_errors(graph, bounds, removed)
    assert errors["weird"].unknown.all()
    allowed = tolerances(graph, bounds)
    assert not allowed["h"].constant.any()
    assert not allowed["h"].slope.any()


@names
def test_nothing_is_dropped_upstream_of_an_unknown_op_or_after_it(op: Op) -> None:
    graph = planted(op)
    result = drop_negligible(
        graph, magnitude_bounds(graph, RANGES), LosslessOptions(input_ranges=RANGES)
    )
    assert result.claims == ()


def test_far_upstream_nothing_is_dropped_either_but_beside_it_is() -> None:
    b = GraphBuilder(1)
    x = b.input(3)
    kernel = np.array([[1.0, 1.0], [1e-30, 1.0], [1.0, 1.0]])
    far = b.activation(b.dense(x, 2, kernel=kernel, name="far"), Function.TANH)
    near = b.dense(far, 2, kernel=np.array([[1.0, 1.0], [1e-30, 1.0]]), name="near")
    beside = b.dense(x, 2, kernel=kernel, name="beside")
    graph = b.build(b.add(CumSum(), [near]), beside)
    result = drop_negligible(graph, magnitude_bounds(graph, {}), LosslessOptions())
    assert [claim.kernel for claim in result.claims] == ["beside/kernel"]


def test_the_network_bound_behind_an_unknown_op_is_infinite() -> None:
    b = GraphBuilder(1)
    h = b.dense(b.input(3), 3, name="h")
    graph = b.build(b.add(Wave(), [h]))
    bounds = magnitude_bounds(graph, RANGES)
    removed = {"h/kernel": graph.weights["h/kernel"].astype(np.float64) * 1e-9}
    (bound,) = network_bounds(graph, bounds, removed, 1e4)
    assert np.isinf(bound.constant)
    assert np.isinf(bound.relative)


@pytest.mark.parametrize(
    "passes", [BEFORE_DROPPING, FOLDING, SIMPLIFYING], ids=["before", "fold", "simplify"]
)
@names
def test_no_rewrite_changes_what_a_graph_with_an_unknown_op_computes(
    op: Op, passes: tuple[object, ...]
) -> None:
    graph = widened(planted(op))
    rewrite = run_to_fixpoint(graph, passes)  # type: ignore[arg-type]
    inputs = random_inputs(graph, 20)
    before, after = (run(g, inputs, np.float64)["y0"] for g in (graph, rewrite.graph))
    np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-12)


@names
def test_a_neighbouring_layer_is_not_folded_through_an_unknown_op(op: Op) -> None:
    b = GraphBuilder(2)
    h = b.add(op, [b.batch_normalization(b.input(4))])
    graph = widened(b.build(b.dense(b.batch_normalization(h), 3)))
    rewrite = run_to_fixpoint(graph, FOLDING)
    inputs = random_inputs(graph, 20)
    before, after = (run(g, inputs, np.float64)["y0"] for g in (graph, rewrite.graph))
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


def with_much_to_rewrite(op: Op | None) -> Graph:
    """A graph in which every rewrite finds something in front of the node `weird`, or of nothing there."""
    b = GraphBuilder(9)
    normal = b.add(Rescaling((0.3,), (0.1,)), [b.input(4)], name="normal")
    kernel = b.rng.standard_normal((4, 6))
    kernel[:, 1] = kernel[:, 0]
    kernel[:, 4] = 0.0
    bias = np.array([0.2, 0.2, 0.1, 0.4, 0.3, 0.5])
    first = b.dense(
        normal, 6, kernel=kernel, bias_values=bias, activation=Function.RELU, name="first"
    )
    read = b.rng.standard_normal((6, 5))
    read[:4, 0] = read[5, 0] = 0.0  # unit 0 reads the constant only
    second = b.dense(first, 5, kernel=read, activation=Function.RELU, name="second")
    third = b.dense(second, 50, name="third")
    fourth = b.add(Rescaling((0.7,), (0.2,)), [b.dense(third, 3, name="fourth")])
    weird = fourth if op is None else b.add(op, [fourth], name="weird")
    behind = b.add(Rescaling((0.9,)), [b.dense(weird, 3, name="behind")], name="tail")
    return b.build(b.activation(behind, Function.SOFTMAX))


@pytest.mark.parametrize(
    "change",
    [Change.FOLDED, Change.COLLAPSED, Change.MERGED, Change.CLEARED],
    ids=str,
)
def test_without_an_unknown_op_every_rewrite_finds_something(change: Change) -> None:
    notes = prune(with_much_to_rewrite(None), PruningRecipe()).notes
    assert any(note.change is change for note in notes)


@names
def test_no_weight_in_front_of_an_unknown_op_is_computed_anew(op: Op) -> None:
    graph = with_much_to_rewrite(op)
    result = prune(graph, PruningRecipe())
    front = {name for name in graph.weights if name.split("/")[0] in WHOLE}
    assert all(np.isin(result.graph.weights[n], graph.weights[n]).all() for n in front)
    exact = [c.guarantee for name, c in result.certificate.layers.items() if name in WHOLE]
    assert exact == [Guarantee.EXACT] * 4
    assert {note.node for note in result.notes if not note.exact} == {"tail"}
    # Behind it, the rewrites go on.
    assert any(note.change is Change.FOLDED for note in result.notes)


@names
def test_prune_keeps_every_live_unit_and_rolls_nothing_back(op: Op) -> None:
    graph = planted(op)
    result = prune(graph, PruningRecipe())
    first, second = result.layers
    assert first.units_removed == 0
    assert first.nonzeros_after == first.nonzeros_before
    # The gate must not be what saves the model: the analyses themselves must have left it alone.
    assert result.certificate.rolled_back == ()
    assert second.nonzeros_after == second.nonzeros_before
    assert result.certificate.simplification.worst == 0.0
    assert any(type(op).__name__ in text for text in result.certificate.assumptions)


def test_prune_leaves_the_weights_of_an_unknown_op_alone() -> None:
    b = GraphBuilder(3)
    h = b.dense(b.input(4), 4, kernel=np.diag([1.0, 0.0, 1e-30, 1.0]), name="h")
    factor = b.weight("factor", np.array([1.0, 0.0, 1e-30, 2.0]))
    graph = b.build(b.dense(b.add(Reversed(), [h], [factor], name="weird"), 2, name="y"))
    for recipe in ({}, {"mode": "magnitude", "sparsity": 0.5}):
        result = prune(graph, parse_recipe(recipe))
        assert np.array_equal(result.graph.weights["factor"], graph.weights["factor"])
        assert result.layers[1].reason.startswith("Reversed")
        assert result.certificate.simplification.worst == 0.0


def test_a_kernel_that_an_unknown_op_reads_too_is_not_changed() -> None:
    b = GraphBuilder(4)
    x = b.input(3)
    kernel = b.weight("kernel", np.array([[1.0, 0.0, 1e-30]] * 3))
    h = b.add(Dense(3, use_bias=False), [x], [kernel], name="h")
    other = b.add(RollingDense(3, use_bias=False), [h], [kernel], name="other")
    graph = b.build(b.dense(other, 2, name="y"))
    assert drop_negligible(graph, magnitude_bounds(graph, {}), LosslessOptions()).claims == ()
    result = prune(graph, parse_recipe({"mode": "magnitude", "sparsity": 0.5}))
    assert np.array_equal(result.graph.weights["kernel"], graph.weights["kernel"])


def kernel_that_is_also_a_slope() -> Graph:
    """One weight that is a Dense layer's kernel and, beside it, a PReLU's alpha."""
    b = GraphBuilder(6)
    kernel = b.weight("kernel", np.array([[1.0, 1.0], [1e-30, 1.0]]))
    h = b.add(Dense(2, use_bias=False), [b.input(2)], [kernel], name="h")
    sloped = b.add(PRelu(), [b.input(2, 2)], [kernel], name="sloped")
    return b.build(h, sloped)


def test_a_kernel_with_another_role_loses_no_weight() -> None:
    graph = kernel_that_is_also_a_slope()
    assert drop_negligible(graph, magnitude_bounds(graph, {}), LosslessOptions()).claims == ()


def test_weights_that_go_from_a_kernel_with_another_role_leave_no_error_bound_there() -> None:
    graph = kernel_that_is_also_a_slope()
    gone = {"kernel": np.full((2, 2), 1e-9)}
    errors = propagate_errors(graph, magnitude_bounds(graph, RANGES), gone)
    assert not errors["h"].unknown.any()
    assert errors["sloped"].unknown.all()


@names
def test_no_rounding_of_its_own_is_granted_to_an_unknown_op(op: Op) -> None:
    b = GraphBuilder(8)
    graph = b.build(b.add(op, [b.input(5)]))
    assert not rounding_of(graph, random_inputs(graph, 4)).spread["y0"].any()


def test_the_answers_of_an_unknown_op_are_read_as_numbers() -> None:
    b = GraphBuilder(8)
    softmax = DoubledActivation(ActivationFunction(Function.SOFTMAX))
    (reading,) = output_readings(b.build(b.add(softmax, [b.input(5)])), None)
    assert reading.answers is Answers.NUMBERS


def test_the_cautious_rules_keep_everything_by_themselves() -> None:
    # `mixes` and `keep` each do it alone, so that no test of the analyses would miss one of them.
    rules = rules_for(CumSum())
    flags = [np.zeros((4, 6), np.bool_) for _ in range(2)]
    rules.keep(flags[:1], flags[1])
    assert rules.mixes
    assert all(each.all() for each in flags)


def test_an_unknown_op_of_two_values_and_another_shape_is_no_trouble() -> None:
    b = GraphBuilder(5)
    x = b.input(4)
    kernel = np.array([[1.0, 0.0, 1.0]] * 4)
    values = [b.dense(x, 3, kernel=kernel, name=name) for name in ("a", "b")]
    graph = b.build(b.dense(b.add(Outer(), values), 2, sparsity=0.5, name="y"))
    result = prune(graph, PruningRecipe())
    assert result.certificate.simplification.worst == 0.0
    assert [layer.units_removed for layer in result.layers] == [0, 0, 0]


def with_unknown(graph: Graph, op: Op, place: int) -> Graph:
    """The graph with `op` between one of its values and everything that reads it."""
    value = [*(given.name for given in graph.inputs), *(node.name for node in graph.nodes)]
    name = value[place % len(value)]
    weird = Node("weird", op, (name,), (), "weird")
    rewired = graph.rewired({name: "weird"})
    first = next((i + 1 for i, node in enumerate(graph.nodes) if node.name == name), 0)
    return rewired.with_nodes((*rewired.nodes[:first], weird, *rewired.nodes[first:]))


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(max_steps=6), st.sampled_from(SAME_SHAPE), st.integers(0, 9), st.integers(0, 2**31))
def test_drawn_graphs_with_an_unknown_op_stay_the_same_and_within_their_bounds(
    graph: Graph, op: Op, place: int, seed: int
) -> None:
    # Without tiny weights: where a whole output is as small as they are, the gate refuses known ops, too.
    weird = with_unknown(plant(graph, seed, 0.2), op, place)
    result = prune(weird, parse_recipe({"lossless": {"input_range": [-3, 3]}}))
    # The gate must not be what saves the model.
    assert result.certificate.rolled_back == ()
    bounds = magnitude_bounds(weird, {"": InputRange(-3, 3)})
    inputs = {n: np.clip(x, -3, 3) for n, x in random_inputs(weird, 6, seed=2).items()}
    for name, values in run_values(weird, inputs, np.float64).items():
        limit = bounds.values[name].at(0.0)
        assert not (np.abs(values) > limit * (1 + 1e-12) + 1e-12).any()


def all_ops() -> set[type]:
    """Every class under graph/ that is a dataclass with `infer` and `evaluate`."""
    found = set()
    for module in pkgutil.walk_packages(graph_package.__path__, "graph."):
        for thing in vars(importlib.import_module(module.name)).values():
            is_op = hasattr(thing, "infer") and hasattr(thing, "evaluate") and is_dataclass(thing)
            if isinstance(thing, type) and is_op and thing.__module__.startswith("graph."):
                found.add(thing)
    # Lookups stand in front of the network, where nothing is pruned.
    return found - {Op} - set(LOOKUPS)


def test_every_op_of_graph_has_rules() -> None:
    assert len(all_ops()) >= 13
    assert {op.__name__ for op in all_ops() - set(RULES)} == set()
    assert set(RULES) <= all_ops(), "rules for an op that is not there"


def rules_for(op: Op) -> OpRules[Op]:
    b = GraphBuilder()
    graph = b.build(b.add(op, [b.input(4, 6)], name="y"))
    return rules_of(graph)["y"]


@pytest.mark.parametrize("function", list(Function))
def test_every_activation_function_has_rules(function: Function) -> None:
    assert type(rules_for(Activation(ActivationFunction(function)))) is not OpRules


@pytest.mark.parametrize("op", SAME_SHAPE, ids=lambda op: type(op).__name__)
def test_an_unknown_op_gets_the_cautious_rules(op: Op) -> None:
    assert type(rules_for(op)) is OpRules


@pytest.mark.parametrize("kind", list(MergeKind))
def test_every_kind_of_merge_has_rules(kind: MergeKind) -> None:
    node = Node("y", Merge(kind), ("a", "b"))
    assert type(rules_of_node(node, (), ((3,), (3,)), (3,))) is not OpRules


@pytest.mark.parametrize(
    "op",
    [Merge("harmonic"), Activation(ActivationFunction("wobble"))],  # type: ignore[arg-type]
    ids=["merge", "activation"],
)
def test_an_unknown_kind_of_a_known_op_is_unknown(op: Op) -> None:
    node = Node("y", op, ("a", "b"))
    assert type(rules_of_node(node, (), ((3,), (3,)), (3,))) is OpRules


@pytest.mark.parametrize("op", sorted(RULES, key=lambda op: op.__name__))
def test_a_subclass_of_a_known_op_is_unknown(op: type[Op]) -> None:
    other = type(f"Other{op.__name__}", (op,), {})
    node = Node("y", object.__new__(other), ("x",))
    assert type(rules_of_node(node, (), ((3,),), (3,))) is OpRules


def test_only_the_rules_know_ops_by_name() -> None:
    """An analysis that asks for the class of an op decides about ops that it does not know, too."""
    room = REPOSITORY / "pruning"
    ops = re.compile(r"^\s*(from graph(\.\w*ops)? import|import graph\.\w*ops)", re.MULTILINE)
    found = {
        str(path.relative_to(room))
        for path in room.rglob("*.py")
        if path.parent.name != "rules" and ops.search(path.read_text())
    }
    # It reads the last activation, by its exact class.
    assert found == {"answers.py"}
