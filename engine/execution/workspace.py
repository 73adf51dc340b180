"""An arena and a request for the native driver; used by one call at a time."""

import ctypes
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels.alignment import aligned_zeros
from engine.kernels.driver import ARRAY_DATA_BYTES, Request
from engine.kernels.pool import LINE_BYTES
from engine.kernels.share import JOB_BYTES

# One-sample kernels may read, and ignore, up to the next vector behind a value.
_TAIL_BYTES = 256
# As plain numbers: members of an enum take longer to look up and to convert.
_ARRAYS, _PLAN, _SAMPLES = int(Request.ARRAYS), int(Request.PLAN), int(Request.SAMPLES)


@dataclass(frozen=True, slots=True)
class Help:
    """What helpers of a call need to know.

    Attributes:
        helpers: how many may take part, besides the caller.
        chunk: samples of a chunk in mode SPREAD; 0 in mode SHARED.
        expected_ns: how long the call should take: workers are woken for long ones.
    """

    helpers: int
    chunk: int
    expected_ns: int


class Workspace:
    """Everything that one native call writes, apart from the output arrays."""

    def __init__(self, arena_bytes: int, inputs: int, outputs: int) -> None:
        """Allocate.

        Args:
            arena_bytes: what the plan needs.
            inputs: number of input arrays.
            outputs: number of output arrays.
        """
        self._arena_floats = (arena_bytes + _TAIL_BYTES) // 4
        self.arena = aligned_zeros(self._arena_floats)
        self._helper_arenas: list[npt.NDArray[np.float32]] = []
        self._arenas = (ctypes.c_int64 * 0)()
        self._job = np.zeros(0, np.uint8)
        self._block = np.zeros(len(Request) + 2 * (inputs + outputs), np.int64)
        self._request = self._block.data
        self._address = int(self._block.ctypes.data)
        addresses = self._address + 8 * len(Request)
        self._request[Request.ARENA] = self.arena.ctypes.data
        self._request[Request.INPUTS] = addresses
        self._request[Request.OUTPUTS] = addresses + 8 * inputs
        self._request[Request.OBJECTS] = addresses + 8 * (inputs + outputs)
        self._objects = self._request[len(Request) + inputs + outputs :]
        self._addresses = self._request[len(Request) : len(Request) + inputs + outputs]
        self._knows_arrays = _data_of(self.arena) == self.arena.ctypes.data

    def request(
        self,
        plan: int,
        inputs: Collection[npt.NDArray[Any]],
        outputs: Collection[npt.NDArray[np.float32]],
        samples: int,
    ) -> int:
        """Fill the request and give its address.

        Args:
            plan: address of the plan table.
            inputs: C-contiguous arrays, not empty; the caller keeps them alive.
            outputs: the same, writeable.
            samples: length of their first axis.
        """
        count = 0
        if self._knows_arrays:
            objects = self._objects
            for array in inputs:
                objects[count] = id(array)
                count += 1
            for array in outputs:
                objects[count] = id(array)
                count += 1
        else:
            for place, array in enumerate((*inputs, *outputs)):
                self._addresses[place] = array.ctypes.data
        request = self._request
        request[_ARRAYS] = count
        request[_PLAN] = plan
        request[_SAMPLES] = samples
        return self._address

    def shared_request(self, address: int, pool: int, help_: Help) -> int:
        """Add to a filled request what `prunus_share` needs, and give its address.

        Args:
            address: what `request` gave.
            pool: address of a pool.
            help_: who may help, and how.
        """
        if not self._job.size:
            self._make_job()
        if help_.chunk and len(self._helper_arenas) < help_.helpers:
            self._make_arenas(help_.helpers)
        request = self._request
        request[Request.POOL] = pool
        request[Request.HELPERS] = help_.helpers
        request[Request.CHUNK] = help_.chunk
        request[Request.EXPECTED_NS] = help_.expected_ns
        return address

    @property
    def bytes(self) -> int:
        """Size of all arenas."""
        return self.arena.nbytes + sum(arena.nbytes for arena in self._helper_arenas)

    def _make_job(self) -> None:
        block = np.zeros(JOB_BYTES + LINE_BYTES, np.uint8)
        start = -block.ctypes.data % LINE_BYTES
        self._job = block[start : start + JOB_BYTES]
        self._request[Request.JOB] = self._job.ctypes.data

    def _make_arenas(self, count: int) -> None:
        more = count - len(self._helper_arenas)
        self._helper_arenas += [aligned_zeros(self._arena_floats) for _ in range(more)]
        self._arenas = (ctypes.c_int64 * count)(*(a.ctypes.data for a in self._helper_arenas))
        self._request[Request.ARENAS] = ctypes.addressof(self._arenas)


def _data_of(array: npt.NDArray[Any]) -> int | None:
    """Address of an array's elements, as native code reads it from the array object."""
    return ctypes.c_void_p.from_address(id(array) + ARRAY_DATA_BYTES).value
