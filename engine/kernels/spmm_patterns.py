"""Sparse dense layer on pattern groups: four rows that load a column they share once.

`engine.formats.pattern_groups` describes the steps. In a step each of four rows gets one product,
`lanes` samples wide; it loads the input once (quads), twice (pairs) or four times (singles)::

    ; a pair step, lanes = 16: two inputs, four independent sums
    %x0 = load x + 8 * columns[0]         %x1 = load x + 8 * columns[1]
    %acc0 = fmuladd %w0, %x0, %acc0       %acc1 = fmuladd %w1, %x0, %acc1
    %acc2 = fmuladd %w2, %x1, %acc2       %acc3 = fmuladd %w3, %x1, %acc3

A CPU that loads one register per FMA waits for loads in `spmm_rows`; here it does not, as far as
rows share columns: all of them in blocks of four rows, half of them at 50 % random zeros. The sum of
a row is taken in the order of its steps. Requirement: lanes is 4, 8 or a multiple of the vector width.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy.typing as npt

from engine.errors import UnsupportedKernelError
from engine.formats.pattern_groups import MEMBERS, pack_pattern_groups, shared_share
from engine.formats.row_groups import MAX_COLUMN
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
from engine.kernels.activations import Parameters, load_parameters
from engine.kernels.emit import F32, I16, I32, I64, Value
from engine.kernels.estimate import layer_size, patterns_share, tile_ns
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.shared_pack import SharedPack
from engine.kernels.spmm_rows import (
    MAX_PARTS,
    PANEL_BYTES,
    ahead,
    column_unit,
    fetch_ahead,
    finished,
    start_sums,
)
from engine.kernels.spread import Spread, loaded_weights, permuted_weights
from engine.target import Isa

FAMILY = "spmm_patterns"
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
VARIANTS: Mapping[str, Collection[int | str]] = {"spread": tuple(Spread)}
# Below these there is too little to share: share of non-zeros at random places, of blocks of rows.
_LEAST_DENSITY = 0.25
_LEAST_SHARED = 0.5
# Which of the four rows use each input of a step: quad, pair, single.
_USERS = (((0, 1, 2, 3),), ((0, 1), (2, 3)), ((0,), (1,), (2,), (3,)))


def candidates(layer: DenseLayer, isa: Isa, lanes: int) -> tuple[Candidate, ...]:
    """Return the candidate for a layer; none where rows share little."""
    size = layer_size(layer)
    shared = shared_share(layer.kernel)
    # Narrow tiles at random zeros wait for other things than loads.
    least = _LEAST_DENSITY if lanes >= isa.vector_floats else 1.0
    if size.density < least and shared < _LEAST_SHARED:
        return ()
    spread = Spread.LOAD if isa is Isa.GENERIC else Spread.PERMUTE
    fetch = ahead(size.nonzeros // layer.positions)
    spec = KernelSpec(
        FAMILY, isa, lanes, layer.activation.function, (*fetch, ("spread", spread.value))
    )
    panel = min(max(1, PANEL_BYTES // (4 * lanes)), MAX_COLUMN // column_unit(lanes))
    estimate = tile_ns(size.nonzeros, lanes, isa, patterns_share(size, shared))
    pack = SharedPack(partial(_pack, lanes=lanes, panel=panel))
    return (Candidate(spec, True, pack, estimate),)


def _pack(layer: DenseLayer, lanes: int, panel: int) -> PackedLayer:
    groups = pack_pattern_groups(layer.kernel, panel, column_unit(lanes))
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
    """What all groups of one panel share."""

    x: Value
    y: Value
    parts: int
    parameters: Parameters
    first: bool
    last: bool


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a pattern-group kernel.

    Raises:
        UnsupportedKernelError: permutations on the plain level.
    """
    if spec.option("spread") == Spread.PERMUTE and spec.isa is Isa.GENERIC:
        raise UnsupportedKernelError(spec.symbol, "AVX2 or AVX-512 for permute")
    w = KernelWriter(spec, FIELDS)
    parts = w.parts_at_once(MAX_PARTS)
    parameters = load_parameters(w, w.width)
    x, y = w.argument("x"), w.argument("y")
    with w.loop(0, w.argument("positions")) as position:
        x_row = w.at(x, w.mul(position.index, w.argument("x_bytes")))
        y_row = w.at(y, w.mul(position.index, w.argument("y_bytes")))
        with w.loop(0, w.spec.lanes, parts * w.width) as place:
            x_tile, y_tile = w.at(x_row, place.index, F32), w.at(y_row, place.index, F32)
            _emit_panels(w, x_tile, y_tile, parts, parameters)
    return w.finish()


def _emit_panels(w: KernelWriter, x: Value, y: Value, parts: int, parameters: Parameters) -> None:
    """All panels: the first starts from zeros, the last adds the bias and applies the activation."""
    count = w.argument("panel_count")

    def panel(index: Value, *, first: bool, last: bool) -> None:
        start = w.at(x, w.mul(index, w.argument("panel_bytes")))
        _emit_panel(w, _Scope(start, y, parts, parameters, first, last), index)

    with w.when(w.compare("eq", count, w.i64(1))):
        panel(w.i64(0), first=True, last=True)
    with w.when(w.compare("sgt", count, w.i64(1))):
        panel(w.i64(0), first=True, last=False)
        end = w.add(count, -1)
        with w.loop(1, end) as middle:
            panel(middle.index, first=False, last=False)
        panel(end, first=False, last=True)


def _number(w: KernelWriter, table: Value, place: int) -> Value:
    return w.cast("zext", w.load(I32, w.at(table, place, I32)), I64)


def _emit_panel(w: KernelWriter, scope: _Scope, panel: Value) -> None:
    entry = w.at(w.argument("panels"), w.mul(panel, 4), I32)
    bucket, group, column, step, end = (_number(w, entry, place) for place in range(5))
    streams = (
        w.at(w.argument("rows"), w.mul(group, MEMBERS), I32),
        w.at(w.argument("columns"), column, I16),
        w.at(w.argument("values"), w.mul(step, MEMBERS), F32),
    )
    with w.loop(bucket, end, carried=streams) as each:
        row = w.at(w.argument("buckets"), w.mul(each.index, 4), I32)
        *counts, groups = (_number(w, row, place) for place in range(4))
        with w.loop(0, groups, carried=each.carried) as one:
            one.carry(_emit_group(w, scope, one.carried, counts))
        each.carry(one.carried)


def _emit_group(
    w: KernelWriter, scope: _Scope, streams: Sequence[Value], counts: Sequence[Value]
) -> tuple[Value, ...]:
    """One group of four rows: start the sums, add all steps, store; the streams behind it."""
    rows, columns, values = streams
    numbers, places, sums = [], [], []
    for member in range(MEMBERS):
        row = _number(w, rows, member)
        places.append(w.at(scope.y, w.mul(row, w.spec.lanes), F32))
        sums += start_sums(w, places[-1], scope.parts, first=scope.first)
        numbers.append(row)
    for users, count in zip(_USERS, counts, strict=True):
        with w.loop(0, count, carried=(columns, values, *sums)) as step:
            here, weights, *current = step.carried
            following = _emit_step(w, scope, users, (here, weights), current)
            step.carry((w.at(here, len(users), I16), w.at(weights, MEMBERS, F32), *following))
        columns, values, *sums = step.carried
    for member, row in enumerate(numbers):
        own = sums[member * scope.parts : (member + 1) * scope.parts]
        if scope.last:
            own = finished(w, own, row, scope.parameters)
        for part, total in enumerate(own):
            w.store(total, w.at(places[member], part * w.width, F32), w.width * 4)
    return w.at(rows, MEMBERS, I32), columns, values


def _emit_step(
    w: KernelWriter,
    scope: _Scope,
    users: Sequence[Sequence[int]],
    streams: tuple[Value, Value],
    sums: Sequence[Value],
) -> list[Value]:
    """One non-zero of each of the four rows."""
    columns, values = streams
    # One input for four weights is a stream too thin to be worth asking for.
    fetch_ahead(w, values, columns if len(users) == MEMBERS else None)
    weights = _weights(w, scope, values, len(users))
    following = list(sums)
    for input_, members in enumerate(users):
        column = w.cast("zext", w.load(I16, w.at(columns, input_, I16), 2), I64)
        start = w.at(scope.x, column, I64)
        for part in range(scope.parts):
            operand = w.load(w.vector, w.at(start, part * w.width, F32), w.width * 4)
            for member in members:
                place = member * scope.parts + part
                following[place] = w.fma(weights[member], operand, sums[place])
    return following


def _weights(w: KernelWriter, scope: _Scope, values: Value, inputs: int) -> list[Value]:
    """The weights of a step in all lanes: permuted as far as the inputs leave no loads free.

    With one vector of samples a quad has loads to spare, and a pair step half of them.
    """
    loaded = loaded_weights(w, values, MEMBERS, w.width)
    if w.spec.option("spread") == Spread.LOAD or (scope.parts == 1 and inputs == 1):
        return loaded
    permuted = permuted_weights(w, values, MEMBERS, w.width)
    if scope.parts == 1 and inputs == 2:
        return [loaded[0], permuted[1], loaded[2], permuted[3]]
    return permuted
