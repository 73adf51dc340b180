"""Whole calls of several compiled networks of one signature, timed in turns for a report, and whether they differ.

Processor time of one thread: what other processes do at the same time lengthens a call, and says nothing about it.
"""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

from engine.core.layers import ValueType
from engine.core.program import Program
from engine.core.steps import reads, writes
from engine.core.target import Target
from engine.execution.assemble import bind_plan
from engine.execution.native import BoundTile
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from engine.planning.schedule import Schedule, make_schedule
from engine.tuning.clocks import own_time
from engine.tuning.measure import (
    REPORTED_BATCHES,
    race_batches,
    random_batch,
    repeated_call,
    small_enough,
)
from engine.tuning.stopwatch import Contender, Spread, race, spread_of

# Readings of each: fewer tell nothing about their spread, more change little.
LEAST_READINGS = 7
MOST_READINGS = 21
# Calls without flushing may be a hundred times as slow: none is begun that should take longer than this.
_MOST_KEPT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class BatchRace:
    """Whole calls of one batch size.

    Attributes:
        batch: samples of a call.
        spreads: one per network.
    """

    batch: int
    spreads: tuple[Spread, ...]


def race_networks(
    models: Sequence[CompiledModel], target: Target, cache: ObjectCache, seconds: float
) -> tuple[BatchRace, ...]:
    """Time whole calls of the networks in turn at each reported batch size, on one thread each.

    Args:
        models: models of one signature; at least one.
        target: the host.
        cache: object code.
        seconds: processor time for all of it; each network has at least `LEAST_READINGS` readings.
    """
    program = models[0].program
    batches = small_enough(program, REPORTED_BATCHES, models[0].plan.tiles)
    deadline = own_time() + seconds
    with ExitStack() as stack:
        ready = [
            stack.enter_context(closing(Executable(model, cache, target, 1))) for model in models
        ]
        raced = race_batches(
            program,
            ready,
            batches,
            deadline,
            most_rounds=MOST_READINGS,
            least_rounds=LEAST_READINGS,
        )
    return tuple(
        BatchRace(batch, tuple(spread_of(one.readings) for one in contenders))
        for batch, contenders in zip(batches, raced, strict=True)
    )


def cost_of_subnormals(
    flushed: CompiledModel, kept: CompiledModel, target: Target, cache: ObjectCache
) -> BatchRace | None:
    """Time a network with subnormal numbers flushed beside the same with them kept, in this order.

    At the largest reported batch size whose calls are short enough; None where not even the smallest one's are.
    """
    program = kept.program
    found = None
    with (
        closing(Executable(flushed, cache, target, 1)) as quick,
        closing(Executable(kept, cache, target, 1)) as slow,
    ):
        for batch in small_enough(program, REPORTED_BATCHES):
            if found is not None:
                expected = found.spreads[1].median_seconds * batch / found.batch
                if expected > _MOST_KEPT_SECONDS:
                    break
            inputs = random_batch(program, batch)
            contenders = [Contender(repeated_call(each, inputs)) for each in (quick, slow)]
            race(
                contenders,
                own_time(),
                LEAST_READINGS,
                hopeless=float("inf"),
                least_rounds=LEAST_READINGS,
            )
            found = BatchRace(batch, tuple(spread_of(one.readings) for one in contenders))
    return found


def keeping(model: CompiledModel) -> CompiledModel:
    """Return the same network with the same kernels, with subnormal numbers kept."""
    return replace(model, plan=replace(model.plan, keeps_subnormals=True))


def same_code(
    one: CompiledModel, other: CompiledModel, batches: Sequence[int], threads: int = 1
) -> frozenset[int]:
    """Return the batches that both networks compute by the same dense kernels on arrays of the same sizes.

    What such calls take does not depend on which network it is: a dense kernel multiplies zeros, too.

    Args:
        one: a network.
        other: another one.
        batches: sizes of calls.
        threads: number of threads that may compute a call.
    """
    if one.plan.keeps_subnormals != other.plan.keeps_subnormals:
        return frozenset()
    ways = [_ways(model, threads) for model in (one, other)]
    found = set()
    for batch in batches:
        (first, how), (second, other_how) = (
            _run_of(schedule, tiles, batch) for schedule, tiles in ways
        )
        if first == second and how == other_how and not any(tile.sparse for tile in first):
            found.add(batch)
    return frozenset(found)


def dense_twin(model: CompiledModel, dense: CompiledModel) -> CompiledModel | None:
    """Return the dense network by the kernels of a model none of which skips zeros, if that is the same code.

    Two tunings may choose other dense kernels for one network, by chance. Where all that is left of a pruned model runs
    dense, this says what it is: the dense network.
    """
    plan = model.plan
    choices = [choice for tile in plan.tiles for choice in tile.choices.values()]
    if any(choice.sparse for choice in choices) or plan.values is not ValueType.FLOAT32:
        return None
    if plan.keeps_subnormals or _outline(model.program) != _outline(dense.program):
        return None
    tiles = tuple(
        replace(
            tile, choices={n: replace(choice, packed=None) for n, choice in tile.choices.items()}
        )
        for tile in plan.tiles
    )
    return replace(dense, plan=replace(plan, tiles=tiles))


def _outline(program: Program) -> tuple[object, ...]:
    """Return what a program computes where, without the values of its constants."""
    steps = tuple((type(step), reads(step), writes(step)) for step in program.steps)
    return program.buffers, steps


@dataclass(frozen=True, slots=True)
class _Way:
    """How one tile is computed: everything but the weights' values."""

    lanes: int
    sparse: bool
    steps: tuple[object, ...]


def _run_of(
    schedule: Schedule, tiles: Sequence[_Way], samples: int
) -> tuple[list[_Way], tuple[object, ...]]:
    """Return the tiles of a request one after another, in either table, and how threads take part."""
    entry = min(samples, schedule.longest)
    lanes = [tile.lanes for tile in tiles]
    shared = replace(schedule, tiles=schedule.shared_tiles)
    used = [*schedule.sequence(lanes, samples), *shared.sequence(lanes, samples)]
    return [tiles[number] for number in used], (schedule.modes[entry], schedule.chunks[entry])


def _ways(model: CompiledModel, threads: int) -> tuple[Schedule, list[_Way]]:
    plan = model.plan
    bound = bind_plan(model.program, plan)
    ways = [
        _Way(
            tile.lanes,
            any(choice.sparse for choice in planned.choices.values()),
            _steps_of(tile),
        )
        for planned, tile in zip(plan.tiles, bound, strict=True)
    ]
    return make_schedule(plan.tiles, plan.threads, threads), ways


def _steps_of(tile: BoundTile) -> tuple[object, ...]:
    return tuple(
        (
            step.spec,
            tuple(sorted(step.numbers.items())),
            tuple(sorted((name, a.shape, a.dtype.str) for name, a in step.constants.items())),
        )
        for phase in tile.steps
        for part in phase
        for step in part.with_inner()
    )
