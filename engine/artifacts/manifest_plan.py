"""Plans, layer reports and times as JSON, and back."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

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
from engine.planning.parts import ROW_STEP, are_parts, may_split, part_step
from engine.planning.plan import (
    BucketPlan,
    ExecutionPlan,
    KernelChoice,
    LayerPlan,
    NetworkTime,
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
                "half_seconds": _hex(tile.half_seconds),
                "shared_seconds": _hex(tile.shared_seconds),
                "spread_seconds": _hex(tile.spread_seconds),
                "layers": [
                    {"step": number, **_encode_choice(steps[number], choice, sections)}
                    for number, choice in sorted(tile.choices.items())
                ],
            }
            for tile in plan.tiles
        ],
    }


def decode_plan(record: Record, program: Program, sections: SectionReader) -> ExecutionPlan:
    """From JSON; every packed layer is checked against its layer.

    Of a plan of another packing version nothing but what outputs depend on (`values`, `keeps_subnormals`) is looked
    at; it comes back without tiles.

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

    def decode_tile(value: Any, path: str) -> TilePlan:
        return _decode_tile(Record(value, path), isa, program, sections)

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


def _decode_tile(record: Record, isa: Isa, program: Program, sections: SectionReader) -> TilePlan:
    tile = _decode_width(record, isa)
    steps = program.weighted_steps()

    def decode_choice(value: Any, path: str) -> tuple[int, KernelChoice]:
        choice = Record(value, path)
        number = choice.integer("step")
        if number not in steps:
            raise ManifestError(f"{path} names a step without weights", got=str(number))
        return number, _decode_choice(choice, steps[number], isa, tile.lanes, sections)

    choices = dict(record.items("layers", limits.MAX_STEPS, decode_choice))
    record.done()
    if choices.keys() != steps.keys():
        raise ManifestError(f"{record.path} does not choose a kernel for every layer with weights")
    return replace(tile, choices=choices)


def _encode_choice(
    step: WeightedStep, choice: KernelChoice, sections: SectionWriter
) -> dict[str, Any]:
    packed = choice.packed
    if packed is not None and not _are_storable(step, choice, packed):
        packed = None
    activation = choice.spec.activation
    return {
        "family": choice.spec.family,
        "activation": None if activation is None else activation.value,
        "variant": dict(choice.spec.variant),
        "sparse": choice.sparse,
        "parts": [rows.stop for rows in choice.parts],
        "packed": None if packed is None else [_encode_packed(part, sections) for part in packed],
    }


def _are_storable(
    step: WeightedStep, choice: KernelChoice, packed: tuple[PackedLayer, ...]
) -> bool:
    return all(
        is_storable(choice.spec, part_step(step, rows), part)
        for rows, part in zip(choice.parts, packed, strict=True)
    )


def _encode_packed(packed: PackedLayer, sections: SectionWriter) -> dict[str, Any]:
    return {
        "nonzeros": packed.nonzeros,
        "ints": dict(packed.ints),
        "constants": {name: sections.add(array) for name, array in packed.constants.items()},
    }


def _decode_choice(
    record: Record, step: WeightedStep, isa: Isa, lanes: int, sections: SectionReader
) -> KernelChoice:
    activation = record.take("activation")
    variant = record.record("variant")
    spec = KernelSpec(
        family=_word(record.text("family"), record.path),
        isa=isa,
        lanes=lanes,
        activation=None if activation is None else _activation(activation, record.path),
        variant=tuple(
            (_word(name, variant.path), _variant_value(value, variant.path))
            for name, value in variant.entries(MAX_VARIANTS)
        ),
    )
    parts = _decode_parts(record, step)
    path = f"{record.path}.packed"
    value = record.take("packed")
    packed = None if value is None else _decode_parts_packed(value, path, len(parts), sections)
    choice = KernelChoice(spec, record.flag("sparse"), packed, parts)
    record.done()
    for rows, part in zip(parts, packed or (), strict=packed is not None):
        check_packed(spec, part_step(step, rows), part, path)
    return choice


def _decode_parts_packed(
    value: Any, path: str, count: int, sections: SectionReader
) -> tuple[PackedLayer, ...]:
    def decode(item: Any, item_path: str) -> PackedLayer:
        return _decode_packed(Record(item, item_path), sections)

    return as_items(value, path, count, decode, count)


def _decode_parts(record: Record, step: WeightedStep) -> tuple[range, ...]:
    """Ranges of outputs, from their ends."""
    ends = record.items("parts", limits.MAX_PARTS, as_integer, 1)
    parts = tuple(range(*pair) for pair in zip((0, *ends[:-1]), ends, strict=True))
    units = step.units
    if not are_parts(parts, units) or (len(parts) > 1 and not may_split(step)):
        raise ManifestError(
            f"{record.path}.parts",
            expected=f"rising multiples of {ROW_STEP} that end with {units}",
            got=str(ends)[:80],
        )
    return parts


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


def encode_layer(layer: LayerPlan) -> dict[str, Any]:
    """As JSON."""
    return {
        "name": layer.name,
        "op": layer.op,
        "inputs": layer.inputs,
        "units": layer.units,
        "positions": layer.positions,
        "nonzeros": layer.nonzeros,
        "rounding": float(layer.rounding).hex(),
        "buckets": [
            {
                "lanes": bucket.lanes,
                "kernel": bucket.kernel,
                "sparse": bucket.sparse,
                "bytes": bucket.bytes,
                "parts": bucket.parts,
                "seconds": _hex(bucket.seconds),
                "dense_seconds": _hex(bucket.dense_seconds),
                "sparse_seconds": _hex(bucket.sparse_seconds),
            }
            for bucket in layer.buckets
        ],
    }


def decode_layer(value: Any, path: str) -> LayerPlan:
    """From JSON.

    Raises:
        ManifestError: not of the documented form.
    """
    record = Record(value, path)
    inputs, units = record.integer("inputs", 1), record.integer("units", 1)
    nonzeros = record.integer("nonzeros", 0, inputs * units)
    layer = LayerPlan(
        name=record.text("name"),
        op=record.text("op"),
        inputs=inputs,
        units=units,
        positions=record.integer("positions", 1),
        nonzeros=nonzeros,
        sparsity=1 - nonzeros / (inputs * units),
        buckets=record.items("buckets", limits.MAX_TILES, _decode_bucket),
        rounding=record.number("rounding"),
    )
    record.done()
    if not 0 <= layer.rounding < math.inf:
        raise ManifestError(f"{path}.rounding", expected="a share", got=str(layer.rounding))
    return layer


def _decode_bucket(value: Any, path: str) -> BucketPlan:
    record = Record(value, path)
    bucket = BucketPlan(
        lanes=record.integer("lanes", 1, limits.MAX_LANES),
        kernel=record.text("kernel"),
        sparse=record.flag("sparse"),
        bytes=record.integer("bytes"),
        parts=record.integer("parts", 1, limits.MAX_PARTS),
        seconds=record.optional_number("seconds"),
        dense_seconds=record.optional_number("dense_seconds"),
        sparse_seconds=record.optional_number("sparse_seconds"),
    )
    record.done()
    return bucket


def encode_time(time: NetworkTime) -> dict[str, Any]:
    """As JSON."""
    return {
        "batch": time.batch,
        "seconds": time.seconds.hex(),
        "dense_seconds": _hex(time.dense_seconds),
        "threaded_seconds": _hex(time.threaded_seconds),
        "threaded_dense_seconds": _hex(time.threaded_dense_seconds),
    }


def decode_time(value: Any, path: str) -> NetworkTime:
    """From JSON.

    Raises:
        ManifestError: not of the documented form.
    """
    record = Record(value, path)
    time = NetworkTime(
        record.integer("batch", 1),
        record.number("seconds"),
        record.optional_number("dense_seconds"),
        record.optional_number("threaded_seconds"),
        record.optional_number("threaded_dense_seconds"),
    )
    record.done()
    return time


def _hex(seconds: float | None) -> str | None:
    return None if seconds is None else float(seconds).hex()
