"""What a report says in sentences and rows: written once, for its JSON, Markdown and HTML forms alike."""

from dataclasses import dataclass

from pruning.markdown import byte_size, percent, points
from pruning.measurements import EngineMeasurements, FileSizes
from pruning.quality import Accuracy, Basis, Change, Quality
from pruning.recipe import PruningRecipe
from pruning.recipe_json import recipe_to_json

MEANING = {
    "exact": "no number that is left was changed; what was removed was zero, or nothing read it",
    "rounding": "outputs change by no more than float32 rounding",
    "budgeted": "weights were chosen by their size or by samples, so nothing is proven: what was measured is all that is known",
    "measured": "weights were rounded to 16 bits, so nothing is proven: what was measured is all that is known",
}
_WHERE = {
    Basis.LABELS: "labelled samples",
    Basis.SAMPLES: "samples",
    Basis.PROBES: "made-up probe inputs",
}
CHANGES = (
    "Largest change of the pruned graph's outputs against the original's on each kind of probe"
    " inputs and on your samples, as a share of the output's largest magnitude, before the graph is"
    " compiled. After a softmax or sigmoid, large probe inputs can make it 1 whatever was removed;"
    " the change at the head of this report does not have this fault:"
)
CHANGE_HEADS = (
    "output",
    "change in float64",
    "change in float32",
    "float32 rounding of the original",
    "largest on",
)
_PROVEN = (
    "It is proven that outputs change by no more than float32 rounding; nothing was measured on"
    " real data"
)
_UNKNOWN = "Nothing is known about the cost in accuracy on real data"
_WITHOUT_DATA = {"exact": _PROVEN, "rounding": _PROVEN, "budgeted": _UNKNOWN, "measured": _UNKNOWN}
# Training state is as large as the weights (momentum) or larger; a description of layers is far smaller.
_TRAINING_STATE = 0.5
_WORTH_A_WORD = 0.1
# From here on, numbers are written without a power of ten.
_PLAIN = 0.01


def quality_sentences(quality: Quality, guarantee: str) -> tuple[str, ...]:
    """Say what the answers cost: the first sentence is what a reader must not miss."""
    accuracy, where = quality.accuracy, _WHERE[quality.basis]
    agreement = quality.agreement
    same = f"{quality.agreeing:,} of {quality.samples:,} {where}, {percent(agreement.value)}"
    interval = f"(95 % interval {percent(agreement.low)} to {percent(agreement.high)})"
    if accuracy is not None:
        first = (
            _accuracy_sentence(accuracy, quality.samples),
            f"The answers are the same on {same} {interval}.",
        )
    elif quality.basis is Basis.SAMPLES:
        first = (
            f"The answers are the same on {same} {interval}.",
            "Accuracy is not known, because no labels were given.",
        )
    else:
        first = (
            f"{_WITHOUT_DATA[guarantee]}, because no samples were given.",
            f"The answers are the same on {same}.",
        )
    return (*first, _change_sentence(quality.change, where))


def _accuracy_sentence(accuracy: Accuracy, samples: int) -> str:
    before, after, drop = accuracy.before, accuracy.after, accuracy.drop
    return (
        f"Accuracy is {percent(before.value)} before and {percent(after.value)} after, on {samples:,} labelled samples"
        f" (95 % intervals {percent(before.low)} to {percent(before.high)} and {percent(after.low)} to"
        f" {percent(after.high)}): it changes by {points(-drop.value)} percentage points (95 % interval"
        f" {points(-drop.high)} to {points(-drop.low)})."
    )


def _change_sentence(change: Change, where: str) -> str:
    if change.largest == 0.0:
        return f"Outputs do not change at all on the {where}."
    return (
        f"Outputs, before the last softmax or sigmoid, move by {_short(change.median)} of their spread over the {where} (median;"
        f" {_short(change.high)} at most on 95 % of them, {_short(change.largest)} on the worst)."
    )


def _short(number: float) -> str:
    return f"{number:.2g}" if number >= _PLAIN else f"{number:.1e}"


def recipe_words(recipe: PruningRecipe) -> dict[str, object]:
    """Return the JSON form of a recipe without the fields that have their defaults."""
    defaults = recipe_to_json(PruningRecipe(mode=recipe.mode))
    written = recipe_to_json(recipe)
    given = {name: value for name, value in written.items() if value != defaults.get(name)}
    options, default_options = written["lossless"], defaults["lossless"]
    if "lossless" in given and isinstance(options, dict) and isinstance(default_options, dict):
        given["lossless"] = {n: v for n, v in options.items() if v != default_options.get(n)}
    return {"mode": recipe.mode.value, **given}


@dataclass(frozen=True, slots=True)
class SizeRow:
    """One line of the table of sizes, in bytes; None where there is no such thing."""

    what: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the model takes: rows that compare like with like, and files, which also hold other things."""

    rows: tuple[SizeRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WeightBytes:
    """Bytes of all weights as float32: all of them, and those of kernels that are not zero."""

    before: int
    after: int
    nonzero_before: int
    nonzero_after: int


def sizes_of(
    weights: WeightBytes, engine: EngineMeasurements | None, files: FileSizes | None
) -> Sizes:
    """Compare sizes, weights with weights, and say what else the files hold."""
    rows = [
        SizeRow("all weights, as float32", weights.before, weights.after),
        SizeRow(
            "kernel weights that are not zero, as float32",
            weights.nonzero_before,
            weights.nonzero_after,
        ),
    ]
    notes = []
    if engine is not None:
        rows.append(
            SizeRow(
                "memory when served: packed weights and work space",
                engine.dense_resident_bytes,
                engine.resident_bytes,
            )
        )
    if files is not None:
        rows.append(SizeRow("uploaded file", files.uploaded_bytes, None))
        rows.append(SizeRow("pruned .keras file", None, files.keras_bytes))
        beside = files.uploaded_bytes - weights.before
        if beside > _TRAINING_STATE * weights.before:
            notes.append(
                f"The uploaded file holds {byte_size(beside)} beside the weights, most of it state of the training such as"
                " the optimizer's. The pruned .keras file leaves that out, which is no gain of pruning."
            )
    if engine is not None:
        rows.append(SizeRow("compiled artifact", None, engine.artifact_bytes))
        if engine.artifact_bytes > weights.nonzero_after * (1 + _WORTH_A_WORD):
            notes.append(
                "The artifact holds weights once for every layout that the kernels for small and large batches read, so it"
                " may be larger than the weights."
            )
    return Sizes(tuple(rows), tuple(notes))
