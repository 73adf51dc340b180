"""Times whole networks on this host: per tile, to choose tile widths, and per batch, for the report."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.index_inputs import index_limits, with_indices
from engine.core.program import Program
from engine.core.target import Target
from engine.execution.assemble import bind_plan
from engine.execution.native import NativePlan
from engine.execution.runtime import Executable
from engine.execution.workspace import Workspace
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel, ExecutionPlan, NetworkTime, TilePlan
from engine.tuning.clocks import Clock, own_time, wall_time
from engine.tuning.stopwatch import Contender, race

REPORTED_BATCHES = (1, 16, 64, 256)
MAX_ROUNDS = 15
# Random numbers that inputs are made of, again and again: drawing all of a large batch would take longer than its calls.
_DRAWN = 65_521
# Kernels for so many lanes may be faster where at most half of them hold samples.
WIDEST_HALF = 8
HALF_MUST_REACH = 0.9
# A batch is left out where its arrays alone would take more than this.
MAX_BATCH_BYTES = 1024**3
# Nor is a batch timed that takes longer than this: it tells nothing that a smaller one of a network so slow does not.
MAX_BATCH_SECONDS = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredPlans:
    """Plans with measured times per tile.

    Attributes:
        chosen: the plan to keep; a tile whose sparse kernels lose as a whole has the dense ones.
        dense: the baseline, if there is one.
    """

    chosen: ExecutionPlan
    dense: ExecutionPlan | None


def random_batch(program: Program, batch: int) -> dict[str, npt.NDArray[Any]]:
    """Inputs of the declared dtypes: magnitudes of standard normal numbers; whole ones for integers and indices."""
    drawn = np.abs(np.random.default_rng(0).standard_normal(_DRAWN))
    arrays = {
        slot.name: np.resize(drawn.astype(slot.dtype), (batch, *slot.sample_shape))
        for slot in program.inputs
    }
    return with_indices(arrays, index_limits(program))


def measure_tiles(
    program: Program,
    chosen: ExecutionPlan,
    dense: ExecutionPlan | None,
    target: Target,
    cache: ObjectCache,
    deadline: float,
) -> MeasuredPlans:
    """Time one tile of each width, with the chosen kernels and with dense ones only.

    Args:
        program: a checked program.
        chosen: the tuned plan.
        dense: the same with dense kernels; None where `chosen` has no others.
        target: the host.
        cache: object code.
        deadline: `own_time` value; each tile is timed at least once.
    """
    plans = [chosen] if dense is None else [chosen, dense]
    timed = [_TimedPlan(plan, _TileBench(program, plan, target, cache)) for plan in plans]
    # All widths in turn: the schedule compares them with each other, not only with dense.
    contenders = [one for plan in timed for one in plan.contenders]
    race(contenders, deadline, MAX_ROUNDS, hopeless=float("inf"))
    tiles = [plan.tiles() for plan in timed]
    best = tuple(min(rivals, key=lambda tile: tile.seconds) for rivals in zip(*tiles, strict=True))
    baseline = None if dense is None else replace(dense, tiles=tuple(tiles[1]))
    return MeasuredPlans(replace(chosen, tiles=best), baseline)


class _TimedPlan:
    """The contenders of one plan: each tile, and narrow tiles with half of their samples."""

    def __init__(self, plan: ExecutionPlan, bench: "_TileBench") -> None:
        self._tiles = plan.tiles
        self._full = [
            Contender(bench.repeater(number, tile.lanes)) for number, tile in enumerate(plan.tiles)
        ]
        self._half = {
            number: Contender(bench.repeater(number, tile.lanes // 2))
            for number, tile in enumerate(plan.tiles)
            if 1 < tile.lanes <= WIDEST_HALF
        }
        self.contenders = [*self._full, *self._half.values()]

    def tiles(self) -> list[TilePlan]:
        """Return the tiles with what was measured; what was not is scaled like that."""
        return [self._tile(number, tile) for number, tile in enumerate(self._tiles)]

    def _tile(self, number: int, tile: TilePlan) -> TilePlan:
        seconds = self._full[number].seconds
        half = self._half[number].seconds if number in self._half else seconds
        scale = seconds / tile.seconds
        return replace(
            tile,
            seconds=seconds,
            half_seconds=half if half <= HALF_MUST_REACH * seconds else None,
            shared_seconds=_scaled(tile.shared_seconds, scale),
            spread_seconds=_scaled(tile.spread_seconds, scale),
        )


def _scaled(seconds: float | None, scale: float) -> float | None:
    return None if seconds is None else seconds * scale


class _TileBench:
    """Runs single tiles of one plan."""

    def __init__(
        self, program: Program, plan: ExecutionPlan, target: Target, cache: ObjectCache
    ) -> None:
        tiles = bind_plan(program, plan)
        keeps = plan.keeps_subnormals
        self._natives = [
            NativePlan([tile], [0, 0], target, cache, keeps_subnormals=keeps) for tile in tiles
        ]
        self._program = program

    def repeater(self, number: int, samples: int) -> Callable[[int], None]:
        """Return a function that runs tile `number` so often, on the same samples."""
        native, program = self._natives[number], self._program
        workspace = Workspace(native.arena_bytes, len(program.inputs), len(program.outputs))
        outputs = (np.empty((samples, *slot.sample_shape), np.float32) for slot in program.outputs)
        arrays = (*random_batch(program, samples).values(), *outputs)

        def run(repeats: int) -> None:
            address = workspace.request(native.address, arrays, samples)
            for _ in range(repeats):
                native.run(address)

        return run


def measure_network(
    model: CompiledModel,
    dense: CompiledModel | None,
    target: Target,
    cache: ObjectCache,
    deadline: float,
) -> tuple[NetworkTime, ...]:
    """Time whole calls at each reported batch size, for a model and a baseline of its signature in turn.

    On one thread first; then, where the model's plan is for several, with all of them.

    Args:
        model: the compiled network.
        dense: the baseline; without one the model is its own.
        target: the host.
        cache: object code.
        deadline: `own_time` value; each batch is timed at least once.
    """
    batches = small_enough(model.program, REPORTED_BATCHES, model.plan.tiles)
    models = [model] if dense is None else [model, dense]
    with ExitStack() as stack:

        def executables(threads: int) -> list[Executable]:
            return [
                stack.enter_context(closing(Executable(each, cache, target, threads)))
                for each in models
            ]

        several = model.plan.threads > 1
        end = (own_time() + deadline) / 2 if several else deadline
        alone = _times(race_batches(model.program, executables(1), batches, end))
        if not several:
            return tuple(NetworkTime(b, *pair) for b, pair in zip(batches, alone, strict=True))
        wall = wall_time() + max(0.0, deadline - own_time())
        threaded = _times(
            race_batches(model.program, executables(model.plan.threads), batches, wall, wall_time)
        )
    return tuple(
        NetworkTime(batch, *one, *many)
        for batch, one, many in zip(batches, alone, threaded, strict=True)
    )


def race_batches(
    program: Program,
    executables: Sequence[Executable],
    batches: Sequence[int],
    deadline: float,
    clock: Clock = own_time,
    most_rounds: int = MAX_ROUNDS,
    least_rounds: int = 1,
) -> list[list[Contender]]:
    """Time whole calls of the executables in turn; each batch has its share of the time that is left.

    Args:
        program: a program of the executables' signature.
        executables: what to time.
        batches: numbers of samples of the calls.
        deadline: value of `clock`.
        clock: see `race`.
        most_rounds: see `race`.
        least_rounds: see `race`.

    Returns:
        By batch, a contender with its readings for each executable.
    """
    raced = []
    for number, batch in enumerate(batches):
        inputs = random_batch(program, batch)
        contenders = [Contender(repeated_call(each, inputs)) for each in executables]
        now = clock()
        end = now + (deadline - now) / (len(batches) - number)
        race(
            contenders,
            end,
            most_rounds,
            hopeless=float("inf"),
            clock=clock,
            least_rounds=least_rounds,
        )
        raced.append(contenders)
    return raced


def _times(raced: Sequence[Sequence[Contender]]) -> list[tuple[float, float]]:
    """Return the seconds of the first and the last executable, by batch."""
    return [(contenders[0].seconds, contenders[-1].seconds) for contenders in raced]


def repeated_call(
    executable: Executable, inputs: dict[str, npt.NDArray[Any]]
) -> Callable[[int], None]:
    """Return a function that computes a batch so often."""

    def run(repeats: int) -> None:
        for _ in range(repeats):
            executable.run(inputs)

    return run


def small_enough(
    program: Program, batches: Iterable[int], tiles: Sequence[TilePlan] = ()
) -> list[int]:
    """Return the batches whose arrays keep the limit, and that tiles with times need not go on too long for.

    The least batch is timed however long it takes.
    """
    sample_seconds = min((tile.seconds / tile.lanes for tile in tiles), default=0.0)
    sizes = sorted(batches)
    return [
        batch
        for batch in sizes
        if batch_bytes(program, batch) <= MAX_BATCH_BYTES
        and (batch == sizes[0] or batch * sample_seconds <= MAX_BATCH_SECONDS)
    ]


def batch_bytes(program: Program, batch: int) -> int:
    """Size of the inputs and outputs of a batch."""
    shapes = [slot.sample_shape for slot in program.inputs]
    shapes += [slot.sample_shape for slot in program.outputs]
    return 4 * batch * sum(math.prod(shape) for shape in shapes)
