"""The strict parser of a recipe's JSON form (docs/recipes.md): the fields of every mode, and who may use which."""

from collections.abc import Mapping
from types import MappingProxyType

from pruning.errors import RecipeError
from pruning.fields import FLOAT32_MAX, FieldReader
from pruning.recipe import Answers, GateOptions, LayerOverride, Mode, PruningRecipe
from pruning.recipe_calibrated import CALIBRATED_FIELDS, parse_calibrated
from pruning.recipe_lossless import LOSSLESS_FIELDS, parse_lossless
from pruning.recipe_magnitude import check_pattern, parse_magnitude

# Fields that not every mode has; `layers` is looked at apart, for an empty one may stand anywhere.
_OWNERS: Mapping[str, tuple[Mode, ...]] = {
    "threshold": (Mode.THRESHOLD,),
    "sparsity": (Mode.MAGNITUDE, Mode.CALIBRATED),
    "allocation": (Mode.MAGNITUDE, Mode.CALIBRATED),
    "pattern": (Mode.MAGNITUDE, Mode.CALIBRATED),
    "keep_per_row": (Mode.THRESHOLD, Mode.MAGNITUDE, Mode.CALIBRATED),
    **dict.fromkeys(CALIBRATED_FIELDS, (Mode.CALIBRATED,)),
}
# What people write, and what it is called here; other near names are found by their letters.
_OTHER_NAMES = {
    **{name: f"lossless.{name}" for name in LOSSLESS_FIELDS},
    "gate": "max_accuracy_drop, min_agreement or max_change",
    "accuracy_drop": "max_accuracy_drop",
    "max_accuracy_loss": "max_accuracy_drop",
    "max_loss": "max_accuracy_drop",
    "tolerance": "max_change",
    "ratio": "sparsity",
    "percent": "sparsity",
}


def parse_recipe(data: object) -> PruningRecipe:
    """Read a recipe from its JSON form.

    Args:
        data: The object as ``json.loads`` gives it; ``{}`` is the lossless default.

    Returns:
        The recipe, every field checked.

    Raises:
        RecipeError: With the field's path, what it must hold and what it holds, for an unknown field,
            a wrong type (true is no number), a value out of range or not finite, and for fields that
            contradict each other or do nothing in the chosen mode.
    """
    reader = FieldReader(data, "", _OTHER_NAMES)
    mode = reader.choice("mode", Mode.LOSSLESS)
    for name, owners in _OWNERS.items():
        _refuse_in_other_modes(reader, name, mode, owners)
    is_ranked = mode in (Mode.MAGNITUDE, Mode.CALIBRATED)
    magnitude = parse_magnitude(reader) if is_ranked else None
    default = PruningRecipe()
    recipe = PruningRecipe(
        mode=mode,
        lossless=parse_lossless(reader, mode),
        threshold=_parse_threshold(reader) if mode is Mode.THRESHOLD else None,
        sparsity=magnitude.sparsity if magnitude else default.sparsity,
        allocation=magnitude.allocation if magnitude else default.allocation,
        pattern=magnitude.pattern if magnitude else default.pattern,
        calibrated=parse_calibrated(reader) if mode is Mode.CALIBRATED else default.calibrated,
        keep_per_row=reader.integer("keep_per_row", default.keep_per_row, low=0, high=1_000_000),
        layers=_parse_layers(reader, mode),
        gate=_parse_gate(reader),
    )
    reader.finish()
    check_pattern(recipe, reader)
    return recipe


def check_data(recipe: PruningRecipe, *, has_samples: bool, has_labels: bool) -> None:
    """Refuse a mode for which there is nothing to calibrate with, and a gate for which there is nothing to measure.

    Raises:
        RecipeError: the mode or a gate needs labels or samples that were not given.
    """
    options = recipe.gate
    if recipe.mode is Mode.CALIBRATED and not has_samples:
        raise RecipeError(
            "mode",
            "samples to calibrate with (mode calibrated needs them)",
            recipe.mode.value,
            "send 'calibration' samples, or choose mode magnitude",
        )
    if options.max_accuracy_drop is not None and not has_labels:
        raise RecipeError(
            "max_accuracy_drop",
            "labels to measure accuracy with",
            options.max_accuracy_drop,
            "send 'calibration' samples and their 'labels', or leave the field out",
        )
    if options.min_agreement is not None and not has_samples:
        raise RecipeError(
            "min_agreement",
            "samples to count agreement on",
            options.min_agreement,
            "send 'calibration' samples, or leave the field out",
        )


def _refuse_in_other_modes(
    reader: FieldReader, name: str, mode: Mode, owners: tuple[Mode, ...]
) -> None:
    """Refuse a field that would do nothing in this mode."""
    if mode not in owners:
        reader.refuse(name, f"this field only with mode {' or '.join(owners)} (mode is {mode})")


def _parse_threshold(reader: FieldReader) -> float:
    if not reader.has("threshold"):
        raise RecipeError("threshold", "a number >= 0 (mode threshold needs it)", None)
    return reader.number("threshold", 0.0, low=0.0, high=FLOAT32_MAX, below=False)


def _parse_gate(reader: FieldReader) -> GateOptions:
    return GateOptions(
        max_accuracy_drop=reader.optional_number("max_accuracy_drop", low=0.0, high=1.0),
        min_agreement=reader.optional_number("min_agreement", low=0.0, high=1.0),
        max_change=reader.optional_number("max_change", low=0.0, high=1e6),
        answers=reader.choice("answers", Answers.CLASSES) if reader.has("answers") else None,
    )


def _parse_layers(reader: FieldReader, mode: Mode) -> Mapping[str, LayerOverride]:
    value = reader.take("layers")
    if value is None or value == {}:
        return MappingProxyType({})
    _refuse_in_other_modes(reader, "layers", mode, _OWNERS["keep_per_row"])
    path = reader.path("layers")
    names = FieldReader(value, path)
    keys = list(value) if isinstance(value, Mapping) else []
    return MappingProxyType(
        {name: _parse_override(names.take(name), f"{path}.{name}", mode) for name in keys}
    )


def _parse_override(value: object, path: str, mode: Mode) -> LayerOverride:
    fields = FieldReader(value, path)
    for name in ("sparsity", "threshold"):
        _refuse_in_other_modes(fields, name, mode, _OWNERS[name])
    sparsity = threshold = None
    if fields.has("sparsity"):
        sparsity = fields.number("sparsity", 0.0, low=0.0, high=1.0, below=True)
    if fields.has("threshold"):
        threshold = fields.number("threshold", 0.0, low=0.0, high=FLOAT32_MAX, below=False)
    override = LayerOverride(fields.boolean("skip", default=False), sparsity, threshold)
    fields.finish()
    if override.skip and (sparsity is not None or threshold is not None):
        raise RecipeError(path, "either 'skip' or a value, not both", value)
    return override
