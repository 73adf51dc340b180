"""Windows over positions that were never padded: where elements of a window are missing, a mask says so.

Where a window of stride 1 has as many positions as its input, element t of window p is row p + shift[t] of the input,
whatever the row of the image that p lies in. So 16 windows side by side have each of their elements side by side, too,
and those beyond a border, which would have been zeros, are left out by a mask. Sample (three columns, a window of three
columns, one element of padding on both sides, element 2 of the window: shift 1)::

    windows   0 1 2 | 3 4 5          columns 0 1 2 of two rows
    elements  1 2 . | 4 5 .          mask 110110

shifts  i32[taps]                       bytes
masks   u16[blocks][taps][vectors]      one bit for each element of a vector
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MaskedWindows:
    """The arrays that are described above.

    Attributes:
        shifts: int32[taps].
        masks: uint16[blocks][taps][vectors].
    """

    shifts: npt.NDArray[np.int32]
    masks: npt.NDArray[np.uint16]


def padded_sources(boxes: npt.NDArray[np.int64], rows: int) -> Rows:
    """Return the row of the input that a move copies to each row of a channel; -1 where it is padding.

    Args:
        boxes: int64[boxes][numbers], as `engine.core.window_steps.MoveStep` has them.
        rows: rows of a channel of the result.
    """
    sources = np.full(rows, -1, np.int64)
    for x_first, y_first, *axes in boxes.tolist():
        x, y = np.array([x_first], np.int64), np.array([y_first], np.int64)
        for place in range(0, len(axes), 3):
            steps = np.arange(axes[place])
            x = (x[:, None] + steps * axes[place + 1]).reshape(-1)
            y = (y[:, None] + steps * axes[place + 2]).reshape(-1)
        sources[y] = x
    return sources


def masked_windows(elements: Rows, lanes: int, width: int, vectors: int) -> MaskedWindows | None:
    """Return the windows; None where elements of windows side by side do not lie side by side.

    Args:
        elements: int64[positions][taps], row of the input of each element of each window; -1 for padding.
        lanes: samples per tile.
        width: float32 elements of a vector, up to 16.
        vectors: vectors of a block.
    """
    exists = elements >= 0
    distances = elements - np.arange(len(elements))[:, None]
    shifts = distances.max(axis=0, where=exists, initial=-(2**31))
    if np.any(exists & (distances != shifts)):
        return None
    shifts[~exists.any(axis=0)] = 0
    count = len(elements) * lanes
    starts = vector_starts(count, width, vectors)
    places = starts[:, None] + np.arange(width)
    there = exists[np.minimum(places // lanes, len(elements) - 1)] & (places < count)[..., None]
    bits = (there * (1 << np.arange(width))[None, :, None]).sum(axis=1)
    blocks = bits.reshape(-1, vectors, elements.shape[1]).transpose(0, 2, 1)
    return MaskedWindows(
        (shifts * lanes * 4).astype(np.int32), np.ascontiguousarray(blocks.astype(np.uint16))
    )


def vector_starts(count: int, width: int, vectors: int) -> Rows:
    """Return the first element of each vector of all blocks; the last ones end with the last element."""
    blocks = -(-count // (width * vectors))
    return np.minimum(np.arange(blocks * vectors) * width, max(0, count - width))
