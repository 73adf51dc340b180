"""From an uploaded file to a checked, compiled model: the steps that a worker process and the command line share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import orjson

from app.core.job_folder import (
    ARTIFACT_FILE,
    KERAS2_FILE,
    KERAS_FILE,
    REPORT_FILE,
    REPORT_TEXT_FILE,
    RESULT_FILE,
)
from app.core.model_request import ModelRequest
from app.core.version import VERSION
from app.services.summary import ModelSummary
from app.speed import Compiled, Host, compile_models, measure, with_subnormals
from app.summarize import summarize
from engine.artifacts.artifact import ArtifactInfo, write_artifact
from engine.core.layers import ValueType
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from graph.errors import ExportError
from graph.graph import Graph
from graph.keras.dialects import Dialect
from graph.keras.export import write_keras
from graph.keras.keras2_export import write_keras2
from graph.keras.origin import Origin
from graph.model_files.read import read_model_file
from graph.verify import verify
from pruning.advice import Advice, advise
from pruning.calibrate import Calibration, read_calibration
from pruning.certificate import Guarantee
from pruning.errors import OutputCheckError
from pruning.gate import GateResult, judge
from pruning.markdown import cell
from pruning.measurements import FileSizes
from pruning.output_check import check_other_sizes, check_outputs
from pruning.probe import ProbeSet, probe_sets
from pruning.prune import PruneResult
from pruning.quality import OriginalAnswers, Quality, Run
from pruning.recipe_parser import parse_recipe
from pruning.report import Findings, Report, Title, build_report
from pruning.report_document import report_document
from pruning.report_text import render_text
from pruning.varying import prune_any

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
        options: the options that were asked for.
        model: the Keras file.
        weights: its weights, where it is an architecture as JSON.
        output: an existing folder for the files.
        cache: object code of kernels.
        tune_seconds: time for measuring kernels, those of the dense baseline among them.
        threads: number of threads that compute one prediction; default: `PRUNUS_THREADS`, else the usable cores.
        name: what the report calls the model; default: the file's name without its ending.
        version: number of the version that is made; None on the command line.
    """

    options: ModelRequest
    model: Path
    calibration: Path | None
    labels: Path | None
    output: Path
    cache: ObjectCache
    tune_seconds: float
    threads: int | None = None
    name: str = ""
    version: int | None = None
    weights: Path | None = None


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
        QualityGateError: what would be served answers too differently from the original.
        PrunusError: the file, the recipe or the calibration data cannot be used, or the result is
            not what it should be.
    """
    progress.enter("read")
    file = read_model_file(
        request.model,
        allow_nonfinite=request.options.allow_nonfinite,
        signature=request.options.signature or None,
        weights=request.weights,
    )
    progress.enter("verify")
    verify(file.graph)
    weight_type = request.options.weight_type
    recipe = parse_recipe(request.options.recipe)
    calibration = _calibration(request, file.graph)
    progress.enter("prune")
    pruned = prune_any(file.graph, recipe, calibration, progress.within)
    progress.enter("compile")
    host = Host(host_target(), request.cache, request.threads, request.tune_seconds)
    compiled = compile_models(pruned, ValueType(weight_type), host, progress.within)
    progress.enter("check")
    checked = _checked(compiled, pruned, calibration, host, request.output / ARTIFACT_FILE)
    judges = pruned.choice.held_out or calibration
    quality, gate = _judge(pruned, checked.served, judges, weight_type)
    measured = measure(checked.compiled, pruned, host, checked.info.size_bytes)
    progress.enter("write")
    keras_bytes, not_kept = _write_keras(pruned.graph_to_export, file.origin, request.output)
    findings = Findings(
        quality=quality,
        gate=gate,
        advice=_advice(pruned, calibration),
        weight_type=weight_type,
        engine=measured,
        files=FileSizes(_size_of(request.model), keras_bytes),
    )
    title = Title(request.name or request.model.stem, request.version, _today())
    report = build_report(pruned, title, findings, _versions())
    plan = checked.compiled.model.plan
    summary = summarize(file, report, plan, checked.info, checked.error, not_kept)
    _write(request.output / REPORT_FILE, orjson.dumps(report_document(report)))
    text = render_text(report) + _notes_text(summary.notes)
    _write(request.output / REPORT_TEXT_FILE, text.encode())
    _write(request.output / RESULT_FILE, summary.model_dump_json().encode())
    return PipelineResult(summary, report)


def _size_of(model: Path) -> int:
    """Return the bytes of an upload, or of all files in the folder of a SavedModel."""
    if not model.is_dir():
        return model.stat().st_size
    return sum(one.stat().st_size for one in model.rglob("*") if one.is_file())


def _notes_text(notes: Sequence[str]) -> str:
    """What there is to say about reading the upload and about the file that comes back, as a part of the report."""
    if not notes:
        return ""
    heading = "## About the upload, and the Keras file that comes back (for Keras 3)"
    return f"\n{heading}\n\n" + "".join(f"- {cell(note)}\n" for note in notes)


def _judge(
    pruned: PruneResult, served: Run, calibration: Calibration | None, weight_type: str
) -> tuple[Quality, GateResult]:
    """Hold what is served against the original, and against the recipe's gate."""
    gate = pruned.recipe.gate
    original = OriginalAnswers(pruned.original, calibration, _probes(pruned), gate.answers)
    quality = original.compare(served)
    is_lossy = (
        pruned.certificate.guarantee is Guarantee.BUDGETED or weight_type != ValueType.FLOAT32.value
    )
    return quality, judge(gate, quality, is_lossy=is_lossy)


def _advice(pruned: PruneResult, calibration: Calibration | None) -> Advice | None:
    return advise(
        pruned.original,
        pruned.weights_removed_share,
        calibration,
        _probes(pruned),
        pruned.recipe.gate.answers,
    )


def _probes(pruned: PruneResult) -> tuple[ProbeSet, ...]:
    return probe_sets(pruned.original, pruned.recipe.lossless.input_ranges)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _versions() -> dict[str, str]:
    return {"prunus": VERSION, "llvmlite": version("llvmlite")}


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
    served: Run


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
    info = write_artifact(replace(compiled.model, front=pruned.graph.front), path)
    # What comes before the network is the same code here and in the oracle.
    executable = load(path, host.cache, host.target, host.threads).network
    weight_type = compiled.model.plan.values.value
    error = check_outputs(executable.run, pruned, calibration, weight_type)
    error = max(error, check_other_sizes(executable.run, pruned, weight_type))
    return _Checked(compiled, info, error, executable.run)


def _write_keras(
    graph: Graph, origin: Origin | None, folder: Path
) -> tuple[int | None, tuple[str, ...]]:
    """Write the pruned model, and return its size and what it does not keep; a few graphs have no form as a Keras file.

    These are served all the same. What came from Keras 1 or 2 is written for tf.keras 2, too.
    """
    path, older = folder / KERAS_FILE, folder / KERAS2_FILE
    try:
        not_kept = write_keras(graph, path, origin)
    except ExportError as error:
        path.unlink(missing_ok=True)
        return None, (f"There is no Keras file of the pruned model: {error.message}.",)
    if origin is not None and origin.dialect is not Dialect.KERAS3:
        try:
            write_keras2(graph, older, origin)
        except ExportError as error:
            older.unlink(missing_ok=True)
            not_kept += (
                f"There is no .h5 file of the pruned model for tf.keras 2: {error.message}.",
            )
        else:
            not_kept += (
                "For tf.keras 2 the pruned model can be downloaded as an .h5 file (`?format=h5`), which is not compiled.",
            )
    return path.stat().st_size, not_kept


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
