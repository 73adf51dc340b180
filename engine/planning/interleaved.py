"""Which projections are computed a few steps of time at a time, between those steps of the recurrent layer behind them.

What a recurrent layer adds to its gates is the result of a Dense layer over all steps of time: of 16 samples and 512
units of an LSTM 13 MB, that would go to memory and come back. A few steps of time stay in the second-level cache. They
all lie in the first rows of the projection's own place in the arena.
"""

from collections.abc import Mapping

from engine.core.program import Program
from engine.core.steps import DenseStep, RecurrentStep, reads, writes

# Of the second-level cache, in which the weights are, too.
_CHUNK_BYTES = 256 * 1024


def interleaved_projections(program: Program) -> Mapping[int, int]:
    """Return the number of the projection by that of the recurrent step that alone reads its result."""
    readers: dict[int, list[int]] = {}
    writers: dict[int, list[int]] = {}
    for number, step in enumerate(program.steps):
        for place in reads(step):
            readers.setdefault(place.buffer, []).append(number)
        for place in writes(step):
            writers.setdefault(place.buffer, []).append(number)
    found = {}
    for number, step in enumerate(program.steps):
        if not isinstance(step, RecurrentStep):
            continue
        made_by = writers.get(step.x.buffer, [])
        if len(made_by) == 1 and readers[step.x.buffer] == [number]:
            dense = program.steps[made_by[0]]
            if isinstance(dense, DenseStep) and _fits(program, dense, step):
                found[number] = made_by[0]
    return found


def _fits(program: Program, dense: DenseStep, step: RecurrentStep) -> bool:
    """Return whether positions of the projection are steps of time."""
    return (
        dense.y == step.x
        and dense.y.rows == program.buffers[dense.y.buffer]
        and dense.positions == step.times > 1
    )


def chunks_of(step: RecurrentStep, lanes: int) -> tuple[range, ...]:
    """Return the runs of steps of time, in the order of computation, whose projections are in the cache at once."""
    length = max(1, _CHUNK_BYTES // (step.units * lanes * 4))
    return tuple(
        range(first, min(first + length, step.times)) for first in range(0, step.times, length)
    )
