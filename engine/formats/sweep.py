"""Sweep format: windows that pass over the columns at a fixed pace, and SELL for what they leave behind.

A window of `width` columns moves by `slide` columns at a time, and stays for `count` steps at each place.
In a step every row takes its next weight, if that lies in the window. No row waits for another: one that
has fewer weights in a window than steps leaves lanes idle, and of one that has more some are left behind
when the window has passed; these are the rest, which is stored as SELL. Slide and count are chosen so that
idle lanes and rest together cost least. Where every row has the same number of weights in each window, as
N:M patterns have, no lane is idle and nothing is left.

Rows are sorted by the length of their rest. A chunk is `height` rows, and `height / lanes` slices.

    rows          u32[chunks * height]    output row of each lane; fillers as in `row_order`
    columns       u8[chunks][windows * count][height]    place in the window; 0 where a lane is idle
    values        f32[chunks][windows * count][height]   0 there
    rest          u32[slices]             steps of each slice
    rest_columns  u16[...]                per slice [step][lanes]
    rest_values   f32[...]                per slice [step][lanes]; 0 where the row has ended
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.errors import PackError
from engine.formats.row_order import sort_rows
from engine.formats.sell import sliced

MAX_INPUTS = 65_536
MAX_WIDTH = 32
# What a pace is chosen by: some outputs, and inputs enough for the windows to get going.
_SAMPLE_UNITS = 64
_SAMPLE_INPUTS = 512
# Samples of 4 KB whose paces are remembered.
_KNOWN_SAMPLES = 64
# Cost of a weight of the rest, in lanes of a step; lanes that an uneven rest leaves idle included.
REST_LANES = 3.5
# Cost of moving the window, for each row: loading it, and the loop over its steps.
MOVE_LANES = 0.1
# A pace leaves room for rows that have more weights than the mean; none where patterns are even.
_LOADS = (1.0, 0.8)


@dataclass(frozen=True, slots=True)
class Pace:
    """How windows pass.

    Attributes:
        width: columns in a window.
        slide: columns by which it moves.
        count: steps at each place.
    """

    width: int
    slide: int
    count: int

    def windows(self, inputs: int) -> int:
        """Return the number of places."""
        return -(-inputs // self.slide)


@dataclass(frozen=True, slots=True)
class Load:
    """What a pace makes of weights.

    Attributes:
        lanes: lanes of all steps, for each weight.
        moves: places of the window, for each weight.
        rest: share of the weights that are left behind.
    """

    lanes: float
    moves: float
    rest: float

    @property
    def stepped(self) -> float:
        """What passing windows cost, in lanes of a step, for each weight."""
        return self.lanes + MOVE_LANES * self.moves

    @property
    def cost(self) -> float:
        """In lanes of a step, for each weight."""
        return self.stepped + REST_LANES * self.rest


@dataclass(frozen=True, slots=True)
class Sweep:
    """A weight matrix in sweep format; the arrays are described above."""

    rows: npt.NDArray[np.uint32]
    columns: npt.NDArray[np.uint8]
    values: FloatArray
    rest: npt.NDArray[np.uint32]
    rest_columns: npt.NDArray[np.uint16]
    rest_values: FloatArray
    nonzeros: int


def choose_pace(kernel: FloatArray, width: int) -> tuple[Pace, Load]:
    """Return the pace that costs least on a sample of the weights, and what it makes of them.

    Args:
        kernel: float32[inputs][units].
        width: columns in a window, up to 32.
    """
    used = kernel[:_SAMPLE_INPUTS, :: max(1, kernel.shape[1] // _SAMPLE_UNITS)] != 0
    return _best_pace(np.packbits(used).tobytes(), used.shape, width)


@lru_cache(maxsize=_KNOWN_SAMPLES)
def _best_pace(packed: bytes, shape: tuple[int, int], width: int) -> tuple[Pace, Load]:
    """`choose_pace` for a sample, a bit for each weight: asked again for every tile width and kernel."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=shape[0] * shape[1])
    used = bits.reshape(shape).astype(np.bool_)
    density = float(used.mean())
    paces = {
        Pace(width, slide, max(1, round(density * slide / load)))
        for slide in range(width // 4, width + 1, max(1, width // 16))
        for load in _LOADS
    }
    tried = [(pace, _load(used, pace)) for pace in sorted(paces, key=lambda p: (p.slide, p.count))]
    return min(tried, key=lambda one: one[1].cost)


def pack_sweep(kernel: FloatArray, pace: Pace, height: int, lanes: int) -> Sweep:
    """Pack a kernel.

    Args:
        kernel: float32[inputs][units].
        pace: width and step of the windows.
        height: rows in a chunk.
        lanes: rows in a slice of the rest.

    Raises:
        PackError: too many inputs for 16 bits, or a window that is too wide.
    """
    inputs, units = kernel.shape
    if inputs > MAX_INPUTS or pace.width > MAX_WIDTH:
        raise PackError("sweep", f"up to {MAX_INPUTS} inputs", str(inputs))
    left = kernel != 0
    nonzeros = int(np.count_nonzero(left))
    steps = pace.windows(inputs) * pace.count
    columns = np.zeros((steps, units), np.uint8)
    values = np.zeros((steps, units), np.float32)
    for step, (start, place, takes) in enumerate(_passing(left, pace)):
        columns[step] = np.where(takes, place, 0)
        values[step] = np.where(takes, kernel[start + place, np.arange(units)], np.float32(0))
    ordered = sort_rows(np.where(left, kernel, np.float32(0)), height)
    fillers = len(ordered.rows) - units
    rest = sliced(ordered, lanes)
    return Sweep(
        rows=ordered.rows,
        columns=_by_chunk(columns[:, ordered.rows], fillers, height),
        values=_by_chunk(values[:, ordered.rows], fillers, height),
        rest=rest.steps,
        rest_columns=rest.columns.astype(np.uint16),
        rest_values=rest.values,
        nonzeros=nonzeros,
    )


def _passing(
    left: npt.NDArray[np.bool_], pace: Pace
) -> Iterator[tuple[int, npt.NDArray[np.intp], npt.NDArray[np.bool_]]]:
    """Take weights step by step, from `left`, where only the rest remains.

    Yields:
        first column of the window, place in it of each row's weight, whether the row has one.
    """
    every = np.arange(left.shape[1])
    for start in range(0, pace.windows(left.shape[0]) * pace.slide, pace.slide):
        window = left[start : start + pace.width]
        for _ in range(pace.count):
            place = window.argmax(axis=0)
            takes = window[place, every]
            window[place, every] = False
            yield start, place, takes


def _load(used: npt.NDArray[np.bool_], pace: Pace) -> Load:
    left = used.copy()
    lanes = sum(takes.size for _, _, takes in _passing(left, pace))
    weights = max(1, int(np.count_nonzero(used)))
    return Load(
        lanes / weights, lanes / pace.count / weights, int(np.count_nonzero(left)) / weights
    )


def _by_chunk(array: npt.NDArray[Any], fillers: int, height: int) -> npt.NDArray[Any]:
    """Turn [steps][chunks * height] into [chunks][steps][height], flat; fillers hold nothing."""
    array[:, :fillers] = 0
    split = array.reshape(array.shape[0], -1, height).transpose(1, 0, 2)
    return np.ascontiguousarray(split).reshape(-1)
