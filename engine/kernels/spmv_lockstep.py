"""One sample, sparse in an N:M pattern: windows of x in registers, and no row ever waits for another.

A window of x (32 columns on AVX-512, 8 on AVX2) is loaded once for all its steps; each is a permutation::

    %a, %b = load window t                                       ; once for counts[t] steps
    %x = vpermi2ps(%a, zext (load <16 x i8>, ptr %columns), %b)
    %sum = select (%w != 0), fmuladd(%w, %x, %sum), %sum

AVX2 permutes one register of eight (vpermps). Requirement: AVX2 or AVX-512, and weights that are spread
evenly over the windows, which is found by looking at them. Reads up to 124 bytes behind x.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.formats.lockstep import lockstep_fill, pack_lockstep
from engine.kernels.abi import (
    Candidate,
    DenseLayer,
    Field,
    FieldKind,
    KernelSpec,
    PackedLayer,
    packed_layer,
)
from engine.kernels.activations import load_parameters
from engine.kernels.emit import F32, I8, I32, I64, Value, vector
from engine.kernels.estimate import LOCKSTEP_NS, layer_size
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.one_sample import (
    TAIL_FIELDS,
    accumulate,
    chunk_loop,
    sum_type,
    tail_constants,
    tail_ints,
)
from engine.kernels.weight_loads import (
    load_weights,
    stored_weights,
    weight_element,
    with_values,
)
from engine.target import Isa

FAMILY = "spmv_lockstep"
FIELDS = (
    Field("x", FieldKind.ARENA),
    Field("y", FieldKind.ARENA),
    Field("steps", FieldKind.CONST),  # u32[chunks], each the number of windows
    Field("counts", FieldKind.CONST),
    Field("rows", FieldKind.CONST),
    Field("columns", FieldKind.CONST),
    Field("values", FieldKind.CONST),
    *TAIL_FIELDS,
)
VARIANTS: Mapping[str, Collection[int | str]] = {"vectors": (2, 4)}
# Below this share of lanes with a weight the window kernel, whose rows wait, is no worse.
_LEAST_FILL = 0.75
_MOST_DENSITY = 0.75
_PERMUTE_PAIR = "llvm.x86.avx512.vpermi2var.ps.512"
_PERMUTE_EIGHT = "llvm.x86.avx2.permps"


def candidates(layer: DenseLayer, isa: Isa) -> tuple[Candidate, ...]:
    """Return the candidate for weights that are spread evenly, if they are."""
    size = layer_size(layer)
    if isa is Isa.GENERIC or not 0 < size.density <= _MOST_DENSITY:
        return ()
    fill = lockstep_fill(layer.kernel, window_width(isa))
    if fill < _LEAST_FILL:
        return ()
    variant = with_values((("vectors", 4),), layer, isa)
    spec = KernelSpec(FAMILY, isa, 1, layer.activation.function, variant)
    estimate = size.nonzeros / fill * LOCKSTEP_NS
    return (Candidate(spec, True, partial(_pack, spec=spec), estimate),)


def window_width(isa: Isa) -> int:
    """Return the columns that one permutation covers."""
    return 32 if isa is Isa.AVX512 else 8


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a lockstep kernel."""
    w = KernelWriter(spec, FIELDS)
    vectors, width = spec.number("vectors"), w.full_width
    height = vectors * width
    element = weight_element(spec)
    counts = w.argument("counts")

    def chunk(
        x: Value, windows: Value, streams: Sequence[Value]
    ) -> tuple[list[Value], Sequence[Value]]:
        start = (*streams, *[w.zero(sum_type(w))] * vectors)
        with w.loop(0, windows, carried=start) as window:
            base = w.at(x, w.mul(window.index, window_width(spec.isa)), F32)
            held = [
                w.load(sum_type(w), w.at(base, place, F32))
                for place in range(0, window_width(spec.isa), width)
            ]
            count = w.cast("zext", w.load(I32, w.at(counts, window.index, I32)), I64)
            with w.loop(0, count, carried=window.carried) as step:
                columns, values, *sums = step.carried
                following = []
                for number, total in enumerate(sums):
                    weights = load_weights(w, spec, w.at(values, number * width, element), width)
                    operand = _permuted(w, held, w.at(columns, number * width))
                    following.append(accumulate(w, weights, operand, total))
                step.carry((w.at(columns, height), w.at(values, height, element), *following))
            window.carry(step.carried)
        return list(window.carried[2:]), window.carried[:2]

    streams = (w.argument("columns"), w.argument("values"))
    chunk_loop(w, streams, chunk, load_parameters(w, width), height)
    return w.finish()


def _pack(layer: DenseLayer, spec: KernelSpec) -> PackedLayer:
    height = spec.number("vectors") * spec.isa.vector_floats
    packed = pack_lockstep(layer.kernel, height, window_width(spec.isa))
    chunks = len(packed.rows) // height
    constants: dict[str, npt.NDArray[Any]] = {
        "steps": np.full(chunks, len(packed.counts), np.uint32),
        "counts": packed.counts,
        "rows": packed.rows,
        "columns": packed.columns,
        "values": stored_weights(packed.values, spec),
        **tail_constants(layer, packed.rows),
    }
    return packed_layer(constants, tail_ints(layer, chunks), packed.nonzeros)


def _permuted(w: KernelWriter, held: list[Value], columns: Value) -> Value:
    """The elements of the window that the codes name; codes have no bit that leads outside."""
    width = w.full_width
    places = w.cast("zext", w.load(vector(I8, width), columns, 1), I32)
    if w.spec.isa is Isa.AVX512:
        return w.call(_PERMUTE_PAIR, held[0].type, (held[0], places, held[1]))
    return w.call(_PERMUTE_EIGHT, held[0].type, (held[0], places))
