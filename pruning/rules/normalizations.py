"""Rules of the ops that normalize each sample by its own numbers."""

import math
from collections.abc import Collection, Sequence

import numpy as np

from graph.normalization_ops import GroupNormalization, RmsNormalization, UnitNormalization
from graph.ops import LayerNormalization
from pruning.rules.arithmetic import few_operations_error, sum_units
from pruning.rules.bound import Bound, unknown
from pruning.rules.op_rules import (
    OpRules,
    OpT,
    Reals,
    RuleTable,
    Shape,
    constants_of_mixture,
    told_along,
)


class SampleNormalizationRules(OpRules[OpT]):
    """The output has the shape of the input, and each element depends on many others."""

    bears_rounding = True

    def links(self) -> Sequence[tuple[int, int, int]]:
        """What an axis of the input stands for, that of the output does."""
        return [(0, axis, axis) for axis in range(len(self.sample_shape))]

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Elements are told apart along the axes that are normalized."""
        grain = told_along(self._told(), output, self.sample_shape)
        return (grain,), grain

    def _told(self) -> Collection[int]:
        """Return the axes of a sample along which facts must tell elements apart: all, where nobody knows better."""
        return range(len(self.sample_shape))

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """The output is constant where the whole input is."""
        return constants_of_mixture(self, inputs)

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """A few operations follow the sums."""
        return few_operations_error(result)


class LayerNormalizationRules(SampleNormalizationRules[LayerNormalization]):
    """y = (x - mean) / sigma * gamma + beta over some axes."""

    def _told(self) -> Collection[int]:
        return [axis - 1 for axis in self.op.axes]

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """A normalized element is at most sqrt(n); without centring it is at most abs(x) / sqrt(epsilon)."""
        x, op = inputs[0], self.op
        rows = [np.abs(weight).reshape(self._row_shape) for weight in self.weights()]
        if op.rms_scaling:
            y = x.times(1.0 / math.sqrt(op.epsilon)) if op.epsilon > 0 else unknown(x.shape)
        else:
            count = math.prod(self._row_shape)
            y = Bound(np.full(x.shape, math.sqrt(count)), np.zeros(x.shape))
        if op.scale:
            y = y.times(rows.pop(0) + np.zeros(x.shape))
        return y.shifted(rows.pop(0) + np.zeros(x.shape)) if op.center else y

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """Rows of the Jacobian of (x - mean) / sigma sum to at most (2 + sqrt(n)) / sqrt(epsilon)."""
        error, op = errors[0], self.op
        if op.rms_scaling or op.epsilon <= 0:
            return unknown(self.shape)
        axes = tuple(axis - 1 for axis in op.axes)
        top = error.mapped(lambda a: np.broadcast_to(a.max(axis=axes, keepdims=True), a.shape))
        count = math.prod(self._row_shape)
        result = top.times((2.0 + math.sqrt(count)) / math.sqrt(op.epsilon))
        if not op.scale:
            return result
        gamma = np.abs(self.weights()[0]).reshape(self._row_shape)
        return result.times(gamma + np.zeros(error.shape))

    def argument_units(self) -> float:
        """The mean of n numbers errs like a sum, and is subtracted from all of them."""
        return sum_units(math.prod(self._row_shape))

    @property
    def _row_shape(self) -> list[int]:
        """The sample shape with 1 on the axes that are not normalized."""
        return [n if axis in self.op.axes else 1 for axis, n in enumerate(self.shape, 1)]


class GroupNormalizationRules(SampleNormalizationRules[GroupNormalization]):
    """y = (x - mean) / sigma * gamma + beta over the spatial axes and a group of channels."""

    def _told(self) -> Collection[int]:
        # Means over pixels that are alike are those of one pixel.
        return [-1]

    @property
    def _count(self) -> int:
        """How many numbers are normalized together."""
        return math.prod(self.sample_shape) // self.op.groups

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """A normalized element is at most sqrt(n)."""
        rows = [np.abs(weight) for weight in self.weights()]
        gamma = rows.pop(0) if self.op.scale else np.ones(self.shape[-1])
        y = Bound(np.full(self.shape, math.sqrt(self._count)), np.zeros(self.shape)).times(gamma)
        return y.shifted(rows.pop(0)) if self.op.center else y

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """Rows of the Jacobian of (x - mean) / sigma sum to at most (2 + sqrt(n)) / sqrt(epsilon)."""
        if self.op.epsilon <= 0:
            return unknown(self.shape)
        top = errors[0].mapped(lambda part: np.full(self.shape, part.max()))
        result = top.times((2.0 + math.sqrt(self._count)) / math.sqrt(self.op.epsilon))
        return result.times(np.abs(self.weights()[0])) if self.op.scale else result

    def argument_units(self) -> float:
        """The mean of n numbers errs like a sum, and is subtracted from all of them."""
        return sum_units(self._count)


class RmsNormalizationRules(SampleNormalizationRules[RmsNormalization]):
    """y = x / rms * scale over some axes."""

    def _told(self) -> Collection[int]:
        return [axis - 1 for axis in self.op.axes]

    @property
    def _count(self) -> int:
        return math.prod(self.sample_shape[axis - 1] for axis in self.op.axes)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """A normalized element is at most sqrt(n)."""
        y = Bound(np.full(self.shape, math.sqrt(self._count)), np.zeros(self.shape))
        return y.times(np.abs(self.weights()[0]))

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """Rows of the Jacobian of x / rms sum to at most (1 + sqrt(n)) / sqrt(epsilon)."""
        if self.op.epsilon <= 0:
            return unknown(self.shape)
        top = errors[0].mapped(lambda part: np.full(self.shape, part.max()))
        growth = (1.0 + math.sqrt(self._count)) / math.sqrt(self.op.epsilon)
        return top.times(growth).times(np.abs(self.weights()[0]))

    def argument_units(self) -> float:
        """The mean square of n numbers errs like a sum."""
        return sum_units(self._count)


class UnitNormalizationRules(SampleNormalizationRules[UnitNormalization]):
    """y = x / norm over some axes. Near 0 a small change turns it around, so no error bound holds."""

    def _told(self) -> Collection[int]:
        return [axis - 1 for axis in self.op.axes]

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """An element is at most the norm."""
        return Bound(np.ones(self.shape), np.zeros(self.shape))

    def argument_units(self) -> float:
        """The norm of n numbers errs like a sum."""
        return sum_units(math.prod(self.sample_shape[axis - 1] for axis in self.op.axes))


RULES: RuleTable = {
    LayerNormalization: LayerNormalizationRules,
    GroupNormalization: GroupNormalizationRules,
    RmsNormalization: RmsNormalizationRules,
    UnitNormalization: UnitNormalizationRules,
}
