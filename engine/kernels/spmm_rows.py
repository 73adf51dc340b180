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

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from engine.formats.row_groups import pack_row_groups
from engine.kernels.abi import Candidate, DenseLayer, KernelSpec, PackedLayer
from engine.kernels.emit import F32, I16, I32, I64, Value
from engine.kernels.estimate import layer_size, rows_share, tile_ns
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.panels import (
    FIELDS,
    MAX_PARTS,
    WEIGHT_BYTES,
    Panel,
    ahead,
    check_spread,
    column_unit,
    emit_panels,
    fetch_ahead,
    packed_groups,
    panel_columns,
    start_sums,
    store_sums,
)
from engine.kernels.shared_pack import SharedPack
from engine.kernels.weight_spread import Spread, loaded_weights, permuted_weights
from engine.target import Isa

FAMILY = "spmm_rows"
# A layer with fewer bytes of weights may stay in a second-level cache: then asking ahead is timed, too.
_STREAMED_BYTES = 4 * 1024 * 1024
VARIANTS: Mapping[str, Collection[int | str]] = {"rows": (2, 4), "spread": tuple(Spread)}


def candidates(layer: DenseLayer, isa: Isa, lanes: int) -> tuple[Candidate, ...]:
    """Return the candidates worth timing for a layer: best guess first."""
    parts = min(MAX_PARTS, max(1, lanes // isa.vector_floats))
    members = 4 if parts < MAX_PARTS else 2
    spreads = [Spread.LOAD] if isa is Isa.GENERIC else [Spread.PERMUTE, Spread.LOAD]
    nonzeros = layer_size(layer).nonzeros
    fetch = ahead(nonzeros // layer.positions)
    choices = [(fetch, spread) for spread in spreads]
    if fetch and nonzeros * WEIGHT_BYTES < _STREAMED_BYTES:
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
    pack = SharedPack(partial(_pack, spec=specs[0]))  # whatever the spread
    return tuple(Candidate(spec, True, pack, estimate) for spec in specs)


def _pack(layer: DenseLayer, spec: KernelSpec) -> PackedLayer:
    panel, unit = panel_columns(spec.lanes), column_unit(spec.lanes)
    groups = pack_row_groups(layer.kernel, spec.number("rows"), panel, unit)
    return packed_groups(layer, groups, spec.lanes)


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
        UnsupportedKernelError: permutations on the plain level.
    """
    check_spread(spec)
    w = KernelWriter(spec, FIELDS)
    emit_panels(w, partial(_emit_panel, w))
    return w.finish()


def _emit_panel(w: KernelWriter, panel: Panel) -> None:
    """All buckets of one panel."""
    entry = w.at(w.argument("panels"), w.mul(panel.index, 3), I32)
    numbers = [w.cast("zext", w.load(I32, w.at(entry, place, I32)), I64) for place in (0, 1, 2, 3)]
    group_rows = w.mul(numbers[1], w.spec.number("rows"))
    streams = _Streams(
        rows=w.at(w.argument("rows"), group_rows, I32),
        columns=w.at(w.argument("columns"), numbers[2], I16),
        values=w.at(w.argument("values"), numbers[2], F32),
    )
    here = panel.at_its_inputs(w)
    with w.loop(numbers[0], numbers[3], carried=streams.as_tuple()) as bucket:
        row = w.at(w.argument("buckets"), w.mul(bucket.index, 2), I32)
        length = w.cast("zext", w.load(I32, row), I64)
        groups = w.cast("zext", w.load(I32, w.at(row, 1, I32)), I64)
        with w.loop(0, groups, carried=bucket.carried) as group:
            ends = _emit_group(w, here, _Streams(*group.carried), length)
            group.carry(ends.as_tuple())
        bucket.carry(group.carried)


def _emit_group(w: KernelWriter, panel: Panel, streams: _Streams, length: Value) -> _Streams:
    """One group of R rows: start the sums, add `length` steps, store."""
    members = range(w.spec.number("rows"))
    rows = [w.cast("zext", w.load(I32, w.at(streams.rows, member, I32)), I64) for member in members]
    places = [w.at(panel.y, w.mul(row, w.spec.lanes), F32) for row in rows]
    sums: list[Value] = []
    for place in places:
        sums.extend(start_sums(w, place, panel))
    carried = (streams.columns, streams.values, *sums)
    with w.loop(0, length, carried=carried) as step:
        columns, values, *current = step.carried
        following = _emit_step(w, panel, columns, values, current)
        count = len(members)
        step.carry((w.at(columns, count, I16), w.at(values, count, F32), *following))
    columns, values, *totals = step.carried
    for member, row in enumerate(rows):
        own = totals[member * panel.parts : (member + 1) * panel.parts]
        store_sums(w, own, row, places[member], panel)
    return _Streams(w.at(streams.rows, len(members), I32), columns, values)


def _emit_step(
    w: KernelWriter, panel: Panel, columns: Value, values: Value, sums: list[Value]
) -> list[Value]:
    """One non-zero of each of the R rows."""
    following: list[Value] = []
    fetch_ahead(w, values, columns)
    weights = _weights(w, values)
    for member, column in enumerate(_columns(w, columns)):
        weight = weights[member]
        start = w.at(panel.x, column, I64)
        for part in range(panel.parts):
            operand = w.load(w.vector, w.at(start, part * w.width, F32), w.width * 4)
            following.append(w.fma(weight, operand, sums[member * panel.parts + part]))
    return following


def _columns(w: KernelWriter, columns: Value) -> list[Value]:
    """The column numbers of one step; read together."""
    count = w.spec.number("rows")
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
    spread = loaded_weights if w.spec.option("spread") == Spread.LOAD else permuted_weights
    return spread(w, values, w.spec.number("rows"), w.width)
