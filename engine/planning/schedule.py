"""How a request is run: which tiles one after another, by one thread or by several.

This is decided once per loaded model, from the times of single tiles, by the least estimated time. Several threads are
used only in a mode that should need at most 90 % of the time of one thread: waking threads costs a time that differs
from call to call, and on a busy machine they may not get a core.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from engine.planning.plan import TilePlan

# One sample goes into a wider tile only where that needs at most this share of the time: a wider tile
# touches more memory than its warm measurement shows. Time still never falls by more than a tenth as
# samples are added.
WIDER_MUST_REACH = 0.91
# A tile that follows one of another width takes so much longer: its form of the weights is another one, and
# is no longer in the second-level cache. (Measured: 33 samples of 1024-wide layers, 1.3 to 1.5.)
SWITCH_SHARE = 0.35
# Several threads are used only where they need at most this share of the time of one.
THREADS_MUST_REACH = 0.9
# Requests of up to this many of the widest tiles are looked up; longer ones are run like the longest of
# those. Threads want more, so that the longest has whole rounds of tiles for all of them.
_LEAST_WIDEST, _MOST_WIDEST = 4, 16


class Mode(IntEnum):
    """How the threads take part in a request."""

    ALONE = 0  # one thread
    SHARED = 1  # tiles one after another, the parts of each layer by all threads
    SPREAD = 2  # chunks of samples, each by one thread in its own arena


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is done with a request of so many samples; entry 0 of each table is not used.

    Requests longer than `longest` have the mode and chunk of `longest`; while more than `longest` samples
    remain, the tile is that of `longest`.

    Attributes:
        tiles: number of the tile that one thread uses next, by remaining samples.
        shared_tiles: the same in mode SHARED.
        modes: mode of a request, by its samples.
        chunks: samples per chunk in mode SPREAD, otherwise 0, by samples of the request.
        seconds: expected time of a request, by its samples.
    """

    tiles: tuple[int, ...]
    shared_tiles: tuple[int, ...]
    modes: tuple[Mode, ...]
    chunks: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def longest(self) -> int:
        """Samples of the longest request that has an entry."""
        return len(self.tiles) - 1

    def sequence(self, lanes: Sequence[int], samples: int) -> list[int]:
        """Numbers of the tiles, of `lanes` samples each, that one thread runs for a request, one after another."""
        used, left = [], samples
        while left > 0:
            used.append(self.tiles[min(left, self.longest)])
            left -= lanes[used[-1]]
        return used


@dataclass(frozen=True, slots=True)
class _Cut:
    """The best sequence of tiles for each number of remaining samples, and its time."""

    tiles: tuple[int, ...]
    seconds: tuple[float, ...]


def make_schedule(tiles: Sequence[TilePlan], planned: int, threads: int) -> Schedule:
    """Return the best use of tiles for every size of request.

    Args:
        tiles: the tiles by rising lanes; at least one.
        planned: number of threads that the times of the tiles are for.
        threads: number of threads there are now; with 1, every request is run ALONE.
    """
    widest = max(tile.lanes for tile in tiles)
    longest = widest * min(max(_LEAST_WIDEST, 2 * threads), _MOST_WIDEST)
    lanes = [tile.lanes for tile in tiles]
    halves = [tile.half_seconds or tile.seconds for tile in tiles]
    alone = _cut(lanes, [tile.seconds for tile in tiles], halves, longest)
    if threads < 2 or planned < 2:
        nothing = (0,) * (longest + 1)
        modes = (Mode.ALONE,) * (longest + 1)
        return Schedule(alone.tiles, alone.tiles, modes, nothing, alone.seconds)
    together = [_shared_seconds(tile, planned, threads) for tile in tiles]
    shared = _cut(lanes, together, together, longest)
    spread = _along(lanes, alone.tiles, [_spread_seconds(t, planned, threads) for t in tiles])
    chunks = sorted({*lanes, 2 * widest, 4 * widest})
    entries = [(Mode.ALONE, 0, 0.0)] + [
        _entry(samples, threads, alone, shared, spread, chunks) for samples in range(1, longest + 1)
    ]
    modes_used, chunks_used, seconds = zip(*entries, strict=True)
    return Schedule(alone.tiles, shared.tiles, modes_used, chunks_used, seconds)


def _entry(
    samples: int,
    threads: int,
    alone: _Cut,
    shared: _Cut,
    spread: Sequence[float],
    chunks: Sequence[int],
) -> tuple[Mode, int, float]:
    """Mode, chunk and time of a request."""
    fitting = [chunk for chunk in (*chunks, -(-samples // threads)) if chunk < samples]
    spread_seconds, chunk = min(
        ((_spread_wall(samples, chunk, threads, spread), chunk) for chunk in fitting),
        default=(math.inf, 0),
    )
    limit = THREADS_MUST_REACH * alone.seconds[samples]
    # Where both are equal, chunks: threads need not wait for each other between layers.
    if spread_seconds <= min(limit, shared.seconds[samples]):
        return Mode.SPREAD, chunk, spread_seconds
    if shared.seconds[samples] <= limit:
        return Mode.SHARED, 0, shared.seconds[samples]
    return Mode.ALONE, 0, alone.seconds[samples]


def _cut(
    lanes: Sequence[int], seconds: Sequence[float], halves: Sequence[float], longest: int
) -> _Cut:
    """time(r) = min over tiles of seconds + time(r - lanes): the rest is cut in the same way.

    A tile with at most half of its samples takes `halves`; a change of width costs `SWITCH_SHARE`.
    """
    times, choice = [0.0], [0]
    for remaining in range(1, longest + 1):
        options = []
        for number, width in enumerate(lanes):
            one = halves[number] if 2 * remaining <= width else seconds[number]
            if remaining == 1 < width:
                one /= WIDER_MUST_REACH
            rest = max(0, remaining - width)
            if rest and choice[rest] != number:
                one += SWITCH_SHARE * seconds[choice[rest]]
            options.append((one + times[rest], number))
        best, number = min(options)
        times.append(best)
        choice.append(number)
    return _Cut(tuple(choice), tuple(times))


def _along(
    lanes: Sequence[int], choice: Sequence[int], seconds: Sequence[float]
) -> tuple[float, ...]:
    """Return the time of each number of samples, cut as `choice` says."""
    times = [0.0]
    for remaining in range(1, len(choice)):
        number = choice[remaining]
        times.append(seconds[number] + times[max(0, remaining - lanes[number])])
    return tuple(times)


def _spread_wall(samples: int, chunk: int, threads: int, seconds: Sequence[float]) -> float:
    """Wall time of chunks that threads take one after another; the last one may be shorter."""
    whole, rest = divmod(samples, chunk)
    rounds, left = divmod(whole, threads)
    # The shorter chunk runs beside the last whole ones where a thread is left for it. Its time is not
    # always less: a width that only short chunks use may have no time for this mode.
    last = max(seconds[chunk] if left else 0.0, seconds[rest])
    return last + (rounds * seconds[chunk] if rounds else 0.0)


def _shared_seconds(tile: TilePlan, planned: int, threads: int) -> float:
    """Return a part of the time that threads divide, and one that they do not, fitted to 1 and `planned`."""
    if tile.shared_seconds is None:
        return math.inf
    divided = (tile.seconds - tile.shared_seconds) / (1 - 1 / planned)
    return max(tile.seconds - divided * (1 - 1 / threads), tile.seconds / threads)


def _spread_seconds(tile: TilePlan, planned: int, threads: int) -> float:
    """Return the time of a tile while others run: what they take from each other grows with their number."""
    if tile.spread_seconds is None:
        return math.inf
    taken = (tile.spread_seconds - tile.seconds) / (planned - 1)
    return max(tile.seconds, tile.seconds + taken * (threads - 1))
