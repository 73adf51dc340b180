"""Checks a layer's arguments against its class: renamed, defaulted, and anything unknown refused by name."""

import math
from collections.abc import Mapping

from graph.errors import ConfigError, UnsupportedArgumentError
from graph.keras.json_text import Json, JsonObject, as_list, as_object, show
from graph.keras.layer_class import COMMON_IGNORED, COMMON_STATED, REQUIRED, LayerClass
from graph.keras.policies import check_dtype


def plain(value: Json) -> Json:
    """Undo the ways in which Keras writes tuples, shapes and arrays as JSON objects."""
    if not isinstance(value, dict):
        return value
    kind = value.get("class_name")
    if kind in ("__tuple__", "TensorShape"):
        return [plain(item) for item in as_list(value.get("items"), "a tuple")]
    if kind in ("__numpy__", "__tensor__"):
        return as_object(value.get("config"), "an array").get("value")
    if value.get("type") == "ndarray":
        return value.get("value")
    return value


def check_arguments(
    config: JsonObject, accepted: LayerClass, where: str, class_name: str = ""
) -> Mapping[str, Json]:
    """Return the arguments that matter, by their Keras 3 names, with defaults filled in.

    Args:
        config: the layer's configuration.
        accepted: what its class may have.
        where: the layer and its class, for errors.
        class_name: its class, where its weights may be quantized.

    Raises:
        UnsupportedArgumentError: an unknown argument, or a value that is not supported.
        UnsupportedDtypeError: a dtype that is no float.
        ConfigError: an argument is missing or given twice.
    """
    if "dtype" not in accepted.used:
        check_dtype(config.get("dtype"), where, class_name)
    found: dict[str, Json] = {}
    for written, raw in config.items():
        name, value = accepted.renamed.get(written, written), plain(raw)
        if name in accepted.used:
            if name in found:
                raise ConfigError(f"{where} has argument {name!r} twice, also as {written!r}")
            found[name] = value
        elif name in accepted.ignored or name in COMMON_IGNORED or name == "dtype":
            continue
        else:
            _check_stated(name, value, accepted, where)
    for name, default in accepted.used.items():
        if name not in found:
            if default is REQUIRED:
                raise ConfigError(f"{where} has no argument {name!r}")
            found[name] = default  # type: ignore[assignment]  # the default is Json here
    return found


def _check_stated(name: str, value: Json, accepted: LayerClass, where: str) -> None:
    allowed = accepted.stated.get(name, COMMON_STATED.get(name))
    if allowed is None:
        raise UnsupportedArgumentError(
            f"{where} has an unknown argument {name!r}",
            got=show(value),
            hint="Prunus does not know what it means, and does not guess",
        )
    # `False == 0` must not let a number pass for a flag.
    if not any(value == one and type(value) is type(one) for one in allowed):
        raise UnsupportedArgumentError(
            f"{where} has argument {name!r} with a value that is not supported",
            expected=" or ".join(map(repr, allowed)),
            got=show(value),
        )


class Arguments:
    """A layer's checked arguments, read by type; every error names the layer and the argument."""

    def __init__(self, values: Mapping[str, Json], where: str) -> None:
        self._values = values
        self.where = where

    def __getitem__(self, name: str) -> Json:
        return self._values[name]

    def refuse(self, name: str, expected: str) -> UnsupportedArgumentError:
        """Return the error for a value that is not supported."""
        return UnsupportedArgumentError(
            f"{self.where} has argument {name!r} with a value that is not supported",
            expected=expected,
            got=show(self._values[name]),
        )

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = self._values[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_float(value):
            raise self.refuse(name, "a finite number")
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._values[name]
        if not isinstance(value, bool):
            raise self.refuse(name, "true or false")
        return value

    def whole(self, name: str) -> int:
        """Return a whole number."""
        return self._whole(self._values[name], name)

    def wholes(self, name: str) -> list[int]:
        """Return a list of whole numbers; a single one makes a list of one."""
        value = self._values[name]
        items = value if isinstance(value, list) else [value]
        return [self._whole(item, name) for item in items]

    def _whole(self, value: Json, name: str) -> int:
        # Some versions wrote axes as 1.0.
        if isinstance(value, float) and _is_float(value) and value == int(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
            raise self.refuse(name, "a whole number")
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return a number, or a flat list of numbers."""
        value = self._values[name]
        items = value if isinstance(value, list) else [value]
        found = [
            float(item)
            for item in items
            if isinstance(item, int | float) and not isinstance(item, bool) and _is_float(item)
        ]
        if len(found) != len(items) or not found:
            raise self.refuse(name, "a number or a flat list of numbers")
        return tuple(found)


def _is_float(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
