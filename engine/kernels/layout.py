"""Kernels at the border: user arrays [batch][E] of any dtype to tiles [E][lanes], and back.

`pack` converts to float32 and transposes W x W blocks in registers (W = vector width), by log2(W)
rounds of shuffles; samples beyond the valid ones are copies of the last valid one. `unpack` does
the reverse and writes only valid samples. Sample of one round on 4 x 4 (distance 2)::

    %a = shufflevector %r0, %r2, <0, 1, 4, 5>
    %c = shufflevector %r0, %r2, <2, 3, 6, 7>

For lanes = 1 both are conversions of contiguous numbers.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.kernels.abi import Context, Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, F64, I8, I16, I32, I64, PTR, Value, vector, width_of
from engine.kernels.kernel_writer import KernelWriter
from engine.target import Isa

PACK_FAMILY = "pack"
UNPACK_FAMILY = "unpack"
PACK_FIELDS = (
    Field("y", FieldKind.ARENA),
    Field("slot", FieldKind.INT),
    Field("elements", FieldKind.INT),
)
UNPACK_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("slot", FieldKind.INT),
    Field("elements", FieldKind.INT),
)


@dataclass(frozen=True, slots=True)
class _Source:
    """How numbers of one dtype become float32."""

    element: str
    bytes: int
    convert: Callable[[KernelWriter, Value], Value]


def pack_spec(isa: Isa, lanes: int, dtype: str) -> KernelSpec:
    """y[e][s] = float32(inputs[slot][first + s][e]), E = `elements`; dtype is NumPy's name."""
    return KernelSpec(PACK_FAMILY, isa, lanes, None, (("from", dtype),))


def unpack_spec(isa: Isa, lanes: int) -> KernelSpec:
    """outputs[slot][first + s][e] = x[e][s] for the valid samples s; E = `elements`."""
    return KernelSpec(UNPACK_FAMILY, isa, lanes)


def emit_pack(spec: KernelSpec) -> str:
    """Return the LLVM IR of a pack kernel."""
    w = KernelWriter(spec, PACK_FIELDS)
    source = _SOURCES[str(spec.option("from"))]
    table = w.context(Context.INPUTS, PTR)
    array = w.load(PTR, w.at(table, w.argument("slot"), PTR), 8)
    elements = w.argument("elements")
    first = w.context(Context.FIRST_SAMPLE, I64)
    base = w.at(array, w.mul(w.mul(first, elements), source.bytes))
    if spec.lanes == 1:
        _convert_flat(w, source, base, elements)
        return w.finish()
    with w.loop(0, spec.lanes, w.width) as lane:
        _pack_lanes(w, source, base, lane.index)
    return w.finish()


def emit_unpack(spec: KernelSpec) -> str:
    """Return the LLVM IR of an unpack kernel."""
    w = KernelWriter(spec, UNPACK_FIELDS)
    table = w.context(Context.OUTPUTS, PTR)
    array = w.load(PTR, w.at(table, w.argument("slot"), PTR), 8)
    elements, x = w.argument("elements"), w.argument("x")
    first = w.context(Context.FIRST_SAMPLE, I64)
    base = w.at(array, w.mul(first, elements), F32)
    if spec.lanes == 1:
        _copy_flat(w, x, base, elements)
        return w.finish()
    valid = w.context(Context.VALID_SAMPLES, I64)
    blocks = w.op("and", elements, w.i64(-w.width))
    with (
        w.loop(0, spec.lanes, w.width) as lane,
        w.loop(0, blocks, w.width) as block,
    ):
        tile = w.at(x, lane.index, F32)
        loaded = [
            w.load(w.vector, w.row(tile, w.add(block.index, place))) for place in range(w.width)
        ]
        for place, value in enumerate(transpose(w, loaded)):
            sample = w.add(lane.index, place)
            with w.when(w.compare("slt", sample, valid)):
                row = w.at(base, w.mul(elements, sample), F32)
                w.store(value, w.at(row, block.index, F32))
    with w.loop(blocks, elements) as rest, w.loop(0, valid) as one:
        value = w.load(F32, w.at(w.row(x, rest.index), one.index, F32))
        row = w.at(base, w.mul(elements, one.index), F32)
        w.store(value, w.at(row, rest.index, F32))
    return w.finish()


def transpose(w: KernelWriter, rows: Sequence[Value]) -> list[Value]:
    """Transpose W vectors of W elements by log2(W) rounds of pairwise shuffles."""
    width = len(rows)
    current = list(rows)
    distance = width // 2
    while distance:
        low = [p + (width if p & distance else 0) - (p & distance) for p in range(width)]
        high = [place + distance for place in low]
        following = list(current)
        for place in range(width):
            if not place & distance:
                pair = (current[place], current[place + distance])
                following[place] = w.shuffle(*pair, low)
                following[place + distance] = w.shuffle(*pair, high)
        current = following
        distance //= 2
    return current


def _pack_lanes(w: KernelWriter, source: _Source, base: Value, lane: Value) -> None:
    """One vector of lanes: whole W x W blocks in registers, then the last E % W elements singly."""
    elements = w.argument("elements")
    last = w.add(w.context(Context.VALID_SAMPLES, I64), -1)
    row_bytes = w.mul(elements, source.bytes)
    samples = [w.intrinsic("smin", w.add(lane, place), last) for place in range(w.width)]
    rows = [w.at(base, w.mul(sample, row_bytes)) for sample in samples]
    y = w.at(w.argument("y"), lane, F32)
    blocks = w.op("and", elements, w.i64(-w.width))
    kind = vector(source.element, w.width)
    with w.loop(0, blocks, w.width) as block:
        loaded = [
            source.convert(w, w.load(kind, w.at(row, block.index, source.element), 1))
            for row in rows
        ]
        for place, value in enumerate(transpose(w, loaded)):
            w.store(value, w.row(y, w.add(block.index, place)))
    with w.loop(blocks, elements) as rest:
        target = w.row(y, rest.index)
        for place, row in enumerate(rows):
            number = w.load(source.element, w.at(row, rest.index, source.element), 1)
            w.store(source.convert(w, number), w.at(target, place, F32))


def _convert_flat(w: KernelWriter, source: _Source, base: Value, elements: Value) -> None:
    y, width = w.argument("y"), w.full_width
    whole = w.op("and", elements, w.i64(-width))
    for start, stop, step in ((w.i64(0), whole, width), (whole, elements, 1)):
        kind = vector(source.element, step)
        with w.loop(start, stop, step) as place:
            number = w.load(kind, w.at(base, place.index, source.element), 1)
            w.store(source.convert(w, number), w.at(y, place.index, F32))


def _copy_flat(w: KernelWriter, x: Value, base: Value, elements: Value) -> None:
    width = w.full_width
    whole = w.op("and", elements, w.i64(-width))
    for start, stop, step in ((w.i64(0), whole, width), (whole, elements, 1)):
        with w.loop(start, stop, step) as place:
            number = w.load(vector(F32, step), w.at(x, place.index, F32))
            w.store(number, w.at(base, place.index, F32))


def _from_bool(w: KernelWriter, x: Value) -> Value:
    return w.cast("uitofp", w.compare("ne", x, w.const(x.type, 0)), F32)


def _from_half(w: KernelWriter, x: Value) -> Value:
    """float16 by integer arithmetic: needs neither F16C nor a library call.

    Exponent and mantissa move to float32's places, and a multiplication by 2^112 corrects the bias,
    also of denormals; infinities and NaN get all exponent bits.
    """
    bits = w.cast("zext", x, I32)
    magnitude = w.op("and", bits, w.const(bits.type, 0x7FFF))
    moved = w.op("shl", magnitude, w.const(bits.type, 13))
    kind = vector(F32, width_of(x.type))
    scaled = w.op("fmul", w.cast("bitcast", moved, F32), w.const(kind, 2.0**112))
    number = w.cast("bitcast", scaled, I32)
    special = w.op("or", moved, w.const(bits.type, 0x7F800000))
    is_special = w.compare("uge", magnitude, w.const(bits.type, 0x7C00))
    sign = w.op("shl", w.op("and", bits, w.const(bits.type, 0x8000)), w.const(bits.type, 16))
    return w.cast("bitcast", w.op("or", w.select(is_special, special, number), sign), F32)


def _cast(opcode: str) -> Callable[[KernelWriter, Value], Value]:
    return lambda w, x: w.cast(opcode, x, F32)


_SOURCES = {
    "float32": _Source(F32, 4, lambda _, x: x),
    "float64": _Source(F64, 8, _cast("fptrunc")),
    "float16": _Source(I16, 2, _from_half),
    "int8": _Source(I8, 1, _cast("sitofp")),
    "int16": _Source(I16, 2, _cast("sitofp")),
    "int32": _Source(I32, 4, _cast("sitofp")),
    "int64": _Source(I64, 8, _cast("sitofp")),
    "uint8": _Source(I8, 1, _cast("uitofp")),
    "uint16": _Source(I16, 2, _cast("uitofp")),
    "uint32": _Source(I32, 4, _cast("uitofp")),
    "uint64": _Source(I64, 8, _cast("uitofp")),
    "bool": _Source(I8, 1, _from_bool),
}
PACK_VARIANTS: Mapping[str, Collection[int | str]] = {"from": tuple(_SOURCES)}
