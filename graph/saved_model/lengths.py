"""Lengths of axes that may depend on the batch, or on the size of an input: products of numbers and symbols."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Length:
    """`factor` times all symbols.

    Attributes:
        factor: a whole number.
        symbols: names of lengths that are not known, sorted; one may occur several times.
    """

    factor: int
    symbols: tuple[str, ...] = ()

    @property
    def fixed(self) -> int | None:
        """The number, where it is one."""
        return None if self.symbols else self.factor

    def times(self, other: "Length") -> "Length":
        """Return the product."""
        return Length(self.factor * other.factor, tuple(sorted((*self.symbols, *other.symbols))))

    def over(self, other: "Length") -> "Length | None":
        """Return the quotient where it is exact, else None."""
        left, divisor = Counter(self.symbols), Counter(other.symbols)
        if other.factor == 0 or self.factor % other.factor or divisor - left:
            return None
        return Length(self.factor // other.factor, tuple(sorted((left - divisor).elements())))

    def __str__(self) -> str:
        return " * ".join((str(self.factor), *self.symbols)) if self.symbols else str(self.factor)


BATCH = Length(1, ("batch",))
ONE = Length(1)

Lengths = tuple[Length, ...]


def fixed(numbers: Iterable[int]) -> Lengths:
    """Return lengths that are known."""
    return tuple(Length(int(number)) for number in numbers)


def product(lengths: Iterable[Length]) -> Length:
    """Return the product of lengths; one of none is 1."""
    found = list(lengths)
    symbols = [symbol for length in found for symbol in length.symbols]
    return Length(math.prod(length.factor for length in found), tuple(sorted(symbols)))


def show(lengths: Lengths) -> str:
    """Write lengths for people."""
    return "[" + ", ".join(map(str, lengths)) + "]"
