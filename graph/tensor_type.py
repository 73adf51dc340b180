"""What a value in the graph is: an element type and a shape whose first axis is the batch."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from graph.errors import ShapeError


class DType(StrEnum):
    """Element types that a model's inputs may declare; outside of its front part all computation is float32."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    FLOAT16 = "float16"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    BOOL = "bool"
    # Texts, as bytes objects; only the front part of a model (`graph.front`) has them.
    STRING = "string"

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype of the same name; for texts that of Python objects."""
        return np.dtype(object if self is DType.STRING else self.value)

    @property
    def is_float(self) -> bool:
        """Whether its values are floats."""
        return self in (DType.FLOAT16, DType.FLOAT32, DType.FLOAT64)


@dataclass(frozen=True, slots=True)
class TensorType:
    """Element type and shape of a value.

    Attributes:
        dtype: the element type.
        shape: axis 0 is the batch and always None; any other None is a length that varies per call.
    """

    dtype: DType
    shape: tuple[int | None, ...]

    @property
    def rank(self) -> int:
        """Number of axes, the batch included."""
        return len(self.shape)

    @property
    def sample_shape(self) -> tuple[int | None, ...]:
        """The shape of one sample: all axes but the batch."""
        return self.shape[1:]

    @property
    def static_sample_shape(self) -> tuple[int, ...]:
        """`sample_shape` where every axis has a fixed length.

        Raises:
            ShapeError: an axis varies in length.
        """
        fixed = tuple(axis for axis in self.sample_shape if axis is not None)
        if len(fixed) != len(self.sample_shape):
            raise ShapeError(
                "a fixed length is needed for every axis but the batch",
                expected="integers after the batch axis",
                got=format_shape(self.shape),
                hint="give the input layers a fixed shape, or put a global pooling layer here",
            )
        return fixed

    @property
    def sample_size(self) -> int:
        """Number of elements of one sample.

        Raises:
            ShapeError: an axis varies in length.
        """
        return math.prod(self.static_sample_shape)

    def __str__(self) -> str:
        return f"{self.dtype.value}{format_shape(self.shape)}"


def format_shape(shape: tuple[int | None, ...]) -> str:
    """Write a shape as `[batch, 28, ?]`: `?` is a length that varies."""
    axes = ["?" if axis is None else str(axis) for axis in shape]
    return "[" + ", ".join(["batch", *axes[1:]]) + "]"


def float32(*sample_shape: int | None) -> TensorType:
    """Return a float32 value with a batch axis before `sample_shape`."""
    return TensorType(DType.FLOAT32, (None, *sample_shape))


def normalize_axis(axis: int, rank: int) -> int:
    """Turn a possibly negative `axis` into one in [0, rank).

    Raises:
        ShapeError: the axis is outside [-rank, rank).
    """
    if not -rank <= axis < rank:
        raise ShapeError(
            "an axis is out of range", expected=f"-{rank} <= axis < {rank}", got=str(axis)
        )
    return axis % rank


def sample_axis(axis: int) -> int:
    """Turn a checked axis of a batch into the axis of one sample; a negative one is both."""
    return axis - 1 if axis > 0 else axis
