"""The part `lossless` of a recipe: which lossless steps run, and what they may rely on."""

from collections.abc import Mapping
from types import MappingProxyType

from pruning.errors import RecipeError
from pruning.fields import FLOAT32_MAX, FieldReader
from pruning.lossless.options import InputRange, LosslessOptions
from pruning.recipe import Mode

LOSSLESS_FIELDS = (
    "drop",
    "fold",
    "simplify",
    "absolute_threshold",
    "assumed_magnitude",
    "input_range",
)


def parse_lossless(reader: FieldReader, mode: Mode) -> LosslessOptions:
    """Read the options of the lossless steps; all have defaults.

    Raises:
        RecipeError: A field is unknown or wrong, or is `gate` in a mode whose result it does not judge.
    """
    if not reader.has("lossless"):
        return LosslessOptions()
    options = FieldReader(reader.take("lossless"), reader.path("lossless"))
    default = LosslessOptions()
    if mode is not Mode.LOSSLESS:
        options.refuse(
            "gate",
            f"this field only with mode lossless (mode is {mode}): it does not judge weights removed by size",
            hint="use the recipe's own field max_accuracy_drop, min_agreement or max_change",
        )
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
        ends.number(end, 0.0, low=-FLOAT32_MAX, high=FLOAT32_MAX, below=False) for end in "01"
    )
    if low > high:
        raise RecipeError(path, expected, value)
    return InputRange(low, high)
