"""Code that measures what a core can do at most: multiply and add, fetch, permute, read memory.

    void probe(ptr data, i64 repeats, i64 blocks)

`data` is room that nobody else uses, on a 64-byte boundary: `RESULT_FLOATS` for results, then what is read.
Every probe keeps several independent chains, so that what is timed is throughput and no latency, and stores its
sums when it is done, so that nothing can be left out. One repeat of

- `fma` multiplies and adds `FMA_CHAINS` vectors in registers;
- `permute` fetches `PERMUTE_CHAINS` vectors out of two registers (AVX2: out of one);
- `gather` and `loads` fetch `PLACES` elements of a table of `PLACES` floats at places that are read from
  memory as u16, as a sparse kernel does, by the gather instruction or by scalar loads;
- `read` reads `blocks` x `BLOCK_VECTORS` vectors, one after the other; `read4` the same as four streams.
"""

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.core.target import Isa
from engine.kernels.emit import (
    F32,
    I16,
    I32,
    I64,
    PTR,
    Value,
    Writer,
    mangled,
    module_text,
    vector,
)

# As many as hide the latency of two multiply-adds a cycle; with the constants they fit 16 registers.
FMA_CHAINS = 12
PERMUTE_CHAINS = 12
# Table and places together take 24 KB: they stay in a first-level cache of 32 KB.
PLACES = 4096
RESULT_FLOATS = 256
FETCH_FLOATS = RESULT_FLOATS + PLACES + PLACES // 2
BLOCK_VECTORS = 16
_READ_SUMS = 4
_STREAMS = 4
_PLACES_AT_ONCE = 4  # u16 places in one 64-bit word
_GATHERS_AT_ONCE = 4


class Probe(StrEnum):
    """What is measured; the value is the native symbol."""

    FMA = "prunus_probe_fma"
    PERMUTE = "prunus_probe_permute"
    GATHER = "prunus_probe_gather"
    LOADS = "prunus_probe_loads"
    READ = "prunus_probe_read"
    READ4 = "prunus_probe_read4"


def probes_of(isa: Isa) -> tuple[Probe, ...]:
    """Return the probes that a level has instructions for."""
    if isa is Isa.GENERIC:
        return (Probe.FMA, Probe.LOADS, Probe.READ, Probe.READ4)
    return tuple(Probe)


def fill_places(room: npt.NDArray[np.float32]) -> None:
    """Write a table of ones and the places to fetch, all of them once, in random order.

    Args:
        room: float32, at least `FETCH_FLOATS` of them.
    """
    table = RESULT_FLOATS + PLACES
    room[RESULT_FLOATS:table] = 1
    order = np.random.default_rng(0).permutation(PLACES).astype(np.uint16)
    room[table:FETCH_FLOATS] = order.view(np.float32)


def emit_probe(probe: Probe, isa: Isa) -> str:
    """Return the LLVM IR of a probe.

    Args:
        probe: one of `probes_of(isa)`.
        isa: level of the instructions.
    """
    w = Writer()
    body = {
        Probe.FMA: _fma,
        Probe.PERMUTE: _permute,
        Probe.GATHER: _gather,
        Probe.LOADS: _loads,
        Probe.READ: _read,
        Probe.READ4: _read_streams,
    }[probe]
    results = Value(PTR, "%data")
    for number, total in enumerate(body(w, isa, w.at(results, RESULT_FLOATS, F32))):
        w.store(total, w.at(results, number * isa.vector_floats, F32))
    w.line("ret void")
    return module_text(w, f"define void @{probe}(ptr %data, i64 %repeats, i64 %blocks)", isa)


def _repeats() -> Value:
    return Value(I64, "%repeats")


def _fma(w: Writer, isa: Isa, data: Value) -> tuple[Value, ...]:
    kind = vector(F32, isa.vector_floats)
    factor, addend = w.load(kind, data), w.load(kind, w.at(data, 64))
    with w.loop(0, _repeats(), carried=[w.zero(kind)] * FMA_CHAINS) as chain:
        chain.carry([w.fma(value, factor, addend) for value in chain.carried])
    return chain.carried


def _permute(w: Writer, isa: Isa, data: Value) -> tuple[Value, ...]:
    """Return what is fetched is where the next permutation fetches: nothing can be done ahead of time."""
    width = isa.vector_floats
    kind, places = vector(F32, width), vector(I32, width)
    low, high = w.load(kind, data), w.load(kind, w.at(data, 64))
    start = [w.load(places, w.at(data, 64 * chain)) for chain in range(PERMUTE_CHAINS)]
    with w.loop(0, _repeats(), carried=start) as chain:
        fetched = []
        for value in chain.carried:
            if isa is Isa.AVX512:
                found = w.call("llvm.x86.avx512.vpermi2var.ps.512", kind, (low, value, high))
            else:
                found = w.call("llvm.x86.avx2.permps", kind, (low, value))
            fetched.append(w.cast("bitcast", found, I32))
        chain.carry(fetched)
    return chain.carried


def _gather(w: Writer, isa: Isa, data: Value) -> tuple[Value, ...]:
    width = isa.vector_floats
    kind, mask = vector(F32, width), vector("i1", width)
    places = w.at(data, PLACES, F32)
    with w.loop(0, _repeats(), carried=[w.zero(kind)] * _GATHERS_AT_ONCE) as again:
        step = width * _GATHERS_AT_ONCE
        with w.loop(0, PLACES, step, carried=again.carried) as part:
            totals = []
            for number, total in enumerate(part.carried):
                start = w.at(w.at(places, part.index, I16), number * width, I16)
                wide = w.cast("zext", w.load(vector(I16, width), start), I64)
                pointers = w.value(vector(PTR, width), f"getelementptr float, {data}, {wide}")
                name = f"llvm.masked.gather.{mangled(kind)}.{mangled(pointers.type)}"
                w.declarations[name] = f"declare {kind} @{name}({pointers.type}, {mask}, {kind})"
                text = f"call {kind} @{name}({pointers.type} align 4 {pointers.name}, "
                found = w.value(kind, f"{text}{mask} splat (i1 true), {w.zero(kind)})")
                totals.append(w.op("fadd", total, found))
            part.carry(totals)
        again.carry(part.carried)
    return again.carried


def _loads(w: Writer, isa: Isa, data: Value) -> tuple[Value, ...]:
    """Elements are put together in vectors of four, as kernels need them."""
    del isa  # four is what one 128-bit register takes on every level
    kind = vector(F32, _PLACES_AT_ONCE)
    places = w.at(data, PLACES, F32)
    words = 4
    with w.loop(0, _repeats(), carried=[w.zero(kind)] * words) as again:
        with w.loop(0, PLACES, _PLACES_AT_ONCE * words, carried=again.carried) as part:
            totals = []
            for number, total in enumerate(part.carried):
                start = w.at(w.at(places, part.index, I16), number * _PLACES_AT_ONCE, I16)
                totals.append(w.op("fadd", total, _loaded(w, data, w.load(I64, start))))
            part.carry(totals)
        again.carry(part.carried)
    return again.carried


def _loaded(w: Writer, table: Value, word: Value) -> Value:
    """Four elements, at the places in a 64-bit word."""
    found = Value(vector(F32, _PLACES_AT_ONCE), "poison")
    for number in range(_PLACES_AT_ONCE):
        shifted = w.op("lshr", word, w.i64(16 * number)) if number else word
        place = w.op("and", shifted, w.i64(0xFFFF))
        element = w.load(F32, w.at(table, place, F32))
        found = w.value(found.type, f"insertelement {found}, {element}, i64 {number}")
    return found


def _read(w: Writer, isa: Isa, data: Value) -> tuple[Value, ...]:
    return _read_from(w, isa, data, 1)


def _read_streams(w: Writer, isa: Isa, data: Value) -> tuple[Value, ...]:
    return _read_from(w, isa, data, _STREAMS)


def _read_from(w: Writer, isa: Isa, data: Value, streams: int) -> tuple[Value, ...]:
    """Whole passes over memory; integer sums, which take one cycle and cannot be slowed by the values."""
    width = isa.vector_floats
    kind = vector(I32, width)
    block = BLOCK_VECTORS // streams * width  # elements of one stream in one round
    blocks = Value(I64, "%blocks")
    with w.loop(0, _repeats(), carried=[w.zero(kind)] * _READ_SUMS) as again:
        with w.loop(0, blocks, carried=again.carried) as part:
            totals = list(part.carried)
            for number in range(BLOCK_VECTORS):
                stream, place = divmod(number, BLOCK_VECTORS // streams)
                start = w.add(w.mul(blocks, stream), part.index)
                address = w.at(w.at(data, w.mul(start, block), F32), place * width, F32)
                sum_ = number % _READ_SUMS
                totals[sum_] = w.op("add", totals[sum_], w.load(kind, address, 4 * width))
            part.carry(totals)
        again.carry(part.carried)
    return again.carried
