"""What to prune and how far: the recipe, and the strict parser of its JSON form (docs/recipes.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from pruning.errors import RecipeError
from pruning.fields import FieldReader

_MAX_BLOCK_SIDE = 256
_MAX_GROUP = 64
_FLOAT32_MAX = 3.4e38


class Mode(StrEnum):
    """How weights are chosen."""

    LOSSLESS = "lossless"
    THRESHOLD = "threshold"
    MAGNITUDE = "magnitude"


class Allocation(StrEnum):
    """How one target sparsity is spread over the layers."""

    GLOBAL = "global"
    LAYER = "layer"
    ERK = "erk"


class Pooling(StrEnum):
    """How a block's score follows from its weights' scores."""

    AVG = "avg"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Unstructured:
    """Every weight stands for itself."""


@dataclass(frozen=True, slots=True)
class NofM:
    """``n`` weights are *kept* of every ``m`` consecutive inputs of an output unit.

    The groups start at input 0; a last, shorter group keeps ``min(n, its size)``.
    """

    n: int
    m: int


@dataclass(frozen=True, slots=True)
class Block:
    """Weights are kept or removed in blocks of ``rows`` output units by ``cols`` inputs, starting at (0, 0).

    Blocks at the border may be smaller; they are pooled over the weights they have.
    """

    rows: int
    cols: int
    pooling: Pooling = Pooling.AVG


Pattern = Unstructured | NofM | Block


@dataclass(frozen=True, slots=True)
class InputRange:
    """Every value of an input lies in ``[low, high]``: declared by the user, and the proof relies on it."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LosslessOptions:
    """Steps of the lossless mode; the other modes run them after their own step.

    Attributes:
        drop: Remove weights that cannot change the outputs beyond float32 rounding.
        fold: Fold BatchNormalization, Rescaling and Normalization into Dense layers.
        simplify: Remove dead, constant and duplicate units, and collapse linear layers.
        absolute_threshold: Largest weight that may be dropped where the input's size is not proven.
        assumed_magnitude: Inputs without a declared range and without a dtype that bounds them are
            taken to be at most this large; the certificate names it.
        input_ranges: Declared ranges by input name; "" stands for every input.
        gate: Largest measured change of an output, relative to its scale, that is accepted.
    """

    drop: bool = True
    fold: bool = True
    simplify: bool = True
    absolute_threshold: float = 1e-15
    assumed_magnitude: float = 1e4
    input_ranges: Mapping[str, InputRange] = field(default_factory=lambda: MappingProxyType({}))
    gate: float = 1e-6


@dataclass(frozen=True, slots=True)
class LayerOverride:
    """One layer's exception: left alone, or with its own sparsity or threshold."""

    skip: bool = False
    sparsity: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class PruningRecipe:
    """What to prune and how far. ``PruningRecipe()`` is the lossless default.

    Attributes:
        mode: How weights are chosen.
        lossless: Options of the lossless steps.
        threshold: Mode threshold: weights with ``abs(w) <= threshold`` are removed.
        sparsity: Mode magnitude: fraction of the prunable weights to remove, in [0, 1).
        allocation: Mode magnitude: how the target is spread over the layers.
        pattern: Mode magnitude: which shapes the removed weights form.
        keep_per_row: Modes threshold and magnitude: weights that every output unit keeps at least (the
            largest ones; with blocks, that many blocks). Units that had fewer keep what they had.
        layers: Exceptions by layer name.
    """

    mode: Mode = Mode.LOSSLESS
    lossless: LosslessOptions = field(default_factory=LosslessOptions)
    threshold: float | None = None
    sparsity: float | None = None
    allocation: Allocation = Allocation.GLOBAL
    pattern: Pattern = Unstructured()
    keep_per_row: int = 1
    layers: Mapping[str, LayerOverride] = field(default_factory=lambda: MappingProxyType({}))


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
    reader = FieldReader(data, "")
    mode = reader.choice("mode", Mode.LOSSLESS)
    recipe = PruningRecipe(
        mode=mode,
        lossless=_parse_lossless(reader),
        threshold=_parse_threshold(reader, mode),
        sparsity=_parse_sparsity(reader, mode),
        allocation=_parse_allocation(reader, mode),
        pattern=_parse_pattern(reader, mode),
        keep_per_row=_parse_keep_per_row(reader, mode),
        layers=_parse_layers(reader, mode),
    )
    reader.finish()
    return _checked_combination(recipe, reader)


def _parse_lossless(reader: FieldReader) -> LosslessOptions:
    if not reader.has("lossless"):
        return LosslessOptions()
    options = FieldReader(reader.take("lossless"), reader.path("lossless"))
    default = LosslessOptions()
    parsed = LosslessOptions(
        drop=options.boolean("drop", default=default.drop),
        fold=options.boolean("fold", default=default.fold),
        simplify=options.boolean("simplify", default=default.simplify),
        absolute_threshold=options.number(
            "absolute_threshold", default.absolute_threshold, low=0.0, high=1e-6, below=False
        ),
        assumed_magnitude=options.number(
            "assumed_magnitude", default.assumed_magnitude, low=1e-6, high=1e30, below=False
        ),
        input_ranges=_parse_ranges(options),
        gate=options.number("gate", default.gate, low=0.0, high=1.0, below=True),
    )
    options.finish()
    return parsed


def _parse_ranges(reader: FieldReader) -> Mapping[str, InputRange]:
    value = reader.take("input_range")
    path = reader.path("input_range")
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        return MappingProxyType({"": _parse_range(value, path)})
    names = FieldReader(value, path)
    ranges = {name: _parse_range(names.take(name), f"{path}.{name}") for name in value}
    if not all(ranges):
        raise RecipeError(path, "input names that are not empty", "")
    return MappingProxyType(ranges)


def _parse_range(value: object, path: str) -> InputRange:
    expected = "two numbers [low, high] with low <= high"
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise RecipeError(path, expected, value)
    ends = FieldReader({"0": value[0], "1": value[1]}, path)
    if not (ends.has("0") and ends.has("1")):
        raise RecipeError(path, expected, value)
    low, high = (
        ends.number(end, 0.0, low=-_FLOAT32_MAX, high=_FLOAT32_MAX, below=False) for end in "01"
    )
    if low > high:
        raise RecipeError(path, expected, value)
    return InputRange(low, high)


def _only_in(reader: FieldReader, name: str, mode: Mode, allowed: tuple[Mode, ...]) -> bool:
    """Whether the field may be read; a field that would do nothing in this mode is refused."""
    if mode in allowed:
        return True
    reader.refuse(name, f"this field only with mode {' or '.join(allowed)} (mode is {mode})")
    return False


def _parse_threshold(reader: FieldReader, mode: Mode) -> float | None:
    if not _only_in(reader, "threshold", mode, (Mode.THRESHOLD,)):
        return None
    if not reader.has("threshold"):
        raise RecipeError("threshold", "a number >= 0 (mode threshold needs it)", None)
    return reader.number("threshold", 0.0, low=0.0, high=_FLOAT32_MAX, below=False)


def _parse_sparsity(reader: FieldReader, mode: Mode) -> float | None:
    if not _only_in(reader, "sparsity", mode, (Mode.MAGNITUDE,)) or not reader.has("sparsity"):
        return None
    return reader.number("sparsity", 0.0, low=0.0, high=1.0, below=True)


def _parse_allocation(reader: FieldReader, mode: Mode) -> Allocation:
    if not _only_in(reader, "allocation", mode, (Mode.MAGNITUDE,)):
        return Allocation.GLOBAL
    return reader.choice("allocation", Allocation.GLOBAL)


def _parse_keep_per_row(reader: FieldReader, mode: Mode) -> int:
    if not _only_in(reader, "keep_per_row", mode, (Mode.THRESHOLD, Mode.MAGNITUDE)):
        return 1
    return reader.integer("keep_per_row", 1, low=0, high=1_000_000)


def _parse_pattern(reader: FieldReader, mode: Mode) -> Pattern:
    if not _only_in(reader, "pattern", mode, (Mode.MAGNITUDE,)) or not reader.has("pattern"):
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


class PatternKind(StrEnum):
    """The JSON names of the patterns."""

    UNSTRUCTURED = "unstructured"
    N_M = "n_m"
    BLOCK = "block"


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


def _parse_layers(reader: FieldReader, mode: Mode) -> Mapping[str, LayerOverride]:
    value = reader.take("layers")
    if value is None or value == {}:
        return MappingProxyType({})
    _only_in(reader, "layers", mode, (Mode.THRESHOLD, Mode.MAGNITUDE))
    path = reader.path("layers")
    names = FieldReader(value, path)
    keys = list(value) if isinstance(value, Mapping) else []
    return MappingProxyType(
        {name: _parse_override(names.take(name), f"{path}.{name}", mode) for name in keys}
    )


def _parse_override(value: object, path: str, mode: Mode) -> LayerOverride:
    fields = FieldReader(value, path)
    override = LayerOverride(skip=fields.boolean("skip", default=False))
    if _only_in(fields, "sparsity", mode, (Mode.MAGNITUDE,)) and fields.has("sparsity"):
        sparsity = fields.number("sparsity", 0.0, low=0.0, high=1.0, below=True)
        override = LayerOverride(override.skip, sparsity=sparsity)
    if _only_in(fields, "threshold", mode, (Mode.THRESHOLD,)) and fields.has("threshold"):
        threshold = fields.number("threshold", 0.0, low=0.0, high=_FLOAT32_MAX, below=False)
        override = LayerOverride(override.skip, threshold=threshold)
    fields.finish()
    if override.skip and (override.sparsity is not None or override.threshold is not None):
        raise RecipeError(path, "either 'skip' or a value, not both", value)
    return override


def _checked_combination(recipe: PruningRecipe, reader: FieldReader) -> PruningRecipe:
    """Check what no field can tell alone."""
    if recipe.mode is not Mode.MAGNITUDE:
        return recipe
    if isinstance(recipe.pattern, NofM):
        return _checked_n_m(recipe, recipe.pattern, reader)
    if recipe.sparsity is None:
        raise RecipeError("sparsity", "a number in [0, 1) (mode magnitude needs it)", None)
    return recipe


def _checked_n_m(recipe: PruningRecipe, pattern: NofM, reader: FieldReader) -> PruningRecipe:
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
    return recipe
