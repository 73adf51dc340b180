"""Checks that a packed layer from a file cannot lead its kernel outside of any buffer.

One function per family of kernels for layers with weights, beside the description of its format in
`engine.formats`. A family that has none is never stored packed: its layers are packed from the neutral
weights when the artifact is loaded. What is checked is memory safety and completeness (every output is
written), not that the numbers are those of the neutral weights: the checksum answers for that.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.artifacts.packed_one_sample import NARROW, ONE_SAMPLE_CHECKS
from engine.artifacts.packed_view import PackedView
from engine.core.errors import PackedLayerError
from engine.core.steps import DenseStep, WeightedStep
from engine.core.target import Isa
from engine.formats.pattern_groups import MEMBERS
from engine.kernels import (
    dense_columns,
    dense_gemm,
    spmm_patterns,
    spmm_rows,
)
from engine.kernels.abi import FieldKind, KernelSpec, PackedLayer
from engine.kernels.panels import AHEAD, AHEAD_BYTES, OPTIONAL_VARIANTS, UNIT_BYTES, column_unit
from engine.kernels.registry import fields_of
from engine.kernels.weight_spread import Spread

_Check = Callable[[PackedView], None]
_Table = npt.NDArray[np.int64]

# To be raised when a packed format or the variants of a kernel change: plans of artifacts with another
# number are not used, and their layers are packed again from the neutral weights.
PACKING_VERSION = 3


def is_storable(
    spec: KernelSpec, step: WeightedStep, packed: PackedLayer, span: range | None = None
) -> bool:
    """Return whether a packed layer would pass the checks when it is read, and so may be stored."""
    try:
        check_packed(spec, step, packed, "layer", span)
    except PackedLayerError:
        return False
    return True


def check_packed(
    spec: KernelSpec,
    step: WeightedStep,
    packed: PackedLayer,
    path: str,
    span: range | None = None,
) -> None:
    """Check a packed layer against its kernel and layer.

    Args:
        spec: the kernel.
        step: the step; of a part by outputs, that of the part.
        packed: the layer or a part of it.
        path: where it is in the manifest.
        span: the positions that the part computes; None for all.

    Raises:
        PackedLayerError: it does not fit.
    """
    checks = _CHECKS.get(type(step), {})
    if spec.family not in checks:
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
    view = PackedView(spec, step, packed, path, span)
    view.expect_ints({**step.function.as_ints(), "positions": step.positions})
    checks[spec.family](view)


def _check_dense(view: PackedView, height: int) -> None:
    """See `engine.formats.dense_blocks`."""
    blocks = -(-view.units // height)
    view.expect_ints({"inputs": view.inputs, "units": view.units, "blocks": blocks})
    view.weights("weights", blocks * view.inputs * height)
    view.array("bias", np.float32, (view.units,))


def _check_gemm(view: PackedView) -> None:
    view.expect_variants("rows")
    _check_dense(view, view.variant_number("rows", dense_gemm.GEMM_VARIANTS["rows"]))


def _check_gemv(view: PackedView) -> None:
    view.expect_variants("unroll", "vectors", optional=NARROW)
    view.expect(view.lanes == 1, "one sample per tile")
    view.variant_number("unroll", dense_gemm.GEMV_VARIANTS["unroll"])
    vectors = view.variant_number("vectors", dense_gemm.GEMV_VARIANTS["vectors"])
    _check_dense(view, vectors * view.isa.vector_floats)


def _check_columns(view: PackedView) -> None:
    view.expect_variants("vectors")
    view.expect(view.isa in dense_columns.ISAS, "AVX2 or AVX-512")
    vectors = view.variant_number("vectors", dense_columns.VARIANTS["vectors"])
    _check_dense(view, vectors * view.isa.vector_floats)


def _check_ahead(view: PackedView) -> None:
    if AHEAD in dict(view.spec.variant):
        view.variant_number(AHEAD, (AHEAD_BYTES,))


def _check_spread(view: PackedView) -> None:
    spread = view.variant_word("spread", [spread.value for spread in Spread])
    view.expect(spread == Spread.LOAD or view.isa is not Isa.GENERIC, "AVX2 or AVX-512")


def _check_row_groups(view: PackedView) -> None:
    """See `engine.formats.row_groups`."""
    view.expect_variants("rows", "spread", optional=frozenset(spmm_rows.OPTIONAL_VARIANTS))
    _check_ahead(view)
    _check_spread(view)
    height = view.variant_number("rows", spmm_rows.VARIANTS["rows"])
    if spmm_rows.STEPS in dict(view.spec.variant):
        allowed = spmm_rows.OPTIONAL_VARIANTS[spmm_rows.STEPS]
        at_once = view.variant_number(spmm_rows.STEPS, allowed)
        view.expect(height * at_once <= spmm_rows.TOGETHER, "rows times steps up to 4")
    panels = view.array("panels", np.uint32, (None, 3)).astype(np.int64)
    buckets = view.array("buckets", np.uint32, (None, 2)).astype(np.int64)
    rows = view.array("rows", np.uint32, (None,))
    columns = view.array("columns", np.uint16, (None,))
    values = view.array("values", np.float32, (columns.size,))
    view.array("bias", np.float32, (view.units,))
    _expect_tile_ints(view, len(panels) - 1)
    view.expect(rows.size % height == 0 and len(panels) >= 2, "whole groups in panels")
    # Each product is bounded before the next, so that none can wrap around.
    view.expect(max(values.size, rows.size) < 2**31, "fewer than 2^31 entries")
    view.expect(bool((buckets <= [values.size, rows.size]).all()), "buckets inside the arrays")
    steps = buckets[:, 0] * buckets[:, 1]
    view.expect(bool((steps <= values.size).all()), "buckets inside the arrays")
    totals = np.zeros((len(buckets) + 1, 3), np.int64)
    totals[1:, 0] = np.arange(1, len(buckets) + 1)
    totals[1:, 1] = np.cumsum(buckets[:, 1])
    totals[1:, 2] = np.cumsum(steps * height)
    ends = [len(buckets), rows.size // height, values.size]
    _expect_filled(view, panels, totals, ends)
    _check_panels(view, panels, columns, rows, height)


def _check_pattern_groups(view: PackedView) -> None:
    """See `engine.formats.pattern_groups`."""
    view.expect_variants("spread", optional=frozenset(OPTIONAL_VARIANTS))
    _check_ahead(view)
    _check_spread(view)
    panels = view.array("panels", np.uint32, (None, 4)).astype(np.int64)
    buckets = view.array("buckets", np.uint32, (None, 4)).astype(np.int64)
    rows = view.array("rows", np.uint32, (None,))
    columns = view.array("columns", np.uint16, (None,))
    values = view.array("values", np.float32, (None,))
    view.array("bias", np.float32, (view.units,))
    _expect_tile_ints(view, len(panels) - 1)
    view.expect(rows.size % MEMBERS == 0 and len(panels) >= 2, "whole groups in panels")
    view.expect(values.size % MEMBERS == 0, "four weights a step")
    # Each product is bounded before the next, so that none can wrap around.
    limits = [values.size] * 3 + [rows.size]
    view.expect(max(limits) < 2**29, "fewer than 2^29 entries")
    view.expect(bool((buckets <= limits).all()), "buckets inside the arrays")
    steps = buckets[:, :3].sum(axis=1) * buckets[:, 3]
    view.expect(bool((steps <= values.size).all()), "buckets inside the arrays")
    totals = np.zeros((len(buckets) + 1, 4), np.int64)
    totals[1:, 0] = np.arange(1, len(buckets) + 1)
    totals[1:, 1] = np.cumsum(buckets[:, 3])
    totals[1:, 2] = np.cumsum(buckets[:, :3] @ np.array([1, 2, 4]) * buckets[:, 3])
    totals[1:, 3] = np.cumsum(steps)
    ends = [len(buckets), rows.size // MEMBERS, columns.size, values.size // MEMBERS]
    _expect_filled(view, panels, totals, ends)
    _check_panels(view, panels, columns, rows, MEMBERS)


def _expect_tile_ints(view: PackedView, panels: int) -> None:
    x_bytes, y_bytes = view.inputs * view.lanes * 4, view.units * view.lanes * 4
    view.expect_ints({"panel_count": panels, "x_bytes": x_bytes, "y_bytes": y_bytes})


def _expect_filled(view: PackedView, panels: _Table, totals: _Table, ends: Sequence[int]) -> None:
    """Panels say of their buckets where they start, one behind the other, and end with the arrays.

    Args:
        view: the layer.
        panels: first bucket of each panel, and where in the arrays its contents start; one row more than
            there are panels.
        totals: what `panels` says of a panel that starts at each bucket, and behind the last.
        ends: sizes of the arrays.
    """
    view.expect(
        panels[0, 0] == 0
        and bool((panels[1:, 0] >= panels[:-1, 0]).all())
        and panels[-1].tolist() == list(ends),
        "panels follow each other and end with the arrays",
    )
    view.expect(bool((totals[panels[:, 0]] == panels).all()), "buckets fill their panels")


def _check_panels(
    view: PackedView,
    panels: _Table,
    columns: npt.NDArray[np.uint16],
    rows: npt.NDArray[np.uint32],
    height: int,
) -> None:
    """Columns lie in their panels; the first panel starts every row, the last one finishes it.

    Args:
        view: the layer.
        panels: checked; its numbers 1 and 2 are the first group and the first column of a panel.
        columns: column numbers of all panels.
        rows: row numbers of all groups.
        height: rows in a group.
    """
    view.expect_below(rows, view.units, "row numbers")
    for number in range(len(panels) - 1):
        _check_columns_of(view, number, columns[panels[number, 2] : panels[number + 1, 2]])
    for number in {0, len(panels) - 2}:
        groups = slice(panels[number, 1] * height, panels[number + 1, 1] * height)
        view.expect_all_rows(rows[groups])


def _check_columns_of(view: PackedView, number: int, columns: npt.NDArray[np.uint16]) -> None:
    """The columns of a panel are whole columns of x."""
    unit, stride = UNIT_BYTES, column_unit(view.lanes)
    column_bytes, panel_bytes = view.lanes * 4, view.ints["panel_bytes"]
    view.expect(unit * stride == column_bytes, "column units")
    view.expect(panel_bytes % column_bytes == 0, "whole columns in a panel")
    if columns.size:
        last = view.inputs * column_bytes - number * panel_bytes - column_bytes
        view.expect(int(columns.max()) * unit <= last, "columns inside the input")
        # The largest power of two in the stride by a logical sum: division takes ten times as long.
        even, odd = stride & -stride, stride // (stride & -stride)
        view.expect(int(np.bitwise_or.reduce(columns)) % even == 0, "whole columns")
        view.expect(odd == 1 or not (columns % stride).any(), "whole columns")


_DENSE_CHECKS: Mapping[str, _Check] = {
    dense_gemm.GEMM_FAMILY: _check_gemm,
    dense_gemm.GEMV_FAMILY: _check_gemv,
    dense_columns.FAMILY: _check_columns,
    **ONE_SAMPLE_CHECKS,
    spmm_rows.FAMILY: _check_row_groups,
    spmm_patterns.FAMILY: _check_pattern_groups,
}
# By the kind of step: a family for one kind is refused for another.
_CHECKS: Mapping[type[WeightedStep], Mapping[str, _Check]] = {DenseStep: _DENSE_CHECKS}
