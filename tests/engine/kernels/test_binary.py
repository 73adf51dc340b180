"""Kernels of two values, selection, constants and folds against NumPy, with NaN, infinities and zeros among them."""

import warnings

import numpy as np
import pytest

from engine.core.general_steps import BinaryFunction, Fold, Scan
from engine.core.target import Isa, available_isas
from engine.kernels import binary, folds
from graph.element_ops import Binary
from graph.element_ops import BinaryFunction as GraphFunction
from graph.reduction_ops import ArgReduce, Cumulative, CumulativeKind, Reduce, ReduceKind
from tests.engine.kernels.step_runner import StepInput, lanes_for, run_step

ISAS = pytest.mark.parametrize("isa", available_isas())
EDGES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    -2.0,
    3.0,
    0.5,
    -0.5,
    2.5,
    1e-30,
    -1e30,
    np.inf,
    -np.inf,
    np.nan,
]
ARITHMETIC = {
    BinaryFunction.ADD: np.add,
    BinaryFunction.SUBTRACT: np.subtract,
    BinaryFunction.MULTIPLY: np.multiply,
    BinaryFunction.MAXIMUM: np.maximum,
    BinaryFunction.MINIMUM: np.minimum,
}


def operands() -> tuple[np.ndarray, np.ndarray]:
    """All pairs of edges, and drawn ones."""
    rng = np.random.default_rng(5)
    a, b = np.meshgrid(EDGES, EDGES)
    drawn = rng.standard_normal((2, 3000)) * np.exp(rng.uniform(-8, 8, (2, 3000)))
    whole = np.rint(rng.standard_normal((2, 500)) * 4)
    pairs = [np.concatenate([x.ravel(), *y]) for x, *y in zip((a, b), drawn, whole, strict=True)]
    return pairs[0].astype(np.float32), pairs[1].astype(np.float32)


def meaning(function: BinaryFunction, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        if function in ARITHMETIC:
            return ARITHMETIC[function](a, b)
        return Binary(GraphFunction(function.value)).evaluate([a, b], [])


@ISAS
@pytest.mark.parametrize("function", list(BinaryFunction))
def test_functions_of_two_numbers(isa: Isa, function: BinaryFunction) -> None:
    a, b = operands()
    for swapped in (False, True):
        spec = binary.binary_spec(isa, 1, function, swapped=swapped)
        values = {"a": b, "b": a} if swapped else {"a": a, "b": b}
        step = StepInput(values, {"y": a.shape}, ints={"outer": 1, "length": a.size, "inner": 1})
        found = run_step(spec, step)["y"]
        exact = meaning(function, a.astype(np.float64), b.astype(np.float64))
        if function is BinaryFunction.FLOOR_DIVIDE:
            exact = meaning(function, a, b)  # a quotient that rounds to an integer is one
        with np.errstate(over="ignore"):
            expected = exact.astype(np.float32)
        compared = np.ones(a.shape, bool)
        if function is BinaryFunction.MOD:
            # Where the quotient passes 2^29 digits of the remainder are lost.
            with np.errstate(all="ignore"):
                quotient = np.abs(a.astype(np.float64) / b)
            compared = ~((quotient >= 2**29) & np.isfinite(quotient))
        np.testing.assert_allclose(found[compared], expected[compared], rtol=3e-7, atol=1e-44)


@ISAS
@pytest.mark.parametrize("counts", [(1, 1, 5), (3, 1, 4), (2, 5, 1), (2, 3, 7), (1, 17, 1)])
def test_rows_are_repeated(isa: Isa, counts: tuple[int, int, int]) -> None:
    outer, length, inner = counts
    for lanes in lanes_for(isa.vector_floats):
        rng = np.random.default_rng(lanes)
        a = rng.standard_normal((outer, length, inner, lanes)).astype(np.float32)
        b = rng.standard_normal((length, lanes)).astype(np.float32)
        for swapped in (False, True):
            spec = binary.binary_spec(isa, lanes, BinaryFunction.SUBTRACT, swapped=swapped)
            numbers = {"outer": outer, "length": length, "inner": inner}
            found = run_step(spec, StepInput({"a": a, "b": b}, {"y": a.shape}, ints=numbers))["y"]
            wanted = a - b[:, None]
            np.testing.assert_array_equal(found, -wanted if swapped else wanted)


@ISAS
@pytest.mark.parametrize("elements", [1, 3, 16, 37])
def test_select(isa: Isa, elements: int) -> None:
    condition = np.array([0.0, 1.0, np.nan, -0.0, 2.0] * 8, np.float32)[:elements]
    a, b = np.full(elements, np.nan, np.float32), np.arange(elements, dtype=np.float32)
    step = StepInput(
        {"condition": condition, "a": a, "b": b}, {"y": a.shape}, ints={"elements": elements}
    )
    found = run_step(binary.select_spec(isa), step)["y"]
    np.testing.assert_array_equal(found, np.where(condition != 0, a, b))


@ISAS
def test_constants(isa: Isa) -> None:
    numbers = np.array([1.0, np.nan, -np.inf, 0.5, 7.0], np.float32)
    for lanes in lanes_for(isa.vector_floats):
        step = StepInput({}, {"y": (5, lanes)}, {"numbers": numbers}, {"rows": 5})
        found = run_step(binary.constant_spec(isa, lanes), step)["y"]
        np.testing.assert_array_equal(found, np.repeat(numbers[:, None], lanes, axis=1))


FOLDS = {
    Fold.SUM: Reduce(ReduceKind.SUM, (2,)),
    Fold.MEAN: Reduce(ReduceKind.MEAN, (2,)),
    Fold.PRODUCT: Reduce(ReduceKind.PROD, (2,)),
    Fold.MAXIMUM: Reduce(ReduceKind.MAX, (2,)),
    Fold.MINIMUM: Reduce(ReduceKind.MIN, (2,)),
    Fold.VARIANCE: Reduce(ReduceKind.VARIANCE, (2,)),
    Fold.LOGSUMEXP: Reduce(ReduceKind.LOGSUMEXP, (2,)),
    Fold.ARGMAX: ArgReduce(True, 2),
    Fold.ARGMIN: ArgReduce(False, 2),
}


@ISAS
@pytest.mark.parametrize("fold", list(Fold))
@pytest.mark.parametrize("group", [1, 2, 5, 16, 37])
@pytest.mark.parametrize("run", [1, 3, 16, 21])
@pytest.mark.parametrize("edges", [False, True])
def test_folds(isa: Isa, fold: Fold, group: int, run: int, edges: bool) -> None:
    rng = np.random.default_rng(group * 100 + run)
    x = np.rint(rng.standard_normal((3, group, run)) * 3).astype(np.float32) / 2
    if edges:
        x[rng.random(x.shape) < 0.2] = rng.choice([np.nan, np.inf, -np.inf])
    numbers = {"outer": 3, "group": group, "run": run}
    step = StepInput({"x": x}, {"y": (3, run)}, ints=numbers)
    found = run_step(folds.fold_spec(isa, fold), step)["y"]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = FOLDS[fold].evaluate([x[None].astype(np.float64)], [])[0]
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)


@ISAS
@pytest.mark.parametrize("scan", list(Scan))
@pytest.mark.parametrize("group", [1, 6])
@pytest.mark.parametrize("run", [1, 3, 16, 21])
def test_scans(isa: Isa, scan: Scan, group: int, run: int) -> None:
    x = np.random.default_rng(run).standard_normal((3, group, run)).astype(np.float32)
    numbers = {"outer": 3, "group": group, "run": run}
    found = run_step(folds.scan_spec(isa, scan), StepInput({"x": x}, {"y": x.shape}, ints=numbers))
    op = Cumulative(CumulativeKind.SUM if scan is Scan.SUM else CumulativeKind.PROD, 2)
    np.testing.assert_allclose(found["y"], op.evaluate([x[None]], [])[0], rtol=2e-6, atol=2e-6)
