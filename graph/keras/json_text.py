"""JSON from outside: parsed with duplicates, depth and size checked, and read through typed accessors."""

import json
from typing import TypeAlias

from graph import limits as bounds
from graph.errors import ConfigError, FileLimitError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]


def parse_object(text: str, what: str) -> JsonObject:
    """Parse a JSON object.

    Args:
        text: the text, at most `limits.MAX_CONFIG_BYTES` long, which the caller checks.
        what: name of the text for errors.

    Raises:
        ConfigError: not JSON, not an object, or an object that names a key twice.
        FileLimitError: nested too deeply, or too many values.
    """
    try:
        value: Json = json.loads(text, object_pairs_hook=_unique)
    except RecursionError as error:
        raise _too_deep(what) from error
    except ValueError as error:
        raise ConfigError(f"{what} is not JSON", got=str(error)[:200]) from error
    _check_depth(value, what)
    if not isinstance(value, dict):
        raise ConfigError(f"{what} is not a JSON object", got=show(value))
    return value


def _unique(pairs: list[tuple[str, Json]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ConfigError("a JSON object names a key twice", got=repr(key[:100]))
            seen.add(key)
    return found


def _too_deep(what: str) -> FileLimitError:
    return FileLimitError(
        f"{what} is nested too deeply", expected=f"at most {bounds.MAX_CONFIG_DEPTH} levels"
    )


def _check_depth(value: Json, what: str) -> None:
    level, depth, values = [value], 0, 0
    while level:
        values += len(level)
        if depth > bounds.MAX_CONFIG_DEPTH:
            raise _too_deep(what)
        if values > bounds.MAX_CONFIG_VALUES:
            raise FileLimitError(
                f"{what} has too many values", expected=f"at most {bounds.MAX_CONFIG_VALUES}"
            )
        below: list[Json] = []
        for item in level:
            if isinstance(item, list):
                below.extend(item)
            elif isinstance(item, dict):
                below.extend(item.values())
        level, depth = below, depth + 1


def show(value: object) -> str:
    """Return a value for an error message, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def as_object(value: Json, what: str) -> JsonObject:
    """Return the value as an object.

    Raises:
        ConfigError: it is not one.
    """
    if not isinstance(value, dict):
        raise ConfigError(f"{what} is not an object", got=show(value))
    return value


def as_list(value: Json, what: str) -> list[Json]:
    """Return the value as a list.

    Raises:
        ConfigError: it is not one.
    """
    if not isinstance(value, list):
        raise ConfigError(f"{what} is not a list", got=show(value))
    return value


def as_name(value: Json, what: str) -> str:
    """Return the value as a name: text of a sensible length that can be printed and encoded.

    Raises:
        ConfigError: it is not one.
    """
    if not isinstance(value, str) or not 0 < len(value) <= bounds.MAX_NAME_LENGTH:
        raise ConfigError(f"{what} is not a name", got=show(value))
    if not value.isprintable():
        raise ConfigError(f"{what} has characters that cannot be printed", got=show(value))
    return value


def as_index(value: Json, what: str) -> int:
    """Return the value as a whole number that is not negative.

    Raises:
        ConfigError: it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ConfigError(f"{what} is not an index", got=show(value))
    return value
