"""Weights of a sparse convolution in groups of output channels, as `engine.kernels.conv_rows` reads them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.errors import PackError
from engine.formats.nonzeros import find_nonzeros
from engine.formats.position_vectors import MAX_OFFSET_BYTES
from engine.formats.row_groups import length_buckets


@dataclass(frozen=True, slots=True)
class ConvGroups:
    """The arrays that the kernel describes."""

    panels: npt.NDArray[np.uint32]
    buckets: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.uint32]
    values: FloatArray
    nonzeros: int


def tap_offsets(
    taps: npt.NDArray[np.uint32], channels: int, channel_rows: int, row_bytes: int
) -> npt.NDArray[np.int64]:
    """Return the offset of each weight of a window in bytes, channel after channel: int64[channels * taps].

    Raises:
        PackError: an offset does not fit 32 bits.
    """
    rows = np.arange(channels)[:, None] * channel_rows + taps.astype(np.int64)
    offsets: npt.NDArray[np.int64] = rows.reshape(-1) * row_bytes
    if int(offsets.max()) > MAX_OFFSET_BYTES:
        raise PackError("conv_groups", f"at most {MAX_OFFSET_BYTES} bytes", str(offsets.max()))
    return offsets


def pack_conv_groups(
    kernel: FloatArray,
    offsets: npt.NDArray[np.int64],
    groups: int,
    rows_per_group: int,
    panel_columns: int,
) -> ConvGroups:
    """Pack the weights that are not zero.

    Args:
        kernel: float32[channels of a group * taps][units].
        offsets: the offsets of all channels of the input, as `tap_offsets` gives them.
        groups: runs of units, each of which reads a run of channels of its own.
        rows_per_group: output channels that are computed together.
        panel_columns: columns of the kernel in a panel.
    """
    inputs, units = kernel.shape
    starts = range(0, inputs, panel_columns)
    panels, parts, own = [(0, 0, 0)], [], []
    nonzeros = 0
    for start in starts:
        found = find_nonzeros(kernel[start : start + panel_columns])
        new = length_buckets(found, rows_per_group, with_empty=start in {0, starts[-1]})
        parts += new
        for one in new:
            first = start + _first_columns(one.rows, units // groups, inputs, one.columns.shape)
            own.append(offsets[one.columns + first])
        nonzeros += len(found.values)
        _, group, entry = panels[-1]
        group += sum(len(one.rows) for one in new) // rows_per_group
        panels.append((len(parts), group, entry + sum(one.values.size for one in new)))
    return ConvGroups(
        panels=np.array(panels, np.uint32),
        buckets=np.array(
            [(one.length, len(one.rows) // rows_per_group) for one in parts], np.uint32
        ).reshape(-1, 2),
        rows=np.concatenate([one.rows for one in parts]).astype(np.uint32),
        offsets=np.concatenate([part.astype(np.uint32).ravel() for part in own]),
        values=np.concatenate([one.values.ravel() for one in parts]),
        nonzeros=nonzeros,
    )


def _first_columns(
    rows: npt.NDArray[np.intp], group_units: int, inputs: int, shape: tuple[int, ...]
) -> npt.NDArray[np.intp]:
    """Return the number of the first column that each row's group reads, in the form of a bucket: [groups][L][R]."""
    first = (rows // group_units * inputs).reshape(shape[0], 1, shape[2])
    return np.broadcast_to(first, shape)
