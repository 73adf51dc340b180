"""What the one-sample sparse kernels share: chunks of sorted rows, and the way out to y."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.layers import DenseLayer
from engine.kernels.abi import ARGUMENT_FIELDS, Field, FieldKind
from engine.kernels.activations import Parameters, apply
from engine.kernels.emit import F32, I32, I64, Value, vector
from engine.kernels.kernel_writer import KernelWriter

_TAIL_FIELDS = (
    Field("bias", FieldKind.CONST),
    Field("chunks", FieldKind.INT),
    Field("positions", FieldKind.INT),
    Field("x_bytes", FieldKind.INT),
    Field("y_bytes", FieldKind.INT),
    *ARGUMENT_FIELDS,
)


def layer_fields(*streams: str, numbers: Sequence[str] = ()) -> tuple[Field, ...]:
    """Return the fields of a kernel over chunks of rows: u32[chunks] steps, the rows, and what its format adds.

    Args:
        streams: names of packed arrays.
        numbers: names of whole numbers.
    """
    packed = (Field(name, FieldKind.CONST) for name in ("steps", "rows", *streams))
    counts = (Field(name, FieldKind.INT) for name in numbers)
    return (
        Field("x", FieldKind.ARENA), Field("y", FieldKind.ARENA), *packed, *counts, *_TAIL_FIELDS
    )  # fmt: skip


def chunk_loop(
    w: KernelWriter,
    streams: Sequence[Value],
    body: Callable[[Value, Value, Sequence[Value]], tuple[list[Value], Sequence[Value]]],
    parameters: Parameters,
    height: int,
) -> None:
    """Write the loops over positions and chunks.

    Args:
        w: the writer.
        streams: start addresses of the packed arrays that are read on and on.
        body: `body(x, steps, streams)` writes one chunk: the sums of its rows, one value per vector,
            without bias, and the addresses behind what was read.
        parameters: parameters of the activation.
        height: rows in a chunk.
    """
    x, y = w.argument("x"), w.argument("y")
    steps, rows, bias = w.argument("steps"), w.argument("rows"), w.argument("bias")
    with w.loop(0, w.argument("positions")) as position:
        x_row = w.at(x, w.mul(position.index, w.argument("x_bytes")))
        y_row = w.at(y, w.mul(position.index, w.argument("y_bytes")))
        with w.loop(0, w.argument("chunks"), carried=streams) as chunk:
            count = w.cast("zext", w.load(I32, w.at(steps, chunk.index, I32)), I64)
            sums, following = body(x_row, count, chunk.carried)
            first = w.mul(chunk.index, height)
            for number, total in enumerate(sums):
                place = w.add(first, number * w.full_width)
                start = w.load(total.type, w.at(bias, place, F32))
                result = apply(w, w.op("fadd", total, start), parameters)
                _scatter(w, result, w.at(rows, place, I32), y_row)
            chunk.carry(following)


def _scatter(w: KernelWriter, values: Value, rows: Value, y: Value) -> None:
    """y[rows[lane]] = values[lane], in order: what a filler stores, its row overwrites later."""
    for lane in range(w.full_width):
        row = w.cast("zext", w.load(I32, w.at(rows, lane, I32)), I64)
        one = w.value(F32, f"extractelement {values}, i64 {lane}", "lane")
        w.store(one, w.at(y, row, F32))


def accumulate(w: KernelWriter, weights: Value, operands: Value, total: Value) -> Value:
    """total + weights * operands where the weight is not zero: fillers never touch the sum."""
    stored = w.compare("une", weights, w.zero(weights.type))
    return w.select(stored, w.fma(weights, operands, total), total)


def sum_type(w: KernelWriter) -> str:
    """Type of the sums of one vector of rows."""
    return vector(F32, w.full_width)


def tail_constants(layer: DenseLayer, rows: npt.NDArray[np.uint32]) -> dict[str, FloatArray]:
    """Return the bias in the order of the places."""
    return {"bias": layer.bias_or_zeros()[rows]}


def tail_ints(layer: DenseLayer, chunks: int, lanes: int = 1) -> dict[str, int]:
    """Return the numbers of `TAIL_FIELDS`, for tiles of so many samples."""
    return {
        "chunks": chunks,
        "positions": layer.positions,
        "x_bytes": layer.inputs * lanes * 4,
        "y_bytes": layer.units * lanes * 4,
        **layer.activation.as_ints(),
    }
