"""Kernels of two and three values: functions of two numbers, selection, and the rows of a constant.

Sample (a value less one number for each sample: [outer 1][length 1][inner 5] rows, lanes = 32 on AVX-512)::

    %b0 = load b[0][0:16]
    %b1 = load b[0][16:32]
    for i < 5: store (fsub (load a[i][0:16]), %b0), y[i][0:16], and the same with %b1

For one sample the inner rows are the vector and b's number is in all of its elements; where each row of b is met once
(inner 1), all rows of it are one run.
"""

from collections.abc import Callable, Collection, Mapping

from engine.core.general_steps import BinaryFunction
from engine.core.target import Isa
from engine.kernels import double_math as dm
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.elementwise import larger, smaller
from engine.kernels.emit import F32, Value, vector
from engine.kernels.kernel_writer import KernelWriter, each_vector
from engine.kernels.operations import floor

BINARY_FAMILY = "binary"
SELECT_FAMILY = "select"
CONSTANT_FAMILY = "constant_rows"
FUNCTION, SWAPPED = "function", "swapped"

BINARY_FIELDS = (
    Field("a", FieldKind.ARENA),
    Field("b", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    *(Field(name, FieldKind.INT) for name in ("outer", "length", "inner")),
)
SELECT_FIELDS = (
    *(Field(name, FieldKind.ARENA) for name in ("condition", "a", "b", "y")),
    Field("elements", FieldKind.INT),
)
CONSTANT_FIELDS = (
    Field("y", FieldKind.ARENA),
    Field("numbers", FieldKind.CONST),
    Field("rows", FieldKind.INT),
)
BINARY_VARIANTS: Mapping[str, Collection[int | str]] = {
    FUNCTION: tuple(BinaryFunction),
    SWAPPED: (0, 1),
}


def binary_spec(isa: Isa, lanes: int, function: BinaryFunction, *, swapped: bool) -> KernelSpec:
    """y[o][l][i] = f(a[o][l][i], b[l]), or f(b[l], a[o][l][i]) where swapped."""
    variant = ((FUNCTION, function.value), (SWAPPED, int(swapped)))
    return KernelSpec(BINARY_FAMILY, isa, lanes, None, variant)


def select_spec(isa: Isa) -> KernelSpec:
    """y[i] = a[i] where condition[i] is not 0, else b[i], for `elements`."""
    return KernelSpec(SELECT_FAMILY, isa, 1)


def constant_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y[i] = numbers[i] in all lanes, for `rows`; constant float32[rows]."""
    return KernelSpec(CONSTANT_FAMILY, isa, lanes)


def emit_binary(spec: KernelSpec) -> str:
    """Return the LLVM IR of a function of two values."""
    w = KernelWriter(spec, BINARY_FIELDS)
    function = _FUNCTIONS[BinaryFunction(str(spec.option(FUNCTION)))]
    swapped = spec.number(SWAPPED) == 1

    def apply(a: Value, b: Value) -> Value:
        return function(w, b, a) if swapped else function(w, a, b)

    a, b, y = w.argument("a"), w.argument("b"), w.argument("y")
    length, inner = w.argument("length"), w.argument("inner")
    once = w.compare("eq", inner, w.i64(1))
    with w.loop(0, w.argument("outer")) as outer:
        first = w.mul(outer.index, w.mul(length, inner))
        start = (w.row(a, first), w.row(y, first))
        with w.when(once):
            _emit_run(w, start, b, length, apply)
        with w.when(w.compare("sgt", inner, w.i64(1))), w.loop(0, length) as place:
            own = w.mul(place.index, inner)
            rows = [w.row(one, own) for one in start]
            emit = _emit_number if spec.lanes == 1 else _emit_rows
            emit(w, (rows[0], rows[1]), w.row(b, place.index), inner, apply)
    return w.finish()


_Apply = Callable[[Value, Value], Value]


def _emit_run(
    w: KernelWriter, start: tuple[Value, Value], b: Value, length: Value, apply: _Apply
) -> None:
    """Both operands lie alike: all samples of all rows are one run."""
    kind = vector(F32, w.full_width)

    def body(index: Value, mask: Value | None) -> None:
        first, second = (w.load_part(kind, w.at(one, index, F32), mask) for one in (start[0], b))
        w.store_part(apply(first, second), w.at(start[1], index, F32), mask)

    each_vector(w, w.mul(length, w.spec.lanes), w.full_width, body)


def _emit_number(
    w: KernelWriter, start: tuple[Value, Value], b: Value, inner: Value, apply: _Apply
) -> None:
    """One sample: a run of rows with one number."""
    kind = vector(F32, w.full_width)
    second = w.splat(w.load(F32, b), w.full_width)

    def body(index: Value, mask: Value | None) -> None:
        first = w.load_part(kind, w.at(start[0], index, F32), mask)
        w.store_part(apply(first, second), w.at(start[1], index, F32), mask)

    each_vector(w, inner, w.full_width, body)


def _emit_rows(
    w: KernelWriter, start: tuple[Value, Value], b: Value, inner: Value, apply: _Apply
) -> None:
    """Several samples: rows with one number for each of them."""
    for part in range(w.parts):
        second = w.load(w.vector, w.at(b, part * w.width, F32))
        with w.loop(0, inner) as row:
            first = w.load(w.vector, w.row(start[0], row.index, part))
            w.store(apply(first, second), w.row(start[1], row.index, part))


def emit_select(spec: KernelSpec) -> str:
    """Return the LLVM IR of a selection."""
    w = KernelWriter(spec, SELECT_FIELDS)
    sources = [w.argument(name) for name in ("condition", "a", "b")]
    y, kind = w.argument("y"), vector(F32, w.full_width)

    def body(index: Value, mask: Value | None) -> None:
        condition, a, b = (w.load_part(kind, w.at(one, index, F32), mask) for one in sources)
        holds = w.compare("une", condition, w.zero(kind))
        w.store_part(w.select(holds, a, b), w.at(y, index, F32), mask)

    each_vector(w, w.argument("elements"), w.full_width, body)
    return w.finish()


def emit_constant(spec: KernelSpec) -> str:
    """Return the LLVM IR that writes the rows of a constant."""
    w = KernelWriter(spec, CONSTANT_FIELDS)
    y, numbers = w.argument("y"), w.argument("numbers")
    with w.loop(0, w.argument("rows")) as row:
        number = w.splat(w.load(F32, w.at(numbers, row.index, F32)), w.width)
        for part in range(w.parts):
            w.store(number, w.row(y, row.index, part))
    return w.finish()


_Function = Callable[[KernelWriter, Value, Value], Value]


def _arithmetic(opcode: str) -> _Function:
    return lambda w, a, b: w.op(opcode, a, b)


def _in_double(function: _Function) -> _Function:
    return lambda w, a, b: dm.narrowed(w, function(w, dm.widened(w, a), dm.widened(w, b)))


def _truth(w: KernelWriter, holds: Value, like: Value) -> Value:
    return w.select(holds, w.const(like.type, 1.0), w.zero(like.type))


def _comparison(predicate: str) -> _Function:
    return lambda w, a, b: _truth(w, w.compare(predicate, a, b), a)


def _logic(opcode: str) -> _Function:
    def function(w: KernelWriter, a: Value, b: Value) -> Value:
        first, second = (w.compare("une", x, w.zero(x.type)) for x in (a, b))
        return _truth(w, w.op(opcode, first, second), a)

    return function


def _floor_divide(w: KernelWriter, a: Value, b: Value) -> Value:
    return floor(w, w.op("fdiv", a, b))


_FUNCTIONS: Mapping[BinaryFunction, _Function] = {
    BinaryFunction.ADD: _arithmetic("fadd"),
    BinaryFunction.SUBTRACT: _arithmetic("fsub"),
    BinaryFunction.MULTIPLY: _arithmetic("fmul"),
    BinaryFunction.MAXIMUM: larger,
    BinaryFunction.MINIMUM: smaller,
    BinaryFunction.DIVIDE: _arithmetic("fdiv"),
    BinaryFunction.FLOOR_DIVIDE: _floor_divide,
    BinaryFunction.MOD: _in_double(dm.modulo),
    BinaryFunction.POWER: _in_double(dm.power),
    BinaryFunction.ATAN2: _in_double(dm.angle),
    BinaryFunction.EQUAL: _comparison("oeq"),
    BinaryFunction.NOT_EQUAL: _comparison("une"),
    BinaryFunction.LESS: _comparison("olt"),
    BinaryFunction.LESS_EQUAL: _comparison("ole"),
    BinaryFunction.GREATER: _comparison("ogt"),
    BinaryFunction.GREATER_EQUAL: _comparison("oge"),
    BinaryFunction.AND: _logic("and"),
    BinaryFunction.OR: _logic("or"),
    BinaryFunction.XOR: _logic("xor"),
}
