"""Graph to compiled model: the stages, top to bottom."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.assemble import Packer
from engine.choose import default_plan, tile_widths
from engine.codegen import ObjectCache
from engine.measure import measure_network, measure_tiles
from engine.passes.pipeline import build_program
from engine.plan import (
    BucketPlan,
    CompiledModel,
    ExecutionPlan,
    KernelChoice,
    LayerPlan,
    TilePlan,
)
from engine.program import DenseStep, Program
from engine.target import Target
from engine.tune import TunedLayer, TuneRequest, Tuning, tune
from graph.graph import Graph

Progress = Callable[[str, float], None]
# How the tuning time is shared out: layers, tile widths, whole network.
_LAYERS_SHARE, _TILES_SHARE = 0.65, 0.8


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """How to compile.

    Attributes:
        tune: whether kernels are timed on this host.
        tune_seconds: how much processor time packing and timing may take, whole-network times included.
            Layers that it leaves no time for keep the best guess; every tile width and batch is read at
            least once, chosen kernels beside dense ones.
        buckets: batch sizes to have a tile width for.
        allow_sparse: False gives the dense baseline on the same engine.
    """

    tune: bool = True
    tune_seconds: float = 5.0
    buckets: tuple[int, ...] = (1, 8, 16, 32)
    allow_sparse: bool = True


def compile_graph(
    graph: Graph,
    target: Target,
    options: CompileOptions,
    cache: ObjectCache,
    progress: Progress | None = None,
) -> CompiledModel:
    """Turn a verified graph into a model that can be written as an artifact, or run.

    Args:
        graph: weights that are zero are what sparse kernels skip.
        target: the CPU; where `options.tune` is set it must be this host.
        options: how to compile.
        cache: object code; kernels that are timed are compiled into it.
        progress: told the stage (`lower`, `tune`, `pack`, `measure`) and its share done, in [0, 1].

    Raises:
        UnsupportedModelError: the engine cannot run this model.
        CodegenError: a kernel could not be compiled or loaded.
    """
    report = progress or _silent
    report("lower", 0.0)
    program = build_program(graph)
    job = _Job(program, target, options, cache, report, Packer(program))
    lanes = tile_widths(options.buckets, target.isa)
    guess = default_plan(program, target, lanes, allow_sparse=options.allow_sparse)
    if options.tune:
        return _tuned(job, guess)
    return _model(program, job.packed(guess), Tuning({}))


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """What the stages share."""

    program: Program
    target: Target
    options: CompileOptions
    cache: ObjectCache
    report: Progress
    packer: Packer

    def packed(self, plan: ExecutionPlan) -> ExecutionPlan:
        """The plan with every layer packed; no layer is packed twice for one kernel."""
        self.report("pack", 0.0)
        steps = self.program.dense_steps()
        return replace(plan, tiles=tuple(self._packed_tile(steps, tile) for tile in plan.tiles))

    def _packed_tile(self, steps: dict[int, DenseStep], tile: TilePlan) -> TilePlan:
        choices = {
            number: replace(choice, packed=self.packer.packed(steps[number], choice))
            for number, choice in tile.choices.items()
        }
        return replace(tile, choices=choices)


def _tuned(job: _Job, guess: ExecutionPlan) -> CompiledModel:
    program, seconds = job.program, job.options.tune_seconds
    lanes = [tile.lanes for tile in guess.tiles]
    task = TuneRequest(lanes, _LAYERS_SHARE * seconds, job.options.allow_sparse)
    tuning = tune(program, job.target, task, job.cache, lambda share: job.report("tune", share))
    chosen = job.packed(tuning.applied(program, guess, dense_only=False))
    dense = None
    if job.options.allow_sparse:
        rival = default_plan(program, job.target, lanes, allow_sparse=False)
        dense = job.packed(tuning.applied(program, rival, dense_only=True))
    job.report("measure", 0.0)
    tiles_end = time.thread_time() + seconds * (_TILES_SHARE - _LAYERS_SHARE)
    plans = measure_tiles(program, chosen, dense, job.target, job.cache, tiles_end)
    model = _model(program, plans.chosen, tuning)
    baseline = None if plans.dense is None else CompiledModel(program, plans.dense, (), ())
    job.report("measure", 0.5)
    end = time.thread_time() + seconds * (1 - _TILES_SHARE)
    return replace(model, times=measure_network(model, baseline, job.target, job.cache, end))


def _model(program: Program, plan: ExecutionPlan, tuning: Tuning) -> CompiledModel:
    """The model with a report for each layer."""
    layers = tuple(
        _layer_plan(number, step, plan, tuning) for number, step in program.dense_steps().items()
    )
    return CompiledModel(program, plan, layers, ())


def _layer_plan(number: int, step: DenseStep, plan: ExecutionPlan, tuning: Tuning) -> LayerPlan:
    inputs, units = step.x.rows // step.positions, step.y.rows // step.positions
    return LayerPlan(
        name=step.name,
        op=f"dense+{step.function.function.value}",
        inputs=inputs,
        units=units,
        positions=step.positions,
        nonzeros=step.nonzeros,
        sparsity=1 - step.nonzeros / (inputs * units),
        buckets=tuple(
            _bucket_plan(tile.lanes, tile.choices[number], tuning.of(step, tile.lanes))
            for tile in plan.tiles
        ),
    )


def _bucket_plan(lanes: int, choice: KernelChoice, tuned: TunedLayer | None) -> BucketPlan:
    dense = None if tuned is None else tuned.times.dense
    sparse = None if tuned is None else tuned.times.sparse
    return BucketPlan(
        lanes=lanes,
        kernel=choice.spec.symbol,
        sparse=choice.sparse,
        bytes=sum(part.bytes for part in choice.packed or ()),
        seconds=sparse if choice.sparse else dense,
        dense_seconds=dense,
        sparse_seconds=sparse,
    )


def _silent(stage: str, share: float) -> None:
    del stage, share
