"""What this host can do at most, measured: the roofs that kernels are held against.

A roof is the best reading of a loop that does one thing only (`engine.kernels.probes`). All loops are read in
turn, several times, so that a busy moment of the machine spoils no roof. On `threads` threads, each with data
of its own, a roof is the sum over the threads.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from engine.core.arrays import FloatArray
from engine.core.target import Isa, Target, last_level_bytes
from engine.kernels.probes import Probe
from engine.machine_code.linking import NativeLibrary
from engine.machine_code.object_cache import ObjectCache
from engine.tuning.host_rates import Loop, filled_room, load_probes, loops_of, run_loop

# Readings of each loop, and how long one lasts; with twelve loops, about half a second.
ROUNDS = 20
READING_SECONDS = 2e-3
MEMORY = "memory"
# A pass over memory must miss every cache, and fit into a small container.
_MEMORY_BYTES = (32 * 2**20, 128 * 2**20)
_FETCHES = {Probe.GATHER: "gather", Probe.LOADS: "loads"}
_READS = (Probe.READ, Probe.READ4)


@dataclass(frozen=True, slots=True)
class MemoryLevel:
    """A cache, or memory.

    Attributes:
        name: "L1", "L2", "L3" or "memory".
        size_bytes: size of the cache, as one core sees it; None for memory.
        gigabytes_per_second: best rate of reading what lies in it, one byte after the other.
    """

    name: str
    size_bytes: int | None
    gigabytes_per_second: float


@dataclass(frozen=True, slots=True)
class Roofs:
    """The roofs of one core, or of several threads together.

    Attributes:
        isa: level of the instructions.
        threads: number of threads that worked at once.
        gflops: float32 multiplications and additions in registers, 10^9 a second.
        gather_per_ns: elements fetched from the first-level cache at places read from memory.
        gather_by: "gather" or "loads": which way of fetching was the faster one.
        permute_per_ns: elements fetched by permutations of registers; None where the level has none.
        levels: the levels from the nearest cache to memory.
    """

    isa: Isa
    threads: int
    gflops: float
    gather_per_ns: float
    gather_by: str
    permute_per_ns: float | None
    levels: tuple[MemoryLevel, ...]

    def home(self, size_bytes: int) -> MemoryLevel:
        """Return the nearest level that holds so many bytes."""
        return next(
            level
            for level in self.levels
            if level.size_bytes is None or size_bytes <= level.size_bytes
        )


def measure_roofs(target: Target, cache: ObjectCache, threads: int = 1) -> Roofs:
    """Measure for about half a second.

    Args:
        target: this host.
        cache: object code of the loops.
        threads: number of threads, at least 1; more than the host has cores measures the same less exactly.

    Raises:
        CodegenError: a loop could not be compiled or loaded.
    """
    isa = target.isa
    sizes = _level_sizes(target, threads)
    rooms = [filled_room(max(sizes.values())) for _ in range(threads)]
    library = load_probes(target, cache)
    try:
        rates = _best_rates(loops_of(isa, sizes), rooms, library)
    finally:
        library.close()
    fetches = {probe: rates[probe, ""] for probe in _FETCHES if (probe, "") in rates}
    fastest = max(fetches, key=lambda probe: fetches[probe])
    permute = rates.get((Probe.PERMUTE, ""))
    return Roofs(
        isa=isa,
        threads=threads,
        gflops=rates[Probe.FMA, ""],
        gather_per_ns=fetches[fastest],
        gather_by=_FETCHES[fastest],
        permute_per_ns=permute,
        levels=tuple(
            MemoryLevel(name, _capacities(target)[name], max(rates[read, name] for read in _READS))
            for name in sizes
        ),
    )


def _capacities(target: Target) -> dict[str, int | None]:
    """Return what each level holds, nearest first; a host may have no third level."""
    levels: dict[str, int | None] = {"L1": target.l1d_bytes, "L2": target.l2_bytes}
    last = last_level_bytes()
    if last is not None and last > target.l2_bytes:
        levels["L3"] = last
    return {**levels, MEMORY: None}


def _level_sizes(target: Target, threads: int) -> dict[str, int]:
    """Return bytes that each thread reads to measure a level: clearly inside it, and outside the one before."""
    sizes: dict[str, int] = {}
    for name, capacity in _capacities(target).items():
        match name:
            case "L1" | "L2":
                sizes[name] = (capacity or 0) // 2
            case "L3":
                sizes[name] = max((capacity or 0) // (4 * threads), 2 * target.l2_bytes)
            case _:
                least, most = _MEMORY_BYTES
                wanted = 4 * (last_level_bytes() or target.l2_bytes)
                sizes[name] = min(max(wanted, least), most) // threads
    return sizes


def _best_rates(
    loops: Sequence[Loop], rooms: Sequence[FloatArray], library: NativeLibrary
) -> dict[tuple[Probe, str], float]:
    """Work per nanosecond of all threads together, the best of all rounds, by probe and level."""
    rates: dict[tuple[Probe, str], float] = {}
    with ThreadPoolExecutor(len(rooms)) as pool:
        for _ in range(ROUNDS):
            for loop in loops:
                read = partial(run_loop, library, loop, clock=time.perf_counter)
                seconds = _together(pool, read, rooms)
                rate = sum(loop.work * loop.repeats / each for each in seconds) / 1e9
                key = (loop.probe, loop.level)
                rates[key] = max(rates.get(key, 0.0), rate)
                # The first readings are short, and so too low: they say how long the others must be.
                loop.repeats = max(1, int(loop.repeats * READING_SECONDS / max(seconds)))
    return rates


def _together(
    pool: ThreadPoolExecutor, call: Callable[[FloatArray], float], rooms: Sequence[FloatArray]
) -> list[float]:
    """Run a call on every room at the same time, and give the seconds of each."""
    if len(rooms) == 1:
        return [call(rooms[0])]
    barrier = threading.Barrier(len(rooms))

    def wait_and_call(room: FloatArray) -> float:
        barrier.wait()
        return call(room)

    return list(pool.map(wait_and_call, rooms))
