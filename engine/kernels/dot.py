"""Dot products between two values, sample by sample: Keras' batch_dot, optionally of unit vectors.

For output row r (lanes samples wide), over `terms` t::

    y[r] = sum of a[a_base[r] + t * a_stride] * b[b_base[r] + t * b_stride]

Bases are row numbers; with `normalize` the sum is multiplied by min(1 / |a|, 1e7) and
min(1 / |b|, 1e7), the lengths of the two vectors: Keras' l2_normalize with its epsilon.
"""

from collections.abc import Collection, Mapping

from engine.core.target import Isa
from engine.kernels import vector_math as vm
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import I32, I64, Value
from engine.kernels.kernel_writer import KernelWriter

FAMILY = "dot"
FIELDS = (
    Field("a", FieldKind.ARENA),
    Field("b", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("a_base", FieldKind.CONST),
    Field("b_base", FieldKind.CONST),
    Field("rows", FieldKind.INT),
    Field("terms", FieldKind.INT),
    Field("a_stride", FieldKind.INT),
    Field("b_stride", FieldKind.INT),
)
VARIANTS: Mapping[str, Collection[int | str]] = {"normalize": (0, 1)}
_INVERSE_EPSILON = 1e7  # 1 / keras.config.epsilon()


def dot_spec(isa: Isa, lanes: int, *, normalize: bool) -> KernelSpec:
    """y[r] = dot(a vector, b vector); bases u32[rows], strides in rows."""
    return KernelSpec(FAMILY, isa, lanes, None, (("normalize", int(normalize)),))


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of dot products."""
    w = KernelWriter(spec, FIELDS)
    a, b, y = w.argument("a"), w.argument("b"), w.argument("y")
    with w.loop(0, w.argument("rows")) as row:
        bases = [
            w.cast("zext", w.load(I32, w.at(w.argument(name), row.index, I32)), I64)
            for name in ("a_base", "b_base")
        ]
        for part in range(w.parts):
            left = w.row(a, bases[0], part)
            right = w.row(b, bases[1], part)
            w.store(_product(w, left, right), w.row(y, row.index, part))
    return w.finish()


def _product(w: KernelWriter, left: Value, right: Value) -> Value:
    """Return the sum over all terms, for one vector of lanes."""
    normalize = w.spec.number("normalize") == 1
    zero = w.zero(w.vector)
    start = (zero, zero, zero) if normalize else (zero,)
    with w.loop(0, w.argument("terms"), carried=start) as term:
        sources = [
            w.load(w.vector, w.row(base, w.mul(term.index, w.argument(stride))))
            for base, stride in ((left, "a_stride"), (right, "b_stride"))
        ]
        following = [w.fma(sources[0], sources[1], term.carried[0])]
        if normalize:
            following += [
                w.fma(source, source, square)
                for source, square in zip(sources, term.carried[1:], strict=True)
            ]
        term.carry(following)
    result = term.carried[0]
    for square in term.carried[1:]:
        inverse = w.op("fdiv", w.const(w.vector, 1.0), w.intrinsic("sqrt", square))
        result = w.op("fmul", result, vm.minimum(w, inverse, _INVERSE_EPSILON))
    return result
