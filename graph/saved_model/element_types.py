"""TensorFlow's element types by number, as far as they can be read into NumPy.

Source: tensorflow/core/framework/types.proto.
"""

from typing import Any, Final

import numpy as np

from graph.errors import UnsupportedDtypeError

FLOAT, STRING, BFLOAT16, RESOURCE = 1, 7, 14, 20
# A reference to a TensorFlow 1 variable of type t has the number t + 100.
REFERENCE: Final = 100
_NUMPY: Final[dict[int, str]] = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "|u1",
    5: "<i2",
    6: "|i1",
    9: "<i8",
    10: "|b1",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}
_NAMES: Final[dict[int, str]] = {
    7: "string",
    8: "complex64",
    14: "bfloat16",
    18: "complex128",
    20: "resource",
    21: "variant",
}


def name_of(number: int) -> str:
    """Return what people call an element type."""
    number %= REFERENCE
    if number in _NUMPY:
        return str(np.dtype(_NUMPY[number]))
    return _NAMES.get(number, f"type {number}")


def numpy_type(number: int, where: str) -> "np.dtype[Any]":
    """Return the NumPy type.

    Raises:
        UnsupportedDtypeError: there is none.
    """
    found = _NUMPY.get(number % REFERENCE)
    if found is None:
        raise UnsupportedDtypeError(
            f"{where} has an element type that is not read",
            expected="numbers or booleans",
            got=name_of(number),
        )
    return np.dtype(found)
