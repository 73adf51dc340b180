"""What the metrics show of a model version: from its plan, and from the times measured at upload."""

from dataclasses import replace

from app.core.model_series import LayerNumbers, ModelNumbers
from app.services.summary import ModelSummary
from engine.execution.runtime import Executable
from engine.planning.plan import LayerPlan

_FLOAT_BYTES = 4
# Made-up inputs say nothing about real data: what was counted on them is no metric.
_WITHOUT_SAMPLES = "probes"


def numbers_of(executable: Executable, summary: ModelSummary) -> ModelNumbers:
    """Return what the metrics show of a model: from its plan, and from the times measured at upload."""
    layers = tuple(_layer_numbers(layer) for layer in executable.layers)
    weights = sum(layer.inputs * layer.units for layer in executable.layers)
    nonzeros = sum(layer.nonzeros for layer in layers)
    latencies = {}
    for measured in summary.latency:
        latencies[measured.batch, "dense"] = measured.dense_seconds
        latencies[measured.batch, "sparse"] = measured.seconds
    quality = summary.quality
    accuracy = None if quality is None else quality.accuracy
    has_samples = quality is not None and quality.basis != _WITHOUT_SAMPLES
    return ModelNumbers(
        sparsity=1.0 - nonzeros / weights if weights else 0.0,
        nonzeros=nonzeros,
        dense_bytes=sum(layer.dense_bytes for layer in layers),
        sparse_bytes=sum(layer.sparse_bytes for layer in layers),
        resident_bytes=executable.resident_bytes,
        layers=layers,
        speedups={
            measured.batch: measured.speedup
            for measured in summary.latency
            if measured.speedup is not None
        },
        latencies_seconds=latencies,
        tuned_here=executable.is_tuned_here,
        accuracies=(
            {"before": accuracy.before.value, "after": accuracy.after.value} if accuracy else {}
        ),
        agreement=quality.agreement.value if quality and has_samples else None,
    )


def renewed_numbers(numbers: ModelNumbers, executable: Executable) -> ModelNumbers:
    """Return the numbers of a version that has got another executable."""
    layers = tuple(_layer_numbers(layer) for layer in executable.layers)
    return replace(
        numbers,
        layers=layers,
        sparse_bytes=sum(layer.sparse_bytes for layer in layers),
        resident_bytes=executable.resident_bytes,
        tuned_here=executable.is_tuned_here,
    )


def _layer_numbers(layer: LayerPlan) -> LayerNumbers:
    return LayerNumbers(
        layer=layer.name,
        sparsity=layer.sparsity,
        nonzeros=layer.nonzeros,
        dense_bytes=layer.inputs * layer.units * _FLOAT_BYTES,
        sparse_bytes=max((bucket.bytes for bucket in layer.buckets), default=0),
    )
