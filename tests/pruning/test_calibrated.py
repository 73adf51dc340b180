"""Mode calibrated as a whole: what it keeps, how it is judged, and what it says."""

from collections.abc import Callable

import numpy as np
import pytest

from graph.activations import Function
from graph.conv_ops import Conv
from graph.graph import Graph
from graph.ops import Merge, MergeKind
from graph.pooling_ops import GlobalPool, PoolKind
from graph.reference import run
from graph.sizes import at_sizes, usual_sizes
from graph.tensor_type import float32
from graph.windows import Padding
from pruning import choose_calibrated
from pruning.calibrate import Calibration
from pruning.calibrated import replay
from pruning.certificate import Guarantee
from pruning.errors import CalibrationError, QualityGateError, RecipeError
from pruning.prune import PruneResult, prune
from pruning.recipe_json import recipe_to_json
from pruning.recipe_parser import parse_recipe
from pruning.varying import prune_any
from tests.builders import GraphBuilder
from tests.pruning.images import ImageBuilder

ANY_ANSWER = {"min_agreement": 0.0}


def network(seed: int = 0) -> Graph:
    """Three layers, as if trained: inputs are correlated, so that weights can make up for one another."""
    b = GraphBuilder(seed)
    h = b.dense(b.input(30), 40, activation=Function.RELU, name="h1")
    h = b.dense(h, 24, activation=Function.TANH, name="h2")
    return b.build(b.dense(h, 5, activation=Function.SOFTMAX, name="y"))


def samples(
    graph: Graph, count: int = 600, seed: int = 1, *, labelled: bool = False
) -> Calibration:
    rng = np.random.default_rng(seed)
    inputs = {}
    for given in graph.inputs:
        shape = given.type.sample_shape
        size = int(np.prod([n or 9 for n in shape]))
        # How elements go together is the same for every seed; which samples are drawn is not.
        together = np.random.default_rng(size).standard_normal((8, size))
        mixed = rng.standard_normal((count, 8)) @ together
        noisy = mixed + 0.3 * rng.standard_normal(mixed.shape)
        inputs[given.name] = noisy.reshape(count, *(n or 9 for n in shape)).astype(np.float32)
    labels = next(iter(run(graph, inputs).values())).argmax(axis=1) if labelled else None
    return Calibration(inputs, labels)


def error(graph: Graph, result: PruneResult, seed: int = 7) -> float:
    """Mean square change of the outputs on new samples, as a share of their variance."""
    inputs = samples(graph, 400, seed).inputs
    before, after = (next(iter(run(g, inputs).values())) for g in (graph, result.graph))
    return float(((before - after) ** 2).mean() / before.var(axis=0).mean())


def pruned(graph: Graph, calibration: Calibration | None, **fields: object) -> PruneResult:
    recipe = parse_recipe({"mode": "calibrated", "sparsity": 0.8, **ANY_ANSWER, **fields})
    return prune(graph, recipe, calibration)


@pytest.mark.parametrize("sparsity", [0.5, 0.8])
def test_it_loses_far_less_than_the_size_of_weights_does(sparsity: float) -> None:
    graph = network()
    ours = pruned(graph, samples(graph), sparsity=sparsity)
    by_size = prune(graph, parse_recipe({"mode": "magnitude", "sparsity": sparsity}))
    assert ours.weights_removed_share == pytest.approx(sparsity, abs=0.02)
    assert error(graph, ours) < 0.5 * error(graph, by_size)


@pytest.mark.parametrize("solver", ["auto", "exact_obs", "alps", "wanda", "magnitude"])
def test_every_solver_keeps_what_was_asked_for(solver: str) -> None:
    graph = network()
    choice = pruned(graph, samples(graph), solver=solver).choice
    kernels = [choice.weights[f"{name}/kernel"] for name in ("h1", "h2", "y")]
    kept = sum(int(np.count_nonzero(kernel)) for kernel in kernels)
    assert kept == round(0.2 * sum(kernel.size for kernel in kernels))


@pytest.mark.parametrize("solver", ["exact_obs", "alps", "wanda"])
def test_patterns_hold(solver: str) -> None:
    graph = network()
    of_groups = pruned(
        graph, samples(graph), solver=solver, sparsity=None, pattern={"kind": "n_m", "n": 1, "m": 4}
    )
    kernel = of_groups.choice.weights["h2/kernel"]
    assert (np.count_nonzero(kernel.reshape(10, 4, 24), axis=1) <= 1).all()
    blocks = pruned(
        graph, samples(graph), solver=solver, pattern={"kind": "block", "rows": 4, "cols": 1}
    )
    kernel = blocks.choice.weights["h2/kernel"].reshape(40, 6, 4)
    count = np.count_nonzero(kernel, axis=2)
    assert set(np.unique(count)) <= {0, 4}
    assert (count == 0).sum() > (count == 4).sum()


def test_the_same_seed_gives_the_same_bits() -> None:
    graph, data = network(), samples(network())
    first, second = (pruned(graph, data).choice for _ in range(2))
    assert first.weights.keys() == second.weights.keys()
    for name, array in first.weights.items():
        np.testing.assert_array_equal(array, second.weights[name])
    other = pruned(graph, data, seed=3).choice
    assert any((other.weights[name] != array).any() for name, array in first.weights.items())


def test_layers_follow_the_recipe() -> None:
    graph = network()
    result = pruned(graph, samples(graph), layers={"h1": {"skip": True}, "y": {"sparsity": 0.5}})
    assert "h1/kernel" not in result.choice.weights
    assert np.count_nonzero(result.choice.weights["y/kernel"]) == 60
    records = {record.layer: record for record in result.layers}
    assert records["h1"].reason == "skipped by the recipe"
    assert "fitted" in records["h2"].certificate.claim
    assert result.certificate.guarantee is Guarantee.BUDGETED


def image_network() -> Graph:
    """Convolutions with and without groups, a depthwise and a transposed one, a residual sum and a Dense layer."""
    b = ImageBuilder(3)
    x = b.conv(b.input(8, 8, 4), 8, 3, name="first")
    y = b.conv(b.activation(x, Function.RELU), 8, 3, groups=2, name="grouped")
    if b.type(x) != b.type(y):
        y = x
    z = b.depthwise(b.add(Merge(MergeKind.ADD), [x, y]), name="depth")
    z = b.transposed(z, 6)
    return b.build(b.dense(b.add(GlobalPool(PoolKind.AVERAGE), [z]), 3, name="out"))


def test_convolutions_are_pruned_and_what_is_not_known_is_left_whole() -> None:
    graph = image_network()
    result = pruned(graph, samples(graph, 200))
    records = {record.layer: record for record in result.layers}
    assert records["first"].sparsity > 0.3
    assert "depthwise" in records["depth"].reason
    transposed = next(r for r in result.layers if r.kind == "ConvTranspose")
    assert "does not know" in transposed.reason
    assert "depth/kernel" not in result.choice.weights
    by_size = prune(graph, parse_recipe({"mode": "magnitude", "sparsity": 0.8}))
    assert error(graph, result) < error(graph, by_size)


def test_a_layer_used_twice_is_fitted_to_both_uses() -> None:
    b = GraphBuilder(5)
    left, right = b.input(20), b.input(20)
    first = b.dense(left, 12, name="shared")
    node = b._nodes[-1]
    second = b.add(node.op, [right], node.weights, name="again")
    merged = b.add(
        Merge(MergeKind.ADD),
        [b.activation(first, Function.TANH), b.activation(second, Function.RELU)],
    )
    graph = b.build(b.dense(merged, 2, name="y"))
    result = pruned(graph, samples(graph))
    by_size = prune(graph, parse_recipe({"mode": "magnitude", "sparsity": 0.8}))
    assert error(graph, result) < error(graph, by_size)


def test_where_values_do_not_fit_into_memory_they_are_computed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph, data = network(), samples(network())
    held = pruned(graph, data).choice.weights
    monkeypatch.setattr(replay, "MAX_HELD_BYTES", 0)
    again = pruned(graph, data).choice.weights
    for name, array in held.items():
        np.testing.assert_allclose(again[name], array, rtol=1e-4, atol=1e-5)


def test_it_is_judged_on_samples_that_it_was_not_fitted_to() -> None:
    graph, data = network(), samples(network(), 500)
    choice = pruned(graph, data, held_out=0.3).choice
    assert choice.held_out is not None
    assert choice.held_out.samples == 150
    fit, held_out = data.split(0.3, 0)
    both = np.concatenate([fit.inputs["x0"], held_out.inputs["x0"]])
    assert len(np.unique(both, axis=0)) == 500
    np.testing.assert_array_equal(held_out.inputs["x0"], choice.held_out.inputs["x0"])


def test_labels_are_split_with_their_samples() -> None:
    data = samples(network(), 100, labelled=True)
    for part in data.split(0.2, 5):
        wanted = run(network(), part.inputs)["y0"].argmax(axis=1)
        np.testing.assert_array_equal(part.labels, wanted)


def test_less_is_removed_until_the_gate_holds() -> None:
    graph = network()
    result = prune(
        graph,
        parse_recipe({"mode": "calibrated", "sparsity": 0.97, "min_agreement": 0.9}),
        samples(graph),
    )
    assert 0.3 < result.weights_removed_share < 0.95
    assert "sparsity of 97" in result.certificate.rolled_back[0]
    assert len(result.choice.lowered) >= 1


def test_without_backing_off_the_gate_refuses() -> None:
    graph = network()
    recipe = parse_recipe(
        {"mode": "calibrated", "sparsity": 0.97, "min_agreement": 0.95, "back_off": False}
    )
    with pytest.raises(QualityGateError, match="min_agreement"):
        prune(graph, recipe, samples(graph))


def test_labels_judge_where_there_are_any() -> None:
    graph = network()
    recipe = parse_recipe({"mode": "calibrated", "sparsity": 0.97, "max_accuracy_drop": 0.05})
    result = prune(graph, recipe, samples(graph, 800, labelled=True))
    assert "accuracy" in result.choice.lowered[0]


def test_too_few_samples_are_refused() -> None:
    graph = network()
    with pytest.raises(CalibrationError, match="at least 64 samples"):
        pruned(graph, samples(graph, choose_calibrated.MIN_SAMPLES - 1))


def test_values_beyond_float32_are_refused() -> None:
    graph = network()
    data = samples(graph)
    far = Calibration({"x0": np.full_like(data.inputs["x0"], 3e38)})
    with pytest.raises(CalibrationError, match="finite"):
        pruned(graph, far)


def test_without_samples_the_mode_is_refused() -> None:
    with pytest.raises(RecipeError, match="samples to calibrate with"):
        pruned(network(), None)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({}, "sparsity"),
        ({"sparsity": 0.5, "solver": "obs"}, "one of auto"),
        ({"sparsity": 0.5, "damping": 0}, "damping"),
        ({"sparsity": 0.5, "held_out": 0.9}, "held_out"),
        ({"sparsity": 0.5, "seed": -1}, "seed"),
        ({"sparsity": 0.5, "back_off": 1}, "true or false"),
        ({"sparsity": 0.5, "threshold": 1.0}, "only with mode threshold"),
    ],
)
def test_wrong_fields_are_refused(fields: dict[str, object], match: str) -> None:
    with pytest.raises(RecipeError, match=match):
        parse_recipe({"mode": "calibrated", **fields})


@pytest.mark.parametrize("field", ["solver", "damping", "held_out", "back_off", "seed"])
def test_fields_of_the_mode_are_refused_elsewhere(field: str) -> None:
    value: object = {"solver": "alps", "back_off": True, "seed": 1}.get(field, 0.2)
    with pytest.raises(RecipeError, match="only with mode calibrated"):
        parse_recipe({"mode": "magnitude", "sparsity": 0.5, field: value})


def test_the_json_form_is_read_back() -> None:
    recipe = parse_recipe(
        {
            "mode": "calibrated",
            "sparsity": 0.5,
            "solver": "alps",
            "damping": 0.01,
            "held_out": 0.3,
            "back_off": False,
            "seed": 4,
        }
    )
    assert parse_recipe(recipe_to_json(recipe)) == recipe


def test_a_model_of_varying_size_is_calibrated_at_the_size_of_the_samples() -> None:
    b = ImageBuilder(6)
    x = b.input(0, 4, type_=float32(None, 4))
    names = b.parameters("c", (3, 4, 16), 16, True)
    y = b.add(Conv((1,), (1,), Padding.SAME), [x], names, name="c")
    graph = b.build(
        b.dense(b.add(GlobalPool(PoolKind.AVERAGE), [b.activation(y, Function.RELU)]), 3, name="y")
    )
    data = samples(graph)
    recipe = parse_recipe({"mode": "calibrated", "sparsity": 0.6, **ANY_ANSWER})
    result = prune_any(graph, recipe, data)
    assert result.varying is not None
    for sizes in usual_sizes(graph, data.sizes):
        ours, theirs = result.varying.at(sizes)
        assert ours.outputs == theirs.outputs == at_sizes(graph, sizes).outputs
    assert result.choice.held_out is not None
    assert result.weights_removed_share > 0.5


def test_progress_never_goes_back() -> None:
    seen: list[tuple[str, float]] = []
    graph = network()
    recipe = parse_recipe({"mode": "calibrated", "sparsity": 0.8, **ANY_ANSWER})
    report: Callable[[str, float], None] = lambda step, done: seen.append((step, done))  # noqa: E731
    prune(graph, recipe, samples(graph), report)
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert sum(step == "choose" for step, _ in seen) > 4
