"""Holds the estimates of kernels against measured times on this host.

    python -m benchmarks.estimates [--isa avx2] [--lanes 1,16,64] [--shapes 1024x1024] [--sparsity 0.8,0.95]
                                   [--convolutions] [--rounds 15] [--all]

For every layer and tile width the core's rates are measured as tuning measures them, and all candidates are timed
in turns, best of `--rounds` readings of processor time. Printed is, by family, the smallest, the median and the
largest of estimate over measured time, and how often the fastest kernel would not have been timed; with `--all`
every kernel. One thread.
"""

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.kernel_call import KernelCall
from benchmarks.kernels import random_layer
from engine.core.arrays import aligned_zeros
from engine.core.functions import ElementFunction, FusedActivation
from engine.core.layers import ConvLayer, WeightedLayer
from engine.core.rates import Rates
from engine.core.target import Isa, Target, host_target
from engine.kernels.abi import Candidate
from engine.kernels.registry import emit, kernel_candidates
from engine.machine_code.linking import load_kernels
from engine.machine_code.object_cache import ObjectCache
from engine.planning.choose import worth_timing
from engine.tuning.clocks import own_time
from engine.tuning.host_rates import measure_rates

READING_SECONDS = 1e-4
# Channels, units, edge of the window and of the image.
CONVOLUTIONS = (
    (64, 64, 1, 56),
    (64, 64, 3, 56),
    (256, 64, 1, 56),
    (256, 256, 3, 14),
    (512, 2048, 1, 7),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """A kernel on a layer.

    Attributes:
        where: layer and tile width.
        candidate: the kernel, with its estimate.
        seconds: best reading of one tile.
        kept: whether tuning would time it.
    """

    where: str
    candidate: Candidate
    seconds: float
    kept: bool

    @property
    def ratio(self) -> float:
        """Estimate over measured time."""
        return self.candidate.estimated_ns * 1e-9 / self.seconds


def convolution(channels: int, units: int, edge: int, image: int, sparsity: float) -> ConvLayer:
    """Return a convolution with relu over a padded image, with zeros at random places."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(channels * edge * edge, units)).astype(np.float32)
    kernel[rng.random(kernel.shape) < sparsity] = 0
    row = image + edge - 1
    taps = (np.arange(edge)[:, None] * row + np.arange(edge)).reshape(-1).astype(np.uint32)
    return ConvLayer(
        kernel=kernel,
        bias=None,
        taps=taps,
        groups=1,
        channel_rows=row * row,
        sizes=(image, image),
        strides=(row, 1),
        activation=ElementFunction(FusedActivation.RELU),
        nonzeros=int(np.count_nonzero(kernel)),
    )


def measure(
    name: str,
    layer: WeightedLayer,
    lanes: int,
    host: tuple[Target, ObjectCache, Rates],
    rounds: int,
) -> list[Measured]:
    """Time all kernels of a layer in turns."""
    target, cache, rates = host
    found = kernel_candidates(layer, target.isa, lanes, rates)
    kept = {one.spec for one in worth_timing(found, rates.uncertainty)}
    modules = {one.spec.symbol: emit(one.spec) for one in found}
    library = load_kernels(modules, target, cache)
    room = -(-layer.x_rows * lanes // 16) * 16
    arena = aligned_zeros(room + layer.y_rows * lanes + 64)
    arena[:room] = np.random.default_rng(1).normal(size=room)
    calls = []
    for one in found:
        packed = one.pack(layer)
        places = {"x": 0, "y": 4 * room}
        address = library.address(one.spec.symbol)
        calls.append(KernelCall(address, one.spec, arena, places, packed.constants, packed.ints))
    times = best_times(calls, rounds)
    library.close()
    return [
        Measured(f"{name}, lanes {lanes}", one, seconds, one.spec in kept)
        for one, seconds in zip(found, times, strict=True)
    ]


def best_times(calls: Sequence[KernelCall], rounds: int) -> list[float]:
    """Return the best reading of each call, in seconds; every reading follows two calls that do not count."""
    best = [float("inf")] * len(calls)
    repeats = [1] * len(calls)
    for number in range(rounds + 1):
        for place, call in enumerate(calls):
            call()
            call()
            start = own_time()
            for _ in range(repeats[place]):
                call()
            seconds = (own_time() - start) / repeats[place]
            best[place] = min(best[place], seconds)
            if number == 0:
                repeats[place] = max(1, int(READING_SECONDS / seconds))
    return best


def layers(options: argparse.Namespace) -> Iterator[tuple[str, WeightedLayer]]:
    """Return the grid, layer by layer."""
    for sparsity in (float(part) for part in options.sparsity.split(",")):
        for shape in options.shapes.split(","):
            inputs, units = (int(part) for part in shape.split("x"))
            yield f"{shape}, {sparsity:.0%} zeros", random_layer(inputs, units, sparsity)
        for shape in CONVOLUTIONS if options.convolutions else ():
            channels, units, edge, image = shape
            name = f"{edge}x{edge} {channels} to {units} at {image}x{image}, {sparsity:.0%} zeros"
            yield name, convolution(channels, units, edge, image, sparsity)


def print_summary(found: Sequence[Measured], uncertainty: float) -> None:
    """Print a line for each family, and the layers whose fastest kernel would not be timed."""
    print(
        f"\n{'family':18s}{'kernels':>9s}{'least':>9s}{'median':>9s}{'most':>9s}   estimate / measured"
    )
    for family in sorted({one.candidate.spec.family for one in found}):
        ratios = [one.ratio for one in found if one.candidate.spec.family == family]
        middle = statistics.median(ratios)
        print(f"{family:18s}{len(ratios):9d}{min(ratios):9.2f}{middle:9.2f}{max(ratios):9.2f}")
    outside = [one for one in found if not 1 / uncertainty <= one.ratio <= uncertainty]
    print(
        f"\noutside of {1 / uncertainty:.2f} to {uncertainty:.2f}: {len(outside)} of {len(found)}"
    )
    places = dict.fromkeys(one.where for one in found)
    best = [
        min((o for o in found if o.where == place), key=lambda o: o.seconds) for place in places
    ]
    missed = [one for one in best if not one.kept]
    timed = sum(one.kept for one in found)
    print(
        f"timed by tuning: {timed} of {len(found)}; fastest kernel not timed: {len(missed)} of {len(best)}"
    )
    for one in missed:
        print(f"  {one.where}: {one.candidate.spec.symbol}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Estimates of kernels beside measured times.")
    parser.add_argument("--isa", type=Isa, choices=list(Isa), default=None)
    parser.add_argument("--lanes", default="1,4,8,16,32,64")
    parser.add_argument("--shapes", default="784x300,1024x1024,4096x1000,4096x4096")
    parser.add_argument("--sparsity", default="0.5,0.8,0.9,0.95,0.99")
    parser.add_argument("--convolutions", action="store_true", help="layers of images, too")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--all", action="store_true", help="print every kernel")
    options = parser.parse_args()
    target, cache = host_target(options.isa), ObjectCache()
    rates = measure_rates(target, cache)
    print(f"{target.cpu_name}, {target.isa}: {rates}")
    found: list[Measured] = []
    for name, layer in layers(options):
        for lanes in (int(part) for part in options.lanes.split(",")):
            measured = measure(name, layer, lanes, (target, cache, rates), options.rounds)
            found += measured
            for one in sorted(measured, key=lambda one: one.seconds) if options.all else ():
                print(
                    f"{one.where:44s} {one.candidate.spec.symbol:64s} {one.seconds * 1e6:9.1f} us "
                    f"{one.ratio:6.2f}{'' if one.kept else '  not timed'}",
                    flush=True,
                )
    print_summary(found, rates.uncertainty)


if __name__ == "__main__":
    main()
