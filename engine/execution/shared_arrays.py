"""Arrays of equal content as one object, so that they are in memory once; and forms of kernels, made once."""

import weakref
import zlib
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.kernel_forms import KernelForms
from engine.kernels.abi import PackedLayer

_Array = npt.NDArray[Any]
_Packed = tuple[PackedLayer, ...]
_Key = tuple[str, tuple[int, ...], int]
# Arrays are told apart by about so many of their bytes, before they are compared as a whole.
_SAMPLE_BYTES = 4096


class SharedArrays:
    """Knows arrays, and forms of kernels, for as long as somebody else holds them; used by one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[_Key, list[weakref.ref[_Array]]] = {}
        self._layers: dict[Hashable, tuple[weakref.ref[_Array], _Array | None, _Packed]] = {}
        self._forms: dict[int, tuple[weakref.ref[_Array], KernelForms]] = {}

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

    def forms_of(self, kernel: _Array) -> KernelForms:
        """Return the forms of a kernel, which is told from others by being the same array."""
        there = self._forms.get(id(kernel))
        if there is None or there[0]() is not kernel:
            there = self._forms[id(kernel)] = (weakref.ref(kernel), KernelForms())
        return there[1]

    def layer(
        self, kernel: _Array, bias: _Array | None, key: Hashable, make: Callable[[], _Packed]
    ) -> _Packed:
        """Return a packed layer of this kernel and bias, and of a key that says all else; it is made once."""
        whole = (id(kernel), id(bias), key)
        there = self._layers.get(whole)
        if there is None or there[0]() is not kernel or there[1] is not bias:
            there = self._layers[whole] = (weakref.ref(kernel), bias, make())
        return there[2]

    def form_bytes(self) -> dict[int, int]:
        """Return the size of each array of a form in bytes, by its address."""
        forms = [forms for _, forms in self._forms.values()]
        return {one.ctypes.data: one.nbytes for form in forms for one in form.arrays()}

    def forget_forms(self) -> None:
        """Let go of all forms of kernels; what layers hold of them stays."""
        self._forms, self._layers = {}, {}

    def forget_dead(self) -> None:
        """Let go of what nobody holds any more."""
        self._known = {
            key: alive
            for key, refs in self._known.items()
            if (alive := [one for one in refs if one() is not None])
        }
        self._forms = {place: one for place, one in self._forms.items() if one[0]() is not None}
        self._layers = {key: one for key, one in self._layers.items() if one[0]() is not None}


def _bytes(array: _Array) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(array).view(np.uint8).reshape(-1)
