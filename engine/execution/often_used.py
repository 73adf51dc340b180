"""A bounded mapping that keeps what is used often: what is asked for once does not push it out."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

# Uses that count; as many evictions as halvings lead from here to one use.
_MOST_USES = 1024


@dataclass(slots=True)
class _Entry(Generic[Value]):
    value: Value
    uses: int = 1


class OftenUsed(Generic[Key, Value]):
    """Values by key, with the number of their uses; used by one thread at a time.

    What goes first is what was used least: its uses count less with every value that went, so that what nobody asks for
    any more goes in the end. Among equals the one goes that was used longest ago. So a client that asks for ever new
    keys pushes out its own, and not those of others.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[Key, _Entry[Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[Value]:
        return (entry.value for entry in self._entries.values())

    def get(self, key: Key) -> Value | None:
        """Return a value, which counts as a use; None where there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.uses = min(entry.uses + 1, _MOST_USES)
        self._entries.move_to_end(key)
        return entry.value

    def put(self, key: Key, value: Value) -> None:
        """Add a value; it is the last that `drop_least` takes."""
        self._entries[key] = _Entry(value)
        self._entries.move_to_end(key)

    def drop_least(self) -> Value:
        """Take out what was used least, but not what was put in or used last where there is another.

        Raises:
            KeyError: there is nothing.
        """
        *others, last = self._entries.items() or [None]
        if last is None:
            raise KeyError("there is nothing to take out")
        key, entry = min(others, key=lambda item: item[1].uses, default=last)
        del self._entries[key]
        for one in self._entries.values():
            one.uses = max(1, one.uses // 2)
        return entry.value

    def clear(self) -> None:
        """Take out everything."""
        self._entries.clear()
