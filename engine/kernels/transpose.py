"""Exchanges two axes of a value: [outer][rows][columns][inner] rows become [outer][columns][rows][inner].

With several samples, or more rows on the inner axis, what is moved are runs of numbers. For single numbers, a register
full of rows (W) is done at a time, four columns of it together: rows r, r + 4, .. are put side by side in one register,
and all squares of 4 x 4 are transposed at once (`engine.kernels.layout`)::

    %row0 = x[0][c:c+4] | x[4][c:c+4] | ..                   ; vinsertf32x4
    %a = shufflevector %row0, %row1, <0, W, 1, W + 1, ..>
    ...
    store %column0, y[c][0:W]

Two and three columns, and two and three rows (the colours of an image), are whole registers that are taken apart or put
together by permutations. The last registers end where the axis ends, over numbers that were moved before. Where both
axes are short, numbers are moved one by one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from engine.core.target import Isa
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, Value, vector, width_of
from engine.kernels.kernel_writer import KernelWriter, each_vector
from engine.kernels.layout import SQUARE, transposed

FAMILY = "transpose"
FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("outer", FieldKind.INT),
    Field("rows", FieldKind.INT),
    Field("columns", FieldKind.INT),
    Field("inner", FieldKind.INT),
)
# Columns of a line of the cache, which are done before the next rows.
_LINE = 16
_FEW = (2, 3)
# Numbers that are read from distant places before the next column, so that lines of y are whole; and from how many
# samples on the lines of a run are whole in any case.
_TOGETHER = 128
_LONE_LANES = 32


def transpose_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y[o][c][r][i] = x[o][r][c][i]."""
    return KernelSpec(FAMILY, isa, lanes)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of an exchange of two axes."""
    w = KernelWriter(spec, FIELDS)
    rows, columns, inner = (w.argument(name) for name in ("rows", "columns", "inner"))
    single = w.compare("eq", inner, w.i64(1))
    size = w.mul(w.mul(rows, columns), inner)
    with w.loop(0, w.argument("outer")) as outer:
        first = w.mul(outer.index, size)
        x, y = w.row(w.argument("x"), first), w.row(w.argument("y"), first)
        with w.when(single):
            if spec.lanes == 1:
                _emit_numbers(w, x, y, rows, columns)
            else:
                _emit_runs(w, x, y, (rows, columns, w.i64(1)), _copy_lanes)
        with w.when(w.compare("sgt", inner, w.i64(1))):
            _emit_runs(w, x, y, (rows, columns, inner), _copy_run)
    return w.finish()


_Copy = Callable[[KernelWriter, Value, Value, Value], None]


def _emit_runs(
    w: KernelWriter, x: Value, y: Value, shape: tuple[Value, Value, Value], copy: _Copy
) -> None:
    """Move runs of `inner` rows: some rows of x, then the next column of them."""
    rows, columns, inner = shape
    with (
        _row_blocks(w, rows) as (start, end),
        w.loop(0, columns) as column,
        w.loop(start, end) as row,
    ):
        source = w.add(w.mul(row.index, columns), column.index)
        target = w.add(w.mul(column.index, rows), row.index)
        copy(w, w.row(x, w.mul(source, inner)), w.row(y, w.mul(target, inner)), inner)


@contextmanager
def _row_blocks(w: KernelWriter, rows: Value) -> Iterator[tuple[Value, Value]]:
    """Yield the first row and the end of each block; all rows where a run has a line for itself in any case."""
    if w.spec.lanes >= _LONE_LANES:
        yield w.i64(0), rows
        return
    together = _TOGETHER // w.spec.lanes
    with w.loop(0, rows, together) as block:
        yield block.index, w.intrinsic("smin", w.add(block.index, together), rows)


def _copy_lanes(w: KernelWriter, source: Value, target: Value, inner: Value) -> None:
    del inner  # one row
    for part in range(w.parts):
        place = part * w.width
        w.store(w.load(w.vector, w.at(source, place, F32)), w.at(target, place, F32))


def _copy_run(w: KernelWriter, source: Value, target: Value, inner: Value) -> None:
    kind = vector(F32, w.full_width)

    def body(index: Value, mask: Value | None) -> None:
        value = w.load_part(kind, w.at(source, index, F32), mask)
        w.store_part(value, w.at(target, index, F32), mask)

    each_vector(w, w.mul(inner, w.spec.lanes), w.full_width, body)


def _emit_numbers(w: KernelWriter, x: Value, y: Value, rows: Value, columns: Value) -> None:
    """One sample and one row for each place: by the first of the forms that is wide enough."""
    done = w.compare("slt", rows, w.i64(0))  # false
    forms: list[tuple[Value, Callable[[], None]]] = []
    tall = w.compare("sge", rows, w.i64(w.full_width))
    wide = w.compare("sge", columns, w.i64(w.full_width))
    for count in _FEW:
        is_count = w.compare("eq", columns, w.i64(count))
        forms.append((w.op("and", is_count, tall), partial(_emit_apart, w, x, y, rows, count)))
        is_count = w.compare("eq", rows, w.i64(count))
        forms.append((w.op("and", is_count, wide), partial(_emit_joined, w, x, y, columns, count)))
    for least in (_LINE, SQUARE):
        fits = w.op("and", tall, w.compare("sge", columns, w.i64(least)))
        forms.append((fits, partial(_emit_blocks, w, x, y, (rows, columns), least)))
    forms.append((w.compare("sge", rows, w.i64(0)), partial(_emit_singly, w, x, y, rows, columns)))
    for fits, form in forms:
        now = w.op("and", fits, w.op("xor", done, Value(done.type, "true")))
        with w.when(now):
            form()
        done = w.op("or", done, fits)


def _emit_blocks(
    w: KernelWriter, x: Value, y: Value, shape: tuple[Value, Value], step: int
) -> None:
    """Registers of rows, and `step` columns of them at a time."""
    rows, columns = shape
    width = w.full_width
    with w.loop(0, rows, width) as block:
        row = w.intrinsic("smin", block.index, w.add(rows, -width))
        lines = [w.at(x, w.mul(w.add(row, place), columns), F32) for place in range(width)]
        with w.loop(0, columns, step) as line:
            first = w.intrinsic("smin", line.index, w.add(columns, -step))
            for offset in range(0, step, SQUARE):
                column = w.add(first, offset)
                squares = [
                    _side_by_side(w, lines[place::SQUARE], column) for place in range(SQUARE)
                ]
                for place, values in enumerate(transposed(w, squares)):
                    target = w.mul(w.add(column, place), rows)
                    w.store(values, w.at(w.at(y, target, F32), row, F32))


def _side_by_side(w: KernelWriter, lines: Sequence[Value], column: Value) -> Value:
    """Return four numbers of each line, in one register."""
    pieces = [w.load(vector(F32, SQUARE), w.at(line, column, F32)) for line in lines]
    while len(pieces) > 1:
        width = 2 * width_of(pieces[0].type)
        pieces = [
            w.shuffle(low, high, range(width))
            for low, high in zip(pieces[::2], pieces[1::2], strict=True)
        ]
    return pieces[0]


def _emit_apart(w: KernelWriter, x: Value, y: Value, rows: Value, count: int) -> None:
    """Registers of rows of `count` columns, each column by itself."""
    width = w.full_width
    with w.loop(0, rows, width) as block:
        row = w.intrinsic("smin", block.index, w.add(rows, -width))
        source = w.at(x, w.mul(row, count), F32)
        loaded = _loaded(w, [w.at(source, part * width, F32) for part in range(count)])
        for column in range(count):
            values = _picked(w, loaded, [place * count + column for place in range(width)])
            w.store(values, w.at(w.at(y, w.mul(rows, column), F32), row, F32))


def _emit_joined(w: KernelWriter, x: Value, y: Value, columns: Value, count: int) -> None:
    """`count` rows, a register of columns at a time, put together."""
    width = w.full_width
    with w.loop(0, columns, width) as block:
        column = w.intrinsic("smin", block.index, w.add(columns, -width))
        starts = [w.at(x, w.mul(columns, row), F32) for row in range(count)]
        loaded = _loaded(w, [w.at(start, column, F32) for start in starts])
        target = w.at(y, w.mul(column, count), F32)
        for part in range(count):
            numbers = range(part * width, (part + 1) * width)
            order = [number % count * width + number // count for number in numbers]
            w.store(_picked(w, loaded, order), w.at(target, part * width, F32))


def _loaded(w: KernelWriter, places: Sequence[Value]) -> list[Value]:
    return [w.load(vector(F32, w.full_width), place) for place in places]


def _picked(w: KernelWriter, loaded: Sequence[Value], order: Sequence[int]) -> Value:
    """Return elements of several registers, numbered on, in an order."""
    width = w.full_width
    first = [place if place < 2 * width else 0 for place in order]
    value = w.shuffle(loaded[0], loaded[1], first)
    for number, other in enumerate(loaded[2:], 2):
        places = [
            place - number * width + width if place // width == number else element
            for element, place in enumerate(order)
        ]
        value = w.shuffle(value, other, places)
    return value


def _emit_singly(w: KernelWriter, x: Value, y: Value, rows: Value, columns: Value) -> None:
    with w.loop(0, columns) as column, w.loop(0, rows) as row:
        source = w.add(w.mul(row.index, columns), column.index)
        target = w.add(w.mul(column.index, rows), row.index)
        w.store(w.load(F32, w.at(x, source, F32)), w.at(y, target, F32))
