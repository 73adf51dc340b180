"""One sample, half sparse: one bit per weight, and the non-zeros spread over the lanes by vexpandps.

The lanes are 16 rows; `vectors` times 16 rows share an element of x::

    %m = bitcast (load i16, ptr %masks) to <16 x i1>
    %w = llvm.masked.expandload(ptr %values, %m)                 ; vexpandps zmm {k}{z}
    %sum = select %m, fmuladd(%w, %x, %sum), %sum                ; %x = broadcast x[k]
    %values += 4 * popcount(%m)

The fewest bytes for 50 to 75 % zeros (4.25 to 4.5 per non-zero), but a step for every 16 weights, zeros
among them. Requirement: AVX-512.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.bitmask import MASK_BITS, pack_bitmask
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer, packed_layer
from engine.kernels.activations import load_parameters
from engine.kernels.emit import F32, I1, I16, I64, Value, mangled, vector
from engine.kernels.estimate import expand_work, layer_size
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.one_sample import chunk_loop, layer_fields, sum_type, tail_constants, tail_ints

FAMILY = "spmv_expand"
# A step is an input here.
FIELDS = layer_fields("masks", "values")
VARIANTS: Mapping[str, Collection[int | str]] = {"vectors": (4,)}
# Outside of these shares of non-zeros, dense kernels or windows take fewer steps for certain.
_DENSITIES = (0.2, 0.8)


def candidates(layer: DenseLayer, isa: Isa) -> tuple[Candidate, ...]:
    """Return the candidate for a layer with about as many zeros as weights."""
    size = layer_size(layer)
    least, most = _DENSITIES
    if isa is not Isa.AVX512 or not least <= size.density <= most:
        return ()
    spec = KernelSpec(FAMILY, isa, 1, layer.activation.function, (("vectors", 4),))
    return (Candidate(spec, True, partial(_pack, spec=spec), expand_work(size)),)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of an expand kernel."""
    w = KernelWriter(spec, FIELDS)
    vectors = spec.number("vectors")

    def chunk(
        x: Value, inputs: Value, streams: Sequence[Value]
    ) -> tuple[list[Value], Sequence[Value]]:
        with w.loop(0, inputs, carried=(*streams, *[w.zero(sum_type(w))] * vectors)) as column:
            masks, values, *sums = column.carried
            operand = w.splat(w.load(F32, w.at(x, column.index, F32)), MASK_BITS)
            following = []
            for number, total in enumerate(sums):
                bits = w.load(I16, w.at(masks, number, I16), 2)
                mask = w.value(vector(I1, MASK_BITS), f"bitcast {bits} to <16 x i1>", "m")
                weights = _expanded(w, values, mask)
                following.append(w.select(mask, w.fma(weights, operand, total), total))
                count = w.cast("zext", w.intrinsic("ctpop", bits), I64)
                values = w.at(values, count, F32)
            column.carry((w.at(masks, vectors, I16), values, *following))
        return list(column.carried[2:]), column.carried[:2]

    streams = (w.argument("masks"), w.argument("values"))
    chunk_loop(w, streams, chunk, load_parameters(w, MASK_BITS), vectors * MASK_BITS)
    return w.finish()


def _expanded(w: KernelWriter, values: Value, mask: Value) -> Value:
    kind = sum_type(w)
    name = f"llvm.masked.expandload.{mangled(kind)}"
    w.declarations[name] = f"declare {kind} @{name}(ptr, {mask.type}, {kind})"
    text = f"call {kind} @{name}(ptr align 4 {values.name}, {mask}, {w.zero(kind)})"
    return w.value(kind, text, "w")


def _pack(layer: DenseLayer, spec: KernelSpec) -> PackedLayer:
    height = spec.number("vectors") * MASK_BITS
    packed = pack_bitmask(layer.kernel, height)
    chunks = len(packed.rows) // height
    constants: dict[str, npt.NDArray[Any]] = {
        "steps": np.full(chunks, layer.inputs, np.uint32),
        "rows": packed.rows,
        "masks": packed.masks,
        "values": packed.values,
        **tail_constants(layer, packed.rows),
    }
    return packed_layer(constants, tail_ints(layer, chunks), packed.nonzeros)
