"""Element functions against the graph room's formulas in float64."""

import numpy as np
import pytest

from engine.core.functions import FusedActivation
from engine.core.target import Isa, available_isas
from engine.kernels.element_functions import element_function
from engine.kernels.elementwise import activation_spec
from graph.activations import ActivationFunction, Function
from graph.element_functions import ELEMENT_FUNCTIONS
from tests.engine.kernels.step_runner import StepInput, run_step

EPSILON = float(np.finfo(np.float32).eps)
# Largest error in units of EPSILON * |result| (about two units of the last place each), and in
# units of EPSILON * |x| where the formula itself cancels.
RELATIVE = 4.0
CASES = [
    (ActivationFunction(Function.LINEAR), 0.0),
    (ActivationFunction(Function.RELU), 0.0),
    (ActivationFunction(Function.RELU, max_value=6.0), 0.0),
    (ActivationFunction(Function.RELU, negative_slope=0.3), 0.0),
    (ActivationFunction(Function.RELU, negative_slope=0.1, max_value=4.0, threshold=1.0), 0.2),
    (ActivationFunction(Function.RELU, threshold=1.5), 0.0),
    (ActivationFunction(Function.ELU, alpha=1.3), 0.0),
    (ActivationFunction(Function.CELU, alpha=0.7), 0.0),
    (ActivationFunction(Function.SELU), 0.0),
    (ActivationFunction(Function.GELU), 1.0),
    (ActivationFunction(Function.GELU, approximate=True), 1.0),
    (ActivationFunction(Function.SIGMOID), 0.0),
    (ActivationFunction(Function.HARD_SIGMOID), 1.0),
    (ActivationFunction(Function.HARD_SIGMOID_KERAS2), 1.0),
    (ActivationFunction(Function.HARD_SILU), 1.0),
    (ActivationFunction(Function.TANH), 0.0),
    (ActivationFunction(Function.HARD_TANH), 0.0),
    (ActivationFunction(Function.TANH_SHRINK), 1.0),
    (ActivationFunction(Function.SILU), 0.0),
    (ActivationFunction(Function.MISH), 0.0),
    (ActivationFunction(Function.SOFTPLUS), 0.0),
    (ActivationFunction(Function.SOFTSIGN), 0.0),
    (ActivationFunction(Function.SOFT_SHRINK, threshold=0.5), 1.0),
    (ActivationFunction(Function.HARD_SHRINK, threshold=0.5), 0.0),
    (ActivationFunction(Function.THRESHOLD, threshold=0.25, default_value=-3.0), 0.0),
    (ActivationFunction(Function.EXPONENTIAL), 0.0),
    (ActivationFunction(Function.LOG_SIGMOID), 0.0),
    (ActivationFunction(Function.SQUAREPLUS, b=4.0), 1.0),
    (ActivationFunction(Function.SPARSE_PLUS), 1.0),
    (ActivationFunction(Function.SPARSE_SIGMOID), 1.0),
    *[(ActivationFunction(Function(name)), 0.0) for name in ELEMENT_FUNCTIONS],
    (ActivationFunction(Function.CLIP, min_value=-0.5, max_value=2.0), 0.0),
    (ActivationFunction(Function.CLIP, max_value=2.0), 0.0),
]
# The angle loses digits beyond.
LARGEST = dict.fromkeys((Function.SIN, Function.COS, Function.TAN), 2.0**20)
IDS = [f"{case.function.value}-{number}" for number, (case, _) in enumerate(CASES)]


def sample_points() -> np.ndarray:
    rng = np.random.default_rng(7)
    size = np.exp(rng.uniform(np.log(1e-30), np.log(1e30), 20_000))
    near = rng.uniform(-20, 20, 60_000)
    ends = np.linspace(-110, 110, 20_001)
    edges = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 0.25, 3.0, -3.0, 0.625, 20.0, 88.72, 88.73, -87.4]
    wide = size * rng.choice([-1, 1], size.shape)
    return np.concatenate([wide, near, ends, edges]).astype(np.float32)


def run_activation(isa: Isa, function: ActivationFunction, x: np.ndarray) -> np.ndarray:
    element = element_function(function)
    step = StepInput(
        values={"x": x}, outputs={"y": x.shape}, ints={"elements": x.size, **element.as_ints()}
    )
    return run_step(activation_spec(isa, element.function), step)["y"]


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize(("function", "of_x"), CASES, ids=IDS)
def test_error_is_a_few_units_of_the_last_place(
    isa: Isa, function: ActivationFunction, of_x: float
) -> None:
    x = sample_points()
    x = x[np.abs(x) <= LARGEST.get(function.function, np.inf)]
    y = run_activation(isa, function, x)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        exact = function(x.astype(np.float64))
        rounded = exact.astype(np.float32)
        finite = np.isfinite(rounded) & np.isfinite(y)
        np.testing.assert_array_equal(np.isinf(y[~finite]), np.isinf(rounded[~finite]))
        allowed = EPSILON * (RELATIVE * abs(exact) + of_x * abs(x.astype(np.float64)))
        # 1.5e-45 is the spacing of denormal numbers, which functions x * f(x) multiply by x.
        allowed += 1.5e-45 * (1 + abs(x.astype(np.float64)))
        excess = abs(y - exact)[finite] / allowed[finite]
    worst = int(np.argmax(excess))
    assert excess.max() <= 1, (
        f"x={x[finite][worst]!r} got {y[finite][worst]!r} expected {exact[finite][worst]!r}"
    )


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize(("function", "_of_x"), CASES, ids=IDS)
def test_nan_stays_and_infinities_follow_the_formula(
    isa: Isa, function: ActivationFunction, _of_x: float
) -> None:
    x = np.array([np.nan, np.inf, -np.inf] * 11, np.float32)
    y = run_activation(isa, function, x)
    np.testing.assert_array_equal(y, function(x))


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33])
def test_any_number_of_elements(isa: Isa, count: int) -> None:
    x = np.linspace(-2, 2, count).astype(np.float32)
    y = run_activation(isa, ActivationFunction(Function.RELU), x)
    np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_every_elementwise_function_is_covered() -> None:
    elementwise = {f for f in Function if ActivationFunction(f).is_elementwise}
    assert {case.function for case, _ in CASES} == elementwise
    assert {element_function(case).function for case, _ in CASES} == set(FusedActivation)
