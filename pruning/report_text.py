"""The report as Markdown, for a person."""

import json

from pruning.layers import LayerResult
from pruning.lossless.network_bound import NetworkBound
from pruning.markdown import byte_size, cell, percent, shape, table
from pruning.recipe_json import recipe_to_json
from pruning.report import Report
from pruning.report_advice import advice_section
from pruning.report_speed import speed_section
from pruning.report_words import CHANGE_HEADS, CHANGES, recipe_words

_YARDSTICK = (
    "Float32 rounding may change the result of a unit by 2^-24 times (|bias| plus the sum of |weight| times the largest "
    "magnitude that its input can have), or times what it had on probe inputs where that is less. Where the range of an "
    "input is not known, the largest input stands for it."
)


def render_text(report: Report) -> str:
    """Write the report for a person."""
    findings = report.findings
    parts = [f"# {cell(report.title.text)}: pruning report", _origin(report), _summary(report)]
    if findings.advice is not None:
        parts += ["## What now?", advice_section(findings.advice)]
    parts += [
        "## Layers",
        _layer_table(report),
        "## Certificates",
        "\n".join(f"- {cell(line)}" for line in certainty_lines(report)),
    ]
    parts += ["## What changed", CHANGES, table(CHANGE_HEADS, change_rows(report))]
    if findings.engine is not None:
        parts += ["## Speed on this host", speed_section(findings.engine)]
    parts += ["## Sizes", _sizes(report), "## Made with", _versions(report)]
    return "\n\n".join(parts) + "\n"


def _origin(report: Report) -> str:
    made = f"{report.title.made_on}. " if report.title.made_on else ""
    recipe = json.dumps(recipe_words(report.recipe))
    return f"{made}Recipe: `{recipe}`; weights are served as {report.findings.weight_type}."


def _summary(report: Report) -> str:
    first, *rest = report.sentences
    return "  \n".join([f"**{first}**", *rest])


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


def certainty_lines(report: Report) -> list[str]:
    """Say what is proven, layer by layer, and what the proofs assume."""
    certificate = report.certificate
    layers_by_claim: dict[str, list[str]] = {}
    for name, layer in certificate.layers.items():
        layers_by_claim.setdefault(layer.claim, []).append(f"`{name}`")
    lines = [f"{', '.join(names)}: {claim}" for claim, names in layers_by_claim.items()]
    if any(layer.tolerance_used for layer in certificate.layers.values()):
        lines.append(_YARDSTICK)
    lines += [_bound_line(bound) for bound in certificate.bounds if bound.constant or bound.slope]
    lines += certificate.assumptions
    lines += [f"Undone: {sentence}." for sentence in certificate.rolled_back]
    return lines


def change_rows(report: Report) -> list[list[str]]:
    """Return the rows of `CHANGE_HEADS`: what the pruned graph does to the outputs, before it is compiled."""
    return [
        [
            o.output,
            f"{o.change:.1e}",
            f"{o.change_float32:.1e}",
            f"{o.float32_error:.1e}",
            o.probe if o.change else "",
        ]
        for o in report.certificate.measured.outputs
    ]


def _bound_line(bound: NetworkBound) -> str:
    return (
        f"Output `{bound.output}`: the small weights that were removed move it by at most {bound.constant:.1e} + "
        f"{bound.slope:.1e} times the largest input without a declared range. That is proven, and usually far more than "
        f"what happens; it is {bound.relative:.1e} of the largest value that the output can have."
    )


def _sizes(report: Report) -> str:
    rows = [[row.what, byte_size(row.before), byte_size(row.after)] for row in report.sizes.rows]
    return "\n\n".join([table(["", "before", "after"], rows), *report.sizes.notes])


def _versions(report: Report) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    recipe = json.dumps(recipe_to_json(report.recipe))
    return f"Versions: {versions}.\n\nRecipe with all defaults:\n\n```json\n{recipe}\n```"
