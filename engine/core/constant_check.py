"""What program checks ask of constants and of rows."""

from collections.abc import Iterator

import numpy as np

from engine.core.places import Place
from engine.core.program import Constant, Program, dense_array


def same_rows(x: Place, y: Place) -> Iterator[str]:
    """What is wrong with values that should have as many rows as each other."""
    if x.rows != y.rows:
        yield f"{x.rows} rows in, {y.rows} rows out"


def group_problems(x: Place, y: Place, counts: tuple[int, int, int]) -> Iterator[str]:
    """What is wrong with groups of [outer][length][inner] rows of x that become rows of y."""
    yield from same_rows(x, y)
    outer, length, inner = counts
    if min(counts) < 1:
        yield "groups have at least one element"
    elif outer * length * inner != x.rows:
        yield f"{outer} x {length} x {inner} groups in {x.rows} rows"


def number_problems(program: Program, name: str, count: int, limit: int) -> Iterator[str]:
    """What is wrong with a constant of row numbers: `count` of them, each below `limit`."""
    problems = list(array_problems(program, name, np.uint32, (count,)))
    yield from problems
    if not problems and (limit < 1 or int(dense_array(program.constants[name]).max()) >= limit):
        yield f"a row number of {name!r} is not below {limit}"


def array_problems(
    program: Program, name: str, dtype: type[np.generic], shape: tuple[int, ...]
) -> Iterator[str]:
    """What is wrong with a constant that should be an array of this dtype and shape."""
    array: Constant | None = program.constants.get(name)
    if array is None:
        yield f"constant {name!r} is not there"
    elif array.dtype != dtype or array.shape != shape:
        yield (
            f"constant {name!r} should be {np.dtype(dtype)}{list(shape)} "
            f"and is {array.dtype}{list(array.shape)}"
        )
