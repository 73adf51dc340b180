"""Sparse convolution: every weight that is not zero meets a block of positions, at an offset into the input.

The input lies in channels of rows, with padding around the positions where windows reach beyond them, so that a weight
of a window is nothing but an offset (Park et al., Faster CNNs with Direct Sparse Convolutions and Guided Pruning, ICLR
2017, section 2.1). For a block of positions, rows of weights (output channels) of equal length are computed together::

    ; 2 rows, 7 vectors of positions on AVX-512: 14 independent sums
    %w0 = broadcast values[l][0]
    %o0 = offsets[l][0]
    %acc00 = fmuladd %w0, load x0 + %o0, %acc00       ; vfmadd231ps zmm, zmm, [x0 + o0]
    %acc01 = fmuladd %w0, load x1 + %o0, %acc01       ; vectors of a block have an address each
    ...

panels   u32[panels + 1][3]    first bucket, first group, first entry of each panel of weights
buckets  u32[buckets][2]       weights of a row, number of groups
rows     u32[groups][R]        output channels of a group; the last row of a bucket fills its last group
offsets  u32 per group [L][R]  bytes behind an element's place in the first channel
values   f32 per group [L][R]  weights

A panel is a run of input channels whose part of the block stays in the first-level cache. Sums of a panel start from
zeros and are added to those of the panels before, which are in y. Where there are several panels, no position is in
two blocks.

With `copies` the part of the block that a panel meets is first copied, one run of whole lines for each weight of a
window: vectors that begin anywhere lie in two lines each, and each of them is met by many rows. Then `columns` says
where in the input a run comes from, `starts` with which run a panel begins, and offsets are those in the copy.

columns  u32[weights of a row]   bytes behind an element's place in the first channel
starts   u32[panels + 1]

A 1 x 1 convolution of stride 1 is the product of a sparse matrix with the matrix [channels][positions].
"""

from collections.abc import Collection, Mapping, Sequence

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

FAMILY = "conv_rows"
ROWS = "rows"
PANELS = "panels"
ONE, SEVERAL = "one", "several"
VARIANTS: Mapping[str, Collection[int | str]] = {
    **BLOCK_VARIANTS,
    PANELS: (ONE, SEVERAL),
    ROWS: (1, 2, 3, 4),
}
OPTIONAL_VARIANTS: Mapping[str, Collection[int | str]] = {**OPTIONAL_BLOCK_VARIANTS, COPIES: (1,)}

_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("panels", FieldKind.CONST),
    Field("buckets", FieldKind.CONST),
    Field("rows", FieldKind.CONST),
    Field("offsets", FieldKind.CONST),
    Field("values", FieldKind.CONST),
    Field("bias", FieldKind.CONST),
    Field("panel_count", FieldKind.INT),
    *BLOCK_FIELDS,
)

_COPY_FIELDS = (Field("columns", FieldKind.CONST), Field("starts", FieldKind.CONST))


def fields(spec: KernelSpec) -> tuple[Field, ...]:
    """Return the argument fields of a specification."""
    copies = COPIES in dict(spec.variant)
    return (*with_added(spec.variant), *(_COPY_FIELDS if copies else ()), *_FIELDS)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a sparse convolution.

    Raises:
        UnsupportedKernelError: more sums than there are registers.
    """
    if spec.number(ROWS) * spec.number(VECTORS) > SUMS[spec.isa]:
        raise UnsupportedKernelError(spec.symbol, f"rows times vectors up to {SUMS[spec.isa]}")
    w = KernelWriter(spec, fields(spec))
    to = results(w, load_parameters(w, w.full_width))
    count = w.argument("panel_count")
    room = None
    if COPIES in dict(spec.variant):
        room = copy_room(w)

    def block(one: Block) -> None:
        with w.loop(0, count) as panel:
            places = None
            if spec.option(PANELS) == SEVERAL:
                first = w.compare("eq", panel.index, w.i64(0))
                places = (first, w.compare("eq", w.add(panel.index, 1), count))
            here = one
            if room is not None:
                start = w.at(w.argument("starts"), panel.index, I32)
                ends = [w.load(I32, w.at(start, place, I32)) for place in (0, 1)]
                bounds = (w.cast("zext", ends[0], I64), w.cast("zext", ends[1], I64))
                here = copied_block(w, one, w.argument("columns"), bounds, room)
            _emit_panel(w, here, panel.index, to, places)

    each_block(w, w.argument("x"), block)
    return w.finish()


def _emit_panel(
    w: KernelWriter, block: Block, panel: Value, to: Results, places: tuple[Value, Value] | None
) -> None:
    """Write all buckets of one panel."""
    entry = w.at(w.argument("panels"), w.mul(panel, 3), I32)
    numbers = [w.cast("zext", w.load(I32, w.at(entry, place, I32)), I64) for place in (0, 1, 2, 3)]
    streams = (
        w.at(w.argument("rows"), w.mul(numbers[1], w.spec.number(ROWS)), I32),
        w.at(w.argument("offsets"), numbers[2], I32),
        w.at(w.argument("values"), numbers[2], F32),
    )
    with w.loop(numbers[0], numbers[3], carried=streams) as bucket:
        row = w.at(w.argument("buckets"), w.mul(bucket.index, 2), I32)
        length = w.cast("zext", w.load(I32, row), I64)
        groups = w.cast("zext", w.load(I32, w.at(row, 1, I32)), I64)
        with w.loop(0, groups, carried=bucket.carried) as group:
            group.carry(_emit_group(w, block, group.carried, length, (to, places)))
        bucket.carry(group.carried)


def _emit_group(
    w: KernelWriter,
    block: Block,
    streams: Sequence[Value],
    length: Value,
    to: tuple[Results, tuple[Value, Value] | None],
) -> tuple[Value, ...]:
    """Write one group of rows; the streams behind it.

    Args:
        w: the kernel's writer.
        block: the positions.
        streams: addresses of the group's rows, offsets and weights.
        length: weights of each row.
        to: where results go; and whether the panel is the first, and the last, where there may be several.
    """
    rows_stream, offsets, values = streams
    rows = w.spec.number(ROWS)
    vectors = len(block.inputs)
    zero = w.zero(vector(F32, w.full_width))
    with w.loop(0, length, carried=(offsets, values, *[zero] * (rows * vectors))) as step:
        here_offsets, here_values, *sums = step.carried
        following: list[Value] = []
        for row in range(rows):
            weight = w.splat(w.load(F32, w.at(here_values, row, F32)), w.full_width)
            offset = w.cast("zext", w.load(I32, w.at(here_offsets, row, I32)), I64)
            for place, start in enumerate(block.inputs):
                operand = w.load(zero.type, w.at(start, offset))
                following.append(w.fma(weight, operand, sums[row * vectors + place]))
        step.carry((w.at(here_offsets, rows, I32), w.at(here_values, rows, F32), *following))
    offsets, values, *totals = step.carried
    numbers = [w.cast("zext", w.load(I32, w.at(rows_stream, row, I32)), I64) for row in range(rows)]
    parts = [totals[row * vectors : (row + 1) * vectors] for row in range(rows)]
    _store(w, block, numbers, parts, to)
    return (w.at(rows_stream, rows, I32), offsets, values)


def _store(
    w: KernelWriter,
    block: Block,
    numbers: Sequence[Value],
    sums: Sequence[Sequence[Value]],
    to: tuple[Results, tuple[Value, Value] | None],
) -> None:
    """Store the rows of a group.

    A row that is in a group twice, and a vector that is in a block twice, are read before either is stored.
    """
    results, places = to
    bias = [w.load(F32, w.at(w.argument("bias"), number, F32)) for number in numbers]
    if places is None:
        for number, own, one in zip(numbers, sums, bias, strict=True):
            store_channel(w, own, block, number, results, one)
        return
    first, last = places
    near = [
        near_sums(w, own, block, channel(w, results.y, number), first)
        for number, own in zip(numbers, sums, strict=True)
    ]
    with w.when(last):
        for number, values, one in zip(numbers, near, bias, strict=True):
            store_near(w, values, block, number, results, one)
    with w.when(w.op("xor", last, Value(last.type, "true"))):
        for number, values in zip(numbers, near, strict=True):
            store_near(w, values, block, number, without_function(results), None)
