"""What follows from the shapes of a call's arrays: checked and worked out once, then only looked up.

Most calls of a model have shapes that an earlier one had. `Forms.known` answers for those; everything else
goes through `Forms.form`, which says what is wrong.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import (
    BatchMismatchError,
    EmptyBatchError,
    InputDtypeError,
    InputShapeError,
    MissingInputError,
    UnknownInputError,
)
from engine.core.program import InputSlot
from engine.execution.workspace import Help

# More forms than this are worked out each time.
MAX_KNOWN_FORMS = 512
_SHOWN_NAMES = 20
_SHOWN_CHARACTERS = 80

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What calls with arrays of the same shapes have in common.

    Attributes:
        samples: number of samples in each array.
        others: shapes of all inputs but the first.
        results: names and shapes of the outputs.
        help: the threads that help; None for one thread alone.
    """

    samples: int
    others: list[Shape]
    results: tuple[tuple[str, Shape], ...]
    help: Help | None


class Forms:
    """The forms of one model.

    Attributes:
        checks: one per input, in the model's order.
        known: forms by the shape of the first input.
    """

    def __init__(
        self,
        inputs: Sequence[InputSlot],
        outputs: Sequence[tuple[str, Shape]],
        helpers: Sequence[Help | None],
    ) -> None:
        """Start without any.

        Args:
            inputs: the inputs in the model's order; at least one.
            outputs: names and shapes without the batch axis.
            helpers: the threads that help a call, by its number of samples; the last entry holds for all longer calls.
        """
        self.checks = tuple(InputCheck(slot) for slot in inputs)
        self.known: dict[Shape, Form] = {}
        self._outputs = tuple(outputs)
        self._helpers = tuple(helpers)

    def form(self, inputs: Mapping[str, Array], arrays: Sequence[Array]) -> Form:
        """Return the form of a call, which is known from now on.

        Args:
            inputs: the arrays that the caller gave.
            arrays: the model's inputs among them, in order.

        Raises:
            InputError: names, shapes or batch sizes do not fit.
        """
        if len(inputs) != len(arrays):
            self.check_names(inputs)
        samples = self._check_shapes([array.shape for array in arrays])
        form = Form(
            samples,
            [array.shape for array in arrays[1:]],
            tuple((name, (samples, *shape)) for name, shape in self._outputs),
            self._helpers[min(samples, len(self._helpers) - 1)],
        )
        if len(self.known) < MAX_KNOWN_FORMS:
            self.known[arrays[0].shape] = form
        return form

    def check(self, shapes: Mapping[str, Shape]) -> int:
        """Check the shapes of a call's arrays, which need not exist yet.

        Args:
            shapes: shapes of the arrays, by input name.

        Returns:
            The number of samples.

        Raises:
            InputError: names, shapes or batch sizes do not fit.
        """
        self.check_names(shapes)
        return self._check_shapes([shapes[check.name] for check in self.checks])

    def check_names(self, given: Mapping[str, object]) -> None:
        """Check that something is given for every input, and for nothing else.

        Raises:
            UnknownInputError: a name is no input of the model.
            MissingInputError: an input is not given.
        """
        known = {check.name for check in self.checks}
        if given.keys() == known:
            return
        for name in given:
            if name not in known:
                raise UnknownInputError(
                    "the model has no such input",
                    expected=_listed([check.name for check in self.checks]),
                    got=repr(str(name)[:_SHOWN_CHARACTERS]),
                )
        missing = next(check.name for check in self.checks if check.name not in given)
        raise _missing(missing, given)

    def _check_shapes(self, shapes: Sequence[Shape]) -> int:
        for check, shape in zip(self.checks, shapes, strict=True):
            check.check_shape(shape)
        samples = shapes[0][0]
        for check, shape in zip(self.checks, shapes, strict=True):
            if shape[0] != samples:
                raise BatchMismatchError(
                    "inputs have different batch sizes",
                    expected=f"{samples:,}, as {self.checks[0].name!r} has",
                    got=f"{shape[0]:,} in {check.name!r}",
                )
        if samples == 0:
            raise EmptyBatchError("the batch is empty", expected="at least one sample", got="0")
        return samples


class InputCheck:
    """What an input must look like.

    Attributes:
        name: name of the input.
        dtype: type of its elements.
    """

    def __init__(self, slot: InputSlot) -> None:
        self.name = slot.name
        self.dtype = np.dtype(slot.dtype)
        self._shape = slot.sample_shape

    def taken(self, inputs: Mapping[str, Array]) -> Array:
        """Return the array of this input, C-contiguous.

        Raises:
            MissingInputError: it is missing.
            InputDtypeError: it has another element type.
            InputShapeError: it has another shape.
        """
        try:
            array = inputs[self.name]
        except KeyError:
            raise _missing(self.name, inputs) from None
        if isinstance(array, np.ndarray):
            array = np.asarray(array)  # a subclass may say another shape than its memory has
        if not isinstance(array, np.ndarray) or array.dtype != self.dtype:
            raise InputDtypeError(
                f"input {self.name!r} has the wrong element type",
                expected=self.dtype.name,
                got=str(getattr(array, "dtype", type(array).__name__)),
            )
        self.check_shape(array.shape)
        return array if array.flags.c_contiguous else np.ascontiguousarray(array)

    def check_shape(self, shape: Shape) -> None:
        """Look at a shape only.

        Raises:
            InputShapeError: it is not what was declared.
        """
        if shape[1:] != self._shape or len(shape) != len(self._shape) + 1:
            wanted = ", ".join(["batch", *map(str, self._shape)])
            raise InputShapeError(
                f"input {self.name!r} has the wrong shape",
                expected=f"[{wanted}]",
                got=str(list(shape)),
                hint=self._shape_hint(shape),
            )

    def _shape_hint(self, shape: Shape) -> str:
        if shape == self._shape:
            return "a single sample needs a batch axis too: put it into a list"
        elements = prod(self._shape)
        axes = ", ".join(map(str, self._shape))
        if len(shape) > 1 and prod(shape[1:]) == elements:
            return f"each sample has {elements:,} numbers, as it must: reshape(-1, {axes})"
        if prod(shape) == elements:
            return f"one sample has {elements:,} numbers, as these are: reshape(1, {axes})"
        return ""


def _missing(name: str, given: Mapping[str, object]) -> MissingInputError:
    return MissingInputError(
        f"input {name!r} is missing", expected=repr(name), got=_listed(given) or "no inputs"
    )


def _listed(names: Collection[str]) -> str:
    shown = [repr(str(name)[:_SHOWN_CHARACTERS]) for name in list(names)[:_SHOWN_NAMES]]
    return ", ".join(shown) + (", ..." if len(names) > _SHOWN_NAMES else "")
