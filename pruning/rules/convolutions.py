"""Rules of the convolutions: linear in their kernels, and what holds of a channel holds at every pixel."""

from collections.abc import Sequence
from functools import cached_property, reduce

import numpy as np

from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.windows import Tap
from pruning.rules.linear import LinearRules
from pruning.rules.op_rules import Flags, OpT, Shape


class _SpatialRules(LinearRules[OpT]):
    """A kernel applied at every place of a window that moves over the spatial axes."""

    is_spatial = True

    def taken_forms(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Channels and units are told apart, pixels are not."""
        pixels = (1,) * (len(output) - 1)
        return ((*pixels, self.layout.channels),), (*pixels, self.layout.units)

    def _spans(self) -> Sequence[Sequence[tuple[Tap, slice]]]:
        """Return the taps of each axis, with the elements of the output that each reaches."""
        return ()

    @cached_property
    def full_taps(self) -> Flags:
        """A tap is full that reaches every element of the output, along each axis."""
        axes = []
        for axis, taps in enumerate(self._spans()):
            flags, every = (
                np.zeros(self.layout.size[axis], np.bool_),
                range(self.sample_shape[axis]),
            )
            for tap, reached in taps:
                flags[tap.place] = every[reached] == every
            axes.append(flags)
        return reduce(np.logical_and.outer, axes).reshape(self.layout.taps)


class ConvRules(_SpatialRules[Conv | DepthwiseConv]):
    """Convolution: every unit reads a window of the input. A depthwise one has as many groups as channels."""

    def _spans(self) -> Sequence[Sequence[tuple[Tap, slice]]]:
        window = self.op.window(self.arrays[0].shape)
        taps = window.taps(self.sample_shapes[0][:-1])
        return [[(tap, tap.windows) for tap in axis] for axis in taps]


class ConvTransposeRules(_SpatialRules[ConvTranspose]):
    """Transposed convolution: every element of the input is spread over a window of the output."""

    def _spans(self) -> Sequence[Sequence[tuple[Tap, slice]]]:
        window = self.op.window(self.arrays[0].shape)
        taps = window.taps(self.sample_shape[:-1])
        return [[(tap, tap.elements) for tap in axis] for axis in taps]
