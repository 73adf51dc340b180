"""Kernels over rows of `lanes` samples: gather, affine, PReLU.

Sample (affine, lanes = 32 on AVX-512)::

    %a = broadcast scale[i]
    %b = broadcast shift[i]
    store (fmuladd %a, load x[i][0:16], %b), y[i][0:16]
    store (fmuladd %a, load x[i][16:32], %b), y[i][16:32]

For lanes = 1 the rows themselves are the vector, and scale and shift are loaded like x.
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
AFFINE_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("scale", FieldKind.CONST),
    Field("shift", FieldKind.CONST),
    Field("rows", FieldKind.INT),
)
PRELU_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("alpha", FieldKind.CONST),
    Field("rows", FieldKind.INT),
)


def gather_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y[i] = x[index[i]] for u32 `index`, `rows` results: Permute, RepeatVector, broadcasts."""
    return KernelSpec(GATHER_FAMILY, isa, lanes)


def affine_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y[i] = scale[i] * x[i] + shift[i]; float32[rows] each."""
    return KernelSpec(AFFINE_FAMILY, isa, lanes)


def prelu_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y[i] = x[i] where x[i] >= 0 else alpha[i] * x[i]; float32[rows]."""
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


def _emit_rowwise(
    w: KernelWriter,
    names: Sequence[str],
    function: Callable[[KernelWriter, Value, Sequence[Value]], Value],
) -> str:
    """y = function(x, one constant per row and name)."""
    x, y, rows = w.argument("x"), w.argument("y"), w.argument("rows")
    tables = [w.argument(name) for name in names]
    if w.spec.lanes == 1:
        kind = vector(F32, w.full_width)

        def body(index: Value, mask: Value | None) -> None:
            constants = [w.load_part(kind, w.at(table, index, F32), mask) for table in tables]
            value = w.load_part(kind, w.at(x, index, F32), mask)
            w.store_part(function(w, value, constants), w.at(y, index, F32), mask)

        each_vector(w, rows, w.full_width, body)
        return w.finish()
    with w.loop(0, rows) as row:
        constants = [w.splat(w.load(F32, w.at(table, row.index, F32)), w.width) for table in tables]
        for part in range(w.parts):
            value = w.load(w.vector, w.row(x, row.index, part))
            w.store(function(w, value, constants), w.row(y, row.index, part))
    return w.finish()
