"""One sample, sparse: SELL with a gather per step, or with scalar loads where gathers are slow.

One step handles one non-zero of each of W rows (W = vector width)::

    %w = load <16 x float>, ptr %values
    %c = zext (load <16 x i16>, ptr %columns)
    %x = gather x[%c]                        ; access "gather": vgatherdps
    %sum = select (%w != 0), fmuladd(%w, %x, %sum), %sum

Access "load" replaces the gather: indices are read four at a time as one integer, and each element
is inserted from memory (vinsertps), which on CPUs with microcoded gathers (AMD) is faster.

Requirement: AVX2 or AVX-512 for "gather"; any level for "load".
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Any

import numpy.typing as npt

from engine.core.errors import UnsupportedKernelError
from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.sell import pack_sell
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer, packed_layer
from engine.kernels.activations import load_parameters
from engine.kernels.emit import F32, I1, I16, I32, I64, PTR, Value, mangled, vector
from engine.kernels.estimate import COLUMN_BYTES, fetched_work, layer_size
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.one_sample import (
    accumulate,
    chunk_loop,
    layer_fields,
    sum_type,
    tail_constants,
    tail_ints,
)
from engine.kernels.shared_pack import SharedPack
from engine.kernels.weight_loads import (
    load_weights,
    stored_weights,
    value_bytes,
    weight_element,
    with_values,
)

FAMILY = "spmv_sell"
FIELDS = layer_fields("columns", "values")
_MAX_U16 = 65_536


class Access(StrEnum):
    """How the elements of x are fetched."""

    GATHER = "gather"
    LOAD = "load"


VARIANTS: Mapping[str, Collection[int | str]] = {"access": tuple(Access), "index": (16, 32)}


def candidates(layer: DenseLayer, isa: Isa) -> tuple[Candidate, ...]:
    """Return the candidates worth timing for a layer and one sample."""
    bits = 16 if layer.inputs <= _MAX_U16 else 32
    accesses = (Access.LOAD,) if isa is Isa.GENERIC else (Access.LOAD, Access.GATHER)
    specs = [
        KernelSpec(
            FAMILY,
            isa,
            1,
            layer.activation.function,
            with_values((("access", access.value), ("index", bits)), layer, isa),
        )
        for access in accesses
    ]
    size, columns = layer_size(layer), COLUMN_BYTES * bits / 16
    pack = SharedPack(partial(_pack, spec=specs[0]))  # the format does not depend on the access
    return tuple(
        Candidate(
            spec,
            True,
            pack,
            fetched_work(
                size,
                gathers=access is Access.GATHER,
                bytes_per_nonzero=value_bytes(spec) + columns,
            ),
        )
        for spec, access in zip(specs, accesses, strict=True)
    )


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a SELL kernel.

    Raises:
        UnsupportedKernelError: a gather on the plain level, which has none.
    """
    if spec.option("access") == Access.GATHER and spec.isa is Isa.GENERIC:
        raise UnsupportedKernelError(spec.symbol, "AVX2 or AVX-512 for gather")
    w = KernelWriter(spec, FIELDS)
    width = w.full_width
    index_type = I16 if spec.number("index") == 16 else I32
    element = weight_element(spec)
    fetch = {Access.GATHER: _load_gathered, Access.LOAD: loaded_operands}[
        Access(str(spec.option("access")))
    ]

    def chunk(
        x: Value, steps: Value, streams: Sequence[Value]
    ) -> tuple[list[Value], Sequence[Value]]:
        start = (*streams, w.zero(sum_type(w)))
        with w.loop(0, steps, carried=start) as step:
            columns, values, total = step.carried
            weights = load_weights(w, spec, values, width)
            operands = fetch(w, x, columns, index_type)
            following = accumulate(w, weights, operands, total)
            step.carry((w.at(columns, width, index_type), w.at(values, width, element), following))
        columns, values, total = step.carried
        return [total], (columns, values)

    streams = (w.argument("columns"), w.argument("values"))
    chunk_loop(w, streams, chunk, load_parameters(w, width), width)
    return w.finish()


def _pack(layer: DenseLayer, spec: KernelSpec) -> PackedLayer:
    width = spec.isa.vector_floats
    sell = pack_sell(layer.kernel, width, spec.number("index"))
    constants: dict[str, npt.NDArray[Any]] = {
        "steps": sell.steps,
        "rows": sell.rows,
        "columns": sell.columns,
        "values": stored_weights(sell.values, spec),
        **tail_constants(layer, sell.rows),
    }
    return packed_layer(constants, tail_ints(layer, len(sell.steps)), sell.nonzeros)


def _load_gathered(w: KernelWriter, x: Value, columns: Value, index_type: str) -> Value:
    loaded = w.load(vector(index_type, w.full_width), columns)
    return gathered(w, x, w.cast("zext", loaded, I32) if index_type == I16 else loaded)


def gathered(w: KernelWriter, x: Value, places: Value) -> Value:
    """Return the elements of x at the (unsigned) places, by a gather."""
    width = w.full_width
    pointers = w.value(
        vector(PTR, width), f"getelementptr float, {x}, {w.cast('zext', places, I64)}", "pp"
    )
    kind = vector(F32, width)
    name = f"llvm.masked.gather.{mangled(kind)}.{mangled(pointers.type)}"
    everywhere = vector(I1, width)
    w.declarations[name] = f"declare {kind} @{name}({pointers.type}, {everywhere}, {kind})"
    text = f"call {kind} @{name}({pointers.type} align 4 {pointers.name}, "
    return w.value(kind, f"{text}{everywhere} splat (i1 true), {w.zero(kind)})", "x")


def loaded_operands(w: KernelWriter, x: Value, columns: Value, index_type: str) -> Value:
    """The elements of x: scalar loads, put together in groups of four, which is what one 128-bit register takes."""
    width = w.full_width
    bits = 16 if index_type == I16 else 32
    packs = 64 // bits
    quads: list[Value] = []
    lanes: list[Value] = []
    for first in range(0, width, packs):
        word = w.load(I64, w.at(columns, first, index_type))
        for place in range(packs):
            shifted = w.op("lshr", word, w.i64(place * bits)) if place else word
            column = w.op("and", shifted, w.i64((1 << bits) - 1))
            lanes.append(w.load(F32, w.at(x, column, F32)))
    for first in range(0, width, 4):
        quad = Value(vector(F32, 4), "poison")
        for place, lane in enumerate(lanes[first : first + 4]):
            quad = w.value(quad.type, f"insertelement {quad}, {lane}, i64 {place}", "q")
        quads.append(quad)
    while len(quads) > 1:
        size = 2 * int(quads[0].type[1:].split(" ")[0])
        quads = [
            w.shuffle(quads[place], quads[place + 1], range(size))
            for place in range(0, len(quads), 2)
        ]
    return quads[0]
