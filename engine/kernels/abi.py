"""The contract between kernels and the runtime: argument fields, specifications, packed layers.

Every kernel is one native function `void kernel(ptr ctx, ptr args)`.

- A value of sample size E in a tile of `lanes` samples is float32[E][lanes], the batch innermost,
  64-byte aligned in the arena (lanes = 1: a plain float32[E]).
- `ctx` points to the five 8-byte fields of `Context`; `args` to one 8-byte field per `Field` of the
  kernel's family, in order.

Kernels may read, and ignore, up to 128 bytes behind a value: the arena needs that room at its end.
They write only what they are asked for.

The tile may hold fewer valid samples than lanes; `pack` fills the surplus lanes with copies of the
last valid sample. They are computed like the rest and never read by `unpack`.
"""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.target import Isa

FloatArray = npt.NDArray[np.float32]
ALIGNMENT_BYTES = 64
MAX_PARAMETERS = 3


class Context(IntEnum):
    """Index of each 8-byte field behind `ctx`."""

    ARENA = 0  # ptr: base of this thread's arena
    INPUTS = 1  # ptr to an array of ptr: user arrays [batch][sample size], by input slot
    OUTPUTS = 2  # ptr to an array of ptr: result arrays float32[batch][sample size]
    FIRST_SAMPLE = 3  # i64: first sample of this tile
    VALID_SAMPLES = 4  # i64: samples of this tile that exist, 1..lanes


class FieldKind(StrEnum):
    """How the runtime fills one 8-byte argument field."""

    ARENA = "arena"  # i64 byte offset into the arena, multiple of 4 (64 where a value starts)
    CONST = "const"  # absolute address of a packed constant, 64-byte aligned
    INT = "int"  # i64


@dataclass(frozen=True, slots=True)
class Field:
    """One argument of a kernel."""

    name: str
    kind: FieldKind


class FusedActivation(StrEnum):
    """Element functions that kernels can apply to what they store; parameters in brackets.

    Parameters are run-time arguments (`p0`, `p1`, `p2`), so one machine code serves all of them.
    """

    LINEAR = "linear"
    RELU = "relu"
    CLAMP = "clamp"  # [negative_slope, max_value, threshold] as keras.layers.ReLU; max may be inf
    LEAKY_RELU = "leaky_relu"  # [negative_slope]
    ELU = "elu"  # [alpha]
    CELU = "celu"  # [alpha]
    SELU = "selu"
    GELU = "gelu"  # the exact form, by erf
    GELU_TANH = "gelu_tanh"
    SIGMOID = "sigmoid"
    HARD_SIGMOID = "hard_sigmoid"  # Keras 3: slope 1/6
    HARD_SIGMOID_KERAS2 = "hard_sigmoid_keras2"  # Keras 1 and 2: slope 0.2
    HARD_SILU = "hard_silu"
    TANH = "tanh"
    HARD_TANH = "hard_tanh"
    TANH_SHRINK = "tanh_shrink"
    SILU = "silu"
    MISH = "mish"
    SOFTPLUS = "softplus"
    SOFTSIGN = "softsign"
    SOFT_SHRINK = "soft_shrink"  # [threshold]
    HARD_SHRINK = "hard_shrink"  # [threshold]
    THRESHOLD = "threshold"  # [threshold, default_value]
    EXPONENTIAL = "exponential"
    LOG_SIGMOID = "log_sigmoid"
    SQUAREPLUS = "squareplus"  # [b]
    SPARSE_PLUS = "sparse_plus"
    SPARSE_SIGMOID = "sparse_sigmoid"


@dataclass(frozen=True, slots=True)
class ElementFunction:
    """An element function with its parameters, e.g. CLAMP with slope 0, maximum 6, threshold 0."""

    function: FusedActivation = FusedActivation.LINEAR
    parameters: tuple[float, ...] = ()

    def as_ints(self) -> dict[str, int]:
        """Return the fields p0..p2: float32 bit patterns, zero where there is no parameter."""
        padded = self.parameters + (0.0,) * (MAX_PARAMETERS - len(self.parameters))
        return {f"p{i}": float_bits(value) for i, value in enumerate(padded)}


class ValueType(StrEnum):
    """What the weights of a layer are stored as; sums are float32 always."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """Names exactly one piece of machine code.

    Attributes:
        family: key of the family in `engine.kernels.registry`.
        isa: instruction set level.
        lanes: samples per tile the code is for; 1, or a multiple of the vector width.
        activation: function applied to each stored element; None where the family has none.
        variant: the family's own choices, sorted by name, e.g. (("window", 32),).
    """

    family: str
    isa: Isa
    lanes: int
    activation: FusedActivation | None = None
    variant: tuple[tuple[str, int | str], ...] = ()

    @property
    def symbol(self) -> str:
        """The native symbol, e.g. `f32_spmm_rows_relu_rows4_x32__avx512`."""
        parts = ["f32", self.family]
        if self.activation is not None:
            parts.append(self.activation.value)
        parts.extend(f"{name}{value}" for name, value in self.variant)
        return f"{'_'.join(parts)}_x{self.lanes}__{self.isa.value}"

    def option(self, name: str) -> int | str:
        """Return the variant choice called `name`; KeyError where the family did not set it."""
        return dict(self.variant)[name]

    def number(self, name: str) -> int:
        """Return the variant choice called `name`, which is a number."""
        return int(self.option(name))


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """y = activation(x @ kernel + bias), for `positions` rows x of each sample.

    Attributes:
        kernel: float32[inputs][units], Keras' orientation; zeros are what sparse kernels skip.
        bias: float32[units], or None for zeros.
        activation: applied to each output.
        positions: product of the sample axes before the contracted one (1 for a plain Dense).
        nonzeros: number of weights that are not zero, where they were counted already; for estimates only.
        density: share of non-zeros of the layer that this is a part of; None where it is a whole one.
        values: type that holds every number of the kernel exactly (`engine.formats.narrow` rounds a
            layer to it); kernels may store the weights so, or as float32.
    """

    kernel: FloatArray
    bias: FloatArray | None = None
    activation: ElementFunction = field(default_factory=ElementFunction)
    positions: int = 1
    nonzeros: int | None = None
    density: float | None = None
    values: ValueType = ValueType.FLOAT32

    @property
    def inputs(self) -> int:
        """Size K of the contracted axis."""
        return int(self.kernel.shape[0])

    @property
    def units(self) -> int:
        """Number M of outputs."""
        return int(self.kernel.shape[1])

    @property
    def x_rows(self) -> int:
        """Rows of the whole input."""
        return self.positions * self.inputs

    @property
    def y_rows(self) -> int:
        """Rows of the whole output."""
        return self.positions * self.units

    def bias_or_zeros(self) -> FloatArray:
        """Return the bias, float32[units]."""
        if self.bias is None:
            return np.zeros(self.units, np.float32)
        return self.bias


@dataclass(frozen=True, slots=True)
class ConvLayer:
    """y[u][p] = activation(sum over c, t of kernel[c * taps + t][u] * x[c][rows[p] + taps[t]] + bias[u]).

    x is a value in channels, padded where windows reach beyond its positions. Unit u of group g reads the
    channels of that group; position p lies at row `rows[p]` of a channel (`formats.position_vectors.Grid`).

    Attributes:
        kernel: float32[channels of a group * taps][units]; zeros are what sparse kernels skip.
        bias: float32[units], or None for zeros.
        taps: uint32[taps], rows from a position to each element of its window.
        groups: runs of units, each with channels of its own.
        channel_rows: rows of a channel of x.
        sizes: positions along each axis.
        strides: rows of x from one position to the next along each axis; the last is 1.
        activation: applied to each output.
        adds: whether a value of the result's form is added before the activation.
        nonzeros: number of weights that are not zero, where they were counted already; for estimates only.
        density: share of non-zeros of the layer that this is a part of; None where it is a whole one.
        values: type that holds every number of the kernel exactly.
    """

    kernel: FloatArray
    bias: FloatArray | None
    taps: npt.NDArray[np.uint32]
    groups: int
    channel_rows: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    activation: ElementFunction = field(default_factory=ElementFunction)
    adds: bool = False
    nonzeros: int | None = None
    density: float | None = None
    values: ValueType = ValueType.FLOAT32

    @property
    def inputs(self) -> int:
        """Weights of one output."""
        return int(self.kernel.shape[0])

    @property
    def units(self) -> int:
        """Number of output channels."""
        return int(self.kernel.shape[1])

    @property
    def group_channels(self) -> int:
        """Channels of x that a unit reads."""
        return self.inputs // len(self.taps)

    @property
    def positions(self) -> int:
        """Number of positions."""
        return math.prod(self.sizes)

    @property
    def x_rows(self) -> int:
        """Rows of the whole input."""
        return self.groups * self.group_channels * self.channel_rows

    @property
    def y_rows(self) -> int:
        """Rows of the whole output."""
        return self.units * self.positions

    def bias_or_zeros(self) -> FloatArray:
        """Return the bias, float32[units]."""
        if self.bias is None:
            return np.zeros(self.units, np.float32)
        return self.bias


@dataclass(frozen=True, slots=True)
class DepthwiseLayer:
    """y[u][p] = activation(sum over t of kernel[t][u] * x[u // multiplier][rows[p] + taps[t]] + bias[u]).

    Attributes:
        kernel: float32[taps][units].
        bias: float32[units], or None for zeros.
        taps: as in `ConvLayer`.
        multiplier: units in a row that read the same channel.
        channel_rows: as in `ConvLayer`.
        sizes: as in `ConvLayer`.
        strides: as in `ConvLayer`.
        activation: applied to each output.
        nonzeros: number of weights that are not zero, where they were counted already.
        density: share of non-zeros of the layer that this is a part of; None where it is a whole one.
        values: type that holds every number of the kernel exactly.
    """

    kernel: FloatArray
    bias: FloatArray | None
    taps: npt.NDArray[np.uint32]
    multiplier: int
    channel_rows: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    activation: ElementFunction = field(default_factory=ElementFunction)
    nonzeros: int | None = None
    density: float | None = None
    values: ValueType = ValueType.FLOAT32

    @property
    def inputs(self) -> int:
        """Weights of one output."""
        return int(self.kernel.shape[0])

    @property
    def units(self) -> int:
        """Number of output channels."""
        return int(self.kernel.shape[1])

    @property
    def positions(self) -> int:
        """Number of positions."""
        return math.prod(self.sizes)

    @property
    def x_rows(self) -> int:
        """Rows of the whole input."""
        return self.units // self.multiplier * self.channel_rows

    @property
    def y_rows(self) -> int:
        """Rows of the whole output."""
        return self.units * self.positions

    def bias_or_zeros(self) -> FloatArray:
        """Return the bias, float32[units]."""
        if self.bias is None:
            return np.zeros(self.units, np.float32)
        return self.bias


# Layers with weights, as kernels take them; one class for each of `engine.program.WeightedStep`. All have `kernel`
# (the last axis is the units), `bias`, `activation`, `nonzeros`, `density`, `values`, `inputs`, `units`, `positions`,
# `x_rows` and `y_rows`.
WeightedLayer = DenseLayer | ConvLayer | DepthwiseLayer


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """A layer in the format of one kernel.

    Attributes:
        constants: arrays for the CONST fields, by field name.
        ints: values for the INT fields, by field name (float parameters as bit patterns).
        nonzeros: weights that are not zero.
        bytes: size of all constants.
    """

    constants: Mapping[str, npt.NDArray[Any]]
    ints: Mapping[str, int]
    nonzeros: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kernel that can compute a layer, and how to pack the layer for it.

    Attributes:
        spec: the machine code.
        sparse: whether zeros are skipped.
        pack: packs a layer of the class that the kernel is for; pure, may take milliseconds to seconds.
        estimated_ns: rough time of one tile, for the order of candidates only.
    """

    spec: KernelSpec
    sparse: bool
    pack: Callable[[Any], PackedLayer]
    estimated_ns: float = 0.0


def packed_layer(
    constants: Mapping[str, npt.NDArray[Any]], ints: Mapping[str, int], nonzeros: int
) -> PackedLayer:
    """Build a `PackedLayer`, with its size taken from the arrays."""
    total = sum(int(array.nbytes) for array in constants.values())
    return PackedLayer(dict(constants), dict(ints), nonzeros, total)


def float_bits(value: float) -> int:
    """Return the float32 bit pattern of `value` (for INT fields that hold a float)."""
    return int(struct.unpack("<I", struct.pack("<f", np.float32(value)))[0])


ARGUMENT_FIELDS = tuple(Field(f"p{i}", FieldKind.INT) for i in range(MAX_PARAMETERS))
