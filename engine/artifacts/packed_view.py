"""A packed layer from a file, with the questions that the checks of the formats ask."""

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import PackedLayerError
from engine.core.steps import WeightedStep
from engine.core.target import Isa
from engine.kernels.abi import KernelSpec, PackedLayer
from engine.kernels.weight_loads import CHOICE, OPTIONAL_VARIANTS


class PackedView:
    """A packed layer beside the kernel and the layer that it is for.

    Attributes:
        spec: the kernel.
        lanes: samples per tile.
        isa: instruction set level of the kernel.
        inputs: weights of one output.
        units: outputs of the layer at one position.
        step: the step.
        positions: how often the layer is applied to one sample.
        span: the positions that this part computes.
        ints: values of the INT fields.
    """

    def __init__(
        self,
        spec: KernelSpec,
        step: WeightedStep,
        packed: PackedLayer,
        path: str,
        span: range | None = None,
    ) -> None:
        self.lanes = spec.lanes
        self.isa = spec.isa
        self.step = step
        self.positions = step.positions
        self.span = range(step.positions) if span is None else span
        self.inputs = step.inputs
        self.units = step.units
        self.ints: Mapping[str, int] = packed.ints
        self.spec = spec
        self._packed = packed
        self._path = path

    def expect(self, holds: bool, requirement: str) -> None:
        """Refuse the layer where a requirement does not hold.

        Raises:
            PackedLayerError: it does not.
        """
        if not holds:
            raise PackedLayerError(f"{self._path}: packed for another layer", expected=requirement)

    def expect_ints(self, wanted: Mapping[str, int]) -> None:
        """Each INT field has the given value."""
        for name, value in wanted.items():
            self.expect(self.ints.get(name) == value, f"{name} = {value}")

    def expect_below(self, numbers: npt.NDArray[Any], limit: int, what: str) -> None:
        """Every (unsigned) number is below a limit."""
        self.expect(numbers.size == 0 or int(numbers.max()) < limit, f"{what} below {limit}")

    def expect_all_rows(self, rows: npt.NDArray[Any]) -> None:
        """The (unsigned) row numbers are those of the layer, each at least once."""
        self.expect_below(rows, self.units, "row numbers")
        present = np.zeros(self.units, np.bool_)
        present[rows] = True
        self.expect(bool(present.all()), "every row is written")

    def expect_variants(self, *names: str, optional: frozenset[str] = frozenset()) -> None:
        """The kernel's variant is made of exactly these choices, and perhaps of optional ones."""
        made = [name for name, _ in self.spec.variant]
        self.expect(
            made == sorted({*names, *(optional & set(made))}), f"kernel variant {', '.join(names)}"
        )

    def variant_number(self, name: str, allowed: Container[int | str]) -> int:
        """Return a number of the kernel's variant that is allowed.

        Raises:
            PackedLayerError: it is another.
        """
        value = self.spec.option(name)
        if not isinstance(value, int) or value not in allowed:
            raise PackedLayerError(
                f"{self._path}: kernel variant {name}", expected=str(allowed), got=str(value)
            )
        return value

    def variant_word(self, name: str, allowed: Container[str]) -> str:
        """Return a word of the kernel's variant that is allowed.

        Raises:
            PackedLayerError: it is another.
        """
        value = self.spec.option(name)
        if not isinstance(value, str) or value not in allowed:
            raise PackedLayerError(
                f"{self._path}: kernel variant {name}", expected=str(allowed), got=str(value)
            )
        return value

    def weights(self, name: str, count: int) -> None:
        """A constant of so many weights, stored as the variant says (`engine.kernels.weight_loads`).

        Raises:
            PackedLayerError: it is another.
        """
        dtype: type[np.generic] = np.float32
        if CHOICE in dict(self.spec.variant):
            words = [str(word) for word in OPTIONAL_VARIANTS[CHOICE]]
            word = self.variant_word(CHOICE, words)
            self.expect(word != "f16" or self.isa is not Isa.GENERIC, "AVX2 or AVX-512 for f16")
            dtype = np.uint16
        self.array(name, dtype, (count,))

    def array(
        self, name: str, dtype: type[np.generic], shape: tuple[int | None, ...]
    ) -> npt.NDArray[Any]:
        """Return a constant of the given dtype and shape; None is any length."""
        array = self._packed.constants[name]
        fits = array.dtype == dtype and array.ndim == len(shape)
        if not fits or any(
            wanted not in (None, own) for own, wanted in zip(array.shape, shape, strict=True)
        ):
            raise PackedLayerError(
                f"{self._path}.{name} has another form",
                expected=f"{np.dtype(dtype)}{list(shape)}",
                got=f"{array.dtype}{list(array.shape)}",
            )
        return array
