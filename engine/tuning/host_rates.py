"""What one core of this host can do at most, measured in about 20 ms: what estimates of kernels are made of.

The loops are those of `engine.kernels.probes`, read a few times in turn; the best reading of each counts. That is
rougher than `prunus bench` measures roofs, but estimates are rough, too: they say which kernels are worth timing. The
rates are kept for as long as the process lives, and not on disk: a reading taken while the host was busy would stay.
"""

import ctypes
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from engine.core.arrays import FloatArray, aligned_zeros
from engine.core.rates import MEASURED_UNCERTAINTY, Level, Rates, default_rates
from engine.core.target import Isa, Target
from engine.kernels.probes import (
    BLOCK_VECTORS,
    FETCH_FLOATS,
    FMA_CHAINS,
    PERMUTE_CHAINS,
    PLACES,
    RESULT_FLOATS,
    Probe,
    emit_probe,
    fill_places,
    probes_of,
)
from engine.machine_code.linking import NativeLibrary, load_kernels
from engine.machine_code.object_cache import ObjectCache
from engine.tuning.clocks import Clock, own_time, tells_time, wall_time

# Readings of each loop, about how long one lasts, and how long all of them may take on a busy host.
ROUNDS = 5
READING_SECONDS = 3e-4
MOST_SECONDS = 0.1
# The most that one reading does, whatever the clock says: more than any core does in that time.
MOST_WORK = 2 * 10**9
# What is read to measure the levels behind the second-level cache: so many times as much as that holds, within bounds.
_FAR_CACHES = 4
_FAR_BYTES = (4 * 2**20, 16 * 2**20)
_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_READS = (Probe.READ, Probe.READ4)


@dataclass(slots=True)
class Loop:
    """A probe on so much data.

    Attributes:
        probe: the code.
        level: the level that is read; empty for probes that read no memory.
        blocks: number of blocks that one repeat reads.
        work: floating-point operations, elements or bytes of one repeat.
        repeats: number of repeats of one reading.
    """

    probe: Probe
    level: str
    blocks: int
    work: int
    repeats: int = 1


def loops_of(isa: Isa, sizes: dict[str, int]) -> list[Loop]:
    """Return all loops of a level of instructions.

    Args:
        isa: the level.
        sizes: bytes to read, by name of the level of cache.
    """
    width = isa.vector_floats
    work = {
        Probe.FMA: 2 * FMA_CHAINS * width,
        Probe.PERMUTE: PERMUTE_CHAINS * width,
        Probe.GATHER: PLACES,
        Probe.LOADS: PLACES,
    }
    loops = [Loop(probe, "", 0, work[probe]) for probe in probes_of(isa) if probe in work]
    block = BLOCK_VECTORS * width * 4
    return loops + [
        Loop(read, name, size // block, size // block * block)
        for name, size in sizes.items()
        for read in _READS
    ]


def load_probes(target: Target, cache: ObjectCache) -> NativeLibrary:
    """Compile, or take from the cache, the probes of the target's level.

    Raises:
        CodegenError: a loop could not be compiled or loaded.
    """
    return load_kernels(
        {probe.value: emit_probe(probe, target.isa) for probe in probes_of(target.isa)},
        target,
        cache,
    )


def filled_room(largest_bytes: int) -> FloatArray:
    """Return room for probes, written to: memory that never was is one page, which lies in the nearest cache."""
    room = aligned_zeros(RESULT_FLOATS + max(FETCH_FLOATS, largest_bytes // 4))
    room[:] = 1
    fill_places(room)
    return room


def run_loop(library: NativeLibrary, loop: Loop, room: FloatArray, clock: Clock) -> float:
    """Return the seconds of one call."""
    function = _SIGNATURE(library.address(loop.probe.value))
    address = room.ctypes.data
    start = clock()
    function(address, loop.repeats, loop.blocks)
    return max(clock() - start, 1e-9)


def host_rates(target: Target, cache: ObjectCache) -> Rates:
    """Return the rates of this host; measured when this process first asks for the target's level.

    With `PRUNUS_TUNING_SEED`, where no clock tells the time, they are `default_rates`.

    Args:
        target: this host.
        cache: object code of the loops.

    Raises:
        CodegenError: a loop could not be compiled or loaded.
    """
    if not tells_time():
        return default_rates(target)
    key = (target.cpu_name, target.features, target.isa)
    known, lock = _known()
    with lock:
        if key not in known:
            known[key] = measure_rates(target, cache)
        return known[key]


@cache
def _known() -> tuple[dict[tuple[str, str, Isa], Rates], threading.Lock]:
    return {}, threading.Lock()


def measure_rates(target: Target, cache: ObjectCache) -> Rates:
    """Measure for about 20 ms; `MOST_SECONDS` on a busy host.

    Args:
        target: this host.
        cache: object code of the loops.

    Raises:
        CodegenError: a loop could not be compiled or loaded.
    """
    least, most = _FAR_BYTES
    sizes = {
        "L1": target.l1d_bytes // 2,
        "L2": target.l2_bytes // 2,
        "far": min(max(_FAR_CACHES * target.l2_bytes, least), most),
    }
    library = load_probes(target, cache)
    try:
        best = _best_rates(library, loops_of(target.isa, sizes), filled_room(sizes["far"]))
    finally:
        library.close()
    return _rates(target, best)


def _best_rates(
    library: NativeLibrary, loops: Sequence[Loop], room: FloatArray
) -> dict[tuple[Probe, str], float]:
    """Return work per nanosecond, the best of all rounds, by probe and level."""
    rates: dict[tuple[Probe, str], float] = {}
    end = wall_time() + MOST_SECONDS
    for number in range(1 + ROUNDS):
        for loop in loops:
            seconds = run_loop(library, loop, room, own_time)
            rate = loop.work * loop.repeats / seconds / 1e9
            rates[loop.probe, loop.level] = max(rates.get((loop.probe, loop.level), 0.0), rate)
            # The first readings are short, and so too low: they say how long the others must be.
            wanted = int(loop.repeats * READING_SECONDS / seconds)
            loop.repeats = max(1, min(wanted, MOST_WORK // loop.work))
        if number and wall_time() > end:
            break
    return rates


def _rates(target: Target, best: dict[tuple[Probe, str], float]) -> Rates:
    picked = best[Probe.LOADS, ""]
    sizes = {"L1": target.l1d_bytes, "L2": target.l2_bytes, "far": None}
    return Rates(
        vector_floats=target.isa.vector_floats,
        products=best[Probe.FMA, ""] / 2,
        permuted=best.get((Probe.PERMUTE, ""), default_rates(target).permuted),
        gathered=best.get((Probe.GATHER, ""), picked),
        picked=picked,
        levels=tuple(
            Level(size, max(best[read, name] for read in _READS)) for name, size in sizes.items()
        ),
        uncertainty=MEASURED_UNCERTAINTY,
    )
