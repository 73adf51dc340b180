"""Arrays of weights and values, and the boundary that they start on."""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ALIGNMENT_BYTES = 64


def aligned_zeros(count: int) -> FloatArray:
    """Return float32[count] zeros that start on a 64-byte boundary."""
    room = np.zeros(count + ALIGNMENT_BYTES // 4, np.float32)
    skip = (-room.ctypes.data % ALIGNMENT_BYTES) // 4
    return room[skip : skip + count]


def aligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy of `array`, flat, that starts on a 64-byte boundary."""
    room = np.zeros(array.nbytes + ALIGNMENT_BYTES, np.uint8)
    skip = -room.ctypes.data % ALIGNMENT_BYTES
    part = room[skip : skip + array.nbytes]
    part[:] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return part.view(array.dtype)
