"""An arena and a request for the native driver; used by one call at a time."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels.alignment import aligned_zeros
from engine.kernels.driver import Request

# One-sample kernels may read, and ignore, up to the next vector behind a value.
_TAIL_BYTES = 256


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
    """Everything that one native call writes, apart from the output arrays.

    Attributes:
        arena: memory for values between steps.
        block: the request, and behind it room for the addresses of all arrays.
    """

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
        self.block = np.zeros(len(Request) + inputs + outputs, np.int64)
        self._address = int(self.block.ctypes.data)
        addresses = self._address + 8 * len(Request)
        self.block[Request.ARENA] = self.arena.ctypes.data
        self.block[Request.INPUTS] = addresses
        self.block[Request.OUTPUTS] = addresses + 8 * inputs

    def request(self, plan: int, arrays: Sequence[npt.NDArray[Any]], samples: int) -> int:
        """Fill the request and give its address.

        Args:
            plan: address of the plan table.
            arrays: inputs and outputs, C-contiguous and not empty; the caller keeps them alive.
            samples: length of their first axis.
        """
        self.block[Request.PLAN] = plan
        self.block[Request.SAMPLES] = samples
        for place, array in enumerate(arrays, len(Request)):
            self.block[place] = array.ctypes.data
        return self._address

    def let_help(self, help_: Help, pool: int) -> None:
        """Add to the request what `prunus_share` needs.

        Args:
            help_: who may help, and how.
            pool: address of a pool.
        """
        if help_.chunk and len(self._helper_arenas) < help_.helpers:
            self._make_arenas(help_.helpers)
        self.block[Request.POOL] = pool
        self.block[Request.HELPERS] = help_.helpers
        self.block[Request.CHUNK] = help_.chunk
        self.block[Request.EXPECTED_NS] = help_.expected_ns

    @property
    def bytes(self) -> int:
        """Size of all arenas."""
        return self.arena.nbytes + sum(arena.nbytes for arena in self._helper_arenas)

    def _make_arenas(self, count: int) -> None:
        more = count - len(self._helper_arenas)
        self._helper_arenas += [aligned_zeros(self._arena_floats) for _ in range(more)]
        self._arenas = (ctypes.c_int64 * count)(*(a.ctypes.data for a in self._helper_arenas))
        self.block[Request.ARENAS] = ctypes.addressof(self._arenas)
