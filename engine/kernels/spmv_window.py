"""One sample, sparse, without a gather: permutations of a window of x that lies in registers.

AVX-512 has a permutation over two registers (vpermi2ps): 16 arbitrary elements of 32 consecutive
ones. A step loads a window of 32, 64 or 128 columns and gives every row the element it asks for::

    %base = x + 16 * windows[t]
    %a = load <16 x float>, %base         %b = load <16 x float>, %base + 64
    %c = zext (load <16 x i8>, ptr %columns) to <16 x i32>      ; low 5 bits: place in the window
    %x = vpermi2ps(%a, %c, %b)
    %sum = select (column has bit 7), fmuladd(%w, %x, %sum), %sum

Wider windows permute twice or four times, and choose by bits 5 and 6. With two vectors of rows per
chunk (`vectors` = 2) both use the window once loaded.

Requirement: AVX-512, and at least `width` inputs, rounded up to 16. Reads x up to the next multiple
of 64 bytes.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy.typing as npt

from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.window import WINDOW_STEP, pack_windows
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer, packed_layer
from engine.kernels.activations import load_parameters
from engine.kernels.emit import F32, I8, I16, I32, I64, Value, vector
from engine.kernels.estimate import layer_size, window_work
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.one_sample import (
    chunk_loop,
    layer_fields,
    sum_type,
    tail_constants,
    tail_ints,
)
from engine.kernels.weight_loads import (
    load_weights,
    stored_weights,
    value_bytes,
    weight_element,
    with_values,
)

FAMILY = "spmv_window"
FIELDS = layer_fields("windows", "columns", "values")
VARIANTS: Mapping[str, Collection[int | str]] = {
    "columns": (32, 64, 128),
    "vectors": (1, 2, 3, 4),
}
_PERMUTE = "llvm.x86.avx512.vpermi2var.ps.512"
_PAIR = 32  # columns that one permutation covers
_WIDTH = 16  # float32 elements of a register


def candidates(layer: DenseLayer, isa: Isa) -> tuple[Candidate, ...]:
    """Return the candidates worth timing for a layer and one sample."""
    if isa is not Isa.AVX512:
        return ()
    room = -(-layer.inputs // WINDOW_STEP) * WINDOW_STEP
    specs = [
        KernelSpec(
            FAMILY,
            isa,
            1,
            layer.activation.function,
            with_values((("columns", columns), ("vectors", vectors)), layer, isa),
        )
        for columns, vectors in ((64, 2), (32, 2))
        if columns <= room
    ]
    size = layer_size(layer)
    return tuple(
        Candidate(
            spec,
            True,
            partial(_pack, spec=spec),
            window_work(size, spec.number("columns"), value_bytes(spec)),
        )
        for spec in specs
    )


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a window kernel."""
    w = KernelWriter(spec, FIELDS)
    vectors = spec.number("vectors")
    height = vectors * _WIDTH
    element = weight_element(spec)

    def chunk(
        x: Value, steps: Value, streams: Sequence[Value]
    ) -> tuple[list[Value], Sequence[Value]]:
        start = (*streams, *[w.zero(sum_type(w))] * vectors)
        with w.loop(0, steps, carried=start) as step:
            windows, columns, values, *sums = step.carried
            window = _load_window(w, x, windows)
            following = [
                _add(w, window, w.at(columns, place), w.at(values, place, element), total)
                for place, total in zip(range(0, height, _WIDTH), sums, strict=True)
            ]
            behind = (w.at(windows, 1, I16), w.at(columns, height), w.at(values, height, element))
            step.carry((*behind, *following))
        return list(step.carried[3:]), step.carried[:3]

    streams = [w.argument(name) for name in ("windows", "columns", "values")]
    chunk_loop(w, streams, chunk, load_parameters(w, _WIDTH), height)
    return w.finish()


def _pack(layer: DenseLayer, spec: KernelSpec) -> PackedLayer:
    height = spec.number("vectors") * _WIDTH
    packed = pack_windows(layer.kernel, height, spec.number("columns"))
    constants: dict[str, npt.NDArray[Any]] = {
        "steps": packed.steps,
        "rows": packed.rows,
        "windows": packed.windows,
        "columns": packed.columns,
        "values": stored_weights(packed.values, spec),
        **tail_constants(layer, packed.rows),
    }
    return packed_layer(constants, tail_ints(layer, len(packed.steps)), packed.nonzeros)


def _load_window(w: KernelWriter, x: Value, windows: Value) -> list[Value]:
    start = w.cast("zext", w.load(I16, windows, 2), I64)
    base = w.at(x, w.mul(start, WINDOW_STEP), F32)
    return [
        w.load(sum_type(w), w.at(base, place, F32))
        for place in range(0, w.spec.number("columns"), _WIDTH)
    ]


def _add(
    w: KernelWriter, window: list[Value], columns: Value, values: Value, total: Value
) -> Value:
    """Return one vector of rows: fetch by permutation, multiply, add where a row takes part."""
    codes = w.load(vector(I8, _WIDTH), columns, 1)
    places = w.cast("zext", codes, I32)
    pairs = [
        w.call(_PERMUTE, total.type, (low, places, high))
        for low, high in zip(window[::2], window[1::2], strict=True)
    ]
    bit = _PAIR
    while len(pairs) > 1:
        upper = w.op("and", places, w.const(places.type, bit))
        chosen = w.compare("ne", upper, w.zero(places.type))
        pairs = [
            w.select(chosen, high, low) for low, high in zip(pairs[::2], pairs[1::2], strict=True)
        ]
        bit *= 2
    weights = load_weights(w, w.spec, values, _WIDTH)
    takes_part = w.compare("slt", codes, w.zero(codes.type))
    return w.select(takes_part, w.fma(weights, pairs[0], total), total)
