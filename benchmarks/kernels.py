"""Times every kernel for Dense layers on this machine, beside SciPy's CSR and the machine's roofs.

    python -m benchmarks.kernels [--isa avx2] [--lanes 1,16,32,64] [--shapes 1024x1024,4096x4096]
                                 [--sparsity 0.8,0.95] [--seconds 0.2] [--markdown]

One sample: microseconds, nanoseconds per non-zero, ratio to SciPy's `csr @ x` (what a caller pays,
with Python's overhead on both sides), share of the gather roof. Tiles: GFLOP/s on non-zeros, share
of the FMA roof, ratio to the dense kernel. Everything is timed in one process, one thread, best of
many repetitions; compare only numbers of one run.
"""

import argparse
import ctypes
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from benchmarks.kernel_call import KernelCall
from engine.core.arrays import FloatArray, aligned_zeros
from engine.core.functions import ElementFunction, FusedActivation
from engine.core.layers import DenseLayer
from engine.core.target import Isa, Target, host_target
from engine.kernels.abi import Candidate
from engine.kernels.emit import (
    F32,
    PTR,
    Value,
    Writer,
    module_text,
    vector,
)
from engine.kernels.registry import emit, kernel_candidates
from engine.machine_code.linking import NativeLibrary, load_kernels
from engine.machine_code.object_cache import ObjectCache

ROOF_ROUNDS = 100_000
GATHER_FLOATS = 4096  # 16 KB: stays in the first-level cache
FMA_CHAINS = 12


@dataclass(frozen=True, slots=True)
class Roofs:
    """What the core can do at most, measured in this run."""

    gflops: float
    gather_ns: float


@dataclass(frozen=True, slots=True)
class Bench:
    """Settings of a run."""

    target: Target
    cache: ObjectCache
    seconds: float
    roofs: Roofs


def best_seconds(call: Callable[[], object], seconds: float) -> float:
    """Return the best time of one call over `seconds` of repetitions."""
    call()
    start = time.perf_counter()
    call()
    once = max(time.perf_counter() - start, 1e-7)
    repetitions = max(1, int(0.002 / once))
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(repetitions):
            call()
        best = min(best, (time.perf_counter() - start) / repetitions)
    return best


def measure_roofs(target: Target, cache: ObjectCache, seconds: float) -> Roofs:
    """Time a loop of independent FMAs in registers, and one of gathers from the first-level cache."""
    modules = {"fma_roof": _fma_roof(target.isa), "gather_roof": _gather_roof(target.isa)}
    library = load_kernels(modules, target, cache)
    room = aligned_zeros(GATHER_FLOATS)
    width = target.isa.vector_floats
    times = {}
    for symbol in modules:
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(library.address(symbol))
        times[symbol] = best_seconds(lambda f=function: f(room.ctypes.data), seconds)  # type: ignore[misc]
    flops = 2 * width * FMA_CHAINS * ROOF_ROUNDS
    library.close()
    return Roofs(
        gflops=flops / times["fma_roof"] / 1e9,
        gather_ns=times["gather_roof"] / (ROOF_ROUNDS * width) * 1e9,
    )


def _fma_roof(isa: Isa) -> str:
    w = Writer()
    kind = vector(F32, isa.vector_floats)
    with w.loop(0, ROOF_ROUNDS, carried=[w.zero(kind)] * FMA_CHAINS) as chain:
        half, quarter = w.const(kind, 0.5), w.const(kind, 0.25)
        chain.carry([w.fma(value, half, quarter) for value in chain.carried])
    for number, value in enumerate(chain.carried):
        w.store(value, w.at(Value(PTR, "%out"), number * isa.vector_floats, F32))
    w.line("ret void")
    return module_text(w, "define void @fma_roof(ptr %out)", isa)


def _gather_roof(isa: Isa) -> str:
    """Independent gathers of scattered elements; plain scalar loads where there is no gather."""
    w = Writer()
    width = isa.vector_floats
    kind, places = vector(F32, width), vector("i32", width)
    base = Value(PTR, "%out")
    scattered = ", ".join(f"i32 {(lane * 619) % 2048}" for lane in range(width))
    with w.loop(0, ROOF_ROUNDS, carried=[w.zero(kind)]) as step:
        shift = w.splat(
            w.op("and", w.cast("trunc", step.index, "i32"), w.const("i32", 1023)), width
        )
        index = w.op("add", shift, Value(places, f"<{scattered}>"))
        wide = w.cast("zext", index, "i64")
        pointers = w.value(vector(PTR, width), f"getelementptr float, {base}, {wide}")
        name = f"llvm.masked.gather.v{width}f32.v{width}p0"
        mask = vector("i1", width)
        w.declarations[name] = f"declare {kind} @{name}({pointers.type}, {mask}, {kind})"
        text = f"call {kind} @{name}({pointers.type} align 4 {pointers.name}, "
        found = w.value(kind, f"{text}{mask} splat (i1 true), {w.zero(kind)})")
        step.carry([w.op("fadd", step.carried[0], found)])
    w.store(step.carried[0], base)
    w.line("ret void")
    return module_text(w, "define void @gather_roof(ptr %out)", isa)


def random_layer(inputs: int, units: int, sparsity: float) -> DenseLayer:
    """Return a layer with relu and zeros at random places."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(inputs, units)).astype(np.float32)
    kernel[rng.random((inputs, units)) < sparsity] = 0
    bias = rng.normal(size=units).astype(np.float32)
    return DenseLayer(kernel, bias, ElementFunction(FusedActivation.RELU))


def bind(candidate: Candidate, layer: DenseLayer, bench: Bench) -> tuple[KernelCall, NativeLibrary]:
    """Return the kernel with random input; the library must be kept while it is called."""
    spec = candidate.spec
    packed = candidate.pack(layer)
    room = -(-layer.inputs * spec.lanes // 16) * 16
    arena = aligned_zeros(room + layer.units * spec.lanes + 64)
    arena[:room] = np.random.default_rng(1).normal(size=room)
    library = load_kernels({spec.symbol: emit(spec)}, bench.target, bench.cache)
    call = KernelCall(
        library.address(spec.symbol),
        spec,
        arena,
        {"x": 0, "y": 4 * room},
        packed.constants,
        packed.ints,
    )
    return call, library


def rows_of_one_sample(layer: DenseLayer, bench: Bench) -> Iterator[tuple[str, ...]]:
    """Time SciPy and all one-sample kernels on one layer."""
    csr = scipy.sparse.csr_matrix(layer.kernel.T)
    x: FloatArray = np.random.default_rng(1).normal(size=layer.inputs).astype(np.float32)
    nonzeros = csr.nnz
    scipy_seconds = best_seconds(lambda: csr @ x, bench.seconds)
    ns = scipy_seconds / nonzeros * 1e9
    yield ("SciPy csr @ x", f"{scipy_seconds * 1e6:.1f}", f"{ns:.3f}", "1.0", "")
    for candidate in kernel_candidates(layer, bench.target.isa, 1):
        call, library = bind(candidate, layer, bench)
        seconds = best_seconds(call, bench.seconds)
        library.close()
        ns = seconds / nonzeros * 1e9
        yield (
            candidate.spec.symbol,
            f"{seconds * 1e6:.1f}",
            f"{ns:.3f}",
            f"{scipy_seconds / seconds:.1f}",
            f"{bench.roofs.gather_ns / ns * 100:.0f} %",
        )


def rows_of_tiles(layer: DenseLayer, lanes: int, bench: Bench) -> Iterator[tuple[str, ...]]:
    """Time all kernels for one number of lanes on one layer."""
    times = []
    for candidate in kernel_candidates(layer, bench.target.isa, lanes):
        call, library = bind(candidate, layer, bench)
        times.append((candidate, best_seconds(call, bench.seconds)))
        library.close()
    dense = min(seconds for candidate, seconds in times if not candidate.sparse)
    for candidate, seconds in times:
        weights = int(np.count_nonzero(layer.kernel)) if candidate.sparse else layer.kernel.size
        gflops = 2 * weights * lanes / seconds / 1e9
        yield (
            candidate.spec.symbol,
            f"{seconds * 1e6:.1f}",
            f"{gflops:.0f}",
            f"{gflops / bench.roofs.gflops * 100:.0f} %",
            f"{dense / seconds:.1f}",
        )


def print_table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]], *, markdown: bool) -> None:
    """Print rows as they come."""
    if markdown:
        print("| " + " | ".join(head) + " |")
        print("|" + "---|" * len(head))
        for row in rows:
            print("| " + " | ".join(row) + " |", flush=True)
        return
    print(f"{head[0]:62s}" + "".join(f"{name:>16s}" for name in head[1:]))
    for row in rows:
        print(f"{row[0]:62s}" + "".join(f"{cell:>16s}" for cell in row[1:]), flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Time the Dense kernels on this machine.")
    parser.add_argument("--isa", type=Isa, choices=list(Isa), default=None)
    parser.add_argument("--lanes", default="1,16,32,64")
    parser.add_argument("--shapes", default="784x300,1024x1024,4096x4096")
    parser.add_argument("--sparsity", default="0.8,0.95")
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    target, cache = host_target(options.isa), ObjectCache()
    bench = Bench(target, cache, options.seconds, measure_roofs(target, cache, options.seconds))
    print(
        f"{target.cpu_name}, {target.isa.value}: FMA roof {bench.roofs.gflops:.0f} GFLOP/s, "
        f"gather roof {bench.roofs.gather_ns:.3f} ns per element"
    )
    one = ("kernel", "us", "ns/non-zero", "x SciPy", "of gather roof")
    tile = ("kernel", "us", "GFLOP/s", "of FMA roof", "x dense")
    for shape in options.shapes.split(","):
        inputs, units = (int(part) for part in shape.split("x"))
        for sparsity in (float(part) for part in options.sparsity.split(",")):
            layer = random_layer(inputs, units, sparsity)
            for lanes in (int(part) for part in options.lanes.split(",")):
                print(f"\n{inputs} x {units}, {sparsity:.0%} zeros, lanes {lanes}\n")
                if lanes == 1:
                    print_table(one, rows_of_one_sample(layer, bench), markdown=options.markdown)
                else:
                    rows = rows_of_tiles(layer, lanes, bench)
                    print_table(tile, rows, markdown=options.markdown)


if __name__ == "__main__":
    main()
