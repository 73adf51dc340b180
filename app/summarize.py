"""What is kept of a finished job besides its files: the summary that clients get."""

from dataclasses import asdict

from app.services.summary import Latency, ModelSummary, Quality, Tensor
from engine.artifacts.artifact import ArtifactInfo
from engine.planning.plan import ExecutionPlan
from graph.keras.read import ModelFile
from pruning.claims import in_words
from pruning.plain import as_plain
from pruning.report import Report


def summarize(
    file: ModelFile,
    report: Report,
    plan: ExecutionPlan,
    info: ArtifactInfo,
    error: float,
    not_kept: tuple[str, ...],
) -> ModelSummary:
    """Sum up a job.

    Args:
        file: the file that was uploaded.
        report: all there is to say.
        plan: the plan of the model as it is served.
        info: hash and size of the artifact.
        error: largest difference of the compiled model from the original on probe inputs.
        not_kept: what the returned Keras file lacks, in sentences.
    """
    findings = report.findings
    types = file.graph.value_types()
    return ModelSummary(
        quality=Quality.model_validate(as_plain(findings.quality)),
        gate=findings.gate.text,
        gate_verdict=findings.gate.verdict.value,
        may_take_traffic=findings.gate.may_take_traffic,
        format=str(file.format),
        keras_version=file.keras_version,
        notes=(*file.notes, *not_kept),
        inputs=tuple(
            Tensor(name=i.name, dtype=i.type.dtype.value, shape=i.type.shape)
            for i in file.graph.public_inputs
        ),
        outputs=tuple(
            Tensor(name=o.name, dtype="float32", shape=types[o.value].shape)
            for o in file.graph.outputs
        ),
        recipe=report.recipe.mode.value,
        guarantee=report.certificate.guarantee.value,
        values=plan.values.value,
        weights_before=report.totals.weights_before,
        nonzeros_after=report.totals.nonzeros_after,
        removed_share=report.totals.removed_share,
        largest_change=findings.quality.change.largest,
        check_error=error,
        uploaded_bytes=findings.files.uploaded_bytes if findings.files else 0,
        keras_bytes=findings.files.keras_bytes if findings.files else None,
        artifact_bytes=info.size_bytes,
        artifact_sha256=info.sha256,
        cpu=plan.cpu_name,
        isa=plan.isa.value,
        latency=tuple(
            Latency(**asdict(measured), words=in_words(measured.claim))
            for measured in (findings.engine.latency if findings.engine else ())
        ),
    )
