"""Sparse dense layer on row groups: tiles of any lanes, any instruction set, no gather.

Per group of R rows and per step l, R weights meet R rows of the input (`lanes` samples each)::

    ; R = 2, lanes = 32 on AVX-512: 4 independent sums
    %w0 = broadcast values[l][0]           ; vbroadcastss, or vpermilps of both weights at once
    %x0 = x + 8 * columns[l][0]            ; columns hold offsets in units of 8 bytes
    %acc00 = fmuladd %w0, load %x0, %acc00       ; vfmadd231ps zmm, zmm, [x0]
    %acc01 = fmuladd %w0, load %x0 + 64, %acc01
    %w1 = broadcast values[l][1]
    ...

The rows of a panel start from zeros (first panel) or from y, and go to y, in the last panel after
bias and activation. Requirement: lanes is 4, 8 or a multiple of the vector width.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import numpy.typing as npt

from engine.errors import UnsupportedKernelError
from engine.formats.row_groups import MAX_COLUMN, pack_row_groups
from engine.kernels.abi import (
    ARGUMENT_FIELDS,
    Candidate,
    DenseLayer,
    Field,
    FieldKind,
    KernelSpec,
    PackedLayer,
    packed_layer,
)
from engine.kernels.activations import Parameters, apply, load_parameters
from engine.kernels.emit import F32, I16, I32, I64, Value, vector
from engine.kernels.estimate import layer_size, rows_share, tile_ns
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.shared_pack import SharedPack
from engine.target import Isa

FAMILY = "spmm_rows"
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
# Part of the input that one panel of columns touches: what stays in a 32 KB first-level cache.
PANEL_BYTES = 32 * 1024


class Spread(StrEnum):
    """How a weight gets into all lanes: loaded R times, or loaded once and permuted in registers.

    AMD's cores can load one 512-bit register per cycle, and a broadcast from memory counts as one:
    there the permutation is up to 1.3 times as fast. Intel's permutations share a port with FMA.
    """

    LOAD = "load"
    PERMUTE = "permute"


# How far ahead of the weights a kernel asks for them, where they do not stay in the second-level cache:
# the CPU's own prefetchers follow one of two streams that are read at unlike speeds badly.
AHEAD = "ahead"
AHEAD_BYTES = 2048
OPTIONAL_VARIANTS: Mapping[str, Collection[int | str]] = {AHEAD: (AHEAD_BYTES,)}
# Bytes of a stored weight; of weights that may stay in a second-level cache, and that never do.
_WEIGHT_BYTES = 6
_CACHED_BYTES = 512 * 1024
_STREAMED_BYTES = 4 * 1024 * 1024
VARIANTS: Mapping[str, Collection[int | str]] = {"rows": range(1, 33), "spread": tuple(Spread)}


def column_unit(lanes: int) -> int:
    """Units between one column and the next."""
    return lanes * 4 // UNIT_BYTES


def candidates(layer: DenseLayer, isa: Isa, lanes: int) -> tuple[Candidate, ...]:
    """Return the candidates worth timing for a layer: best guess first."""
    parts = min(MAX_PARTS, max(1, lanes // isa.vector_floats))
    panel = min(max(1, PANEL_BYTES // (4 * lanes)), MAX_COLUMN // column_unit(lanes))
    members = 4 if parts < MAX_PARTS else 2
    spreads = [Spread.LOAD] if isa is Isa.GENERIC else [Spread.PERMUTE, Spread.LOAD]
    nonzeros = layer_size(layer).nonzeros
    fetch = ahead(nonzeros // layer.positions)
    choices = [(fetch, spread) for spread in spreads]
    if fetch and nonzeros * _WEIGHT_BYTES < _STREAMED_BYTES:
        choices.append(((), spreads[0]))
    specs = [
        KernelSpec(
            FAMILY,
            isa,
            lanes,
            layer.activation.function,
            (*entry, ("rows", members), ("spread", spread.value)),
        )
        for entry, spread in choices
    ]
    estimate = tile_ns(nonzeros, lanes, isa, rows_share(lanes, isa))
    pack = SharedPack(partial(_pack, spec=specs[0], panel=panel))  # whatever the spread
    return tuple(Candidate(spec, True, pack, estimate) for spec in specs)


def ahead(nonzeros: int) -> tuple[tuple[str, int | str], ...]:
    """The entry of a variant that says how far ahead weights are asked for; none if they are few."""
    return ((AHEAD, AHEAD_BYTES),) if nonzeros * _WEIGHT_BYTES > _CACHED_BYTES else ()


def fetch_ahead(w: KernelWriter, values: Value, columns: Value | None) -> None:
    """Ask for the weights to come, and for their columns, where the variant says so."""
    if AHEAD not in dict(w.spec.variant):
        return
    distance = w.spec.number(AHEAD)
    w.prefetch(w.at(values, distance))
    if columns is not None:  # two bytes of column for four of weight
        w.prefetch(w.at(columns, distance // 2))


def _pack(layer: DenseLayer, spec: KernelSpec, panel: int) -> PackedLayer:
    lanes = spec.lanes
    groups = pack_row_groups(layer.kernel, spec.number("rows"), panel, column_unit(lanes))
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
        "panel_bytes": panel * lanes * 4,
        "positions": layer.positions,
        "x_bytes": layer.inputs * lanes * 4,
        "y_bytes": layer.units * lanes * 4,
        **layer.activation.as_ints(),
    }
    return packed_layer(constants, ints, groups.nonzeros)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What all panels of one pass share."""

    x: Value
    y: Value
    parts: int
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class _Streams:
    """Read positions in the packed arrays."""

    rows: Value
    columns: Value
    values: Value

    def as_tuple(self) -> tuple[Value, Value, Value]:
        return (self.rows, self.columns, self.values)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a row-group kernel.

    Raises:
        UnsupportedKernelError: a permutation of other than 2 or 4 weights, or on the plain level.
    """
    if spec.option("spread") == Spread.PERMUTE and (
        spec.isa is Isa.GENERIC or spec.number("rows") not in (2, 4)
    ):
        raise UnsupportedKernelError(spec.symbol, "AVX2 and 2 or 4 rows for permute")
    w = KernelWriter(spec, FIELDS)
    parts = w.parts_at_once(MAX_PARTS)
    parameters = load_parameters(w, w.width)
    x, y = w.argument("x"), w.argument("y")
    with w.loop(0, w.argument("positions")) as position:
        x_row = w.at(x, w.mul(position.index, w.argument("x_bytes")))
        y_row = w.at(y, w.mul(position.index, w.argument("y_bytes")))
        with w.loop(0, w.spec.lanes, parts * w.width) as first:
            scope = _Scope(
                w.at(x_row, first.index, F32), w.at(y_row, first.index, F32), parts, parameters
            )
            _emit_panels(w, scope)
    return w.finish()


def _emit_panels(w: KernelWriter, scope: _Scope) -> None:
    count = w.argument("panel_count")
    with w.when(w.compare("eq", count, w.i64(1))):
        _emit_panel(w, scope, w.i64(0), first=True, last=True)
    with w.when(w.compare("sgt", count, w.i64(1))):
        _emit_panel(w, scope, w.i64(0), first=True, last=False)
        end = w.add(count, -1)
        with w.loop(1, end) as panel:
            _emit_panel(w, scope, panel.index, first=False, last=False)
        _emit_panel(w, scope, end, first=False, last=True)


def _emit_panel(w: KernelWriter, scope: _Scope, panel: Value, *, first: bool, last: bool) -> None:
    """One panel: all its buckets; sums start from zeros or y, and end in y."""
    entry = w.at(w.argument("panels"), w.mul(panel, 3), I32)
    numbers = [w.cast("zext", w.load(I32, w.at(entry, place, I32)), I64) for place in (0, 1, 2, 3)]
    group_rows = w.mul(numbers[1], w.spec.number("rows"))
    streams = _Streams(
        rows=w.at(w.argument("rows"), group_rows, I32),
        columns=w.at(w.argument("columns"), numbers[2], I16),
        values=w.at(w.argument("values"), numbers[2], F32),
    )
    panel_x = w.at(scope.x, w.mul(panel, w.argument("panel_bytes")))
    here = _Scope(panel_x, scope.y, scope.parts, scope.parameters)
    with w.loop(numbers[0], numbers[3], carried=streams.as_tuple()) as bucket:
        row = w.at(w.argument("buckets"), w.mul(bucket.index, 2), I32)
        length = w.cast("zext", w.load(I32, row), I64)
        groups = w.cast("zext", w.load(I32, w.at(row, 1, I32)), I64)
        with w.loop(0, groups, carried=bucket.carried) as group:
            ends = _emit_group(w, here, _Streams(*group.carried), length, first=first, last=last)
            group.carry(ends.as_tuple())
        bucket.carry(group.carried)


def _emit_group(
    w: KernelWriter, scope: _Scope, streams: _Streams, length: Value, *, first: bool, last: bool
) -> _Streams:
    """One group of R rows: start the sums, add `length` steps, store."""
    members = range(w.spec.number("rows"))
    rows = [w.cast("zext", w.load(I32, w.at(streams.rows, member, I32)), I64) for member in members]
    places = [w.at(scope.y, w.mul(row, w.spec.lanes), F32) for row in rows]
    sums: list[Value] = []
    for place in places:
        sums.extend(start_sums(w, place, scope.parts, first=first))
    carried = (streams.columns, streams.values, *sums)
    with w.loop(0, length, carried=carried) as step:
        columns, values, *current = step.carried
        following = _emit_step(w, scope, columns, values, current)
        count = len(members)
        step.carry((w.at(columns, count, I16), w.at(values, count, F32), *following))
    columns, values, *totals = step.carried
    for member, row in enumerate(rows):
        own = totals[member * scope.parts : (member + 1) * scope.parts]
        if last:
            own = finished(w, own, row, scope.parameters)
        for part, total in enumerate(own):
            w.store(total, w.at(places[member], part * w.width, F32), w.width * 4)
    return _Streams(w.at(streams.rows, len(members), I32), columns, values)


def start_sums(w: KernelWriter, place: Value, parts: int, *, first: bool) -> list[Value]:
    """The sums that a row begins a panel with: zeros in the first one, then what y holds."""
    if first:
        return [w.zero(w.vector)] * parts
    return [
        w.load(w.vector, w.at(place, part * w.width, F32), w.width * 4) for part in range(parts)
    ]


def finished(
    w: KernelWriter, totals: Sequence[Value], row: Value, parameters: Parameters
) -> list[Value]:
    """The outputs of a row: its bias, added last as all kernels do, and the activation."""
    bias = w.splat(w.load(F32, w.at(w.argument("bias"), row, F32)), w.width)
    return [apply(w, w.op("fadd", total, bias), parameters) for total in totals]


def _emit_step(
    w: KernelWriter, scope: _Scope, columns: Value, values: Value, sums: list[Value]
) -> list[Value]:
    """One non-zero of each of the R rows."""
    following: list[Value] = []
    fetch_ahead(w, values, columns)
    weights = _weights(w, values)
    for member, column in enumerate(_columns(w, columns)):
        weight = weights[member]
        start = w.at(scope.x, column, I64)
        for part in range(scope.parts):
            operand = w.load(w.vector, w.at(start, part * w.width, F32), w.width * 4)
            following.append(w.fma(weight, operand, sums[member * scope.parts + part]))
    return following


def _columns(w: KernelWriter, columns: Value) -> list[Value]:
    """The column numbers of one step; read together where they fill an integer."""
    count = w.spec.number("rows")
    if count not in (2, 4):
        numbers = [w.load(I16, w.at(columns, member, I16), 2) for member in range(count)]
        return [w.cast("zext", number, I64) for number in numbers]
    kind = {2: I32, 4: I64}[count]
    word = w.load(kind, columns, 2)
    found = []
    for member in range(count):
        shifted = w.op("lshr", word, w.const(kind, 16 * member)) if member else word
        low = w.op("and", shifted, w.const(kind, 0xFFFF))
        found.append(low if kind == I64 else w.cast("zext", low, I64))
    return found


def _weights(w: KernelWriter, values: Value) -> list[Value]:
    """The weights of one step, each in all lanes."""
    count = w.spec.number("rows")
    if w.spec.option("spread") == Spread.LOAD:
        return [w.splat(w.load(F32, w.at(values, member, F32)), w.width) for member in range(count)]
    together = w.load(vector(F32, count), values)
    lanes = range(w.width)
    repeated = w.shuffle(together, together, [lane % count for lane in lanes])
    # An empty instruction that LLVM cannot look through: it would turn each permutation back into
    # a load, and the loads are what the kernel waits for.
    kept = w.value(repeated.type, f'call {repeated.type} asm "", "=v,0"({repeated})', "kept")
    return [
        w.shuffle(kept, kept, [lane // count * count + member for lane in lanes])
        for member in range(count)
    ]
