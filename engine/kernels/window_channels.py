"""Windows over each channel by itself: depthwise convolution, largest element, average.

The input lies as `engine.kernels.conv_rows` says; for the largest element its padding holds the lowest number. Vectors
run along positions. Sample (depthwise, 4 vectors)::

    %w = broadcast weights[c][t]
    %o = offsets[t]
    %acc0 = fmuladd %w, load x0 + %o, %acc0
    ...

With `staged` the input is no such value yet: each channel is first moved to `scratch`, as `engine.kernels.moves` moves
channels, and its windows are computed while it is in the nearest cache.

`multiplier` outputs in a row read the same channel of the input. Averages are sums over `counts`, the number of real
elements of each window: float32[blocks][vectors][width], one for each element of each vector.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

from engine.kernels import moves
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.activations import load_parameters
from engine.kernels.elementwise import larger
from engine.kernels.emit import F32, I32, I64, Value, vector
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.position_blocks import (
    BLOCK_FIELDS,
    BLOCK_VARIANTS,
    Block,
    each_block,
    results,
    store_channel,
)

FAMILY = "window_channels"
KIND = "kind"


class WindowKind(StrEnum):
    """What is made of the elements of a window."""

    WEIGHTED = "weighted"
    MAXIMUM = "maximum"
    AVERAGE = "average"


STAGED = "staged"
VARIANTS: Mapping[str, Collection[int | str]] = {**BLOCK_VARIANTS, KIND: tuple(WindowKind)}
OPTIONAL_VARIANTS: Mapping[str, Collection[int | str]] = {STAGED: (1,)}

_START = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("offsets", FieldKind.CONST),
)
_END = (
    Field("taps", FieldKind.INT),
    Field("channels", FieldKind.INT),
    Field("multiplier", FieldKind.INT),
    Field("x_bytes", FieldKind.INT),
    *BLOCK_FIELDS,
)
_CONSTANTS = {
    WindowKind.WEIGHTED: (Field("weights", FieldKind.CONST), Field("bias", FieldKind.CONST)),
    WindowKind.MAXIMUM: (),
    WindowKind.AVERAGE: (Field("counts", FieldKind.CONST),),
}


def fields(spec: KernelSpec) -> tuple[Field, ...]:
    """Return the argument fields of a specification."""
    staging = (Field("scratch", FieldKind.ARENA), *moves.CHANNEL_FIELDS)
    return (
        *_START,
        *_CONSTANTS[WindowKind(str(spec.option(KIND)))],
        *(staging if STAGED in dict(spec.variant) else ()),
        *_END,
    )


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a window kernel: `channels` runs of `multiplier` outputs."""
    kind = WindowKind(str(spec.option(KIND)))
    w = KernelWriter(spec, fields(spec))
    to = results(w, load_parameters(w, w.full_width))
    x, multiplier = w.argument("x"), w.argument("multiplier")
    if STAGED in dict(spec.variant):
        moves.emit_filling(w, w.argument("scratch"))  # boxes of all channels leave the same rows
    with w.loop(0, w.argument("channels")) as channel:
        start = w.at(x, w.mul(channel.index, w.argument("x_bytes")))
        if STAGED in dict(spec.variant):
            scratch = w.argument("scratch")
            moves.emit_boxes(w, start, scratch)
            start = scratch
        first = w.mul(channel.index, multiplier)
        with w.loop(first, w.add(first, multiplier)) as output:
            number = output.index

            def block(one: Block) -> None:
                sums = _combined(w, one, number, kind)
                bias = None
                if kind is WindowKind.WEIGHTED:
                    bias = w.load(F32, w.at(w.argument("bias"), number, F32))
                store_channel(w, sums, one, number, to, bias)

            each_block(w, start, block)
    return w.finish()


def _combined(w: KernelWriter, block: Block, number: Value, kind: WindowKind) -> list[Value]:
    """Return what the windows of a block come to, one vector for each of its vectors."""
    wide = vector(F32, w.full_width)
    taps, offsets = w.argument("taps"), w.argument("offsets")
    lowest = float("-inf") if kind is WindowKind.MAXIMUM else 0.0
    start = [w.const(wide, lowest)] * len(block.inputs)
    weights = None
    if kind is WindowKind.WEIGHTED:
        weights = w.at(w.argument("weights"), w.mul(number, taps), F32)
    with w.loop(0, taps, carried=start) as tap:
        offset = w.cast("zext", w.load(I32, w.at(offsets, tap.index, I32)), I64)
        operands = [w.load(wide, w.at(place, offset)) for place in block.inputs]
        if weights is not None:
            weight = w.splat(w.load(F32, w.at(weights, tap.index, F32)), w.full_width)
            pairs = zip(operands, tap.carried, strict=True)
            tap.carry([w.fma(weight, operand, total) for operand, total in pairs])
        else:
            pairs = zip(operands, tap.carried, strict=True)
            tap.carry([_joined(w, kind, total, operand) for operand, total in pairs])
    if kind is not WindowKind.AVERAGE:
        return list(tap.carried)
    width, count = w.full_width, len(block.inputs)
    counts = w.at(w.argument("counts"), w.mul(block.number, width * count), F32)
    return [
        w.op("fdiv", total, w.load(wide, w.at(counts, place * width, F32)))
        for place, total in enumerate(tap.carried)
    ]


def _joined(w: KernelWriter, kind: WindowKind, total: Value, operand: Value) -> Value:
    if kind is WindowKind.MAXIMUM:
        return larger(w, total, operand)
    return w.op("fadd", total, operand)
