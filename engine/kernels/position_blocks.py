"""What kernels over windows share: blocks of vectors of positions, and how results are stored.

The vectors are those of `engine.formats.position_vectors`; several make a block, whose sums are in registers at once.
The code does not depend on how many samples a tile has: the table of vectors does.

Sample (a store of a vector with gaps, AVX-512)::

    %near = vector.compress %sum, %mask                ; vcompressps: what is kept moves to the front
    %y = relu(%near + bias)
    masked store %y, y, first popcount(mask) elements
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.core.target import Isa
from engine.formats.position_vectors import Stores
from engine.kernels.abi import ARGUMENT_FIELDS, Field, FieldKind
from engine.kernels.activations import Parameters, apply
from engine.kernels.emit import F32, I1, I32, I64, PTR, Value, vector
from engine.kernels.kernel_writer import KernelWriter

STORES = "stores"
VECTORS = "vectors"
MOST_VECTORS = 8
# Which stores the vectors of a layer need, and how many of them are a block.
BLOCK_VARIANTS: Mapping[str, Collection[int | str]] = {
    STORES: tuple(Stores),
    VECTORS: range(1, MOST_VECTORS + 1),
}
# Whether another value of the result's form is added before the activation.
ADDS = "adds"
OPTIONAL_VARIANTS: Mapping[str, Collection[int | str]] = {ADDS: (1,)}
# Whether what a block meets of the input is first copied into whole lines.
COPIES = "copies"
# Room for copies on the stack.
COPY_BYTES = 64 * 1024
# Sums that registers have room for, besides weights.
SUMS = {Isa.AVX512: 24, Isa.AVX2: 12, Isa.GENERIC: 8}

# The end of every kernel's fields.
BLOCK_FIELDS = (
    Field("table", FieldKind.CONST),
    Field("first_block", FieldKind.INT),
    Field("blocks", FieldKind.INT),
    Field("y_bytes", FieldKind.INT),
    *ARGUMENT_FIELDS,
)


# A vector with what is kept of it at its front, and the mask of that front (None: all of it).
Near = tuple[Value, Value | None]


@dataclass(frozen=True, slots=True)
class Block:
    """One block in a kernel.

    Attributes:
        number: number of the block.
        inputs: address of each vector's first element in the first channel.
        outputs: offset of each vector in a channel of the result.
        masks: elements of each vector that are stored; empty where all are.
    """

    number: Value
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    masks: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """Where results go.

    Attributes:
        y: address of the result's first channel.
        added: address of the value that is added, or None.
        parameters: parameters of the activation; None where none is applied yet.
    """

    y: Value
    added: Value | None
    parameters: Parameters | None


def without_function(to: Results) -> Results:
    """Return the same for sums that are not finished."""
    return Results(to.y, None, None)


def results(w: KernelWriter, parameters: Parameters) -> Results:
    """Return where the kernel's results go."""
    added = w.argument("added") if ADDS in dict(w.spec.variant) else None
    return Results(w.argument("y"), added, parameters)


def with_added(variant: Sequence[tuple[str, int | str]]) -> tuple[Field, ...]:
    """Return the field of the value that is added, where a variant has one."""
    return (Field("added", FieldKind.ARENA),) if ADDS in dict(variant) else ()


def blocks_of(table: npt.NDArray[np.uint32], positions: range, lanes: int) -> tuple[int, int]:
    """Return the first block that begins at one of these positions, and how many do.

    Args:
        table: uint32[blocks][vectors][3]; blocks begin at rising positions.
        positions: a run of the positions of a layer.
        lanes: samples per tile.
    """
    begins = table[:, 0, 1].astype(np.int64) // (lanes * 4)
    first, end = np.searchsorted(begins, (positions.start, positions.stop)).tolist()
    return first, end - first


def each_block(w: KernelWriter, x: Value, body: Callable[[Block], None]) -> None:
    """Write `body(block)` for the kernel's blocks; x is the address of the first channel."""
    count = w.spec.number(VECTORS)
    table = w.argument("table")
    first = w.argument("first_block")
    with w.loop(first, w.add(first, w.argument("blocks"))) as number:
        start = w.at(table, w.mul(number.index, 3 * count), I32)
        entries = [w.load(I32, w.at(start, place, I32)) for place in range(3 * count)]
        inputs = tuple(w.at(x, w.cast("zext", entry, I64)) for entry in entries[::3])
        outputs = tuple(w.cast("zext", entry, I64) for entry in entries[1::3])
        masks = () if w.spec.option(STORES) == Stores.WHOLE else tuple(entries[2::3])
        body(Block(number.index, inputs, outputs, masks))


def channel(w: KernelWriter, base: Value, number: Value) -> Value:
    """Address of a channel of the result's form."""
    return w.at(base, w.mul(number, w.argument("y_bytes")))


def store_channel(
    w: KernelWriter,
    sums: Sequence[Value],
    block: Block,
    number: Value,
    to: Results,
    bias: Value | None,
) -> None:
    """Store one channel of a block.

    Args:
        w: the kernel's writer.
        sums: one vector for each of the block.
        block: the block.
        number: number of the channel.
        to: where results go.
        bias: added to each element: one number; None for nothing.
    """
    near = [_near(w, total, mask) for total, mask in zip(sums, _masks(block), strict=True)]
    store_near(w, near, block, number, to, bias)


def near_sums(
    w: KernelWriter, sums: Sequence[Value], block: Block, y: Value, first: Value
) -> list[Near]:
    """Return the sums of a channel with those in y added, unless they are the first."""
    found = []
    width = w.full_width
    for place, (total, bits) in enumerate(zip(sums, _masks(block), strict=True)):
        value, mask = _near(w, total, bits)
        every = mask or w.first_lanes(w.i64(width), width)
        held = w.select(w.splat(first, width), w.zero(every.type), every)
        there = w.masked_load(value.type, w.at(y, block.outputs[place]), held)
        found.append((w.op("fadd", value, there), mask))
    return found


def store_near(
    w: KernelWriter,
    values: Sequence[Near],
    block: Block,
    number: Value,
    to: Results,
    bias: Value | None,
) -> None:
    """Store one channel of a block, whose vectors have what they keep at the front; see `store_channel`."""
    y = channel(w, to.y, number)
    added = None if to.added is None else channel(w, to.added, number)
    spread = None if bias is None else w.splat(bias, w.full_width)
    for place, (value, mask) in enumerate(values):
        if spread is not None:
            value = w.op("fadd", value, spread)
        if added is not None:
            other = w.load_part(value.type, w.at(added, block.outputs[place]), mask)
            value = w.op("fadd", value, other)
        if to.parameters is not None:
            value = apply(w, value, to.parameters)
        w.store_part(value, w.at(y, block.outputs[place]), mask)


def _masks(block: Block) -> Sequence[Value | None]:
    return block.masks or [None] * len(block.inputs)


def _near(w: KernelWriter, value: Value, bits: Value | None) -> Near:
    """Return the elements that a mask keeps at the front of a vector, and the mask of that front."""
    if bits is None:
        return value, None
    width = w.full_width
    kept = bits if width == 32 else w.cast("trunc", bits, f"i{width}")
    mask = w.value(vector(I1, width), f"bitcast {kept} to {vector(I1, width)}", "mask")
    if w.spec.option(STORES) == Stores.FRONT:
        return value, mask
    name = f"llvm.experimental.vector.compress.v{width}f32"
    kind = vector(F32, width)
    w.declarations[name] = f"declare {kind} @{name}({kind}, {mask.type}, {kind})"
    near = w.value(kind, f"call {kind} @{name}({value}, {mask}, {kind} poison)", "near")
    count = w.cast("zext", w.intrinsic("ctpop", bits), I64)
    return near, w.first_lanes(count, width)


def copy_room(w: KernelWriter) -> Value:
    """Return room for copies; to be asked for once, before any loop."""
    return w.value(PTR, f"alloca [{COPY_BYTES} x i8], align 64", "room")


def copied_block(
    w: KernelWriter, block: Block, offsets: Value, bounds: tuple[Value, Value], room: Value
) -> Block:
    """Copy what a panel meets of a block: a run of vectors for each weight of a window.

    Args:
        w: the kernel's writer.
        block: the positions.
        offsets: address of u32 numbers: bytes behind an element's place, by weight.
        bounds: first weight of the panel, and the first behind it.
        room: where runs go, one after the other.

    Returns:
        The block as it lies in the copy.
    """
    first, end = bounds
    kind, vector_bytes = vector(F32, w.full_width), 4 * w.full_width
    run_bytes = vector_bytes * len(block.inputs)
    with w.loop(first, end) as column:
        offset = w.cast("zext", w.load(I32, w.at(offsets, column.index, I32)), I64)
        run = w.at(room, w.mul(w.op("sub", column.index, first), run_bytes))
        for place, source in enumerate(block.inputs):
            value = w.load(kind, w.at(source, offset))
            w.store(value, w.at(run, place * vector_bytes), vector_bytes)
    inputs = tuple(w.at(room, place * vector_bytes) for place in range(len(block.inputs)))
    return replace(block, inputs=inputs)
