"""Ops that are linear in a kernel, and the kernel as a matrix: a row for each input of a unit, a column for each unit.

Dense has such a kernel as it is. A convolution applies the same matrix at every position: its rows are the taps of the
window times the channels that a unit reads, channels running fastest. Pruning scores, masks, drops and counts weights
in this form, and never looks at the op.

A recurrent layer has a kernel too, which it applies to its own state: its weights are scored and masked like those of
the others, but the layer is not linear in it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.graph import Graph, Node
from graph.op import Op
from graph.ops import Dense
from graph.recurrent_ops import Recurrent

Reals = np.ndarray[Any, np.dtype[Any]]


class KernelAxes(StrEnum):
    """What the last two axes of a kernel are, behind those of the window."""

    INPUTS_UNITS = "inputs, units"
    UNITS_INPUTS = "units, inputs"
    CHANNELS_MULTIPLIER = "channels, multiplier"


@dataclass(frozen=True, slots=True)
class LinearKernel:
    """How the kernel of a linear op is laid out.

    Unit `u` of the `units` belongs to group `u // (units / groups)` and reads the `inputs` channels of that group.

    Attributes:
        size: the lengths of the window, outermost first; empty for Dense.
        inputs: how many channels a unit reads at each place of the window.
        units: how many channels come out.
        groups: how many groups of input channels there are, each with units of its own.
        axes: what the array's last two axes are.
    """

    size: tuple[int, ...]
    inputs: int
    units: int
    groups: int = 1
    axes: KernelAxes = KernelAxes.INPUTS_UNITS

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the array."""
        last = {
            KernelAxes.INPUTS_UNITS: (self.inputs, self.units),
            KernelAxes.UNITS_INPUTS: (self.units, self.inputs),
            KernelAxes.CHANNELS_MULTIPLIER: (self.groups, self.units_of_group),
        }
        return (*self.size, *last[self.axes])

    @property
    def taps(self) -> int:
        """Return how many places the window has."""
        return math.prod(self.size)

    @property
    def fan_in(self) -> int:
        """Return how many weights a unit has: the rows of the matrix."""
        return self.taps * self.inputs

    @property
    def dims(self) -> tuple[int, ...]:
        """Return the sides of the kernel: of the window, inputs of a unit, units."""
        return (*self.size, self.inputs, self.units)

    @property
    def channels(self) -> int:
        """Return how many channels the op's input has."""
        return self.inputs * self.groups

    @property
    def units_of_group(self) -> int:
        """Return how many units read one group of channels."""
        return self.units // self.groups

    @property
    def group_of_unit(self) -> Reals:
        """Return the group that each unit reads, (units,)."""
        return np.arange(self.units) // self.units_of_group

    @property
    def is_depthwise(self) -> bool:
        """Return whether every unit reads one channel only, of several."""
        return self.inputs == 1 and self.groups > 1

    def matrix(self, array: Reals) -> Reals:
        """Return the kernel as (fan_in, units); a view where the layout allows."""
        if self.axes is KernelAxes.UNITS_INPUTS:
            array = array.swapaxes(-1, -2)
        return array.reshape(self.fan_in, self.units)

    def array(self, matrix: Reals) -> Reals:
        """Return a matrix (fan_in, units) in the kernel's own layout; the inverse of `matrix`."""
        if self.axes is KernelAxes.UNITS_INPUTS:
            moved = matrix.reshape(*self.size, self.inputs, self.units)
            return np.ascontiguousarray(moved.swapaxes(-1, -2))
        return np.ascontiguousarray(matrix.reshape(self.shape))

    def by_group(self, array: Reals) -> Reals:
        """Return the kernel as (taps, inputs, groups, units of a group)."""
        return self.matrix(array).reshape(self.taps, self.inputs, self.groups, self.units_of_group)

    def rows(self, channels: Reals) -> Reals:
        """Return what holds of each input channel, (channels,), for the rows of the matrix: (fan_in, groups)."""
        return np.tile(channels.reshape(self.groups, self.inputs).T, (self.taps, 1))

    def sums(self, rows: Reals, matrix: Reals) -> Reals:
        """Return for each unit the sum of its weights times its group's numbers; rows (fan_in, groups), (units,)."""
        by_group = matrix.reshape(self.fan_in, self.groups, self.units_of_group).transpose(1, 0, 2)
        found: Reals = rows.T[:, None, :] @ by_group
        return found.reshape(self.units)


@dataclass(frozen=True, slots=True)
class _LinearOp:
    """What this module knows of one class of ops: its kernel's layout, and the op for another kernel."""

    layout: Callable[[Any, tuple[int, ...]], LinearKernel]
    resized: Callable[[Any, LinearKernel, bool], Op]


def _dense_layout(_op: Dense, shape: tuple[int, ...]) -> LinearKernel:
    return LinearKernel((), shape[0], shape[1])


def _resized_dense(_op: Dense, kernel: LinearKernel, use_bias: bool) -> Dense:
    return Dense(kernel.units, use_bias)


def _conv_layout(op: Conv, shape: tuple[int, ...]) -> LinearKernel:
    return LinearKernel(shape[:-2], shape[-2], shape[-1], op.groups)


def _resized_conv(op: Conv, kernel: LinearKernel, use_bias: bool) -> Conv:
    return replace(op, groups=kernel.groups, use_bias=use_bias)


def _depthwise_layout(_op: DepthwiseConv, shape: tuple[int, ...]) -> LinearKernel:
    channels, multiplier = shape[-2:]
    axes = KernelAxes.CHANNELS_MULTIPLIER
    return LinearKernel(shape[:-2], 1, channels * multiplier, channels, axes)


def _transpose_layout(_op: ConvTranspose, shape: tuple[int, ...]) -> LinearKernel:
    return LinearKernel(shape[:-2], shape[-1], shape[-2], 1, KernelAxes.UNITS_INPUTS)


def _with_bias(op: Any, _kernel: LinearKernel, use_bias: bool) -> Op:
    changed: Op = replace(op, use_bias=use_bias)
    return changed


_LINEAR: Mapping[type[Any], _LinearOp] = {
    Dense: _LinearOp(_dense_layout, _resized_dense),
    Conv: _LinearOp(_conv_layout, _resized_conv),
    DepthwiseConv: _LinearOp(_depthwise_layout, _with_bias),
    ConvTranspose: _LinearOp(_transpose_layout, _with_bias),
}


def is_linear(op: Op) -> bool:
    """Return whether the op is linear in its first weight, and adds its second one to every unit if it has one.

    Only exact classes count: a subclass may mean something else.
    """
    return type(op) in _LINEAR


def holds_kernel(op: Op) -> bool:
    """Return whether the op's first weight is a kernel: it is linear in it, or applies it at every step of time."""
    return is_linear(op) or type(op) is Recurrent


def kernel_layout(op: Op, shape: tuple[int, ...]) -> LinearKernel:
    """Return how an op that holds a kernel lays out one of that shape."""
    if type(op) is Recurrent:
        return LinearKernel((), shape[0], shape[1])
    return _LINEAR[type(op)].layout(op, shape)


def resized(op: Op, kernel: LinearKernel, *, use_bias: bool) -> Op:
    """Return the same linear op for a kernel of another layout, with or without a bias."""
    return _LINEAR[type(op)].resized(op, kernel, use_bias)


def kernel_of(graph: Graph, node: Node) -> LinearKernel:
    """Return how the kernel of a node that holds one is laid out."""
    return kernel_layout(node.op, graph.weights[node.weights[0]].shape)


def matrix_of(graph: Graph, node: Node) -> Reals:
    """Return the kernel of a linear node as a matrix (fan_in, units)."""
    return kernel_of(graph, node).matrix(graph.weights[node.weights[0]])


def bias_of(graph: Graph, node: Node) -> Reals:
    """Return the bias of a linear node, (units,); zeros where it has none."""
    if len(node.weights) > 1:
        return graph.weights[node.weights[1]]
    return np.zeros(kernel_of(graph, node).units)
