"""Kernels by the model's best guess, where nothing was timed: the start of tuning, and other CPUs."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from engine.core import limits
from engine.core.errors import UnsupportedModelError
from engine.core.layers import ValueType, WeightedLayer
from engine.core.program import Program
from engine.core.rates import Rates, default_rates
from engine.core.steps import RecurrentStep, SpatialStep, WeightedStep
from engine.core.target import Isa, Target
from engine.kernels.abi import Candidate
from engine.kernels.estimate import layer_size
from engine.kernels.registry import kernel_candidates
from engine.planning.memory import plan_arena
from engine.planning.parts import split_axes, split_layer
from engine.planning.plan import (
    ExecutionPlan,
    KernelChoice,
    TilePlan,
    layer_of,
    without_sharing,
)

# Batch sizes to have a tile width for. Between 8 and 16, and 16 and 32, further widths save less than the
# time and bytes that they cost: a sparse tile of 12 takes as long as one of 16, and 24 as 32.
DEFAULT_BUCKETS = (1, 4, 8, 16, 32)
# A further width that tuning tries and keeps where a sample takes at most these shares of what it takes in the next
# width, as estimated and as measured: its forms of the weights take memory, and time to make, to measure and to load.
WIDE_BUCKET = 64
WIDE_GUESS_MUST_REACH = 0.87
WIDE_MUST_REACH = 0.95
# The largest arena of a network over positions that is worth a tile width of its own beside the least one. (ResNet-50,
# one thread: 21 ms a sample with one, 45 with 16, whose values take 80 MB.)
MOST_SPATIAL_BYTES = 4 * 1024**2
# Layers with a larger share of non-zeros are dense layers.
MOST_DENSITY = 0.97
# Moving a value into or out of a tile, and calling a kernel.
_NS_PER_VALUE = 0.065
_NS_PER_STEP = 100.0
# A layer is split in any case where each part takes so long; and where the part that one more thread takes
# from the others outweighs what the barrier behind the layer then takes, about so long for each thread.
LONG_PART_NS = 5000.0
_BARRIER_THREAD_NS = 500.0
_BARRIER_NS = 1000.0
# Estimated price of having threads at all: waking them, and what they take from each other.
_WAKE_NS = 3000.0
_CROWD_SHARE = 0.05


def tile_width(samples: int, isa: Isa) -> int:
    """Lanes of the narrowest tile that kernels exist for and that holds `samples`, up to the limit."""
    if samples <= 1:
        return 1
    vector = isa.vector_floats
    narrow = next((lanes for lanes in (4, 8) if samples <= lanes < vector), None)
    return narrow or min(-(-samples // vector) * vector, limits.MAX_LANES)


def tile_widths(buckets: Sequence[int], isa: Isa) -> tuple[int, ...]:
    """Lanes for batch buckets; rising, distinct."""
    return tuple(sorted({tile_width(bucket, isa) for bucket in buckets}))


def wide_width(buckets: Sequence[int], isa: Isa) -> tuple[int, ...]:
    """Return the width that tuning tries besides those of the buckets; none where buckets were chosen."""
    return tile_widths((WIDE_BUCKET,), isa) if tuple(buckets) == DEFAULT_BUCKETS else ()


def without_idle_width(
    tiles: Sequence[TilePlan], wide: Sequence[int], must_reach: float
) -> tuple[TilePlan, ...]:
    """Return the tiles without the widest one, where it is one of `wide` and saves too little for a sample.

    Args:
        tiles: the tiles by rising lanes, with their times.
        wide: widths that nobody asked for.
        must_reach: the share of its time in the next width that a sample may take at most.
    """
    *others, widest = tiles
    if widest.lanes not in wide or not others:
        return tuple(tiles)
    needed = must_reach * others[-1].seconds / others[-1].lanes
    return tuple(tiles) if widest.seconds / widest.lanes <= needed else tuple(others)


def fitting_widths(program: Program, widths: Sequence[int]) -> tuple[int, ...]:
    """Return the widths whose arena keeps the limit; of a network over positions, those whose values stay in caches.

    Positions fill registers as samples do: several samples at once then only push each other out of the caches.

    Raises:
        UnsupportedModelError: not even the smallest does.
    """
    sizes = {lanes: plan_arena(program, lanes).size_bytes for lanes in widths}
    fitting = tuple(lanes for lanes in widths if sizes[lanes] <= limits.MAX_ARENA_BYTES)
    if any(isinstance(step, SpatialStep) for step in program.steps):
        least = min(fitting, default=0)
        fitting = tuple(n for n in fitting if n == least or sizes[n] <= MOST_SPATIAL_BYTES)
    if not fitting:
        raise UnsupportedModelError(
            "the model's values do not fit into memory",
            expected=f"at most {limits.MAX_ARENA_BYTES} bytes at once",
            got=f"{min(sizes.values())} bytes",
        )
    return fitting


def layer_candidates(
    layer: WeightedLayer,
    isa: Isa,
    lanes: int,
    *,
    allow_sparse: bool = True,
    rates: Rates | None = None,
    copies: float = 1.0,
) -> tuple[Candidate, ...]:
    """Admissible kernels, best guess first.

    Without sparse ones where there is another, if asked or if the layer has next to no zeros to skip.

    Args:
        layer: the layer.
        isa: level of the instructions.
        lanes: samples per tile.
        allow_sparse: whether sparse kernels may be taken.
        rates: what a core can do; default: rates that depend on nothing measured.
        copies: how many layers of this size make up the network.
    """
    found = kernel_candidates(layer, isa, lanes, rates, copies)
    dense = tuple(candidate for candidate in found if not candidate.sparse)
    some_zeros = layer_size(layer).density <= MOST_DENSITY
    return found if (allow_sparse and some_zeros) or not dense else dense


def copies_of(network: int, step: WeightedStep) -> float:
    """Return how many layers of a step's size make up a network of so many non-zeros; at least 1.

    The weights of a recurrent step are used again at once, whatever else is in the network.
    """
    if isinstance(step, RecurrentStep):
        return 1.0
    return max(1.0, network / max(1, step.nonzeros))


def calls_of(step: WeightedStep) -> int:
    """Return how often the kernel of a step is called for one tile."""
    return step.times if isinstance(step, RecurrentStep) else 1


def worth_timing(candidates: Sequence[Candidate], uncertainty: float) -> tuple[Candidate, ...]:
    """Those that may be the best one, and in any case the best sparse and the best dense by their estimates.

    Args:
        candidates: best guess first.
        uncertainty: how many times as long, or as short, a kernel may take as estimated. So the best guess may
            take so many times as long, while another takes so many times as short.
    """
    limit = uncertainty**2 * candidates[0].estimated_ns
    leaders = [
        next((one for one in candidates if one.sparse is sparse), None) for sparse in (True, False)
    ]
    return tuple(one for one in candidates if one.estimated_ns <= limit or one in leaders)


def part_count(layer: WeightedLayer, candidate: Candidate, threads: int) -> int:
    """In how many parts a layer is split for a kernel: one for each thread, or as it is long enough for.

    One split serves all modes: one thread runs the parts in sequence. So the kernels are compared in
    parts, and one packed form is stored.
    """
    if not split_axes(layer):
        return 1
    estimate = candidate.estimated_ns
    worth = max(math.sqrt(estimate / _BARRIER_THREAD_NS), estimate / LONG_PART_NS)
    return max(1, min(threads, limits.MAX_PARTS, int(worth)))


# Chooses one of the candidates of a step, which come best guess first.
Prefer = Callable[[WeightedStep, Sequence[Candidate]], Candidate]


def best_guess(step: WeightedStep, candidates: Sequence[Candidate]) -> Candidate:
    """Return the first candidate."""
    del step
    return candidates[0]


def default_plan(
    program: Program,
    target: Target,
    widths: Sequence[int],
    *,
    allow_sparse: bool = True,
    threads: int = 1,
    values: ValueType = ValueType.FLOAT32,
    keeps_subnormals: bool = False,
    rates: Rates | None = None,
    prefer: Prefer = best_guess,
) -> ExecutionPlan:
    """Return a plan by estimates; its layers are packed when bound.

    Without `rates` it depends on nothing measured: only on the program and on the target. One that keeps
    subnormal numbers has no mode SHARED: the pool's workers flush them.
    The choice among the candidates of a layer is that of `prefer`.

    Raises:
        UnsupportedModelError: no width fits into memory.
        NarrowValuesError: a weight is too large for `values`.
    """
    fitting = fitting_widths(program, widths)
    choices: dict[int, dict[int, KernelChoice]] = {lanes: {} for lanes in fitting}
    alone, shared = dict.fromkeys(fitting, 0.0), dict.fromkeys(fitting, 0.0)
    steps = program.weighted_steps()
    network = sum(step.nonzeros for step in steps.values())
    for number, step in steps.items():
        layer = layer_of(program, step, values)  # one at a time: it may have to be written out
        guess = partial(
            layer_candidates,
            layer,
            target.isa,
            allow_sparse=allow_sparse,
            rates=rates or default_rates(target),
            copies=copies_of(network, step),
        )
        for lanes, chosen in choices.items():
            best = prefer(step, guess(lanes))
            count = part_count(layer, best, threads)
            split = split_layer(layer, count, lanes, sparse=best.sparse)
            chosen[number] = KernelChoice(best.spec, best.sparse, None, split.parts, split.axis)
            times = calls_of(step)
            alone[lanes] += times * best.estimated_ns
            threads_of_layer = len(split.parts) if split_axes(layer) else 1
            barrier = _BARRIER_NS if threads_of_layer > 1 else 0.0
            shared[lanes] += times * (best.estimated_ns / threads_of_layer + barrier)
    tiles = tuple(
        _estimated_tile(program, lanes, chosen, alone[lanes], shared[lanes], threads)
        for lanes, chosen in choices.items()
    )
    return ExecutionPlan(
        target.isa,
        target.cpu_name,
        tuned=False,
        tiles=without_sharing(tiles) if keeps_subnormals else tiles,
        threads=threads,
        values=values,
        keeps_subnormals=keeps_subnormals,
    )


def _estimated_tile(
    program: Program,
    lanes: int,
    choices: dict[int, KernelChoice],
    alone_ns: float,
    shared_ns: float,
    threads: int,
) -> TilePlan:
    """Return a tile with rough times: good enough to order tile widths and modes."""
    other_ns = sum(program.buffers) * lanes * _NS_PER_VALUE + len(program.steps) * _NS_PER_STEP
    seconds = (alone_ns + other_ns) * 1e-9
    if threads < 2:
        return TilePlan(lanes, choices, seconds)
    return TilePlan(
        lanes,
        choices,
        seconds,
        shared_seconds=(shared_ns + other_ns + _WAKE_NS) * 1e-9,
        spread_seconds=(1 + _CROWD_SHARE) * seconds + _WAKE_NS * 1e-9,
    )
