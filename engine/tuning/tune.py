"""Chooses the kernel of every layer with weights and tile width by timing it on this host.

A task is one class of layers in one tile width: layers of one shape and function, which the same kernels suit and
whose numbers of non-zeros differ by less than 10 %, are timed once. The candidates are packed, run in turn on the same
input, and compared by medians; dense wins unless sparse is at least 10 % faster (the rule of LIBXSMM's
fsspmdm). A layer that is long enough for several threads is timed in the parts that it will run in; the
threads' own gain is measured on whole tiles (`engine.tuning.measure_modes`), so the choice of kernel is one for all
modes. Inside a network the other layers' weights pass through the caches between two calls of a layer. So a
candidate is timed on copies of its layer in turn, as many as have the size of the network: its weights come
from the cache that they will come from. Heavy layers come first, and narrow tiles before wide ones; when the
time is spent, the rest keep the best guess of `engine.planning.choose`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from engine.artifacts.sections import padded
from engine.core.arrays import ALIGNMENT_BYTES, aligned
from engine.core.layers import (
    ConvLayer,
    ValueType,
    WeightedLayer,
)
from engine.core.program import Program
from engine.core.rates import Rates, default_rates
from engine.core.steps import WeightedStep
from engine.core.target import Target
from engine.execution.assemble import LayerKey, layer_key
from engine.execution.bound import BoundStep
from engine.execution.native import BoundTile, NativeTables, load_specs, run_function
from engine.execution.workspace import Workspace
from engine.kernels.abi import Candidate, KernelSpec, PackedLayer
from engine.machine_code.linking import NativeLibrary
from engine.machine_code.object_cache import ObjectCache
from engine.planning.choose import copies_of, layer_candidates, part_count, worth_timing
from engine.planning.parts import (
    Split,
    SplitAxis,
    first_row,
    packed_parts,
    split_layer,
    split_units,
)
from engine.planning.plan import ExecutionPlan, KernelChoice, TilePlan, layer_of
from engine.tuning.clocks import own_time, wall_time
from engine.tuning.stopwatch import MOST_WALL, Contender, race

# Dense is taken unless sparse needs at most this share of its time.
SPARSE_MUST_REACH = 0.9
# Layers whose numbers of non-zeros differ by less than this share are timed once.
SAME_CLASS_SHARE = 0.1
MAX_ROUNDS = 15
# Copies of a layer that are this many times as large as the second-level cache push each other out of it.
_CACHE_SHARE = 2
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
        layer: the layer that was timed; its choices are packed.
        chosen: fastest, with the bias to dense.
        dense: fastest dense kernel, or `chosen` where there is none.
        times: the times that were measured.
    """

    layer: LayerKey
    chosen: KernelChoice
    dense: KernelChoice
    times: LayerTimes

    def choice(self, layer: LayerKey, *, dense_only: bool) -> KernelChoice:
        """Return what a layer of the class uses; packed only where it is the layer that was timed."""
        choice = self.dense if dense_only else self.chosen
        return choice if layer == self.layer else replace(choice, packed=None)


@dataclass(frozen=True, slots=True)
class TaskKey:
    """A class of layers in a tile width.

    Attributes:
        layer: the layer without the names of its weights, its non-zeros on a scale of powers of 1.1.
        lanes: samples per tile.
        kernels: names of the kernels that suit the layer. Some need zeros in blocks, or a limited number of weights, so
            layers of one class have the same ones.
    """

    layer: LayerKey
    lanes: int
    kernels: frozenset[KernelSpec]


def task_key(step: WeightedStep, lanes: int, candidates: Sequence[Candidate]) -> TaskKey:
    """Return the class of a step that these candidates suit."""
    scale = round(math.log(step.nonzeros + 1) / math.log(1 + SAME_CLASS_SHARE))
    kernels = frozenset(candidate.spec for candidate in candidates)
    nameless = replace(step, kernel="", bias=None, nonzeros=scale)
    return TaskKey(layer_key(nameless), lanes, kernels)


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """Results by layer and tile width; those that the time did not allow are missing."""

    layers: Mapping[tuple[LayerKey, int], TunedLayer]

    def of(self, step: WeightedStep, lanes: int) -> TunedLayer | None:
        """Return the outcome for a step, or None where it was not tuned."""
        return self.layers.get((layer_key(step), lanes))

    def applied(self, program: Program, plan: ExecutionPlan, *, dense_only: bool) -> ExecutionPlan:
        """Return the plan with every tuned choice in place of the guess."""
        tiles = tuple(self._tile(program, tile, dense_only) for tile in plan.tiles)
        # A program without weights has no kernels to choose: tuned again, it would be as it is.
        tuned = bool(self.layers) or not program.weighted_steps()
        return replace(plan, tuned=tuned, tiles=tiles)

    def _tile(self, program: Program, tile: TilePlan, dense_only: bool) -> TilePlan:
        choices = dict(tile.choices)
        for number, step in program.weighted_steps().items():
            tuned = self.of(step, tile.lanes)
            if tuned is not None:
                choice = tuned.choice(layer_key(step), dense_only=dense_only)
                choices[number] = _split_anew(program, step, choice)
        return replace(tile, choices=choices)


def _split_anew(program: Program, step: WeightedStep, choice: KernelChoice) -> KernelChoice:
    """Return the choice with parts that suit the step's own zeros, where another layer of its class was timed."""
    if choice.packed is not None or len(choice.parts) < 2 or not choice.sparse:
        return choice
    if choice.axis is SplitAxis.POSITIONS:
        return choice
    parts = split_units(layer_of(program, step), len(choice.parts))
    return replace(choice, parts=parts)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    lanes: int
    layer_keys: list[LayerKey]  # of the class; `layer` is the first
    layer: WeightedLayer
    weights: int  # non-zeros x positions: how heavy it is
    candidates: tuple[Candidate, ...]
    threads: int
    most_copies: int  # layers of this size that make up the network


@dataclass(frozen=True, slots=True)
class TuneRequest:
    """What to time.

    Attributes:
        widths: tile widths.
        seconds: processor time that packing and timing may take.
        allow_sparse: whether sparse kernels take part.
        threads: number of threads that long layers are split for.
        values: type that weights are rounded to.
        keeps_subnormals: whether subnormal numbers are computed with.
        rates: what a core of the host can do, for the estimates that say what is worth timing; default: rates
            that depend on nothing measured.
    """

    widths: Sequence[int]
    seconds: float
    allow_sparse: bool = True
    threads: int = 1
    values: ValueType = ValueType.FLOAT32
    keeps_subnormals: bool = False
    rates: Rates | None = None


def tune(
    program: Program,
    target: Target,
    request: TuneRequest,
    cache: ObjectCache,
    report: Report,
) -> Tuning:
    """Time the kernels of every layer with weights.

    Args:
        program: a checked program.
        target: the host.
        request: what to time and for how long.
        cache: object code of the candidates; compiling what is missing does not count as tuning time.
        report: told the share of tasks that are done, in [0, 1].

    Raises:
        CodegenError: a kernel could not be compiled or loaded.
    """
    tasks = _tasks(program, target, request)
    bench = _Bench(tasks, target, cache, keeps_subnormals=request.keeps_subnormals)
    deadline = own_time() + request.seconds
    # On a busy host processor time is spent slowly.
    wall_deadline = wall_time() + MOST_WALL * request.seconds
    done: dict[tuple[LayerKey, int], TunedLayer] = {}
    weights_left = sum(task.weights for task in tasks)
    try:
        for number, task in enumerate(tasks):
            now = own_time()
            if now >= deadline or wall_time() >= wall_deadline:
                break
            # Tasks left share the time left by their weight, so that small ones are short.
            share = task.weights / weights_left
            weights_left -= task.weights
            outcome = bench.run(task, now + share * (deadline - now))
            done |= dict.fromkeys([(layer, task.lanes) for layer in task.layer_keys], outcome)
            report((number + 1) / len(tasks))
    finally:
        bench.close()
    return Tuning(done)


def _tasks(program: Program, target: Target, request: TuneRequest) -> list[_Task]:
    """Return each class of layers in each width, heaviest first."""
    found: dict[TaskKey, _Task] = {}
    steps = program.weighted_steps().values()
    network = sum(step.nonzeros for step in steps)
    rates = request.rates or default_rates(target)
    for name, step in {layer_key(step): step for step in steps}.items():
        layer = layer_of(program, step, request.values)
        for lanes in request.widths:
            candidates = layer_candidates(
                layer,
                target.isa,
                lanes,
                allow_sparse=request.allow_sparse,
                rates=rates,
                copies=copies_of(network, step),
            )
            key = task_key(step, lanes, candidates)
            if key in found:
                found[key].layer_keys.append(name)
                continue
            found[key] = _Task(
                lanes,
                [name],
                layer,
                step.nonzeros * step.positions + 1,
                worth_timing(candidates, rates.uncertainty),
                request.threads,
                max(1, round(copies_of(network, step))),
            )
    return sorted(found.values(), key=lambda task: (-task.weights, task.lanes))


class _Bench:
    """Runs candidates; owns the loaded code."""

    def __init__(
        self,
        tasks: Sequence[_Task],
        target: Target,
        cache: ObjectCache,
        *,
        keeps_subnormals: bool,
    ) -> None:
        self._keeps = keeps_subnormals
        specs = {candidate.spec: None for task in tasks for candidate in task.candidates}
        self._library: NativeLibrary = load_specs(list(specs), target, cache)
        self._run = run_function(self._library)
        self._cache_bytes = _CACHE_SHARE * target.l2_bytes

    def close(self) -> None:
        self._library.close()

    def run(self, task: _Task, deadline: float) -> TunedLayer:
        """Time the candidates of a task, until the deadline; each at least once."""
        lanes, layer = task.lanes, task.layer
        x_bytes = padded(layer.x_rows * lanes * 4) + ALIGNMENT_BYTES
        y_bytes = padded(layer.y_rows * lanes * 4)
        if isinstance(layer, ConvLayer) and layer.adds:
            y_bytes *= 2
        workspace = Workspace(x_bytes + y_bytes, 0, 0)
        rng = np.random.default_rng(0)
        count = layer.x_rows * lanes
        workspace.arena[:count] = rng.standard_normal(count, np.float32)
        tables = NativeTables(self._library)

        def contender(choice: KernelChoice) -> Contender:
            steps = _part_steps(layer, choice, lanes, x_bytes)
            size = choice.packed_bytes
            copies = copies_for(size, task.most_copies, self._cache_bytes)
            phases = (steps, *(_copied(steps) for _ in range(copies - 1)))
            tile = BoundTile(lanes, x_bytes + y_bytes, phases, (1,) * len(phases))
            plan = tables.plan([tile], [0, 0], keeps_subnormals=self._keeps)
            return Contender(partial(self._repeat, workspace, plan, lanes), copies)

        packings = _Packings(layer, task.threads)
        choices = [packings.choice(candidate) for candidate in task.candidates]
        contenders = [contender(choice) for choice in choices]
        race(contenders, deadline, MAX_ROUNDS)
        return pick(task.layer_keys[0], choices, [one.seconds for one in contenders])

    def _repeat(self, workspace: Workspace, plan: int, lanes: int, repeats: int) -> None:
        self._run(workspace.request(plan, (), repeats * lanes))


class _Packings:
    """Packs a layer for candidates; what they have in common is done once."""

    def __init__(self, layer: WeightedLayer, threads: int) -> None:
        self._layer = layer
        self._threads = threads
        self._splits: dict[tuple[int, bool], Split] = {}
        self._packed: dict[tuple[int, Split], tuple[PackedLayer, ...]] = {}

    def choice(self, candidate: Candidate) -> KernelChoice:
        """Return a candidate with the layer packed for it, in the parts that it will run in."""
        count = part_count(self._layer, candidate, self._threads)
        key = (count, candidate.sparse)
        if key not in self._splits:
            self._splits[key] = split_layer(
                self._layer, count, candidate.spec.lanes, sparse=candidate.sparse
            )
        split = self._splits[key]
        form = (id(candidate.pack), split)  # candidates that differ in code only have one function
        if form not in self._packed:
            self._packed[form] = packed_parts(
                candidate.pack, self._layer, split, candidate.spec.lanes
            )
        packed = self._packed[form]
        return KernelChoice(candidate.spec, candidate.sparse, packed, split.parts, split.axis)


def _part_steps(
    layer: WeightedLayer, choice: KernelChoice, lanes: int, y: int
) -> tuple[BoundStep, ...]:
    """Return the parts of a layer whose x lies at 0 and whose y at byte `y`; what is added lies behind y."""
    row_bytes = lanes * 4
    steps = []
    for rows, part in zip(choice.parts, choice.packed or (), strict=True):
        place = y + first_row(layer, rows, choice.axis) * row_bytes
        numbers = {**part.ints, "x": 0, "y": place}
        if isinstance(layer, ConvLayer) and layer.adds:
            numbers["added"] = place + padded(layer.y_rows * row_bytes)
        steps.append(BoundStep(choice.spec, numbers, part.constants))
    return tuple(steps)


def copies_for(packed_bytes: int, most: int, cache_bytes: int) -> int:
    """Return how many copies of a layer are to the caches what its network is.

    Args:
        packed_bytes: size of one.
        most: layers of this size that make up the network.
        cache_bytes: copies of so many bytes together push each other out of the cache in question.
    """
    return max(1, min(most, math.ceil(cache_bytes / max(1, packed_bytes))))


def _copied(steps: tuple[BoundStep, ...]) -> tuple[BoundStep, ...]:
    """Return the same work with weights of its own; parts that share arrays share the copies."""
    copies = {id(a): aligned(a) for step in steps for a in step.constants.values()}
    return tuple(
        replace(step, constants={name: copies[id(a)] for name, a in step.constants.items()})
        for step in steps
    )


def pick(layer: LayerKey, choices: Sequence[KernelChoice], seconds: Sequence[float]) -> TunedLayer:
    """Return the fastest choice, with the bias to dense; at least one choice."""
    sparse = _fastest(choices, seconds, sparse=True)
    dense = _fastest(choices, seconds, sparse=False)
    times = LayerTimes(
        None if sparse is None else seconds[sparse], None if dense is None else seconds[dense]
    )
    if sparse is None or dense is None:
        only = choices[next(place for place in (sparse, dense) if place is not None)]
        return TunedLayer(layer, only, only, times)
    wins = seconds[sparse] <= SPARSE_MUST_REACH * seconds[dense]
    return TunedLayer(layer, choices[sparse if wins else dense], choices[dense], times)


def _fastest(
    choices: Sequence[KernelChoice], seconds: Sequence[float], *, sparse: bool
) -> int | None:
    places = [place for place, choice in enumerate(choices) if choice.sparse is sparse]
    return min(places, key=lambda place: seconds[place], default=None)
