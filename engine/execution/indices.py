"""Checks that the indices of a call lie in the tables of the model's embeddings, before anything is computed.

The engine never reads outside of a table, but what it would answer then is of no use.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import InputIndexError
from engine.core.index_inputs import Limits

Array = npt.NDArray[Any]


class IndexCheck:
    """The check of one input."""

    def __init__(self, name: str, limits: Limits) -> None:
        """Keep what elements must stay below.

        Args:
            name: name of the input.
            limits: numbers of a sample's shape; infinity where an element is no index.
        """
        self.name = name
        self._limits = limits
        least, most = limits.min(), limits.max()
        self._one = int(least) if least == most else None

    def check(self, array: Array) -> None:
        """Check a contiguous batch (batch, *sample shape).

        Raises:
            InputIndexError: an element is no whole number, is negative or is not below its limit.
        """
        if self._one is None:
            self._check_each(array)
        elif array.dtype.kind in "iu":
            # Negative numbers are large ones without a sign: one pass finds both.
            unsigned = array.view(f"u{array.dtype.itemsize}")
            if unsigned.size and np.maximum.reduce(unsigned, axis=None) >= self._one:
                self._check_each(array)
        elif array.dtype.kind != "b" or self._one < 2:
            self._check_each(array)

    def _check_each(self, array: Array) -> None:
        with np.errstate(invalid="ignore"):
            inside = (array >= 0) & (array < self._limits)
            if array.dtype.kind == "f":
                inside &= array == np.trunc(array)
        wrong = ~inside & np.isfinite(self._limits)
        if not wrong.any():
            return
        place = tuple(int(number) for number in np.argwhere(wrong)[0])
        limit = np.broadcast_to(self._limits, array.shape)[place]
        raise InputIndexError(
            f"input {self.name!r} holds an index that the model has no embedding for",
            expected=f"a whole number from 0 to {int(limit) - 1}",
            got=f"{array[place]} at {list(place)}",
        )
