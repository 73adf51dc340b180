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

buckets  u32[buckets][2]     weights of a row, number of groups
rows     u32[groups][R]      output channels of a group; where a bucket is no multiple of R its last row is there again
offsets  u32 per group [L][R]  bytes behind an element's place in the first channel
values   f32 per group [L][R]  weights

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
    SUMS,
    VECTORS,
    Block,
    Results,
    each_block,
    results,
    store_channel,
    with_added,
)

FAMILY = "conv_rows"
ROWS = "rows"
VARIANTS: Mapping[str, Collection[int | str]] = {**BLOCK_VARIANTS, ROWS: (1, 2, 3, 4)}

_FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("buckets", FieldKind.CONST),
    Field("rows", FieldKind.CONST),
    Field("offsets", FieldKind.CONST),
    Field("values", FieldKind.CONST),
    Field("bias", FieldKind.CONST),
    Field("bucket_count", FieldKind.INT),
    *BLOCK_FIELDS,
)


def fields(spec: KernelSpec) -> tuple[Field, ...]:
    """Return the argument fields of a specification."""
    return (*with_added(spec.variant), *_FIELDS)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a sparse convolution.

    Raises:
        UnsupportedKernelError: more sums than there are registers.
    """
    if spec.number(ROWS) * spec.number(VECTORS) > SUMS[spec.isa]:
        raise UnsupportedKernelError(spec.symbol, f"rows times vectors up to {SUMS[spec.isa]}")
    w = KernelWriter(spec, fields(spec))
    to = results(w, load_parameters(w, w.full_width))
    streams = tuple(w.argument(name) for name in ("rows", "offsets", "values"))
    buckets, count = w.argument("buckets"), w.argument("bucket_count")

    def block(one: Block) -> None:
        with w.loop(0, count, carried=streams) as bucket:
            row = w.at(buckets, w.mul(bucket.index, 2), I32)
            length = w.cast("zext", w.load(I32, row), I64)
            groups = w.cast("zext", w.load(I32, w.at(row, 1, I32)), I64)
            with w.loop(0, groups, carried=bucket.carried) as group:
                group.carry(_emit_group(w, one, group.carried, length, to))
            bucket.carry(group.carried)

    each_block(w, w.argument("x"), block)
    return w.finish()


def _emit_group(
    w: KernelWriter, block: Block, streams: Sequence[Value], length: Value, to: Results
) -> tuple[Value, ...]:
    """Write one group of rows; the streams behind it."""
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
    bias = w.argument("bias")
    for row in range(rows):
        number = w.cast("zext", w.load(I32, w.at(rows_stream, row, I32)), I64)
        own = totals[row * vectors : (row + 1) * vectors]
        store_channel(w, own, block, number, to, w.load(F32, w.at(bias, number, F32)))
    return (w.at(rows_stream, rows, I32), offsets, values)
