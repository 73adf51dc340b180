"""Row numbers as steps of one byte: the same rows come back, and nothing else is taken for steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.artifacts.manifest_program import decode_constant, encode_constant
from engine.artifacts.row_steps import row_steps, rows_of_steps
from engine.artifacts.sections import SectionReader, SectionWriter
from engine.core.errors import WeightFormError
from engine.core.program import SparseMatrix, dense_array


def stored(array: np.ndarray | SparseMatrix) -> tuple[str, np.ndarray]:
    """The form of a matrix in a file, and what is read back."""
    writer = SectionWriter()
    record = encode_constant(array, writer)
    data = bytearray(writer.size_bytes)
    for section, own in zip(writer.sections, writer.arrays, strict=True):
        data[section.offset : section.offset + own.nbytes] = own.tobytes()
    reader = SectionReader(memoryview(bytes(data)), writer.sections)
    return record["form"], dense_array(decode_constant(record, "c", reader))


@given(
    inputs=st.integers(1, 700),
    units=st.integers(1, 12),
    density=st.sampled_from([0.0, 0.005, 0.05, 0.4]),
    seed=st.integers(0, 2**16),
)
def test_matrices_come_back_as_they_were(
    inputs: int, units: int, density: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    array = np.where(rng.random((inputs, units)) < density, rng.standard_normal((inputs, units)), 0)
    array = array.astype(np.float32)
    np.testing.assert_array_equal(stored(array)[1], array)


def test_short_steps_take_a_byte_and_long_ones_do_not() -> None:
    array = np.zeros((600, 4), np.float32)
    array[[0, 255, 510], [0, 0, 0]] = 1
    array[255, 2] = 2
    form, back = stored(array)
    assert form == "stepped"
    np.testing.assert_array_equal(back, array)
    array[300, 3] = 3
    form, back = stored(array)
    assert form == "sparse"
    np.testing.assert_array_equal(back, array)


def test_rows_that_fall_are_stored_as_they_are() -> None:
    starts, rows = np.array([0, 2], np.uint32), np.array([5, 3], np.uint16)
    assert row_steps(SparseMatrix((9, 1), starts, rows, np.ones(2, np.float32))) is None


@pytest.mark.parametrize(
    ("starts", "steps"),
    [
        (np.array([0, 2], np.uint32), np.array([1, 2, 3], np.uint8)),
        (np.array([1, 3], np.uint32), np.array([1, 2, 3], np.uint8)),
        (np.array([0, 3, 2, 3], np.uint32), np.array([1, 2, 3], np.uint8)),
        (np.array([0, 3], np.int64), np.array([1, 2, 3], np.uint8)),
        (np.array([], np.uint32), np.array([1, 2, 3], np.uint8)),
        (np.array([0, 3], np.uint32), np.array([1, 2, 3], np.uint16)),
        (np.array([0, 3], np.uint32), np.array([[1, 2, 3]], np.uint8)),
        (np.array([[0, 3]], np.uint32), np.array([1, 2, 3], np.uint8)),
    ],
)
def test_what_are_no_steps_is_refused(starts: np.ndarray, steps: np.ndarray) -> None:
    with pytest.raises(WeightFormError):
        rows_of_steps(starts, steps, "c")


@pytest.mark.parametrize("rows", [[3, 9], [300, 1], [1, 256]])
def test_rows_outside_of_the_matrix_are_refused_in_either_form(rows: list[int]) -> None:
    starts = np.array([0, 2], np.uint32)
    matrix = SparseMatrix((9, 1), starts, np.array(rows, np.uint16), np.ones(2, np.float32))
    with pytest.raises(WeightFormError, match="outside"):
        stored(matrix)
