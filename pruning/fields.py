"""Typed reading of one JSON object: every value is checked, and unknown names are refused."""

import difflib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from pruning.errors import RecipeError

FLOAT32_MAX = 3.4e38
# Comparing letters costs time in proportion to the length.
_MAX_NAME_LENGTH = 64
_Choice = TypeVar("_Choice", bound=StrEnum)


class FieldReader:
    """Reads the fields of one JSON object and remembers which ones it was asked for.

    JSON's types are kept apart: ``true`` is not the number 1, and ``"0.5"`` is not 0.5.

    Args:
        data: The object, as ``json.loads`` gives it.
        path: Where it stands in the recipe, for error messages; "" for the recipe itself.
        other_names: Wrong names that people use, with what to use instead.

    Raises:
        RecipeError: When ``data`` is not an object with text keys.
    """

    def __init__(
        self, data: object, path: str, other_names: Mapping[str, str] | None = None
    ) -> None:
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            raise RecipeError(path, "an object with field names", data)
        self._data: dict[str, object] = dict(data)
        self._path = path
        self._other_names = other_names or {}
        self._known: list[str] = []

    def path(self, name: str) -> str:
        """Full path of a field, for error messages."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """Return whether the field is given (``null`` counts as not given)."""
        return self.take(name) is not None

    def take(self, name: str) -> object:
        """Return the raw value, or None; marks the name as known."""
        self._known.append(name)
        return self._data.get(name)

    def number(self, name: str, default: float, *, low: float, high: float, below: bool) -> float:
        """Return a finite number with ``low <= value <= high`` (``value < high`` when ``below``)."""
        value = self.take(name)
        if value is None:
            return default
        bound = f"a number in [{low:g}, {high:g}{')' if below else ']'}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecipeError(self.path(name), bound, value)
        # Comparing before converting: a whole number too large for a float must not overflow.
        if not low <= value <= high or (below and value == high):
            raise RecipeError(self.path(name), bound, value)
        return float(value)

    def optional_number(self, name: str, *, low: float, high: float) -> float | None:
        """Return a finite number with ``low <= value <= high``, or None where nothing is given."""
        return self.number(name, low, low=low, high=high, below=False) if self.has(name) else None

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number in ``[low, high]``; 2.0 is refused."""
        value = self.take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise RecipeError(self.path(name), f"a whole number in [{low}, {high}]", value)
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        """``true`` or ``false``."""
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise RecipeError(self.path(name), "true or false", value)
        return value

    def choice(self, name: str, default: _Choice) -> _Choice:
        """Return one of the names of an enumeration."""
        value = self.take(name)
        if value is None:
            return default
        kinds = type(default)
        if not isinstance(value, str) or value not in [kind.value for kind in kinds]:
            hint = _did_you_mean(value, [kind.value for kind in kinds])
            raise RecipeError(self.path(name), f"one of {', '.join(kinds)}", value, hint)
        return kinds(value)

    def refuse(self, name: str, reason: str, hint: str = "") -> None:
        """Refuse a field that makes no sense beside the others."""
        if self.has(name):
            raise RecipeError(self.path(name), reason, self._data[name], hint)

    def finish(self) -> None:
        """Refuse every field nobody asked for.

        Raises:
            RecipeError: Naming the first unknown field, the known ones, and the one that may have been meant.
        """
        unknown = [name for name in self._data if name not in self._known]
        if unknown:
            known = ", ".join(sorted(set(self._known)))
            hint = _did_you_mean(unknown[0], self._known, self._other_names)
            raise RecipeError(self.path(unknown[0]), f"only the fields {known}", unknown[0], hint)


def _did_you_mean(
    given: object, known: Sequence[str], other_names: Mapping[str, str] | None = None
) -> str:
    """Return a hint with the name that may have been meant, or nothing."""
    name = str(given).lower()
    near = difflib.get_close_matches(name, known, n=1) if len(name) <= _MAX_NAME_LENGTH else []
    meant = (other_names or {}).get(name, near[0] if near else "")
    return f"did you mean {meant}?" if meant else ""
