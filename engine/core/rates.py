"""How long work takes on one core: its operations and bytes, over what the core can do at most of each.

The rates are measured on the host (`engine.tuning.host_rates`). Where nothing may be measured (plans for another
CPU, tests that must not depend on time) `default_rates` stands in: a server core of today, between those that were
looked at (Zen 4, Sapphire Rapids).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.target import Isa, Target

# How many times as long, or as short, a kernel may take as estimated: from measured rates, where the largest errors
# of kernels that matter are so large (docs/kernels.md); and on a CPU that is not known.
MEASURED_UNCERTAINTY = 1.5
DEFAULT_UNCERTAINTY = 1.75


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes that a kernel reads from a cache, or writes to it.

    Attributes:
        bytes: number of bytes.
        size_bytes: what the kernel goes over between two uses of one byte: it says which level the bytes are in.
        weights: whether they are weights: then the other layers' weights pass through the caches, too.
    """

    bytes: float
    size_bytes: float
    weights: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """What a kernel does for one tile.

    Attributes:
        products: float32 multiplications with their additions, those of unused elements of a vector included.
        permuted: float32 elements that go through instructions which move elements within a register.
        gathered: elements of x fetched by the gather instruction.
        picked: elements fetched by scalar loads.
        loads: vectors loaded from the first-level cache.
        moved: what comes from further away.
    """

    products: float = 0.0
    permuted: float = 0.0
    gathered: float = 0.0
    picked: float = 0.0
    loads: float = 0.0
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """A cache, or memory.

    Attributes:
        size_bytes: what it holds; None where that is anything.
        bytes_per_ns: rate of reading it, one byte after the other.
    """

    size_bytes: int | None
    bytes_per_ns: float


@dataclass(frozen=True, slots=True)
class Rates:
    """What one core can do at most, in each nanosecond.

    Attributes:
        vector_floats: float32 elements of a vector.
        products: float32 multiplications with their additions.
        permuted: float32 elements moved within registers.
        gathered: elements fetched by the gather instruction.
        picked: elements fetched by scalar loads.
        levels: the levels from the nearest cache to what holds everything; at least one.
        uncertainty: how many times as long, or as short, a kernel may take as estimated.
    """

    vector_floats: int
    products: float
    permuted: float
    gathered: float
    picked: float
    levels: tuple[Level, ...]
    uncertainty: float = DEFAULT_UNCERTAINTY

    def nanoseconds(self, work: Work, copies: float = 1.0) -> float:
        """Return how long work takes.

        Operations wait for each other, and loads for themselves, side by side with them; what comes from further away
        overlaps with both only in part, so the two add up as the sides of a right angle.

        Args:
            work: what is done.
            copies: how many layers of this size make up the network: their weights push each other out of caches.
        """
        operations = (
            work.products / self.products
            + work.permuted / self.permuted
            + work.gathered / self.gathered
            + work.picked / self.picked
        )
        nearest = self.levels[0]
        loads = work.loads * self.vector_floats * 4 / nearest.bytes_per_ns
        far = 0.0
        for part in work.moved:
            level = self.home(part.size_bytes * (copies if part.weights else 1.0))
            if level is not nearest:  # what is near is among the loads
                far += part.bytes / level.bytes_per_ns
        return math.hypot(max(operations, loads), far)

    def home(self, size_bytes: float) -> Level:
        """Return the nearest level that holds so many bytes; the last one where none says that it does."""
        fitting = (
            level
            for level in self.levels
            if level.size_bytes is None or size_bytes <= level.size_bytes
        )
        return next(fitting, self.levels[-1])


# Products, elements permuted, gathered and picked, and bytes of the three levels of cache, in a nanosecond.
_DEFAULTS: Mapping[Isa, tuple[float, ...]] = {
    Isa.AVX512: (80.0, 60.0, 4.0, 4.5, 270.0, 120.0, 30.0),
    Isa.AVX2: (60.0, 45.0, 3.5, 4.5, 180.0, 100.0, 30.0),
    Isa.GENERIC: (18.0, 20.0, 4.0, 4.0, 100.0, 60.0, 20.0),
}


def default_rates(target: Target | Isa) -> Rates:
    """Return rates that depend on nothing but the level of instructions and the sizes of the caches.

    Args:
        target: a CPU; a level stands for one with 32 KB and 1 MB of cache.
    """
    level = target if isinstance(target, Isa) else target.isa
    sizes = (32 * 1024, 1024 * 1024)
    if isinstance(target, Target):
        sizes = (target.l1d_bytes, target.l2_bytes)
    products, permuted, gathered, picked, *bytes_per_ns = _DEFAULTS[level]
    return Rates(
        level.vector_floats,
        products,
        permuted,
        gathered,
        picked,
        tuple(Level(size, rate) for size, rate in zip((*sizes, None), bytes_per_ns, strict=True)),
    )
