"""What follows from the shapes of a call's arrays: checked and worked out once, then only looked up.

Most calls of a model have shapes that an earlier one had. `Forms.known` answers for those; everything else
goes through `Forms.form`, which says what is wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import (
    BatchMismatchError,
    EmptyBatchError,
    InputDtypeError,
    InputNameError,
    InputShapeError,
)
from engine.execution.workspace import Help
from engine.program import InputSlot

# More forms than this are worked out anew each time.
MAX_KNOWN_FORMS = 512

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What calls with arrays of the same shapes have in common.

    Attributes:
        samples: of each array.
        others: shapes of all inputs but the first.
        results: names and shapes of the outputs.
        help: who helps; None for one thread.
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
        help_: Sequence[Help | None],
    ) -> None:
        """Start without any.

        Args:
            inputs: in the model's order; at least one.
            outputs: names and shapes without the batch axis.
            help_: by samples of a call: who helps; longer calls are like the last.
        """
        self.checks = tuple(InputCheck(slot) for slot in inputs)
        self.known: dict[Shape, Form] = {}
        self._outputs = tuple(outputs)
        self._help = tuple(help_)

    def form(self, inputs: Mapping[str, Array], arrays: Sequence[Array]) -> Form:
        """The form of a call, which is known from now on.

        Args:
            inputs: what the caller gave.
            arrays: the model's inputs among them, in order.

        Raises:
            RequestError: names, shapes or batch sizes do not fit.
        """
        for check, array in zip(self.checks, arrays, strict=True):
            check.check_shape(array)
        if len(inputs) != len(arrays):
            self._refuse_unknown(inputs)
        self._check_batches(arrays)
        samples = len(arrays[0])
        form = Form(
            samples,
            [array.shape for array in arrays[1:]],
            tuple((name, (samples, *shape)) for name, shape in self._outputs),
            self._help[min(samples, len(self._help) - 1)],
        )
        if len(self.known) < MAX_KNOWN_FORMS:
            self.known[arrays[0].shape] = form
        return form

    def _check_batches(self, arrays: Sequence[Array]) -> None:
        batch = len(arrays[0])
        for array, check in zip(arrays, self.checks, strict=True):
            if len(array) != batch:
                raise BatchMismatchError(
                    "inputs have different batch sizes",
                    expected=f"{batch}, as {self.checks[0].name!r} has",
                    got=f"{len(array)} in {check.name!r}",
                )
        if batch == 0:
            raise EmptyBatchError("the batch is empty", expected="at least one sample", got="0")

    def _refuse_unknown(self, inputs: Mapping[str, Array]) -> None:
        known = [check.name for check in self.checks]
        extra = [name for name in inputs if name not in known]
        raise InputNameError(
            "the model has no such input",
            expected=", ".join(map(repr, known)),
            got=", ".join(map(repr, extra)),
        )


class InputCheck:
    """What an input must look like.

    Attributes:
        name: of the input.
        dtype: of its elements.
    """

    def __init__(self, slot: InputSlot) -> None:
        self.name = slot.name
        self.dtype = np.dtype(slot.dtype)
        self._shape = slot.sample_shape

    def taken(self, inputs: Mapping[str, Array]) -> Array:
        """The array of this input, C-contiguous.

        Raises:
            InputNameError: it is missing.
            InputDtypeError: it has another element type.
            InputShapeError: it has another shape.
        """
        try:
            array = inputs[self.name]
        except KeyError:
            raise InputNameError(
                f"input {self.name!r} is missing",
                expected=repr(self.name),
                got=", ".join(map(repr, inputs)) or "no inputs",
            ) from None
        if isinstance(array, np.ndarray):
            array = np.asarray(array)  # a subclass may say another shape than its memory has
        if not isinstance(array, np.ndarray) or array.dtype != self.dtype:
            raise InputDtypeError(
                f"input {self.name!r} has the wrong element type",
                expected=self.dtype.name,
                got=str(getattr(array, "dtype", type(array).__name__)),
            )
        self.check_shape(array)
        return array if array.flags.c_contiguous else np.ascontiguousarray(array)

    def check_shape(self, array: Array) -> None:
        """Look at the shape only.

        Raises:
            InputShapeError: it is not what was declared.
        """
        if array.ndim != len(self._shape) + 1 or array.shape[1:] != self._shape:
            wanted = ", ".join(["batch", *map(str, self._shape)])
            raise InputShapeError(
                f"input {self.name!r} has the wrong shape",
                expected=f"[{wanted}]",
                got=str(list(array.shape)),
            )
