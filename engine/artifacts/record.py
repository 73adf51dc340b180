"""Strict reading of JSON from outside: every field is asked for by name, kind and range."""

import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from engine.core.errors import ManifestError

Item = TypeVar("Item")
Word = TypeVar("Word", bound=StrEnum)
# 2^53: every integer up to here is the same in all JSON readers.
MAX_INTEGER = 2**53


def parse_json(data: bytes) -> "Record":
    """Parse a JSON object.

    Raises:
        ManifestError: not JSON in UTF-8, not an object, a name twice in one object, NaN or Infinity.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise ManifestError("the manifest is not JSON", got=str(error)[:200]) from error
    return Record(value, "manifest")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


class Record:
    """A JSON object whose fields are taken one by one; what is left over is an error."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise ManifestError(f"{path} is no object", got=type(value).__name__)
        self._left = dict(value)
        self.path = path

    def __contains__(self, name: str) -> bool:
        """Return whether a field is there and was not taken yet."""
        return name in self._left

    def take(self, name: str) -> Any:
        """Return the value of a field, of any kind.

        Raises:
            ManifestError: it is missing.
        """
        try:
            return self._left.pop(name)
        except KeyError:
            raise ManifestError(f"{self.path}.{name} is missing") from None

    def done(self) -> None:
        """Refuse fields that nobody took.

        Raises:
            ManifestError: there are some.
        """
        if self._left:
            raise ManifestError(f"{self.path} has unknown fields", got=", ".join(self._left)[:200])

    def integer(self, name: str, low: int = 0, high: int = MAX_INTEGER) -> int:
        """Return an integer of a range."""
        return as_integer(self.take(name), f"{self.path}.{name}", low, high)

    def text(self, name: str, longest: int = 4096) -> str:
        """Return a string of 1 to `longest` characters."""
        return as_text(self.take(name), f"{self.path}.{name}", longest)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            raise ManifestError(f"{self.path}.{name} is no boolean", got=type(value).__name__)
        return value

    def number(self, name: str) -> float:
        """Return a float, written as hexadecimal text so that it is exact, and may be infinite."""
        return as_float(self.take(name), f"{self.path}.{name}")

    def optional_number(self, name: str) -> float | None:
        """Return a float as `number`, or null."""
        value = self.take(name)
        return None if value is None else as_float(value, f"{self.path}.{name}")

    def items(
        self, name: str, most: int, decode: Callable[[Any, str], Item], least: int = 0
    ) -> tuple[Item, ...]:
        """Return a list of `least` to `most` items."""
        return as_items(self.take(name), f"{self.path}.{name}", most, decode, least)

    def record(self, name: str, more: Mapping[str, Any] = MappingProxyType({})) -> "Record":
        """Return an object; with fields that files of its version do not have, and must not have."""
        found = Record(self.take(name), f"{self.path}.{name}")
        for field, value in more.items():
            if field in found._left:
                raise ManifestError(f"{found.path} has unknown fields", got=field)
            found._left[field] = value
        return found

    def entries(self, most: int) -> Iterable[tuple[str, Any]]:
        """Return all fields that are left, as names and values: for objects used as mappings."""
        if len(self._left) > most:
            raise ManifestError(f"{self.path} is too long", expected=f"at most {most}")
        left, self._left = self._left, {}
        return left.items()


def as_integer(value: Any, path: str, low: int = 0, high: int = MAX_INTEGER) -> int:
    """Check an integer; see `Record.integer`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ManifestError(
            f"{path} is out of range", expected=f"an integer, {low} to {high}", got=repr(value)[:80]
        )
    return value


def as_text(value: Any, path: str, longest: int = 4096) -> str:
    """Check a string; see `Record.text`."""
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ManifestError(
            f"{path} is no usable text", expected=f"1 to {longest} characters", got=repr(value)[:80]
        )
    return value


def as_float(value: Any, path: str) -> float:
    """Check and parse a hexadecimal float; see `Record.number`."""
    try:
        return float.fromhex(as_text(value, path, 64))
    except (ValueError, OverflowError):
        raise ManifestError(
            f"{path} is no number", expected="hexadecimal text", got=repr(value)[:80]
        ) from None


def as_flag(value: Any, path: str) -> bool:
    """Check a boolean.

    Raises:
        ManifestError: it is something else.
    """
    if not isinstance(value, bool):
        raise ManifestError(f"{path} is no boolean", got=type(value).__name__)
    return value


def as_member(kind: type[Word]) -> Callable[[Any, str], Word]:
    """Return a check of texts that name a member of an enumeration; it raises ManifestError for all others."""

    def decode(value: Any, path: str) -> Word:
        try:
            return kind(as_text(value, path))
        except ValueError:
            raise ManifestError(
                f"{path} is unknown", expected=", ".join(kind), got=repr(value)[:80]
            ) from None

    return decode


def as_items(
    value: Any, path: str, most: int, decode: Callable[[Any, str], Item], least: int = 0
) -> tuple[Item, ...]:
    """Check a list, and decode each item with its path; see `Record.items`."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise ManifestError(f"{path} is no list", expected=f"a list of {least} to {most} items")
    return tuple(decode(item, f"{path}[{number}]") for number, item in enumerate(value))
