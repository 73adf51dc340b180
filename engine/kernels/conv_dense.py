"""Dense convolution: blocks of output channels meet blocks of positions, one weight of the window after another.

The input lies as `engine.kernels.conv_rows` says. Per weight of a window, the vectors of the block are loaded once and
meet one weight of each of R output channels::

    ; 3 channels, 7 vectors of positions on AVX-512: 21 independent sums
    %o = offsets[t]
    %x0 = load x0 + %o; ... %x6 = load x6 + %o
    %w0 = broadcast weights[t][0]
    %acc00 = fmuladd %w0, %x0, %acc00
    ...

offsets  u32[taps]                              bytes behind an element's place in the first channel of its group
weights  f32[groups][blocks][taps][R]           zeros behind the last channel of a group

Long sums are added in blocks (`engine.kernels.sum_blocks`).

With `copies` the weights of a window go in panels of `panel_taps`: what a panel meets of the block is first copied into
whole lines, and stays in the nearest cache while all output channels meet it. Sums of a panel start from zeros and are
added to those in y. Then weights lie f32[groups][panels][blocks][taps of the panel][R].
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from engine.core.errors import UnsupportedKernelError
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.activations import load_parameters
from engine.kernels.emit import F32, I32, I64, Value, vector
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.position_blocks import (
    BLOCK_FIELDS,
    BLOCK_VARIANTS,
    COPIES,
    SUMS,
    VECTORS,
    Block,
    Results,
    channel,
    copied_block,
    copy_room,
    each_block,
    near_sums,
    results,
    store_channel,
    store_near,
    with_added,
    without_function,
)
from engine.kernels.position_blocks import (
    OPTIONAL_VARIANTS as OPTIONAL_BLOCK_VARIANTS,
)
from engine.kernels.sum_blocks import sum_in_blocks

FAMILY = "conv_dense"
ROWS = "rows"
# How long before their use weights are asked for: two pages, as in `engine.kernels.dense_gemm`.
AHEAD_BYTES = 8192
VARIANTS: Mapping[str, Collection[int | str]] = {**BLOCK_VARIANTS, ROWS: range(1, 25)}

_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("offsets", FieldKind.CONST),
    Field("weights", FieldKind.CONST),
    Field("bias", FieldKind.CONST),
    Field("taps", FieldKind.INT),
    Field("groups", FieldKind.INT),
    Field("group_units", FieldKind.INT),
    Field("group_bytes", FieldKind.INT),
    *BLOCK_FIELDS,
)
_COPY_FIELDS = (Field("panel_taps", FieldKind.INT),)
OPTIONAL_VARIANTS: Mapping[str, Collection[int | str]] = {**OPTIONAL_BLOCK_VARIANTS, COPIES: (1,)}


def fields(spec: KernelSpec) -> tuple[Field, ...]:
    """Return the argument fields of a specification."""
    copies = COPIES in dict(spec.variant)
    return (*with_added(spec.variant), *(_COPY_FIELDS if copies else ()), *_FIELDS)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a dense convolution.

    Raises:
        UnsupportedKernelError: more sums than there are registers.
    """
    if spec.number(ROWS) * spec.number(VECTORS) > SUMS[spec.isa]:
        raise UnsupportedKernelError(spec.symbol, f"rows times vectors up to {SUMS[spec.isa]}")
    w = KernelWriter(spec, fields(spec))
    to = results(w, load_parameters(w, w.full_width))
    if COPIES in dict(spec.variant):
        return _emit_copying(w, to)
    rows, units = spec.number(ROWS), w.argument("group_units")
    group_bytes = w.argument("group_bytes")
    stride = w.mul(w.argument("taps"), rows)
    start = w.argument("weights")

    def block(one: Block) -> None:
        with w.loop(0, w.argument("groups"), carried=(start,)) as group:
            shift = w.mul(group.index, group_bytes)
            here = replace(one, inputs=tuple(w.at(x, shift) for x in one.inputs))
            first = w.mul(group.index, units)
            end = w.add(first, units)
            with w.loop(first, end, rows, carried=group.carried) as unit:
                (weights,) = unit.carried
                sums = _sums(w, here, weights)
                _store(w, sums, here, unit.index, end, to)
                unit.carry((w.at(weights, stride, F32),))
            group.carry(unit.carried)

    each_block(w, w.argument("x"), block)
    return w.finish()


def _emit_copying(w: KernelWriter, to: Results) -> str:
    """Write the form that copies: positions, groups, panels of weights, output channels."""
    rows, units = w.spec.number(ROWS), w.argument("group_units")
    room, taps, size = copy_room(w), w.argument("taps"), w.argument("panel_taps")
    count = w.value(I64, f"udiv {w.add(taps, w.add(size, -1))}, {size.name}")

    def block(one: Block) -> None:
        with w.loop(0, w.argument("groups"), carried=(w.argument("weights"),)) as group:
            shift = w.mul(group.index, w.argument("group_bytes"))
            source = replace(one, inputs=tuple(w.at(x, shift) for x in one.inputs))
            first = w.mul(group.index, units)
            with w.loop(0, count, carried=group.carried) as panel:
                start = w.mul(panel.index, size)
                end = w.intrinsic("smin", w.add(start, size), taps)
                here = copied_block(w, source, w.argument("offsets"), (start, end), room)
                length = w.op("sub", end, start)
                is_first = w.compare("eq", panel.index, w.i64(0))
                is_last = w.compare("eq", w.add(panel.index, 1), count)
                with w.loop(first, w.add(first, units), rows, carried=panel.carried) as unit:
                    (weights,) = unit.carried
                    sums = _copied_sums(w, here, weights, length)
                    limit = w.add(first, units)
                    _store_panel(w, sums, here, (unit.index, limit), (to, is_first, is_last))
                    unit.carry((w.at(weights, w.mul(length, rows), F32),))
                panel.carry(unit.carried)
            group.carry(panel.carried)

    each_block(w, w.argument("x"), block)
    return w.finish()


def _copied_sums(w: KernelWriter, block: Block, weights: Value, length: Value) -> list[Value]:
    """Return the sums of a block of channels over a panel, whose runs lie one after the other."""
    rows, vectors = w.spec.number(ROWS), len(block.inputs)
    kind = vector(F32, w.full_width)
    run_bytes = 4 * w.full_width * vectors
    with w.loop(0, length, carried=[w.zero(kind)] * (rows * vectors)) as tap:
        offset = w.mul(tap.index, run_bytes)
        operands = [w.load(kind, w.at(start, offset)) for start in block.inputs]
        here = w.at(weights, w.mul(tap.index, rows), F32)
        w.prefetch(w.at(here, AHEAD_BYTES))
        following = []
        for row in range(rows):
            weight = w.splat(w.load(F32, w.at(here, row, F32)), w.full_width)
            totals = tap.carried[row * vectors : (row + 1) * vectors]
            pairs = zip(operands, totals, strict=True)
            following += [w.fma(weight, operand, total) for operand, total in pairs]
        tap.carry(following)
    return list(tap.carried)


def _store_panel(
    w: KernelWriter,
    sums: Sequence[Value],
    block: Block,
    bounds: tuple[Value, Value],
    to: tuple[Results, Value, Value],
) -> None:
    """Store the channels that exist, from the first value of `bounds` on: their sums so far, or their results."""
    vectors = len(block.inputs)
    results, first, last = to
    for row in range(w.spec.number(ROWS)):
        number = w.add(bounds[0], row)
        own = sums[row * vectors : (row + 1) * vectors]
        with w.when(w.compare("slt", number, bounds[1])):
            bias = w.load(F32, w.at(w.argument("bias"), number, F32))
            near = near_sums(w, own, block, channel(w, results.y, number), first)
            with w.when(last):
                store_near(w, near, block, number, results, bias)
            with w.when(w.op("xor", last, Value(last.type, "true"))):
                store_near(w, near, block, number, without_function(results), None)


def _sums(w: KernelWriter, block: Block, weights: Value) -> list[Value]:
    """Return the sums of a block of channels, channel by channel."""
    rows, vectors = w.spec.number(ROWS), len(block.inputs)
    kind = vector(F32, w.full_width)
    zeros = [w.zero(kind)] * (rows * vectors)
    offsets = w.argument("offsets")

    def taps(first: Value, end: Value) -> Sequence[Value]:
        with w.loop(first, end, carried=zeros) as tap:
            offset = w.cast("zext", w.load(I32, w.at(offsets, tap.index, I32)), I64)
            operands = [w.load(kind, w.at(start, offset)) for start in block.inputs]
            here = w.at(weights, w.mul(tap.index, rows), F32)
            w.prefetch(w.at(here, AHEAD_BYTES))
            following = []
            for row in range(rows):
                weight = w.splat(w.load(F32, w.at(here, row, F32)), w.full_width)
                totals = tap.carried[row * vectors : (row + 1) * vectors]
                following += [
                    w.fma(weight, operand, total)
                    for operand, total in zip(operands, totals, strict=True)
                ]
            tap.carry(following)
        return tap.carried

    return sum_in_blocks(w, w.argument("taps"), zeros, taps)


def _store(
    w: KernelWriter, sums: Sequence[Value], block: Block, first: Value, end: Value, to: Results
) -> None:
    """Store the channels that exist."""
    vectors = len(block.inputs)
    bias = w.argument("bias")
    for row in range(w.spec.number(ROWS)):
        number = w.add(first, row)
        with w.when(w.compare("slt", number, end)):
            own = sums[row * vectors : (row + 1) * vectors]
            store_channel(w, own, block, number, to, w.load(F32, w.at(bias, number, F32)))
