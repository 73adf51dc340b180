"""Arrays of equal content as one object, so that they are in memory once."""

import weakref
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[Any]
_Key = tuple[str, tuple[int, ...], int]
# Arrays are told apart by about so many of their bytes, before they are compared as a whole.
_SAMPLE_BYTES = 4096


class SharedArrays:
    """Knows arrays for as long as somebody else holds them; used by one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[_Key, list[weakref.ref[_Array]]] = {}

    def known(self, array: _Array) -> _Array:
        """Return the array of this content that was seen first, or the array itself, which is known from now on."""
        own = _bytes(array)
        # Arrays that agree in a sample are compared as a whole: few do that are not equal. The step is
        # odd, so that the sample has every byte of a number.
        sample = np.ascontiguousarray(own[:: len(own) // _SAMPLE_BYTES | 1])
        key = (array.dtype.str, array.shape, zlib.crc32(sample.data))
        alive = [seen for seen in (one() for one in self._known.get(key, ())) if seen is not None]
        found = next(
            (one for one in alive if one is array or np.array_equal(_bytes(one), own)), None
        )
        if found is None:
            alive.append(array)
        self._known[key] = [weakref.ref(one) for one in alive]
        return array if found is None else found

    def forget_dead(self) -> None:
        """Let go of what nobody holds any more."""
        self._known = {
            key: alive
            for key, refs in self._known.items()
            if (alive := [one for one in refs if one() is not None])
        }


def _bytes(array: _Array) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(array).view(np.uint8).reshape(-1)
