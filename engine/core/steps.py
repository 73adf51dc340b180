"""The steps of a program, one class each, and what every part of the engine asks of them.

Every function over steps names the kinds that it knows, so that a new kind is refused until it has its place in each.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from engine.core import attention_steps, general_steps, window_steps
from engine.core.attention_steps import (
    AttentionStep as AttentionStep,
)
from engine.core.attention_steps import (
    LookupStep as LookupStep,
)
from engine.core.attention_steps import (
    MaskedSoftmaxStep as MaskedSoftmaxStep,
)
from engine.core.attention_steps import (
    ProductStep as ProductStep,
)
from engine.core.functions import ElementFunction, MergeOp
from engine.core.general_steps import (
    BinaryStep as BinaryStep,
)
from engine.core.general_steps import (
    ConstantStep as ConstantStep,
)
from engine.core.general_steps import (
    FoldStep as FoldStep,
)
from engine.core.general_steps import (
    GeneralStep as GeneralStep,
)
from engine.core.general_steps import (
    ScanStep as ScanStep,
)
from engine.core.general_steps import (
    SelectStep as SelectStep,
)
from engine.core.places import Place as Place
from engine.core.recurrent_steps import RecurrentStep as RecurrentStep
from engine.core.window_steps import (
    ConvStep as ConvStep,
)
from engine.core.window_steps import (
    DepthwiseStep as DepthwiseStep,
)
from engine.core.window_steps import (
    MoveStep as MoveStep,
)
from engine.core.window_steps import (
    PoolStep as PoolStep,
)
from engine.core.window_steps import (
    ReduceStep as ReduceStep,
)
from engine.core.window_steps import (
    ResampleStep as ResampleStep,
)
from engine.core.window_steps import (
    RootStep as RootStep,
)
from engine.core.window_steps import (
    SpatialStep as SpatialStep,
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
WeightedStep = DenseStep | ConvStep | DepthwiseStep | RecurrentStep


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
class TransposeStep:
    """y[o][c][r][i] = x[o][r][c][i]; x is [outer][rows][columns][inner] rows."""

    x: Place
    y: Place
    outer: int
    rows: int
    columns: int
    inner: int


@dataclass(frozen=True, slots=True)
class AffineStep:
    """y[o][l][i] = scale[l] * x[o][l][i] + shift[l]; constants float32[length], x and y [outer][length][inner] rows."""

    x: Place
    y: Place
    outer: int
    length: int
    inner: int
    scale: str
    shift: str


@dataclass(frozen=True, slots=True)
class PReluStep:
    """y[o][l][i] = x[o][l][i] where that is >= 0, else alpha[l] * x[o][l][i]; constant float32[length]."""

    x: Place
    y: Place
    outer: int
    length: int
    inner: int
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


PlainStep = (
    Pack
    | Unpack
    | DenseStep
    | ElementStep
    | CopyStep
    | TransposeStep
    | AffineStep
    | PReluStep
    | MergeStep
    | GluStep
    | SoftmaxStep
    | LayerNormStep
    | DotStep
    | RecurrentStep
)
Step = PlainStep | SpatialStep | AttentionStep | GeneralStep


def reads(step: Step) -> tuple[Place, ...]:
    """Return the places that a step reads."""
    if isinstance(step, SpatialStep):
        return window_steps.reads(step)
    if isinstance(step, AttentionStep):
        return attention_steps.reads(step)
    if isinstance(step, GeneralStep):
        return general_steps.reads(step)
    match step:
        case Pack():
            return ()
        case MergeStep():
            return step.xs
        case DotStep():
            return (step.a, step.b)
        case RecurrentStep():
            masks = () if step.mask is None else (step.mask,)
            return (step.x, *masks, *step.initial)
        case Unpack() | DenseStep() | ElementStep() | CopyStep() | AffineStep() | PReluStep():
            return (step.x,)
        case TransposeStep() | GluStep() | SoftmaxStep() | LayerNormStep():
            return (step.x,)
        case _:
            assert_never(step)


def writes(step: Step) -> tuple[Place, ...]:
    """Return the places that a step writes: its result, none for Unpack; then rows that it alone uses."""
    if isinstance(step, SpatialStep | AttentionStep | GeneralStep):
        return (step.y,)
    match step:
        case Unpack():
            return ()
        case Pack() | DenseStep() | ElementStep() | CopyStep() | AffineStep() | PReluStep():
            return (step.y,)
        case (
            TransposeStep() | MergeStep() | GluStep() | SoftmaxStep() | LayerNormStep() | DotStep()
        ):
            return (step.y,)
        case RecurrentStep():
            return (step.y, step.scratch)
        case _:
            assert_never(step)


def constants_of(step: Step) -> tuple[str, ...]:
    """Return the names of the constants that a step uses."""
    if isinstance(step, SpatialStep):
        return window_steps.constants_of(step)
    if isinstance(step, AttentionStep):
        return attention_steps.constants_of(step)
    if isinstance(step, GeneralStep):
        return general_steps.constants_of(step)
    return _constants_of_plain(step)


def _constants_of_plain(step: PlainStep) -> tuple[str, ...]:
    match step:
        case DenseStep() | RecurrentStep():
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
        case (
            Pack()
            | Unpack()
            | ElementStep()
            | TransposeStep()
            | MergeStep()
            | GluStep()
            | SoftmaxStep()
        ):
            return ()
        case _:
            assert_never(step)
