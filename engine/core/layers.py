"""Layers with their weights, as formats and kernels take them; one class for each kind of step with weights."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.functions import ElementFunction
from engine.core.kernel_forms import Arrays, KernelForms


class ValueType(StrEnum):
    """What the weights of a layer are stored as; sums are float32 always."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


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
        forms: what other sizes of this layer have made of its kernel; None where there are none.
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
    forms: KernelForms | None = None

    @property
    def inputs(self) -> int:
        """Weights of one output."""
        return int(self.kernel.shape[0])

    @property
    def units(self) -> int:
        """Number of output channels."""
        return int(self.kernel.shape[1])

    def form(self, key: Hashable, make: Callable[[], Arrays]) -> Arrays:
        """Return arrays that follow from the kernel and the key alone."""
        return make() if self.forms is None else self.forms.form(key, make)

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


@dataclass(frozen=True, slots=True)
class RecurrentLayer:
    """The product inside of a recurrent layer, for one step of time; columns of its kernel in blocks.

    Attributes:
        product: state @ kernel + bias.
        products: columns of each product of a step of time, one or two.
        part_columns: columns of a block of units: a part has whole blocks.
        times: steps of time.
    """

    product: DenseLayer
    products: tuple[int, ...]
    part_columns: int
    times: int

    @property
    def kernel(self) -> FloatArray:
        """float32[inputs][units]."""
        return self.product.kernel

    @property
    def bias(self) -> FloatArray | None:
        """float32[units], or None for zeros."""
        return self.product.bias

    @property
    def activation(self) -> ElementFunction:
        """The function behind the product: none."""
        return self.product.activation

    @property
    def nonzeros(self) -> int | None:
        """Number of weights that are not zero, where they were counted already."""
        return self.product.nonzeros

    @property
    def density(self) -> float | None:
        """Share of non-zeros of the layer that this is a part of; None where it is a whole one."""
        return self.product.density

    @property
    def values(self) -> ValueType:
        """Type that holds every number of the kernel exactly."""
        return self.product.values

    @property
    def inputs(self) -> int:
        """Size of a state."""
        return self.product.inputs

    @property
    def units(self) -> int:
        """Columns of the kernel."""
        return self.product.units

    @property
    def positions(self) -> int:
        """Products of one call: the steps of time are calls of their own."""
        return 1

    @property
    def x_rows(self) -> int:
        """Rows of the state."""
        return self.product.x_rows

    @property
    def y_rows(self) -> int:
        """Rows of the product."""
        return self.product.y_rows


# Layers with weights, as kernels take them; one class for each of `engine.core.steps.WeightedStep`. All have `kernel`
# (the last axis is the units), `bias`, `activation`, `nonzeros`, `density`, `values`, `inputs`, `units`, `positions`,
# `x_rows` and `y_rows`.
WeightedLayer = DenseLayer | ConvLayer | DepthwiseLayer | RecurrentLayer
