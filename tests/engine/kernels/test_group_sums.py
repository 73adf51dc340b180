"""Reductions, divisions by roots and resampling against NumPy: every level, one sample and many, odd sizes."""

import numpy as np
import pytest

from engine.core.arrays import FloatArray
from engine.core.functions import float_bits
from engine.core.target import Isa, available_isas
from engine.core.window_steps import Reduction, Root
from engine.kernels import group_sums, resample
from tests.engine.kernels.step_runner import StepInput, lanes_for, run_step

LEVELS = [
    pytest.param(isa, lanes, id=f"{isa.value}-{lanes}")
    for isa in available_isas()
    for lanes in lanes_for(isa.vector_floats)
]
SHAPES = [(1, 1), (3, 5), (2, 37), (1, 64)]


def drawn(*shape: int) -> FloatArray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("kind", Reduction)
@pytest.mark.parametrize("shape", SHAPES)
def test_reduce(isa: Isa, lanes: int, kind: Reduction, shape: tuple[int, int]) -> None:
    x = drawn(*shape, lanes)
    step = StepInput(
        values={"x": x},
        outputs={"y": (shape[0], lanes)},
        ints={"outer": shape[0], "group": shape[1]},
    )
    y = run_step(group_sums.reduce_spec(isa, lanes, kind), step)["y"]
    wide = x.astype(np.float64)
    wanted = wide.max(axis=1) if kind is Reduction.MAXIMUM else wide.mean(axis=1)
    np.testing.assert_allclose(y, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
def test_the_largest_of_a_group_with_nan_is_nan(isa: Isa, lanes: int) -> None:
    x = drawn(2, 5, lanes)
    x[1, 3] = np.nan
    ints = {"outer": 2, "group": 5}
    step = StepInput(values={"x": x}, outputs={"y": (2, lanes)}, ints=ints)
    y = run_step(group_sums.reduce_spec(isa, lanes, Reduction.MAXIMUM), step)["y"]
    np.testing.assert_array_equal(y, x.max(axis=1))


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("kind", Root)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 37, 1), (2, 5, 3)])
def test_divide_by_root(isa: Isa, lanes: int, kind: Root, shape: tuple[int, int, int]) -> None:
    x = drawn(*shape, lanes)
    x[0, :, 0] = 0
    outer, group, inner = shape
    epsilon = np.float32(1e-3)
    ints = {"outer": outer, "group": group, "inner": inner, "epsilon": float_bits(epsilon)}
    step = StepInput(values={"x": x}, outputs={"y": x.shape}, ints=ints)
    y = run_step(group_sums.root_spec(isa, lanes, kind), step)["y"]
    square = (x.astype(np.float64) ** 2).sum(axis=1, keepdims=True)
    if kind is Root.MEAN_SQUARE:
        wanted = x / np.sqrt(square / group + epsilon)
    else:
        wanted = x / np.maximum(np.sqrt(square), epsilon)
    np.testing.assert_allclose(y, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize(
    ("outer", "length", "count", "terms", "inner"),
    [
        (1, 1, 1, 1, 1),
        (2, 5, 9, 2, 7),
        (3, 9, 4, 4, 1),
        (1, 6, 13, 3, 40),
    ],
)
def test_resample(
    isa: Isa, lanes: int, outer: int, length: int, count: int, terms: int, inner: int
) -> None:
    rng = np.random.default_rng(0)
    x = drawn(outer, length, inner, lanes)
    elements = rng.integers(0, length, (count, terms)).astype(np.uint32)
    weights = rng.normal(size=(count, terms)).astype(np.float32)
    step = StepInput(
        values={"x": x},
        outputs={"y": (outer, count, inner, lanes)},
        constants={"elements": elements, "weights": weights},
        ints={"outer": outer, "length": length, "count": count, "terms": terms, "inner": inner},
    )
    y = run_step(resample.resample_spec(isa, lanes), step)["y"]
    wanted = np.einsum("ct,octil->ocil", weights.astype(np.float64), x[:, elements])
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)
