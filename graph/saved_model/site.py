"""One operation that is about to become nodes of the new graph, and what rules need to know of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.errors import (
    ConfigError,
    UnsupportedArgumentError,
    UnsupportedDtypeError,
    UnsupportedLayerError,
)
from graph.op import Op
from graph.saved_model.builder import Builder
from graph.saved_model.lengths import BATCH, ONE, Length, Lengths, fixed, product, show
from graph.saved_model.meta_graph import Attributes
from graph.saved_model.tensors import Array
from graph.saved_model.values import Known, Repeated, Shape, Tensor, TimeMajor, Value
from graph.shape_ops import Reshape

_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True, slots=True)
class Site:
    """An operation and the values that it reads.

    Attributes:
        builder: the graph under construction.
        label: the path of the operation.
        op: what it computes.
        inputs: what is known of what it reads.
        attributes: its attributes.
    """

    builder: Builder
    label: str
    op: str
    inputs: tuple[Value, ...]
    attributes: Attributes

    @property
    def where(self) -> str:
        """The operation, for messages."""
        return f"operation {self.label[-200:]!r} ({self.op[:80]})"

    def refusal(self, what: str, *, expected: str = "", got: str = "") -> UnsupportedArgumentError:
        """Return an error that says what of the operation is not read."""
        return UnsupportedArgumentError(f"{self.where} {what}", expected=expected, got=got)

    def input(self, place: int) -> Value:
        """Return what is known of an input.

        Raises:
            ConfigError: there is none at that place.
        """
        if place >= len(self.inputs):
            raise ConfigError(f"{self.where} has too few inputs", got=str(len(self.inputs)))
        return self.inputs[place]

    def tensor(self, place: int) -> Tensor:
        """Return an input that follows from the model's inputs; what is the same for all samples becomes a constant."""
        value = self.input(place)
        if isinstance(value, Tensor):
            return value
        if isinstance(value, TimeMajor):
            raise UnsupportedLayerError(
                f"{self.where} works on values whose first axis is not the batch",
                expected="the batch as the first axis of every value",
                got=show(value.shape),
            )
        raise self.refusal(f"has an input {place} that does not depend on the model's inputs")

    def real(self, place: int) -> Tensor:
        """Return an input that follows from the model's inputs, of type float32."""
        return self.as_real(self.tensor(place))

    def as_real(self, tensor: Tensor) -> Tensor:
        """Return a value of type float32 as it is.

        Raises:
            UnsupportedDtypeError: it is of another type.
        """
        if tensor.dtype != _FLOAT32:
            raise UnsupportedDtypeError(
                f"{self.where} does not compute in float32",
                expected="float32",
                got=str(tensor.dtype),
            )
        return tensor

    def known(self, place: int) -> Known:
        """Return an input that is the same for all samples.

        Raises:
            UnsupportedArgumentError: it is not.
        """
        value = self.input(place)
        if isinstance(value, Known):
            return value
        raise self.refusal(
            f"has an input {place} that follows from the model's inputs", expected="a constant"
        )

    def integers(self, place: int) -> tuple[int, ...]:
        """Return an input that is known whole numbers."""
        array = self.known(place).array
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise self.refusal(f"has an input {place} that is no list of whole numbers")
        return tuple(int(number) for number in array.reshape(-1))

    def integer(self, place: int) -> int:
        """Return an input that is one known whole number."""
        found = self.integers(place)
        if len(found) != 1:
            raise self.refusal(f"has an input {place} that is not one number")
        return found[0]

    def lengths(self, place: int) -> Lengths:
        """Return an input that is lengths, known or not."""
        value = self.input(place)
        if isinstance(value, Shape):
            return value.lengths
        return fixed(self.integers(place))

    def number(self, length: Length) -> int:
        """Return a length that is known.

        Raises:
            UnsupportedArgumentError: it is not.
        """
        if length.fixed is None:
            raise self.refusal("needs a number that varies", got=str(length))
        return length.fixed

    # Values of the new graph.

    def sample_lengths(self, shape: Lengths) -> Lengths:
        """Return the lengths of one sample of a value of that shape in TensorFlow.

        Raises:
            UnsupportedLayerError: the first axis is not the batch, so that samples are mixed.
        """
        if not self.builder.has_batch:
            return shape
        if not shape or shape[0] != BATCH or any("batch" in one.symbols for one in shape[1:]):
            raise UnsupportedLayerError(
                f"{self.where} works on values whose first axis is not the batch",
                expected="the batch as the first axis of every value",
                got=show(shape),
            )
        return shape[1:]

    def value(self, tensor: Tensor) -> str:
        """Return a value of the new graph whose axes are those of TensorFlow."""
        return self.shaped(tensor, self.sample_lengths(tensor.shape))

    def shaped(self, tensor: Tensor, lengths: Lengths) -> str:
        """Return a value of the new graph with the same elements in samples of those lengths."""
        if self.builder.lengths(tensor.value) == lengths:
            return tensor.value
        numbers = [length.fixed for length in lengths]
        if None in numbers:
            raise self.refusal(
                "needs another shape of a value whose size varies", got=show(lengths)
            )
        target = tuple(number for number in numbers if number is not None)
        return self.builder.add(f"{self.label}/reshape", Reshape(target), (tensor.value,))

    def rows(self, tensor: Tensor) -> str:
        """Return a value of the new graph whose last axis is that of TensorFlow; the axes before it may be others."""
        if not tensor.shape:
            raise self.refusal("needs a value with an axis of features")
        last, now = tensor.shape[-1], self.builder.lengths(tensor.value)
        if now and now[-1] == last:
            return tensor.value
        batch = BATCH if self.builder.has_batch else ONE
        rows = product(tensor.shape[:-1]).over(batch)
        if rows is None or rows.fixed is None or "batch" in last.symbols:
            raise self.refusal(
                "works across samples, or on sizes that vary", got=show(tensor.shape)
            )
        return self.shaped(tensor, (last,) if rows == ONE else (rows, last))

    def axis(self, tensor: Tensor, axis: int) -> int:
        """Return the axis of the new graph, counted with its batch, for an axis of a value in TensorFlow.

        Raises:
            UnsupportedArgumentError: there is no such axis, or it is that of the batch.
        """
        rank = len(tensor.shape)
        if not -rank <= axis < rank:
            raise self.refusal("has an axis that is not there", got=f"{axis} of {rank}")
        positive = axis % rank
        if self.builder.has_batch and positive == 0:
            raise self.refusal("works across samples", expected="axes of one sample", got="axis 0")
        return positive if self.builder.has_batch else positive + 1

    def add(
        self,
        op: Op,
        *inputs: str,
        weights: Sequence[str] = (),
        lengths: Lengths | None = None,
        name: str = "",
    ) -> str:
        """Add a node, and return the name of its value."""
        label = f"{self.label}/{name}" if name else self.label
        return self.builder.add(label, op, inputs, weights, lengths)

    def weight(self, known: Known, array: Array | None = None, name: str = "") -> str:
        """Add a constant as a weight, and return its name; `array` is used instead of it, where it is given."""
        wanted = f"{known.name}/{name}" if name else known.name
        return self.builder.add_weight(wanted, known.array if array is None else array)

    def made(self, value: str, dtype: "np.dtype[Any]" = _FLOAT32) -> Tensor:
        """Return what is known of a value of the new graph whose axes are those of TensorFlow."""
        return self.builder.tensor(value, dtype)

    def note(self, text: str) -> None:
        """Say something in the report, once."""
        self.builder.notes[text] = None


def sample_array(site: Site, array: Array, rank: int) -> Array | None:
    """Return a constant in the shape of one sample of a value of `rank` axes; None where it differs by sample.

    Shapes are aligned at their ends, as TensorFlow does.
    """
    if array.ndim > rank:
        return None
    padded = array.reshape((1,) * (rank - array.ndim) + array.shape)
    if not site.builder.has_batch:
        return padded
    return padded[0] if rank and padded.shape[0] == 1 else None


def as_known(value: Value) -> Known | None:
    """Return a value that is the same for all samples, with an axis of length 1 in place of the batch."""
    if isinstance(value, Known):
        return value
    if isinstance(value, Repeated):
        return Known(value.known.array[None], value.known.name)
    return None


def as_lengths(value: Value) -> Lengths | None:
    """Return whole numbers as lengths, where they may be some."""
    if isinstance(value, Shape):
        return value.lengths
    if isinstance(value, Known) and value.array.dtype.kind in "iu" and value.array.ndim <= 1:
        return fixed(value.array.reshape(-1))
    return None


def as_shape_value(lengths: Sequence[Length], like: Value, name: str, *, is_scalar: bool) -> Value:
    """Return lengths as a value: a constant where all of them are known."""
    dtype = like.dtype if isinstance(like, Shape) else np.dtype(np.int32)
    if isinstance(like, Known):
        dtype = like.array.dtype
    numbers = [length.fixed for length in lengths]
    if None in numbers:
        return Shape(tuple(lengths), is_scalar, dtype)
    array = np.array(numbers, dtype)
    return Known(array.reshape(()) if is_scalar else array, name)


Rule = Callable[[Site], Value | tuple[Value, ...]]
Rules = Mapping[str, Rule]
