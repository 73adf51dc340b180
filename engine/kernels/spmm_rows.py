"""Sparse dense layer on row groups: tiles of any lanes, any instruction set, no gather.

Per group of R rows and per step l, R weights meet R rows of the input (`lanes` samples each)::

    ; R = 2, lanes = 32 on AVX-512: 4 independent sums; with `steps` 2, two of these per round
    %w0 = broadcast values[l][0]           ; vbroadcastss, or vpermilps of both weights at once
    %x0 = x + 8 * columns[l][0]            ; columns hold offsets in units of 8 bytes
    %acc00 = fmuladd %w0, load %x0, %acc00       ; vfmadd231ps zmm, zmm, [x0]
    %acc01 = fmuladd %w0, load %x0 + 64, %acc01
    %w1 = broadcast values[l][1]
    ...

The sums of a panel start from zeros and are added to y, in the last panel with bias and activation. Requirement: lanes
is 4, 8 or a multiple of the vector width.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from engine.core.errors import UnsupportedKernelError
from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.row_groups import pack_row_groups
from engine.kernels import panels
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer
from engine.kernels.emit import F32, I16, I32, I64, Value
from engine.kernels.estimate import layer_size
from engine.kernels.estimate_tiles import Tile, groups_work
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.panels import (
    FIELDS,
    MAX_PARTS,
    Panel,
    ahead,
    check_spread,
    column_unit,
    emit_panels,
    fetch_ahead,
    layer_panel,
    packed_groups,
    start_sums,
    store_sums,
)
from engine.kernels.shared_pack import SharedPack
from engine.kernels.weight_spread import Spread, loaded_weights, permuted_weights

FAMILY = "spmm_rows"
VARIANTS: Mapping[str, Collection[int | str]] = {"rows": (1, 2, 4), "spread": tuple(Spread)}
STEPS = "steps"
OPTIONAL_VARIANTS: Mapping[str, Collection[int | str]] = {
    **panels.OPTIONAL_VARIANTS,
    STEPS: (2, 4),
}
# Weights that one load brings, and sums that a core with one multiply-add a cycle keeps busy.
TOGETHER = 4
_Variant = tuple[tuple[str, int | str], ...]


def candidates(layer: DenseLayer, isa: Isa, lanes: int) -> tuple[Candidate, ...]:
    """Return the candidates worth timing for a layer: best guess first."""
    parts = min(MAX_PARTS, max(1, lanes // isa.vector_floats))
    nonzeros = layer_size(layer).nonzeros
    fetch = ahead(nonzeros // layer.positions)
    shapes = _shapes(isa, parts)
    variants = [(*fetch, *shape) for shape in shapes]
    if fetch:
        variants.append(shapes[0])
    specs = [
        KernelSpec(FAMILY, isa, lanes, layer.activation.function, tuple(sorted(variant)))
        for variant in variants
    ]
    packs = {
        rows: SharedPack(partial(_pack, lanes=lanes, rows=rows))  # whatever the spread and steps
        for rows in {spec.number("rows") for spec in specs}
    }
    works = {
        spread: groups_work(
            layer,
            Tile(isa, lanes, parts),
            panels=-(-layer.inputs // layer_panel(layer, lanes)),
            permuted=spread is Spread.PERMUTE,
        )
        for spread in Spread
    }
    return tuple(
        Candidate(spec, True, packs[spec.number("rows")], works[Spread(str(spec.option("spread")))])
        for spec in specs
    )


def _shapes(isa: Isa, parts: int) -> list[_Variant]:
    """Return rows, steps and spread of the candidates.

    With several vectors of samples, few rows give enough sums for a core that does one wide multiply-add a
    cycle; several steps at once still read four weights together. Few rows have fewer that are computed
    twice at the end of a bucket. Cores that do two need more sums.
    """
    many = ("rows", 4 if parts < MAX_PARTS else 2)
    loaded: _Variant = (many, ("spread", Spread.LOAD.value))
    permuted: _Variant = (many, ("spread", Spread.PERMUTE.value))
    if isa is Isa.GENERIC:
        return [loaded]
    if isa is Isa.AVX512 and parts in OPTIONAL_VARIANTS[STEPS]:
        few = ("rows", TOGETHER // parts)
        permuted = (few, ("spread", Spread.PERMUTE.value), (STEPS, parts))
    return [permuted, loaded]


def _pack(layer: DenseLayer, lanes: int, rows: int) -> PackedLayer:
    panel = layer_panel(layer, lanes)
    groups = pack_row_groups(layer.kernel, rows, panel, column_unit(lanes))
    return packed_groups(layer, groups, lanes)


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
        UnsupportedKernelError: permutations on the plain level, or more than four weights at once.
    """
    check_spread(spec)
    if spec.number("rows") * steps_at_once(spec) > TOGETHER:
        raise UnsupportedKernelError(spec.symbol, f"rows times steps up to {TOGETHER}")
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
    """Return one group of R rows: start the sums, add `length` steps, store."""
    members = range(w.spec.number("rows"))
    rows = [w.cast("zext", w.load(I32, w.at(streams.rows, member, I32)), I64) for member in members]
    places = [w.at(panel.y, w.mul(row, w.spec.lanes), F32) for row in rows]
    sums = start_sums(w, places, panel)
    columns, values, *totals = _emit_steps(w, panel, streams, length, sums)
    store_sums(w, totals, rows, places, panel)
    return _Streams(w.at(streams.rows, len(members), I32), columns, values)


def steps_at_once(spec: KernelSpec) -> int:
    """Non-zeros of each row in one round of the innermost loop."""
    return spec.number(STEPS) if STEPS in dict(spec.variant) else 1


def _emit_steps(
    w: KernelWriter, panel: Panel, streams: _Streams, length: Value, sums: Sequence[Value]
) -> tuple[Value, ...]:
    """Return all `length` steps, several at once while there are as many; the streams behind them, and the sums."""
    rows, at_once = w.spec.number("rows"), steps_at_once(w.spec)
    carried = (streams.columns, streams.values, *sums)
    whole = length if at_once == 1 else w.op("and", length, w.i64(-at_once))
    rounds = [(w.i64(0), whole, at_once)]
    if at_once > 1:
        rounds.append((whole, length, 1))
    for start, stop, count in rounds:
        with w.loop(start, stop, count, carried=carried) as step:
            columns, values, *current = step.carried
            following = _emit_step(w, panel, (columns, values), current, count)
            entries = count * rows
            step.carry((w.at(columns, entries, I16), w.at(values, entries, F32), *following))
        carried = step.carried
    return carried


def _emit_step(
    w: KernelWriter,
    panel: Panel,
    streams: tuple[Value, Value],
    sums: Sequence[Value],
    count: int,
) -> list[Value]:
    """`count` non-zeros of each of the R rows, in order; the sums behind them."""
    columns, values = streams
    rows = w.spec.number("rows")
    fetch_ahead(w, values, columns)
    weights = _weights(w, values, count * rows)
    current = list(sums)
    for entry, column in enumerate(_columns(w, columns, count * rows)):
        start = w.at(panel.x, column, I64)
        for part in range(panel.parts):
            place = entry % rows * panel.parts + part
            operand = w.load(w.vector, w.at(start, part * w.width, F32), w.width * 4)
            current[place] = w.fma(weights[entry], operand, current[place])
    return current


def _columns(w: KernelWriter, columns: Value, count: int) -> list[Value]:
    """Return the next 1, 2 or 4 column numbers; read together."""
    kind = {1: I16, 2: I32, 4: I64}[count]
    word = w.load(kind, columns, 2)
    found = []
    for member in range(count):
        shifted = w.op("lshr", word, w.const(kind, 16 * member)) if member else word
        low = shifted if kind == I16 else w.op("and", shifted, w.const(kind, 0xFFFF))
        found.append(low if kind == I64 else w.cast("zext", low, I64))
    return found


def _weights(w: KernelWriter, values: Value, count: int) -> list[Value]:
    """Return the next weights, each in all lanes."""
    load = count == 1 or w.spec.option("spread") == Spread.LOAD
    return (loaded_weights if load else permuted_weights)(w, values, count, w.width)
