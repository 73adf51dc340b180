"""What an op is, and the checks that shape rules share."""

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
