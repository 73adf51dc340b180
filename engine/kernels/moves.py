"""Data movement: every channel of the result is filled with one number, then boxes of the input are copied into it.

Padding, cropping, splitting positions by a stride's remainders, putting them together again, repeating positions and
exchanging axes are boxes. A box is a block of rows along four axes, each with a step in the input and in the result::

    boxes  i64[boxes][14]    first row of x, first row of y, then per axis: count, step in x, step in y

Rows are moved in vectors where the last axis has steps of 1 on both sides (the samples of a row lie side by side), by
two loads and a permutation where one sample takes every second row, by stores alone where it takes one row again and
again, and row by row elsewhere.

Sample (a run of rows, AVX-512)::

    %v = load <16 x float>, ptr %from
    store <16 x float> %v, ptr %to            ; and the same once more under a mask for the rest
"""

from collections.abc import Sequence

from engine.core.target import Isa
from engine.core.window_steps import BOX_NUMBERS
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, I64, Value, vector
from engine.kernels.kernel_writer import KernelWriter, each_vector

FAMILY = "moves"
CHANNEL_FIELDS = (
    Field("boxes", FieldKind.CONST),
    Field("box_count", FieldKind.INT),
    Field("filled", FieldKind.INT),
    Field("fill", FieldKind.INT),
)
FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    *CHANNEL_FIELDS,
    Field("outer", FieldKind.INT),
    Field("x_rows", FieldKind.INT),
    Field("y_rows", FieldKind.INT),
)


def move_spec(isa: Isa, lanes: int) -> KernelSpec:
    """Fill and copy `outer` channels, `x_rows` rows of x and `y_rows` rows of y apart.

    `filled` rows of each are filled with the float32 number whose bits are `fill`.
    """
    return KernelSpec(FAMILY, isa, lanes)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a move."""
    w = KernelWriter(spec, FIELDS)
    x, y = w.argument("x"), w.argument("y")
    with w.loop(0, w.argument("outer")) as channel:
        x_channel = w.row(x, w.mul(channel.index, w.argument("x_rows")))
        y_channel = w.row(y, w.mul(channel.index, w.argument("y_rows")))
        emit_filling(w, y_channel)
        emit_boxes(w, x_channel, y_channel)
    return w.finish()


def emit_filling(w: KernelWriter, y: Value) -> None:
    """Write the filling of one channel, by the kernel's arguments in `CHANNEL_FIELDS`."""
    fill = w.float_argument("fill", w.full_width)

    def store(index: Value, mask: Value | None) -> None:
        w.store_part(fill, w.at(y, index, F32), mask)

    each_vector(w, w.mul(w.argument("filled"), w.spec.lanes), w.full_width, store)


def emit_boxes(w: KernelWriter, x: Value, y: Value) -> None:
    """Write the boxes of one channel, by the kernel's arguments in `CHANNEL_FIELDS`."""
    boxes = w.argument("boxes")
    with w.loop(0, w.argument("box_count")) as box:
        entry = w.at(boxes, w.mul(box.index, BOX_NUMBERS), I64)
        numbers = [w.load(I64, w.at(entry, place, I64), 8) for place in range(BOX_NUMBERS)]
        axes = [tuple(numbers[place : place + 3]) for place in range(2, BOX_NUMBERS, 3)]
        _emit_box(w, w.row(x, numbers[0]), w.row(y, numbers[1]), axes)


def _emit_box(w: KernelWriter, x: Value, y: Value, axes: Sequence[tuple[Value, ...]]) -> None:
    """Write the loops over all axes but the last, then the last one."""
    count, x_step, y_step = axes[0]
    if len(axes) == 1:
        _emit_run(w, x, y, count, (x_step, y_step))
        return
    with w.loop(0, count) as place:
        _emit_box(
            w,
            w.row(x, w.mul(place.index, x_step)),
            w.row(y, w.mul(place.index, y_step)),
            axes[1:],
        )


def _emit_run(
    w: KernelWriter, x: Value, y: Value, count: Value, steps: tuple[Value, Value]
) -> None:
    """Write the last axis, by what its steps are."""
    x_step, y_step = steps
    both = w.op("or", w.op("xor", x_step, w.i64(1)), w.op("xor", y_step, w.i64(1)))
    beside = w.compare("eq", both, w.i64(0))
    with w.when(beside):
        _emit_beside(w, x, y, w.mul(count, w.spec.lanes))
    apart = w.op("xor", beside, Value(beside.type, "true"))
    if w.spec.lanes > 1:
        with w.when(apart):
            _emit_apart(w, x, y, count, steps)
        return
    strides = w.op("or", w.op("xor", x_step, w.i64(2)), w.op("xor", y_step, w.i64(1)))
    second = w.compare("eq", strides, w.i64(0))
    with w.when(second):
        _emit_halves(w, x, y, count)
    same = w.op("or", x_step, w.op("xor", y_step, w.i64(1)))
    repeated = w.compare("eq", same, w.i64(0))
    with w.when(repeated):
        _emit_repeated(w, x, y, count)
    # Both are among those apart, and never the same.
    with w.when(w.op("xor", apart, w.op("or", second, repeated))):
        _emit_apart(w, x, y, count, steps)


def _emit_beside(w: KernelWriter, x: Value, y: Value, elements: Value) -> None:
    kind = vector(F32, w.full_width)

    def body(index: Value, mask: Value | None) -> None:
        w.store_part(w.load_part(kind, w.at(x, index, F32), mask), w.at(y, index, F32), mask)

    each_vector(w, elements, w.full_width, body)


def _emit_halves(w: KernelWriter, x: Value, y: Value, count: Value) -> None:
    """Write every second element of x; behind the last one, less than two vectors are read and ignored."""
    width = w.full_width
    kind = vector(F32, width)

    def body(index: Value, mask: Value | None) -> None:
        source = w.at(x, w.mul(index, 2), F32)
        pair = [w.load(kind, source), w.load(kind, w.at(source, width, F32))]
        even = w.shuffle(pair[0], pair[1], range(0, 2 * width, 2))
        w.store_part(even, w.at(y, index, F32), mask)

    each_vector(w, count, width, body)


def _emit_repeated(w: KernelWriter, x: Value, y: Value, count: Value) -> None:
    one = w.splat(w.load(F32, x), w.full_width)

    def body(index: Value, mask: Value | None) -> None:
        w.store_part(one, w.at(y, index, F32), mask)

    each_vector(w, count, w.full_width, body)


def _emit_apart(
    w: KernelWriter, x: Value, y: Value, count: Value, steps: tuple[Value, Value]
) -> None:
    with w.loop(0, count) as place:
        source = w.row(x, w.mul(place.index, steps[0]))
        target = w.row(y, w.mul(place.index, steps[1]))
        for part in range(w.parts):
            value = w.load(w.vector, w.at(source, part * w.width, F32))
            w.store(value, w.at(target, part * w.width, F32))
