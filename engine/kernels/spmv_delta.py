"""One sample, sparse: SELL with 8-bit steps between columns and a gather; for where bandwidth decides.

Each lane keeps the number of its column::

    %c = add %c, zext (load <16 x i8>, ptr %deltas)
    %x = gather x[%c]
    %sum = select (%w != 0), fmuladd(%w, %x, %sum), %sum

5 bytes per non-zero, 3 with weights of 16 bits. The columns lie in a register, so that only a gather can
fetch x: offered where a layer's weights are more than a second-level cache holds, or are narrow. Exact.
Requirement: AVX2 or AVX-512.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy.typing as npt

from engine.core.layers import DenseLayer, ValueType
from engine.core.target import Isa
from engine.formats.delta import pack_deltas
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer, packed_layer
from engine.kernels.activations import load_parameters
from engine.kernels.emit import I8, I32, Value, vector
from engine.kernels.estimate import STEP_BYTES, fetched_work, layer_size
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.one_sample import (
    accumulate,
    chunk_loop,
    layer_fields,
    sum_type,
    tail_constants,
    tail_ints,
)
from engine.kernels.spmv_sell import gathered
from engine.kernels.weight_loads import (
    load_weights,
    stored_weights,
    value_bytes,
    weight_element,
    with_values,
)

FAMILY = "spmv_delta"
FIELDS = layer_fields("deltas", "values")
VARIANTS: Mapping[str, Collection[int | str]] = {}
# Weights with 16-bit columns that a usual second-level cache holds; fewer gain nothing from fewer bytes.
_MANY_NONZEROS = (1 << 20) // 6
# Below this share of non-zeros fillers eat up what smaller numbers save.
_LEAST_DENSITY = 0.01


def candidates(layer: DenseLayer, isa: Isa) -> tuple[Candidate, ...]:
    """Return the candidate for a layer with many weights, or with narrow ones."""
    size = layer_size(layer)
    heavy = layer.values is not ValueType.FLOAT32 or size.nonzeros > _MANY_NONZEROS
    if isa is Isa.GENERIC or not heavy or not _LEAST_DENSITY <= size.density < 1:
        return ()
    spec = KernelSpec(FAMILY, isa, 1, layer.activation.function, with_values((), layer, isa))
    work = fetched_work(size, gathers=True, bytes_per_nonzero=value_bytes(spec) + STEP_BYTES)
    return (Candidate(spec, True, partial(_pack, spec=spec), work),)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a delta kernel."""
    w = KernelWriter(spec, FIELDS)
    width, element = w.full_width, weight_element(spec)
    places = vector(I32, width)

    def chunk(
        x: Value, steps: Value, streams: Sequence[Value]
    ) -> tuple[list[Value], Sequence[Value]]:
        start = (*streams, w.zero(places), w.zero(sum_type(w)))
        with w.loop(0, steps, carried=start) as step:
            deltas, values, columns, total = step.carried
            moved = w.cast("zext", w.load(vector(I8, width), deltas, 1), I32)
            columns = w.add(columns, moved)
            weights = load_weights(w, spec, values, width)
            following = accumulate(w, weights, gathered(w, x, columns), total)
            step.carry((w.at(deltas, width), w.at(values, width, element), columns, following))
        deltas, values, _, total = step.carried
        return [total], (deltas, values)

    streams = (w.argument("deltas"), w.argument("values"))
    chunk_loop(w, streams, chunk, load_parameters(w, width), width)
    return w.finish()


def _pack(layer: DenseLayer, spec: KernelSpec) -> PackedLayer:
    packed = pack_deltas(layer.kernel, spec.isa.vector_floats)
    constants: dict[str, npt.NDArray[Any]] = {
        "steps": packed.steps,
        "rows": packed.rows,
        "deltas": packed.deltas,
        "values": stored_weights(packed.values, spec),
        **tail_constants(layer, packed.rows),
    }
    return packed_layer(constants, tail_ints(layer, len(packed.steps)), packed.nonzeros)
