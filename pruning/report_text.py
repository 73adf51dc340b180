"""The report as Markdown, for a person."""

import json

from pruning.layers import LayerResult
from pruning.lossless.network_bound import NetworkBound
from pruning.markdown import byte_size, cell, percent, shape, table
from pruning.recipe_json import recipe_to_json
from pruning.report import Report
from pruning.report_speed import speed_headline, speed_section

_MEANING = {
    "exact": "the function is unchanged: nothing that is left was altered",
    "rounding": "outputs change by no more than float32 rounding",
    "budgeted": "weights were removed by size; only the measured change below speaks for the result",
}

_YARDSTICK = (
    "- What rounding hides in a unit is 2^-24 of |bias| plus the sum of |weight| times the largest magnitude its input can "
    "have; inputs without a known range count with the largest of them."
)


def render_text(report: Report) -> str:
    """Write the report for a person."""
    parts = [
        f"# Pruning report: {cell(report.model)}",
        _summary(report),
        "## Layers",
        _layer_table(report),
        "## What is certain",
        _certainty(report),
    ]
    if report.engine is not None:
        parts += ["## Speed on this host", speed_section(report.engine)]
    parts += ["## Sizes", _sizes(report), "## Made with", _origin(report)]
    return "\n\n".join(parts) + "\n"


def _summary(report: Report) -> str:
    totals = report.totals
    guarantee = report.certificate.guarantee.value
    lines = [
        f"**{percent(totals.removed_share)} of the Dense weights are gone**: {totals.nonzeros_after:,} of "
        f"{totals.weights_before:,} are left to compute with, and {totals.units_removed:,} units were removed.",
        f"Certificate: **{guarantee}** - {_MEANING[guarantee]}.",
        f"Largest measured change of an output: {report.certificate.measured.worst:.1e} of its scale, on "
        f"{report.certificate.measured.samples} probe samples.",
    ]
    if report.engine is not None and report.engine.latency:
        lines.append(speed_headline(report.engine))
    if report.accuracy is not None:
        a = report.accuracy
        lines.append(
            f"Accuracy on {a.samples:,} labelled samples: {percent(a.before)} before, {percent(a.after)} after; "
            f"both agree on {percent(a.agreement)}."
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
    return table(heads, rows)


def _layer_row(layer: LayerResult) -> list[str]:
    now = "gone" if layer.shape_after is None else shape(layer.shape_after)
    note = f"merged into {layer.merged_into}" if layer.merged_into else layer.reason
    return [
        layer.layer,
        layer.kind,
        shape(layer.shape_before),
        now,
        f"{layer.weights_before:,}",
        f"{layer.nonzeros_after:,}",
        percent(layer.sparsity),
        str(layer.units_removed),
        layer.certificate.guarantee.value,
        note,
    ]


def _certainty(report: Report) -> str:
    certificate = report.certificate
    layers_by_claim: dict[str, list[str]] = {}
    for name, layer in certificate.layers.items():
        layers_by_claim.setdefault(layer.claim, []).append(f"`{cell(name)}`")
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
        "\n".join(lines) + "\n\nMeasured, relative to each output's scale:\n\n" + table(heads, rows)
    )


def _bound_line(bound: NetworkBound) -> str:
    return (
        f"- Output `{bound.output}`: the small weights that were removed move it by at most "
        f"{bound.constant:.1e} + {bound.slope:.1e} times the largest input without a declared range (proven, loose; "
        f"{bound.relative:.1e} of the output's own bound)."
    )


def _sizes(report: Report) -> str:
    totals = report.totals
    rows = [
        [
            "parameters",
            byte_size(totals.parameter_bytes_before),
            byte_size(totals.parameter_bytes_after),
        ]
    ]
    if report.files is not None:
        rows.append(
            [
                "model file",
                byte_size(report.files.uploaded_bytes),
                byte_size(report.files.keras_bytes),
            ]
        )
    if report.engine is not None:
        engine = report.engine
        rows.append(
            [
                "memory when served",
                byte_size(engine.dense_resident_bytes),
                byte_size(engine.resident_bytes),
            ]
        )
        rows.append(["artifact", "", byte_size(engine.artifact_bytes)])
    return table(["", "before", "after"], rows)


def _origin(report: Report) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    recipe = json.dumps(recipe_to_json(report.recipe))
    return f"Versions: {versions}.\n\nRecipe:\n\n```json\n{recipe}\n```"
