"""Pack and unpack: any dtype, partly filled tiles, sizes that are no multiple of a block, arrays that end
where memory does."""

import ctypes
import mmap
from collections.abc import Iterator

import numpy as np
import pytest

from engine.core.errors import UnsupportedKernelError
from engine.core.target import Isa, available_isas
from engine.kernels import layout
from engine.kernels.registry import emit
from tests.engine.kernels.step_runner import StepInput, lanes_for, run_step

LEVELS = [
    pytest.param(isa, lanes, id=f"{isa.value}-{lanes}")
    for isa in available_isas()
    for lanes in sorted({8, *lanes_for(isa.vector_floats)})
]
DTYPES = [
    "float32", "float64", "float16", "bool",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip
# Around a square, a block and several; rows that crowd in few sets of a cache: 512, 1024 and 2048 float32.
SIZES = (1, 2, 3, 4, 5, 7, 8, 10, 15, 16, 17, 19, 31, 32, 33, 47, 64, 100, 512, 513, 1024)


class Fence:
    """A stretch of memory between two pages that must not be touched."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        self._size = -(-size // page) * page
        self._map = mmap.mmap(-1, self._size + 2 * page)
        first = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        self._undo = [(protect, first, page), (protect, first + page + self._size, page)]
        self._set(0)
        self._bytes = np.frombuffer(self._map, np.uint8)[page : page + self._size]

    def array(self, like: np.ndarray, skip: int | None) -> np.ndarray:
        """A copy of an array, `skip` bytes behind the first fence, or right before the second one."""
        start = self._size - like.nbytes if skip is None else skip
        copy = self._bytes[start : start + like.nbytes].view(like.dtype).reshape(like.shape)
        copy[...] = like
        return copy

    def close(self) -> None:
        """Give the memory back, readable again."""
        self._set(mmap.PROT_READ | mmap.PROT_WRITE)

    def _set(self, protection: int) -> None:
        for protect, address, size in self._undo:
            assert protect(address, size, protection) == 0


@pytest.fixture(scope="module")
def fence() -> Iterator[Fence]:
    made = Fence(64 * 1024 * 8 + 64)
    yield made
    made.close()


def user_array(dtype: str, batch: int, elements: int) -> np.ndarray:
    rng = np.random.default_rng(elements)
    if dtype == "bool":
        return rng.random((batch, elements)) < 0.5
    if dtype.startswith("float"):
        array = rng.normal(size=(batch, elements)).astype(dtype)
        special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 6e-8, 6e-5, 65504.0])
        array.flat[: min(8, array.size)] = special.astype(dtype)[: array.size]
        return array
    ends = np.iinfo(dtype)
    return rng.integers(ends.min, ends.max, (batch, elements), dtype, endpoint=True)


def run_pack(isa: Isa, lanes: int, array: np.ndarray, first: int, valid: int) -> np.ndarray:
    elements = array.shape[1]
    step = StepInput(
        outputs={"y": (elements, lanes)},
        ints={"slot": 1, "elements": elements},
        user_inputs=(np.zeros(1), array),
        first_sample=first,
        valid_samples=valid,
    )
    return run_step(layout.pack_spec(isa, lanes, array.dtype.name), step)["y"]


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_pack_converts_and_transposes(isa: Isa, lanes: int, dtype: str) -> None:
    array = user_array(dtype, lanes + 3, 35)
    y = run_pack(isa, lanes, array, 2, lanes)
    np.testing.assert_array_equal(y, array[2 : 2 + lanes].T.astype(np.float32))
    zero = np.array(array[2 : 2 + lanes].T.astype(np.float32)) == 0
    np.testing.assert_array_equal(np.signbit(y[zero]), np.signbit(array[2 : 2 + lanes].T[zero]))


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("elements", [1, 3, 4, 8, 15, 16, 17, 64, 100])
def test_a_part_filled_tile_repeats_its_last_sample(isa: Isa, lanes: int, elements: int) -> None:
    valid = max(1, lanes // 2 - 1)
    array = user_array("float32", 1 + valid, elements)  # nothing may be read behind the array
    y = run_pack(isa, lanes, array, 1, valid)
    rows = np.minimum(1 + np.arange(lanes), valid)
    np.testing.assert_array_equal(y, array[rows].T)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("elements", [1, 3, 4, 8, 15, 16, 17, 64, 100])
def test_unpack_writes_only_valid_samples(isa: Isa, lanes: int, elements: int) -> None:
    rng = np.random.default_rng(elements)
    x = rng.normal(size=(elements, lanes)).astype(np.float32)
    valid = max(1, lanes - 3)
    result = np.full((lanes + 2, elements), np.nan, np.float32)
    step = StepInput(
        values={"x": x},
        ints={"slot": 0, "elements": elements},
        user_outputs=(result,),
        first_sample=1,
        valid_samples=valid,
    )
    run_step(layout.unpack_spec(isa, lanes), step)
    expected = np.full_like(result, np.nan)
    expected[1 : 1 + valid] = x.T[:valid]
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "float16"])
def test_pack_reads_nothing_outside_of_the_array(
    isa: Isa, lanes: int, dtype: str, fence: Fence
) -> None:
    for elements in SIZES:
        valid = max(1, lanes - elements % 3)
        plain = user_array(dtype, valid, elements)
        for skip in (0, 16, 48, None):
            array = fence.array(plain, skip)
            y = run_pack(isa, lanes, array, 0, valid)
            rows = np.minimum(np.arange(lanes), valid - 1)
            np.testing.assert_array_equal(y, plain[rows].T.astype(np.float32), f"{elements}")


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
def test_unpack_touches_nothing_outside_of_the_array(isa: Isa, lanes: int, fence: Fence) -> None:
    rng = np.random.default_rng(lanes)
    for elements in SIZES:
        x = rng.normal(size=(elements, lanes)).astype(np.float32)
        for valid in {1, max(1, lanes // 2), max(1, lanes - 3), lanes}:
            for skip in (0, 16, 48, None):
                result = fence.array(np.full((valid, elements), np.nan, np.float32), skip)
                step = StepInput(
                    values={"x": x},
                    ints={"slot": 0, "elements": elements},
                    user_outputs=(result,),
                    valid_samples=valid,
                )
                run_step(layout.unpack_spec(isa, lanes), step)
                np.testing.assert_array_equal(result, x.T[:valid], f"{elements}, {valid}")


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("elements", [512, 1024])
def test_unpack_into_crowded_rows_writes_only_valid_samples(
    isa: Isa, lanes: int, elements: int
) -> None:
    x = np.random.default_rng(elements).normal(size=(elements, lanes)).astype(np.float32)
    for valid in range(1, lanes + 1, 3):
        result = np.full((lanes + 2, elements), np.nan, np.float32)
        step = StepInput(
            values={"x": x},
            ints={"slot": 0, "elements": elements},
            user_outputs=(result,),
            first_sample=1,
            valid_samples=valid,
        )
        run_step(layout.unpack_spec(isa, lanes), step)
        expected = np.full_like(result, np.nan)
        expected[1 : 1 + valid] = x.T[:valid]
        np.testing.assert_array_equal(result, expected)


def test_every_half_is_converted() -> None:
    array = np.arange(65536, dtype=np.uint16).view(np.float16)[None]
    for isa in available_isas():
        y = run_pack(isa, 1, array, 0, 1)
        np.testing.assert_array_equal(y[:, 0], array[0].astype(np.float32))


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(UnsupportedKernelError, match="complex64"):
        emit(layout.pack_spec(Isa.GENERIC, 1, "complex64"))
