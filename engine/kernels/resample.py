"""An axis times a matrix of few numbers in each row: interpolation.

y[o][i][:] = sum over t of weights[i][t] * x[o][elements[i][t]][:], for `outer` blocks of [length][inner] rows.

Sample (bilinear, a vector of the inner rows)::

    %acc = fmuladd (broadcast weights[i][0]), load x[o][elements[i][0]] + v, zero
    %acc = fmuladd (broadcast weights[i][1]), load x[o][elements[i][1]] + v, %acc
"""

from engine.core.target import Isa
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, I32, I64, Value, vector
from engine.kernels.kernel_writer import KernelWriter, each_vector

FAMILY = "resample"
FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("elements", FieldKind.CONST),
    Field("weights", FieldKind.CONST),
    Field("outer", FieldKind.INT),
    Field("length", FieldKind.INT),
    Field("count", FieldKind.INT),
    Field("terms", FieldKind.INT),
    Field("inner", FieldKind.INT),
)


def resample_spec(isa: Isa, lanes: int) -> KernelSpec:
    """`elements` is u32[count][terms], `weights` f32[count][terms]."""
    return KernelSpec(FAMILY, isa, lanes)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a resampling."""
    w = KernelWriter(spec, FIELDS)
    x, y = w.argument("x"), w.argument("y")
    count, terms, inner = w.argument("count"), w.argument("terms"), w.argument("inner")
    kind = vector(F32, w.full_width)
    with w.loop(0, w.argument("outer")) as outer, w.loop(0, count) as one:
        block = w.row(x, w.mul(outer.index, w.mul(w.argument("length"), inner)))
        target = w.row(y, w.mul(w.add(w.mul(outer.index, count), one.index), inner))
        entry = w.mul(one.index, terms)
        elements = w.at(w.argument("elements"), entry, I32)
        weights = w.at(w.argument("weights"), entry, F32)

        def body(index: Value, mask: Value | None) -> None:
            with w.loop(0, terms, carried=(w.zero(kind),)) as term:
                number = w.cast("zext", w.load(I32, w.at(elements, term.index, I32)), I64)
                weight = w.splat(w.load(F32, w.at(weights, term.index, F32)), w.full_width)
                source = w.at(w.row(block, w.mul(number, inner)), index, F32)
                value = w.load_part(kind, source, mask)
                term.carry((w.fma(weight, value, term.carried[0]),))
            w.store_part(term.carried[0], w.at(target, index, F32), mask)

        each_vector(w, w.mul(inner, spec.lanes), w.full_width, body)
    return w.finish()
