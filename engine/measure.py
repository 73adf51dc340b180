"""Times whole networks on this host: per tile, to choose tile widths, and per batch, for the report."""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.assemble import bind_plan
from engine.codegen import ObjectCache
from engine.native import NativePlan
from engine.plan import CompiledModel, ExecutionPlan, NetworkTime
from engine.program import Program
from engine.runtime import Executable
from engine.stopwatch import Contender, race
from engine.target import Target
from engine.workspace import Workspace

REPORTED_BATCHES = (1, 16, 64, 256)
MAX_ROUNDS = 15
# A batch is left out where its arrays alone would take more than this.
MAX_BATCH_BYTES = 1024**3


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
    """Inputs of the declared dtypes: magnitudes of standard normal numbers, cut to whole ones for integers."""
    rng = np.random.default_rng(0)
    return {
        slot.name: np.abs(rng.standard_normal((batch, *slot.sample_shape))).astype(slot.dtype)
        for slot in program.inputs
    }


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
        deadline: `time.thread_time` value; each tile is timed at least once.
    """
    plans = [chosen] if dense is None else [chosen, dense]
    benches = [_TileBench(program, plan, target, cache) for plan in plans]
    contenders = [
        [Contender(bench.repeater(number, tile.lanes)) for number, tile in enumerate(plan.tiles)]
        for bench, plan in zip(benches, plans, strict=True)
    ]
    # All widths in turn: the table of widths compares them with each other, not only with dense.
    race([one for row in contenders for one in row], deadline, MAX_ROUNDS, hopeless=float("inf"))
    tiles = [
        [replace(tile, seconds=one.seconds) for tile, one in zip(plan.tiles, row, strict=True)]
        for plan, row in zip(plans, contenders, strict=True)
    ]
    best = tuple(min(rivals, key=lambda tile: tile.seconds) for rivals in zip(*tiles, strict=True))
    baseline = None if dense is None else replace(dense, tiles=tuple(tiles[1]))
    return MeasuredPlans(replace(chosen, tiles=best), baseline)


class _TileBench:
    """Runs single tiles of one plan."""

    def __init__(
        self, program: Program, plan: ExecutionPlan, target: Target, cache: ObjectCache
    ) -> None:
        tiles = bind_plan(program, plan)
        self._natives = [NativePlan([tile], [0, 0], target, cache) for tile in tiles]
        self._program = program

    def repeater(self, number: int, lanes: int) -> Callable[[int], None]:
        """A function that runs tile `number` so often, on the same samples."""
        native, program = self._natives[number], self._program
        workspace = Workspace(native.arena_bytes, len(program.inputs), len(program.outputs))
        inputs = list(random_batch(program, lanes).values())
        outputs = [np.empty((lanes, *slot.sample_shape), np.float32) for slot in program.outputs]

        def run(repeats: int) -> None:
            address = workspace.request(native.address, inputs, outputs, lanes)
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

    Without a baseline the model is its own.
    """
    models = [model] if dense is None else [model, dense]
    times = []
    with ExitStack() as stack:
        executables = [
            stack.enter_context(closing(Executable(each, cache, target))) for each in models
        ]
        for number, batch in enumerate(REPORTED_BATCHES):
            if _batch_bytes(model.program, batch) > MAX_BATCH_BYTES:
                break
            inputs = random_batch(model.program, batch)
            contenders = [Contender(partial(_call, each, inputs)) for each in executables]
            now = time.thread_time()
            race(contenders, now + (deadline - now) / (len(REPORTED_BATCHES) - number), MAX_ROUNDS)
            times.append(NetworkTime(batch, contenders[0].seconds, contenders[-1].seconds))
    return tuple(times)


def _call(executable: Executable, inputs: dict[str, npt.NDArray[Any]], repeats: int) -> None:
    for _ in range(repeats):
        executable.run(inputs)


def _batch_bytes(program: Program, batch: int) -> int:
    shapes = [slot.sample_shape for slot in program.inputs]
    shapes += [slot.sample_shape for slot in program.outputs]
    return 4 * batch * sum(math.prod(shape) for shape in shapes)
