"""What pruning knows about general operations holds: constants, bounds, and what may move by how much."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from graph.element_ops import Cast, Constant
from graph.graph import Graph
from graph.op import Op
from graph.reduction_ops import Reduce, ReduceKind
from graph.reference import run, run_values
from graph.slice_ops import Slice
from graph.tensor_type import DType
from pruning.lossless.bounds import magnitude_bounds
from pruning.lossless.options import InputRange
from pruning.prune import prune
from pruning.recipe_parser import parse_recipe
from pruning.rules.bound import Bound
from pruning.rules.table import rules_of
from pruning.simplify.constants import constant_elements
from tests.builders import GraphBuilder, random_inputs
from tests.engine.general_graphs import OPERATIONS, general_graphs

few = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
KINDS = (ReduceKind.SUM, ReduceKind.MEAN, ReduceKind.MAX, ReduceKind.MIN)


@pytest.mark.parametrize("name", OPERATIONS)
@few
@given(data=st.data())
def test_no_value_leaves_its_bound_and_constants_are_constant(name: str, data: DataObject) -> None:
    graph = data.draw(general_graphs(name))
    bounds = magnitude_bounds(graph, {"": InputRange(-3, 3)})
    inputs = {n: np.clip(x, -3, 3) for n, x in random_inputs(graph, 6, seed=2).items()}
    constants = constant_elements(graph)
    for value, found in run_values(graph, inputs, np.float64).items():
        limit = bounds.values[value].at(0.0)
        with np.errstate(invalid="ignore"):
            assert not (np.abs(found) > limit * (1 + 1e-12) + 1e-12).any(), value
        fixed = np.broadcast_to(constants[value], found.shape)
        known = ~np.isnan(fixed)
        np.testing.assert_allclose(found[known], fixed[known], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", OPERATIONS)
@few
@given(data=st.data())
def test_pruning_keeps_what_is_computed(name: str, data: DataObject) -> None:
    graph = data.draw(general_graphs(name))
    inputs = random_inputs(graph, 4)
    with np.errstate(all="ignore"):
        wanted = run(graph, inputs, np.float64)["y0"]
        if not np.isfinite(wanted).all():
            return
        found = run(prune(graph, parse_recipe({})).graph, inputs, np.float64)["y0"]
    scale = max(1e-3, float(np.abs(wanted).max()))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("kind", KINDS)
@few
@given(data=st.data())
def test_terms_may_move_as_far_as_the_rules_say(kind: ReduceKind, data: DataObject) -> None:
    axes = data.draw(st.sampled_from([(1,), (2,), (1, 2)]))
    op = Reduce(kind, axes, data.draw(st.booleans()))
    graph = alone(op, 4, 3)
    rules = rules_of(graph)["y"]
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    x, allowed = rng.standard_normal((4, 3)), np.abs(rng.standard_normal(rules.shape))
    limit = rules.tolerance(0, Bound(allowed, np.zeros_like(allowed)), unmoved(4, 3)).constant
    moved = x + limit * rng.uniform(-1, 1, x.shape)
    change = np.abs(op.evaluate([moved[None]], [])[0] - op.evaluate([x[None]], [])[0])
    assert (change <= allowed * (1 + 1e-12)).all()
    errors = rules.error([Bound(np.abs(moved - x), np.zeros_like(x))], [unmoved(4, 3)])
    assert (change <= errors.constant * (1 + 1e-12)).all()


def alone(op: Op, *shape: int) -> Graph:
    b = GraphBuilder()
    return b.build(b.add(op, [b.input(*shape)], name="y"))


def unmoved(*shape: int) -> Bound:
    return Bound(np.zeros(shape), np.zeros(shape))


def test_a_variance_may_not_be_moved() -> None:
    rules = rules_of(alone(Reduce(ReduceKind.VARIANCE, (1,)), 4))["y"]
    assert rules.bound([unmoved(4)]).unknown.all()
    assert not rules.tolerance(0, unmoved(), unmoved(4)).constant.any()


def test_units_that_a_slice_leaves_out_stay() -> None:
    """Nothing is taken out in front of a slice: its numbers would mean other elements."""
    b = GraphBuilder()
    hidden = b.dense(b.input(5), 6, name="h")
    graph = b.build(b.dense(b.add(Slice(1, 1, 4), [hidden]), 2))
    pruned = prune(graph, parse_recipe({})).graph
    inputs = random_inputs(graph, 3)
    np.testing.assert_allclose(run(pruned, inputs)["y0"], run(graph, inputs)["y0"], rtol=1e-6)


def test_a_cast_to_bool_is_at_most_one() -> None:
    rules = rules_of(alone(Cast(DType.BOOL), 4))["y"]
    assert (rules.bound([Bound(np.full(4, np.inf), np.zeros(4))]).constant == 1.0).all()
    assert not rules.bears_rounding


def test_a_constant_does_not_depend_on_its_input() -> None:
    b = GraphBuilder()
    weight = b.weight("c", np.array([1.0, -2.0]))
    graph = b.build(b.add(Constant(), [b.input(3)], [weight], name="y"))
    rules = rules_of(graph)["y"]
    assert (rules.constants([np.full(3, np.nan)]) == [1.0, -2.0]).all()
    assert np.isinf(rules.tolerance(0, unmoved(2), unmoved(3)).constant).all()
