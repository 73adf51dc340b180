"""Dense layer on packed weights, for one sample (GEMV) and for tiles of lanes (GEMM).

GEMM keeps `rows` x (lanes / W) sums in registers and streams the weights once; per input column::

    %x0 = load x[k][0:16]      %x1 = load x[k][16:32]            ; lanes = 32
    %w = broadcast weights[k][r]                                 ; for each row r of the block
    %sum[r][0] = fmuladd %w, %x0, %sum[r][0]                     ; vfmadd231ps zmm, zmm, m32{1to16}
    %sum[r][1] = fmuladd %w, %x1, %sum[r][1]

GEMV turns the roles round: the vector holds W rows, x[k] is broadcast, `vectors` of them and
`unroll` columns are in flight. Any level; lanes is 1 or a multiple of the vector width.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from engine.core.functions import FusedActivation
from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.dense_blocks import pack_dense_blocks
from engine.kernels.abi import (
    ARGUMENT_FIELDS,
    Candidate,
    Field,
    FieldKind,
    KernelSpec,
    PackedLayer,
    packed_layer,
)
from engine.kernels.activations import Parameters, apply, load_parameters
from engine.kernels.emit import F32, Value, vector
from engine.kernels.estimate import gemv_work, layer_size
from engine.kernels.estimate_tiles import Tile, gemm_work
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.sum_blocks import sum_in_blocks
from engine.kernels.weight_loads import (
    load_weights,
    stored_weights,
    value_bytes,
    weight_element,
    with_values,
)

GEMM_FAMILY = "dense_gemm"
GEMV_FAMILY = "dense_gemv"
FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("weights", FieldKind.CONST),
    Field("bias", FieldKind.CONST),
    Field("inputs", FieldKind.INT),
    Field("units", FieldKind.INT),
    Field("blocks", FieldKind.INT),
    Field("positions", FieldKind.INT),
    *ARGUMENT_FIELDS,
)
GEMM_VARIANTS: Mapping[str, Collection[int | str]] = {"rows": range(1, 25)}
GEMV_VARIANTS: Mapping[str, Collection[int | str]] = {
    "unroll": (1, 2, 4, 8),
    "vectors": range(1, 9),
}
# Vectors of lanes done at once, and sums that then fit the registers beside the operands: there are
# 32 registers on AVX-512 and 16 elsewhere, and without FMA products need registers too.
_PARTS = {Isa.AVX512: 4, Isa.AVX2: 2, Isa.GENERIC: 2}
_SUMS = {Isa.AVX512: 24, Isa.AVX2: 12, Isa.GENERIC: 8}
# Weights beyond the second-level cache come in time where they are asked for this long before their use,
# two pages: less is no better than nothing, as the CPU's own fetching ahead ends with each page. Weights
# from nearer caches lose nothing by it in tiles; for one sample they do.
_AHEAD_BYTES = 8192
_LINE_BYTES = 64


def candidates(layer: DenseLayer, isa: Isa, lanes: int) -> tuple[Candidate, ...]:
    """Return the dense candidate for a layer."""
    activation = layer.activation.function
    if lanes == 1:
        vectors = min(4, -(-layer.units // isa.vector_floats))
        spec = KernelSpec(
            GEMV_FAMILY,
            isa,
            1,
            activation,
            with_values((("unroll", 8 // vectors), ("vectors", vectors)), layer, isa),
        )
        height = vectors * isa.vector_floats
        work = gemv_work(layer_size(layer), isa, value_bytes(spec))
    else:
        parts = min(_PARTS[isa], max(1, lanes // isa.vector_floats))
        height = _SUMS[isa] // parts
        spec = KernelSpec(GEMM_FAMILY, isa, lanes, activation, (("rows", height),))
        work = gemm_work(layer, Tile(isa, lanes, parts), height)
    return (Candidate(spec, False, partial(pack_dense, spec=spec, height=height), work),)


def pack_dense(layer: DenseLayer, spec: KernelSpec, height: int) -> PackedLayer:
    """Return a layer in blocks of `height` rows, as `FIELDS` says."""
    packed = pack_dense_blocks(layer.kernel, height)
    ints = {
        "inputs": layer.inputs,
        "units": layer.units,
        "blocks": packed.blocks,
        "positions": layer.positions,
        **layer.activation.as_ints(),
    }
    weights = stored_weights(packed.weights, spec)
    constants = {"weights": weights, "bias": layer.bias_or_zeros()}
    return packed_layer(constants, ints, layer.inputs * layer.units)


def emit_gemm(spec: KernelSpec) -> str:
    """Return the LLVM IR of a dense kernel for tiles."""
    w = KernelWriter(spec, FIELDS)
    inputs, units = w.argument("inputs"), w.argument("units")
    parts = w.parts_at_once(_PARTS[spec.isa])
    x, y = w.argument("x"), w.argument("y")
    parameters = load_parameters(w, w.width)
    with (
        w.loop(0, w.argument("positions")) as position,
        w.loop(0, spec.lanes, parts * w.width) as lane,
    ):
        x_tile = w.at(w.row(x, w.mul(position.index, inputs)), lane.index, F32)
        y_tile = w.at(w.row(y, w.mul(position.index, units)), lane.index, F32)
        with w.loop(0, w.argument("blocks")) as block:
            first = w.mul(block.index, spec.number("rows"))
            sums = _gemm_sums(w, x_tile, first, parts)
            _gemm_store(w, sums, y_tile, first, parts)
            _gemm_activate(w, y_tile, first, parts, parameters)
    return w.finish()


def _gemm_sums(w: KernelWriter, x: Value, first: Value, parts: int) -> list[Value]:
    """Return the sums of the block of rows from `first` on, over all columns, row by row."""
    inputs = w.argument("inputs")
    base = w.at(w.argument("weights"), w.mul(first, inputs), F32)
    zeros = [w.zero(w.vector)] * (w.spec.number("rows") * parts)

    def columns(start: Value, end: Value) -> list[Value]:
        return _column_sums(w, x, base, (start, end), zeros)

    return sum_in_blocks(w, inputs, zeros, columns)


def _column_sums(
    w: KernelWriter, x: Value, base: Value, columns: tuple[Value, Value], zeros: Sequence[Value]
) -> list[Value]:
    """Return the sums of a block of rows over some columns, in one chain each."""
    height = w.spec.number("rows")
    parts = len(zeros) // height
    with w.loop(*columns, carried=zeros) as column:
        operands = [w.load(w.vector, w.row(x, column.index, part)) for part in range(parts)]
        weights = w.at(base, w.mul(column.index, height), F32)
        ask_ahead(w, weights, height)
        following = []
        for row in range(height):
            weight = w.splat(w.load(F32, w.at(weights, row, F32)), w.width)
            totals = column.carried[row * parts : (row + 1) * parts]
            following += [
                w.fma(weight, operand, total)
                for operand, total in zip(operands, totals, strict=True)
            ]
        column.carry(following)
    return list(column.carried)


def ask_ahead(w: KernelWriter, weights: Value, count: int) -> None:
    """Ask for the lines of as many weights as are used now, from where the kernel will be soon."""
    for place in range(0, 4 * count, _LINE_BYTES):
        w.prefetch(w.at(weights, _AHEAD_BYTES + place))


def _gemm_store(w: KernelWriter, sums: list[Value], y: Value, first: Value, parts: int) -> None:
    """Store the sums with their bias, for the rows that exist."""
    for row in range(w.spec.number("rows")):
        unit = w.add(first, row)
        with w.when(w.compare("slt", unit, w.argument("units"))):
            bias = w.splat(w.load(F32, w.at(w.argument("bias"), unit, F32)), w.width)
            for part in range(parts):
                total = w.op("fadd", sums[row * parts + part], bias)
                w.store(total, w.row(y, unit, part))


def _gemm_activate(
    w: KernelWriter, y: Value, first: Value, parts: int, parameters: Parameters
) -> None:
    """Apply the activation to the rows just stored: a loop, as code for every sum would be large."""
    if w.spec.activation in {None, FusedActivation.LINEAR}:
        return
    end = w.intrinsic("smin", w.add(first, w.spec.number("rows")), w.argument("units"))
    with w.loop(first, end) as row:
        for part in range(parts):
            place = w.row(y, row.index, part)
            w.store(apply(w, w.load(w.vector, place), parameters), place)


def emit_gemv(spec: KernelSpec) -> str:
    """Return the LLVM IR of a dense kernel for one sample."""
    w = KernelWriter(spec, FIELDS)
    inputs, units = w.argument("inputs"), w.argument("units")
    parameters = load_parameters(w, w.full_width)
    height = spec.number("vectors") * w.full_width
    with w.loop(0, w.argument("positions")) as position:
        x = w.at(w.argument("x"), w.mul(position.index, inputs), F32)
        y = w.at(w.argument("y"), w.mul(position.index, units), F32)
        with w.loop(0, w.argument("blocks")) as block:
            start = w.mul(w.mul(block.index, inputs), height)
            base = w.at(w.argument("weights"), start, weight_element(spec))
            sums = _gemv_sums(w, x, base)
            first = w.mul(block.index, height)
            for number, total in enumerate(sums):
                _gemv_store(w, total, w.add(first, number * w.full_width), y, parameters)
    return w.finish()


def _gemv_sums(w: KernelWriter, x: Value, base: Value) -> list[Value]:
    """Return the sums of one block: `unroll` columns at a time, then the rest one by one."""
    vectors, unroll = w.spec.number("vectors"), w.spec.number("unroll")
    inputs = w.argument("inputs")
    kind = vector(F32, w.full_width)
    whole = w.op("and", inputs, w.i64(-unroll))
    with w.loop(0, whole, unroll, carried=[w.zero(kind)] * (vectors * unroll)) as many:
        following: list[Value] = []
        for step in range(unroll):
            sums = many.carried[step * vectors : (step + 1) * vectors]
            following += _gemv_column(w, x, base, w.add(many.index, step), sums)
        many.carry(following)
    totals = [
        _total(w, [many.carried[step * vectors + number] for step in range(unroll)])
        for number in range(vectors)
    ]
    with w.loop(whole, inputs, carried=totals) as one:
        one.carry(_gemv_column(w, x, base, one.index, one.carried))
    return list(one.carried)


def _gemv_column(
    w: KernelWriter, x: Value, base: Value, column: Value, sums: Sequence[Value]
) -> list[Value]:
    operand = w.splat(w.load(F32, w.at(x, column, F32)), w.full_width)
    width, element = w.full_width, weight_element(w.spec)
    weights = w.at(base, w.mul(column, len(sums) * width), element)
    return [
        w.fma(
            load_weights(w, w.spec, w.at(weights, number * width, element), width), operand, total
        )
        for number, total in enumerate(sums)
    ]


def _total(w: KernelWriter, parts: list[Value]) -> Value:
    """Add a power of two of values, pairwise."""
    while len(parts) > 1:
        parts = [w.op("fadd", parts[place], parts[place + 1]) for place in range(0, len(parts), 2)]
    return parts[0]


def _gemv_store(
    w: KernelWriter, total: Value, first: Value, y: Value, parameters: Parameters
) -> None:
    """Add the bias, apply the activation and store the rows that exist."""
    rows = w.op("sub", w.argument("units"), first)
    rest = w.intrinsic("smax", w.intrinsic("smin", rows, w.i64(w.full_width)), w.i64(0))
    mask = w.first_lanes(rest, w.full_width)
    bias = w.masked_load(total.type, w.at(w.argument("bias"), first, F32), mask)
    result = apply(w, w.op("fadd", total, bias), parameters)
    w.masked_store(result, w.at(y, first, F32), mask)
