"""Kernels that fold groups of rows to one, and that run along them: sums, products, extremes, variances and their kin.

x is [outer][group] rows of `run` numbers, which are all samples of all inner rows: lanes make no difference. Vectors
hold numbers of a row, and a loop goes over the group; where a row is one number, vectors run along the group, and their
elements are folded at the end. Sample (sum over 7 rows of 20 numbers, AVX-512)::

    y[0:16]  = x[0][0:16] + x[1][0:16] + ... + x[6][0:16]
    y[16:20] = the same under a mask
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from engine.core.general_steps import Fold, Scan
from engine.core.target import Isa
from engine.kernels import double_math as dm
from engine.kernels import vector_math as vm
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.elementwise import larger, smaller
from engine.kernels.emit import F32, Value, vector
from engine.kernels.groups import GroupAccess
from engine.kernels.kernel_writer import KernelWriter, each_vector

FOLD_FAMILY = "fold"
SCAN_FAMILY = "scan"
KIND = "kind"
FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    *(Field(name, FieldKind.INT) for name in ("outer", "group", "run")),
)
FOLD_VARIANTS: Mapping[str, Collection[int | str]] = {KIND: tuple(Fold)}
SCAN_VARIANTS: Mapping[str, Collection[int | str]] = {KIND: tuple(Scan)}

_Combine = Callable[[Value, Value], Value]


def fold_spec(isa: Isa, fold: Fold) -> KernelSpec:
    """y[o] = fold over `group` rows of x[o]; every row has `run` numbers."""
    return KernelSpec(FOLD_FAMILY, isa, 1, None, ((KIND, fold.value),))


def scan_spec(isa: Isa, scan: Scan) -> KernelSpec:
    """y[o][j] = sum or product of x[o][0] to x[o][j]; every row has `run` numbers."""
    return KernelSpec(SCAN_FAMILY, isa, 1, None, ((KIND, scan.value),))


@dataclass(frozen=True, slots=True)
class _Group:
    """A group to fold, and the mask of the numbers of its rows where they do not fill a vector."""

    access: GroupAccess
    mask: Value | None

    def reduce(
        self, w: KernelWriter, start: float, combine: _Combine, term: Callable[[Value], Value]
    ) -> Value:
        """Combine what `term` makes of each vector of the group."""
        access = self.access

        def loaded(member: Value, mask: Value | None) -> Value:
            return term(access.load(w, access.x, member, self.mask or mask))

        return access.reduce(w, start, combine, loaded)


def emit_fold(spec: KernelSpec) -> str:
    """Return the LLVM IR of a fold."""
    w = KernelWriter(spec, FIELDS)
    fold = Fold(str(spec.option(KIND)))
    if fold in (Fold.ARGMAX, Fold.ARGMIN):
        _each_run(w, lambda group: _place_of_extreme(w, group, fold), stores=True)
        return w.finish()
    run = w.argument("run")
    with w.when(w.compare("eq", run, w.i64(1))):
        x, y, count = w.argument("x"), w.argument("y"), w.argument("group")
        with w.loop(0, w.argument("outer")) as outer:
            start, target = w.at(x, w.mul(outer.index, count), F32), w.at(y, outer.index, F32)
            along = GroupAccess(start, target, count, None, w.full_width)
            total = _folded(w, _Group(along, None), fold)
            first = total if w.full_width == 1 else _first(w, total)
            w.store(first, target)
    with w.when(w.compare("sgt", run, w.i64(1))):
        _each_run(w, lambda group: _folded(w, group, fold), stores=True)
    return w.finish()


def emit_scan(spec: KernelSpec) -> str:
    """Return the LLVM IR of a running sum or product."""
    w = KernelWriter(spec, FIELDS)
    opcode, start = ("fadd", 0.0) if spec.option(KIND) == Scan.SUM else ("fmul", 1.0)

    def scanned(group: _Group) -> Value:
        access = group.access
        first = w.const(vector(F32, access.width), start)
        with w.loop(0, access.length, carried=(first,)) as member:
            value = access.load(w, access.x, member.index, group.mask)
            total = w.op(opcode, member.carried[0], value)
            access.store(w, total, member.index, group.mask)
            member.carry((total,))
        return member.carried[0]

    _each_run(w, scanned, stores=False)
    return w.finish()


def _first(w: KernelWriter, value: Value) -> Value:
    return w.value(F32, f"extractelement {value}, i64 0", "one")


def _each_run(w: KernelWriter, function: Callable[[_Group], Value], *, stores: bool) -> None:
    """Write `function` for each vector of each outer group; its result is the vector of the folded row."""
    x, y = w.argument("x"), w.argument("y")
    run, count = w.argument("run"), w.argument("group")
    y_rows = w.i64(1) if stores else count
    with w.loop(0, w.argument("outer")) as outer:
        source = w.at(x, w.mul(outer.index, w.mul(count, run)), F32)
        target = w.at(y, w.mul(outer.index, w.mul(y_rows, run)), F32)

        def body(index: Value, mask: Value | None) -> None:
            place = w.at(target, index, F32)
            access = GroupAccess(w.at(source, index, F32), place, count, run, w.full_width)
            result = function(_Group(access, mask))
            if stores:
                w.store_part(result, place, mask)

        each_vector(w, run, w.full_width, body)


def _folded(w: KernelWriter, group: _Group, fold: Fold) -> Value:
    def plus(a: Value, b: Value) -> Value:
        return w.op("fadd", a, b)

    def same(x: Value) -> Value:
        return x

    match fold:
        case Fold.PRODUCT:
            # The rest of a vector along the group is loaded as zeros, which are left out by `GroupAccess.reduce`.
            return group.reduce(w, 1.0, lambda a, b: w.op("fmul", a, b), same)
        case Fold.MAXIMUM:
            return group.reduce(w, float("-inf"), lambda a, b: larger(w, a, b), same)
        case Fold.MINIMUM:
            return group.reduce(w, float("inf"), lambda a, b: smaller(w, a, b), same)
        case Fold.LOGSUMEXP:
            return _logsumexp(w, group, plus)
    total = group.reduce(w, 0.0, plus, same)
    if fold is Fold.SUM:
        return total
    count = w.splat(w.cast("sitofp", group.access.length, F32), group.access.width)
    mean = w.op("fdiv", total, count)
    if fold is Fold.MEAN:
        return mean

    def squared(x: Value) -> Value:
        distance = w.op("fsub", x, mean)
        return w.op("fmul", distance, distance)

    return w.op("fdiv", group.reduce(w, 0.0, plus, squared), count)


def _logsumexp(w: KernelWriter, group: _Group, plus: _Combine) -> Value:
    top = group.reduce(w, float("-inf"), lambda a, b: larger(w, a, b), lambda x: x)
    # What is infinite has no differences.
    finite = w.compare("one", vm.absolute(w, top), w.const(top.type, float("inf")))
    shift = w.select(finite, top, w.zero(top.type))
    total = group.reduce(w, 0.0, plus, lambda x: vm.exp(w, w.op("fsub", x, shift)))
    logarithm = dm.narrowed(w, dm.log(w, dm.widened(w, total)))
    return w.op("fadd", logarithm, shift)


def _place_of_extreme(w: KernelWriter, group: _Group, fold: Fold) -> Value:
    access = group.access
    predicate, worst = ("ogt", float("-inf")) if fold is Fold.ARGMAX else ("olt", float("inf"))
    kind = vector(F32, access.width)
    start = (w.const(kind, worst), w.zero(kind))
    with w.loop(0, access.length, carried=start) as member:
        best, place = member.carried
        value = access.load(w, access.x, member.index, group.mask)
        better = w.op("or", w.compare(predicate, value, best), w.compare("uno", value, value))
        better = w.op("and", better, w.compare("ord", best, best))
        here = w.splat(w.cast("sitofp", member.index, F32), access.width)
        member.carry((w.select(better, value, best), w.select(better, here, place)))
    return member.carried[1]
