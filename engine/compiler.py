"""Graph to compiled model: the stages, top to bottom."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.assemble import Packer
from engine.choose import default_plan, nonzeros_of, tile_widths
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
from engine.tune import TunedLayer, Tuning, tune
from graph.graph import Graph

Progress = Callable[[str, float], None]
# How the tuning time is shared out: layers, tile widths, whole network.
_LAYERS_SHARE, _TILES_SHARE = 0.65, 0.8


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """How to compile.

    Attributes:
        tune: whether kernels are timed on this host.
        tune_seconds: how long timing may take, whole-network times included; at least one reading of
            everything that is compared is taken.
        buckets: batch sizes to have a tile width for.
        allow_sparse: False gives the dense baseline on the same engine.
    """

    tune: bool = True
    tune_seconds: float = 5.0
    buckets: tuple[int, ...] = (1, 16, 64)
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
        progress: told the stage (`lower`, `tune`, `measure`, `pack`) and its share done, in [0, 1].

    Raises:
        UnsupportedModelError: the engine cannot run this model.
        CodegenError: a kernel could not be compiled or loaded.
    """
    report = progress or _silent
    report("lower", 0.0)
    program = build_program(graph)
    widths = tile_widths(options.buckets, target.isa)
    plan = default_plan(program, target, widths, allow_sparse=options.allow_sparse)
    if not options.tune:
        return _packed_model(program, plan, Tuning({}), report)
    return _tuned(program, plan, target, options, cache, report)


def _tuned(
    program: Program,
    guess: ExecutionPlan,
    target: Target,
    options: CompileOptions,
    cache: ObjectCache,
    report: Progress,
) -> CompiledModel:
    lanes = [tile.lanes for tile in guess.tiles]
    seconds = options.tune_seconds
    tuning = tune(
        program,
        target,
        lanes,
        cache,
        _LAYERS_SHARE * seconds,
        lambda share: report("tune", share),
    )
    chosen = tuning.applied(program, guess, dense_only=not options.allow_sparse)
    unmeasured = default_plan(program, target, lanes, allow_sparse=False)
    dense = tuning.applied(program, unmeasured, dense_only=True)
    report("measure", 0.0)
    start = time.perf_counter()
    part = seconds * (_TILES_SHARE - _LAYERS_SHARE)
    plans = measure_tiles(program, chosen, dense, target, cache, start + part)
    model = _packed_model(program, plans.chosen, tuning, report)
    report("measure", 0.5)
    baseline = CompiledModel(program, plans.dense, (), ())
    rest = time.perf_counter() + seconds * (1 - _TILES_SHARE)
    return replace(model, times=measure_network(model, baseline, target, cache, rest))


def _packed_model(
    program: Program, plan: ExecutionPlan, tuning: Tuning, report: Progress
) -> CompiledModel:
    """The model with every layer packed, and its report."""
    report("pack", 0.0)
    packer = Packer(program)
    steps = program.dense_steps()
    tiles = tuple(_packed_tile(steps, tile, packer) for tile in plan.tiles)
    packed = replace(plan, tiles=tiles)
    layers = tuple(
        _layer_plan(program, number, step, packed, tuning) for number, step in steps.items()
    )
    return CompiledModel(program, packed, layers, ())


def _packed_tile(steps: dict[int, DenseStep], tile: TilePlan, packer: Packer) -> TilePlan:
    choices = {
        number: replace(choice, packed=packer.packed(steps[number], choice))
        for number, choice in tile.choices.items()
    }
    return replace(tile, choices=choices)


def _layer_plan(
    program: Program, number: int, step: DenseStep, plan: ExecutionPlan, tuning: Tuning
) -> LayerPlan:
    inputs, units = step.x.rows // step.positions, step.y.rows // step.positions
    nonzeros = nonzeros_of(program, step)
    return LayerPlan(
        name=step.name,
        op=f"dense+{step.function.function.value}",
        inputs=inputs,
        units=units,
        positions=step.positions,
        nonzeros=nonzeros,
        sparsity=1 - nonzeros / (inputs * units),
        buckets=tuple(
            _bucket_plan(tile.lanes, tile.choices[number], tuning.of(program, step, tile.lanes))
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
        bytes=0 if choice.packed is None else choice.packed.bytes,
        seconds=sparse if choice.sparse else dense,
        dense_seconds=dense,
        sparse_seconds=sparse,
    )


def _silent(stage: str, share: float) -> None:
    del stage, share
