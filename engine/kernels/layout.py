"""Kernels at the border: user arrays [batch][E] of any dtype to tiles [E][lanes], and back.

`pack` converts to float32 and transposes; samples beyond the valid ones are copies of the last valid
one. `unpack` does the reverse and writes only valid samples. Both work on units of 8 samples (4 where
registers or tiles hold no more): `pack` loads 4 numbers of each sample, puts those of samples r and
r + 4 side by side in one register, and transposes both squares of 4 x 4 at once::

    %a = shufflevector %row0, %row1, <0, 8, 1, 9,  4, 12, 5, 13>    ; rows 0 and 1 | 4 and 5
    %b = shufflevector %row2, %row3, <0, 8, 1, 9,  4, 12, 5, 13>    ; rows 2 and 3 | 6 and 7
    %column0 = shufflevector %a, %b, <0, 1, 8, 9,  4, 5, 12, 13>

A block has 16 columns: a line of the cache, in float32. The last block ends where the row ends, over
columns of the one before, so that nothing is touched behind a user array. Rows of 4 to 15 columns go in
squares in the same way, shorter ones number by number.

Rows that lie a multiple of 2 KB apart crowd in few sets of the first-level cache (1024 inputs: all in
one, which holds 8 lines). Blocks then start where lines start, to visit each line once. `pack` does the
second 8 samples one block behind the first: what the CPU fetches ahead for the one would push out what
it has fetched for the other. `unpack` does all of 8 samples before the next.

For lanes = 1 both are conversions of contiguous numbers.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from engine.core.target import Isa
from engine.kernels.abi import Context, Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, F64, I8, I16, I32, I64, PTR, Value, vector, width_of
from engine.kernels.kernel_writer import KernelWriter

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
_BLOCK = 16
SQUARE = 4
# Samples of a unit; and of the units that are done for a block before the next: a line of a tile.
_UNIT = 8
_GROUP = 16
# Columns of a unit that are in registers at a time.
_AT_ONCE = {Isa.AVX512: 16, Isa.AVX2: 8, Isa.GENERIC: 4}
_LINE_BYTES = 64
_CROWDED_BYTES = 2048


@dataclass(frozen=True, slots=True)
class _Source:
    """How numbers of one dtype become float32."""

    element: str
    bytes: int
    convert: Callable[[KernelWriter, Value], Value]


@dataclass(frozen=True, slots=True)
class _Unit:
    """Some columns of some samples.

    Attributes:
        lane: place of the first sample in the tile.
        rows: address of each sample's row in the user array.
        column: the first.
        columns: number of columns.
    """

    lane: Value
    rows: Sequence[Value]
    column: Value
    columns: int


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
    elements, y = w.argument("elements"), w.argument("y")
    row_bytes = w.mul(elements, source.bytes)
    base = w.at(array, w.mul(w.context(Context.FIRST_SAMPLE, I64), row_bytes))
    if spec.lanes == 1:
        _convert_flat(w, source, base, elements)
        return w.finish()
    last = w.add(w.context(Context.VALID_SAMPLES, I64), -1)
    crowded = _is_multiple(w, row_bytes, _CROWDED_BYTES)
    start = w.mul(_to_line(w, base, source.bytes), crowded)

    def row(sample: Value) -> Value:
        return w.at(base, w.mul(w.intrinsic("smin", sample, last), row_bytes))

    walk = _Walk(w, elements, start, row, lambda unit: _pack_unit(w, source, unit))
    with _sizes(w, elements, _BLOCK, None):
        walk.blocks(math.gcd(spec.lanes, _GROUP), crowded)
    with _sizes(w, elements, SQUARE, _BLOCK):
        walk.squares()
    with (
        _sizes(w, elements, 0, SQUARE),
        w.loop(0, elements) as column,
        w.loop(0, spec.lanes) as sample,
    ):
        place = w.at(row(sample.index), column.index, source.element)
        number = source.convert(w, w.load(source.element, place, 1))
        w.store(number, w.at(w.row(y, column.index), sample.index, F32))
    return w.finish()


def emit_unpack(spec: KernelSpec) -> str:
    """Return the LLVM IR of an unpack kernel."""
    w = KernelWriter(spec, UNPACK_FIELDS)
    table = w.context(Context.OUTPUTS, PTR)
    array = w.load(PTR, w.at(table, w.argument("slot"), PTR), 8)
    elements, x = w.argument("elements"), w.argument("x")
    base = w.at(array, w.mul(w.context(Context.FIRST_SAMPLE, I64), elements), F32)
    if spec.lanes == 1:
        _copy_flat(w, x, base, elements)
        return w.finish()
    valid = w.context(Context.VALID_SAMPLES, I64)
    crowded = _is_multiple(w, w.mul(elements, 4), _CROWDED_BYTES)
    start = w.mul(_to_line(w, base, 4), crowded)

    def row(sample: Value) -> Value:
        return w.at(base, w.mul(sample, elements), F32)

    walk = _Walk(w, elements, start, row, lambda unit: _unpack_unit(w, unit, valid))
    with _sizes(w, elements, _BLOCK, None):
        for group, yes in ((math.gcd(spec.lanes, _GROUP), 0), (walk.height, 1)):
            with w.when(w.compare("eq", crowded, w.i64(yes))):
                walk.blocks(group, w.i64(0))
    with _sizes(w, elements, SQUARE, _BLOCK):
        walk.squares()
    with _sizes(w, elements, 0, SQUARE), w.loop(0, elements) as column, w.loop(0, valid) as sample:
        number = w.load(F32, w.at(w.row(x, column.index), sample.index, F32))
        w.store(number, w.at(row(sample.index), column.index, F32))
    return w.finish()


def _is_multiple(w: KernelWriter, number: Value, of: int) -> Value:
    """1 where a number is a multiple of a power of two, otherwise 0."""
    rest = w.op("and", number, w.i64(of - 1))
    return w.cast("zext", w.compare("eq", rest, w.i64(0)), I64)


def _to_line(w: KernelWriter, base: Value, element_bytes: int) -> Value:
    """Return how many columns before the array, 0 to 15, a line (or part of one) starts; as 0 to -15."""
    behind = w.op("and", w.cast("ptrtoint", base, I64), w.i64(_LINE_BYTES - 1))
    columns = w.op("lshr", behind, w.i64(element_bytes.bit_length() - 1))
    return w.op("sub", w.i64(0), w.op("and", columns, w.i64(_BLOCK - 1)))


@dataclass(frozen=True, slots=True)
class _Walk:
    """Writes `body` for all units of a tile.

    Attributes:
        w: the kernel.
        elements: columns.
        start: column where the first block starts, 0 to -15; nothing is done before column 0.
        row: address of the row of a sample of the tile.
        body: function that writes the code of a unit.
    """

    w: KernelWriter
    elements: Value
    start: Value
    row: Callable[[Value], Value]
    body: Callable[[_Unit], None]

    @property
    def height(self) -> int:
        """Samples of a unit."""
        return min(_UNIT, self.w.width)

    def blocks(self, group: int, lag: Value) -> None:
        """Rows of a block or more: the units of `group` samples in turn, each `lag` blocks behind the last."""
        w = self.w
        blocks = w.op("lshr", w.add(w.op("sub", self.elements, self.start), _BLOCK - 1), w.i64(4))
        end = w.add(self.elements, -_BLOCK)
        with w.loop(0, w.spec.lanes, group) as first:
            lanes = [w.add(first.index, place) for place in range(0, group, self.height)]
            rows = [self._rows(lane) for lane in lanes]
            with w.loop(0, w.add(blocks, w.mul(lag, len(lanes) - 1))) as block:
                for number, lane in enumerate(lanes):
                    turn = w.op("sub", block.index, w.mul(lag, number))
                    column = w.add(w.mul(turn, _BLOCK), self.start)
                    column = w.intrinsic("smin", w.intrinsic("smax", column, w.i64(0)), end)
                    self.body(_Unit(lane, rows[number], column, _BLOCK))

    def squares(self) -> None:
        """Rows of a square or more, but less than a block."""
        w = self.w
        with w.loop(0, w.spec.lanes, self.height) as lane:
            rows = self._rows(lane.index)
            with w.loop(0, self.elements, SQUARE) as square:
                column = w.intrinsic("smin", square.index, w.add(self.elements, -SQUARE))
                self.body(_Unit(lane.index, rows, column, SQUARE))

    def _rows(self, lane: Value) -> list[Value]:
        return [self.row(self.w.add(lane, place)) for place in range(self.height)]


@contextmanager
def _sizes(w: KernelWriter, elements: Value, least: int, below: int | None) -> Iterator[None]:
    """A block for rows of `least` columns or more, but less than `below`."""
    fits = w.compare("sge", elements, w.i64(least))
    if below is not None:
        fits = w.op("and", fits, w.compare("slt", elements, w.i64(below)))
    with w.when(fits):
        yield


def _pack_unit(w: KernelWriter, source: _Source, unit: _Unit) -> None:
    y = w.at(w.argument("y"), unit.lane, F32)
    at_once = min(unit.columns, _AT_ONCE[w.spec.isa])
    for part in range(0, unit.columns, at_once):
        columns = range(part, part + at_once, SQUARE)
        # All of a row before the next row: its line may not stay in the cache for long.
        loaded = [
            [_load_square_row(w, source, row, w.add(unit.column, column)) for column in columns]
            for row in unit.rows
        ]
        for number, column in enumerate(columns):
            pieces = [row[number] for row in loaded]
            joined = [_joined(w, source, pieces[place::SQUARE]) for place in range(SQUARE)]
            for place, values in enumerate(transposed(w, joined)):
                w.store(values, w.row(y, w.add(unit.column, column + place)))


def _load_square_row(w: KernelWriter, source: _Source, row: Value, column: Value) -> Value:
    kind = vector(source.element, SQUARE)
    return w.load(kind, w.at(row, column, source.element), 1)


def _joined(w: KernelWriter, source: _Source, pieces: Sequence[Value]) -> Value:
    """Return one vector of float32 from one or two of any type."""
    if len(pieces) == 1:
        return source.convert(w, pieces[0])
    if source.bytes > 4:  # narrower once converted
        low, high = (source.convert(w, piece) for piece in pieces)
        return w.shuffle(low, high, range(2 * SQUARE))
    return source.convert(w, w.shuffle(pieces[0], pieces[1], range(2 * SQUARE)))


def _unpack_unit(w: KernelWriter, unit: _Unit, valid: Value) -> None:
    height = len(unit.rows)
    x = w.at(w.argument("x"), unit.lane, F32)
    at_once = min(unit.columns, _AT_ONCE[w.spec.isa])
    kind = vector(F32, height)
    for part in range(0, unit.columns, at_once):
        squares = []
        for column in range(part, part + at_once, SQUARE):
            first = w.add(unit.column, column)
            loaded = [w.load(kind, w.row(x, w.add(first, place))) for place in range(SQUARE)]
            squares.append(transposed(w, loaded))
        for place, row in enumerate(unit.rows):
            with w.when(w.compare("slt", w.add(unit.lane, place), valid)):
                mine = [square[place % SQUARE] for square in squares]
                target = w.at(row, w.add(unit.column, part), F32)
                _store_row(w, mine, place - place % SQUARE, target)


def _store_row(w: KernelWriter, squares: Sequence[Value], first: int, target: Value) -> None:
    """Store the numbers `first` to `first` + 3 of each vector, two vectors at a time."""
    for number in range(0, len(squares), 2):
        pair = squares[number : number + 2]
        places = [
            which * width_of(one.type) + first + place
            for which, one in enumerate(pair)
            for place in range(SQUARE)
        ]
        w.store(w.shuffle(pair[0], pair[-1], places), w.at(target, number * SQUARE, F32))


def transposed(w: KernelWriter, rows: Sequence[Value]) -> list[Value]:
    """Transpose the squares side by side in four vectors, each in its place."""
    width = width_of(rows[0].type)
    squares = range(0, width, SQUARE)

    def shuffle(a: Value, b: Value, places: Sequence[int]) -> Value:
        """`places` in the first square of a and, from 4 on, of b; the same in each square."""
        order = [
            base + place if place < SQUARE else width + base + place - SQUARE
            for base in squares
            for place in places
        ]
        return w.shuffle(a, b, order)

    low, high, left, right = (0, 4, 1, 5), (2, 6, 3, 7), (0, 1, 4, 5), (2, 3, 6, 7)
    ends = [
        (shuffle(rows[0], rows[1], places), shuffle(rows[2], rows[3], places))
        for places in (low, high)
    ]
    return [shuffle(*pair, places) for pair in ends for places in (left, right)]


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

    Exponent and mantissa move to float32's places, and a multiplication by 2^112 corrects the bias. Numbers that
    are subnormal in float16 would be subnormal float32 numbers on the way, which may be flushed to zero: they are
    made from their mantissa, a whole number of 2^-24. Infinities and NaN get all exponent bits.
    """
    bits = w.cast("zext", x, I32)
    magnitude = w.op("and", bits, w.const(bits.type, 0x7FFF))
    moved = w.op("shl", magnitude, w.const(bits.type, 13))
    kind = vector(F32, width_of(x.type))
    scaled = w.op("fmul", w.cast("bitcast", moved, F32), w.const(kind, 2.0**112))
    counted = w.op("fmul", w.cast("uitofp", magnitude, F32), w.const(kind, 2.0**-24))
    is_small = w.compare("ult", magnitude, w.const(bits.type, 0x0400))
    number = w.cast("bitcast", w.select(is_small, counted, scaled), I32)
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
