"""Solvers of one layer beside their definitions: ExactOBS, least squares on a support, ALPS, Wanda, rows and sums."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.conv_ops import Conv
from graph.kernel_rows import rows_of
from graph.linear import kernel_of
from graph.reference import run, run_values
from graph.windows import Padding
from pruning import solvers
from pruning.calibrated import least_squares
from pruning.calibrated.alps import alps_mask
from pruning.calibrated.exact_obs import removal_losses
from pruning.calibrated.least_squares import fitted
from pruning.calibrated.problem import Damped, LayerProblem, damped
from pruning.calibrated.sums import layer_problems, most_rows
from pruning.patterns import groups_of, keep_largest
from pruning.recipe import NofM, Solver
from pruning.solvers import EXACT_OPERATIONS, layer_scores, solver_for
from tests.builders import random_inputs
from tests.pruning.images import ImageBuilder


def problem_of(seed: int, inputs: int, units: int, rows: int, *, bias: bool = True) -> LayerProblem:
    """Correlated inputs, some of them always zero; outputs of a layer with those weights."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, inputs)) @ rng.standard_normal((inputs, inputs))
    x[:, rng.random(inputs) < 0.2] = 0.0
    if bias:
        x = np.hstack([x, np.ones((rows, 1))])
    weights = rng.standard_normal((x.shape[1], units))
    y = x @ weights
    energy = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    return LayerProblem(x.T @ x, x.T @ y, energy, (y**2).sum(axis=0), weights, bias, rows)


def merged(first: LayerProblem, second: LayerProblem) -> LayerProblem:
    """Return the problem of the rows of both: of a layer that is applied in two places, say."""
    return replace(
        first,
        gram=first.gram + second.gram,
        cross=first.cross + second.cross,
        energy=first.energy + second.energy,
        squares=first.squares + second.squares,
        rows=first.rows + second.rows,
    )


def greedy(system: Damped, unit: int, removals: int) -> tuple[np.ndarray, np.ndarray]:
    """ExactOBS for one unit as the paper writes it: what removals cost, and the weights after them."""
    inverse = np.linalg.inv(system.hessian)
    weights = inverse @ system.target[:, unit]
    left = list(range(system.inputs))
    losses = np.full(system.inputs, np.inf)
    last = 0.0
    for _ in range(removals):
        score = weights[left] ** 2 / np.diag(inverse)[left]
        place = left[int(np.argmin(score))]
        last = losses[place] = max(np.nextafter(last, np.inf), score.min())
        weights = weights - weights[place] / inverse[place, place] * inverse[place]
        inverse = inverse - np.outer(inverse[:, place], inverse[place]) / inverse[place, place]
        left.remove(place)
    # Rounding leaves a little of what is gone.
    weights[: system.inputs][np.isfinite(losses)] = 0.0
    return losses, weights


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 90), st.integers(1, 4), st.booleans())
def test_removals_are_those_of_the_plain_algorithm(
    seed: int, inputs: int, units: int, bias: bool
) -> None:
    # Up to 90 inputs: several blocks, and matrices that are made smaller in between.
    system = damped(problem_of(seed, inputs, units, 2 * inputs, bias=bias), 0.01)
    losses = removal_losses(system)
    for unit in range(units):
        wanted, _ = greedy(system, unit, inputs)
        np.testing.assert_allclose(losses[:, unit], wanted, rtol=1e-6, atol=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(2, 60), st.floats(0.1, 0.95))
def test_exact_obs_is_least_squares_on_its_own_mask(
    seed: int, inputs: int, sparsity: float
) -> None:
    problem = problem_of(seed, inputs, 1, 3 * inputs)
    system = damped(problem, 0.01)
    count = max(1, round(inputs * (1 - sparsity)))
    mask = keep_largest(removal_losses(system), count)
    _, wanted = greedy(system, 0, inputs - count)
    np.testing.assert_array_equal(mask[:, 0], wanted[:inputs] != 0)
    weights = fitted(system, mask, problem.trained)[:, 0]
    np.testing.assert_allclose(weights, wanted, rtol=1e-6, atol=1e-6 * abs(wanted).max())


@pytest.mark.parametrize("taps", [1, 3])
def test_groups_keep_as_many_as_the_pattern_says(taps: int) -> None:
    pattern = NofM(2, 4)
    system = damped(problem_of(3, 10 * taps, 5, 100), 0.01)
    losses = removal_losses(system, groups_of(10 * taps, pattern, taps), pattern.n)
    kept = np.isinf(losses)
    for tap in np.split(kept, taps):
        for unit in tap.T:
            assert [int(unit[first : first + 4].sum()) for first in (0, 4, 8)] == [2, 2, 2]


def test_few_and_many_weights_are_fitted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(5, 40, 7, 200)
    system = damped(problem, 0.01)
    mask = keep_largest(removal_losses(system), 90)
    mask[:, 3] = False  # only the bias is left
    direct = fitted(system, mask, problem.trained)
    monkeypatch.setattr(least_squares, "_DIRECT", 0)
    monkeypatch.setattr(least_squares, "_STEPS", 500)
    by_gradients = fitted(system, mask, problem.trained)
    np.testing.assert_allclose(by_gradients, direct, rtol=1e-4, atol=1e-6)
    assert np.count_nonzero(direct[:40, 3]) == 0
    assert direct[40, 3] != 0


def test_an_input_without_samples_keeps_its_weights_as_trained() -> None:
    problem = problem_of(6, 12, 4, 50)
    unseen = np.diag(problem.gram)[:12] == 0
    assert 0 < unseen.sum() < 12
    system = damped(problem, 0.001)
    weights = fitted(system, np.ones((12, 4), np.bool_), problem.trained)
    np.testing.assert_allclose(weights[:12][unseen], problem.trained[:12][unseen], rtol=1e-9)
    # The weights that nothing is known of are held by their own size: the largest of them stay longest.
    losses = removal_losses(system)[unseen]
    assert (
        np.argsort(losses, axis=0) == np.argsort(abs(problem.trained[:12][unseen]), axis=0)
    ).all()


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.95])
def test_alps_keeps_as_many_and_loses_less_than_wanda(sparsity: float) -> None:
    problem = problem_of(8, 60, 20, 400)
    system = damped(problem, 0.01)
    count = round(60 * 20 * (1 - sparsity))

    def lost(mask: np.ndarray) -> float:
        return float(problem.loss(fitted(system, mask, problem.trained)).sum())

    mask = alps_mask(system, lambda scores: keep_largest(scores, count))
    by_wanda = keep_largest(layer_scores(problem, Solver.WANDA, 0.01, None, 1), count)
    assert np.count_nonzero(mask) == count
    assert lost(mask) < lost(by_wanda)


def test_wanda_is_the_size_of_weight_times_input() -> None:
    problem = problem_of(9, 10, 3, 40)
    scores = layer_scores(problem, Solver.WANDA, 0.01, None, 1)
    norms = np.sqrt(np.diag(problem.gram)[:10, None])
    wanted = (abs(problem.trained[:10]) * norms) ** 2 / problem.energy.sum()
    np.testing.assert_allclose(scores, wanted)


def test_large_layers_are_ranked_by_wanda_with_losses_as_of_exact_obs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = problem_of(10, 30, 12, 100)
    exact = layer_scores(problem, Solver.EXACT_OBS, 0.01, None, 1)
    all_units = layer_scores(problem, Solver.ALPS, 0.01, None, 1)
    np.testing.assert_allclose(np.sort(all_units, axis=None), np.sort(exact, axis=None))
    wanda = layer_scores(problem, Solver.WANDA, 0.01, None, 1)
    order = np.argsort(wanda, axis=None, kind="stable")
    assert (np.diff(all_units.ravel()[order]) >= 0).all()
    monkeypatch.setattr(solvers, "EXACT_OPERATIONS", 3 * 2 / 3 * 30**3)  # three units
    few = layer_scores(problem, Solver.ALPS, 0.01, None, 1)
    assert (np.diff(few.ravel()[order]) >= 0).all()
    assert 0.3 < np.median(few) / np.median(exact) < 3


def test_auto_is_exact_obs_while_that_takes_seconds() -> None:
    small = Damped(np.eye(785), np.zeros((785, 300)), has_bias=True)
    large = Damped(
        np.broadcast_to(np.float64(0), (4096, 4096)), np.zeros((4096, 8)), has_bias=False
    )
    assert solver_for(Solver.AUTO, small) is Solver.EXACT_OBS
    assert EXACT_OPERATIONS < 2 / 3 * 4096**3 * 64
    wide = Damped(large.hessian, np.broadcast_to(np.float64(0), (4096, 64)), has_bias=False)
    assert solver_for(Solver.AUTO, wide) is Solver.ALPS
    assert solver_for(Solver.EXACT_OBS, wide) is Solver.EXACT_OBS


def test_loss_is_the_sum_of_squares_of_what_is_left() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((30, 5)), rng.standard_normal((30, 2))
    weights = rng.standard_normal((5, 2))
    squares = (y**2).sum(axis=0)
    problem = LayerProblem(x.T @ x, x.T @ y, squares, squares, weights, has_bias=False, rows=30)
    np.testing.assert_allclose(problem.loss(weights), ((y - x @ weights) ** 2).sum(axis=0))
    both = merged(problem, problem)
    np.testing.assert_allclose(both.loss(weights), 2 * problem.loss(weights))


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 3]))
def test_rows_times_kernel_are_the_outputs_of_a_convolution(seed: int, groups: int) -> None:
    b = ImageBuilder(seed)
    lengths = [b.pick(3, 4, 7) for _ in range(b.pick(1, 2))]
    x = b.input(*lengths, 2 * groups)
    padding = Padding.SAME if seed % 2 else Padding.VALID
    y = b.conv(
        x,
        3 * groups,
        b.pick(1, 2, 3),
        padding=padding,
        stride=b.pick(1, 2),
        groups=groups,
        name="c",
    )
    graph = b.build(y)
    node = graph.node("c")
    inputs = random_inputs(graph, 4, seed)
    output = run(graph, inputs, np.float64)["y0"]
    kernel = kernel_of(graph, node)
    found = rows_of(node.op, kernel, inputs["x0"].astype(np.float64), output, 10**6, 0)
    matrix = kernel.matrix(graph.weights["c/kernel"]).astype(np.float64)
    bias = graph.weights["c/bias"].astype(np.float64).reshape(groups, 1, -1)
    parts = np.stack(np.split(matrix, groups, axis=1))
    np.testing.assert_allclose(found.inputs @ parts + bias, found.outputs, atol=1e-9)
    few = rows_of(node.op, kernel, inputs["x0"].astype(np.float64), output, 3, 0)
    assert few.inputs.shape[1] == min(3, found.inputs.shape[1])
    np.testing.assert_allclose(few.inputs @ parts + bias, few.outputs, atol=1e-9)


def test_sums_of_batches_are_those_of_all_rows() -> None:
    b = ImageBuilder(2)
    graph = b.build(b.conv(b.input(5, 5, 3), 4, 2, padding=Padding.VALID, bias=True, name="c"))
    inputs = random_inputs(graph, 9, 1)
    values = run_values(graph, inputs)
    node = graph.node("c")
    assert isinstance(node.op, Conv)
    whole = layer_problems(graph, [node], [(values, values)], 1, 0)[0]
    parts = [
        ({"x0": values["x0"][at]}, {"c": values["c"][at]}) for at in (slice(0, 4), slice(4, 9))
    ]
    split = layer_problems(graph, [node], iter(parts), 2, 0)[0]
    for name in ("gram", "cross", "energy", "squares"):
        np.testing.assert_allclose(getattr(split, name), getattr(whole, name), rtol=1e-9)
    assert whole.rows == split.rows == 9 * 16
    assert most_rows(4096) >= 8 * 4096


def test_a_layer_applied_twice_has_the_rows_of_both() -> None:
    b = ImageBuilder(4)
    x, z = b.input(6), b.input(6)
    first = b.dense(x, 3, name="shared")
    second = b.add(b._nodes[-1].op, [z], ["shared/kernel", "shared/bias"], name="again")
    graph = b.build(first, second)
    inputs = random_inputs(graph, 20, 3)
    values = run_values(graph, inputs)
    nodes = [graph.node("shared"), graph.node("again")]
    both = layer_problems(graph, nodes, [(values, values)], 1, 0)[0]
    parts = [layer_problems(graph, [node], [(values, values)], 1, 0)[0] for node in nodes]
    np.testing.assert_allclose(both.gram, merged(*parts).gram, rtol=1e-9)
    assert both.rows == 40
