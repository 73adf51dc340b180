"""Kernels over groups of rows: softmax, log_softmax, layer normalization.

Element j of group (o, i) is row (o * group + j) * inner + i of x and y, for `outer` blocks o and
`inner` interleaved groups i; x and y may be the same place. Vectors run over all lanes of the inner
rows; with lanes = 1 and inner = 1 they run along the group, and sums are folded at the end.
Sample (softmax)::

    m = max over j of x[j]                       ; NaN does not win here, but reaches the sum
    s = sum over j of (y[j] = exp(x[j] - m))
    y[j] = y[j] / s
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from engine.core.target import Isa
from engine.kernels import vector_math as vm
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, Value, vector
from engine.kernels.kernel_writer import KernelWriter, each_vector, fold

SOFTMAX_FAMILY = "softmax"
LAYER_NORM_FAMILY = "layer_norm"

_SHAPE_FIELDS = (
    Field("outer", FieldKind.INT),
    Field("group", FieldKind.INT),
    Field("inner", FieldKind.INT),
)
SOFTMAX_FIELDS = (Field("x", FieldKind.ARENA), Field("y", FieldKind.ARENA), *_SHAPE_FIELDS)
LAYER_NORM_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("gamma", FieldKind.CONST),
    Field("beta", FieldKind.CONST),
    *_SHAPE_FIELDS,
    Field("epsilon", FieldKind.INT),
)


# Sums of a group whose members lie apart: additions take about as many cycles.
_CHAINS = 4


class SoftmaxKind(StrEnum):
    """What is stored: exp(x) / sum, or its logarithm."""

    SOFTMAX = "softmax"
    LOG_SOFTMAX = "log_softmax"


SOFTMAX_VARIANTS: Mapping[str, Collection[int | str]] = {"kind": tuple(SoftmaxKind)}
LAYER_NORM_VARIANTS: Mapping[str, Collection[int | str]] = {"centred": (0, 1)}


def softmax_spec(isa: Isa, lanes: int, kind: SoftmaxKind) -> KernelSpec:
    """y = softmax(x) or log_softmax(x) over each group."""
    return KernelSpec(SOFTMAX_FAMILY, isa, lanes, None, (("kind", kind.value),))


def layer_norm_spec(isa: Isa, lanes: int, *, centred: bool) -> KernelSpec:
    """y = (x - mean) / sqrt(variance + epsilon) * gamma[j] + beta[j] over each group.

    `gamma` and `beta` are float32[group]; `epsilon` is a float32 bit pattern. Without `centred` the
    mean is not subtracted (the variance is still about the mean, as in Keras' rms_scaling).
    """
    return KernelSpec(LAYER_NORM_FAMILY, isa, lanes, None, (("centred", int(centred)),))


@dataclass(frozen=True, slots=True)
class GroupAccess:
    """How one group is read and written: vectors of `width`, `stride` elements apart.

    Along a group (`along`) a vector holds consecutive members and the end is masked; otherwise it
    holds one member of groups side by side, the stride is that of the members, and `columns` masks
    what lies behind the last group.
    """

    x: Value
    y: Value
    length: Value
    stride: Value | None
    width: int
    columns: Value | None = None

    @property
    def along(self) -> bool:
        """Whether vectors run along the group."""
        return self.stride is None

    @property
    def step_width(self) -> int:
        """Members that one vector covers."""
        return self.width if self.along else 1

    def offset(self, w: KernelWriter, member: Value) -> Value:
        """Element offset of a member."""
        return member if self.stride is None else w.mul(member, self.stride)

    def load(self, w: KernelWriter, base: Value, member: Value, mask: Value | None) -> Value:
        """Load the vector of a member."""
        place = w.at(base, self.offset(w, member), F32)
        return w.load_part(vector(F32, self.width), place, mask or self.columns)

    def store(self, w: KernelWriter, value: Value, member: Value, mask: Value | None) -> None:
        """Store the vector of a member to y."""
        place = w.at(self.y, self.offset(w, member), F32)
        w.store_part(value, place, mask or self.columns)

    def constant(self, w: KernelWriter, table: Value, member: Value, mask: Value | None) -> Value:
        """Load one number per member: a vector of them along the group, else the same in all."""
        place = w.at(table, member, F32)
        if self.along:
            return w.load_part(vector(F32, self.width), place, mask)
        return w.splat(w.load(F32, place), self.width)

    def each(self, w: KernelWriter, body: Callable[[Value, Value | None], None]) -> None:
        """Write `body(member, mask)` for all members."""
        each_vector(w, self.length, self.step_width, body)

    def reduce(
        self,
        w: KernelWriter,
        start: float,
        combine: Callable[[Value, Value], Value],
        term: Callable[[Value, Value | None], Value],
    ) -> Value:
        """Combine `term(member, mask)` over the group."""
        if not self.along:
            return self._reduce_apart(w, start, combine, term)

        def body(member: Value, mask: Value | None, totals: tuple[Value, ...]) -> tuple[Value, ...]:
            following = combine(totals[0], term(member, mask))
            return (following if mask is None else w.select(mask, following, totals[0]),)

        first = w.const(vector(F32, self.width), start)
        (total,) = fold(w, self.length, self.step_width, (first,), body)
        return self._spread(w, total, combine)

    def _reduce_apart(
        self,
        w: KernelWriter,
        start: float,
        combine: Callable[[Value, Value], Value],
        term: Callable[[Value, Value | None], Value],
    ) -> Value:
        """Combine in several chains: each waits for itself only."""
        first = w.const(vector(F32, self.width), start)
        whole = w.op("and", self.length, w.i64(-_CHAINS))
        with w.loop(0, whole, _CHAINS, carried=(first,) * _CHAINS) as many:
            many.carry(
                [
                    combine(total, term(w.add(many.index, place), None))
                    for place, total in enumerate(many.carried)
                ]
            )
        left = combine(many.carried[0], many.carried[1])
        right = combine(many.carried[2], many.carried[3])
        with w.loop(whole, self.length, carried=(combine(left, right),)) as one:
            one.carry((combine(one.carried[0], term(one.index, None)),))
        return one.carried[0]

    def _spread(
        self, w: KernelWriter, total: Value, combine: Callable[[Value, Value], Value]
    ) -> Value:
        """Combine all lanes pairwise; the result is in every lane."""
        distance = self.width // 2
        while distance:
            swapped = [lane ^ distance for lane in range(self.width)]
            total = combine(total, w.shuffle(total, total, swapped))
            distance //= 2
        return total


@contextmanager
def each_group(w: KernelWriter) -> Iterator[list[GroupAccess]]:
    """Loop over groups of a kernel with outer, group and inner; yields the accesses to write.

    With lanes = 1 there are two ways to go, taken at run time by `inner`; hence `groups_kernel`.
    """
    x, y = w.argument("x"), w.argument("y")
    group, inner = w.argument("group"), w.argument("inner")
    lanes = w.spec.lanes
    with w.loop(0, w.argument("outer")) as outer, w.loop(0, inner) as one:
        first = w.mul(outer.index, w.mul(group, inner))
        start = w.mul(w.add(first, one.index), lanes)
        stride = w.mul(inner, lanes)
        yield [
            GroupAccess(
                w.at(x, w.add(start, part * w.width), F32),
                w.at(y, w.add(start, part * w.width), F32),
                group,
                stride,
                w.width,
            )
            for part in range(w.parts)
        ]


def groups_kernel(w: KernelWriter, body: Callable[[KernelWriter, GroupAccess], None]) -> str:
    """Write `body` for every group, along the group where lanes = 1 and inner = 1."""
    if w.spec.lanes > 1:
        each_column(w, lambda access, *_: body(w, access))
        return w.finish()
    inner = w.argument("inner")
    with w.when(w.compare("eq", inner, w.i64(1))):
        x, y, group = w.argument("x"), w.argument("y"), w.argument("group")
        with w.loop(0, w.argument("outer")) as outer:
            start = w.mul(outer.index, group)
            body(
                w, GroupAccess(w.at(x, start, F32), w.at(y, start, F32), group, None, w.full_width)
            )
    with w.when(w.compare("ne", inner, w.i64(1))):
        each_column(w, lambda access, *_: body(w, access))
    return w.finish()


def each_column(w: KernelWriter, body: Callable[[GroupAccess, Value, Value], None]) -> None:
    """Write `body(access, outer, column)` for every block and every vector of groups side by side.

    A column is the number of the vector's first element among the lanes of all inner rows.
    """
    group, lanes = w.argument("group"), w.spec.lanes
    run = w.mul(w.argument("inner"), lanes)
    with w.loop(0, w.argument("outer")) as outer:
        first = w.mul(outer.index, w.mul(group, run))

        def write(column: Value, mask: Value | None) -> None:
            start = w.add(first, column)
            x, y = (w.at(w.argument(name), start, F32) for name in ("x", "y"))
            access = GroupAccess(x, y, group, run, w.full_width, mask)
            body(access, outer.index, column)

        if lanes % w.full_width == 0:
            with w.loop(0, run, w.full_width) as whole:
                write(whole.index, None)
        else:
            each_vector(w, run, w.full_width, write)


def emit_softmax(spec: KernelSpec) -> str:
    """Return the LLVM IR of softmax or log_softmax."""
    body = {
        SoftmaxKind.SOFTMAX: _softmax,
        SoftmaxKind.LOG_SOFTMAX: _log_softmax,
    }[SoftmaxKind(str(spec.option("kind")))]
    return groups_kernel(KernelWriter(spec, SOFTMAX_FIELDS), body)


def emit_layer_norm(spec: KernelSpec) -> str:
    """Return the LLVM IR of layer normalization."""
    return groups_kernel(KernelWriter(spec, LAYER_NORM_FIELDS), _layer_norm)


def _larger(w: KernelWriter, a: Value, b: Value) -> Value:
    return w.select(w.compare("ogt", b, a), b, a)


def _group_maximum(w: KernelWriter, g: GroupAccess) -> Value:
    return g.reduce(
        w,
        float("-inf"),
        lambda a, b: _larger(w, a, b),
        lambda member, mask: g.load(w, g.x, member, mask),
    )


def _softmax(w: KernelWriter, g: GroupAccess) -> None:
    top = _group_maximum(w, g)

    def grown(member: Value, mask: Value | None) -> Value:
        value = vm.exp(w, w.op("fsub", g.load(w, g.x, member, mask), top))
        g.store(w, value, member, mask)
        return value

    total = g.reduce(w, 0.0, lambda a, b: w.op("fadd", a, b), grown)

    def divide(member: Value, mask: Value | None) -> None:
        g.store(w, w.op("fdiv", g.load(w, g.y, member, mask), total), member, mask)

    g.each(w, divide)


def _log_softmax(w: KernelWriter, g: GroupAccess) -> None:
    top = _group_maximum(w, g)

    def grown(member: Value, mask: Value | None) -> Value:
        return vm.exp(w, w.op("fsub", g.load(w, g.x, member, mask), top))

    total = vm.log(w, g.reduce(w, 0.0, lambda a, b: w.op("fadd", a, b), grown))

    def shift(member: Value, mask: Value | None) -> None:
        shifted = w.op("fsub", g.load(w, g.x, member, mask), top)
        g.store(w, w.op("fsub", shifted, total), member, mask)

    g.each(w, shift)


def _layer_norm(w: KernelWriter, g: GroupAccess) -> None:
    kind = vector(F32, g.width)
    count = w.splat(w.cast("sitofp", g.length, F32), g.width)

    def plus(a: Value, b: Value) -> Value:
        return w.op("fadd", a, b)

    total = g.reduce(w, 0.0, plus, lambda j, mask: g.load(w, g.x, j, mask))
    mean = w.op("fdiv", total, count)

    def squared(member: Value, mask: Value | None) -> Value:
        distance = w.op("fsub", g.load(w, g.x, member, mask), mean)
        return w.op("fmul", distance, distance)

    variance = w.op("fdiv", g.reduce(w, 0.0, plus, squared), count)
    shifted = w.op("fadd", variance, w.float_argument("epsilon", g.width))
    inverse = w.op("fdiv", w.const(kind, 1.0), w.intrinsic("sqrt", shifted))
    gamma, beta = w.argument("gamma"), w.argument("beta")
    centred = w.spec.number("centred") == 1

    def scale(member: Value, mask: Value | None) -> None:
        value = g.load(w, g.x, member, mask)
        if centred:
            value = w.op("fsub", value, mean)
        factor = w.op("fmul", inverse, g.constant(w, gamma, member, mask))
        g.store(w, w.fma(value, factor, g.constant(w, beta, member, mask)), member, mask)

    g.each(w, scale)
