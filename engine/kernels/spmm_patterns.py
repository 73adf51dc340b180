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
from functools import partial

from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.pattern_groups import MEMBERS, pack_pattern_groups, shared_share
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

FAMILY = "spmm_patterns"
VARIANTS: Mapping[str, Collection[int | str]] = {"spread": tuple(Spread)}
# Below these there is too little to share: share of non-zeros at random places, of blocks of rows.
_LEAST_DENSITY = 0.25
_LEAST_SHARED = 0.5
# Loads of x that four rows which share a column save.
_SAVED_LOADS = 0.75
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
    tile = Tile(isa, lanes, min(MAX_PARTS, max(1, lanes // isa.vector_floats)))
    work = groups_work(
        layer,
        tile,
        panels=-(-layer.inputs // layer_panel(layer, lanes)),
        permuted=spread is Spread.PERMUTE,
        operands=1 - _SAVED_LOADS * max(shared, size.density / 2),
    )
    pack = SharedPack(partial(_pack, lanes=lanes))
    return (Candidate(spec, True, pack, work),)


def _pack(layer: DenseLayer, lanes: int) -> PackedLayer:
    panel = layer_panel(layer, lanes)
    groups = pack_pattern_groups(layer.kernel, panel, column_unit(lanes))
    return packed_groups(layer, groups, lanes)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a pattern-group kernel.

    Raises:
        UnsupportedKernelError: permutations on the plain level.
    """
    check_spread(spec)
    w = KernelWriter(spec, FIELDS)
    emit_panels(w, partial(_emit_panel, w))
    return w.finish()


def _number(w: KernelWriter, table: Value, place: int) -> Value:
    return w.cast("zext", w.load(I32, w.at(table, place, I32)), I64)


def _emit_panel(w: KernelWriter, panel: Panel) -> None:
    here = panel.at_its_inputs(w)
    entry = w.at(w.argument("panels"), w.mul(panel.index, 4), I32)
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
            one.carry(_emit_group(w, here, one.carried, counts))
        each.carry(one.carried)


def _emit_group(
    w: KernelWriter, panel: Panel, streams: Sequence[Value], counts: Sequence[Value]
) -> tuple[Value, ...]:
    """Return one group of four rows: start the sums, add all steps, store; the streams behind it."""
    rows, columns, values = streams
    numbers = [_number(w, rows, member) for member in range(MEMBERS)]
    places = [w.at(panel.y, w.mul(row, w.spec.lanes), F32) for row in numbers]
    sums = start_sums(w, places, panel)
    for users, count in zip(_USERS, counts, strict=True):
        with w.loop(0, count, carried=(columns, values, *sums)) as step:
            here, weights, *current = step.carried
            following = _emit_step(w, panel, users, (here, weights), current)
            step.carry((w.at(here, len(users), I16), w.at(weights, MEMBERS, F32), *following))
        columns, values, *sums = step.carried
    store_sums(w, sums, numbers, places, panel)
    return w.at(rows, MEMBERS, I32), columns, values


def _emit_step(
    w: KernelWriter,
    panel: Panel,
    users: Sequence[Sequence[int]],
    streams: tuple[Value, Value],
    sums: Sequence[Value],
) -> list[Value]:
    """Return one non-zero of each of the four rows."""
    columns, values = streams
    # One input for four weights is a stream too thin to be worth asking for.
    fetch_ahead(w, values, columns if len(users) == MEMBERS else None)
    weights = _weights(w, panel, values, len(users))
    following = list(sums)
    for input_, members in enumerate(users):
        column = w.cast("zext", w.load(I16, w.at(columns, input_, I16), 2), I64)
        start = w.at(panel.x, column, I64)
        for part in range(panel.parts):
            operand = w.load(w.vector, w.at(start, part * w.width, F32), w.width * 4)
            for member in members:
                place = member * panel.parts + part
                following[place] = w.fma(weights[member], operand, sums[place])
    return following


def _weights(w: KernelWriter, panel: Panel, values: Value, inputs: int) -> list[Value]:
    """Return the weights of a step in all lanes: permuted as far as the inputs leave no loads free.

    With one vector of samples a quad has loads to spare, and a pair step half of them.
    """
    loaded = loaded_weights(w, values, MEMBERS, w.width)
    if w.spec.option("spread") == Spread.LOAD or (panel.parts == 1 and inputs == 1):
        return loaded
    permuted = permuted_weights(w, values, MEMBERS, w.width)
    if panel.parts == 1 and inputs == 2:
        return [loaded[0], permuted[1], loaded[2], permuted[3]]
    return permuted
