"""The JSON form of a recipe: what `parse_recipe` reads back as the same recipe."""

from pruning.plain import as_plain
from pruning.recipe import (
    Block,
    GateOptions,
    LayerOverride,
    Mode,
    NofM,
    Pattern,
    PatternKind,
    PruningRecipe,
)


def recipe_to_json(recipe: PruningRecipe) -> dict[str, object]:
    """Write a recipe with all its defaults spelled out; fields of other modes are left out."""
    found: dict[str, object] = {"mode": recipe.mode.value, "lossless": _lossless(recipe)}
    if recipe.mode is Mode.THRESHOLD:
        found["threshold"] = recipe.threshold
    if recipe.mode is Mode.CALIBRATED:
        options = as_plain(recipe.calibrated)
        found |= options if isinstance(options, dict) else {}
    if recipe.mode in (Mode.MAGNITUDE, Mode.CALIBRATED):
        found["pattern"] = _pattern(recipe.pattern)
        if not isinstance(recipe.pattern, NofM):
            found["allocation"] = recipe.allocation.value
        if recipe.sparsity is not None:
            found["sparsity"] = recipe.sparsity
    if recipe.mode is not Mode.LOSSLESS and not isinstance(recipe.pattern, NofM):
        found["keep_per_row"] = recipe.keep_per_row
    found["layers"] = {name: _override(override) for name, override in recipe.layers.items()}
    found |= {name: value for name, value in _gate(recipe.gate).items() if value is not None}
    return found


def _gate(options: GateOptions) -> dict[str, object]:
    plain = as_plain(options)
    return plain if isinstance(plain, dict) else {}


def _lossless(recipe: PruningRecipe) -> dict[str, object]:
    options = recipe.lossless
    ranges = {name: [r.low, r.high] for name, r in options.input_ranges.items()}
    found: dict[str, object] = {
        "drop": options.drop,
        "fold": options.fold,
        "simplify": options.simplify,
        "absolute_threshold": options.absolute_threshold,
        "assumed_magnitude": options.assumed_magnitude,
    }
    if recipe.mode is Mode.LOSSLESS:
        found["gate"] = options.gate
    if ranges:
        found["input_range"] = ranges.get("", ranges)
    return found


def _pattern(pattern: Pattern) -> dict[str, object]:
    kind = PatternKind.UNSTRUCTURED
    if isinstance(pattern, NofM):
        kind = PatternKind.N_M
    elif isinstance(pattern, Block):
        kind = PatternKind.BLOCK
    numbers = as_plain(pattern)
    return {"kind": kind.value, **(numbers if isinstance(numbers, dict) else {})}


def _override(override: LayerOverride) -> dict[str, object]:
    values = {"sparsity": override.sparsity, "threshold": override.threshold}
    given: dict[str, object] = {name: v for name, v in values.items() if v is not None}
    return {"skip": True} if override.skip else given
