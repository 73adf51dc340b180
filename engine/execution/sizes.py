"""What calls of a model may ask for whose inputs vary in size, and what is kept for them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """What calls may ask for, and what is kept.

    Attributes:
        max_length: largest length of an axis that varies.
        max_operations: most multiplications for one sample, about; writing a number counts as 64 of them.
        max_kept: number of sizes that are kept, besides that of the program.
        max_kept_bytes: most memory of the sizes that are kept, and the most that one size may take.
    """

    max_length: int = 65_536
    max_operations: int = 200_000_000_000
    max_kept: int = 16
    max_kept_bytes: int = 512 * 1024 * 1024
