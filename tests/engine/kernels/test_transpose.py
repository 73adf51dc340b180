"""Two axes exchanged, against NumPy: every level, one sample and many, shapes around registers and lines."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.target import Isa, available_isas
from engine.kernels.transpose import transpose_spec
from tests.engine.kernels.step_runner import StepInput, run_step

COUNTS = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 49])


def check(isa: Isa, lanes: int, shape: tuple[int, int, int, int]) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((math.prod(shape), lanes), np.float32)
    x[0], x[-1] = np.nan, np.inf
    ints = dict(zip(("outer", "rows", "columns", "inner"), shape, strict=True))
    step = StepInput(values={"x": x}, outputs={"y": x.shape}, constants={}, ints=ints)
    y = run_step(transpose_spec(isa, lanes), step)["y"]
    wanted = x.reshape(*shape, lanes).transpose(0, 2, 1, 3, 4).reshape(x.shape)
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("isa", available_isas())
@settings(max_examples=40)
@given(outer=st.integers(1, 3), rows=COUNTS, columns=COUNTS)
def test_numbers_are_exchanged(isa: Isa, outer: int, rows: int, columns: int) -> None:
    check(isa, 1, (outer, rows, columns, 1))


@pytest.mark.parametrize("isa", available_isas())
@settings(max_examples=25)
@given(
    lanes=st.sampled_from([1, 4, 8, 16, 32]),
    outer=st.integers(1, 2),
    rows=st.integers(1, 20),
    columns=st.integers(1, 20),
    inner=st.integers(1, 20),
)
def test_runs_are_exchanged(
    isa: Isa, lanes: int, outer: int, rows: int, columns: int, inner: int
) -> None:
    check(isa, lanes, (outer, rows, columns, inner))


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("shape", [(1, 70, 3, 1), (1, 3, 70, 1), (2, 64, 64, 1), (1, 2, 16, 1)])
def test_colours_and_squares(isa: Isa, shape: tuple[int, int, int, int]) -> None:
    check(isa, 1, shape)
