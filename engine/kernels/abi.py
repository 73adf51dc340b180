"""The contract between kernels and the runtime: argument fields, specifications, packed layers.

Every kernel is one native function `void kernel(ptr ctx, ptr args)`.

- A value of sample size E in a tile of `lanes` samples is float32[E][lanes], the batch innermost,
  64-byte aligned in the arena (lanes = 1: a plain float32[E]).
- `ctx` points to the five 8-byte fields of `Context`; `args` to one 8-byte field per `Field` of the
  kernel's family, in order.

Kernels may read, and ignore, up to 128 bytes behind a value: the arena needs that room at its end.
They write only what they are asked for.

The tile may hold fewer valid samples than lanes; `pack` fills the surplus lanes with copies of the
last valid sample. They are computed like the rest and never read by `unpack`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

import numpy.typing as npt

from engine.core.functions import MAX_PARAMETERS, FusedActivation
from engine.core.rates import Work
from engine.core.target import Isa


class Context(IntEnum):
    """Index of each 8-byte field behind `ctx`."""

    ARENA = 0  # ptr: base of this thread's arena
    INPUTS = 1  # ptr to an array of ptr: user arrays [batch][sample size], by input slot
    OUTPUTS = 2  # ptr to an array of ptr: result arrays float32[batch][sample size]
    FIRST_SAMPLE = 3  # i64: first sample of this tile
    VALID_SAMPLES = 4  # i64: samples of this tile that exist, 1..lanes


class FieldKind(StrEnum):
    """How the runtime fills one 8-byte argument field."""

    ARENA = "arena"  # i64 byte offset into the arena, multiple of 4 (64 where a value starts)
    CONST = "const"  # absolute address of a packed constant, 64-byte aligned
    INT = "int"  # i64
    STEP = "step"  # address of another kernel's step entry (`engine.kernels.driver`), to be called


@dataclass(frozen=True, slots=True)
class Field:
    """One argument of a kernel."""

    name: str
    kind: FieldKind


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """Names exactly one piece of machine code.

    Attributes:
        family: key of the family in `engine.kernels.registry`.
        isa: instruction set level.
        lanes: samples per tile the code is for; 1, or a multiple of the vector width.
        activation: function applied to each stored element; None where the family has none.
        variant: the family's own choices, sorted by name, e.g. (("window", 32),).
    """

    family: str
    isa: Isa
    lanes: int
    activation: FusedActivation | None = None
    variant: tuple[tuple[str, int | str], ...] = ()

    @property
    def symbol(self) -> str:
        """The native symbol, e.g. `f32_spmm_rows_relu_rows4_x32__avx512`."""
        parts = ["f32", self.family]
        if self.activation is not None:
            parts.append(self.activation.value)
        parts.extend(f"{name}{value}" for name, value in self.variant)
        return f"{'_'.join(parts)}_x{self.lanes}__{self.isa.value}"

    def option(self, name: str) -> int | str:
        """Return the variant choice called `name`; KeyError where the family did not set it."""
        return dict(self.variant)[name]

    def number(self, name: str) -> int:
        """Return the variant choice called `name`, which is a number."""
        return int(self.option(name))


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """A layer in the format of one kernel.

    Attributes:
        constants: arrays for the CONST fields, by field name.
        ints: values for the INT fields, by field name (float parameters as bit patterns).
        nonzeros: weights that are not zero.
        bytes: size of all constants.
    """

    constants: Mapping[str, npt.NDArray[Any]]
    ints: Mapping[str, int]
    nonzeros: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kernel that can compute a layer, and how to pack the layer for it.

    Attributes:
        spec: the machine code.
        sparse: whether zeros are skipped.
        pack: packs a layer of the class that the kernel is for; pure, may take milliseconds to seconds.
        work: operations and bytes of one tile.
        estimated_ns: rough time of one tile, as `engine.kernels.registry` finds it from the work and a core's rates.
    """

    spec: KernelSpec
    sparse: bool
    pack: Callable[[Any], PackedLayer]
    work: Work = field(default_factory=Work)
    estimated_ns: float = 0.0


def packed_layer(
    constants: Mapping[str, npt.NDArray[Any]], ints: Mapping[str, int], nonzeros: int
) -> PackedLayer:
    """Build a `PackedLayer`, with its size taken from the arrays."""
    total = sum(int(array.nbytes) for array in constants.values())
    return PackedLayer(dict(constants), dict(ints), nonzeros, total)


ARGUMENT_FIELDS = tuple(Field(f"p{i}", FieldKind.INT) for i in range(MAX_PARAMETERS))
