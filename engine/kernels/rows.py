"""Kernels over rows of `lanes` samples: gather, affine, PReLU.

Values of affine and PReLU are [outer][length][inner] rows, with one number for each place on the middle axis. Sample
(affine, inner 1, lanes = 32 on AVX-512)::

    %a = broadcast scale[l]
    %b = broadcast shift[l]
    store (fmuladd %a, load x[o][l][0:16], %b), y[o][l][0:16]
    store (fmuladd %a, load x[o][l][16:32], %b), y[o][l][16:32]

With more rows on the inner axis, all samples of them are one run. For inner 1 and lanes = 1 the rows themselves are the
vector, and scale and shift are loaded like x.
"""

from collections.abc import Callable, Sequence

from engine.core.target import Isa
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, I32, I64, Value, vector
from engine.kernels.kernel_writer import KernelWriter, each_vector

GATHER_FAMILY = "gather_rows"
AFFINE_FAMILY = "affine_rows"
PRELU_FAMILY = "prelu_rows"

GATHER_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("index", FieldKind.CONST),
    Field("rows", FieldKind.INT),
)
_COUNTS = tuple(Field(name, FieldKind.INT) for name in ("outer", "length", "inner"))
AFFINE_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("scale", FieldKind.CONST),
    Field("shift", FieldKind.CONST),
    *_COUNTS,
)
PRELU_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("alpha", FieldKind.CONST),
    *_COUNTS,
)


def gather_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y[i] = x[index[i]] for u32 `index`, `rows` results: Permute, RepeatVector, broadcasts."""
    return KernelSpec(GATHER_FAMILY, isa, lanes)


def affine_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y[o][l][i] = scale[l] * x[o][l][i] + shift[l]; constants float32[length]."""
    return KernelSpec(AFFINE_FAMILY, isa, lanes)


def prelu_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y[o][l][i] = x[o][l][i] where that is >= 0, else alpha[l] * x[o][l][i]; constant float32[length]."""
    return KernelSpec(PRELU_FAMILY, isa, lanes)


def emit_gather(spec: KernelSpec) -> str:
    """Return the LLVM IR of a row gather."""
    w = KernelWriter(spec, GATHER_FIELDS)
    x, y, index = w.argument("x"), w.argument("y"), w.argument("index")
    with w.loop(0, w.argument("rows")) as row:
        source = w.cast("zext", w.load(I32, w.at(index, row.index, I32)), I64)
        for part in range(w.parts):
            w.store(w.load(w.vector, w.row(x, source, part)), w.row(y, row.index, part))
    return w.finish()


def emit_affine(spec: KernelSpec) -> str:
    """Return the LLVM IR of a row affine."""

    def function(w: KernelWriter, x: Value, constants: Sequence[Value]) -> Value:
        return w.fma(constants[0], x, constants[1])

    return _emit_rowwise(KernelWriter(spec, AFFINE_FIELDS), ("scale", "shift"), function)


def emit_prelu(spec: KernelSpec) -> str:
    """Return the LLVM IR of PReLU."""

    def function(w: KernelWriter, x: Value, constants: Sequence[Value]) -> Value:
        negative = w.compare("olt", x, w.zero(x.type))
        return w.select(negative, w.op("fmul", constants[0], x), x)

    return _emit_rowwise(KernelWriter(spec, PRELU_FIELDS), ("alpha",), function)


_Function = Callable[[KernelWriter, Value, Sequence[Value]], Value]


def _emit_rowwise(w: KernelWriter, names: Sequence[str], function: _Function) -> str:
    """y = function(x, one constant per place on the middle axis and name)."""
    tables = [w.argument(name) for name in names]
    length, inner = w.argument("length"), w.argument("inner")
    narrow = w.compare("eq", inner, w.i64(1))
    x, y = w.argument("x"), w.argument("y")
    with w.loop(0, w.argument("outer")) as outer:
        first = w.mul(outer.index, w.mul(length, inner))
        start = (w.row(x, first), w.row(y, first))
        with w.when(narrow):
            emit = _emit_flat if w.spec.lanes == 1 else _emit_rows
            emit(w, start, length, tables, function)
        with w.when(w.compare("sgt", inner, w.i64(1))), w.loop(0, length) as place:
            constants = [
                w.splat(w.load(F32, w.at(table, place.index, F32)), w.full_width)
                for table in tables
            ]
            own = w.mul(place.index, inner)
            _emit_run(w, [w.row(one, own) for one in start], inner, constants, function)
    return w.finish()


def _emit_flat(
    w: KernelWriter,
    start: Sequence[Value],
    length: Value,
    tables: Sequence[Value],
    function: _Function,
) -> None:
    """One sample, one row for each constant: constants are loaded like x."""
    x, y = start
    kind = vector(F32, w.full_width)

    def body(index: Value, mask: Value | None) -> None:
        constants = [w.load_part(kind, w.at(table, index, F32), mask) for table in tables]
        value = w.load_part(kind, w.at(x, index, F32), mask)
        w.store_part(function(w, value, constants), w.at(y, index, F32), mask)

    each_vector(w, length, w.full_width, body)


def _emit_rows(
    w: KernelWriter,
    start: Sequence[Value],
    length: Value,
    tables: Sequence[Value],
    function: _Function,
) -> None:
    """Several samples, one row for each constant."""
    x, y = start
    with w.loop(0, length) as row:
        constants = [w.splat(w.load(F32, w.at(table, row.index, F32)), w.width) for table in tables]
        for part in range(w.parts):
            value = w.load(w.vector, w.row(x, row.index, part))
            w.store(function(w, value, constants), w.row(y, row.index, part))


def _emit_run(
    w: KernelWriter,
    start: Sequence[Value],
    inner: Value,
    constants: Sequence[Value],
    function: _Function,
) -> None:
    """All samples of the rows that share a constant."""
    x, y = start
    kind = vector(F32, w.full_width)

    def body(index: Value, mask: Value | None) -> None:
        value = w.load_part(kind, w.at(x, index, F32), mask)
        w.store_part(function(w, value, constants), w.at(y, index, F32), mask)

    each_vector(w, w.mul(inner, w.spec.lanes), w.full_width, body)
