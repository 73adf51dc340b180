"""From an uploaded file to a checked, compiled model: the steps that a worker process and the command line share."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import orjson

from app.check import check_outputs
from app.errors import OutputCheckError
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
from app.speed import Compiled, Host, compile_models, measure, with_subnormals
from app.version import VERSION
from engine.artifacts.artifact import ArtifactInfo, write_artifact
from engine.kernels.abi import ValueType
from engine.machine_code.object_cache import ObjectCache
from engine.runtime import load
from engine.target import host_target
from graph.errors import ExportError
from graph.graph import Graph
from graph.keras.export import write_keras
from graph.keras.origin import Origin
from graph.keras.read import ModelFile, read_model
from graph.verify import verify
from pruning.calibrate import Calibration, read_calibration
from pruning.claims import in_words
from pruning.measurements import FileSizes
from pruning.prune import PruneResult, prune
from pruning.recipe_parser import parse_recipe
from pruning.report import Report, build_report
from pruning.report_speed import speed_notes
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


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """What to make a model of.

    Attributes:
        options: what was asked for.
        model: the Keras file.
        output: an existing folder for the files.
        cache: object code of kernels.
        tune_seconds: time for measuring kernels, those of the dense baseline among them.
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
    host = Host(host_target(), request.cache, request.threads, request.tune_seconds)
    compiled = compile_models(pruned, ValueType(weight_type), host, progress.within)
    progress.enter("check")
    checked = _checked(compiled, pruned, calibration, host, request.output / ARTIFACT_FILE)
    measured = measure(checked.compiled, pruned, host, checked.info.size_bytes)
    progress.enter("write")
    keras_bytes, not_kept = _write_keras(pruned.graph, file.origin, request.output / KERAS_FILE)
    report = build_report(
        pruned,
        measured,
        FileSizes(request.model.stat().st_size, keras_bytes),
        {"prunus": VERSION, "llvmlite": version("llvmlite")},
    )
    summary = _summary(file, report, checked, not_kept)
    rounding = rounding_note(weight_type, checked.error)
    document = report.to_dict() | {
        "values": weight_type,
        "values_note": rounding,
        "speed_notes": speed_notes(measured),
    }
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
class _Checked:
    """What is served, and how far its outputs are from the original's."""

    compiled: Compiled
    info: ArtifactInfo
    error: float


def _checked(
    compiled: Compiled,
    pruned: PruneResult,
    calibration: Calibration | None,
    host: Host,
    path: Path,
) -> _Checked:
    """Write the artifact and compare its outputs; where they are wrong with subnormal numbers flushed, keep these.

    Raises:
        OutputCheckError: they are wrong either way.
    """
    try:
        return _written(compiled, pruned, calibration, host, path)
    except OutputCheckError:
        kept = with_subnormals(compiled, pruned, host)
        return _written(kept, pruned, calibration, host, path)


def _written(
    compiled: Compiled,
    pruned: PruneResult,
    calibration: Calibration | None,
    host: Host,
    path: Path,
) -> _Checked:
    info = write_artifact(compiled.model, path)
    executable = load(path, host.cache, host.target, host.threads)
    weight_type = compiled.model.plan.values.value
    error = check_outputs(executable, pruned, calibration, weight_type)
    return _Checked(compiled, info, error)


def _write_keras(graph: Graph, origin: Origin, path: Path) -> tuple[int | None, tuple[str, ...]]:
    """Write the pruned model, and return its size and what it does not keep; a few graphs have no form as a Keras file.

    These are served all the same.
    """
    try:
        not_kept = write_keras(graph, path, origin)
    except ExportError as error:
        path.unlink(missing_ok=True)
        return None, (f"There is no Keras file of the pruned model: {error.message}.",)
    return path.stat().st_size, not_kept


def _summary(
    file: ModelFile, report: Report, checked: _Checked, not_kept: tuple[str, ...]
) -> ModelSummary:
    latency = report.engine.latency if report.engine else ()
    plan, info = checked.compiled.model.plan, checked.info
    types = file.graph.value_types()
    return ModelSummary(
        format=str(file.format),
        keras_version=file.keras_version,
        notes=(*file.notes, *not_kept),
        inputs=tuple(
            Tensor(name=i.name, dtype=i.type.dtype.value, shape=i.type.shape)
            for i in file.graph.inputs
        ),
        outputs=tuple(
            Tensor(name=o.name, dtype="float32", shape=types[o.value].shape)
            for o in file.graph.outputs
        ),
        recipe=report.recipe.mode.value,
        guarantee=_guarantee(report, plan.values),
        values=plan.values.value,
        weights_before=report.totals.weights_before,
        nonzeros_after=report.totals.nonzeros_after,
        removed_share=report.totals.removed_share,
        largest_change=report.certificate.measured.worst,
        check_error=checked.error,
        uploaded_bytes=report.files.uploaded_bytes if report.files else 0,
        keras_bytes=report.files.keras_bytes if report.files else None,
        artifact_bytes=info.size_bytes,
        artifact_sha256=info.sha256,
        cpu=plan.cpu_name,
        isa=plan.isa.value,
        latency=tuple(
            LatencySummary(**asdict(measured), words=in_words(measured.claim))
            for measured in latency
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
