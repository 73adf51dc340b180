"""What sparse kernels for tiles share: panels of columns, the sums of a row, weights asked for ahead.

A panel is a range of inputs whose samples stay in the first-level cache. The sums of a row start from
zeros in each panel, and are added to those of the panels before, which are in y; the last panel applies bias and
activation. So a long sum is made of short ones, each of which errs little (`engine.kernels.sum_blocks`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from engine.core.errors import UnsupportedKernelError
from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.pattern_groups import PatternGroups
from engine.formats.row_groups import MAX_COLUMN, RowGroups
from engine.kernels.abi import (
    ARGUMENT_FIELDS,
    Field,
    FieldKind,
    KernelSpec,
    PackedLayer,
    packed_layer,
)
from engine.kernels.activations import Parameters, apply, load_parameters
from engine.kernels.emit import F32, Value
from engine.kernels.estimate import layer_size
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.sum_blocks import LONGEST_CHAIN, most_columns
from engine.kernels.weight_spread import Spread

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
        parameters: parameters of the activation.
        first: whether there is nothing in y yet.
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
        """Return the same with x at the first input of the panel: columns are numbered from there."""
        return replace(self, x=w.at(self.x, w.mul(self.index, w.argument("panel_bytes"))))


def column_unit(lanes: int) -> int:
    """Units between one column and the next."""
    return lanes * 4 // UNIT_BYTES


def panel_columns(inputs: int, lanes: int, density: float = 0.0) -> int:
    """Columns in a panel: as many as allowed, but panels of equal size: a short one costs as many sums.

    Args:
        inputs: number of inputs of the layer.
        lanes: samples per tile.
        density: share of the layer's weights that are not zero.
    """
    cached = max(1, PANEL_BYTES // (4 * lanes))
    most = min(cached, MAX_COLUMN // column_unit(lanes), most_columns(density))
    return -(-inputs // -(-inputs // most))


def layer_panel(layer: DenseLayer, lanes: int) -> int:
    """Columns in a panel of a layer; a part of a layer has those of the whole."""
    density = layer_size(layer).density if layer.density is None else layer.density
    return panel_columns(layer.inputs, lanes, density)


def ahead(nonzeros: int) -> tuple[tuple[str, int | str], ...]:
    """Return the entry of a variant that says how far ahead weights are asked for; none if they are few."""
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
    """Return a layer with its weights in groups, as `FIELDS` says."""
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
        "panel_bytes": layer_panel(layer, lanes) * lanes * 4,
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


def start_sums(w: KernelWriter, places: Sequence[Value], panel: Panel) -> list[Value]:
    """The sums that rows begin a panel with: zeros; what y holds where they are one chain with the panel before."""
    zeros = [w.zero(w.vector)] * (panel.parts * len(places))
    if panel.first or not _may_chain(w):
        return zeros
    chain = _is_chained(w)
    held = [one for place in places for one in _held(w, place, panel)]
    return [w.select(chain, one, zero) for one, zero in zip(held, zeros, strict=True)]


def store_sums(
    w: KernelWriter,
    totals: Sequence[Value],
    rows: Sequence[Value],
    places: Sequence[Value],
    panel: Panel,
) -> None:
    """Store the sums of a group's rows; in the last panel their outputs.

    A row that is in a group twice is read before either is stored: both store the same.
    """
    sums = list(totals)
    if not panel.first:
        held = [one for place in places for one in _held(w, place, panel)]
        if _may_chain(w):
            chain, zero = _is_chained(w), w.zero(w.vector)
            held = [w.select(chain, zero, one) for one in held]
        sums = [w.op("fadd", one, total) for one, total in zip(held, sums, strict=True)]
    for member, (row, place) in enumerate(zip(rows, places, strict=True)):
        own: Sequence[Value] = sums[member * panel.parts : (member + 1) * panel.parts]
        if panel.last:
            own = _finished(w, own, row, panel.parameters)
        for part, total in enumerate(own):
            w.store(total, w.at(place, part * w.width, F32), w.width * 4)


def _held(w: KernelWriter, place: Value, panel: Panel) -> list[Value]:
    return [
        w.load(w.vector, w.at(place, part * w.width, F32), w.width * 4)
        for part in range(panel.parts)
    ]


def _may_chain(w: KernelWriter) -> bool:
    """Return whether tiles are so wide that layers of one chain have several panels."""
    return PANEL_BYTES // (4 * w.spec.lanes) < LONGEST_CHAIN


def _is_chained(w: KernelWriter) -> Value:
    """Return whether this layer's sums are one chain over all panels."""
    most = w.i64(LONGEST_CHAIN * w.spec.lanes * 4)
    return w.compare("sle", w.argument("x_bytes"), most)


def _finished(
    w: KernelWriter, totals: Sequence[Value], row: Value, parameters: Parameters
) -> list[Value]:
    """Return the outputs of a row: its bias, added last as all kernels do, and the activation."""
    bias = w.splat(w.load(F32, w.at(w.argument("bias"), row, F32)), w.width)
    return [apply(w, w.op("fadd", total, bias), parameters) for total in totals]
