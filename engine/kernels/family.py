"""What a kernel family is: its fields, its code, and the specifications that it covers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from engine.core.target import Isa
from engine.kernels.abi import Field, KernelSpec

MAX_LANES = 1024
_NARROW = (4, 8)


class Lanes(StrEnum):
    """Which numbers of lanes a family has code for."""

    ONE = "1"
    TILE = "4, 8 or a multiple of the vector width, up to 1024"
    ANY = "1, 4, 8 or a multiple of the vector width, up to 1024"


@dataclass(frozen=True, slots=True)
class Family:
    """One kernel family.

    Attributes:
        fields: argument fields of a specification, in order.
        emit: LLVM IR text of a specification that meets the requirement.
        lanes: numbers of lanes.
        activates: whether a specification names an activation.
        variants: values of each choice; a specification makes every choice.
        optional: values of choices that a specification may leave out.
        isas: instruction set levels.
    """

    fields: Callable[[KernelSpec], tuple[Field, ...]]
    emit: Callable[[KernelSpec], str]
    lanes: Lanes
    activates: bool = False
    variants: Mapping[str, Collection[int | str]] = field(default_factory=dict)
    isas: Collection[Isa] = tuple(Isa)
    optional: Mapping[str, Collection[int | str]] = field(default_factory=dict)

    def unmet(self, spec: KernelSpec) -> str | None:
        """Return the requirement that a specification does not meet; None where it meets all."""
        if spec.isa not in self.isas:
            return f"level {', '.join(self.isas)}"
        if not _suits(self.lanes, spec):
            return f"lanes: {self.lanes.value}"
        if (spec.activation is not None) != self.activates:
            return "an activation" if self.activates else "no activation"
        made = [name for name, _ in spec.variant]
        if made != sorted({*self.variants, *(self.optional.keys() & made)}):
            return f"the choices {', '.join(sorted(self.variants)) or 'none'}"
        allowed = {**self.variants, **self.optional}
        for name, value in spec.variant:
            if value not in allowed[name]:
                return f"{name} one of {', '.join(map(str, allowed[name]))}"
        return None


def fixed(fields: tuple[Field, ...]) -> Callable[[KernelSpec], tuple[Field, ...]]:
    """Fields that do not depend on the specification."""
    return lambda _: fields


def _suits(lanes: Lanes, spec: KernelSpec) -> bool:
    if spec.lanes == 1:
        return lanes is not Lanes.TILE
    if lanes is Lanes.ONE or not 1 < spec.lanes <= MAX_LANES:
        return False
    # A tile is a whole number of registers, or one of the narrower powers of two.
    width = spec.isa.vector_floats
    return spec.lanes % width == 0 or (spec.lanes < width and spec.lanes in _NARROW)
