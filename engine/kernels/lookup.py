"""Rows of a table by numbers that are computed: embeddings.

The number of a row is cut off and compared with the number of rows before anything is read, so that no row of the
arena, whatever it holds, leads outside of the table. Where it is no row, the result is NaN. One sample::

    %inside = (fcmp ogt %x, -1.0) and (fcmp olt %x, rows)
    %row = fptosi (select %inside, %x, 0.0)
    store (select %inside, (load table[%row][f:f+16]), splat NaN), y[p][f:f+16]
"""

from engine.core.target import Isa
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, I1, I64, Value, vector
from engine.kernels.kernel_writer import KernelWriter, each_vector

FAMILY = "lookup"
FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("table", FieldKind.CONST),
    Field("indices", FieldKind.INT),
    Field("features", FieldKind.INT),
    Field("table_rows", FieldKind.INT),
)


def lookup_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y[p][:] = table[x[p]][:] for f32 `table` of [table_rows][features]."""
    return KernelSpec(FAMILY, isa, lanes)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a look-up."""
    w = KernelWriter(spec, FIELDS)
    x, y, features = w.argument("x"), w.argument("y"), w.argument("features")
    with w.loop(0, w.argument("indices")) as index:
        target = w.row(y, w.mul(index.index, features))
        source = w.row(x, index.index)
        if spec.lanes == 1:
            _emit_row(w, source, target, features)
        else:
            with w.loop(0, spec.lanes) as lane:
                _emit_lane(w, source, target, lane.index)
    return w.finish()


def _table_row(w: KernelWriter, place: Value) -> tuple[Value, Value]:
    """Return the address of the row of the table that a number stands for, and whether there is one."""
    number = w.load(F32, place)
    above = w.compare("ogt", number, w.const(F32, -1.0))
    below = w.compare("olt", number, w.cast("sitofp", w.argument("table_rows"), F32))
    inside = w.value(I1, f"and {above}, {below.name}", "inside")
    row = w.cast("fptosi", w.select(inside, number, w.zero(F32)), I64)
    return w.at(w.argument("table"), w.mul(row, w.argument("features")), F32), inside


def _emit_row(w: KernelWriter, source: Value, target: Value, features: Value) -> None:
    """One sample: runs of numbers are copied."""
    row, inside = _table_row(w, source)
    kind = vector(F32, w.full_width)
    flags = w.splat(inside, w.full_width)
    nan = w.const(kind, float("nan"))

    def body(place: Value, mask: Value | None) -> None:
        numbers = w.load_part(kind, w.at(row, place, F32), mask)
        w.store_part(w.select(flags, numbers, nan), w.at(target, place, F32), mask)

    each_vector(w, features, w.full_width, body)


def _emit_lane(w: KernelWriter, source: Value, target: Value, lane: Value) -> None:
    """One sample of several: its numbers lie as far apart as there are samples."""
    row, inside = _table_row(w, w.at(source, lane, F32))
    mine = w.at(target, lane, F32)
    with w.loop(0, w.argument("features")) as feature:
        number = w.load(F32, w.at(row, feature.index, F32))
        number = w.select(inside, number, w.const(F32, float("nan")))
        w.store(number, w.row(mine, feature.index))
