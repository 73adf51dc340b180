"""One sample, sparse: windows of x in registers pass at a fixed pace; scalar loads for what is left.

A window of x (32 columns on AVX-512, 8 on AVX2) is loaded once for `count` steps of all vectors of rows::

    %a, %b = load x + t * slide                                  ; once for each place of the window
    %x = vpermi2ps(%a, zext (load <16 x i8>, ptr %columns), %b)
    %sum = select (%w != 0), fmuladd(%w, %x, %sum), %sum

AVX2 permutes one register of eight (vpermps). As no row waits for another, most lanes work (see
`engine.formats.sweep`); the few weights that the windows leave behind are fetched one by one, as in
`spmv_sell`. With an N:M pattern there are none. Requirement: AVX2 or AVX-512. Reads up to 124 bytes
behind x.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.sweep import MAX_INPUTS, choose_pace, pack_sweep
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer, packed_layer
from engine.kernels.activations import load_parameters
from engine.kernels.emit import F32, I8, I16, I32, I64, Value, vector
from engine.kernels.estimate import layer_size, sweep_work
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.one_sample import (
    accumulate,
    chunk_loop,
    layer_fields,
    sum_type,
    tail_constants,
    tail_ints,
)
from engine.kernels.spmv_sell import loaded_operands
from engine.kernels.sum_blocks import windows_in_blocks
from engine.kernels.weight_loads import (
    load_weights,
    stored_weights,
    value_bytes,
    weight_element,
    with_values,
)

FAMILY = "spmv_sweep"
STREAMS = ("columns", "values", "rest", "rest_columns", "rest_values")
# A step is a window here.
FIELDS = layer_fields(*STREAMS, numbers=("slide", "count"))
VARIANTS: Mapping[str, Collection[int | str]] = {"vectors": (1, 2, 4)}
MOST_DENSITY = 0.9
_PERMUTE_PAIR = "llvm.x86.avx512.vpermi2var.ps.512"
_PERMUTE_EIGHT = "llvm.x86.avx2.permps"


def candidates(layer: DenseLayer, isa: Isa) -> tuple[Candidate, ...]:
    """Return the candidate for a layer with zeros."""
    size = layer_size(layer)
    if isa is Isa.GENERIC or layer.inputs > MAX_INPUTS or not 0 < size.density <= MOST_DENSITY:
        return ()
    _, load = choose_pace(layer.kernel, window_width(isa))
    variant = with_values((("vectors", vectors_of(layer, isa)),), layer, isa)
    spec = KernelSpec(FAMILY, isa, 1, layer.activation.function, variant)
    work = sweep_work(size, load.stepped, load.rest, value_bytes(spec), samples=1)
    return (Candidate(spec, True, partial(pack_layer, spec=spec), work),)


def window_width(isa: Isa) -> int:
    """Return the columns that one permutation covers."""
    return 32 if isa is Isa.AVX512 else 8


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a sweep kernel."""
    w = KernelWriter(spec, FIELDS)
    vectors, width = spec.number("vectors"), w.full_width

    def chunk(
        x: Value, windows: Value, streams: Sequence[Value]
    ) -> tuple[list[Value], Sequence[Value]]:
        *following, rest, columns, values = streams
        sums, following = _pass(w, x, windows, following)
        behind = (columns, values)
        for number in range(vectors):
            steps = w.cast("zext", w.load(I32, w.at(rest, number, I32)), I64)
            left, behind = _rest(w, x, steps, behind, w.zero(sum_type(w)))
            sums[number] = w.op("fadd", sums[number], left)
        return sums, (*following, w.at(rest, vectors, I32), *behind)

    streams = [w.argument(name) for name in STREAMS]
    chunk_loop(w, streams, chunk, load_parameters(w, width), vectors * width)
    return w.finish()


def vectors_of(layer: DenseLayer, isa: Isa) -> int:
    """Return how many vectors of rows share a window."""
    return next(count for count in (4, 2, 1) if count == 1 or _fills(layer, isa, count))


def _fills(layer: DenseLayer, isa: Isa, vectors: int) -> bool:
    """Return whether chunks of so many vectors leave fewer lanes without a row than they gain by sharing x."""
    height = vectors * isa.vector_floats
    return -layer.units % height <= layer.units // 3


def pack_layer(layer: DenseLayer, spec: KernelSpec) -> PackedLayer:
    """Return a layer in sweep format, for tiles of the specification's lanes."""
    width = spec.isa.vector_floats
    height = spec.number("vectors") * width
    pace, _ = choose_pace(layer.kernel, window_width(spec.isa))
    packed = pack_sweep(layer.kernel, pace, height, width)
    chunks = len(packed.rows) // height
    constants: dict[str, npt.NDArray[Any]] = {
        "steps": np.full(chunks, pace.windows(layer.inputs), np.uint32),
        "rows": packed.rows,
        "columns": packed.columns,
        "values": stored_weights(packed.values, spec),
        "rest": packed.rest,
        "rest_columns": packed.rest_columns,
        "rest_values": stored_weights(packed.rest_values, spec),
        **tail_constants(layer, packed.rows),
    }
    ints = {"slide": pace.slide, "count": pace.count, **tail_ints(layer, chunks, spec.lanes)}
    return packed_layer(constants, ints, packed.nonzeros)


def _pass(
    w: KernelWriter, x: Value, windows: Value, streams: Sequence[Value]
) -> tuple[list[Value], list[Value]]:
    """Return all windows over a chunk: the sums, and the addresses behind what was read."""
    zeros = [w.zero(sum_type(w))] * w.spec.number("vectors")

    def block(start: Value, end: Value, before: Sequence[Value]) -> Sequence[Value]:
        return _windows(w, x, (start, end), (*before, *zeros))

    streams, sums = windows_in_blocks(w, windows, w.argument("slide"), streams, zeros, block)
    return sums, streams


def _windows(
    w: KernelWriter, x: Value, windows: tuple[Value, Value], start: Sequence[Value]
) -> Sequence[Value]:
    """Some windows, in one chain: the addresses behind what was read, and the sums."""
    vectors, width = w.spec.number("vectors"), w.full_width
    element = weight_element(w.spec)
    slide, count = w.argument("slide"), w.argument("count")
    with w.loop(*windows, carried=start) as window:
        base = w.at(x, w.op("mul", window.index, slide), F32)
        held = [
            w.load(sum_type(w), w.at(base, place, F32))
            for place in range(0, window_width(w.spec.isa), width)
        ]
        with w.loop(0, count, carried=window.carried) as step:
            columns, values, *sums = step.carried
            following = []
            for number, total in enumerate(sums):
                weights = load_weights(w, w.spec, w.at(values, number * width, element), width)
                operand = permuted(w, held, w.at(columns, number * width))
                following.append(accumulate(w, weights, operand, total))
            height = vectors * width
            step.carry((w.at(columns, height), w.at(values, height, element), *following))
        window.carry(step.carried)
    return window.carried


def permuted(w: KernelWriter, held: list[Value], columns: Value) -> Value:
    """Return the elements of the window that the codes name; codes have no bit that leads outside."""
    places = w.cast("zext", w.load(vector(I8, w.full_width), columns, 1), I32)
    if w.spec.isa is Isa.AVX512:
        return w.call(_PERMUTE_PAIR, held[0].type, (held[0], places, held[1]))
    return w.call(_PERMUTE_EIGHT, held[0].type, (held[0], places))


def _rest(
    w: KernelWriter, x: Value, steps: Value, streams: tuple[Value, Value], total: Value
) -> tuple[Value, tuple[Value, Value]]:
    """Add what the windows left of one vector of rows."""
    width, element = w.full_width, weight_element(w.spec)
    with w.loop(0, steps, carried=(*streams, total)) as step:
        columns, values, so_far = step.carried
        weights = load_weights(w, w.spec, values, width)
        following = accumulate(w, weights, loaded_operands(w, x, columns, I16), so_far)
        step.carry((w.at(columns, width, I16), w.at(values, width, element), following))
    columns, values, total = step.carried
    return total, (columns, values)
