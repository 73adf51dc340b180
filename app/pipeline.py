"""From an uploaded file to a checked, compiled model: the steps that a worker process and the command line share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import orjson

from app.check import check_outputs
from app.job_folder import (
    ARTIFACT_FILE,
    KERAS_FILE,
    REPORT_FILE,
    REPORT_TEXT_FILE,
    RESULT_FILE,
)
from app.model_request import ModelRequest
from app.services.summary import Latency as LatencySummary
from app.services.summary import ModelSummary, Tensor
from app.version import VERSION
from engine.artifacts.artifact import Artifact, ArtifactInfo, write_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.kernels.abi import ValueType
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel, NetworkTime
from engine.runtime import load
from engine.target import Target, host_target
from engine.tuning.clocks import own_time
from engine.tuning.measure import measure_network, random_batch
from graph.errors import ExportError
from graph.graph import Graph
from graph.keras.export import write_keras
from graph.keras.read import ModelFile, read_model
from graph.verify import verify
from pruning.calibrate import Calibration, read_calibration
from pruning.measurements import EngineMeasurements, FileSizes, Latency, LayerTiming
from pruning.prune import PruneResult, prune
from pruning.recipe_parser import parse_recipe
from pruning.report import Report, build_report
from pruning.report_text import render_text

# In order; with the share of a typical job that is done when the stage begins.
STAGES: Mapping[str, float] = {
    "read": 0.0,
    "verify": 0.1,
    "prune": 0.15,
    "compile": 0.45,
    "check": 0.9,
    "write": 0.95,
}

# How long the finished model is timed beside the original, as a share of the tuning time.
_LATENCY_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """What to make a model of.

    Attributes:
        options: what was asked for.
        model: the Keras file.
        output: an existing folder for the files.
        cache: object code of kernels.
        tune_seconds: time for measuring kernels; half of it goes to the dense baseline.
        threads: that compute one prediction; default: `PRUNUS_THREADS`, else the usable cores.
    """

    options: ModelRequest
    model: Path
    calibration: Path | None
    labels: Path | None
    output: Path
    cache: ObjectCache
    tune_seconds: float
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What came of it, besides the files."""

    summary: ModelSummary
    report: Report


class Progress:
    """Hears of the stages as they begin, and of how far each is."""

    def __init__(self, enter: Callable[[str], None], advance: Callable[[float], None]) -> None:
        """Call `enter` with each stage's name, and `advance` with the share of the whole job."""
        self._enter = enter
        self._advance = advance
        self._start = 0.0
        self._end = 0.0

    def enter(self, stage: str) -> None:
        """Begin a stage."""
        later = [start for start in STAGES.values() if start > STAGES[stage]]
        self._start, self._end = STAGES[stage], min(later, default=1.0)
        self._enter(stage)
        self._advance(self._start)

    def within(self, _step: str, fraction: float) -> None:
        """Note that `fraction` of the stage is done."""
        self._advance(self._start + (self._end - self._start) * min(max(fraction, 0.0), 1.0))


def run_pipeline(request: PipelineRequest, progress: Progress) -> PipelineResult:
    """Read, prune, compile, check and write a model.

    Raises:
        PrunusError: the file, the recipe or the calibration data cannot be used, or the result is
            not what it should be.
    """
    progress.enter("read")
    file = read_model(request.model, allow_nonfinite=request.options.allow_nonfinite)
    progress.enter("verify")
    verify(file.graph)
    weight_type = request.options.weight_type
    recipe = parse_recipe(request.options.recipe)
    calibration = _calibration(request, file.graph)
    progress.enter("prune")
    pruned = prune(file.graph, recipe, calibration, progress.within)
    progress.enter("compile")
    compiled = _compile(request, pruned, progress)
    info = write_artifact(compiled.model, request.output / ARTIFACT_FILE)
    progress.enter("check")
    executable = load(
        request.output / ARTIFACT_FILE, compiled.cache, compiled.target, request.threads
    )
    error = check_outputs(executable, pruned, calibration, weight_type)
    progress.enter("write")
    keras_bytes = _write_keras(pruned.graph, request.output / KERAS_FILE)
    report = build_report(
        pruned,
        _measurements(compiled, info),
        FileSizes(request.model.stat().st_size, keras_bytes),
        {"prunus": VERSION, "llvmlite": version("llvmlite")},
    )
    summary = _summary(file, report, compiled, info, error)
    rounding = rounding_note(weight_type, error)
    document = report.to_dict() | {"values": weight_type, "values_note": rounding}
    _write(request.output / REPORT_FILE, orjson.dumps(document))
    text = "\n\n".join(filter(None, (rounding, render_text(report))))
    _write(request.output / REPORT_TEXT_FILE, text.encode())
    _write(request.output / RESULT_FILE, summary.model_dump_json().encode())
    return PipelineResult(summary, report)


def _calibration(request: PipelineRequest, graph: Graph) -> Calibration | None:
    if request.calibration is None:
        return None
    return read_calibration(request.calibration, graph, request.labels)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """The pruned model, and what the original costs with dense kernels only, on the same engine."""

    model: CompiledModel
    times: tuple[NetworkTime, ...]
    resident_bytes: int
    dense_resident_bytes: int
    cache: ObjectCache
    target: Target


def _compile(request: PipelineRequest, pruned: PruneResult, progress: Progress) -> _Compiled:
    cache, target = request.cache, host_target()
    half = request.tune_seconds / 2
    dense_options = CompileOptions(tune_seconds=half, allow_sparse=False, threads=request.threads)
    dense = compile_graph(
        pruned.original, target, dense_options, cache, lambda s, f: progress.within(s, f / 2)
    )
    options = CompileOptions(
        tune_seconds=half, threads=request.threads, values=ValueType(request.options.weight_type)
    )
    model = compile_graph(
        pruned.graph, target, options, cache, lambda s, f: progress.within(s, 0.5 + f / 2)
    )
    # Both in turn: times taken one after the other would compare the host's moods, too.
    deadline = own_time() + _LATENCY_SHARE * request.tune_seconds
    times = measure_network(model, dense, target, cache, deadline)
    before, after = (_resident_bytes(each, cache, target) for each in (dense, model))
    return _Compiled(model, times, after, before, cache, target)


def _resident_bytes(model: CompiledModel, cache: ObjectCache, target: Target) -> int:
    """Memory of a model that has answered on one thread: weights and one arena."""
    executable = load(Artifact(model, 0), cache, target, threads=1)
    executable.run(random_batch(model.program, 1))
    resident_bytes = executable.resident_bytes
    executable.close()
    return resident_bytes


def _measurements(compiled: _Compiled, info: ArtifactInfo) -> EngineMeasurements:
    return EngineMeasurements(
        cpu=compiled.target.cpu_name,
        isa=compiled.model.plan.isa.value,
        threads=1,
        layers=tuple(
            LayerTiming(layer.name, b.lanes, b.kernel, b.seconds, b.dense_seconds)
            for layer in compiled.model.layers
            for b in layer.buckets
            if b.seconds is not None
        ),
        latency=tuple(
            Latency(measured.batch, measured.dense_seconds, measured.seconds)
            for measured in compiled.times
            if measured.dense_seconds is not None
        ),
        resident_bytes=compiled.resident_bytes,
        dense_resident_bytes=compiled.dense_resident_bytes,
        artifact_bytes=info.size_bytes,
    )


def _write_keras(graph: Graph, path: Path) -> int | None:
    """Write the pruned model; a few graphs have no form as a Keras file, and are served all the same."""
    try:
        write_keras(graph, path)
    except ExportError:
        path.unlink(missing_ok=True)
        return None
    return path.stat().st_size


def _summary(
    file: ModelFile, report: Report, compiled: _Compiled, info: ArtifactInfo, error: float
) -> ModelSummary:
    latency = report.engine.latency if report.engine else ()
    types = file.graph.value_types()
    return ModelSummary(
        format=str(file.format),
        keras_version=file.keras_version,
        notes=tuple(file.notes),
        inputs=tuple(
            Tensor(name=i.name, dtype=i.type.dtype.value, shape=i.type.shape)
            for i in file.graph.inputs
        ),
        outputs=tuple(
            Tensor(name=o.name, dtype="float32", shape=types[o.value].shape)
            for o in file.graph.outputs
        ),
        recipe=report.recipe.mode.value,
        guarantee=_guarantee(report, compiled.model.plan.values),
        values=compiled.model.plan.values.value,
        weights_before=report.totals.weights_before,
        nonzeros_after=report.totals.nonzeros_after,
        removed_share=report.totals.removed_share,
        largest_change=report.certificate.measured.worst,
        check_error=error,
        uploaded_bytes=report.files.uploaded_bytes if report.files else 0,
        keras_bytes=report.files.keras_bytes if report.files else None,
        artifact_bytes=info.size_bytes,
        artifact_sha256=info.sha256,
        cpu=compiled.target.cpu_name,
        isa=compiled.model.plan.isa.value,
        latency=tuple(
            LatencySummary(batch=t.batch, dense_seconds=t.dense_seconds, seconds=t.seconds)
            for t in latency
        ),
    )


def _guarantee(report: Report, values: ValueType) -> str:
    """The certificate speaks of pruning; rounded weights are only measured."""
    return report.certificate.guarantee.value if values is ValueType.FLOAT32 else "measured"


def rounding_note(weight_type: str, error: float) -> str:
    """Return what 16-bit weights cost, in a sentence before the report; nothing for float32."""
    if weight_type == ValueType.FLOAT32.value:
        return ""
    return (
        f"Weights of Dense layers are rounded to {weight_type}, as was asked for. On the probes the outputs differ from the"
        f" original's by up to {error:.2g} of their scale; nothing is proven about other inputs. What follows certifies"
        " the pruning alone, before weights are rounded."
    )


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
