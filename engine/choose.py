"""Kernels by the model's best guess, where nothing was timed: the start of tuning, and other CPUs."""

from collections.abc import Sequence

from engine import limits
from engine.errors import UnsupportedModelError
from engine.kernels.abi import Candidate, DenseLayer
from engine.kernels.registry import dense_candidates
from engine.memory import plan_arena
from engine.parts import whole
from engine.plan import ExecutionPlan, KernelChoice, TilePlan, dense_layer
from engine.program import Program
from engine.target import Isa, Target

# Rough cost of one layer, for choosing tile widths only: 0.13 ns per weight for one sample, and 0.025 ns
# more for every further one (windows take 0.13 ns, row groups 0.9 ns for 32 samples).
_SECONDS_PER_WEIGHT = 0.13e-9
_SECONDS_PER_WEIGHT_AND_SAMPLE = 0.025e-9
_SECONDS_PER_STEP = 0.1e-6
# Candidates whose estimate is this many times the best one's are not timed: estimates are rough, but
# even between makes of CPU not as rough as that.
HOPELESS_ESTIMATE = 3.0


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


def fitting_widths(program: Program, widths: Sequence[int]) -> tuple[int, ...]:
    """The widths whose arena keeps the limit.

    Raises:
        UnsupportedModelError: not even the smallest does.
    """
    fitting = tuple(
        lanes for lanes in widths if plan_arena(program, lanes).size_bytes <= limits.MAX_ARENA_BYTES
    )
    if not fitting:
        raise UnsupportedModelError(
            "the model's values do not fit into memory",
            expected=f"at most {limits.MAX_ARENA_BYTES} bytes at once",
            got=f"{plan_arena(program, min(widths)).size_bytes} bytes",
        )
    return fitting


def layer_candidates(
    layer: DenseLayer, isa: Isa, lanes: int, *, allow_sparse: bool = True
) -> tuple[Candidate, ...]:
    """Admissible kernels, best guess first; without sparse ones if asked and if there is another."""
    found = dense_candidates(layer, isa, lanes)
    dense = tuple(candidate for candidate in found if not candidate.sparse)
    return found if allow_sparse or not dense else dense


def worth_timing(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Those whose estimate is near the best one's, and in any case the best sparse and the best dense.

    Args:
        candidates: best guess first.
    """
    limit = HOPELESS_ESTIMATE * candidates[0].estimated_ns
    leaders = [
        next((one for one in candidates if one.sparse is sparse), None) for sparse in (True, False)
    ]
    return tuple(one for one in candidates if one.estimated_ns <= limit or one in leaders)


def default_plan(
    program: Program, target: Target, widths: Sequence[int], *, allow_sparse: bool = True
) -> ExecutionPlan:
    """A plan without measurements; its layers are packed when bound.

    Raises:
        UnsupportedModelError: no width fits into memory.
    """
    choices: dict[int, dict[int, KernelChoice]] = {
        lanes: {} for lanes in fitting_widths(program, widths)
    }
    for number, step in program.dense_steps().items():
        layer = dense_layer(program, step)  # one at a time: it may have to be written out
        for lanes, chosen in choices.items():
            best = layer_candidates(layer, target.isa, lanes, allow_sparse=allow_sparse)[0]
            chosen[number] = KernelChoice(best.spec, best.sparse, None, whole(layer.units))
    tiles = tuple(
        TilePlan(lanes, chosen, estimated_seconds(program, lanes))
        for lanes, chosen in choices.items()
    )
    return ExecutionPlan(target.isa, target.cpu_name, tuned=False, tiles=tiles)


def estimated_seconds(program: Program, lanes: int) -> float:
    """Rough time of one tile through the network: good enough to order tile widths."""
    per_weight = _SECONDS_PER_WEIGHT + _SECONDS_PER_WEIGHT_AND_SAMPLE * (lanes - 1)
    weights = sum(step.positions * step.nonzeros for step in program.dense_steps().values())
    moved = sum(program.buffers) * lanes * _SECONDS_PER_WEIGHT / 2
    return weights * per_weight + moved + len(program.steps) * _SECONDS_PER_STEP
