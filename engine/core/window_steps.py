"""The steps of images and signals: windows over channels, data movement, sums over groups; see `engine.core.steps`.

A value in channels is [channels][positions] rows, the positions row-major over the spatial axes. Windows are described
by rows: `taps` says how far each element of a window lies behind the window's own row, and window number (i, j, ..)
lies at row i * strides[0] + j * strides[1] + .. of a channel. Where windows reach over a border or start at every
second element, a `MoveStep` makes a value first in which that is so.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from engine.core.functions import ElementFunction
from engine.core.places import Place

# Axes of a box of rows that is copied, and the numbers that describe one: first row of x and of y; then, for each axis
# from the outermost, its count and its steps in x and in y.
BOX_AXES = 4
BOX_NUMBERS = 2 + 3 * BOX_AXES


@dataclass(frozen=True, slots=True)
class ConvStep:
    """y[u] = function(sum over channels and taps of kernel * x + bias[u] + added[u]), at every position.

    Attributes:
        name: name of the graph's node, for reports.
        x: channels of `channel_rows` rows.
        y: [units][positions] rows.
        kernel: constant float32[channels of a group * taps][units], the taps of a channel side by side.
        bias: constant float32[units], or None.
        added: a value of y's form that is added, or None.
        taps: constant uint32[taps].
        groups: runs of units, each with a run of the channels.
        channel_rows: rows of a channel of x.
        sizes: positions along each axis.
        strides: rows from one position to the next along each axis; the last is 1.
        channels: number of channels of x.
        tap_count: number of taps.
        nonzeros: weights of the kernel that are not zero.
        function: applied to each result.
    """

    name: str
    x: Place
    y: Place
    kernel: str
    bias: str | None
    added: Place | None
    taps: str
    groups: int
    channel_rows: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    channels: int
    tap_count: int
    nonzeros: int
    function: ElementFunction

    @property
    def kind(self) -> str:
        """What reports call the layer."""
        return "conv"

    @property
    def inputs(self) -> int:
        """Weights of one output."""
        return self.channels // self.groups * self.tap_count

    @property
    def units(self) -> int:
        """Output channels."""
        return self.y.rows // self.positions

    @property
    def positions(self) -> int:
        """Number of positions."""
        return math.prod(self.sizes)


@dataclass(frozen=True, slots=True)
class DepthwiseStep:
    """y[u] = function(sum over taps of kernel[t][u] * x[u // multiplier] + bias[u]), at every position.

    Attributes:
        name: name of the graph's node, for reports.
        x: channels of `channel_rows` rows.
        y: [units][positions] rows.
        kernel: constant float32[taps][units].
        bias: constant float32[units], or None.
        taps: constant uint32[taps].
        multiplier: units in a row that read the same channel.
        channel_rows: rows of a channel of x.
        sizes: positions along each axis.
        strides: rows from one position to the next along each axis; the last is 1.
        tap_count: number of taps.
        nonzeros: weights of the kernel that are not zero.
        function: applied to each result.
    """

    name: str
    x: Place
    y: Place
    kernel: str
    bias: str | None
    taps: str
    multiplier: int
    channel_rows: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    tap_count: int
    nonzeros: int
    function: ElementFunction

    @property
    def kind(self) -> str:
        """What reports call the layer."""
        return "depthwise"

    @property
    def inputs(self) -> int:
        """Weights of one output."""
        return self.tap_count

    @property
    def units(self) -> int:
        """Output channels."""
        return self.y.rows // self.positions

    @property
    def positions(self) -> int:
        """Number of positions."""
        return math.prod(self.sizes)


class Reduction(StrEnum):
    """What is made of several rows."""

    MAXIMUM = "maximum"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class PoolStep:
    """y[c] = the largest element or the average of each window of channel c.

    Attributes:
        reduction: what is made of a window.
        x: channels of `channel_rows` rows; for a maximum, padding is the lowest number there is.
        y: [channels][positions] rows.
        taps: constant uint32[taps].
        counts: constant float32[positions], real elements of each window; only for an average.
        channel_rows: rows of a channel of x.
        sizes: positions along each axis.
        strides: rows from one position to the next along each axis; the last is 1.
    """

    reduction: Reduction
    x: Place
    y: Place
    taps: str
    counts: str | None
    channel_rows: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MoveStep:
    """Each of `outer` channels of y is filled with a number, then boxes of rows of x are copied into it.

    Attributes:
        x: channels that start `x_rows` rows after each other.
        y: [outer][y_rows] rows.
        boxes: constant uint32[boxes][BOX_NUMBERS].
        outer: number of channels.
        x_rows: rows of x from one channel to the next; 0 where all read the same.
        y_rows: rows of a channel of y.
        fill: what the rows that are in no box hold; None where every row is in one.
    """

    x: Place
    y: Place
    boxes: str
    outer: int
    x_rows: int
    y_rows: int
    fill: float | None


@dataclass(frozen=True, slots=True)
class ReduceStep:
    """y[o] = the largest element or the average of group o of x, [outer][length] rows."""

    reduction: Reduction
    x: Place
    y: Place
    length: int


@dataclass(frozen=True, slots=True)
class ResampleStep:
    """y[o][i] = sum over t of weights[i][t] * x[o][elements[i][t]], of [outer][length][inner] rows: interpolation.

    Attributes:
        x: [outer][length][inner] rows.
        y: [outer][count][inner] rows.
        elements: constant uint32[count][terms].
        weights: constant float32[count][terms].
        outer: blocks before the axis.
        length: elements of the axis.
        inner: rows of an element.
        count: elements of the new axis.
        terms: elements that each new one is made of.
    """

    x: Place
    y: Place
    elements: str
    weights: str
    outer: int
    length: int
    inner: int
    count: int
    terms: int


class Root(StrEnum):
    """What a group is divided by."""

    MEAN_SQUARE = "mean_square"
    NORM = "norm"


@dataclass(frozen=True, slots=True)
class RootStep:
    """y = x / sqrt(mean(x^2) + epsilon) or x / max(norm(x), epsilon), over length in [outer][length][inner] rows."""

    root: Root
    x: Place
    y: Place
    outer: int
    length: int
    inner: int
    epsilon: float


SpatialStep = ConvStep | DepthwiseStep | PoolStep | MoveStep | ReduceStep | ResampleStep | RootStep


def reads(step: SpatialStep) -> tuple[Place, ...]:
    """Return the places that a step reads."""
    match step:
        case ConvStep():
            return (step.x,) if step.added is None else (step.x, step.added)
        case DepthwiseStep() | PoolStep() | MoveStep() | ReduceStep():
            return (step.x,)
        case ResampleStep() | RootStep():
            return (step.x,)
        case _:
            assert_never(step)


def constants_of(step: SpatialStep) -> tuple[str, ...]:
    """Return the names of the constants that a step uses."""
    match step:
        case ConvStep() | DepthwiseStep():
            bias = () if step.bias is None else (step.bias,)
            return (step.kernel, *bias, step.taps)
        case PoolStep():
            return (step.taps,) if step.counts is None else (step.taps, step.counts)
        case MoveStep():
            return (step.boxes,)
        case ResampleStep():
            return (step.elements, step.weights)
        case ReduceStep() | RootStep():
            return ()
        case _:
            assert_never(step)
