import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.error_function import erf


@given(st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=30))
def test_it_is_the_error_function_of_the_standard_library(numbers: list[float]) -> None:
    found = erf(np.array(numbers))
    for number, value in zip(numbers, found, strict=True):
        assert value == pytest.approx(math.erf(number), rel=4.5e-16, abs=0.0)


def test_nodes_and_the_middle_between_them() -> None:
    x = np.linspace(-7.0, 7.0, 14 * 2048 + 1)
    wanted = np.array([math.erf(number) for number in x])
    np.testing.assert_allclose(erf(x), wanted, rtol=4.5e-16, atol=0.0)


def test_signs_and_what_is_no_number() -> None:
    found = erf(np.array([[0.0, -0.0, math.inf], [-math.inf, math.nan, 1e-320]]))
    assert found.shape == (2, 3)
    assert not np.signbit(found[0, 0])
    assert np.signbit(found[0, 1])
    assert found[0, 2] == -found[1, 0] == 1.0
    assert np.isnan(found[1, 1])
    assert found[1, 2] == math.erf(1e-320)
