"""Program to compiled model: which kernel, in which width, by how many threads; timed or estimated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.core.layers import ValueType
from engine.core.program import Program, dense_array
from engine.core.rates import Rates, default_rates
from engine.core.steps import WeightedStep
from engine.core.target import Target
from engine.execution.assemble import Packer
from engine.execution.pool import thread_count
from engine.formats.narrow import narrowing_error
from engine.machine_code.object_cache import ObjectCache
from engine.planning.choose import (
    DEFAULT_BUCKETS,
    WIDE_GUESS_MUST_REACH,
    WIDE_MUST_REACH,
    calls_of,
    default_plan,
    tile_widths,
    wide_width,
    without_idle_width,
)
from engine.planning.plan import (
    BucketPlan,
    CompiledModel,
    ExecutionPlan,
    KernelChoice,
    LayerPlan,
    TilePlan,
)
from engine.planning.whole_layers import whole_layers
from engine.tuning.clocks import own_time, wall_time
from engine.tuning.host_rates import host_rates
from engine.tuning.measure import measure_network, measure_tiles
from engine.tuning.measure_modes import measure_modes
from engine.tuning.prove_modes import proven_modes
from engine.tuning.tune import TunedLayer, TuneRequest, Tuning, tune

Progress = Callable[[str, float], None]
# What layers get of the tuning time. What they and packing leave is shared by tile widths, modes of several
# threads and whole networks.
_LAYERS_SHARE = 0.55
# Modes have so much in any case: too few readings may lose all that threads could win.
_LEAST_MODES_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """How to compile.

    Attributes:
        tune: whether kernels are timed on this host.
        tune_seconds: how much processor time packing and timing may take, whole-network times included;
            compiling kernels comes on top. Layers are given at most half as much again in wall time, so
            that tuning ends in time on a busy host, too. Those that it leaves no time for keep the best
            guess; every tile width, mode and batch is read at least once, chosen kernels beside dense
            ones.
        buckets: batch sizes to have a tile width for. Tuning adds tiles of 64 samples to the default ones where
            they save time.
        allow_sparse: False gives the dense baseline on the same engine.
        threads: number of threads to plan for; default: `PRUNUS_THREADS`, else the target's cores.
        values: what weights are rounded to. Anything but float32 changes the outputs.
        keeps_subnormals: whether subnormal numbers are computed with instead of being flushed to zero.
    """

    tune: bool = True
    tune_seconds: float = 5.0
    buckets: tuple[int, ...] = DEFAULT_BUCKETS
    allow_sparse: bool = True
    threads: int | None = None
    values: ValueType = ValueType.FLOAT32
    keeps_subnormals: bool = False


def plan_program(
    program: Program,
    target: Target,
    options: CompileOptions,
    cache: ObjectCache,
    progress: Progress | None = None,
) -> CompiledModel:
    """Choose kernels, tile widths and modes for a checked program, and pack its layers.

    Args:
        program: the network, with its weights in neutral form.
        target: the CPU; where `options.tune` is set it must be this host.
        options: the options to compile with.
        cache: object code; kernels that are timed are compiled into it.
        progress: told the stage (`tune`, `pack`, `measure`) and its share done, in [0, 1].

    Raises:
        ThreadCountError: `options.threads` is not 1 or more.
        UnsupportedModelError: the model's values do not fit into memory.
        NarrowValuesError: a weight is too large for `options.values`.
        CodegenError: a kernel could not be compiled or loaded.
    """
    rates = host_rates(target, cache) if options.tune else default_rates(target)
    packer = Packer(program, options.values)
    job = _Job(program, target, options, cache, progress or _silent, packer, rates)
    widths = tile_widths(options.buckets, target.isa)
    if options.tune:
        wide = wide_width(options.buckets, target.isa)
        guess = job.guess((*widths, *wide), allow_sparse=options.allow_sparse)
        tiles = without_idle_width(guess.tiles, wide, WIDE_GUESS_MUST_REACH)
        return _tuned(job, replace(guess, tiles=tiles))
    guess = job.guess(widths, allow_sparse=options.allow_sparse)
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
    rates: Rates

    @property
    def threads(self) -> int:
        """How many threads to plan for."""
        return thread_count(self.options.threads, self.target)

    def guess(self, widths: Sequence[int], *, allow_sparse: bool) -> ExecutionPlan:
        """Return the plan by estimates."""
        return default_plan(
            self.program,
            self.target,
            widths,
            allow_sparse=allow_sparse,
            threads=self.threads,
            values=self.options.values,
            keeps_subnormals=self.options.keeps_subnormals,
            rates=self.rates,
        )

    def packed(self, plan: ExecutionPlan) -> ExecutionPlan:
        """Return the plan with every layer packed; no layer is packed twice for one kernel."""
        self.report("pack", 0.0)
        steps = self.program.weighted_steps()
        return replace(plan, tiles=tuple(self._packed_tile(steps, tile) for tile in plan.tiles))

    def _packed_tile(self, steps: dict[int, WeightedStep], tile: TilePlan) -> TilePlan:
        choices = {
            number: replace(
                choice, packed=self.packer.shared(self.packer.packed(steps[number], choice))
            )
            for number, choice in tile.choices.items()
        }
        return replace(tile, choices=choices)


def _tuned(job: _Job, guess: ExecutionPlan) -> CompiledModel:
    program, options = job.program, job.options
    end = own_time() + options.tune_seconds

    def left() -> float:
        return max(0.0, end - own_time())

    widths = [tile.lanes for tile in guess.tiles]
    task = TuneRequest(
        widths,
        _LAYERS_SHARE * options.tune_seconds,
        options.allow_sparse,
        guess.threads,
        options.values,
        options.keeps_subnormals,
        job.rates,
    )
    tuning = tune(program, job.target, task, job.cache, lambda share: job.report("tune", share))
    chosen = job.packed(tuning.applied(program, guess, dense_only=False))
    dense = None
    if options.allow_sparse:
        rival = job.guess(widths, allow_sparse=False)
        dense = job.packed(tuning.applied(program, rival, dense_only=True))
    job.report("measure", 0.0)
    tiles_end = own_time() + left() / 3
    plans = measure_tiles(program, chosen, dense, job.target, job.cache, tiles_end)
    baseline = None if plans.dense is None else CompiledModel(program, plans.dense, (), ())
    job.report("measure", 0.3)
    wide = wide_width(options.buckets, job.target.isa)
    tiles = without_idle_width(plans.chosen.tiles, wide, WIDE_MUST_REACH)
    kept = replace(plans.chosen, tiles=tiles)
    model = _with_modes(job, _model(program, kept, tuning), left() / 2)
    job.report("measure", 0.6)
    network_end = own_time() + left()
    return replace(
        model, times=measure_network(model, baseline, job.target, job.cache, network_end)
    )


def _with_modes(job: _Job, model: CompiledModel, seconds: float) -> CompiledModel:
    """Return the model with measured times for several threads, and only modes that hold in whole calls."""
    half = max(seconds, _LEAST_MODES_SHARE * job.options.tune_seconds) / 2
    end = wall_time() + half
    timed = replace(model, plan=measure_modes(model, job.target, job.cache, end))
    return replace(timed, plan=proven_modes(timed, job.target, job.cache, wall_time() + half))


def _model(program: Program, plan: ExecutionPlan, tuning: Tuning) -> CompiledModel:
    """Return the model with a report for each layer."""
    layers = whole_layers(
        _layer_plan(program, number, step, plan, tuning)
        for number, step in program.weighted_steps().items()
    )
    return CompiledModel(program, plan, layers, ())


def _layer_plan(
    program: Program, number: int, step: WeightedStep, plan: ExecutionPlan, tuning: Tuning
) -> LayerPlan:
    return LayerPlan(
        name=step.name,
        op=f"{step.kind}+{step.function.function.value}",
        inputs=step.inputs,
        units=step.units,
        positions=step.positions,
        nonzeros=step.nonzeros,
        sparsity=1 - step.nonzeros / (step.inputs * step.units),
        buckets=tuple(
            _bucket_plan(step, tile.lanes, tile.choices[number], tuning.of(step, tile.lanes))
            for tile in plan.tiles
        ),
        rounding=_rounding(program, step, plan.values),
    )


def _rounding(program: Program, step: WeightedStep, values: ValueType) -> float:
    if values is ValueType.FLOAT32:
        return 0.0
    return narrowing_error(dense_array(program.constants[step.kernel]), values).largest


def _bucket_plan(
    step: WeightedStep, lanes: int, choice: KernelChoice, tuned: TunedLayer | None
) -> BucketPlan:
    dense = None if tuned is None else _of_all_calls(step, tuned.times.dense)
    sparse = None if tuned is None else _of_all_calls(step, tuned.times.sparse)
    return BucketPlan(
        lanes=lanes,
        kernel=choice.spec.symbol,
        sparse=choice.sparse,
        bytes=choice.packed_bytes,
        parts=len(choice.parts),
        seconds=sparse if choice.sparse else dense,
        dense_seconds=dense,
        sparse_seconds=sparse,
    )


def _of_all_calls(step: WeightedStep, seconds: float | None) -> float | None:
    return None if seconds is None else calls_of(step) * seconds


def _silent(stage: str, share: float) -> None:
    del stage, share
