"""A kernel with its arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from engine.kernels.abi import KernelSpec

# A kernel, the values of its ARENA and INT fields, and its constants: of a step that calls no other kernel.
Bound = tuple[KernelSpec, dict[str, int], dict[str, npt.NDArray[Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class BoundStep:
    """A kernel and its arguments.

    Attributes:
        spec: the machine code.
        numbers: values of the ARENA and INT fields, by field name.
        constants: arrays for the CONST fields, by field name.
        inner: kernels that it calls, by the name of the STEP field.
    """

    spec: KernelSpec
    numbers: Mapping[str, int]
    constants: Mapping[str, npt.NDArray[Any]]
    inner: Mapping[str, "BoundStep"] = field(default_factory=dict)

    def with_inner(self) -> "tuple[BoundStep, ...]":
        """Return the step and those that it calls."""
        return (self, *(one for step in self.inner.values() for one in step.with_inner()))
