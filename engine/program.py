"""What the compiler makes of a graph: typed steps over named buffers, for any tile width.

A buffer holds `rows` float32 rows; row i is element i of a sample (row-major), for every sample of
the tile. A place is a run of rows of a buffer. Each row is written by one step only, before any step
reads it, so a program needs no order but its own, and memory can be planned from it alone.

`engine.program_text` prints programs (docs/ir.md shows one); `engine.program_check` checks their invariants.
Every function over steps names the kinds that it knows, so that a new kind is refused until it has its place in each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from engine.kernels.abi import ElementFunction
from engine.kernels.elementwise import MergeOp

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class SparseMatrix:
    """A float32 matrix by its non-zeros, column after column: the neutral form in artifacts.

    Attributes:
        shape: (inputs, units).
        starts: uint32[units + 1], where the entries of each column start.
        rows: uint16 or uint32[nonzeros], row of each entry.
        values: float32[nonzeros].
    """

    shape: tuple[int, int]
    starts: Array
    rows: Array
    values: Array

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """The dtype of the matrix."""
        return np.dtype(np.float32)

    def dense(self) -> Array:
        """float32[inputs][units]."""
        matrix = np.zeros(self.shape, np.float32)
        starts = self.starts.astype(np.int64)
        counts = starts[1:] - starts[:-1]
        columns = np.repeat(np.arange(self.shape[1]), counts)
        matrix[self.rows, columns] = self.values
        return matrix


Constant = Array | SparseMatrix


def dense_array(constant: Constant) -> Array:
    """Return a constant as an array."""
    return constant.dense() if isinstance(constant, SparseMatrix) else constant


@dataclass(frozen=True, slots=True)
class Place:
    """A run of rows of a buffer.

    Attributes:
        buffer: number of the buffer.
        first: its first row.
        rows: number of rows; at least 1.
    """

    buffer: int
    first: int
    rows: int

    def part(self, first: int, rows: int) -> "Place":
        """Return the run of `rows` rows that starts `first` rows into this one."""
        return Place(self.buffer, self.first + first, rows)

    def overlaps(self, other: "Place") -> bool:
        """Return whether a row is in both."""
        return (
            self.buffer == other.buffer
            and self.first < other.first + other.rows
            and other.first < self.first + self.rows
        )


@dataclass(frozen=True, slots=True)
class Pack:
    """y = input number `slot`, turned feature-major and float32."""

    slot: int
    y: Place


@dataclass(frozen=True, slots=True)
class Unpack:
    """Output number `slot` = x."""

    x: Place
    slot: int


@dataclass(frozen=True, slots=True)
class DenseStep:
    """y = function(x @ kernel + bias), for each of `positions` runs of x.

    Attributes:
        name: name of the graph's node, for reports: each use of a shared layer has its own.
        x: [positions][inputs] rows.
        y: [positions][units] rows.
        kernel: constant float32[inputs][units].
        bias: constant float32[units], or None.
        positions: product of the sample axes before the contracted one.
        nonzeros: weights of the kernel that are not zero; counted once, for choices and reports.
        function: applied to each result.
    """

    name: str
    x: Place
    y: Place
    kernel: str
    bias: str | None
    positions: int
    nonzeros: int
    function: ElementFunction

    @property
    def kind(self) -> str:
        """What reports call the layer."""
        return "dense"

    @property
    def inputs(self) -> int:
        """Weights of one output."""
        return self.x.rows // self.positions

    @property
    def units(self) -> int:
        """Outputs at one position."""
        return self.y.rows // self.positions


# Steps with weights: each has a choice of kernel and a packed form. What all of them have is `name`, `x`, `y`,
# `kernel` (a constant whose last axis is the units), `bias`, `nonzeros`, `function`, `kind`, `inputs`, `units` and
# `positions`; whoever needs more than that asks `match`, and lists every class.
WeightedStep = DenseStep


@dataclass(frozen=True, slots=True)
class ElementStep:
    """y = function(x)."""

    x: Place
    y: Place
    function: ElementFunction


@dataclass(frozen=True, slots=True)
class CopyStep:
    """y[i] = x[index[i]]; constant uint32[y.rows]."""

    x: Place
    y: Place
    index: str


@dataclass(frozen=True, slots=True)
class AffineStep:
    """y[i] = scale[i] * x[i] + shift[i]; constants float32[rows]."""

    x: Place
    y: Place
    scale: str
    shift: str


@dataclass(frozen=True, slots=True)
class PReluStep:
    """y[i] = x[i] where x[i] >= 0 else alpha[i] * x[i]; constant float32[rows]."""

    x: Place
    y: Place
    alpha: str


@dataclass(frozen=True, slots=True)
class MergeStep:
    """y = xs[0] (op) xs[1] (op) ..., elementwise."""

    op: MergeOp
    xs: tuple[Place, ...]
    y: Place


@dataclass(frozen=True, slots=True)
class GluStep:
    """y[o][i] = x[o][0][i] * sigmoid(x[o][1][i]) for `outer` blocks o."""

    x: Place
    y: Place
    outer: int


class GroupFunction(StrEnum):
    """Functions over a group of rows."""

    SOFTMAX = "softmax"
    LOG_SOFTMAX = "log_softmax"
    SPARSEMAX = "sparsemax"


@dataclass(frozen=True, slots=True)
class SoftmaxStep:
    """y[o][:][i] = function(x[o][:][i]); x and y are [outer][length][inner] rows."""

    function: GroupFunction
    x: Place
    y: Place
    outer: int
    length: int
    inner: int


@dataclass(frozen=True, slots=True)
class LayerNormStep:
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta over the middle axis of [outer][length][inner].

    Attributes:
        x: rows to normalize.
        y: results.
        outer: groups before the normalized axis.
        length: elements of a group.
        inner: groups after it.
        gamma: constant float32[length].
        beta: constant float32[length].
        epsilon: added to the variance.
        centred: whether the mean is taken off before scaling (the variance is about the mean either way).
    """

    x: Place
    y: Place
    outer: int
    length: int
    inner: int
    gamma: str
    beta: str
    epsilon: float
    centred: bool


@dataclass(frozen=True, slots=True)
class DotStep:
    """y[r] = sum over t < terms of a[a_base[r] + t * a_stride] * b[b_base[r] + t * b_stride].

    Attributes:
        a: first value.
        b: second value.
        y: one row per product.
        a_base: constant uint32[y.rows].
        b_base: constant uint32[y.rows].
        terms: elements of a vector.
        a_stride: rows from one element of a vector in `a` to the next.
        b_stride: the same in `b`.
        normalize: whether both vectors are brought to length 1 first.
    """

    a: Place
    b: Place
    y: Place
    a_base: str
    b_base: str
    terms: int
    a_stride: int
    b_stride: int
    normalize: bool


Step = (
    Pack
    | Unpack
    | DenseStep
    | ElementStep
    | CopyStep
    | AffineStep
    | PReluStep
    | MergeStep
    | GluStep
    | SoftmaxStep
    | LayerNormStep
    | DotStep
)


@dataclass(frozen=True, slots=True)
class InputSlot:
    """What the caller gives: dtype as `graph.tensor_type.DType` spells it, shape of one sample."""

    name: str
    dtype: str
    sample_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutputSlot:
    """What the caller gets: float32 of this shape per sample."""

    name: str
    sample_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A network as steps.

    Attributes:
        name: the model's own name.
        inputs: the inputs in the model's order.
        outputs: the outputs in the model's order.
        buffers: rows of each buffer.
        steps: the steps in the order in which they run.
        constants: arrays by name, read only.
    """

    name: str
    inputs: tuple[InputSlot, ...]
    outputs: tuple[OutputSlot, ...]
    buffers: tuple[int, ...]
    steps: tuple[Step, ...]
    constants: Mapping[str, Constant]

    def weighted_steps(self) -> dict[int, WeightedStep]:
        """Return the steps with weights by their number among all steps."""
        return {n: step for n, step in enumerate(self.steps) if isinstance(step, WeightedStep)}


def reads(step: Step) -> tuple[Place, ...]:
    """Return the places that a step reads."""
    match step:
        case Pack():
            return ()
        case MergeStep():
            return step.xs
        case DotStep():
            return (step.a, step.b)
        case Unpack() | DenseStep() | ElementStep() | CopyStep() | AffineStep() | PReluStep():
            return (step.x,)
        case GluStep() | SoftmaxStep() | LayerNormStep():
            return (step.x,)
        case _:
            assert_never(step)


def writes(step: Step) -> tuple[Place, ...]:
    """Return the place that a step writes; none for Unpack."""
    match step:
        case Unpack():
            return ()
        case Pack() | DenseStep() | ElementStep() | CopyStep() | AffineStep() | PReluStep():
            return (step.y,)
        case MergeStep() | GluStep() | SoftmaxStep() | LayerNormStep() | DotStep():
            return (step.y,)
        case _:
            assert_never(step)


def constants_of(step: Step) -> tuple[str, ...]:
    """Return the names of the constants that a step uses."""
    match step:
        case DenseStep():
            return (step.kernel,) if step.bias is None else (step.kernel, step.bias)
        case CopyStep():
            return (step.index,)
        case AffineStep():
            return (step.scale, step.shift)
        case PReluStep():
            return (step.alpha,)
        case LayerNormStep():
            return (step.gamma, step.beta)
        case DotStep():
            return (step.a_base, step.b_base)
        case Pack() | Unpack() | ElementStep() | MergeStep() | GluStep() | SoftmaxStep():
            return ()
        case _:
            assert_never(step)


def is_identity(index: Array, rows: int) -> bool:
    """Return whether an index copies `rows` rows in order."""
    return len(index) == rows and bool((index == np.arange(rows, dtype=np.uint32)).all())
