"""The whole: recipe in, pruned graph and account out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.activations import Function
from graph.errors import ShapeError, VerifyError
from graph.graph import Graph
from graph.ops import Dense, Normalization, Rescaling
from graph.reference import run
from graph.shape_ops import Reshape
from graph.tensor_type import DType, TensorType
from graph.verify import verify
from pruning import prune as prune_module
from pruning.calibrate import Calibration
from pruning.certificate import Guarantee
from pruning.errors import CalibrationError, GateError, RecipeError
from pruning.lossless.attempt import Attempt, attempt_lossless
from pruning.lossless.options import LosslessOptions
from pruning.prune import PruneResult, prune
from pruning.recipe import PruningRecipe
from pruning.recipe_parser import parse_recipe
from tests.builders import GraphBuilder, random_inputs
from tests.pruning.planted import plant, random_network, sprinkle
from tests.strategies import graphs


def question_network(activation: Function = Function.RELU, *, seed: int = 0) -> Graph:
    """784-300-100-10 where 96 % of the weights are between 1e-31 and 1e-15, and every unit has large ones too."""
    b = GraphBuilder(seed)
    x = b.input(784)

    def kernel(inputs: int, units: int) -> np.ndarray:
        weights = b.rng.normal(size=(inputs, units)) * 0.1
        tiny = b.rng.random(weights.shape) < 0.96
        tiny[b.rng.integers(inputs, size=units), np.arange(units)] = False
        tiny[np.arange(inputs), b.rng.integers(units, size=inputs)] = False
        exponents = b.rng.uniform(-31, -15, weights.shape)
        return np.where(tiny, np.sign(weights) * 10**exponents, weights)

    h = b.dense(x, 300, kernel=kernel(784, 300), activation=activation, name="first")
    h = b.dense(h, 100, kernel=kernel(300, 100), activation=activation, name="second")
    last = np.where(b.rng.random((100, 10)) < 0.5, kernel(100, 10), b.rng.normal(size=(100, 10)))
    return b.build(b.dense(h, 10, kernel=last, activation=Function.SOFTMAX, name="third"))


def largest_change(result: PruneResult, inputs: dict[str, np.ndarray]) -> float:
    before = run(result.original, inputs, np.float64)
    after = run(result.graph, inputs, np.float64)
    return max(
        float(np.abs(after[n] - before[n]).max() / max(np.abs(before[n]).max(), 1e-30))
        for n in before
    )


@pytest.mark.parametrize("activation", [Function.RELU, Function.TANH, Function.SIGMOID])
def test_the_questions_network_loses_95_percent_with_proof(activation: Function) -> None:
    graph = question_network(activation)
    result = prune(graph, PruningRecipe())
    assert result.weights_removed_share >= 0.95
    assert result.certificate.guarantee in (Guarantee.EXACT, Guarantee.ROUNDING)
    assert all(c.every_input for c in result.certificate.layers.values())
    assert sum(layer.units_removed for layer in result.layers) == 0
    assert result.certificate.measured.worst <= 1e-6
    inputs = {"x0": np.random.default_rng(9).random((64, 784)).astype(np.float32)}
    assert largest_change(result, inputs) <= 1e-6
    assert result.certificate.bounds[0].relative < 1e-6
    assert result.certificate.rolled_back == ()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(max_steps=6), st.integers(0, 2**31))
def test_lossless_keeps_the_outputs_of_drawn_graphs(graph: Graph, seed: int) -> None:
    result = prune(sprinkle(plant(graph, seed, 0.15), seed, 0.2), PruningRecipe())
    verify(result.graph)
    assert result.certificate.simplification.worst <= 1e-6
    assert result.certificate.guarantee is not Guarantee.BUDGETED
    assert result.graph.inputs == graph.inputs
    types, before = result.graph.value_types(), graph.value_types()
    assert [(o.name, types[o.value].shape) for o in result.graph.outputs] == [
        (o.name, before[o.value].shape) for o in graph.outputs
    ]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**31))
def test_lossless_keeps_the_outputs_on_inputs_it_did_not_probe(seed: int) -> None:
    result = prune(sprinkle(random_network(seed), seed, 0.3), PruningRecipe())
    assert largest_change(result, random_inputs(result.original, 20, seed=seed % 1000)) <= 2e-6


def test_pruning_twice_changes_nothing_more() -> None:
    once = prune(question_network(), PruningRecipe())
    twice = prune(once.graph, PruningRecipe())
    assert twice.certificate.guarantee is Guarantee.EXACT
    assert twice.notes == ()
    for name, array in once.graph.weights.items():
        assert np.array_equal(array, twice.graph.weights[name])


def test_exact_zeros_alone_give_the_exact_certificate() -> None:
    b = GraphBuilder(1)
    h = b.dense(b.input(8), 6, sparsity=0.5, activation=Function.RELU, name="h")
    result = prune(b.build(b.dense(h, 3, sparsity=0.5, name="y")), PruningRecipe())
    assert result.certificate.guarantee is Guarantee.EXACT


def test_the_record_accounts_for_every_layer() -> None:
    b = GraphBuilder(2)
    kernel = b.rng.standard_normal((8, 6))
    kernel[:, 2] = 0.0
    h = b.dense(b.input(8), 6, kernel=kernel, activation=Function.TANH, name="h")
    g = b.batch_normalization(b.dense(h, 4, name="g"))
    result = prune(b.build(b.activation(g, Function.SOFTMAX)), PruningRecipe())
    first, second, norm = result.layers
    assert (first.layer, first.shape_before, first.shape_after) == ("h", (8, 6), (8, 5))
    assert (first.units_removed, first.weights_before, first.nonzeros_after) == (1, 48, 40)
    assert (second.shape_after, second.certificate.guarantee) == ((5, 4), Guarantee.ROUNDING)
    assert first.certificate.guarantee is Guarantee.EXACT
    assert (norm.kind, norm.shape_after, norm.merged_into) == ("BatchNormalization", None, "g")
    assert "no kernel" in norm.reason


def magnitude(**fields: object) -> PruningRecipe:
    return parse_recipe({"mode": "magnitude", **fields})


def plain_network(seed: int = 3) -> Graph:
    b = GraphBuilder(seed)
    h = b.dense(b.input(20), 16, activation=Function.TANH, name="h")
    h = b.dense(h, 12, activation=Function.TANH, name="g")
    return b.build(b.dense(h, 4, name="y"))


@pytest.mark.parametrize("allocation", ["global", "layer", "erk"])
def test_magnitude_reaches_its_target_and_says_that_nothing_is_proven(allocation: str) -> None:
    result = prune(plain_network(), magnitude(sparsity=0.5, allocation=allocation))
    assert result.certificate.guarantee is Guarantee.BUDGETED
    # A few more go than asked for: units that lost all their readers take their own weights with them.
    assert 0.499 <= result.weights_removed_share <= 0.53
    assert result.certificate.simplification.worst <= 1e-6 < result.certificate.measured.worst


def test_magnitude_keeps_the_largest_weights_as_they_were() -> None:
    graph = plain_network()
    result = prune(graph, magnitude(sparsity=0.5, allocation="layer"))
    before, after = graph.weights["h/kernel"], result.graph.weights["h/kernel"]
    order = np.sort(np.abs(before), axis=None)
    expected = np.where(np.abs(before) >= order[160], before, 0)
    assert np.array_equal(after, expected)


def test_magnitude_leaves_a_skipped_layer_whole_and_says_why() -> None:
    result = prune(plain_network(), magnitude(sparsity=0.9, layers={"g": {"skip": True}}))
    skipped = result.layers[1]
    assert skipped.reason == "skipped by the recipe"
    assert skipped.nonzeros_after == skipped.shape_after[0] * skipped.shape_after[1]  # type: ignore[index]


def test_n_of_m_keeps_n_of_m_inputs_of_every_unit() -> None:
    result = prune(plain_network(), magnitude(pattern={"kind": "n_m", "n": 1, "m": 4}))
    groups = (result.graph.weights["h/kernel"] != 0).reshape(5, 4, -1).sum(axis=1)
    assert (groups == 1).all()


def test_threshold_removes_what_is_not_larger_and_keeps_a_weight_per_row() -> None:
    graph = plain_network()
    limit = float(np.abs(graph.weights["h/kernel"]).max()) * 0.99
    recipe = parse_recipe(
        {"mode": "threshold", "threshold": limit, "layers": {n: {"threshold": 0} for n in "gy"}}
    )
    result = prune(graph, recipe)
    assert int((result.graph.weights["h/kernel"] != 0).sum()) == 16
    assert result.layers[1].nonzeros_after == result.layers[1].weights_before


def test_an_unknown_layer_in_the_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="h, g, y") as caught:
        prune(plain_network(), magnitude(sparsity=0.5, layers={"nope": {"skip": True}}))
    assert caught.value.field == "layers.nope"


def test_a_layer_that_cannot_be_pruned_is_refused_with_the_reason() -> None:
    b = GraphBuilder(4)
    h = b.batch_normalization(b.dense(b.input(3), 4))
    with pytest.raises(RecipeError, match="no kernel"):
        prune(b.build(h), magnitude(sparsity=0.5, layers={h: {"sparsity": 0.5}}))


def test_weights_that_are_not_finite_are_left_alone() -> None:
    graph = plain_network()
    kernel = np.array(graph.weights["g/kernel"])
    kernel[0, 0] = np.nan
    result = prune(graph.with_weights({"g/kernel": kernel}), PruningRecipe())
    assert "NaN" in result.layers[1].reason
    assert np.isnan(run(result.graph, random_inputs(graph, 2))["y0"]).all()


def test_an_invalid_graph_is_refused() -> None:
    graph = plain_network()
    with pytest.raises(VerifyError):
        prune(graph.with_nodes(reversed(graph.nodes)), PruningRecipe())


def test_a_shared_layer_is_one_record_and_stays_shared() -> None:
    b = GraphBuilder(5)
    kernel, bias = (
        b.weight("k", b.rng.standard_normal((6, 5))),
        b.weight("b", b.rng.standard_normal(5)),
    )
    twins = [b.add(Dense(5), [b.input(6)], [kernel, bias]) for _ in range(2)]
    result = prune(b.build(*twins), magnitude(sparsity=0.5))
    assert len(result.layers) == 1
    assert len(result.layers[0].nodes) == 2
    assert result.layers[0].nonzeros_after == 15


def test_calibration_samples_join_the_probes() -> None:
    graph = plain_network()
    x = np.random.default_rng(1).standard_normal((30, 20)).astype(np.float32)
    result = prune(graph, magnitude(sparsity=0.95), Calibration({"x0": x}))
    without = prune(graph, magnitude(sparsity=0.95))
    assert result.certificate.measured.samples == without.certificate.measured.samples + 30


def test_labels_and_gates_that_cannot_be_used_are_refused_before_any_work() -> None:
    graph = plain_network()
    x = np.zeros((2, 20), np.float32)
    with pytest.raises(CalibrationError, match="labels"):
        prune(graph, PruningRecipe(), Calibration({"x0": x}, np.array([0, 999])))
    with pytest.raises(RecipeError, match="max_accuracy_drop"):
        prune(graph, magnitude(sparsity=0.5, max_accuracy_drop=0.01), Calibration({"x0": x}))


def test_progress_goes_from_start_to_end() -> None:
    seen: list[tuple[str, float]] = []
    prune(
        plain_network(), PruningRecipe(), progress=lambda stage, share: seen.append((stage, share))
    )
    assert seen[0] == ("choose", 0.0)
    assert seen[-1] == ("done", 1.0)
    assert [share for _, share in seen] == sorted(share for _, share in seen)


def test_a_gate_that_fails_puts_back_the_worst_layer_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Damage one kernel whenever the rule may touch it: the result must come without it."""

    def damaging(
        graph: Graph, options: LosslessOptions, excluded: set[str], samples: object = None
    ) -> Attempt:
        attempt = attempt_lossless(graph, options, excluded)
        if "second/kernel" in excluded or not options.drop:
            return attempt
        broken = attempt.graph.weights["second/kernel"] * np.float32(1.01)
        return replace(attempt, graph=attempt.graph.with_weights({"second/kernel": broken}))

    monkeypatch.setattr(prune_module, "attempt_lossless", damaging)
    graph = question_network()
    result = prune(graph, PruningRecipe())
    assert result.certificate.simplification.worst <= 1e-6
    assert any("second/kernel" in sentence for sentence in result.certificate.rolled_back)
    assert result.layers[1].nonzeros_after == np.count_nonzero(graph.weights["second/kernel"])


def test_many_damaged_layers_are_put_back_in_three_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts: list[int] = []

    def damaging(
        graph: Graph, options: LosslessOptions, excluded: set[str], samples: object = None
    ) -> Attempt:
        attempts.append(len(excluded))
        attempt = attempt_lossless(graph, options, excluded)
        harmed = {claim.kernel for claim in attempt.claims} & set(attempt.graph.weights)
        broken = {n: attempt.graph.weights[n] * np.float32(1.01) for n in harmed}
        return replace(attempt, graph=attempt.graph.with_weights(broken))

    b = GraphBuilder(3)
    x = b.input(6)
    for index in range(8):
        kernel = b.rng.standard_normal((6, 6))
        kernel[0, :3] = 1e-30
        x = b.dense(x, 6, kernel=kernel, activation=Function.TANH, name=f"d{index}")
    monkeypatch.setattr(prune_module, "attempt_lossless", damaging)
    result = prune(b.build(x), PruningRecipe())
    assert attempts == [0, 0, 1, 5, 8]
    assert len(result.certificate.rolled_back) == 8


def test_a_gate_that_nothing_can_mend_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def ruined(
        graph: Graph, options: LosslessOptions, excluded: set[str], samples: object = None
    ) -> Attempt:
        attempt = attempt_lossless(graph, options, excluded)
        wrong = {"y/bias": attempt.graph.weights["y/bias"] + np.float32(1.0)}
        return replace(attempt, graph=attempt.graph.with_weights(wrong))

    monkeypatch.setattr(prune_module, "attempt_lossless", ruined)
    with pytest.raises(GateError) as caught:
        prune(plain_network(), PruningRecipe())
    assert caught.value.allowed == 1e-6


def test_steps_can_be_switched_off() -> None:
    b = GraphBuilder(6)
    h = b.batch_normalization(
        b.dense(b.input(4), 3, kernel=np.array([[1e-20] * 3, *np.ones((3, 3))]))
    )
    graph = b.build(b.dense(h, 2, kernel=np.array([[1.0, 1], [0, 0], [1, 1]])))
    off = parse_recipe({"lossless": {"fold": False, "simplify": False, "drop": False}})
    result = prune(graph, off)
    assert [n.name for n in result.graph.nodes] == [n.name for n in graph.nodes]
    assert all(np.array_equal(result.graph.weights[n], w) for n, w in graph.weights.items())


def test_a_declared_range_is_named_among_the_assumptions() -> None:
    recipe = parse_recipe({"lossless": {"input_range": [0, 1]}})
    result = prune(plain_network(), recipe)
    assert any("[0, 1]" in sentence for sentence in result.certificate.assumptions)


def test_an_unproven_size_is_named_among_the_assumptions() -> None:
    b = GraphBuilder(7)
    kernel = b.rng.standard_normal((6, 4))
    kernel[:, 2] *= 1e-31
    h = b.dense(b.input(6), 4, kernel=kernel, activation=Function.TANH, name="h")
    result = prune(b.build(b.dense(h, 3, name="y")), PruningRecipe())
    assert not result.layers[0].certificate.every_input
    assert any("1e+04" in s or "10000" in s for s in result.certificate.assumptions)
    assert result.layers[0].units_removed == 1


def test_small_raw_weights_on_features_of_huge_scale_survive() -> None:
    """Folding the Normalization would make them look negligible; the rule must not see them folded."""
    b = GraphBuilder(8)
    mean = b.weight("mean", np.zeros((1, 2)))
    variance = b.weight("variance", np.array([[1.0, 1e32]]))
    x = b.add(Normalization(), [b.input(2)], [mean, variance])
    graph = b.build(b.dense(x, 1, kernel=np.array([[1.0], [0.5]]), name="y"))
    result = prune(graph, PruningRecipe())
    inputs = {"x0": np.array([[0.0, 1e16], [1.0, 2e16]], np.float32)}
    expected = run(graph, inputs, np.float64)["y0"]
    assert run(result.graph, inputs, np.float64)["y0"] == pytest.approx(expected, rel=1e-6)
    assert np.count_nonzero(result.graph.weights["y/kernel"]) == 2


def test_a_range_for_an_unknown_input_is_refused() -> None:
    recipe = parse_recipe({"lossless": {"input_range": {"pixels": [0, 1]}}})
    with pytest.raises(RecipeError, match="x0") as caught:
        prune(plain_network(), recipe)
    assert caught.value.field == "lossless.input_range.pixels"


def test_samples_outside_the_declared_range_are_refused() -> None:
    recipe = parse_recipe({"lossless": {"input_range": [0, 1]}})
    samples = Calibration({"x0": np.full((2, 20), 1.5, np.float32)})
    with pytest.raises(CalibrationError, match="declared range"):
        prune(plain_network(), recipe, samples)


def test_when_another_step_is_to_blame_small_weights_stay_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def folding_badly(
        graph: Graph, options: LosslessOptions, excluded: set[str], samples: object = None
    ) -> Attempt:
        attempt = attempt_lossless(graph, options, excluded)
        factor = np.float32(1.01 if options.fold else 1.0)
        weights = {"second/kernel": attempt.graph.weights["second/kernel"] * factor}
        return replace(attempt, graph=attempt.graph.with_weights(weights))

    monkeypatch.setattr(prune_module, "attempt_lossless", folding_badly)
    result = prune(question_network(), PruningRecipe())
    assert result.certificate.rolled_back[0].startswith("step fold was undone")
    assert result.weights_removed_share >= 0.95


def test_a_sample_without_axes_is_pruned_like_any_other() -> None:
    b = GraphBuilder(1)
    x = b.input(type_=TensorType(DType.FLOAT32, (None,)))
    y = b.add(Reshape((1,)), [b.add(Rescaling((2.0,), (1.0,)), [x])])
    graph = b.build(b.dense(y, 3))
    result = prune(graph, PruningRecipe())
    assert [type(node.op).__name__ for node in result.graph.nodes] == ["Reshape", "Dense"]
    assert result.certificate.measured.worst <= 1e-6


def test_a_length_that_varies_is_refused() -> None:
    b = GraphBuilder(1)
    x = b.input(type_=TensorType(DType.FLOAT32, (None, None, 4)))
    with pytest.raises(ShapeError, match="fixed length"):
        prune(b.build(b.dense(x, 3)), PruningRecipe())


@pytest.mark.parametrize("seed", [212_760])
def test_a_product_with_an_exact_zero_and_an_unknown_error_is_no_warning(seed: int) -> None:
    result = prune(sprinkle(random_network(seed), seed, 0.3), PruningRecipe())
    assert result.certificate.simplification.worst <= 1e-6


@pytest.mark.parametrize("data", [{}, {"mode": "magnitude", "sparsity": 0.5, "allocation": "erk"}])
def test_a_model_without_dense_layers_comes_back_as_it_was(data: dict[str, object]) -> None:
    b = GraphBuilder(1)
    graph = b.build(b.activation(b.input(4), Function.TANH))
    result = prune(graph, parse_recipe(data))
    assert result.layers == ()
    assert result.weights_removed_share == 0.0
    assert result.certificate.guarantee is Guarantee.EXACT


def test_a_kernel_that_a_fold_computed_anew_is_no_longer_exact() -> None:
    b = GraphBuilder(2)
    h = b.dense(b.input(3), 4, bias=False, name="h")
    result = prune(b.build(b.add(Rescaling((0.3,)), [h])), PruningRecipe())
    assert [n.name for n in result.graph.nodes] == ["h"]
    assert result.layers[0].certificate.guarantee is Guarantee.ROUNDING


def test_of_two_nodes_of_one_layer_the_weaker_certificate_counts() -> None:
    b = GraphBuilder()
    x = b.prelu(b.dense(b.input(6), 4, name="hidden"))
    graph = b.build(b.dense(x, 2, name="out"))
    graph = graph.with_nodes(
        replace(node, layer="out" if node.name == "out" else "hidden") for node in graph.nodes
    )
    recipe = parse_recipe({"mode": "magnitude", "sparsity": 0.5, "layers": {"out": {"skip": True}}})
    certificate = prune(graph, recipe).certificate
    assert certificate.guarantee is Guarantee.BUDGETED
    assert certificate.layers["hidden"].guarantee is Guarantee.BUDGETED
