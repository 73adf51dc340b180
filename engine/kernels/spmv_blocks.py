"""One sample, sparse in blocks: one column number, and one access to x, for several weights.

Where whole blocks of weights were removed, what is left needs no permutation. A step handles one block
of each band of a chunk; the shape of the blocks says what an operand is, for blocks of four on W = 16::

    rows   x[c0] x[c0] x[c0] x[c0]  x[c1] x[c1] ...          four outputs share an input
    run    x[c0] x[c0+1] x[c0+2] x[c0+3]  x[c1] ...          one output uses four inputs on end

    %sum = select (%w != 0), fmuladd(%w, %x, %sum), %sum     ; zeros inside of a block are skipped

Sums of runs are added up within each block's lanes when a chunk is done. Any level, blocks of up to a
register. Reads up to 60 bytes behind x.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy.typing as npt

from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.unit_blocks import (
    MAX_INPUTS,
    BlockShape,
    block_fill,
    pack_unit_blocks,
)
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer, packed_layer
from engine.kernels.activations import load_parameters
from engine.kernels.emit import F32, I16, I64, Value, vector, width_of
from engine.kernels.estimate import blocks_work, layer_size
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.one_sample import accumulate, chunk_loop, sum_type, tail_constants, tail_ints
from engine.kernels.spmv_sell import FIELDS
from engine.kernels.weight_loads import (
    load_weights,
    stored_weights,
    value_bytes,
    weight_element,
    with_values,
)

FAMILY = "spmv_blocks"
SIZES = (4, 8, 16)
VARIANTS: Mapping[str, Collection[int | str]] = {"shape": tuple(BlockShape), "size": SIZES}
# Below this share of weights that are not zero in the blocks, other kernels skip more than they lose.
_LEAST_FILL = 0.7
# Layers of fewer zeros are dense.
_MOST_DENSITY = 0.75
_NUMBERS_AT_ONCE = 4


def candidates(layer: DenseLayer, isa: Isa) -> tuple[Candidate, ...]:
    """Return the candidate for each shape of blocks that the weights have, with the largest size."""
    size = layer_size(layer)
    if layer.inputs > MAX_INPUTS or not 0 < size.density <= _MOST_DENSITY:
        return ()
    found = []
    for shape in BlockShape:
        for length in reversed(SIZES):
            fits = length <= isa.vector_floats
            if not fits or (shape is BlockShape.ROWS and layer.units < length):
                continue
            fill = block_fill(layer.kernel, shape, length)
            if fill < _LEAST_FILL:
                continue
            variant = with_values((("shape", shape.value), ("size", length)), layer, isa)
            spec = KernelSpec(FAMILY, isa, 1, layer.activation.function, variant)
            work = blocks_work(size, fill, length, value_bytes(spec))
            found.append(Candidate(spec, True, partial(_pack, spec=spec), work))
            break
    return tuple(found)


def vectors_of(spec: KernelSpec) -> int:
    """Return how many registers of weights a step holds: enough sums to hide the latency of FMAs."""
    size = spec.number("size")
    if spec.option("shape") == BlockShape.RUN:
        return size  # so that the sums of a chunk, added up, fill one register
    return 4 if size == spec.isa.vector_floats else 2


def bands_of(spec: KernelSpec) -> int:
    """Return the number of blocks in a step."""
    return vectors_of(spec) * spec.isa.vector_floats // spec.number("size")


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a block kernel."""
    w = KernelWriter(spec, FIELDS)
    vectors, bands, width = vectors_of(spec), bands_of(spec), w.full_width
    element = weight_element(spec)
    run = spec.option("shape") == BlockShape.RUN

    def chunk(
        x: Value, steps: Value, streams: Sequence[Value]
    ) -> tuple[list[Value], Sequence[Value]]:
        with w.loop(0, steps, carried=(*streams, *[w.zero(sum_type(w))] * vectors)) as step:
            columns, values, *sums = step.carried
            operands = _operands(w, x, columns)
            following = [
                accumulate(
                    w,
                    load_weights(w, spec, w.at(values, number * width, element), width),
                    operand,
                    total,
                )
                for number, (operand, total) in enumerate(zip(operands, sums, strict=True))
            ]
            behind = (w.at(columns, bands, I16), w.at(values, vectors * width, element))
            step.carry((*behind, *following))
        sums = list(step.carried[2:])
        return (_added_up(w, sums) if run else sums), step.carried[:2]

    streams = (w.argument("columns"), w.argument("values"))
    height = width if run else vectors * width
    chunk_loop(w, streams, chunk, load_parameters(w, width), height)
    return w.finish()


def _pack(layer: DenseLayer, spec: KernelSpec) -> PackedLayer:
    shape = BlockShape(str(spec.option("shape")))
    packed = pack_unit_blocks(layer.kernel, shape, spec.number("size"), bands_of(spec))
    constants: dict[str, npt.NDArray[Any]] = {
        "steps": packed.steps,
        "rows": packed.rows,
        "columns": packed.columns,
        "values": stored_weights(packed.values, spec),
        **tail_constants(layer, packed.rows),
    }
    return packed_layer(constants, tail_ints(layer, len(packed.steps)), packed.nonzeros)


def _operands(w: KernelWriter, x: Value, columns: Value) -> list[Value]:
    """Return one register of elements of x for each register of weights."""
    size, bands = w.spec.number("size"), bands_of(w.spec)
    parts: list[Value] = []
    for first in range(0, bands, _NUMBERS_AT_ONCE):
        word = w.load(I64, w.at(columns, first, I16), 2)
        for place in range(_NUMBERS_AT_ONCE):
            shifted = w.op("lshr", word, w.i64(16 * place)) if place else word
            start = w.at(x, w.op("and", shifted, w.i64(0xFFFF)), F32)
            if w.spec.option("shape") == BlockShape.RUN:
                parts.append(w.load(vector(F32, size), start))
            else:
                parts.append(w.splat(w.load(F32, start), size))
    while width_of(parts[0].type) < w.full_width:
        both = 2 * width_of(parts[0].type)
        parts = [w.shuffle(a, b, range(both)) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts


def _added_up(w: KernelWriter, sums: list[Value]) -> list[Value]:
    """Return one sum for each block's lanes: neighbours are added until each register is one sum per row."""
    width = w.full_width
    while len(sums) > 1:
        sums = [
            w.op(
                "fadd",
                w.shuffle(a, b, range(0, 2 * width, 2)),
                w.shuffle(a, b, range(1, 2 * width, 2)),
            )
            for a, b in zip(sums[::2], sums[1::2], strict=True)
        ]
    return sums
