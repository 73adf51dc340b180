"""Windows that move over the spatial axes of a value: how many there are, and which elements each of them meets."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from graph import limits as bounds
from graph.errors import ShapeError
from graph.tensor_type import TensorType, format_shape


class Padding(StrEnum):
    """How far windows reach over the borders, where they meet zeros (for a maximum: nothing).

    VALID: not at all. SAME: as many windows as ceil(length / stride), and an odd element of padding goes behind, as in
    TensorFlow. CAUSAL: only in front, so that no output depends on what comes after it.
    """

    VALID = "valid"
    SAME = "same"
    CAUSAL = "causal"

    def amounts(self, length: int, size: int, stride: int, dilation: int) -> tuple[int, int]:
        """Return how many elements of padding there are in front of an axis and behind it."""
        reach = reach_of(size, dilation)
        if self is Padding.VALID:
            return 0, 0
        if self is Padding.CAUSAL:
            return reach - 1, 0
        total = max((-(-length // stride) - 1) * stride + reach - length, 0)
        return total // 2, total - total // 2

    def windows(self, length: int | None, size: int, stride: int, dilation: int) -> int | None:
        """Return the number of windows on an axis; None where its length varies."""
        if length is None:
            return None
        if self is Padding.VALID:
            return (length - reach_of(size, dilation)) // stride + 1
        return -(-length // stride)


def reach_of(size: int, dilation: int) -> int:
    """Return how many elements a window of `size` elements spans that are `dilation` apart."""
    return (size - 1) * dilation + 1


@dataclass(frozen=True, slots=True)
class Window:
    """A window over all spatial axes: its size, strides and dilation by axis, and the padding."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Padding

    def outputs(self, x: TensorType) -> tuple[int | None, ...]:
        """Return the spatial shape that the window gives.

        Raises:
            ShapeError: the window does not fit `x`.
        """
        expect_spatial(x, len(self.size))
        numbers = (*self.size, *self.strides, *self.dilation)
        if not len(self.size) == len(self.strides) == len(self.dilation) or min(numbers) < 1:
            raise ShapeError(
                "a window needs a size, a stride and a dilation of at least 1 for every axis",
                expected=f"{x.rank - 2} of each",
                got=f"{self.size}, {self.strides} and {self.dilation}",
            )
        lengths = x.shape[1:-1]
        found = tuple(
            self.padding.windows(length, *axis)
            for length, axis in zip(lengths, self._axes(), strict=True)
        )
        if any(count is not None and count < 1 for count in found):
            raise ShapeError(
                "a window is larger than the value that it moves over",
                expected=f"at most {format_shape(x.shape)}",
                got=f"size {self.size}, dilation {self.dilation}",
            )
        self._check_padded(x)
        return found

    def taps(self, lengths: Sequence[int]) -> tuple[tuple["Tap", ...], ...]:
        """Return the taps of each axis; `lengths` are those of the axes that the window moves over."""
        return tuple(
            _taps(length, self.padding, *axis)
            for length, axis in zip(lengths, self._axes(), strict=True)
        )

    def _axes(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(zip(self.size, self.strides, self.dilation, strict=True))

    def _check_padded(self, x: TensorType) -> None:
        """Refuse padding beyond the largest value, which no real model has."""
        elements = x.shape[-1] or 1
        for length, axis in zip(x.shape[1:-1], self._axes(), strict=True):
            elements *= (length or 1) + sum(self.padding.amounts(length or 1, *axis))
        if elements > bounds.MAX_SAMPLE_ELEMENTS:
            raise ShapeError(
                "a value with its padding is too large",
                expected=f"at most {bounds.MAX_SAMPLE_ELEMENTS} elements",
                got=f"size {self.size}, dilation {self.dilation} over {format_shape(x.shape)}",
            )


@dataclass(frozen=True, slots=True)
class Tap:
    """One element of the window on one axis: for which windows it meets the value, and there which elements.

    Attributes:
        place: the number of the element in the window.
        windows: the windows in which it meets an element and not padding.
        elements: the elements that it meets, as many as windows.
    """

    place: int
    windows: slice
    elements: slice


def _taps(length: int, padding: Padding, size: int, stride: int, dilation: int) -> tuple[Tap, ...]:
    count = padding.windows(length, size, stride, dilation) or 0
    before = padding.amounts(length, size, stride, dilation)[0]
    # The element of window w at place p is w * stride + p * dilation - before, in [0, length) unless it is padding.
    first_place = max(0, -(-(before - (count - 1) * stride) // dilation))
    last_place = min(size - 1, (length - 1 + before) // dilation)
    found = []
    for place in range(first_place, last_place + 1):
        shift = place * dilation - before
        first = max(0, -(shift // stride))
        last = min(count - 1, (length - 1 - shift) // stride)
        if first <= last:
            start = first * stride + shift
            stop = last * stride + shift + 1
            found.append(Tap(place, slice(first, last + 1), slice(start, stop, stride)))
    return tuple(found)


def expect_spatial(x: TensorType, spatial_rank: int) -> None:
    """Check that a value has a batch, so many spatial axes, and channels of a fixed number.

    Raises:
        ShapeError: it has not.
    """
    if not 1 <= spatial_rank <= 3 or x.rank != spatial_rank + 2 or x.shape[-1] is None:
        raise ShapeError(
            "the number of axes does not fit the layer",
            expected=f"the batch, {spatial_rank} spatial axes (1 to 3), and a fixed number of channels",
            got=format_shape(x.shape),
        )
