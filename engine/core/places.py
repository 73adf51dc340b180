"""Where the values of a program lie."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A run of rows of a buffer.

    Attributes:
        buffer: number of the buffer.
        first: its first row.
        rows: number of rows; at least 1.
    """

    buffer: int
    first: int
    rows: int

    def part(self, first: int, rows: int) -> "Place":
        """Return the run of `rows` rows that starts `first` rows into this one."""
        return Place(self.buffer, self.first + first, rows)

    def overlaps(self, other: "Place") -> bool:
        """Return whether a row is in both."""
        return (
            self.buffer == other.buffer
            and self.first < other.first + other.rows
            and other.first < self.first + self.rows
        )
