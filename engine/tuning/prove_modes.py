"""Modes of several threads in whole calls: a second opinion on the times of single tiles.

Batches of the reported sizes and of each tile's width are timed in whole calls: by one thread, and in each mode with
the tiles that the schedule would choose if that mode had no cost of its own. Other work on the machine can only
lengthen a call, so of a tile's two times in a mode the smaller one is believed. A mode that the schedule then chooses
is given up if it was slower in the same calls than another way.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

from engine.core.target import Target
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel, ExecutionPlan, TilePlan
from engine.planning.schedule import Mode, Schedule, make_schedule
from engine.tuning.measure import (
    REPORTED_BATCHES,
    random_batch,
    repeated_call,
    small_enough,
)
from engine.tuning.measure_modes import race_modes, wall_ratio
from engine.tuning.stopwatch import Contender

# A mode is lost where it is this much slower than another in whole calls; less is noise.
MOST_LOSS = 1.05
_OF_SEVERAL = (Mode.SHARED, Mode.SPREAD)


@dataclass(frozen=True, slots=True)
class Way:
    """How a request is run.

    Attributes:
        mode: the way in which threads take part.
        chunk: samples of a chunk in mode SPREAD, otherwise 0.
        tiles: numbers of the tiles that are used.
    """

    mode: Mode
    chunk: int
    tiles: frozenset[int]


def proven_modes(
    model: CompiledModel, target: Target, cache: ObjectCache, deadline: float
) -> ExecutionPlan:
    """Return the plan with the times and modes that hold in whole calls of such batches.

    Args:
        model: its plan's tiles have all times.
        target: the host.
        cache: object code.
        deadline: `wall_time` value; each way to run a batch is timed at least once.
    """
    plan = model.plan
    if plan.threads < 2:
        return plan
    sizes = sorted({*REPORTED_BATCHES, *(tile.lanes for tile in plan.tiles)})
    batches = small_enough(model.program, sizes, plan.tiles)
    schedules = rival_schedules(plan.tiles, plan.threads)
    rivals = contested(plan.tiles, schedules, batches)
    with ExitStack() as stack:
        executables = [
            stack.enter_context(closing(Executable(model, cache, target, plan.threads, schedule)))
            for schedule in schedules
        ]
        contenders = {
            batch: {
                way: Contender(
                    repeated_call(executables[number], random_batch(model.program, batch))
                )
                for way, number in ways.items()
            }
            for batch, ways in rivals.items()
        }
        race_modes([one for ways in contenders.values() for one in ways.values()], deadline)
    tiles = plan.tiles
    for batch, ways in contenders.items():
        least = {way: one.least_seconds for way, one in ways.items()}
        tiles = believed(tiles, plan.threads, batch, least)
    for batch, ways in contenders.items():
        tiles = without_losers(tiles, plan.threads, batch, ways)
    return replace(plan, tiles=tiles)


def rival_schedules(tiles: Sequence[TilePlan], threads: int) -> list[Schedule]:
    """By one thread; by the tiles' times; and in each mode as if threads cost nothing there."""
    return [
        make_schedule(tiles, threads, 1),
        make_schedule(tiles, threads, threads),
        *(make_schedule(at_best(tiles, threads, mode), threads, threads) for mode in _OF_SEVERAL),
    ]


def at_best(tiles: Sequence[TilePlan], threads: int, mode: Mode) -> tuple[TilePlan, ...]:
    """Return the tiles with the least time that a mode can have, where they have it, and no other mode."""
    return tuple(
        replace(
            tile,
            shared_seconds=tile.seconds / threads
            if mode is Mode.SHARED and tile.shared_seconds is not None
            else None,
            spread_seconds=tile.seconds
            if mode is Mode.SPREAD and tile.spread_seconds is not None
            else None,
        )
        for tile in tiles
    )


def contested(
    tiles: Sequence[TilePlan], schedules: Sequence[Schedule], batches: Sequence[int]
) -> dict[int, dict[Way, int]]:
    """By batch: the ways in which schedules run it, and the number of a schedule for each.

    Batches that all schedules run alike are left out, and those whose ways a smaller batch has, too.
    """
    found: dict[int, dict[Way, int]] = {}
    for batch in batches:
        ways: dict[Way, int] = {}
        for number, schedule in enumerate(schedules):
            ways.setdefault(way_of(tiles, schedule, batch), number)
        if len(ways) > 1 and all(ways.keys() != known.keys() for known in found.values()):
            found[batch] = ways
    return found


def way_of(tiles: Sequence[TilePlan], schedule: Schedule, samples: int) -> Way:
    """Return how a schedule runs a request."""
    entry = min(samples, schedule.longest)
    used = frozenset(tiles_used(tiles, schedule, samples))
    return Way(schedule.modes[entry], schedule.chunks[entry], used)


def believed(
    tiles: Sequence[TilePlan], threads: int, batch: int, wall: Mapping[Way, float]
) -> tuple[TilePlan, ...]:
    """Return the tiles with the times that whole calls of a batch say, where those are less.

    Args:
        tiles: the tiles with their single times.
        threads: number of threads that took part.
        batch: samples of the calls.
        wall: seconds of a whole call by way; one of them is by one thread.
    """
    expected = seconds_of(make_schedule(tiles, threads, 1), batch)
    alone = min(seconds for way, seconds in wall.items() if way.mode is Mode.ALONE)
    found = list(tiles)
    for way, seconds in wall.items():
        best = make_schedule(at_best(tiles, threads, way.mode), threads, threads)
        if way.mode is Mode.ALONE or way_of(tiles, best, batch) != way:
            continue
        ratio = wall_ratio(seconds, alone, expected)
        # How much longer than if the threads cost nothing: that is what `best` supposes.
        factor = max(1.0, ratio * expected / seconds_of(best, batch))
        for number in way.tiles:
            found[number] = _with_time(found[number], threads, way.mode, factor)
    return tuple(found)


def seconds_of(schedule: Schedule, samples: int) -> float:
    """Return what a request should take: more samples than the longest entry has are run as more of the same."""
    entry = min(samples, schedule.longest)
    return schedule.seconds[entry] * samples / entry


def _with_time(tile: TilePlan, threads: int, mode: Mode, factor: float) -> TilePlan:
    if mode is Mode.SHARED:
        shared = factor * tile.seconds / threads
        return replace(tile, shared_seconds=min(shared, tile.shared_seconds or math.inf))
    return replace(tile, spread_seconds=min(factor * tile.seconds, tile.spread_seconds or math.inf))


def without_losers(
    tiles: Sequence[TilePlan], threads: int, batch: int, readings: Mapping[Way, Contender]
) -> tuple[TilePlan, ...]:
    """Return the tiles without modes that the schedule wants for a batch, and that another way beats there.

    One thread beats several by the least readings: what keeps a core busy now may be gone later. Two modes
    of several threads, which want the same cores, are compared by medians: where each thread reads all
    weights, a call depends more on what else is in the last cache.

    Args:
        tiles: the tiles with the times to go by.
        threads: number of threads that took part.
        batch: samples of the calls.
        readings: readings of whole calls, by way; one of the ways is by one thread.
    """
    tiles = tuple(tiles)
    alone = min(one.least_seconds for way, one in readings.items() if way.mode is Mode.ALONE)
    left = {way: one for way, one in readings.items() if way.mode is not Mode.ALONE}
    while left:
        way = way_of(tiles, make_schedule(tiles, threads, threads), batch)
        own = left.pop(way, None)
        if own is None:
            break
        others = min((one.seconds for one in left.values()), default=math.inf)
        if own.least_seconds <= MOST_LOSS * alone and own.seconds <= MOST_LOSS * others:
            break
        tiles = without(tiles, {(way.mode, number) for number in way.tiles})
    return tiles


def tiles_used(tiles: Sequence[TilePlan], schedule: Schedule, samples: int) -> set[int]:
    """Numbers of the tiles that a request of so many samples runs."""
    entry = min(samples, schedule.longest)
    shared = schedule.modes[entry] is Mode.SHARED
    table = schedule.shared_tiles if shared else schedule.tiles
    chunk = schedule.chunks[entry] or samples
    used: set[int] = set()
    for piece in {min(chunk, samples), samples % chunk}:
        left = piece
        while left > 0:
            number = table[min(left, schedule.longest)]
            used.add(number)
            left -= tiles[number].lanes
    return used


def without(tiles: Sequence[TilePlan], lost: set[tuple[Mode, int]]) -> tuple[TilePlan, ...]:
    """Return the tiles, some of which lose a mode."""
    return tuple(
        replace(
            tile,
            shared_seconds=None if (Mode.SHARED, number) in lost else tile.shared_seconds,
            spread_seconds=None if (Mode.SPREAD, number) in lost else tile.spread_seconds,
        )
        for number, tile in enumerate(tiles)
    )
