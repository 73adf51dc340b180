"""Chooses the kernel of every dense layer and tile width by timing it on this host.

A task is one layer in one tile width. Its candidates are packed, run in turn on the same input, and
compared by medians; dense wins unless sparse is at least 10 % faster (the rule of LIBXSMM's fsspmdm).
Where the network's weights do not stay in the second-level cache from one call to the next, caches
are swept before each reading. Heavy tasks come first; when the time is spent, the rest keep the best
guess of `engine.choose`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from engine.assemble import LayerKey, layer_key
from engine.bind import BoundStep
from engine.choose import layer_candidates, nonzeros_of
from engine.codegen import NativeLibrary, ObjectCache
from engine.kernels.abi import ALIGNMENT_BYTES, Candidate, DenseLayer
from engine.native import BoundTile, NativeTables, load_specs, run_function
from engine.plan import ExecutionPlan, KernelChoice, TilePlan, dense_layer
from engine.program import DenseStep, Program
from engine.sections import padded
from engine.stopwatch import CacheSweep, Contender, race
from engine.target import Target
from engine.workspace import Workspace

# Dense is taken unless sparse needs at most this share of its time.
SPARSE_MUST_REACH = 0.9
MAX_ROUNDS = 15
Report = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """What was measured of one layer in one tile width, in seconds per tile.

    Attributes:
        sparse: best sparse kernel; None where there is none.
        dense: best dense kernel; None where there is none.
    """

    sparse: float | None
    dense: float | None


@dataclass(frozen=True, slots=True, eq=False)
class TunedLayer:
    """The outcome of one task.

    Attributes:
        chosen: fastest, with the bias to dense.
        dense: fastest dense kernel, or `chosen` where there is none.
        times: what was measured.
    """

    chosen: KernelChoice
    dense: KernelChoice
    times: LayerTimes


@dataclass(frozen=True, slots=True)
class TaskKey:
    """A layer in a tile width; layers that share weights and function are tuned once."""

    layer: LayerKey
    lanes: int


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """Results by task; tasks that the time did not allow are missing."""

    layers: Mapping[TaskKey, TunedLayer]

    def of(self, step: DenseStep, lanes: int) -> TunedLayer | None:
        """The outcome for a step, or None where it was not tuned."""
        return self.layers.get(TaskKey(layer_key(step), lanes))

    def applied(self, program: Program, plan: ExecutionPlan, *, dense_only: bool) -> ExecutionPlan:
        """The plan with every tuned choice in place of the guess."""
        steps = program.dense_steps()
        tiles = tuple(self._tile(steps, tile, dense_only) for tile in plan.tiles)
        return replace(plan, tuned=bool(self.layers), tiles=tiles)

    def _tile(self, steps: Mapping[int, DenseStep], tile: TilePlan, dense_only: bool) -> TilePlan:
        choices = dict(tile.choices)
        for number, step in steps.items():
            tuned = self.of(step, tile.lanes)
            if tuned is not None:
                choices[number] = tuned.dense if dense_only else tuned.chosen
        return replace(tile, choices=choices)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    key: TaskKey
    layer: DenseLayer
    weights: int  # non-zeros x positions x lanes: how heavy it is
    candidates: tuple[Candidate, ...]


def tune(
    program: Program,
    target: Target,
    widths: Sequence[int],
    cache: ObjectCache,
    seconds: float,
    report: Report,
) -> Tuning:
    """Time the kernels of every dense layer.

    Args:
        program: a checked program.
        target: the host.
        widths: tile widths.
        cache: object code of the candidates; compiling what is missing does not count as tuning time.
        seconds: how long packing and timing may take.
        report: told the share of tasks that are done, in [0, 1].

    Raises:
        CodegenError: a kernel could not be compiled or loaded.
    """
    tasks = _tasks(program, target, widths)
    bench = _Bench(tasks, target, cache, _sweep(program, target))
    deadline = time.perf_counter() + seconds
    done: dict[TaskKey, TunedLayer] = {}
    try:
        for number, task in enumerate(tasks):
            now = time.perf_counter()
            if now >= deadline:
                break
            # Tasks left share the time left by their weight, and half evenly: small ones are short.
            heavy = task.weights / max(1, sum(rest.weights for rest in tasks[number:]))
            share = (heavy + 1 / (len(tasks) - number)) / 2
            done[task.key] = bench.run(task, now + share * (deadline - now))
            report((number + 1) / len(tasks))
    finally:
        bench.close()
    return Tuning(done)


def _tasks(program: Program, target: Target, widths: Sequence[int]) -> list[_Task]:
    """Each distinct layer in each width, heaviest first."""
    found: dict[TaskKey, _Task] = {}
    for step in program.dense_steps().values():
        layer = dense_layer(program, step)
        work = nonzeros_of(program, step) * step.positions
        for lanes in widths:
            key = TaskKey(layer_key(step), lanes)
            if key not in found:
                candidates = layer_candidates(layer, target.isa, lanes)
                found[key] = _Task(key, layer, work * lanes, candidates)
    return sorted(found.values(), key=lambda task: -task.weights)


def _sweep(program: Program, target: Target) -> CacheSweep | None:
    """A sweep of the second-level cache, where the network's weights do not stay in it."""
    weights = sum(nonzeros_of(program, step) for step in program.dense_steps().values())
    return CacheSweep(2 * target.l2_bytes) if 6 * weights > target.l2_bytes // 2 else None


class _Bench:
    """Runs candidates; owns the loaded code."""

    def __init__(
        self,
        tasks: Sequence[_Task],
        target: Target,
        cache: ObjectCache,
        sweep: CacheSweep | None,
    ) -> None:
        specs = {candidate.spec: None for task in tasks for candidate in task.candidates}
        self._library: NativeLibrary = load_specs(list(specs), target, cache)
        self._run = run_function(self._library)
        self._sweep = sweep

    def close(self) -> None:
        self._library.close()

    def run(self, task: _Task, deadline: float) -> TunedLayer:
        """Time the candidates of a task, until the deadline; each at least once."""
        lanes, layer = task.key.lanes, task.layer
        x_bytes = padded(layer.positions * layer.inputs * lanes * 4) + ALIGNMENT_BYTES
        y_bytes = padded(layer.positions * layer.units * lanes * 4)
        workspace = Workspace(x_bytes + y_bytes, 0, 0)
        rng = np.random.default_rng(0)
        count = layer.positions * layer.inputs * lanes
        workspace.arena[:count] = rng.standard_normal(count, np.float32)
        tables = NativeTables(self._library)
        choices, contenders = [], []
        for candidate in task.candidates:
            packed = candidate.pack(layer)
            choices.append(KernelChoice(candidate.spec, candidate.sparse, packed))
            numbers = {**packed.ints, "x": 0, "y": x_bytes}
            step = BoundStep(candidate.spec, numbers, packed.constants)
            plan = tables.plan([BoundTile(lanes, x_bytes + y_bytes, (step,))], [0, 0])
            contenders.append(Contender(partial(self._repeat, workspace, plan, lanes)))
        race(contenders, deadline, MAX_ROUNDS, self._sweep)
        return pick(choices, [contender.seconds for contender in contenders])

    def _repeat(self, workspace: Workspace, plan: int, lanes: int, repeats: int) -> None:
        self._run(workspace.request(plan, (), (), repeats * lanes))


def pick(choices: Sequence[KernelChoice], seconds: Sequence[float]) -> TunedLayer:
    """The fastest choice, with the bias to dense; at least one choice."""
    sparse = _fastest(choices, seconds, sparse=True)
    dense = _fastest(choices, seconds, sparse=False)
    times = LayerTimes(
        None if sparse is None else seconds[sparse], None if dense is None else seconds[dense]
    )
    if sparse is None or dense is None:
        only = choices[next(place for place in (sparse, dense) if place is not None)]
        return TunedLayer(only, only, times)
    wins = seconds[sparse] <= SPARSE_MUST_REACH * seconds[dense]
    return TunedLayer(choices[sparse if wins else dense], choices[dense], times)


def _fastest(
    choices: Sequence[KernelChoice], seconds: Sequence[float], *, sparse: bool
) -> int | None:
    places = [place for place, choice in enumerate(choices) if choice.sparse is sparse]
    return min(places, key=lambda place: seconds[place], default=None)
