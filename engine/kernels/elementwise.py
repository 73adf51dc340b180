"""Kernels over flat elements: activation alone, merges of several values, gated linear unit.

They do not depend on lanes: `elements` counts float32 values (sample size x lanes). x and y may be
the same place. Sample (add of two values, AVX-512)::

    %a = load <16 x float>, ptr %x0.i
    %b = load <16 x float>, ptr %x1.i
    %y = fadd <16 x float> %a, %b
    store <16 x float> %y, ptr %y.i        ; and the same once more under a mask for the rest
"""

from collections.abc import Callable, Collection, Mapping

from engine.core.errors import UnsupportedKernelError
from engine.core.functions import MAX_MERGE_INPUTS, FusedActivation, MergeOp
from engine.core.target import Isa
from engine.kernels.abi import ARGUMENT_FIELDS, Field, FieldKind, KernelSpec
from engine.kernels.activations import apply, load_parameters
from engine.kernels.emit import F32, Value, vector
from engine.kernels.kernel_writer import KernelWriter, each_vector
from engine.kernels.vector_math import sigmoid

ACTIVATION_FAMILY = "activation"
MERGE_FAMILY = "merge"
GLU_FAMILY = "glu"

ACTIVATION_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("elements", FieldKind.INT),
    *ARGUMENT_FIELDS,
)
GLU_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("outer", FieldKind.INT),
    Field("elements", FieldKind.INT),
)


MERGE_VARIANTS: Mapping[str, Collection[int | str]] = {
    "inputs": range(1, MAX_MERGE_INPUTS + 1),
    "op": tuple(MergeOp),
}


def activation_spec(isa: Isa, function: FusedActivation) -> KernelSpec:
    """y[i] = f(x[i]) for `elements`; LINEAR copies."""
    return KernelSpec(ACTIVATION_FAMILY, isa, 1, function)


def merge_spec(isa: Isa, merge: MergeOp, inputs: int) -> KernelSpec:
    """y[i] = x0[i] (op) x1[i] (op) ..., left to right; average divides the sum by the count."""
    return KernelSpec(MERGE_FAMILY, isa, 1, None, (("inputs", inputs), ("op", merge.value)))


def glu_spec(isa: Isa) -> KernelSpec:
    """y[o][i] = x[o][i] * sigmoid(x[o][elements + i]) for `outer` blocks o of `elements` results."""
    return KernelSpec(GLU_FAMILY, isa, 1)


def merge_fields(spec: KernelSpec) -> tuple[Field, ...]:
    """Fields of a merge kernel: x0 .. x(n-1), y, elements."""
    inputs = (Field(f"x{place}", FieldKind.ARENA) for place in range(spec.number("inputs")))
    return (*inputs, Field("y", FieldKind.ARENA), Field("elements", FieldKind.INT))


def emit_activation(spec: KernelSpec) -> str:
    """Return the LLVM IR of an activation kernel."""
    w = KernelWriter(spec, ACTIVATION_FIELDS)
    x, y = w.argument("x"), w.argument("y")
    width = w.full_width
    parameters = load_parameters(w, width)

    def body(index: Value, mask: Value | None) -> None:
        value = w.load_part(vector(F32, width), w.at(x, index, F32), mask)
        w.store_part(apply(w, value, parameters), w.at(y, index, F32), mask)

    each_vector(w, w.argument("elements"), width, body)
    return w.finish()


def emit_merge(spec: KernelSpec) -> str:
    """Return the LLVM IR of a merge kernel.

    Raises:
        UnsupportedKernelError: subtract of other than two values.
    """
    merge, count = MergeOp(str(spec.option("op"))), spec.number("inputs")
    if merge is MergeOp.SUBTRACT and count != 2:
        raise UnsupportedKernelError(spec.symbol, "two inputs for subtract")
    w = KernelWriter(spec, merge_fields(spec))
    inputs = [w.argument(f"x{place}") for place in range(count)]
    y = w.argument("y")
    kind = vector(F32, w.full_width)

    def body(index: Value, mask: Value | None) -> None:
        values = [w.load_part(kind, w.at(base, index, F32), mask) for base in inputs]
        total = values[0]
        for value in values[1:]:
            total = _COMBINE[merge](w, total, value)
        if merge is MergeOp.AVERAGE:
            total = w.op("fdiv", total, w.const(kind, float(count)))
        w.store_part(total, w.at(y, index, F32), mask)

    each_vector(w, w.argument("elements"), w.full_width, body)
    return w.finish()


def emit_glu(spec: KernelSpec) -> str:
    """Return the LLVM IR of a gated linear unit."""
    w = KernelWriter(spec, GLU_FIELDS)
    x, y, elements = w.argument("x"), w.argument("y"), w.argument("elements")
    kind = vector(F32, w.full_width)
    with w.loop(0, w.argument("outer")) as block:
        x_block = w.at(x, w.mul(w.mul(block.index, elements), 2), F32)
        gates = w.at(x_block, elements, F32)
        y_block = w.at(y, w.mul(block.index, elements), F32)

        def body(index: Value, mask: Value | None) -> None:
            value = w.load_part(kind, w.at(x_block, index, F32), mask)
            gate = w.load_part(kind, w.at(gates, index, F32), mask)
            result = w.op("fmul", value, sigmoid(w, gate))
            w.store_part(result, w.at(y_block, index, F32), mask)

        each_vector(w, elements, w.full_width, body)
    return w.finish()


def _arithmetic(opcode: str) -> Callable[[KernelWriter, Value, Value], Value]:
    return lambda w, a, b: w.op(opcode, a, b)


def _extreme(predicate: str) -> Callable[[KernelWriter, Value, Value], Value]:
    """Maximum or minimum as NumPy's: NaN where either is NaN."""

    def combine(w: KernelWriter, a: Value, b: Value) -> Value:
        chosen = w.select(w.compare(predicate, a, b), a, b)  # b where one is NaN
        return w.select(w.compare("uno", a, a), a, chosen)

    return combine


larger = _extreme("ogt")
smaller = _extreme("olt")

_COMBINE = {
    MergeOp.ADD: _arithmetic("fadd"),
    MergeOp.AVERAGE: _arithmetic("fadd"),
    MergeOp.SUBTRACT: _arithmetic("fsub"),
    MergeOp.MULTIPLY: _arithmetic("fmul"),
    MergeOp.MAXIMUM: larger,
    MergeOp.MINIMUM: smaller,
}
