"""Products of two values, sample by sample: y[g][m][n] = scale * sum over t of a[g][m][t] * b[g][t][n].

For one sample vectors run over columns n, and numbers of `a` are broadcast; per term::

    %b0 = load b[t][n:n+16]     %b1 = load b[t][n+16:n+32]
    %sum[r][0] = fmuladd (broadcast a[m + r][t]), %b0, %sum[r][0]     ; for each of `rows` rows
    %sum[r][1] = fmuladd (broadcast a[m + r][t]), %b1, %sum[r][1]

For several samples vectors hold samples, and `rows` x `columns` sums are kept. The last blocks of rows and columns end
where the matrix ends, over results that were computed before; where there are fewer columns than one block has, it
is masked. Loops go over columns first, so that the columns of b stay in the nearest cache while all rows pass.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from engine.core.attention_steps import ProductStep
from engine.core.target import Isa
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, I64, Value, vector
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.sum_blocks import sum_in_blocks

FAMILY = "product"
_AXES = ("outer", "middle", "inner")
FIELDS = (
    *(Field(name, FieldKind.ARENA) for name in ("a", "b", "y")),
    *(Field(axis, FieldKind.INT) for axis in _AXES),
    *(Field(f"{value}_{axis}", FieldKind.INT) for value in ("a", "b", "y") for axis in _AXES),
    *(Field(name, FieldKind.INT) for name in ("rows", "terms", "columns")),
    *(Field(name, FieldKind.INT) for name in ("a_row", "a_term", "b_term", "y_row", "scale")),
)
VARIANTS: Mapping[str, Collection[int | str]] = {
    "rows": range(1, 9),
    "columns": range(1, 7),
    "masked": (0, 1),
}
# Sums in registers beside the operands: vectors of columns for one sample, then rows; rows and columns for several.
_SUMS = {Isa.AVX512: 24, Isa.AVX2: 12, Isa.GENERIC: 8}
_MOST_VECTORS = {Isa.AVX512: 4, Isa.AVX2: 2, Isa.GENERIC: 2}
_MOST_ROWS = 8
_BLOCKS = {Isa.AVX512: (4, 6), Isa.AVX2: (3, 3), Isa.GENERIC: (2, 3)}


def product_spec(isa: Isa, lanes: int, rows: int, columns: int) -> KernelSpec:
    """Return the kernel for matrices of so many rows and columns."""
    if lanes > 1:
        most_rows, most_columns = _BLOCKS[isa]
        block, masked = (min(rows, most_rows), min(columns, most_columns)), False
    else:
        vectors = min(_MOST_VECTORS[isa], -(-columns // isa.vector_floats))
        masked = columns < vectors * isa.vector_floats
        block = (min(rows, _MOST_ROWS, _SUMS[isa] // vectors), vectors)
    variant = (("columns", block[1]), ("masked", int(masked)), ("rows", block[0]))
    return KernelSpec(FAMILY, isa, lanes, None, variant)


def product_numbers(step: ProductStep) -> dict[str, int]:
    """Return the INT fields of a step but its scale."""
    numbers = dict(zip(_AXES, step.groups, strict=True))
    for value, strides in (("a", step.a_groups), ("b", step.b_groups), ("y", step.y_groups)):
        numbers |= {f"{value}_{axis}": n for axis, n in zip(_AXES, strides, strict=True)}
    for name in ("rows", "terms", "columns", "a_row", "a_term", "b_term", "y_row"):
        numbers[name] = getattr(step, name)
    return numbers


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of products."""
    w = KernelWriter(spec, FIELDS)
    block = _lanes_block if spec.lanes > 1 else _columns_block
    wide = spec.number("columns") * (1 if spec.lanes > 1 else w.full_width)
    height = spec.number("rows")
    with _groups(w) as (a, b, y):
        rows, columns = w.argument("rows"), w.argument("columns")
        with _blocks(w, columns, wide) as column, _blocks(w, rows, height) as row:
            left = w.row(a, w.mul(row, w.argument("a_row")))
            result = w.row(y, w.add(w.mul(row, w.argument("y_row")), column))
            block(w, left, w.row(b, column), result)
    return w.finish()


@contextmanager
def _groups(w: KernelWriter) -> Iterator[tuple[Value, ...]]:
    """Loop over all groups; yields where the matrices of each begin."""
    with (
        w.loop(0, w.argument("outer")) as outer,
        w.loop(0, w.argument("middle")) as middle,
        w.loop(0, w.argument("inner")) as inner,
    ):
        places = []
        for value in ("a", "b", "y"):
            rows = [
                w.mul(loop.index, w.argument(f"{value}_{axis}"))
                for loop, axis in zip((outer, middle, inner), _AXES, strict=True)
            ]
            places.append(w.row(w.argument(value), w.add(w.add(rows[0], rows[1]), rows[2])))
        yield tuple(places)


@contextmanager
def _blocks(w: KernelWriter, count: Value, size: int) -> Iterator[Value]:
    """Loop over blocks of `size`; yields where each begins, the last one so that it ends at `count`."""
    blocks = w.value(I64, f"udiv {w.add(count, size - 1)}, {size}", "blocks")
    last = w.intrinsic("smax", w.op("sub", count, w.i64(size)), w.i64(0))
    with w.loop(0, blocks) as block:
        yield w.intrinsic("smin", w.mul(block.index, size), last)


_Loads = Callable[[Value], tuple[list[Value], list[Value]]]


def _sums(w: KernelWriter, zeros: Sequence[Value], loads: _Loads) -> list[Value]:
    """Return the sums over all terms, row by row; `loads` gives the operands of a term, of rows and of columns."""

    def chain(start: Value, end: Value) -> list[Value]:
        with w.loop(start, end, carried=zeros) as term:
            left, right = loads(term.index)
            totals = iter(term.carried)
            term.carry([w.fma(one, other, next(totals)) for one in left for other in right])
        return list(term.carried)

    return sum_in_blocks(w, w.argument("terms"), zeros, chain)


def _columns_block(w: KernelWriter, a: Value, b: Value, y: Value) -> None:
    """One sample: vectors of columns."""
    height, vectors, width = w.spec.number("rows"), w.spec.number("columns"), w.full_width
    kind = vector(F32, width)
    masks: list[Value | None] = [None] * vectors
    if w.spec.number("masked"):
        rest = w.op("sub", w.argument("columns"), w.i64((vectors - 1) * width))
        masks[-1] = w.first_lanes(rest, width)

    def loads(term: Value) -> tuple[list[Value], list[Value]]:
        terms = w.at(b, w.mul(term, w.argument("b_term")), F32)
        right = [
            w.load_part(kind, w.at(terms, place * width, F32), mask)
            for place, mask in enumerate(masks)
        ]
        column = w.at(a, w.mul(term, w.argument("a_term")), F32)
        places = [w.mul(w.argument("a_row"), row) for row in range(height)]
        left = [w.splat(w.load(F32, w.at(column, place, F32)), width) for place in places]
        return left, right

    sums = _sums(w, [w.zero(kind)] * (height * vectors), loads)
    scale = w.float_argument("scale", width)
    for row in range(height):
        start = w.at(y, w.mul(w.argument("y_row"), row), F32)
        for place, mask in enumerate(masks):
            total = w.op("fmul", sums[row * vectors + place], scale)
            w.store_part(total, w.at(start, place * width, F32), mask)


def _lanes_block(w: KernelWriter, a: Value, b: Value, y: Value) -> None:
    """Several samples: vectors of lanes, one part of a row after the other."""
    height, columns = w.spec.number("rows"), w.spec.number("columns")
    with w.loop(0, w.spec.lanes, w.width) as part:
        mine = [w.at(place, part.index, F32) for place in (a, b, y)]

        def loads(term: Value) -> tuple[list[Value], list[Value]]:
            rows = w.row(mine[0], w.mul(term, w.argument("a_term")))
            left = [
                w.load(w.vector, w.row(rows, w.mul(w.argument("a_row"), row)))
                for row in range(height)
            ]
            terms = w.row(mine[1], w.mul(term, w.argument("b_term")))
            right = [w.load(w.vector, w.row(terms, w.i64(place))) for place in range(columns)]
            return left, right

        sums = _sums(w, [w.zero(w.vector)] * (height * columns), loads)
        scale = w.float_argument("scale", w.width)
        for row in range(height):
            start = w.row(mine[2], w.mul(w.argument("y_row"), row))
            for place in range(columns):
                total = w.op("fmul", sums[row * columns + place], scale)
                w.store(total, w.row(start, w.i64(place)))
