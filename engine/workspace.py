"""An arena and a request for the native driver; used by one call at a time."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels.alignment import aligned_zeros
from engine.kernels.driver import Request

# One-sample kernels may read, and ignore, up to the next vector behind a value.
_TAIL_BYTES = 256


class Workspace:
    """Everything that one native call writes, apart from the output arrays."""

    def __init__(self, arena_bytes: int, inputs: int, outputs: int) -> None:
        """Allocate.

        Args:
            arena_bytes: what the plan needs.
            inputs: number of input arrays.
            outputs: number of output arrays.
        """
        self.arena = aligned_zeros((arena_bytes + _TAIL_BYTES) // 4)
        self._inputs = (ctypes.c_int64 * inputs)()
        self._outputs = (ctypes.c_int64 * outputs)()
        self._request = (ctypes.c_int64 * len(Request))()
        self._request[Request.ARENA] = self.arena.ctypes.data
        self._request[Request.INPUTS] = ctypes.addressof(self._inputs)
        self._request[Request.OUTPUTS] = ctypes.addressof(self._outputs)
        self._address = ctypes.addressof(self._request)

    def request(
        self,
        plan: int,
        inputs: Sequence[npt.NDArray[Any]],
        outputs: Sequence[npt.NDArray[np.float32]],
        samples: int,
    ) -> int:
        """Fill the request and give its address.

        Args:
            plan: address of the plan table.
            inputs: C-contiguous arrays, not empty; the caller keeps them alive.
            outputs: the same, writeable.
            samples: length of their first axis.
        """
        for place, array in enumerate(inputs):
            self._inputs[place] = _address_of(array)
        for place, array in enumerate(outputs):
            self._outputs[place] = _address_of(array)
        self._request[Request.PLAN] = plan
        self._request[Request.SAMPLES] = samples
        return self._address


def _address_of(array: npt.NDArray[Any]) -> int:
    # Through the buffer protocol: five times as fast as `array.ctypes.data`, for writeable arrays.
    if array.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    return int(array.ctypes.data)
