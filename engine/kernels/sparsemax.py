"""Sparsemax over groups of rows, as Keras computes it.

Ranks come from counting instead of sorting: for member j of a group z,

    k_j = 1 + #{i before j}         c_j = z_j + sum of z_i before j
    "i before j" means z_i > z_j, or z_i = z_j and i < j

which are the place and the cumulative sum that a stable descending sort would give. The cost is
quadratic in the group, without branches and over all lanes at once. Then, as in Keras (which sums
the cumulative sums over the support, where Martins & Astudillo 2016 take the last of them):

    support = z_j - (c_j - 1) / k_j > 0
    tau = (sum of c_j over the support - 1) / size of the support
    y_j = max(z_j - tau, 0)
"""

from engine.core.target import Isa
from engine.kernels import vector_math as vm
from engine.kernels.abi import KernelSpec
from engine.kernels.emit import F32, I1, Value, vector
from engine.kernels.groups import SOFTMAX_FIELDS, GroupAccess, each_group
from engine.kernels.kernel_writer import KernelWriter

FAMILY = "sparsemax"
FIELDS = SOFTMAX_FIELDS


def sparsemax_spec(isa: Isa, lanes: int) -> KernelSpec:
    """y = sparsemax(x) over each group; fields as softmax."""
    return KernelSpec(FAMILY, isa, lanes)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of sparsemax."""
    w = KernelWriter(spec, FIELDS)
    with each_group(w) as accesses:
        for access in accesses:
            _sparsemax(w, access)
    return w.finish()


def _sparsemax(w: KernelWriter, g: GroupAccess) -> None:
    kind = vector(F32, g.width)
    one = w.const(kind, 1.0)
    with w.loop(0, g.length, carried=(w.zero(kind), w.zero(kind))) as outer:
        value = g.load(w, g.x, outer.index, None)
        place, running = _rank(w, g, outer.index, value)
        bound = w.op("fdiv", w.op("fsub", running, one), place)
        inside = w.compare("ogt", w.op("fsub", value, bound), w.zero(kind))
        total, size = outer.carried
        total = w.op("fadd", total, w.select(inside, running, w.zero(kind)))
        outer.carry((total, w.op("fadd", size, w.select(inside, one, w.zero(kind)))))
    total, size = outer.carried
    tau = w.op("fdiv", w.op("fsub", total, one), size)

    def store(member: Value, mask: Value | None) -> None:
        value = w.op("fsub", g.load(w, g.x, member, mask), tau)
        g.store(w, vm.maximum(w, value, 0.0), member, mask)

    g.each(w, store)


def _rank(w: KernelWriter, g: GroupAccess, member: Value, value: Value) -> tuple[Value, Value]:
    """Return the place (from 1) and the cumulative sum of a member in descending order."""
    kind = value.type
    one = w.const(kind, 1.0)
    with w.loop(0, g.length, carried=(one, value)) as inner:
        other = g.load(w, g.x, inner.index, None)
        earlier = w.splat(w.compare("slt", inner.index, member), g.width)
        ties = w.compare("oeq", other, value)
        tied = w.value(vector(I1, g.width), f"and {ties}, {earlier.name}", "tied")
        larger = w.compare("ogt", other, value)
        before = w.value(vector(I1, g.width), f"or {larger}, {tied.name}", "before")
        place, running = inner.carried
        place = w.op("fadd", place, w.select(before, one, w.zero(kind)))
        inner.carry((place, w.op("fadd", running, w.select(before, other, w.zero(kind)))))
    return inner.carried[0], inner.carried[1]
