"""Rules of the convolutions: linear in their kernels, and what holds of a channel holds at every pixel.

Which taps of a window are full does not depend on the size of the image here: what is proven at one size holds at all,
of which a model may be given several.
"""

from functools import cached_property, reduce

import numpy as np

from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.windows import Padding, reach_of
from pruning.rules.linear import LinearRules
from pruning.rules.op_rules import Flags, OpT, RuleTable, Shape


class _SpatialRules(LinearRules[OpT]):
    """A kernel applied at every place of a window that moves over the spatial axes."""

    is_spatial = True

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Channels and units are told apart, pixels are not."""
        pixels = (1,) * (len(output) - 1)
        return ((*pixels, self.layout.channels),), (*pixels, self.layout.units)

    def _full_places(self, axis: int) -> Flags:
        """Return which places of the window are full along one axis."""
        return np.zeros(self.layout.size[axis], np.bool_)

    @cached_property
    def full_taps(self) -> Flags:
        """A tap is full that is so along each axis."""
        axes = [self._full_places(axis) for axis in range(len(self.layout.size))]
        return reduce(np.logical_and.outer, axes).reshape(self.layout.taps)


class ConvRules(_SpatialRules[Conv | DepthwiseConv]):
    """Convolution: every unit reads a window of the input. A depthwise one has as many groups as channels."""

    def _full_places(self, axis: int) -> Flags:
        numbers = self.layout.size[axis], self.op.strides[axis], self.op.dilation[axis]
        return full_places(self.op.padding, *numbers)


class ConvTransposeRules(_SpatialRules[ConvTranspose]):
    """Transposed convolution: every element of the input is spread over a window of the output."""

    def _full_places(self, axis: int) -> Flags:
        """Only a window of one element, moved by one, reaches the whole output."""
        size = self.layout.size[axis]
        return np.full(size, size == 1 and self.op.strides[axis] == 1)


def full_places(padding: Padding, size: int, stride: int, dilation: int) -> Flags:
    """Return which places of a window meet no padding wherever it stands, at every length of the axis."""
    places = np.arange(size) * dilation
    full = np.ones(size, np.bool_)
    if padding is Padding.VALID:
        return full
    # How much padding there is in front depends on the length modulo the stride, and on short axes on the length.
    for length in range(1, 2 * (reach_of(size, dilation) + stride) + 1):
        before, _ = padding.amounts(length, size, stride, dilation)
        last = (-(-length // stride) - 1) * stride
        full &= (places >= before) & (last + places - before < length)
    return full


RULES: RuleTable = {
    Conv: ConvRules,
    ConvTranspose: ConvTransposeRules,
    DepthwiseConv: ConvRules,
}
