"""Checks that a packed layer from a file cannot lead its kernel outside of any buffer.

One function per family of kernels for dense layers. A family that has none is never stored packed:
its layers are packed from the neutral weights when the artifact is loaded.
"""

from collections.abc import Callable, Mapping

import numpy as np

from engine.errors import PackedLayerError
from engine.kernels import spmm_rows
from engine.kernels.abi import FieldKind, KernelSpec, PackedLayer
from engine.kernels.registry import fields_of
from engine.packed_layer_view import PackedView
from engine.program import DenseStep

_Check = Callable[[PackedView], None]


def is_storable(spec: KernelSpec) -> bool:
    """Whether layers packed for this kernel can be checked, and so stored."""
    return spec.family in _CHECKS


def check_packed(spec: KernelSpec, step: DenseStep, packed: PackedLayer, path: str) -> None:
    """Check a packed layer against its kernel and layer.

    Raises:
        PackedLayerError: it does not fit.
    """
    if spec.family not in _CHECKS:
        raise PackedLayerError(f"{path}: layers for {spec.family!r} are not stored packed")
    if spec.activation is not step.function.function:
        raise PackedLayerError(f"{path}: the kernel applies another activation")
    wanted: dict[FieldKind, set[str]] = {kind: set() for kind in FieldKind}
    for field in fields_of(spec):
        wanted[field.kind].add(field.name)
    if wanted[FieldKind.CONST] != packed.constants.keys():
        raise PackedLayerError(f"{path}: other arrays than the kernel takes")
    if wanted[FieldKind.INT] != packed.ints.keys():
        raise PackedLayerError(f"{path}: other numbers than the kernel takes")
    view = PackedView(spec, step, packed, path)
    view.expect_ints(step.function.as_ints())
    _CHECKS[spec.family](view)


def _check_row_groups(view: PackedView) -> None:
    """See `engine.formats.row_groups`."""
    lanes = view.lanes
    rows_per_group = view.variant_number("rows", 1, 64)
    panels = view.array("panels", np.uint32, (None, 3)).astype(np.int64)
    buckets = view.array("buckets", np.uint32, (None, 2)).astype(np.int64)
    rows = view.array("rows", np.uint32, (None,))
    columns = view.array("columns", np.uint16, (None,))
    values = view.array("values", np.float32, (columns.size,))
    view.array("bias", np.float32, (view.units,))
    view.expect_ints(
        {
            "panel_count": len(panels) - 1,
            "positions": view.positions,
            "x_bytes": view.inputs * lanes * 4,
            "y_bytes": view.units * lanes * 4,
        }
    )
    view.expect(len(panels) >= 2, "at least one panel")
    view.expect(panels[0].tolist() == [0, 0, 0], "panels start at zero")
    ends = [len(buckets), rows.size // rows_per_group, values.size]
    view.expect(panels[-1].tolist() == ends, f"panels end at {ends}")
    view.expect(bool((panels[1:] >= panels[:-1]).all()), "panels rise")
    view.expect(rows.size % rows_per_group == 0, "whole groups")
    view.expect_below(rows, view.units, "row numbers")
    # Each product is bounded before the next, so that none can wrap around.
    view.expect(max(values.size, rows.size) < 2**31, "fewer than 2^31 entries")
    view.expect(bool((buckets <= [values.size, rows.size]).all()), "buckets inside the arrays")
    steps = buckets[:, 0] * buckets[:, 1]
    view.expect(bool((steps <= values.size).all()), "buckets inside the arrays")
    entries = steps * rows_per_group
    for (bucket, group, entry), (bucket_end, group_end, entry_end) in zip(
        panels[:-1].tolist(), panels[1:].tolist(), strict=True
    ):
        view.expect(
            int(buckets[bucket:bucket_end, 1].sum()) == group_end - group
            and int(entries[bucket:bucket_end].sum()) == entry_end - entry,
            "buckets fill their panel",
        )
    unit = spmm_rows.unit_bytes(lanes)
    view.expect(unit * spmm_rows.column_unit(lanes) == lanes * 4, "column units")
    panel_bytes = view.ints["panel_bytes"]
    for number in range(len(panels) - 1):
        part = columns[panels[number, 2] : panels[number + 1, 2]]
        last = view.inputs * lanes * 4 - number * panel_bytes - lanes * 4
        view.expect(part.size == 0 or int(part.max()) * unit <= last, "columns inside the input")
        view.expect(bool((part % max(1, lanes * 4 // unit) == 0).all()), "whole columns")
    view.expect(panel_bytes % (lanes * 4) == 0, "whole columns in a panel")
    for number in {0, len(panels) - 2}:
        groups = slice(panels[number, 1] * rows_per_group, panels[number + 1, 1] * rows_per_group)
        view.expect(len(np.unique(rows[groups])) == view.units, "every row starts and ends")


_CHECKS: Mapping[str, _Check] = {
    spmm_rows.FAMILY: _check_row_groups,
}
