"""What a job compiles and times: the pruned model as served (sparse) and the original on the same engine (dense)."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace

from engine.artifacts.artifact import Artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.layers import ValueType
from engine.core.target import Target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel, Varying
from engine.roofline.call_layers import CallLayer, layers_of_calls
from engine.tuning import compare
from engine.tuning.compare import BatchRace
from engine.tuning.measure import random_batch
from engine.tuning.planner import Progress
from graph.subnormals import count_subnormals, without_subnormals
from pruning.claims import Spread, Verdict, claim_of
from pruning.measurements import (
    EVERYTHING_ELSE,
    EngineMeasurements,
    Latency,
    LayerTiming,
    SubnormalCost,
    latency,
)
from pruning.prune import PruneResult

# How long the finished model is timed beside the original, and their layers, as shares of the tuning time.
_CALLS_SHARE = 0.1
_LAYERS_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class Host:
    """Where a job compiles.

    Attributes:
        target: the CPU.
        cache: object code.
        threads: number of threads that compute one prediction; default: `PRUNUS_THREADS`, else the usable cores.
        tune_seconds: time for measuring kernels, of all models of a job together.
    """

    target: Target
    cache: ObjectCache
    threads: int | None
    tune_seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """The models of a job.

    Attributes:
        model: the pruned model, as it is served.
        dense: the original with zeros for its subnormal weights, by dense kernels.
        float32: the pruned model with float32 weights, where `model` has others.
        options: the options that `model` was compiled with.
    """

    model: CompiledModel
    dense: CompiledModel
    float32: CompiledModel | None
    options: CompileOptions


def compile_models(
    pruned: PruneResult, weight_type: ValueType, host: Host, progress: Progress
) -> Compiled:
    """Compile the pruned model and what it is compared with; each gets an equal share of the tuning time."""
    narrow = weight_type is not ValueType.FLOAT32
    count = 3 if narrow else 2
    options = CompileOptions(tune_seconds=host.tune_seconds / count, threads=host.threads)
    made = []
    graphs = [
        (without_subnormals(pruned.original), replace(options, allow_sparse=False)),
        (pruned.graph, replace(options, values=weight_type)),
        *([(pruned.graph, options)] if narrow else []),
    ]
    for number, (graph, own) in enumerate(graphs):

        def report(stage: str, share: float, done: int = number) -> None:
            progress(stage, (done + share) / count)

        served = varying_of(pruned) if number == 1 else None
        made.append(compile_graph(graph, host.target, own, host.cache, report, served))
    dense, model = made[:2]
    float32 = made[2] if narrow else None
    twin = compare.dense_twin(float32 or model, dense)
    return Compiled(model, twin or dense, float32, graphs[1][1])


def varying_of(pruned: PruneResult) -> Varying | None:
    """Return what the engine needs for other sizes than the usual one."""
    found = pruned.varying
    return None if found is None else Varying(found.graph, found.sizes)


def with_subnormals(compiled: Compiled, pruned: PruneResult, host: Host) -> Compiled:
    """Return the same with subnormal numbers kept in what is served."""
    options = replace(compiled.options, keeps_subnormals=True)
    model = compile_graph(
        pruned.graph, host.target, options, host.cache, varying=varying_of(pruned)
    )
    return replace(compiled, model=model, options=options)


def measure(
    compiled: Compiled, pruned: PruneResult, host: Host, artifact_bytes: int
) -> EngineMeasurements:
    """Time whole calls in turn, and the layers inside them, on one thread."""
    models = [compiled.dense, compiled.model]
    if compiled.float32 is not None:
        models.append(compiled.float32)
    seconds = _CALLS_SHARE * host.tune_seconds
    races = compare.race_networks(models, host.target, host.cache, seconds)
    calls = _latencies(races, compiled.dense, compiled.model, 0)
    against_float32: tuple[Latency, ...] = ()
    if compiled.float32 is not None:
        against_float32 = _latencies(races, compiled.float32, compiled.model, 2)
    return EngineMeasurements(
        cpu=host.target.cpu_name,
        isa=compiled.model.plan.isa.value,
        threads=1,
        layers=_layers(compiled, host, calls),
        latency=calls,
        resident_bytes=_resident_bytes(compiled.model, host),
        dense_resident_bytes=_resident_bytes(compiled.dense, host),
        artifact_bytes=artifact_bytes,
        subnormals=_subnormal_cost(pruned, host),
        keeps_subnormals=compiled.model.plan.keeps_subnormals,
        weight_type=compiled.model.plan.values.value,
        against_float32=against_float32,
    )


def _latencies(
    races: tuple[BatchRace, ...], baseline: CompiledModel, model: CompiledModel, place: int
) -> tuple[Latency, ...]:
    """Return the model's calls beside those of a baseline, which took part in the races at `place`."""
    same = compare.same_code(baseline, model, [race.batch for race in races])
    return tuple(
        latency(
            race.batch,
            Spread(*astuple(race.spreads[place])),
            Spread(*astuple(race.spreads[1])),
            same_code=race.batch in same,
        )
        for race in races
    )


def _layers(compiled: Compiled, host: Host, calls: tuple[Latency, ...]) -> tuple[LayerTiming, ...]:
    """Return the layers of both models inside the calls, and what is left of each call."""
    batches = [call.batch for call in calls]
    seconds = _LAYERS_SHARE * host.tune_seconds
    dense, own = (
        layers_of_calls(model, host.target, host.cache, batches, seconds)
        for model in (compiled.dense, compiled.model)
    )
    return tuple(
        row
        for call in calls
        for row in _rows(call, _by_name(dense[call.batch]), _by_name(own[call.batch]))
    )


def _by_name(layers: tuple[CallLayer, ...]) -> dict[str, CallLayer]:
    return {layer.name: layer for layer in layers}


def _rows(
    call: Latency, dense: Mapping[str, CallLayer], own: Mapping[str, CallLayer]
) -> list[LayerTiming]:
    """The rows of a call; layers are timed by themselves, so that noise may have them take more than the call did."""
    rows = [
        LayerTiming(
            name,
            call.batch,
            own[name].kernel if name in own else "",
            own[name].seconds if name in own else None,
            dense[name].seconds if name in dense else None,
        )
        for name in dict.fromkeys((*dense, *own))
    ]
    rest = max(0.0, call.seconds - sum(layer.seconds for layer in own.values()))
    dense_rest = max(0.0, call.dense_seconds - sum(layer.seconds for layer in dense.values()))
    return [*rows, LayerTiming(EVERYTHING_ELSE, call.batch, "", rest, dense_rest)]


def _subnormal_cost(pruned: PruneResult, host: Host) -> SubnormalCost | None:
    """Return what the original's subnormal weights cost where they are not flushed; None where it has none."""
    count = count_subnormals(pruned.original)
    if not count:
        return None
    options = CompileOptions(tune=False, allow_sparse=False, threads=1)
    original = compile_graph(pruned.original, host.target, options, host.cache)
    kept = compare.keeping(original)
    race = compare.cost_of_subnormals(original, kept, host.target, host.cache)
    if race is None:
        return None
    flushed, slow = (Spread(*astuple(spread)) for spread in race.spreads)
    claim = claim_of(slow, flushed)
    return SubnormalCost(
        count, race.batch, claim.ratio if claim.verdict is Verdict.FASTER else None
    )


def _resident_bytes(model: CompiledModel, host: Host) -> int:
    """Memory of a model that has answered on one thread: weights and one arena."""
    executable = load(Artifact(model, 0), host.cache, host.target, threads=1)
    executable.run(random_batch(model.program, 1))
    resident_bytes = executable.resident_bytes
    executable.close()
    return resident_bytes
