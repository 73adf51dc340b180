"""Depthwise convolution over channels that are not padded: elements beyond a border are left out by masks.

The input lies as `engine.formats.masked_windows` says; vectors run over positions and samples as one, and the last ones
of a channel end with its last element. Sample (4 vectors, AVX-512)::

    %w = broadcast weights[c][t]
    %k0 = masks[block][t][0]
    %x0 = masked load x + 64 * 4 * block + shifts[t], %k0      ; zero where there is nothing
    %acc0 = fmuladd %w, %x0, %acc0
    ...

`multiplier` outputs in a row read the same channel.
"""

from collections.abc import Collection, Mapping

from engine.core.functions import FusedActivation
from engine.core.target import Isa
from engine.formats.position_vectors import Stores
from engine.kernels.abi import ARGUMENT_FIELDS, Field, FieldKind, KernelSpec
from engine.kernels.activations import Parameters, apply, load_parameters
from engine.kernels.emit import F32, I1, I16, I32, I64, Value, vector
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.position_blocks import MOST_VECTORS, STORES, VECTORS

FAMILY = "window_masked"
ISAS = (Isa.AVX512,)
VARIANTS: Mapping[str, Collection[int | str]] = {
    STORES: (Stores.WHOLE, Stores.FRONT),
    VECTORS: range(1, MOST_VECTORS + 1),
}
FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("shifts", FieldKind.CONST),
    Field("masks", FieldKind.CONST),
    Field("weights", FieldKind.CONST),
    Field("bias", FieldKind.CONST),
    Field("taps", FieldKind.INT),
    Field("channels", FieldKind.INT),
    Field("multiplier", FieldKind.INT),
    Field("x_bytes", FieldKind.INT),
    Field("y_bytes", FieldKind.INT),
    Field("elements", FieldKind.INT),
    Field("blocks", FieldKind.INT),
    *ARGUMENT_FIELDS,
)


def masked_spec(isa: Isa, lanes: int, activation: FusedActivation, elements: int) -> KernelSpec:
    """Return the kernel for channels of so many elements, samples counted."""
    count = -(-elements // isa.vector_floats)
    size = min(range(1, MOST_VECTORS + 1), key=lambda size: (-(-count // size) * (size + 1), -size))
    stores = Stores.WHOLE if elements >= isa.vector_floats else Stores.FRONT
    return KernelSpec(FAMILY, isa, lanes, activation, ((STORES, stores.value), (VECTORS, size)))


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a depthwise convolution without padding."""
    w = KernelWriter(spec, FIELDS)
    parameters = load_parameters(w, w.full_width)
    x, y, multiplier = w.argument("x"), w.argument("y"), w.argument("multiplier")
    with w.loop(0, w.argument("channels")) as channel:
        source = w.at(x, w.mul(channel.index, w.argument("x_bytes")))
        first = w.mul(channel.index, multiplier)
        with w.loop(first, w.add(first, multiplier)) as output:
            target = w.at(y, w.mul(output.index, w.argument("y_bytes")))
            _emit_channel(w, source, target, output.index, parameters)
    return w.finish()


def _emit_channel(
    w: KernelWriter, source: Value, target: Value, number: Value, parameters: Parameters
) -> None:
    """Write the blocks of one output."""
    size, width, taps = w.spec.number(VECTORS), w.full_width, w.argument("taps")
    elements = w.argument("elements")
    last = w.intrinsic("smax", w.add(elements, -width), w.i64(0))
    weights = w.at(w.argument("weights"), w.mul(number, taps), F32)
    bias = w.splat(w.load(F32, w.at(w.argument("bias"), number, F32)), width)
    front = None
    if w.spec.option(STORES) == Stores.FRONT:
        front = w.first_lanes(elements, width)
    with w.loop(0, w.argument("blocks")) as block:
        first = w.mul(block.index, size * width)
        starts = [w.intrinsic("smin", w.add(first, place * width), last) for place in range(size)]
        masks = w.at(w.argument("masks"), w.mul(w.mul(block.index, taps), size), I16)
        inputs = [w.at(source, start, F32) for start in starts]
        for start, total in zip(starts, _sums(w, inputs, weights, masks), strict=True):
            value = apply(w, w.op("fadd", total, bias), parameters)
            w.store_part(value, w.at(target, start, F32), front)


def _sums(w: KernelWriter, inputs: list[Value], weights: Value, masks: Value) -> tuple[Value, ...]:
    """Return what the windows of a block come to, one vector for each of its vectors."""
    width, size = w.full_width, len(inputs)
    kind = vector(F32, width)
    with w.loop(0, w.argument("taps"), carried=[w.zero(kind)] * size) as tap:
        shift = w.cast("sext", w.load(I32, w.at(w.argument("shifts"), tap.index, I32)), I64)
        weight = w.splat(w.load(F32, w.at(weights, tap.index, F32)), width)
        row = w.at(masks, w.mul(tap.index, size), I16)
        following = []
        for place, (start, total) in enumerate(zip(inputs, tap.carried, strict=True)):
            bits = w.load(f"i{width}", w.at(row, place, I16), 2)
            mask = w.value(vector(I1, width), f"bitcast {bits} to {vector(I1, width)}", "mask")
            operand = w.masked_load(kind, w.at(start, shift), mask)
            following.append(w.fma(weight, operand, total))
        tap.carry(following)
    return tap.carried
