"""Weights of a sparse convolution in groups of output channels, as `engine.kernels.conv_rows` reads them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray, aligned
from engine.core.errors import PackError
from engine.formats.grouped_entries import group_entries
from engine.formats.nonzeros import find_nonzeros
from engine.formats.position_vectors import MAX_OFFSET_BYTES


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


def order_conv_groups(
    kernel: FloatArray, groups: int, rows_per_group: int, panel_columns: int
) -> dict[str, npt.NDArray[Any]]:
    """Put the weights that are not zero in the order of the kernel; nothing of it depends on where elements lie.

    Args:
        kernel: float32[channels of a group * taps][units].
        groups: runs of units, each of which reads a run of channels of its own.
        rows_per_group: output channels that are computed together.
        panel_columns: columns of the kernel in a panel.

    Returns:
        `panels`, `buckets`, `rows` and `values` as `engine.kernels.conv_rows` reads them, and `columns`: uint32, which
        element of all channels and taps each weight meets; and `nonzeros`: int64[1], their number.
    """
    inputs, units = kernel.shape
    found = find_nonzeros(kernel)
    order = group_entries(found, inputs, rows_per_group, panel_columns)
    columns = found.columns
    if groups > 1:
        columns = columns + found.rows.astype(np.int64) // (units // groups) * inputs
    return {
        "panels": order.panels,
        "buckets": order.buckets,
        "rows": order.rows,
        "columns": columns.astype(np.uint32)[order.entries].reshape(-1),
        "values": aligned(found.values[order.entries]),
        "nonzeros": np.array([len(found.values)]),
    }
