"""Step kernels against NumPy: every level, one lane and many, odd sizes."""

import math

import numpy as np
import pytest

from engine.core.arrays import FloatArray
from engine.core.errors import UnsupportedKernelError
from engine.core.functions import MergeOp, float_bits
from engine.core.target import Isa, available_isas
from engine.kernels import dot, elementwise, groups, rows, sparsemax
from engine.kernels.groups import SoftmaxKind
from engine.kernels.registry import emit
from graph import ops
from graph.activations import ActivationFunction, Function
from tests.engine.kernels.step_runner import StepInput, lanes_for, run_step

LEVELS = [
    pytest.param(isa, lanes, id=f"{isa.value}-{lanes}")
    for isa in available_isas()
    for lanes in lanes_for(isa.vector_floats)
]
SIZES = [1, 2, 5, 16, 37]
# Outer, length and inner.
SHAPES = [(1, 1, 1), (1, 37, 1), (3, 5, 1), (1, 1, 37), (2, 3, 16), (3, 2, 5)]


def drawn(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("merge", MergeOp)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_merge(isa: Isa, merge: MergeOp, count: int) -> None:
    if merge is MergeOp.SUBTRACT:
        count = 2
    arrays = [drawn(67, seed=seed) for seed in range(count)]
    arrays[-1][3] = np.nan
    arrays[0][5] = np.nan
    values = {f"x{place}": array for place, array in enumerate(arrays)}
    step = StepInput(values=values, outputs={"y": (67,)}, ints={"elements": 67})
    y = run_step(elementwise.merge_spec(isa, merge, count), step)["y"]
    batched = [array[None] for array in arrays]
    expected = ops.Merge(ops.MergeKind(merge.value)).evaluate(batched, [])[0]
    np.testing.assert_array_equal(y, expected)


def test_subtract_of_three_is_refused() -> None:
    with pytest.raises(UnsupportedKernelError, match="two inputs for subtract"):
        emit(elementwise.merge_spec(Isa.GENERIC, MergeOp.SUBTRACT, 3))


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("size", SIZES)
def test_gather_rows(isa: Isa, lanes: int, size: int) -> None:
    x = drawn(size, lanes)
    x[0] = np.nan
    index = np.random.default_rng(size).integers(0, size, 2 * size + 1).astype(np.uint32)
    step = StepInput(
        values={"x": x},
        outputs={"y": (len(index), lanes)},
        constants={"index": index},
        ints={"rows": len(index)},
    )
    y = run_step(rows.gather_spec(isa, lanes), step)["y"]
    np.testing.assert_array_equal(y, x[index])


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_affine_rows(isa: Isa, lanes: int, shape: tuple[int, int, int]) -> None:
    outer, length, inner = shape
    x = drawn(math.prod(shape), lanes)
    scale, shift = drawn(length, seed=1), drawn(length, seed=2)
    x[-1] = np.nan
    step = StepInput(
        values={"x": x},
        outputs={"y": x.shape},
        constants={"scale": scale, "shift": shift},
        ints={"outer": outer, "length": length, "inner": inner},
    )
    y = run_step(rows.affine_spec(isa, lanes), step)["y"]
    numbers = np.arange(len(x)) // inner % length
    exact = scale[numbers, None].astype(np.float64) * x + shift[numbers, None]
    # One rounding of the product and one of the sum.
    np.testing.assert_allclose(y, exact, rtol=2e-7, atol=5e-7)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_prelu_rows(isa: Isa, lanes: int, shape: tuple[int, int, int]) -> None:
    outer, length, inner = shape
    x, alpha = drawn(math.prod(shape), lanes), drawn(length, seed=1)
    x[0] = np.nan
    step = StepInput(
        values={"x": x},
        outputs={"y": x.shape},
        constants={"alpha": alpha},
        ints={"outer": outer, "length": length, "inner": inner},
    )
    y = run_step(rows.prelu_spec(isa, lanes), step)["y"]
    numbers = np.arange(len(x)) // inner % length
    np.testing.assert_array_equal(y, np.where(x < 0, alpha[numbers, None] * x, x))


def run_groups(
    isa: Isa, lanes: int, function: Function, shape: tuple[int, int, int], x: FloatArray
) -> FloatArray:
    specs = {
        Function.SOFTMAX: groups.softmax_spec(isa, lanes, SoftmaxKind.SOFTMAX),
        Function.LOG_SOFTMAX: groups.softmax_spec(isa, lanes, SoftmaxKind.LOG_SOFTMAX),
        Function.SPARSEMAX: sparsemax.sparsemax_spec(isa, lanes),
    }
    outer, group, inner = shape
    ints = {"outer": outer, "group": group, "inner": inner}
    step = StepInput(values={"x": x}, outputs={"y": x.shape}, ints=ints)
    return run_step(specs[function], step)["y"]


GROUPS = [(1, 1, 1), (1, 10, 1), (3, 17, 1), (2, 33, 3), (1, 64, 1), (5, 2, 4)]


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("shape", GROUPS, ids=str)
@pytest.mark.parametrize("function", [Function.SOFTMAX, Function.LOG_SOFTMAX, Function.SPARSEMAX])
def test_softmax_and_its_kin(
    isa: Isa, lanes: int, function: Function, shape: tuple[int, int, int]
) -> None:
    x = 4 * drawn(*shape, lanes)
    if shape[1] > 2:
        x[0, 1] = x[0, 0]  # a tie
    y = run_groups(isa, lanes, function, shape, x)
    exact = ActivationFunction(function, axis=1)(x.astype(np.float64))
    # The sum over up to 64 terms, and exp or log: some units of the last place of the largest term.
    np.testing.assert_allclose(y, exact, rtol=2e-6, atol=4e-6)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("function", [Function.SOFTMAX, Function.LOG_SOFTMAX])
def test_nan_and_large_numbers_in_softmax(isa: Isa, lanes: int, function: Function) -> None:
    x = drawn(4, 19, 1, lanes)
    x[0, 3] = np.nan
    x[1, 2] = 3e38
    x[2] = -1e30
    x[3, 0] = -np.inf
    y = run_groups(isa, lanes, function, (4, 19, 1), x)
    exact = ActivationFunction(function, axis=1)(x.astype(np.float64))
    assert np.isnan(y[0]).all()
    np.testing.assert_allclose(y, exact.astype(np.float32), rtol=2e-6, atol=4e-6)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize(("outer", "elements"), [(1, 1), (3, 5), (2, 48)])
def test_glu(isa: Isa, outer: int, elements: int) -> None:
    x = drawn(outer, 2 * elements)
    ints = {"outer": outer, "elements": elements}
    step = StepInput(values={"x": x}, outputs={"y": (outer, elements)}, ints=ints)
    y = run_step(elementwise.glu_spec(isa), step)["y"]
    exact = ActivationFunction(Function.GLU, axis=1)(x.astype(np.float64))
    np.testing.assert_allclose(y, exact, rtol=6e-7)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("shape", GROUPS, ids=str)
@pytest.mark.parametrize("centred", [True, False])
def test_layer_norm(isa: Isa, lanes: int, shape: tuple[int, int, int], centred: bool) -> None:
    x, gamma, beta = 3 * drawn(*shape, lanes) + 1, drawn(shape[1], seed=1), drawn(shape[1], seed=2)
    outer, group, inner = shape
    step = StepInput(
        values={"x": x},
        outputs={"y": x.shape},
        constants={"gamma": gamma, "beta": beta},
        ints={"outer": outer, "group": group, "inner": inner, "epsilon": float_bits(1e-3)},
    )
    y = run_step(groups.layer_norm_spec(isa, lanes, centred=centred), step)["y"]
    op = ops.LayerNormalization(axes=(1,), epsilon=1e-3, rms_scaling=not centred)
    weights = [gamma.astype(np.float64), beta.astype(np.float64)]
    exact = op.evaluate([x.astype(np.float64)], weights)
    np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(("left", "right", "terms"), [(1, 1, 7), (3, 2, 5), (4, 4, 1)])
def test_dot(isa: Isa, lanes: int, normalize: bool, left: int, right: int, terms: int) -> None:
    a, b = drawn(left, terms, lanes), drawn(terms, right, lanes, seed=1)
    a[0] = 0  # a vector of length zero
    pairs = [(i, j) for i in range(left) for j in range(right)]
    step = StepInput(
        values={"a": a, "b": b},
        outputs={"y": (left * right, lanes)},
        constants={
            "a_base": np.array([i * terms for i, _ in pairs], np.uint32),
            "b_base": np.array([j for _, j in pairs], np.uint32),
        },
        ints={"rows": len(pairs), "terms": terms, "a_stride": 1, "b_stride": right},
    )
    y = run_step(dot.dot_spec(isa, lanes, normalize=normalize), step)["y"]
    samples = [np.moveaxis(v.astype(np.float64), -1, 0) for v in (a, b)]
    exact = ops.Dot(axes=(2, 1), normalize=normalize).evaluate(samples, [])
    expected = np.moveaxis(exact.reshape(lanes, -1), 0, -1)
    np.testing.assert_allclose(y, expected, rtol=2e-6, atol=2e-6)
