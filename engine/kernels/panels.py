"""What sparse kernels for tiles share: panels of columns, the sums of a row, weights asked for ahead.

A panel is a range of inputs whose samples stay in the first-level cache. The sums of a row start from
zeros in the first panel, else from y; they go back to y, in the last panel after bias and activation.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from engine.errors import UnsupportedKernelError
from engine.formats.pattern_groups import PatternGroups
from engine.formats.row_groups import MAX_COLUMN, RowGroups
from engine.kernels.abi import (
    ARGUMENT_FIELDS,
    DenseLayer,
    Field,
    FieldKind,
    KernelSpec,
    PackedLayer,
    packed_layer,
)
from engine.kernels.activations import Parameters, apply, load_parameters
from engine.kernels.emit import F32, Value
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.weight_spread import Spread
from engine.target import Isa

FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("panels", FieldKind.CONST),
    Field("buckets", FieldKind.CONST),
    Field("rows", FieldKind.CONST),
    Field("columns", FieldKind.CONST),
    Field("values", FieldKind.CONST),
    Field("bias", FieldKind.CONST),
    Field("panel_count", FieldKind.INT),
    Field("panel_bytes", FieldKind.INT),
    Field("positions", FieldKind.INT),
    Field("x_bytes", FieldKind.INT),
    Field("y_bytes", FieldKind.INT),
    *ARGUMENT_FIELDS,
)
# What one unit of a stored column number stands for: the largest scale of an x86 address.
UNIT_BYTES = 8
# Vectors of one row that are summed at once; wider tiles are done in several passes.
MAX_PARTS = 4
# The most of the input that one panel of columns touches. Half as much again as a 32 KB first-level cache: the
# few loads that miss cost less than the sums of every row, which move once a panel.
PANEL_BYTES = 48 * 1024
# How far ahead of the weights a kernel asks for them, where they do not stay in the second-level cache:
# the CPU's own prefetchers follow one of two streams that are read at unlike speeds badly.
AHEAD = "ahead"
AHEAD_BYTES = 2048
OPTIONAL_VARIANTS: Mapping[str, Collection[int | str]] = {AHEAD: (AHEAD_BYTES,)}
# Bytes of a stored weight with its column; and of weights that may stay in a second-level cache.
WEIGHT_BYTES = 6
_CACHED_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel of one tile, for the code of its groups.

    Attributes:
        x: address of the tile's first input; see `at_its_inputs`.
        y: address of the tile's first output.
        index: number of the panel.
        parts: vectors of samples that are computed at once.
        parameters: of the activation.
        first: whether sums start from zeros.
        last: whether outputs are finished.
    """

    x: Value
    y: Value
    index: Value
    parts: int
    parameters: Parameters
    first: bool
    last: bool

    def at_its_inputs(self, w: KernelWriter) -> "Panel":
        """The same with x at the first input of the panel: columns are numbered from there."""
        return replace(self, x=w.at(self.x, w.mul(self.index, w.argument("panel_bytes"))))


def column_unit(lanes: int) -> int:
    """Units between one column and the next."""
    return lanes * 4 // UNIT_BYTES


def panel_columns(inputs: int, lanes: int) -> int:
    """Columns in a panel: as many as allowed, but panels of equal size: a short one costs as many sums."""
    most = min(max(1, PANEL_BYTES // (4 * lanes)), MAX_COLUMN // column_unit(lanes))
    return -(-inputs // -(-inputs // most))


def ahead(nonzeros: int) -> tuple[tuple[str, int | str], ...]:
    """The entry of a variant that says how far ahead weights are asked for; none if they are few."""
    return ((AHEAD, AHEAD_BYTES),) if nonzeros * WEIGHT_BYTES > _CACHED_BYTES else ()


def fetch_ahead(w: KernelWriter, values: Value, columns: Value | None) -> None:
    """Ask for the weights to come, and for their columns, where the variant says so."""
    if AHEAD not in dict(w.spec.variant):
        return
    distance = w.spec.number(AHEAD)
    w.prefetch(w.at(values, distance))
    if columns is not None:  # two bytes of column for four of weight
        w.prefetch(w.at(columns, distance // 2))


def check_spread(spec: KernelSpec) -> None:
    """Refuse permutations where there are none.

    Raises:
        UnsupportedKernelError: permutations on the plain level.
    """
    if spec.option("spread") == Spread.PERMUTE and spec.isa is Isa.GENERIC:
        raise UnsupportedKernelError(spec.symbol, "AVX2 or AVX-512 for permute")


def packed_groups(layer: DenseLayer, groups: RowGroups | PatternGroups, lanes: int) -> PackedLayer:
    """A layer with its weights in groups, as `FIELDS` says."""
    constants: dict[str, npt.NDArray[Any]] = {
        "panels": groups.panels,
        "buckets": groups.buckets,
        "rows": groups.rows,
        "columns": groups.columns,
        "values": groups.values,
        "bias": layer.bias_or_zeros(),
    }
    ints = {
        "panel_count": len(groups.panels) - 1,
        "panel_bytes": panel_columns(layer.inputs, lanes) * lanes * 4,
        "positions": layer.positions,
        "x_bytes": layer.inputs * lanes * 4,
        "y_bytes": layer.units * lanes * 4,
        **layer.activation.as_ints(),
    }
    return packed_layer(constants, ints, groups.nonzeros)


def emit_panels(w: KernelWriter, panel: Callable[[Panel], None]) -> None:
    """Write the loops over positions, vectors of samples and panels; `panel` writes what is inside."""
    parts = w.parts_at_once(MAX_PARTS)
    parameters = load_parameters(w, w.width)
    x, y = w.argument("x"), w.argument("y")
    with w.loop(0, w.argument("positions")) as position:
        x_row = w.at(x, w.mul(position.index, w.argument("x_bytes")))
        y_row = w.at(y, w.mul(position.index, w.argument("y_bytes")))
        with w.loop(0, w.spec.lanes, parts * w.width) as place:
            x_tile, y_tile = w.at(x_row, place.index, F32), w.at(y_row, place.index, F32)
            only = Panel(x_tile, y_tile, w.i64(0), parts, parameters, first=True, last=True)
            _emit_sequence(w, only, panel)


def _emit_sequence(w: KernelWriter, only: Panel, panel: Callable[[Panel], None]) -> None:
    """All panels, where there is one and where there are several."""
    count = w.argument("panel_count")
    with w.when(w.compare("eq", count, w.i64(1))):
        panel(only)
    with w.when(w.compare("sgt", count, w.i64(1))):
        panel(replace(only, last=False))
        end = w.add(count, -1)
        with w.loop(1, end) as middle:
            panel(replace(only, index=middle.index, first=False, last=False))
        panel(replace(only, index=end, first=False))


def start_sums(w: KernelWriter, place: Value, panel: Panel) -> list[Value]:
    """The sums that a row begins a panel with: zeros in the first one, then what y holds."""
    if panel.first:
        return [w.zero(w.vector)] * panel.parts
    return [
        w.load(w.vector, w.at(place, part * w.width, F32), w.width * 4)
        for part in range(panel.parts)
    ]


def store_sums(
    w: KernelWriter, totals: Sequence[Value], row: Value, place: Value, panel: Panel
) -> None:
    """Store the sums of a row; in the last panel its outputs."""
    own = _finished(w, totals, row, panel.parameters) if panel.last else totals
    for part, total in enumerate(own):
        w.store(total, w.at(place, part * w.width, F32), w.width * 4)


def _finished(
    w: KernelWriter, totals: Sequence[Value], row: Value, parameters: Parameters
) -> list[Value]:
    """The outputs of a row: its bias, added last as all kernels do, and the activation."""
    bias = w.splat(w.load(F32, w.at(w.argument("bias"), row, F32)), w.width)
    return [apply(w, w.op("fadd", total, bias), parameters) for total in totals]
