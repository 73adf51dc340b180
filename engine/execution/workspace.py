"""An arena and a request for the native driver, used by one call at a time; and the arenas of its helpers."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import aligned_zeros
from engine.kernels.driver import Request

# One-sample kernels may read, and ignore, up to the next vector behind a value.
TAIL_BYTES = 256
_Arena = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Help:
    """What helpers of a call need to know.

    Attributes:
        helpers: number of threads that may take part besides the caller.
        chunk: samples of a chunk in mode SPREAD; 0 in mode SHARED.
        expected_ns: expected time of the call: workers are woken for long ones.
    """

    helpers: int
    chunk: int
    expected_ns: int


class HelperArenas:
    """Memory for the helpers of a plan's calls.

    One set serves all calls, however many run at once: a process's pool helps one of them at a time.
    """

    def __init__(self, arena_bytes: int) -> None:
        """Start without any.

        Args:
            arena_bytes: size of the arena that the plan needs.
        """
        self._arena_bytes = arena_bytes
        self._made: dict[int, tuple[ctypes.Array[ctypes.c_int64], list[_Arena]]] = {}

    def address(self, helpers: int) -> int:
        """Address of a table with an arena for each of so many helpers."""
        if helpers not in self._made:
            arenas = [_new_arena(self._arena_bytes) for _ in range(helpers)]
            table = (ctypes.c_int64 * helpers)(*(arena.ctypes.data for arena in arenas))
            self._made.setdefault(helpers, (table, arenas))  # of two callers, one was first
        return ctypes.addressof(self._made[helpers][0])

    @property
    def bytes(self) -> int:
        """Size of all arenas."""
        return sum(arena.nbytes for _, arenas in tuple(self._made.values()) for arena in arenas)


class Workspace:
    """Everything that one native call writes, apart from the output arrays.

    Attributes:
        arena: memory for values between steps.
        block: the request, and behind it room for the addresses of all arrays.
    """

    def __init__(self, arena_bytes: int, inputs: int, outputs: int) -> None:
        """Allocate.

        Args:
            arena_bytes: size of the arena that the plan needs.
            inputs: number of input arrays.
            outputs: number of output arrays.
        """
        self.arena = _new_arena(arena_bytes)
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

    def let_help(self, wanted: Help, pool: int, arenas: HelperArenas) -> None:
        """Add to the request what `prunus_share` needs.

        Args:
            wanted: the threads that may help, and how.
            pool: address of a pool.
            arenas: the arenas of the plan; the caller keeps them alive.
        """
        if wanted.chunk:
            self.block[Request.ARENAS] = arenas.address(wanted.helpers)
        self.block[Request.POOL] = pool
        self.block[Request.HELPERS] = wanted.helpers
        self.block[Request.CHUNK] = wanted.chunk
        self.block[Request.EXPECTED_NS] = wanted.expected_ns


def _new_arena(arena_bytes: int) -> _Arena:
    return aligned_zeros((arena_bytes + TAIL_BYTES) // 4)
