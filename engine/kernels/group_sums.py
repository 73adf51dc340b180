"""Kernels that sum over groups of rows: reductions to one row, and division by a root of a sum of squares.

Groups lie as `engine.kernels.groups` says; those of a reduction have no rows of others between theirs. Sample (average
of a channel of 49 positions, one sample)::

    s = sum of 16 elements at a time, the rest under a mask, then over the register
    y[o] = s / 49
"""

from collections.abc import Collection, Mapping

from engine.core.target import Isa
from engine.core.window_steps import Reduction, Root
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.elementwise import larger
from engine.kernels.emit import F32, Value, vector
from engine.kernels.groups import GroupAccess, groups_kernel
from engine.kernels.kernel_writer import KernelWriter

REDUCE_FAMILY = "reduce"
ROOT_FAMILY = "divide_by_root"
KIND = "kind"
REDUCE_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("outer", FieldKind.INT),
    Field("group", FieldKind.INT),
)
ROOT_FIELDS = (*REDUCE_FIELDS, Field("inner", FieldKind.INT), Field("epsilon", FieldKind.INT))


REDUCE_VARIANTS: Mapping[str, Collection[int | str]] = {KIND: tuple(Reduction)}
ROOT_VARIANTS: Mapping[str, Collection[int | str]] = {KIND: tuple(Root)}


def reduce_spec(isa: Isa, lanes: int, kind: Reduction) -> KernelSpec:
    """y[o] = maximum or average of x[o][:] for `outer` groups of `group` rows."""
    return KernelSpec(REDUCE_FAMILY, isa, lanes, None, ((KIND, kind.value),))


def root_spec(isa: Isa, lanes: int, kind: Root) -> KernelSpec:
    """y = x / sqrt(mean(x^2) + epsilon), or x * min(1 / sqrt(sum(x^2)), 1 / epsilon), over each group."""
    return KernelSpec(ROOT_FAMILY, isa, lanes, None, ((KIND, kind.value),))


def emit_reduce(spec: KernelSpec) -> str:
    """Return the LLVM IR of a reduction."""
    w = KernelWriter(spec, REDUCE_FIELDS)
    x, y, group = w.argument("x"), w.argument("y"), w.argument("group")
    with w.loop(0, w.argument("outer")) as outer:
        first, target = w.row(x, w.mul(outer.index, group)), w.row(y, outer.index)
        if spec.lanes == 1:
            total = _reduced(w, GroupAccess(first, target, group, None, w.full_width))
            one = w.value(F32, f"extractelement {total}, i64 0", "one")
            w.store(one, target)
        else:
            for part in range(w.parts):
                start = w.at(first, part * w.width, F32)
                access = GroupAccess(start, target, group, w.i64(spec.lanes), w.width)
                w.store(_reduced(w, access), w.at(target, part * w.width, F32))
    return w.finish()


def _reduced(w: KernelWriter, g: GroupAccess) -> Value:
    if w.spec.option(KIND) == Reduction.MAXIMUM:
        return g.reduce(
            w,
            float("-inf"),
            lambda a, b: larger(w, a, b),
            lambda member, mask: g.load(w, g.x, member, mask),
        )
    total = g.reduce(
        w,
        0.0,
        lambda a, b: w.op("fadd", a, b),
        lambda member, mask: g.load(w, g.x, member, mask),
    )
    return w.op("fdiv", total, _count(w, g))


def _count(w: KernelWriter, g: GroupAccess) -> Value:
    return w.splat(w.cast("sitofp", g.length, F32), g.width)


def emit_root(spec: KernelSpec) -> str:
    """Return the LLVM IR of a division by a root."""
    return groups_kernel(KernelWriter(spec, ROOT_FIELDS), _divided)


def _divided(w: KernelWriter, g: GroupAccess) -> None:
    def square(member: Value, mask: Value | None) -> Value:
        value = g.load(w, g.x, member, mask)
        return w.op("fmul", value, value)

    total = g.reduce(w, 0.0, lambda a, b: w.op("fadd", a, b), square)
    one, epsilon = w.const(vector(F32, g.width), 1.0), w.float_argument("epsilon", g.width)
    if w.spec.option(KIND) == Root.MEAN_SQUARE:
        shifted = w.op("fadd", w.op("fdiv", total, _count(w, g)), epsilon)
        factor = w.op("fdiv", one, w.intrinsic("sqrt", shifted))
    else:
        inverse = w.op("fdiv", one, w.intrinsic("sqrt", total))
        limit = w.op("fdiv", one, epsilon)
        factor = w.select(w.compare("ogt", inverse, limit), limit, inverse)  # NaN stays

    def scale(member: Value, mask: Value | None) -> None:
        g.store(w, w.op("fmul", g.load(w, g.x, member, mask), factor), member, mask)

    g.each(w, scale)
