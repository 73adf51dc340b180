"""The state of one lowering, and the few ways in which ops add to it.

A value lies in one of two forms: row-major in the graph's own order of axes, channels last; or in channels, the last
axis outermost. Each op takes the form that suits it, and gives what it makes in the form that it is in; a value is
brought into the other form when it is first asked for. Where there is one channel or one position both are the same.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core import limits
from engine.core.errors import UnsupportedModelError
from engine.core.program import Array
from engine.core.steps import (
    CopyStep,
    MoveStep,
    Place,
    Step,
    TransposeStep,
)
from engine.core.window_steps import BOX_AXES, BOX_NUMBERS
from graph.graph import Node, WeightArray
from graph.tensor_type import TensorType

_MOST_BOXES = 2**17


@dataclass(frozen=True, slots=True)
class InChannels:
    """A result that lies in channels."""

    place: Place


Result = Place | InChannels


def place_of(result: Result) -> Place:
    """Return where a result lies."""
    return result.place if isinstance(result, InChannels) else result


def with_place(form: Result, place: Place) -> Result:
    """Return a place in the form of another result."""
    return InChannels(place) if isinstance(form, InChannels) else place


class DerivedWeights:
    """What follows from a graph's weights alone, kept for lowering the same graph at other sizes.

    Attributes:
        arrays: arrays by names that say what of, and how they follow.
        nonzeros: arrays with the number of their elements that are not zero, by the name of the constant.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self.nonzeros: dict[str, tuple[Array, int]] = {}


class Lowering:
    """What has been made so far.

    Attributes:
        types: types of the graph's values.
        inside: nodes that take their input in channels, in whatever form it was made.
        steps: steps so far.
        buffers: rows of each buffer so far.
        constants: constants so far; graph weights enter when first used.
        padded: values that are another value with so many zeros before and behind each spatial axis.
    """

    def __init__(
        self,
        weights: Mapping[str, WeightArray],
        types: Mapping[str, TensorType],
        inside: frozenset[str] = frozenset(),
        derived: DerivedWeights | None = None,
    ) -> None:
        self._weights = weights
        self._derived = derived or DerivedWeights()
        self.types = types
        self.inside = inside
        self._row_major: dict[str, Place] = {}
        self._in_channels: dict[str, Place] = {}
        self._made_in_channels: set[str] = set()
        self.padded: dict[str, tuple[str, tuple[tuple[int, int], ...]]] = {}
        self.steps: list[Step] = []
        self.buffers: list[int] = []
        self.constants: dict[str, Array] = {}

    def new_buffer(self, rows: int) -> Place:
        """Return a new buffer, as a whole."""
        self.buffers.append(rows)
        return Place(len(self.buffers) - 1, 0, rows)

    def result(self, node: Node) -> Place:
        """Return a new buffer for the value of `node`."""
        return self.new_buffer(self.types[node.name].sample_size)

    def add(self, value: str, result: Result) -> None:
        """Say where a value lies."""
        place = place_of(result)
        channels, positions = self.extent(value)
        same = min(channels, positions) == 1
        if isinstance(result, InChannels) or same:
            self._in_channels[value] = place
        if not isinstance(result, InChannels) or same:
            self._row_major[value] = place
        if isinstance(result, InChannels) and not same:
            self._made_in_channels.add(value)

    def extent(self, value: str) -> tuple[int, int]:
        """Return channels and positions of a value."""
        shape = self.shape(value)
        channels = shape[-1] if shape else 1
        return channels, math.prod(shape) // channels

    def row_major(self, value: str) -> Place:
        """Return where a value lies row-major."""
        if value not in self._row_major:
            channels, positions = self.extent(value)
            x = self._in_channels[value]
            self._row_major[value] = self._exchanged(x, channels, positions)
        return self._row_major[value]

    def in_channels(self, value: str) -> Place:
        """Return where a value lies in channels."""
        if value not in self._in_channels:
            channels, positions = self.extent(value)
            x = self._row_major[value]
            self._in_channels[value] = self._exchanged(x, positions, channels)
        return self._in_channels[value]

    def lies_in_channels(self, *values: str) -> bool:
        """Return whether one of the values was made in channels, which are not row-major as well."""
        return not self._made_in_channels.isdisjoint(values)

    def as_it_lies(self, value: str) -> Result:
        """Return where a value lies, in the form that it is in."""
        if self.lies_in_channels(value):
            return InChannels(self.in_channels(value))
        return self.row_major(value)

    def _exchanged(self, x: Place, rows: int, columns: int) -> Place:
        """Return a value of [rows][columns] with the axes exchanged."""
        y = self.new_buffer(x.rows)
        self.steps.append(TransposeStep(x, y, 1, rows, columns, 1))
        return y

    def move(
        self,
        hint: str,
        x: Place,
        boxes: Sequence[Sequence[int]] | npt.NDArray[np.int64],
        channels: tuple[int, int, int],
        fill: float | None = None,
    ) -> Place:
        """Add a move to a new buffer.

        Args:
            hint: name for its constant.
            x: what is moved.
            boxes: as `box` makes them.
            channels: their number, rows of x from one to the next, rows of each in the result.
            fill: what is in no box.
        """
        outer, x_rows, y_rows = channels
        y = self.new_buffer(outer * y_rows)
        array = np.array(boxes, np.uint32).reshape(-1, BOX_NUMBERS)
        name = self.constant(f"{hint}/boxes", array)
        self.steps.append(MoveStep(x, y, name, outer, x_rows, y_rows, fill))
        return y

    def shape(self, value: str) -> tuple[int, ...]:
        """Return the sample shape of a value."""
        return self.types[value].static_sample_shape

    def weight_array(self, name: str) -> WeightArray:
        """Return the array of a graph weight."""
        return self._weights[name]

    def weight(self, name: str) -> str:
        """Make a graph weight a constant, under its own name: shared layers share it."""
        self.constants[name] = self._weights[name]
        return name

    def derived(self, name: str, make: Callable[[], Array]) -> str:
        """Make an array that follows from weights alone a constant, under a name that stands for how it follows."""
        array = self._derived.arrays.get(name)
        if array is None:
            array = self._derived.arrays[name] = np.ascontiguousarray(make())
        return name if self.constants.get(name) is array else self.constant(name, array)

    def nonzeros(self, name: str) -> int:
        """Return how many numbers of a constant are not zero."""
        array = self.constants[name]
        found, count = self._derived.nonzeros.get(name, (None, 0))
        if found is not array:
            count = int(np.count_nonzero(array))
            self._derived.nonzeros[name] = (array, count)
        return count

    def constant(self, hint: str, array: npt.NDArray[Any]) -> str:
        """Add a constant under a name like `hint`; an equal one that is there already is used again."""
        name, count = hint, 0
        while name in self.constants or name in self._weights:
            there = self.constants.get(name)
            if there is not None and there.dtype == array.dtype and np.array_equal(there, array):
                return name
            count += 1
            name = f"{hint}.{count}"
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def copy(self, hint: str, x: Place, index: npt.NDArray[Any]) -> Place:
        """Add a copy y[i] = x[index[i]] to a new buffer; `index` of any shape is read row-major."""
        y = self.new_buffer(index.size)
        self.copy_to(hint, x, index, y)
        return y

    def copy_to(self, hint: str, x: Place, index: npt.NDArray[Any], y: Place) -> None:
        """Add a copy y[i] = x[index[i]]."""
        name = self.constant(f"{hint}/rows", index.reshape(-1).astype(np.uint32))
        self.steps.append(CopyStep(x, y, name))

    def copy_whole(self, hint: str, x: Place, y: Place) -> None:
        """Add a copy of all rows, in order."""
        boxes = np.array([box(0, 0, [(x.rows, 1, 1)])], np.uint32)
        name = self.constant(f"{hint}/boxes", boxes)
        self.steps.append(MoveStep(x, y, name, 1, x.rows, x.rows, None))

    def input_rows(self, value: str) -> npt.NDArray[np.uint32]:
        """Row numbers of a value, in its sample shape."""
        shape = self.shape(value)
        return np.arange(self.types[value].sample_size, dtype=np.uint32).reshape(shape)


def expect_boxes(name: str, count: int) -> None:
    """Refuse a move of very many boxes, before any is made: they would take minutes and gigabytes.

    Raises:
        UnsupportedModelError: there would be more than are made.
    """
    if count > _MOST_BOXES:
        raise UnsupportedModelError(
            f"{name!r} takes its input apart into too many pieces",
            expected=f"at most {_MOST_BOXES:,}, by smaller windows or strides",
            got=f"{count:,}",
        )


def expect_matrix(name: str, numbers: int, most: int = limits.MAX_BUFFER_ROWS) -> None:
    """Refuse a matrix that a few numbers of the graph would make very large, before it is made.

    Raises:
        UnsupportedModelError: it would have more than `most` numbers.
    """
    if numbers > most:
        raise UnsupportedModelError(
            f"{name!r} needs a matrix that is too large",
            expected=f"at most {most:,} numbers",
            got=f"{numbers:,}",
        )


def box(x_first: int, y_first: int, axes: Sequence[tuple[int, int, int]]) -> list[int]:
    """Return a box of `MoveStep`: first rows of x and y, then count and steps of up to four axes, outermost first."""
    padded = [(1, 0, 0)] * (BOX_AXES - len(axes)) + list(axes)
    return [x_first, y_first, *(number for axis in padded for number in axis)]


# What lowers each op, by its exact class; the third argument is the node's op, of that class.
Lowerings = Mapping[type[Any], Callable[[Lowering, Node, Any], Result]]
