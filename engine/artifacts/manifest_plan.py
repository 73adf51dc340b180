"""Plans as JSON, and back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.artifacts.manifest_reports import optional_hex
from engine.artifacts.packed_checks import PACKING_VERSION, check_packed, is_storable
from engine.artifacts.record import Record, as_integer, as_items
from engine.artifacts.sections import SectionReader, SectionWriter
from engine.core import limits
from engine.core.errors import ManifestError
from engine.core.functions import FusedActivation
from engine.core.layers import ValueType
from engine.core.program import Program
from engine.core.steps import WeightedStep
from engine.core.target import Isa
from engine.kernels.abi import KernelSpec, PackedLayer, packed_layer
from engine.planning.choose import tile_width
from engine.planning.parts import (
    ROW_STEP,
    Split,
    SplitAxis,
    is_split,
    part_step,
)
from engine.planning.plan import (
    ExecutionPlan,
    KernelChoice,
    TilePlan,
    without_sharing,
)

MAX_VARIANTS = 16
MAX_FIELDS = 64
# Variant choices become part of native symbols and of LLVM text.
_VARIANT_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")
MAX_VARIANT_NUMBER = 4096
# No tile takes a day.
MAX_SECONDS = 86_400.0
_MODE_TIMES = ("half_seconds", "shared_seconds", "spread_seconds")


def encode_plan(plan: ExecutionPlan, program: Program, sections: SectionWriter) -> dict[str, Any]:
    """As JSON; adds to `sections` the packed layers that can be checked when they are read."""
    steps = program.weighted_steps()
    return {
        "packing": PACKING_VERSION,
        "isa": plan.isa.value,
        "cpu": plan.cpu_name,
        "tuned": plan.tuned,
        "threads": plan.threads,
        "values": plan.values.value,
        "keeps_subnormals": plan.keeps_subnormals,
        "tiles": [
            {
                "lanes": tile.lanes,
                "seconds": tile.seconds.hex(),
                "half_seconds": optional_hex(tile.half_seconds),
                "shared_seconds": optional_hex(tile.shared_seconds),
                "spread_seconds": optional_hex(tile.spread_seconds),
                "layers": [
                    {"step": number, **_encode_choice(steps[number], choice, sections)}
                    for number, choice in sorted(tile.choices.items())
                ],
            }
            for tile in plan.tiles
        ],
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """What the choices of a plan are read with.

    Attributes:
        isa: instruction set level of the kernels.
        steps: steps with weights, by number.
        sections: the arrays of the file.
        has_split: whether a choice says what its parts are ranges of; otherwise they are ranges of outputs.
    """

    isa: Isa
    steps: Mapping[int, WeightedStep]
    sections: SectionReader
    has_split: bool


def decode_plan(
    record: Record, program: Program, sections: SectionReader, *, has_split: bool = True
) -> ExecutionPlan:
    """From JSON; every packed layer is checked against its layer.

    Of a plan of another packing version nothing but what outputs depend on (`values`, `keeps_subnormals`) is looked
    at; it comes back without tiles.

    Args:
        record: the plan.
        program: the checked program that it is for.
        sections: the arrays of the file.
        has_split: whether a choice says what its parts are ranges of; otherwise they are ranges of outputs.

    Raises:
        ManifestError: not of the documented form.
        SectionError: a section that is not there.
        PackedLayerError: a packed layer that does not fit its kernel or its layer.
    """
    values, keeps = _decode_values(record), record.flag("keeps_subnormals")
    if record.integer("packing") != PACKING_VERSION:
        return unplanned(values, keeps_subnormals=keeps)
    try:
        isa = Isa(record.text("isa"))
    except ValueError as error:
        raise ManifestError("unknown instruction set level", got=str(error)[:80]) from error

    reading = _Reading(isa, program.weighted_steps(), sections, has_split)

    def decode_tile(value: Any, path: str) -> TilePlan:
        return _decode_tile(Record(value, path), reading)

    tiles = record.items("tiles", limits.MAX_TILES, decode_tile, 1)
    plan = ExecutionPlan(
        isa=isa,
        cpu_name=record.text("cpu"),
        tuned=record.flag("tuned"),
        threads=record.integer("threads", 1, limits.MAX_PLAN_THREADS),
        values=values,
        tiles=without_sharing(tiles) if keeps else tiles,
        keeps_subnormals=keeps,
    )
    record.done()
    lanes = [tile.lanes for tile in plan.tiles]
    if lanes != sorted(set(lanes)):
        raise ManifestError("tile widths do not rise", got=str(lanes))
    return plan


def unplanned(values: ValueType = ValueType.FLOAT32, *, keeps_subnormals: bool) -> ExecutionPlan:
    """Return what stands for a plan that this version cannot read: kernels are chosen when it is loaded."""
    return ExecutionPlan(
        Isa.GENERIC,
        "",
        tuned=False,
        tiles=(),
        values=values,
        keeps_subnormals=keeps_subnormals,
    )


def _decode_values(record: Record) -> ValueType:
    text = record.text("values")
    try:
        return ValueType(text)
    except ValueError:
        raise ManifestError(
            f"{record.path}.values",
            expected=", ".join(values.value for values in ValueType),
            got=repr(text)[:80],
        ) from None


def _decode_width(record: Record, isa: Isa) -> TilePlan:
    """Return a tile without its layers."""
    lanes = record.integer("lanes", 1, limits.MAX_LANES)
    if lanes != tile_width(lanes, isa):
        raise ManifestError(
            f"{record.path}.lanes",
            expected=f"1, 4, 8 or a multiple of {isa.vector_floats}",
            got=str(lanes),
        )
    return TilePlan(
        lanes,
        {},
        _time(record.number("seconds"), f"{record.path}.seconds"),
        **{name: _optional_time(record, name) for name in _MODE_TIMES},
    )


def _optional_time(record: Record, name: str) -> float | None:
    seconds = record.optional_number(name)
    return None if seconds is None else _time(seconds, f"{record.path}.{name}")


def _time(seconds: float, path: str) -> float:
    if not 0 < seconds < MAX_SECONDS:
        raise ManifestError(path, expected="a time", got=str(seconds))
    return seconds


def _decode_tile(record: Record, reading: _Reading) -> TilePlan:
    tile = _decode_width(record, reading.isa)
    steps = reading.steps

    def decode_choice(value: Any, path: str) -> tuple[int, KernelChoice]:
        choice = Record(value, path)
        number = choice.integer("step")
        if number not in steps:
            raise ManifestError(f"{path} names a step without weights", got=str(number))
        return number, _decode_choice(choice, steps[number], tile.lanes, reading)

    choices = dict(record.items("layers", limits.MAX_STEPS, decode_choice))
    record.done()
    if choices.keys() != steps.keys():
        raise ManifestError(f"{record.path} does not choose a kernel for every layer with weights")
    return replace(tile, choices=choices)


def _encode_choice(
    step: WeightedStep, choice: KernelChoice, sections: SectionWriter
) -> dict[str, Any]:
    packed = choice.packed
    # A dense form has as many bytes as the weights themselves, and is made of them in the time of a copy.
    if packed is not None and not (choice.sparse and _are_storable(step, choice, packed)):
        packed = None
    activation = choice.spec.activation
    return {
        "family": choice.spec.family,
        "activation": None if activation is None else activation.value,
        "variant": dict(choice.spec.variant),
        "sparse": choice.sparse,
        "split": choice.axis.value,
        "parts": [rows.stop for rows in choice.parts],
        "packed": None if packed is None else [_encode_packed(part, sections) for part in packed],
    }


def _are_storable(
    step: WeightedStep, choice: KernelChoice, packed: tuple[PackedLayer, ...]
) -> bool:
    return all(
        is_storable(choice.spec, part_step(step, rows, choice.axis), part, _span(choice.axis, rows))
        for rows, part in zip(choice.parts, packed, strict=True)
    )


def _encode_packed(packed: PackedLayer, sections: SectionWriter) -> dict[str, Any]:
    return {
        "nonzeros": packed.nonzeros,
        "ints": dict(packed.ints),
        "constants": {name: sections.add(array) for name, array in packed.constants.items()},
    }


def _decode_choice(
    record: Record, step: WeightedStep, lanes: int, reading: _Reading
) -> KernelChoice:
    activation = record.take("activation")
    variant = record.record("variant")
    spec = KernelSpec(
        family=_word(record.text("family"), record.path),
        isa=reading.isa,
        lanes=lanes,
        activation=None if activation is None else _activation(activation, record.path),
        variant=tuple(
            (_word(name, variant.path), _variant_value(value, variant.path))
            for name, value in variant.entries(MAX_VARIANTS)
        ),
    )
    axis, parts = _decode_parts(record, step, reading.has_split)
    path = f"{record.path}.packed"
    value = record.take("packed")
    packed = (
        None if value is None else _decode_parts_packed(value, path, len(parts), reading.sections)
    )
    choice = KernelChoice(spec, record.flag("sparse"), packed, parts, axis)
    record.done()
    for rows, part in zip(parts, packed or (), strict=packed is not None):
        check_packed(spec, part_step(step, rows, axis), part, path, _span(axis, rows))
    return choice


def _decode_parts_packed(
    value: Any, path: str, count: int, sections: SectionReader
) -> tuple[PackedLayer, ...]:
    def decode(item: Any, item_path: str) -> PackedLayer:
        return _decode_packed(Record(item, item_path), sections)

    return as_items(value, path, count, decode, count)


def _span(axis: SplitAxis, rows: range) -> range | None:
    return rows if axis is SplitAxis.POSITIONS else None


def _decode_parts(record: Record, step: WeightedStep, has_split: bool) -> Split:
    """Ranges of outputs or positions, from their ends."""
    axis = _decode_axis(record) if has_split else SplitAxis.UNITS
    ends = record.items("parts", limits.MAX_PARTS, as_integer, 1)
    parts = tuple(range(*pair) for pair in zip((0, *ends[:-1]), ends, strict=True))
    by_units = axis is SplitAxis.UNITS
    if not is_split(Split(axis, parts), step):
        end, what = (
            (step.units, f"multiples of {ROW_STEP}") if by_units else (step.positions, "numbers")
        )
        raise ManifestError(
            f"{record.path}.parts",
            expected=f"rising {what} that end with {end}, along an axis of the layer",
            got=str(ends)[:80],
        )
    return Split(axis, parts)


def _decode_axis(record: Record) -> SplitAxis:
    text = record.text("split")
    try:
        return SplitAxis(text)
    except ValueError:
        raise ManifestError(
            f"{record.path}.split", expected=", ".join(SplitAxis), got=repr(text)[:80]
        ) from None


def _decode_packed(record: Record, sections: SectionReader) -> PackedLayer:
    nonzeros = record.integer("nonzeros")
    ints = _integers(record.record("ints"))
    constants = _integers(record.record("constants"))
    record.done()
    arrays = {name: sections.array(number) for name, number in constants.items()}
    return packed_layer(arrays, ints, nonzeros)


def _integers(record: Record) -> Mapping[str, int]:
    return {
        _word(name, record.path): as_integer(value, f"{record.path}.{name}")
        for name, value in record.entries(MAX_FIELDS)
    }


def _word(text: str, path: str) -> str:
    if not _VARIANT_WORD.fullmatch(text):
        raise ManifestError(f"{path} has an unusable name", got=repr(text)[:80])
    return text


def _variant_value(value: Any, path: str) -> int | str:
    if isinstance(value, str):
        return _word(value, path)
    return as_integer(value, path, 0, MAX_VARIANT_NUMBER)


def _activation(value: Any, path: str) -> FusedActivation:
    try:
        return FusedActivation(value)
    except ValueError:
        raise ManifestError(f"{path}.activation is unknown", got=repr(value)[:80]) from None
