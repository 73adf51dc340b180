"""Runs one kernel by itself, outside any plan: for measurements and tests."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray, aligned
from engine.kernels.abi import Context, KernelSpec
from engine.kernels.registry import fields_of

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


class KernelCall:
    """One kernel with its arguments bound; owns its constants, arguments and context.

    The arena belongs to the caller and must outlive the call object. Calling releases the GIL.
    """

    def __init__(
        self,
        address: int,
        spec: KernelSpec,
        arena: FloatArray,
        offsets: Mapping[str, int],
        constants: Mapping[str, npt.NDArray[Any]],
        ints: Mapping[str, int],
    ) -> None:
        """Bind arguments.

        Args:
            address: native address of the kernel.
            spec: what is at the address.
            arena: float32 buffer on a 64-byte boundary.
            offsets: byte offset into the arena, by ARENA field.
            constants: array, by CONST field; copied to 64-byte boundaries.
            ints: number, by INT field.
        """
        self._function = _SIGNATURE(address)
        self._constants = {name: aligned(array) for name, array in constants.items()}
        self._arena = arena
        values: dict[str, int] = {**ints, **offsets}
        values.update({name: part.ctypes.data for name, part in self._constants.items()})
        self._args = np.array([_signed(values[field.name]) for field in fields_of(spec)], np.int64)
        self._context = np.zeros(len(Context), np.int64)
        self._context[Context.ARENA] = arena.ctypes.data
        self._addresses = (self._context.ctypes.data, self._args.ctypes.data)
        self._keep: list[npt.NDArray[Any]] = []
        self.set_tile((), (), 0, spec.lanes)

    def set_tile(
        self,
        inputs: Sequence[npt.NDArray[Any]],
        outputs: Sequence[npt.NDArray[Any]],
        first_sample: int,
        valid_samples: int,
    ) -> None:
        """Set user arrays and the range of samples for pack and unpack kernels."""
        tables = [
            np.array([array.ctypes.data for array in group] or [0], np.int64)
            for group in (inputs, outputs)
        ]
        self._keep = [*inputs, *outputs, *tables]
        self._context[Context.INPUTS] = tables[0].ctypes.data
        self._context[Context.OUTPUTS] = tables[1].ctypes.data
        self._context[Context.FIRST_SAMPLE] = first_sample
        self._context[Context.VALID_SAMPLES] = valid_samples

    def __call__(self) -> None:
        """Run the kernel once."""
        self._function(*self._addresses)


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number
