"""Times the modes of several threads against one thread, on this host: per tile, and whole calls.

One tile is run alone, shared by all threads, and by each thread at once. The calls take turns, are timed
from the wall and compared by their least readings; the tile's own time is changed in the same proportion,
once the Python side of a call is taken off: the host may have been faster or slower when tiles were timed.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from engine.core.target import Target
from engine.execution.pool import PROCESS_POOL
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel, ExecutionPlan, TilePlan
from engine.planning.schedule import Mode, Schedule
from engine.tuning.clocks import wall_time
from engine.tuning.measure import (
    random_batch,
    repeated_call,
    small_enough,
)
from engine.tuning.stopwatch import Contender, race

# Rounds of a race between modes: more than between kernels, for one undisturbed reading is wanted of each.
MODE_ROUNDS = 40
# What a call takes at most besides its tiles: Python, the way into native code and back.
CALL_SECONDS = 3e-6
# Tiles of several threads that take this share of the time of one after another had one core.
NO_CORE_SHARE = 0.9
# Forced modes wake the workers, whatever the estimate says.
_LONG_SECONDS = 1.0


def measure_modes(
    model: CompiledModel, target: Target, cache: ObjectCache, deadline: float
) -> ExecutionPlan:
    """Return the model's plan with measured times of its tiles for several threads.

    Args:
        model: its plan's tiles have their seconds for one thread.
        target: the host.
        cache: object code.
        deadline: `wall_time` value; each mode of each tile is timed at least once.
    """
    plan = model.plan
    if plan.threads < 2:
        return plan
    with ExitStack() as stack:
        executables = {
            mode: stack.enter_context(
                closing(
                    Executable(
                        model, cache, target, plan.threads, forced(plan.tiles, plan.threads, mode)
                    )
                )
            )
            for mode in Mode
        }
        contenders = [_contenders(model, tile, executables) for tile in plan.tiles]
        # All of them in turn: each has readings from the whole time, of which some are undisturbed.
        race_modes([one for modes in contenders for one in modes.values()], deadline)
    tiles = [
        measured_tile(tile, {m: one.least_seconds for m, one in modes.items()}, plan.threads)
        for tile, modes in zip(plan.tiles, contenders, strict=True)
    ]
    return replace(plan, tiles=tuple(tiles))


def race_modes(contenders: Sequence[Contender], deadline: float) -> None:
    """Take readings from the wall; all contenders are timed to the end, and late helpers put none off."""
    with PROCESS_POOL.without_pauses():
        race(
            contenders,
            deadline,
            MODE_ROUNDS,
            hopeless=float("inf"),
            clock=wall_time,
        )


def forced(tiles: Sequence[TilePlan], threads: int, mode: Mode) -> Schedule:
    """Requests as large as a tile run that tile; in mode SPREAD, that many samples per thread."""
    lanes = [tile.lanes for tile in tiles]
    longest = threads * lanes[-1]
    samples = range(1, longest + 1)
    numbers = (0, *(min(bisect_left(lanes, count), len(lanes) - 1) for count in samples))
    chunks = (0, *(-(-count // threads) if mode is Mode.SPREAD else 0 for count in samples))
    seconds = (_LONG_SECONDS,) * (longest + 1)
    return Schedule(numbers, numbers, (mode,) * (longest + 1), chunks, seconds)


def _contenders(
    model: CompiledModel, tile: TilePlan, executables: Mapping[Mode, Executable]
) -> dict[Mode, Contender]:
    """Return the modes that a tile can be run in."""
    samples = {
        Mode.ALONE: tile.lanes,
        Mode.SHARED: tile.lanes,
        Mode.SPREAD: model.plan.threads * tile.lanes,
    }
    whole = all(len(choice.parts) == 1 for choice in tile.choices.values())
    if whole or model.plan.keeps_subnormals:
        del samples[Mode.SHARED]
    if not small_enough(model.program, [samples[Mode.SPREAD]]):
        del samples[Mode.SPREAD]
    return {
        mode: Contender(repeated_call(executables[mode], random_batch(model.program, count)))
        for mode, count in samples.items()
    }


def wall_ratio(wall: float, alone: float, tiles: float) -> float:
    """Time in a mode to time alone, without what is in a call besides its tiles.

    Args:
        wall: seconds of a call in the mode.
        alone: the same by one thread.
        tiles: time that the call's tiles took when each was timed alone.
    """
    call = min(max(0.0, alone - tiles), CALL_SECONDS)
    return (wall - call) / (alone - call)


def measured_tile(tile: TilePlan, wall: Mapping[Mode, float], threads: int) -> TilePlan:
    """Return the tile with its times shared and spread; None where the mode was not run.

    Where the threads' own tiles took as long as one after another, the host had no core for them the
    whole time: then the estimates stay. A call whose helpers do not come costs its caller nothing.

    Args:
        tile: the tile with its seconds for one thread.
        wall: seconds of a whole call by mode; ALONE is one of them.
        threads: number of threads that took part.
    """
    alone = wall[Mode.ALONE]
    if wall.get(Mode.SPREAD, 0.0) >= NO_CORE_SHARE * threads * alone:
        return tile

    def seconds(mode: Mode, least: float) -> float | None:
        if mode not in wall:
            return None
        return max(tile.seconds * wall_ratio(wall[mode], alone, tile.seconds), least)

    return replace(
        tile,
        shared_seconds=seconds(Mode.SHARED, tile.seconds / threads),
        spread_seconds=seconds(Mode.SPREAD, tile.seconds),
    )
