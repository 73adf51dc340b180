"""What an op is, and the checks that shape rules share."""

from collections.abc import Sequence
from dataclasses import Field
from typing import Any, ClassVar, Protocol

from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.tensor_type import DType, TensorType, normalize_axis

WeightShapes = tuple[tuple[int, ...], ...]


class Op(Protocol):
    """What every op offers; every op is a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Give the output's type.

        Raises:
            ShapeError: the number or shape of inputs or weights does not fit.
        """

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """Compute the output from arrays that `infer` accepts, batch first."""


def float32_batch(shape: tuple[int | None, ...]) -> TensorType:
    """Return a float32 value of that shape, the batch axis included."""
    return TensorType(DType.FLOAT32, shape)


def moved(x: TensorType, shape: tuple[int | None, ...]) -> TensorType:
    """Return the type of elements of `x` in another shape: truth values stay such, all numbers are float32."""
    return TensorType(DType.BOOL if x.dtype is DType.BOOL else DType.FLOAT32, shape)


def broadcast_shape(inputs: tuple[TensorType, ...]) -> tuple[int | None, ...]:
    """Return the shape that values broadcast to.

    A value of lower rank gets axes of length 1 right after the batch, as Keras' merging layers do.

    Raises:
        ShapeError: along an axis there are two lengths besides 1.
    """
    rank = max(x.rank for x in inputs)
    padded = [(None, *[1] * (rank - x.rank), *x.sample_shape) for x in inputs]
    axes = [_broadcast_axis([shape[axis] for shape in padded]) for axis in range(1, rank)]
    return (None, *axes)


def _broadcast_axis(lengths: list[int | None]) -> int | None:
    distinct = {length for length in lengths if length != 1}
    if len(distinct) > 1:
        raise ShapeError("values do not broadcast", got=f"lengths {sorted(map(str, lengths))}")
    return distinct.pop() if distinct else 1


def same_rank(arrays: Sequence[FloatArray]) -> list[FloatArray]:
    """Return arrays with axes of length 1 after the batch, so that all have as many axes; see `broadcast_shape`."""
    rank = max(x.ndim for x in arrays)
    return [x.reshape(len(x), *[1] * (rank - x.ndim), *x.shape[1:]) for x in arrays]


def only_input(inputs: tuple[TensorType, ...]) -> TensorType:
    """Return the one input of an op that takes one.

    Raises:
        ShapeError: there is none, or more than one.
    """
    if len(inputs) != 1:
        raise ShapeError("an op got the wrong number of inputs", expected="1", got=str(len(inputs)))
    return inputs[0]


def expect_weights(weights: WeightShapes, *shapes: tuple[int | None, ...]) -> None:
    """Check the shapes of an op's weights.

    Raises:
        ShapeError: their number or a shape differs.
    """
    if weights != shapes:
        raise ShapeError(
            "weights do not fit the layer", expected=str(list(shapes)), got=str(list(weights))
        )


def feature_axis(axis: int, x: TensorType) -> int:
    """Turn `axis` into a positive one of `x` that is not the batch.

    Raises:
        ShapeError: it is out of range or the batch.
    """
    positive = normalize_axis(axis, x.rank)
    if positive == 0:
        raise ShapeError("axis 0 is the batch", expected="an axis of the sample", got=str(axis))
    return positive


def broadcasts(shape: tuple[int, ...], target: tuple[int | None, ...]) -> bool:
    """Return whether `shape` has the rank of `target` and, on every axis, its length or 1."""
    return len(shape) == len(target) and all(
        own in (1, wanted) for own, wanted in zip(shape, target, strict=True)
    )
