"""The report a person reads before trusting a pruned model: what was removed, what that changed, what it saves here."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from graph.graph import Graph
from pruning.advice import Advice
from pruning.certificate import Certificate, weakness, with_rounded_weights
from pruning.gate import GateResult
from pruning.layers import LayerResult
from pruning.markdown import percent
from pruning.measurements import EngineMeasurements, FileSizes
from pruning.prune import PruneResult
from pruning.quality import Quality
from pruning.recipe import PruningRecipe
from pruning.report_speed import speed_headline
from pruning.report_words import MEANING, Sizes, WeightBytes, quality_sentences, sizes_of

SCHEMA = 2
PLAIN_WEIGHTS = "float32"
FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole model in numbers; weights are those of kernels.

    Attributes:
        weights_before: elements, zeros included.
        nonzeros_before: how many of its weights were not zero.
        weights_after: elements that are left, zeros included.
        nonzeros_after: how many are not zero now.
        removed_share: 1 - nonzeros_after / weights_before.
        units_removed: output units of layers with kernels; channels of a convolution.
        parameter_bytes_before: all weights as float32.
        parameter_bytes_after: the same for the pruned graph, with zeros stored.
    """

    weights_before: int
    nonzeros_before: int
    weights_after: int
    nonzeros_after: int
    removed_share: float
    units_removed: int
    parameter_bytes_before: int
    parameter_bytes_after: int


@dataclass(frozen=True, slots=True)
class Title:
    """What a report is about.

    Attributes:
        model: the name the model was uploaded under, or of its file.
        version: None on the command line.
        made_on: day in UTC, ISO 8601; may be empty.
    """

    model: str
    version: int | None = None
    made_on: str = ""

    @property
    def text(self) -> str:
        """The name, and the version where there is one."""
        return self.model if self.version is None else f"{self.model}, version {self.version}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was measured on the compiled model, as it is served.

    Attributes:
        quality: its answers beside the original's.
        gate: whether that is allowed.
        advice: what else could be done, where little was removed.
        weight_type: what the weights of kernels are rounded to.
        engine: timings on this host.
        files: sizes.
    """

    quality: Quality
    gate: GateResult
    advice: Advice | None = None
    weight_type: str = PLAIN_WEIGHTS
    engine: EngineMeasurements | None = None
    files: FileSizes | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is to say about one pruning run.

    Attributes:
        title: what the report is about.
        recipe: what was asked for.
        findings: what was measured on what is served.
        totals: the whole model in numbers.
        layers: each layer of the original.
        certificate: what is proven about what is served, and what was measured on the pruned graph.
        versions: the versions of the software involved, by name.
        schema: version of this structure.
    """

    title: Title
    recipe: PruningRecipe
    findings: Findings
    totals: Totals
    layers: tuple[LayerResult, ...]
    certificate: Certificate
    versions: Mapping[str, str]
    schema: int = SCHEMA

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return what to read first: the cost, whether it is allowed, what is gone, what is proven, how fast it is."""
        totals, findings = self.totals, self.findings
        guarantee = self.certificate.guarantee.value
        first, *rest = quality_sentences(findings.quality, guarantee)
        found = (
            first,
            findings.gate.text,
            *rest,
            f"{percent(totals.removed_share)} of the kernel weights are gone: {totals.nonzeros_after:,} of"
            f" {totals.weights_before:,} are left to compute with, and {totals.units_removed:,} units were removed.",
            f"Certificate: {guarantee}; {MEANING[guarantee]}.",
            "" if findings.engine is None else speed_headline(findings.engine),
        )
        return tuple(filter(None, found))

    @property
    def sizes(self) -> Sizes:
        """What the model takes."""
        totals, findings = self.totals, self.findings
        weights = WeightBytes(
            totals.parameter_bytes_before,
            totals.parameter_bytes_after,
            totals.nonzeros_before * FLOAT_BYTES,
            totals.nonzeros_after * FLOAT_BYTES,
        )
        return sizes_of(weights, findings.engine, findings.files)


def build_report(
    result: PruneResult,
    title: Title,
    findings: Findings,
    versions: Mapping[str, str] | None = None,
) -> Report:
    """Join what pruning knows with what was measured on the compiled model."""
    known = {**(versions or {}), "python": platform.python_version(), "numpy": np.__version__}
    layers, certificate = _served(result, findings.weight_type)
    return Report(
        title=title,
        recipe=result.recipe,
        findings=findings,
        totals=_totals(result),
        layers=layers,
        certificate=certificate,
        versions=known,
    )


def _served(result: PruneResult, weight_type: str) -> tuple[tuple[LayerResult, ...], Certificate]:
    """Return what is proven of the model as served: with weights of 16 bits less than of the pruned graph."""
    if weight_type == PLAIN_WEIGHTS:
        return result.layers, result.certificate
    rounded = {layer.layer for layer in result.layers if layer.has_kernel}
    by_layer = {
        name: with_rounded_weights(known, weight_type) if name in rounded else known
        for name, known in result.certificate.layers.items()
    }
    layers = tuple(replace(each, certificate=by_layer[each.layer]) for each in result.layers)
    weakest = max(by_layer.values(), key=weakness, default=None)
    guarantee = result.certificate.guarantee if weakest is None else weakest.guarantee
    return layers, replace(result.certificate, guarantee=guarantee, layers=by_layer)


def _totals(result: PruneResult) -> Totals:
    kernels = [layer for layer in result.layers if layer.has_kernel]
    return Totals(
        weights_before=result.weights_before,
        nonzeros_before=sum(layer.nonzeros_before for layer in kernels),
        weights_after=sum(layer.weights_after for layer in kernels),
        nonzeros_after=result.nonzeros_after,
        removed_share=result.weights_removed_share,
        units_removed=sum(layer.units_removed for layer in kernels),
        parameter_bytes_before=_parameter_bytes(result.original),
        parameter_bytes_after=_parameter_bytes(result.graph),
    )


def _parameter_bytes(graph: Graph) -> int:
    return sum(array.nbytes for array in graph.weights.values())
