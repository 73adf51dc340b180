"""The report a person reads before trusting a pruned model: what went, what it changed, what it saves on this host."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph
from pruning.calibrate import Accuracy
from pruning.certificate import Certificate, NetworkBound
from pruning.layers import LayerResult
from pruning.measurements import EngineMeasurements, FileSizes
from pruning.plain import as_plain
from pruning.prune import PruneResult
from pruning.recipe import PruningRecipe
from pruning.recipe_json import recipe_to_json

SCHEMA = 1

_MEANING = {
    "exact": "the function is unchanged: nothing that is left was altered",
    "rounding": "outputs change by no more than float32 rounding",
    "budgeted": "weights were removed by size; only the measured change below speaks for the result",
}

_YARDSTICK = (
    "- What rounding hides in a unit is 2^-24 of |bias| plus the sum of |weight| times the largest magnitude its input can "
    "have; inputs without a known range count with the largest of them."
)


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole model in numbers; weights are those of Dense kernels.

    Attributes:
        weights_before: elements, zeros included.
        nonzeros_before: those that were not zero.
        weights_after: elements that are left, zeros included.
        nonzeros_after: those that are not zero.
        removed_share: 1 - nonzeros_after / weights_before.
        units_removed: output units of Dense layers.
        parameter_bytes_before: all weights as float32.
        parameter_bytes_after: the same for the pruned graph, zeros stored.
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
class Report:
    """Everything there is to say about one pruning run.

    Attributes:
        model: the model's name.
        recipe: what was asked for.
        totals: the whole model in numbers.
        layers: each layer of the original.
        certificate: what is proven and what was measured.
        engine: timings on this host, or None where nothing was compiled.
        files: sizes, or None.
        accuracy: with labels.
        versions: of the software involved, by name.
        schema: version of this structure.
    """

    model: str
    recipe: PruningRecipe
    totals: Totals
    layers: tuple[LayerResult, ...]
    certificate: Certificate
    engine: EngineMeasurements | None
    files: FileSizes | None
    accuracy: Accuracy | None
    versions: Mapping[str, str]
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, object]:
        """JSON-ready form: only dicts with text keys, lists, text, numbers, booleans and None.

        Infinity and NaN, which JSON does not have, become None.
        """
        plain = as_plain(self)
        if not isinstance(plain, dict):
            raise TypeError("a report is an object")
        plain["recipe"] = recipe_to_json(self.recipe)
        plain["layers"] = [self._layer_object(layer) for layer in self.layers]
        return plain

    def _layer_object(self, layer: LayerResult) -> dict[str, object]:
        """One layer with its derived numbers, and its kernels and times where it is served."""
        timings = () if self.engine is None else self.engine.layers
        return {
            **_object(as_plain(layer)),
            "weights_removed": layer.weights_removed,
            "sparsity": layer.sparsity,
            "timings": [as_plain(timing) for timing in timings if timing.node in layer.nodes],
        }


def build_report(
    result: PruneResult,
    engine: EngineMeasurements | None = None,
    files: FileSizes | None = None,
    versions: Mapping[str, str] | None = None,
) -> Report:
    """Join what pruning knows with what the engine measured."""
    known = {**(versions or {}), "python": platform.python_version(), "numpy": np.__version__}
    return Report(
        model=result.original.name,
        recipe=result.recipe,
        totals=_totals(result),
        layers=result.layers,
        certificate=result.certificate,
        engine=engine,
        files=files,
        accuracy=result.accuracy,
        versions=known,
    )


def _totals(result: PruneResult) -> Totals:
    dense = [layer for layer in result.layers if layer.kind == "Dense"]
    return Totals(
        weights_before=result.weights_before,
        nonzeros_before=sum(layer.nonzeros_before for layer in dense),
        weights_after=sum(layer.weights_after for layer in dense),
        nonzeros_after=result.nonzeros_after,
        removed_share=result.weights_removed_share,
        units_removed=sum(layer.units_removed for layer in dense),
        parameter_bytes_before=_parameter_bytes(result.original),
        parameter_bytes_after=_parameter_bytes(result.graph),
    )


def _parameter_bytes(graph: Graph) -> int:
    return sum(array.nbytes for array in graph.weights.values())


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def render_text(report: Report) -> str:
    """Write the report for a person."""
    parts = [
        f"# Pruning report: {_cell(report.model)}",
        _summary(report),
        "## Layers",
        _layer_table(report),
        "## What is certain",
        _certainty(report),
    ]
    if report.engine is not None:
        parts += ["## Speed on this host", _speed(report.engine)]
    parts += ["## Sizes", _sizes(report), "## Made with", _origin(report)]
    return "\n\n".join(parts) + "\n"


def _summary(report: Report) -> str:
    totals = report.totals
    guarantee = report.certificate.guarantee.value
    lines = [
        f"**{_percent(totals.removed_share)} of the Dense weights are gone**: {totals.nonzeros_after:,} of "
        f"{totals.weights_before:,} are left to compute with, and {totals.units_removed:,} units were removed.",
        f"Certificate: **{guarantee}** - {_MEANING[guarantee]}.",
        f"Largest measured change of an output: {report.certificate.measured.worst:.1e} of its scale, on "
        f"{report.certificate.measured.samples} probe samples.",
    ]
    if report.engine is not None and report.engine.latency:
        best = max(report.engine.latency, key=lambda latency: latency.speedup)
        lines.append(
            f"Up to {best.speedup:.1f} times as fast as dense on this host (batch {best.batch})."
        )
    if report.accuracy is not None:
        a = report.accuracy
        lines.append(
            f"Accuracy on {a.samples:,} labelled samples: {_percent(a.before)} before, {_percent(a.after)} after; "
            f"both agree on {_percent(a.agreement)}."
        )
    return "  \n".join(lines)


def _layer_table(report: Report) -> str:
    rows = [_layer_row(layer) for layer in report.layers]
    heads = [
        "layer",
        "kind",
        "shape",
        "now",
        "weights",
        "left",
        "removed",
        "units removed",
        "certificate",
        "note",
    ]
    return _table(heads, rows)


def _layer_row(layer: LayerResult) -> list[str]:
    now = "gone" if layer.shape_after is None else _shape(layer.shape_after)
    note = f"merged into {layer.merged_into}" if layer.merged_into else layer.reason
    return [
        layer.layer,
        layer.kind,
        _shape(layer.shape_before),
        now,
        f"{layer.weights_before:,}",
        f"{layer.nonzeros_after:,}",
        _percent(layer.sparsity),
        str(layer.units_removed),
        layer.certificate.guarantee.value,
        note,
    ]


def _certainty(report: Report) -> str:
    certificate = report.certificate
    layers_by_claim: dict[str, list[str]] = {}
    for name, layer in certificate.layers.items():
        layers_by_claim.setdefault(layer.claim, []).append(f"`{_cell(name)}`")
    lines = [f"- {', '.join(names)}: {claim}" for claim, names in layers_by_claim.items()]
    if any(layer.tolerance_used for layer in certificate.layers.values()):
        lines.append(_YARDSTICK)
    lines += [_bound_line(bound) for bound in certificate.bounds if bound.constant or bound.slope]
    lines += [f"- {sentence}" for sentence in certificate.assumptions]
    lines += [f"- Undone: {sentence}." for sentence in certificate.rolled_back]
    rows = [
        [
            o.output,
            f"{o.change:.1e}",
            f"{o.change_float32:.1e}",
            f"{o.float32_error:.1e}",
            o.probe if o.change else "",
        ]
        for o in certificate.measured.outputs
    ]
    heads = [
        "output",
        "change (float64)",
        "change (float32)",
        "float32 error of the original",
        "worst on",
    ]
    return (
        "\n".join(lines)
        + "\n\nMeasured, relative to each output's scale:\n\n"
        + _table(heads, rows)
    )


def _bound_line(bound: NetworkBound) -> str:
    return (
        f"- Output `{bound.output}`: the small weights that were removed move it by at most "
        f"{bound.constant:.1e} + {bound.slope:.1e} times the largest input without a declared range (proven, loose; "
        f"{bound.relative:.1e} of the output's own bound)."
    )


def _speed(engine: EngineMeasurements) -> str:
    whole = [
        [str(e.batch), _microseconds(e.dense_seconds), _microseconds(e.seconds), f"{e.speedup:.2f}"]
        for e in engine.latency
    ]
    single = [
        [e.node, str(e.batch), e.kernel, _microseconds(e.dense_seconds), _microseconds(e.seconds)]
        for e in engine.layers
    ]
    return "\n\n".join(
        [
            f"{engine.cpu}, {engine.isa}, {engine.threads} thread(s); medians of processor time in microseconds.",
            "Whole calls, the Python side included; dense is the original model with dense kernels:",
            _table(["batch", "dense", "pruned", "times as fast"], whole),
            "Single layers of the pruned model, the kernel alone, for one tile of samples; dense is the fastest dense "
            "kernel for the same layer:",
            _table(["layer", "tile", "kernel", "dense", "chosen"], single),
        ]
    )


def _sizes(report: Report) -> str:
    totals = report.totals
    rows = [
        ["parameters", _bytes(totals.parameter_bytes_before), _bytes(totals.parameter_bytes_after)]
    ]
    if report.files is not None:
        rows.append(
            ["model file", _bytes(report.files.uploaded_bytes), _bytes(report.files.keras_bytes)]
        )
    if report.engine is not None:
        engine = report.engine
        rows.append(
            [
                "memory when served",
                _bytes(engine.dense_resident_bytes),
                _bytes(engine.resident_bytes),
            ]
        )
        rows.append(["artifact", "", _bytes(engine.artifact_bytes)])
    return _table(["", "before", "after"], rows)


def _origin(report: Report) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    recipe = json.dumps(recipe_to_json(report.recipe))
    return f"Versions: {versions}.\n\nRecipe:\n\n```json\n{recipe}\n```"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Names come from uploaded files: keep them from breaking out of their cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _microseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e6:,.1f}"


def _bytes(count: int | None) -> str:
    if count is None:
        return ""
    return f"{count:,} B" if count < 10_000 else f"{count / 1024:,.1f} KiB"
