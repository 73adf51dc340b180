"""The last gate of a job lets nothing wrong through, and healthy models in."""

import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from graph import batches as batches_module
from graph.activations import ActivationFunction, Function
from graph.graph import Graph
from graph.ops import Activation, Dense
from graph.reference import run
from graph.tensor_type import DType, TensorType
from pruning.errors import OutputCheckError
from pruning.output_check import TOLERANCE, check_outputs, check_retuned
from pruning.prune import PruneResult, prune
from pruning.recipe_parser import parse_recipe
from pruning.rounding import rounding_of
from pruning.rules.bound import UNIT_ROUNDOFF
from tests.builders import GraphBuilder, random_inputs

Arrays = Mapping[str, np.ndarray]
Spoil = Callable[[np.ndarray], np.ndarray]


def classifier(seed: int = 0) -> Graph:
    b = GraphBuilder(seed)
    x = b.dense(b.input(20), 64, sparsity=0.5, activation=Function.RELU, name="one")
    x = b.batch_normalization(b.dense(x, 32, activation=Function.TANH, name="two"))
    return b.build(b.dense(x, 10, activation=Function.SOFTMAX, name="three"))


def unscaled_features() -> Graph:
    """Features that were never scaled, into a sigmoid that answers 0 or 1 for nearly all probes.

    Logits near -27 are differences of numbers near 10,000: float32 is off by more than 1e-5 of such an answer.
    """
    b = GraphBuilder(1)
    kernel = 1000 * np.abs(b.rng.standard_normal((8, 24)))
    last = np.tile([[1.0], [-1.0]], (12, 1))
    kernel[:, 1::2] = kernel[:, ::2] + np.linspace(0.0, 0.1, 12)
    bias = np.tile([0.0, 27 / 12], 12)
    x = b.dense(b.input(8), 24, kernel=kernel, bias_values=bias, name="one")
    return b.build(b.dense(x, 1, kernel=last, activation=Function.SIGMOID, name="two"))


def word_bag() -> Graph:
    """Counts of 1,838 words, as integers, into a classifier."""
    b = GraphBuilder(2)
    x = b.input(1838, type_=TensorType(DType.INT64, (None, 1838)))
    kernel = np.abs(0.05 * b.rng.standard_normal((1838, 32)))
    kernel[:, 1::2] *= -1
    x = b.dense(x, 32, kernel=kernel, name="one")
    mixed = b.rng.standard_normal((32, 5)) * np.tile([[1.0], [1.0]], (16, 1))
    return b.build(b.dense(x, 5, kernel=mixed, activation=Function.TANH, name="two"))


def pruned_of(graph: Graph) -> PruneResult:
    return prune(graph, parse_recipe({}))


def answers_of(graph: Graph, spoil: Spoil = lambda array: array) -> Callable[[Arrays], Arrays]:
    """An executable that answers as `graph` does, and then `spoil`s the answer."""
    return lambda inputs: {name: spoil(array) for name, array in run(graph, inputs).items()}


def chained(graph: Graph) -> Callable[[Arrays], Arrays]:
    """An executable whose dot products are added from the last input to the first, in one chain of float32."""

    def answer(inputs: Arrays) -> Arrays:
        values: dict[str, np.ndarray] = {
            given.name: np.asarray(inputs[given.name], np.float32) for given in graph.inputs
        }
        for node in graph.nodes:
            arguments = [values[name] for name in node.inputs]
            weights = [graph.weights[name] for name in node.weights]
            if isinstance(node.op, Dense):
                total = np.zeros((len(arguments[0]), node.op.units), np.float32)
                for place in reversed(range(weights[0].shape[0])):
                    total += arguments[0][:, place, None] * weights[0][place]
                values[node.name] = total + weights[1] if node.op.use_bias else total
            else:
                values[node.name] = node.op.evaluate(arguments, weights)
        return {output.name: values[output.value] for output in graph.outputs}

    return answer


@pytest.fixture(scope="module")
def pruned() -> PruneResult:
    return pruned_of(classifier())


def one_element(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed[0, 0] = value
    return changed


def test_a_right_model_passes_with_a_small_error(pruned: PruneResult) -> None:
    assert 0 <= check_outputs(answers_of(pruned.graph), pruned, None) <= TOLERANCE


@pytest.mark.parametrize("make", [classifier, unscaled_features, word_bag])
def test_healthy_models_pass_in_any_order_of_summation(make: Callable[[], Graph]) -> None:
    result = pruned_of(make())
    check_outputs(chained(result.graph), result, None)
    check_outputs(answers_of(result.graph), result, None)


@pytest.mark.parametrize("make", [classifier, unscaled_features, word_bag])
def test_compiled_models_pass(make: Callable[[], Graph], tmp_path: Path) -> None:
    result, target, object_cache = pruned_of(make()), host_target(), ObjectCache(tmp_path)
    model = compile_graph(result.graph, target, CompileOptions(tune=False), object_cache)
    check_outputs(Executable(model, object_cache, target, threads=1).run, result, None)


def relative_error(graph: Graph, inputs: Arrays) -> float:
    """How far one chain is off, relative to the largest answer on these inputs alone: the scale of before."""
    (exact,), (found,) = run(graph, inputs, np.float64).values(), chained(graph)(inputs).values()
    return float(np.abs(found - exact).max() / np.abs(exact).max())


def test_the_saturated_model_is_one_that_the_scale_of_one_set_would_refuse() -> None:
    graph = unscaled_features()
    uniform = {"x0": np.random.default_rng(0).random((32, 8)).astype(np.float32)}
    assert relative_error(graph, uniform) > TOLERANCE


@pytest.mark.parametrize(
    "spoil",
    [
        lambda array: array + np.abs(array).max() * 1e-3,
        lambda array: array * np.float32(1.001),
        lambda array: one_element(array, np.nan),
        lambda array: one_element(array, np.inf),
        lambda array: np.zeros_like(array),
        lambda array: array[:, ::-1],
    ],
    ids=["shifted", "scaled", "nan", "infinite", "zero", "permuted"],
)
def test_a_wrong_answer_is_refused(pruned: PruneResult, spoil: Spoil) -> None:
    with pytest.raises(OutputCheckError) as caught:
        check_outputs(answers_of(pruned.graph, spoil), pruned, None)
    assert "of the output's scale" in caught.value.expected
    assert "input_range" in caught.value.hint


def with_weight(graph: Graph, name: str, change: Callable[[np.ndarray], None]) -> Graph:
    array = graph.weights[name].copy()
    change(array)
    return replace(graph, weights={**graph.weights, name: array})


def flipped(graph: Graph, rng: np.random.Generator) -> Graph:
    """One weight of any Dense kernel, of ordinary size, with the other sign."""
    kernels = sorted(name for name in graph.weights if name.endswith("kernel"))
    name = str(rng.choice(kernels))
    array = graph.weights[name]
    places = np.argwhere(np.abs(array) > 0.3 * np.abs(array[array != 0]).mean())
    place = tuple(places[rng.integers(len(places))])

    def change(weights: np.ndarray) -> None:
        weights[place] *= -1

    return with_weight(graph, name, change)


def swapped(graph: Graph, rng: np.random.Generator) -> Graph:
    """Two rows of any Dense kernel in each other's place."""
    kernels = sorted(name for name in graph.weights if name.endswith("kernel"))
    name = str(rng.choice(kernels))
    one, other = rng.choice(graph.weights[name].shape[0], 2, replace=False)

    def change(weights: np.ndarray) -> None:
        weights[[one, other]] = weights[[other, one]]

    return with_weight(graph, name, change)


def without_bias(graph: Graph, rng: np.random.Generator) -> Graph:
    """One element of any bias gone."""
    biases = sorted(name for name in graph.weights if name.endswith("bias"))
    name = str(rng.choice(biases))
    place = int(rng.integers(len(graph.weights[name])))

    def change(weights: np.ndarray) -> None:
        weights[place] = 0.0

    return with_weight(graph, name, change)


def with_another_activation(graph: Graph, rng: np.random.Generator) -> Graph:
    """A function that is nearly the same in the place of one."""
    others = {
        Function.RELU: ActivationFunction(Function.RELU, negative_slope=0.01),
        Function.TANH: ActivationFunction(Function.SOFTSIGN),
        Function.SOFTMAX: ActivationFunction(Function.SIGMOID),
    }
    places = [n for n, node in enumerate(graph.nodes) if isinstance(node.op, Activation)]
    place = int(rng.choice(places))
    nodes = list(graph.nodes)
    op: Any = nodes[place].op
    nodes[place] = replace(nodes[place], op=Activation(others[op.function.function]))
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("mutate", [flipped, swapped, without_bias, with_another_activation])
def test_a_slightly_wrong_model_is_refused(
    mutate: Callable[[Graph, np.random.Generator], Graph], seed: int
) -> None:
    # Nothing is removed here, so that the mutated graph is the pruned one but for what was mutated.
    result = prune(classifier(seed), parse_recipe({"mode": "magnitude", "sparsity": 0.0}))
    wrong = mutate(result.graph, np.random.default_rng(seed))
    with pytest.raises(OutputCheckError):
        check_outputs(answers_of(wrong), result, None)


@pytest.mark.parametrize("seed", range(6))
def test_one_wrong_weight_among_long_rows_is_refused(seed: int) -> None:
    result = pruned_of(word_bag())
    with pytest.raises(OutputCheckError):
        check_outputs(answers_of(flipped(result.graph, np.random.default_rng(seed))), result, None)


def test_a_lossless_model_must_also_answer_as_the_original(pruned: PruneResult) -> None:
    name = next(name for name in pruned.graph.weights if name.endswith("kernel"))
    other = with_weight(pruned.graph, name, lambda array: np.multiply(array, 1.01, out=array))
    with pytest.raises(OutputCheckError):
        check_outputs(answers_of(other), replace(pruned, graph=other), None)
    magnitude = parse_recipe({"mode": "magnitude", "sparsity": 0.5})
    budgeted = replace(pruned, graph=other, recipe=magnitude)
    assert check_outputs(answers_of(other), budgeted, None) > 1e-4


def test_the_spread_of_rounding_holds_for_chains_and_is_not_far_above() -> None:
    b = GraphBuilder(5)
    x = b.input(4096)
    graph = b.build(b.dense(x, 16, kernel=np.abs(b.rng.standard_normal((4096, 16)))))
    inputs = {"x0": np.abs(random_inputs(graph, 16)["x0"])}
    exact = run(graph, inputs, np.float64)["y0"]
    error = float(np.abs(chained(graph)(inputs)["y0"] - exact).max())
    spread = float(rounding_of(graph, inputs).spread["y0"].max())
    assert error < spread < 100 * error
    assert spread < 4096 * UNIT_ROUNDOFF * np.abs(exact).max(), (
        "less than the bound that always holds"
    )


def test_a_deep_network_has_a_spread_that_does_not_explode() -> None:
    b = GraphBuilder(6)
    x = b.input(64)
    for _ in range(20):
        x = b.dense(x, 64, activation=Function.TANH)
    graph = b.build(x)
    inputs = random_inputs(graph, 16)
    scale = np.abs(run(graph, inputs, np.float64)["y0"]).max()
    assert float(rounding_of(graph, inputs).spread["y0"].max()) < 1e-3 * scale


def test_a_model_tuned_again_must_answer_the_same() -> None:
    graph = classifier()
    batches = [random_inputs(graph, count) for count in (1, 7, 64)]
    check_retuned(answers_of(graph), chained(graph), batches)
    with pytest.raises(OutputCheckError, match="tuning again"):
        check_retuned(answers_of(graph), answers_of(graph, lambda a: a * 1.001), batches)
    with pytest.raises(OutputCheckError):
        check_retuned(
            answers_of(graph), answers_of(graph, lambda a: one_element(a, np.nan)), batches
        )


def test_probes_that_overflow_float32_are_left_out_only_where_they_are_extraordinary() -> None:
    b = GraphBuilder(7)
    x = b.dense(b.input(4), 4, kernel=0.05 * np.eye(4), activation=Function.EXPONENTIAL)
    graph = b.build(b.activation(b.dense(x, 2), Function.TANH))
    inputs = {"x0": np.array([[1.0] * 4, [5000.0] * 4], np.float32)}
    assert rounding_of(graph, inputs).fits.tolist() == [True, False]
    result = pruned_of(graph)
    check_outputs(answers_of(result.graph), result, None)


def test_the_check_holds_a_few_values_and_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    b = GraphBuilder()
    x = b.input(50, 100)
    for _ in range(30):
        x = b.activation(x, Function.TANH)
    graph = b.build(x)
    result = pruned_of(graph)
    monkeypatch.setattr(batches_module, "HELD_BYTES", 4 * 1024 * 1024)
    tracemalloc.start()
    try:
        check_outputs(answers_of(graph), result, None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The probes themselves take 122 samples of 5,000 numbers.
    assert peak < 122 * 5000 * 8 + 3 * batches_module.HELD_BYTES


def test_the_check_is_as_strict_in_small_batches(
    pruned: PruneResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches_module, "HELD_BYTES", 1)
    assert 0 <= check_outputs(answers_of(pruned.graph), pruned, None) <= TOLERANCE
    with pytest.raises(OutputCheckError):
        check_outputs(answers_of(pruned.graph, lambda a: a * np.float32(1.001)), pruned, None)


def rounded(graph: Graph) -> Graph:
    """The graph with weights of 8 bits of precision, as bfloat16 has."""
    weights = {
        name: (np.round(array.view(np.uint32) / 2.0**16).astype(np.uint32) << 16).view(np.float32)
        if name.endswith("kernel")
        else array
        for name, array in graph.weights.items()
    }
    return replace(graph, weights=weights)


def test_rounded_weights_are_not_judged_by_huge_inputs() -> None:
    b = GraphBuilder(8)
    x = b.input(32)
    for _ in range(4):
        x = b.dense(x, 32, activation=Function.TANH)
    result = pruned_of(b.build(b.dense(x, 3)))
    narrow = answers_of(rounded(result.graph))
    assert check_outputs(narrow, result, None, "bfloat16") > TOLERANCE
    with pytest.raises(OutputCheckError):
        check_outputs(narrow, result, None)


def test_functions_that_cancel_may_err_by_units_of_their_argument() -> None:
    b = GraphBuilder(9)
    graph = b.build(b.activation(b.input(4), Function.SQUAREPLUS))
    inputs = {"x0": np.full((1, 4), -1e6, np.float32)}
    rounding = rounding_of(graph, inputs)
    assert rounding.exact["y0"].max() < 1e-5
    assert rounding.spread["y0"].max() > 1e6 * 2.0**-24


def test_numbers_that_float32_itself_cannot_do_are_no_fault_of_the_model() -> None:
    b = GraphBuilder(10)
    x = b.dense(b.input(4), 8, kernel=0.3 * b.rng.standard_normal((4, 8)))
    x = b.layer_normalization(b.activation(x, Function.EXPONENTIAL), (1,))
    result = pruned_of(b.build(b.dense(x, 2)))
    # Squares of e^60 overflow, whatever computes them: only ordinary probes can tell.
    wrong_on_large = answers_of(result.graph)

    def answer(inputs: Arrays) -> Arrays:
        large = np.abs(inputs["x0"]).max() > 50
        return {name: array * (0 if large else 1) for name, array in wrong_on_large(inputs).items()}

    check_outputs(answer, result, None)
    with pytest.raises(OutputCheckError):
        check_outputs(answers_of(result.graph, np.zeros_like), result, None)
