"""How a value in channels is laid out for windows over it: padded, and split by the remainders of strides.

A window that starts at every position of an axis needs its elements at fixed distances, and positions that lie side by
side. Where windows start at every s-th element, elements are sorted by their remainder modulo s: windows side by side
then have each of their elements side by side. Sample (stride 2, a window of 3, one element of padding in front)::

    x        a b c d e f
    padded   0 a b c d e f        window 0: 0 a b, window 1: b c d, window 2: d e f
    staged   0 b d f | a c e      remainders 0 and 1: taps 0, 4 and 1
"""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from engine.core.steps import Place
from engine.passes.lowering import Lowering, box, expect_boxes

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """One spatial axis with the windows over it.

    Attributes:
        length: elements of the axis.
        size: elements of a window.
        stride: elements from one window to the next.
        dilation: elements from one element of a window to the next.
        before: how many elements the first window begins in front of the first element; negative for behind it.
        count: number of windows.
    """

    length: int
    size: int
    stride: int
    dilation: int
    before: int
    count: int

    @property
    def is_plain(self) -> bool:
        """Whether the axis needs no staging: windows begin side by side, and none reaches over a border."""
        last = self.count - 1 + (self.size - 1) * self.dilation - self.before
        return self.stride == 1 and self.before <= 0 and last < self.length

    @property
    def remainders(self) -> list[int]:
        """Remainders modulo the stride of the places of a window's elements."""
        # From there on they repeat.
        most = min(self.size, self.stride // math.gcd(self.dilation, self.stride))
        return sorted(place * self.dilation % self.stride for place in range(most))

    @property
    def staged_length(self) -> int:
        """Elements of each remainder that windows meet."""
        return self.count + (self.size - 1) * self.dilation // self.stride

    def source(self, remainder: int) -> tuple[int, int, int]:
        """Return the first place of a remainder that is no padding, the element there, and how many there are."""
        shift = remainder - self.before
        first = max(0, -(shift // self.stride))
        last = min(self.staged_length - 1, (self.length - 1 - shift) // self.stride)
        return first, first * self.stride + shift, max(0, last - first + 1)


@dataclass(frozen=True, slots=True)
class Staged:
    """A value as kernels over windows read it.

    Attributes:
        place: the value.
        channel_rows: rows of a channel.
        strides: rows from one window to the next along each axis.
        taps: rows from a window to each of its elements.
    """

    place: Place
    channel_rows: int
    strides: tuple[int, ...]
    taps: npt.NDArray[np.uint32]


def stage(to: Lowering, hint: str, x: Place, axes: tuple[Axis, ...], fill: float) -> Staged:
    """Return a value, [channels][*lengths] rows, as windows over it need it; the value itself where that is so already.

    Args:
        to: the lowering.
        hint: name for constants.
        x: the value.
        axes: its spatial axes.
        fill: what padding holds.
    """
    lengths = [axis.length for axis in axes]
    channels = x.rows // math.prod(lengths)
    if all(axis.is_plain for axis in axes):
        strides = row_major(lengths)
        first = -sum(axis.before * stride for axis, stride in zip(axes, strides, strict=True))
        taps = (first + _tap_rows(axes, strides, split=False)).astype(np.uint32)
        return Staged(x, math.prod(lengths), strides, taps)
    expect_boxes(hint, math.prod(min(axis.size, axis.stride) for axis in axes))
    inner = [axis.staged_length for axis in axes]
    shape = [*(len(axis.remainders) for axis in axes), *inner]
    strides = row_major(shape)
    channel_rows = math.prod(shape)
    boxes = _boxes(axes, strides, row_major(lengths))
    moved = sum(math.prod(numbers[2::3]) for numbers in boxes)
    y = to.move(
        hint,
        x,
        boxes,
        (channels, math.prod(lengths), channel_rows),
        None if moved == channel_rows else fill,
    )
    taps = _tap_rows(axes, strides, split=True).astype(np.uint32)
    return Staged(y, channel_rows, strides[len(axes) :], taps)


def row_major(shape: list[int]) -> tuple[int, ...]:
    """Return the rows from one element to the next along each axis."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _boxes(
    axes: tuple[Axis, ...], strides: tuple[int, ...], x_strides: tuple[int, ...]
) -> list[list[int]]:
    """Return a box for each combination of remainders that has elements."""
    found = []
    rank = len(axes)
    for places in product(*(range(len(axis.remainders)) for axis in axes)):
        x_first, y_first, counts = 0, 0, []
        for number, (axis, place) in enumerate(zip(axes, places, strict=True)):
            first, element, count = axis.source(axis.remainders[place])
            x_first += element * x_strides[number]
            y_first += place * strides[number] + first * strides[rank + number]
            counts.append((count, axis.stride * x_strides[number], strides[rank + number]))
        if all(count for count, _, _ in counts):
            found.append(box(x_first, y_first, counts))
    return found


def _tap_rows(axes: tuple[Axis, ...], strides: tuple[int, ...], *, split: bool) -> Offsets:
    """Return the rows from a window to each element of it, row-major over the window."""
    rows: Offsets = np.zeros(1, np.int64)
    for number, axis in enumerate(axes):
        places = np.arange(axis.size) * axis.dilation
        if split:
            order = np.searchsorted(axis.remainders, places % axis.stride)
            own = order * strides[number] + places // axis.stride * strides[len(axes) + number]
        else:
            own = places * strides[number]
        rows = (rows[:, None] + own).reshape(-1)
    return rows
