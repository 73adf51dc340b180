"""What is known of a value while a graph is read: all of it, its lengths, or only where it comes from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.saved_model.flat import FlatNode
from graph.saved_model.lengths import Lengths
from graph.saved_model.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A value that is the same for all samples.

    Attributes:
        array: the value.
        name: what to call it as a weight.
    """

    array: Array
    name: str


@dataclass(frozen=True, slots=True)
class Shape:
    """Whole numbers that are lengths, some of them not known: what the operation Shape gives, and parts of it.

    Attributes:
        lengths: the numbers, row-major.
        is_scalar: whether the value is one number and no vector.
        dtype: the element type.
    """

    lengths: Lengths
    is_scalar: bool
    dtype: "np.dtype[Any]"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value that follows from the model's inputs.

    Attributes:
        value: the value of the new graph that holds its elements, row-major.
        shape: its shape in TensorFlow, the batch included; the value of the graph may have another one.
        dtype: its element type in TensorFlow.
    """

    value: str
    shape: Lengths
    dtype: "np.dtype[Any]"


@dataclass(frozen=True, slots=True)
class Repeated:
    """A value that is the same for all samples, once for each of them.

    Attributes:
        known: the value of a sample; its shape is that of `shape` without the batch.
        shape: the shape in TensorFlow, the batch first.
    """

    known: Known
    shape: Lengths


@dataclass(frozen=True, slots=True)
class Phased:
    """A padded value that SpaceToBatchND has cut into phases: a window over the phases is a dilated one over the value.

    Attributes:
        tensor: the value, before it was cut.
        blocks: the number of phases along each axis of it.
    """

    tensor: Tensor
    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TimeMajor:
    """A sequence with the time before the batch, as loops take it; `tensor` has the batch first."""

    tensor: Tensor

    @property
    def shape(self) -> Lengths:
        """The shape in TensorFlow."""
        batch, time, *rest = self.tensor.shape
        return (time, batch, *rest)


@dataclass(frozen=True, slots=True)
class Items:
    """A list of the steps of a sequence, whose tensor has the batch first; None while nothing is in it."""

    tensor: Tensor | None


@dataclass(frozen=True, slots=True)
class Uniform:
    """One number, repeated in a shape that varies otherwise than by the batch alone."""

    known: Known
    shape: Lengths


@dataclass(frozen=True, slots=True, eq=False)
class Handle:
    """A variable that is not read yet."""

    node: FlatNode


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that could not be made; the reason is kept elsewhere."""


Value = Known | Shape | Tensor | Repeated | TimeMajor | Items | Phased | Uniform | Handle | Refused
