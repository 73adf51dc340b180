"""Softmax over the keys of [outer][keys][queries] rows under a mask, vectors running over queries and their lanes.

Whether a key is seen is said by rows of a mask (1 or 0), by the places of query and key, or by both. Sample (all
keys of a vector of queries, the mask in rows)::

    %seen = fcmp une (load mask[key]), zero
    %score = select %seen, (load x[key]), splat least      ; shift: (load x[key]) - 1e9
    m = max over keys of %score;  s = sum over keys of (y[key] = exp(%score - m))
    y[key] = y[key] * (1 / s)                              ; zero: and 0 where it is not seen
"""

from collections.abc import Collection, Mapping

from engine.core.attention_steps import MaskedKind
from engine.core.target import Isa
from engine.kernels import vector_math as vm
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, I1, I32, I64, Value, vector
from engine.kernels.groups import GroupAccess, each_column
from engine.kernels.kernel_writer import KernelWriter

FAMILY = "masked_softmax"
FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("mask", FieldKind.ARENA),
    Field("outer", FieldKind.INT),
    Field("group", FieldKind.INT),
    Field("inner", FieldKind.INT),
    Field("share", FieldKind.INT),  # groups of scores that have one mask
    Field("ahead", FieldKind.INT),
    Field("back", FieldKind.INT),
)
VARIANTS: Mapping[str, Collection[int | str]] = {
    "kind": tuple(MaskedKind),
    "masked": (0, 1),
    "placed": (0, 1),
}
# What Keras writes in place of masked scores, and what it takes off them.
_HIDDEN = {MaskedKind.EQUAL: -0.7 * 3.38953e38, MaskedKind.ZERO: -1e9}
_SHIFT = 1e9


def masked_softmax_spec(
    isa: Isa, lanes: int, kind: MaskedKind, *, masked: bool, placed: bool
) -> KernelSpec:
    """y = softmax(x under a mask); `placed`: a seen key lies up to `ahead` places behind its query or `back` before."""
    variant = (("kind", kind.value), ("masked", int(masked)), ("placed", int(placed)))
    return KernelSpec(FAMILY, isa, lanes, None, variant)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a masked softmax."""
    w = KernelWriter(spec, FIELDS)

    def body(access: GroupAccess, outer: Value, column: Value) -> None:
        _softmax(w, access, _Mask(w, access, outer, column))

    each_column(w, body)
    return w.finish()


class _Mask:
    """Which keys a vector of queries sees."""

    def __init__(self, w: KernelWriter, access: GroupAccess, outer: Value, column: Value) -> None:
        self._access = access
        self._base: Value | None = None
        self._queries: Value | None = None
        if w.spec.number("masked"):
            share = w.argument("share")
            group = w.value(I64, f"udiv {outer}, {share.name}", "mask")
            size = access.offset(w, access.length)
            self._base = w.at(w.argument("mask"), w.add(w.mul(group, size), column), F32)
        if w.spec.number("placed"):
            self._queries = _queries(w, column)

    def seen(self, w: KernelWriter, key: Value) -> Value | None:
        """Return whether the key is seen, a vector of bits; None where all keys are."""
        found: list[Value] = []
        if self._base is not None:
            number = self._access.load(w, self._base, key, None)
            found.append(w.compare("une", number, w.zero(number.type)))
        if self._queries is not None:
            key = w.splat(w.cast("trunc", key, I32), w.full_width)
            distance = w.op("sub", self._queries, key)
            ahead = w.op("sub", w.i64(0), w.argument("ahead"))
            for limit, order in ((ahead, "sge"), (w.argument("back"), "sle")):
                farthest = w.splat(w.cast("trunc", limit, I32), w.full_width)
                found.append(w.compare(order, distance, farthest))
        if not found:
            return None
        both = found[0]
        for one in found[1:]:
            both = w.value(vector(I1, w.full_width), f"and {both}, {one.name}", "seen")
        return both


def _queries(w: KernelWriter, column: Value) -> Value:
    """Return the number of the query of each element of a vector that begins at a column; i32."""
    lanes, width = w.spec.lanes, w.full_width
    if lanes % width == 0:
        query = w.value(I64, f"udiv {column}, {lanes}", "query")
        return w.splat(w.cast("trunc", query, I32), width)
    first = w.splat(w.cast("trunc", column, I32), width)
    elements = w.op("add", first, w.iota(width))
    return w.op("udiv", elements, w.const(elements.type, lanes))


def _softmax(w: KernelWriter, g: GroupAccess, mask: _Mask) -> None:
    kind = MaskedKind(str(w.spec.option("kind")))

    def score(member: Value) -> Value:
        value, seen = g.load(w, g.x, member, None), mask.seen(w, member)
        if seen is None:
            return value
        if kind is MaskedKind.SHIFT:
            hidden = w.op("fsub", value, w.const(value.type, _SHIFT))
        else:
            hidden = w.const(value.type, _HIDDEN[kind])
        return w.select(seen, value, hidden)

    def larger(a: Value, b: Value) -> Value:
        return w.select(w.compare("ogt", b, a), b, a)

    top = g.reduce(w, float("-inf"), larger, lambda member, _: score(member))

    def grown(member: Value, _: Value | None) -> Value:
        value = vm.exp(w, w.op("fsub", score(member), top))
        g.store(w, value, member, None)
        return value

    total = g.reduce(w, 0.0, lambda a, b: w.op("fadd", a, b), grown)
    inverse = w.op("fdiv", w.const(total.type, 1.0), total)

    def divide(member: Value, _: Value | None) -> None:
        value = w.op("fmul", g.load(w, g.y, member, None), inverse)
        seen = mask.seen(w, member) if kind is MaskedKind.ZERO else None
        if seen is not None:
            value = w.select(seen, value, w.zero(value.type))
        g.store(w, value, member, None)

    g.each(w, divide)
