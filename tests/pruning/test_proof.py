"""The scale-aware rule: what it claims must hold for every input tried, and what it cannot claim it must leave."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.activations import AXIS_FUNCTIONS, ActivationFunction, Function
from graph.graph import Graph
from graph.ops import Dense, Merge, MergeKind, Normalization, Rescaling
from graph.reference import run, run_values
from graph.shape_ops import Concatenate
from graph.tensor_type import DType, TensorType
from pruning.lossless.bounds import magnitude_bounds
from pruning.lossless.drop import DropResult, drop_negligible
from pruning.lossless.options import InputRange, LosslessOptions
from pruning.lossless.perturbation import propagate_errors
from pruning.lossless.tolerance import tolerances
from pruning.rules.envelope import envelope
from pruning.simplify.rewrite import frozen
from tests.builders import GraphBuilder, random_inputs
from tests.pruning.planted import sprinkle
from tests.strategies import OPERATIONS, activation_functions, graphs

UNIT = 2.0**-24
# float64 evaluates the oracle with its own rounding, about 1e-16 for each of a few hundred terms.
SLACK = 1e-12


def drop(graph: Graph, **options: object) -> DropResult:
    chosen = LosslessOptions(**options)  # type: ignore[arg-type]
    return drop_negligible(graph, magnitude_bounds(graph, chosen.input_ranges), chosen)


@given(activation_functions())
def test_envelopes_hold_on_a_dense_grid(f: ActivationFunction) -> None:
    expect_envelope(f)


@pytest.mark.parametrize("function", sorted(OPERATIONS))
def test_envelopes_of_operations_hold_on_a_dense_grid(function: Function) -> None:
    expect_envelope(ActivationFunction(function, min_value=-0.5, max_value=2.0))


def expect_envelope(f: ActivationFunction) -> None:
    shape = envelope(f)
    x = np.concatenate([np.linspace(-30, 30, 60_001), np.linspace(-3000, 3000, 6001)])
    y = f(x)
    with np.errstate(invalid="ignore"):  # an infinite factor says nothing, not even at 0
        limit = np.minimum(shape.cap, shape.factor * np.abs(x) + shape.offset)
    assert not (np.abs(y) > limit * (1 + SLACK) + SLACK).any()
    if math.isfinite(shape.factor):
        assert np.isfinite(y).all()
    steps = np.abs(np.diff(y[:60_001])) / np.diff(x[:60_001])
    assert math.isinf(shape.lipschitz) or steps.max() <= shape.lipschitz * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize(
    "f",
    [
        ActivationFunction(Function.RELU, negative_slope=3.0),
        ActivationFunction(Function.RELU, threshold=-0.5),
        ActivationFunction(Function.RELU, negative_slope=-2.0, threshold=1.5),
        ActivationFunction(Function.ELU, alpha=4.0),
        ActivationFunction(Function.CELU, alpha=4.0),
        ActivationFunction(Function.THRESHOLD, threshold=1.0, default_value=-7.0),
        ActivationFunction(Function.SQUAREPLUS, b=9.0),
    ],
)
def test_envelopes_hold_for_unusual_parameters(f: ActivationFunction) -> None:
    x = np.linspace(-20, 20, 40_001)
    shape = envelope(f)
    limit = np.minimum(shape.cap, shape.factor * np.abs(x) + shape.offset)
    assert (np.abs(f(x)) <= limit * (1 + SLACK) + SLACK).all()
    if math.isfinite(shape.lipschitz):
        assert (np.abs(np.diff(f(x))) <= shape.lipschitz * np.diff(x) * (1 + 1e-6)).all()


def test_every_elementwise_function_has_an_envelope() -> None:
    for function in set(Function) - AXIS_FUNCTIONS:
        assert envelope(ActivationFunction(function)).lipschitz > 0


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(max_steps=8), st.sampled_from([0.01, 1.0, 50.0]))
def test_no_value_leaves_its_bound(graph: Graph, size: float) -> None:
    bounds = magnitude_bounds(graph, {})
    inputs = {name: array * size for name, array in random_inputs(graph, 6, seed=2).items()}
    rho = max(float(np.abs(array).max()) for array in inputs.values())
    for name, values in run_values(graph, inputs, np.float64).items():
        limit = bounds.values[name].at(rho)
        assert not (np.abs(values) > limit * (1 + SLACK) + SLACK).any()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(max_steps=6), st.integers(0, 2**31), st.sampled_from([0.01, 0.2, 1.0]))
def test_no_value_moves_further_than_the_propagated_error(
    graph: Graph, seed: int, share: float
) -> None:
    """Whatever is removed, large weights too, the bound must hold."""
    rng = np.random.default_rng(seed)
    removed: dict[str, np.ndarray] = {}
    for name in {n.weights[0] for n in graph.nodes if isinstance(n.op, Dense)}:
        kernel = graph.weights[name].astype(np.float64)
        removed[name] = np.where(rng.random(kernel.shape) < share, kernel, 0.0)
    errors = propagate_errors(graph, magnitude_bounds(graph, {}), removed)
    changed = graph.with_weights({n: graph.weights[n] - gone for n, gone in removed.items()})
    inputs = random_inputs(graph, 5, seed=3)
    rho = max(float(np.abs(array).max()) for array in inputs.values())
    before, after = (run_values(g, inputs, np.float64) for g in (graph, changed))
    for name, values in before.items():
        limit = errors[name].at(rho) * (1 + SLACK) + 1e-11 * (1 + np.abs(values))
        assert not (np.abs(after[name] - values) > limit).any()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(max_steps=6), st.integers(0, 2**31))
def test_removed_weights_move_outputs_less_than_the_bound(graph: Graph, seed: int) -> None:
    tiny = sprinkle(graph, seed)
    result = drop(tiny)
    errors = propagate_errors(tiny, magnitude_bounds(tiny, {}), result.removed)
    dropped = tiny.with_weights({n: frozen(k) for n, k in result.kernels.items()})
    inputs = random_inputs(graph, 5, seed=4)
    before, after = (run(g, inputs, np.float64) for g in (tiny, dropped))
    rho = max(float(np.abs(array).max()) for array in inputs.values())
    for output in graph.outputs:
        limit = errors[output.value].at(rho) + 1e-12 * (1 + np.abs(before[output.name]))
        assert not (np.abs(after[output.name] - before[output.name]) > limit).any()
    assert all(claim.used <= 1.0 for claim in result.claims)


def layer(kernel: np.ndarray, bias: float = 0.0) -> Graph:
    """x -> Dense(kernel)."""
    b = GraphBuilder()
    inputs, units = kernel.shape
    biases = np.full(units, bias)
    return b.build(b.dense(b.input(inputs), units, kernel=kernel, bias_values=biases, name="y"))


def kept(result: DropResult, graph: Graph, name: str = "y/kernel") -> np.ndarray:
    return np.asarray(result.kernels.get(name, graph.weights[name]) != 0)


def test_tiny_weights_beside_large_ones_go_whatever_the_input() -> None:
    graph = layer(np.array([[1.0], [1e-16], [-1e-31]]))
    result = drop(graph)
    assert kept(result, graph).ravel().tolist() == [True, False, False]
    assert result.claims[0].every_input
    assert result.claims[0].removed == 2
    assert result.claims[0].row_ratio <= UNIT


def test_a_network_of_tiny_weights_only_keeps_them_all() -> None:
    graph = layer(np.array([[1e-18, 2e-20], [3e-18, 1e-20]]))
    assert drop(graph).claims == ()


def test_without_a_known_range_a_weight_above_the_absolute_threshold_stays() -> None:
    # 1e-10 is far below 2^-24 of the other weight, but the features' scales are not known.
    graph = layer(np.array([[1.0], [1e-10]]))
    assert drop(graph).claims == ()
    assert kept(drop(graph, input_ranges={"": InputRange(-1, 1)}), graph).ravel().tolist() == [1, 0]


def test_a_declared_range_of_another_scale_keeps_the_weight() -> None:
    b = GraphBuilder()
    x, y = b.input(1, name="small"), b.input(1, name="huge")
    both = b.add(Concatenate(), [x, y])
    graph = b.build(b.dense(both, 1, kernel=np.array([[1.0], [1e-10]]), bias=False, name="y"))
    ranges = {"small": InputRange(0, 1), "huge": InputRange(0, 1e9)}
    assert drop(graph, input_ranges=ranges).claims == ()
    assert drop(graph, input_ranges={**ranges, "huge": InputRange(0, 10)}).claims[0].removed == 1


def test_narrow_integer_inputs_are_bounded_by_their_dtype() -> None:
    b = GraphBuilder()
    pixels = b.input(2, type_=TensorType(DType.UINT8, (None, 2)))
    graph = b.build(b.dense(pixels, 1, kernel=np.array([[1.0], [1e-10]]), name="y"))
    assert drop(graph).claims[0].removed == 1
    assert drop(graph).claims[0].every_input


def test_bounded_activations_need_no_absolute_threshold() -> None:
    b = GraphBuilder()
    h = b.dense(b.input(2), 2, activation=Function.TANH, name="h")
    graph = b.build(b.dense(h, 1, kernel=np.array([[1.0], [1e-9]]), bias=False, name="y"))
    assert not kept(drop(graph), graph)[1, 0]


def test_the_sum_of_what_goes_counts_not_each_weight() -> None:
    # 1000 weights of 1e-10 add up to 1e-7, above 2^-24 = 6e-8: only some may go.
    kernel = np.full((1001, 1), 1e-10)
    kernel[0] = 1.0
    graph = layer(kernel)
    result = drop(graph, input_ranges={"": InputRange(-1, 1)})
    gone = 1001 - int(kept(result, graph).sum())
    assert gone == 596  # floor(2^-24 / 1e-10)
    assert 0.99 <= result.claims[0].used <= 1.0


def test_small_weights_go_before_larger_ones() -> None:
    kernel = np.array([[1.0], [4e-8], [3e-8], [1e-8]])
    graph = layer(kernel)
    result = drop(graph, input_ranges={"": InputRange(-1, 1)})
    assert kept(result, graph).ravel().tolist() == [True, True, False, False]


@pytest.mark.parametrize("activation", [Function.RELU, Function.TANH, Function.SIGMOID])
def test_a_unit_whose_weights_are_all_tiny_loses_them_for_its_readers_cannot_tell(
    activation: Function,
) -> None:
    b = GraphBuilder(1)
    kernel = b.rng.standard_normal((6, 4))
    kernel[:, 2] *= 1e-31
    h = b.dense(b.input(6), 4, kernel=kernel, activation=activation, name="h")
    graph = b.build(b.dense(h, 3, name="y"))
    result = drop(graph)
    assert kept(result, graph, "h/kernel").all(axis=0).tolist() == [True, True, False, True]


def test_a_tiny_unit_with_a_huge_reader_keeps_its_weights() -> None:
    b = GraphBuilder(1)
    kernel = b.rng.standard_normal((6, 4))
    kernel[:, 2] *= 1e-20
    read = b.rng.standard_normal((4, 3))
    read[2] *= 1e20
    h = b.dense(b.input(6), 4, kernel=kernel, bias=False, activation=Function.RELU, name="h")
    graph = b.build(b.dense(h, 3, kernel=read, name="y"))
    assert drop(graph).claims == ()


def test_a_masked_class_does_not_hide_the_others() -> None:
    # The bias of -1e9 makes class 0 impossible; it must not make the other logits' weights look negligible.
    b = GraphBuilder(2)
    h = b.dense(b.input(3), 3, activation=Function.TANH, name="h")
    kernel = np.array([[1.0, 1.0, 1e-6], [1.0, -1.0, 1e-6], [1.0, 0.5, 1e-6]])
    logits = b.dense(h, 3, kernel=kernel, bias_values=np.array([-1e9, 0.0, 0.0]), name="y")
    graph = b.build(b.activation(logits, Function.SOFTMAX))
    gone = ~kept(drop(graph), graph) & (kernel != 0)
    assert not gone[:, 1:].any()


def test_what_an_exponential_makes_proves_nothing() -> None:
    b = GraphBuilder(3)
    h = b.dense(b.input(2), 2, activation=Function.EXPONENTIAL, name="h")
    graph = b.build(b.dense(h, 1, kernel=np.array([[1.0], [1e-30]]), name="y"))
    assert "y/kernel" not in drop(graph).kernels


def test_a_shared_kernel_keeps_what_one_use_needs() -> None:
    b = GraphBuilder(4)
    kernel = b.weight("k", np.array([[1.0], [1e-10]]))
    near = b.dense(b.input(2), 2, activation=Function.TANH, name="near")
    far = b.add(
        Rescaling((1.0, 1e9)), [b.dense(b.input(2), 2, activation=Function.TANH, name="far")]
    )
    uses = [b.add(Dense(1, use_bias=False), [value], [kernel]) for value in (near, far)]
    assert "k" not in drop(b.build(*uses)).kernels
    assert "k" in drop(b.build(uses[0]).without_dead()).kernels


def test_the_rule_sees_inputs_as_the_model_normalized_them() -> None:
    # Raw weights are 1e-5 / 1e12, below any threshold; on the normalized feature they are 1e-5 and matter.
    b = GraphBuilder(5)
    mean, variance = (
        b.weight("mean", np.zeros((1, 2))),
        b.weight("variance", np.array([[1.0, 1e24]])),
    )
    x = b.add(Normalization(), [b.input(2)], [mean, variance])
    graph = b.build(b.dense(x, 1, kernel=np.array([[1.0], [1e-5]]), name="y"))
    assert drop(graph).claims == ()


def test_excluded_kernels_are_left_alone() -> None:
    graph = layer(np.array([[1.0], [1e-20]]))
    options = LosslessOptions()
    bounds = magnitude_bounds(graph, {})
    assert drop_negligible(graph, bounds, options, ["y/kernel"]).claims == ()


def test_the_network_bound_is_about_as_small_as_the_removed_weights() -> None:
    graph = layer(np.array([[1.0], [1e-16]]))
    result = drop(graph)
    error = propagate_errors(graph, magnitude_bounds(graph, {}), result.removed)["y"]
    assert error.constant.max() == 0.0
    assert error.slope.max() == pytest.approx(1e-16, rel=1e-6)


def test_bounds_that_overflow_prove_nothing_and_warn_nobody() -> None:
    b = GraphBuilder(6)
    x = b.input(2)
    for _ in range(10):
        x = b.dense(x, 2, kernel=np.full((2, 2), 3e38), bias=False)
    graph = b.build(b.dense(x, 1, kernel=np.array([[1.0], [1e-20]]), name="y"))
    assert "y/kernel" not in drop(graph).kernels


def test_a_weight_stays_where_one_position_needs_it() -> None:
    # At position 0 the first feature is up to 1e9 and hides the second; at position 1 it does not.
    b = GraphBuilder(7)
    x = b.activation(b.input(2, 2), Function.TANH)
    mean = b.weight("mean", np.zeros((1, 2, 2)))
    variance = b.weight("variance", np.array([[[1e-18, 1.0], [1.0, 1.0]]]))
    scaled = b.add(Normalization(), [x], [mean, variance])
    graph = b.build(b.dense(scaled, 1, kernel=np.array([[1.0], [1e-4]]), bias=False, name="y"))
    bound = magnitude_bounds(graph, {}).values[scaled].constant
    assert bound[0, 0] > 1e6 * bound[1, 0]
    assert drop(graph).claims == ()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(max_steps=6))
def test_all_inputs_of_a_unit_may_use_their_tolerance_at_once(graph: Graph) -> None:
    alive = graph.without_dead()
    allowed = tolerances(alive, magnitude_bounds(alive, {}))
    own = {node.name for node in alive.nodes if isinstance(node.op, Dense)}
    for node in alive.nodes:
        # A pre-activation may also use what its own rounding hides.
        if isinstance(node.op, Dense) and node.inputs[0] not in own:
            size = np.abs(alive.weights[node.weights[0]].astype(np.float64))
            given_away, owned = allowed[node.inputs[0]], allowed[node.name]
            for moved, limit in (
                (given_away.constant, owned.constant),
                (given_away.slope, owned.slope),
            ):
                # An input that nothing reads has no limit, and no weight to use it by.
                finite = np.where(np.isinf(moved), 0.0, moved)
                assert (finite @ size <= limit * (1 + SLACK) + 1e-300).all()


def _moves_no_further_than_proven(graph: Graph, kernel: str) -> None:
    """Remove a third of a kernel, whatever its size, and compare every value with its proven bound."""
    weights = graph.weights[kernel].astype(np.float64)
    gone = np.where(np.arange(weights.size).reshape(weights.shape) % 3 == 0, weights, 0.0)
    ranges = {"": InputRange(-3, 3)}
    bounds = magnitude_bounds(graph, ranges)
    errors = propagate_errors(graph, bounds, {kernel: gone})
    changed = graph.with_weights({kernel: graph.weights[kernel] - gone})
    inputs = {n: np.clip(a, -3, 3) for n, a in random_inputs(graph, 50, seed=5).items()}
    before, after = (run_values(g, inputs, np.float64) for g in (graph, changed))
    for name, values in before.items():
        assert (np.abs(values) <= bounds.values[name].at(0.0) * (1 + SLACK) + SLACK).all()
        assert (np.abs(after[name] - values) <= errors[name].at(0.0) * (1 + SLACK) + SLACK).all()
    assert np.isfinite(errors[graph.outputs[0].value].constant).all()
    assert np.abs(after[graph.outputs[0].value] - before[graph.outputs[0].value]).max() > 0


@pytest.mark.parametrize(
    "function", [Function.GLU, Function.SOFTMAX, Function.LOG_SOFTMAX, Function.SILU]
)
def test_errors_through_activations_are_bounded_where_inputs_are(function: Function) -> None:
    b = GraphBuilder(8)
    h = b.dense(b.input(3, 4), 6, name="h")
    f = ActivationFunction(function, axis=2 if function in AXIS_FUNCTIONS else -1)
    _moves_no_further_than_proven(b.build(b.activation(h, f)), "h/kernel")


def test_errors_through_layer_normalization_and_products_are_bounded() -> None:
    b = GraphBuilder(9)
    h = b.dense(b.input(4), 5, name="h")
    scaled = b.add(Merge(MergeKind.MULTIPLY), [b.layer_normalization(h, (1,)), h])
    _moves_no_further_than_proven(b.build(scaled), "h/kernel")


@pytest.mark.parametrize("invert", [False, True])
def test_normalization_is_bounded_both_ways(invert: bool) -> None:
    b = GraphBuilder(10)
    h = b.dense(b.input(4), 5, name="h")
    mean, variance = b.weight("mean", np.array([[2.0]])), b.weight("variance", np.array([[9.0]]))
    _moves_no_further_than_proven(
        b.build(b.add(Normalization(invert), [h], [mean, variance])), "h/kernel"
    )


def test_an_operand_that_a_merge_repeats_answers_for_all_its_copies() -> None:
    b = GraphBuilder(11)
    gate = b.dense(b.input(2), 3, activation=Function.TANH, name="gate")
    rows = b.activation(b.input(4, 3), Function.TANH)
    total = b.add(Merge(MergeKind.ADD), [rows, gate])
    graph = b.build(b.dense(total, 2, name="y"))
    allowed = tolerances(graph, magnitude_bounds(graph, {}))
    assert allowed["gate/activation"].shape == (3,)
    limit = allowed[total].constant.min(axis=0) / 2
    assert allowed["gate/activation"].constant == pytest.approx(limit)


def test_odd_parameters_prove_nothing() -> None:
    for f in (
        ActivationFunction(Function.RELU, max_value=-1.0),
        ActivationFunction(Function.SOFT_SHRINK, threshold=-1.0),
    ):
        assert math.isinf(envelope(f).lipschitz)
