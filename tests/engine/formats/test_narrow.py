"""Weights rounded to 16 bits: to nearest even, nothing lost in storage, overflow refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import NarrowValuesError, PackError
from engine.core.layers import DenseLayer, ValueType
from engine.formats.narrow import loaded, narrow_layer, narrowing_error, rounded, stored

NARROW = (ValueType.BFLOAT16, ValueType.FLOAT16)


def array(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def test_ties_go_to_the_even_number() -> None:
    # One step of bfloat16 at 1 is 2^-7, of float16 2^-10.
    for values, step in ((ValueType.BFLOAT16, 2.0**-7), (ValueType.FLOAT16, 2.0**-10)):
        ties = array(1 + step / 2, 1 + 3 * step / 2, -1 - step / 2, 1 + step * 0.51)
        np.testing.assert_array_equal(rounded(ties, values), array(1, 1 + 2 * step, -1, 1 + step))


@pytest.mark.parametrize("values", NARROW)
@given(bits=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=50))
def test_no_number_of_the_type_is_nearer(values: ValueType, bits: list[int]) -> None:
    weights = np.array(bits, np.uint32).view(np.float32)
    weights = weights[np.isfinite(weights) & (abs(weights) < 60_000)]
    narrow = rounded(weights, values)
    codes = stored(narrow, values).astype(np.int64)
    for shift in (-1, 1):
        neighbours = loaded(((codes + shift) % 2**16).astype(np.uint16), values)
        comparable = np.isfinite(neighbours)
        exact = weights.astype(np.float64)[comparable]
        near = abs(narrow.astype(np.float64)[comparable] - exact)
        assert (near <= abs(neighbours.astype(np.float64)[comparable] - exact)).all()


@pytest.mark.parametrize("values", NARROW)
def test_special_numbers_stay_what_they_are(values: ValueType) -> None:
    payload = np.array([0x7F80_0001, 0xFFFF_FFFF], np.uint32).view(np.float32)
    special = np.concatenate((array(0, -0.0, np.inf, -np.inf), payload))
    narrow = rounded(special, values)
    np.testing.assert_array_equal(narrow, special)
    np.testing.assert_array_equal(np.signbit(narrow[:4]), np.signbit(special[:4]))
    np.testing.assert_array_equal(loaded(stored(narrow, values), values), narrow)


@pytest.mark.parametrize(
    ("values", "fits", "large"),
    [(ValueType.FLOAT16, 65_519.0, 65_520.0), (ValueType.BFLOAT16, 3.389e38, 3.4e38)],
)
def test_what_would_become_infinite_is_refused(
    values: ValueType, fits: float, large: float
) -> None:
    assert np.isfinite(rounded(array(fits), values)).all()
    with pytest.raises(NarrowValuesError, match="magnitudes up to"):
        rounded(array(1, -large), values)


def test_a_layer_is_rounded_once_and_marked() -> None:
    layer = DenseLayer(array(1.001, 0, 2).reshape(3, 1), nonzeros=2)
    assert narrow_layer(layer, ValueType.FLOAT32) is layer
    narrow = narrow_layer(layer, ValueType.BFLOAT16)
    assert narrow.values is ValueType.BFLOAT16
    np.testing.assert_array_equal(narrow.kernel, array(1, 0, 2).reshape(3, 1))


def test_weights_that_were_not_rounded_are_not_stored() -> None:
    for values in NARROW:
        with pytest.raises(PackError, match="narrow_layer"):
            stored(array(1.0001), values)


def test_the_error_is_relative_to_each_weight() -> None:
    weights = array(1 + 2.0**-9, 1, 0, np.nan)
    error = narrowing_error(weights, ValueType.BFLOAT16)
    moved = 1 - 1 / (1 + 2.0**-9)
    assert error.largest == pytest.approx(moved)
    assert error.rms == pytest.approx(moved / np.sqrt(2))
    assert narrowing_error(weights, ValueType.FLOAT32).largest == 0
    assert narrowing_error(array(0), ValueType.FLOAT16).rms == 0
    # Too small for float16: it becomes zero, and that is an error of 1.
    assert narrowing_error(array(1e-9), ValueType.FLOAT16).largest == 1
