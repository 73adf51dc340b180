"""The fields of the modes that rank weights: how much goes, how it is spread over the layers, in which shapes."""

from dataclasses import dataclass

from pruning.errors import RecipeError
from pruning.fields import FieldReader
from pruning.recipe import (
    Allocation,
    Block,
    Mode,
    NofM,
    Pattern,
    PatternKind,
    Pooling,
    PruningRecipe,
    Unstructured,
)

_MAX_BLOCK_SIDE = 256
_MAX_GROUP = 64


@dataclass(frozen=True, slots=True)
class MagnitudeFields:
    """What only these modes have; see `PruningRecipe`."""

    sparsity: float | None
    allocation: Allocation
    pattern: Pattern


def parse_magnitude(reader: FieldReader) -> MagnitudeFields:
    """Read the fields of both modes.

    Raises:
        RecipeError: One of them is wrong.
    """
    sparsity = None
    if reader.has("sparsity"):
        sparsity = reader.number("sparsity", 0.0, low=0.0, high=1.0, below=True)
    allocation = reader.choice("allocation", Allocation.GLOBAL)
    return MagnitudeFields(sparsity, allocation, _parse_pattern(reader))


def _parse_pattern(reader: FieldReader) -> Pattern:
    if not reader.has("pattern"):
        return Unstructured()
    value = reader.take("pattern")
    path = reader.path("pattern")
    fields = FieldReader({"kind": value} if isinstance(value, str) else value, path)
    kind = fields.choice("kind", PatternKind.UNSTRUCTURED)
    if not fields.has("kind"):
        raise RecipeError(fields.path("kind"), f"one of {', '.join(PatternKind)}", None)
    pattern: Pattern = Unstructured()
    if kind is PatternKind.N_M:
        pattern = _parse_n_m(fields)
    elif kind is PatternKind.BLOCK:
        pattern = _parse_block(fields)
    fields.finish()
    return pattern


def _parse_n_m(fields: FieldReader) -> NofM:
    for name in ("n", "m"):
        if not fields.has(name):
            raise RecipeError(
                fields.path(name), "a whole number ('n' of 'm' inputs are kept)", None
            )
    n = fields.integer("n", 1, low=1, high=_MAX_GROUP)
    m = fields.integer("m", 1, low=2, high=_MAX_GROUP)
    if n >= m:
        raise RecipeError(fields.path("n"), f"fewer than m = {m} (n of m inputs are kept)", n)
    return NofM(n, m)


def _parse_block(fields: FieldReader) -> Block:
    for name in ("rows", "cols"):
        if not fields.has(name):
            raise RecipeError(fields.path(name), "a whole number (output units by inputs)", None)
    return Block(
        rows=fields.integer("rows", 1, low=1, high=_MAX_BLOCK_SIDE),
        cols=fields.integer("cols", 1, low=1, high=_MAX_BLOCK_SIDE),
        pooling=fields.choice("pooling", Pooling.AVG),
    )


def check_pattern(recipe: PruningRecipe, reader: FieldReader) -> None:
    """Check what no field can tell alone.

    Raises:
        RecipeError: The mode is magnitude or calibrated, and the sparsity is missing, or contradicts the pattern.
    """
    if recipe.mode not in (Mode.MAGNITUDE, Mode.CALIBRATED):
        return
    if isinstance(recipe.pattern, NofM):
        _check_n_m(recipe, recipe.pattern, reader)
    elif recipe.sparsity is None:
        raise RecipeError("sparsity", f"a number in [0, 1) (mode {recipe.mode} needs it)", None)


def _check_n_m(recipe: PruningRecipe, pattern: NofM, reader: FieldReader) -> None:
    """With n of m the sparsity follows from the pattern, the same in every layer."""
    implied = 1.0 - pattern.n / pattern.m
    if recipe.sparsity is not None and abs(recipe.sparsity - implied) > 1e-9:
        raise RecipeError(
            "sparsity",
            f"{implied:g} or nothing (pattern {pattern.n} of {pattern.m})",
            recipe.sparsity,
        )
    if reader.has("allocation") and recipe.allocation is not Allocation.LAYER:
        raise RecipeError(
            "allocation", "layer or nothing with an n_m pattern", recipe.allocation.value
        )
    if reader.has("keep_per_row"):
        raise RecipeError("keep_per_row", "nothing with an n_m pattern", recipe.keep_per_row)
    for name, override in recipe.layers.items():
        if override.sparsity is not None:
            raise RecipeError(
                f"layers.{name}.sparsity", "nothing with an n_m pattern", override.sparsity
            )
