"""The report as JSON: all numbers, and the texts that its Markdown and HTML forms show."""

from pruning.layers import LayerResult
from pruning.plain import as_plain
from pruning.recipe_json import recipe_to_json
from pruning.report import Report
from pruning.report_advice import SIZE_HEADS, SIZES, TRIALS, trial_table
from pruning.report_speed import speed_notes
from pruning.report_text import certainty_lines, change_rows
from pruning.report_words import CHANGE_HEADS, CHANGES, recipe_words


def report_document(report: Report) -> dict[str, object]:
    """Return the JSON form: only dicts with text keys, lists, text, numbers, booleans and None.

    Infinity and NaN, which JSON does not have, become None.
    """
    plain = _object(as_plain(report))
    findings = _object(plain.pop("findings"))
    first = {
        "title": plain.pop("title"),
        "asked_for": recipe_words(report.recipe),
        "summary": list(report.sentences),
    }
    own = {
        "recipe": recipe_to_json(report.recipe),
        "layers": [_layer(report, layer) for layer in report.layers],
        "sizes": as_plain(report.sizes),
        "texts": _texts(report),
    }
    return {**first, **findings, **plain, **own}


def _layer(report: Report, layer: LayerResult) -> dict[str, object]:
    """Return one layer with its derived numbers, and its kernels and times where it is served."""
    engine = report.findings.engine
    timings = () if engine is None else engine.layers
    return {
        **_object(as_plain(layer)),
        "weights_removed": layer.weights_removed,
        "sparsity": layer.sparsity,
        "timings": [as_plain(timing) for timing in timings if timing.node in layer.nodes],
    }


def _texts(report: Report) -> dict[str, object]:
    """Return what the HTML form shows as the Markdown form does."""
    texts: dict[str, object] = {
        "certainty": certainty_lines(report),
        "changes": CHANGES,
        "change_heads": list(CHANGE_HEADS),
        "change_rows": change_rows(report),
    }
    if report.findings.engine is not None:
        texts["speed"] = speed_notes(report.findings.engine)
    if report.findings.advice is not None:
        heads, rows = trial_table(report.findings.advice)
        texts |= {"sizes": SIZES, "size_heads": list(SIZE_HEADS)}
        texts |= {"trials": TRIALS, "trial_heads": heads, "trial_rows": rows}
    return texts


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
