"""Rules of the ops that compute each element from the element at the same place: scale and offset, and PReLU.

Activations are in `pruning.rules.activations`, ops of several values in `pruning.rules.merges`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from graph.affine import ScaleAndOffset, as_affine
from graph.errors import GraphError
from graph.graph import Node
from graph.ops import BatchNormalization, Normalization, PRelu, Rescaling
from graph.tensor_type import sample_axis
from pruning.rules.arithmetic import FEW_ARGUMENT_UNITS, few_operations_error
from pruning.rules.bound import Bound
from pruning.rules.op_rules import Cut, Flags, OpRules, OpT, Reals, RuleTable, Shape, axis_mask
from pruning.rules.relation import Relation, alone, by_element, grouped


class ElementwiseRules(OpRules[OpT]):
    """An output element depends only on the input element at the same place."""

    mixes = False
    bears_rounding = True

    def links(self) -> Sequence[tuple[int, int, int]]:
        """All axes go through."""
        return [(0, axis, axis) for axis in range(len(self.sample_shape))]

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Any grain will do."""
        return inputs, output

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """Where the input is constant, so is the output."""
        value = self.op.evaluate([x[None] for x in inputs], self.weights())[0]
        return np.where(np.isnan(inputs[0]), np.nan, value)

    def needed(self, place: int, wanted: Flags) -> Flags:
        """The same elements are needed."""
        return wanted

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """The same elements stay before and after."""
        for flags in inputs:
            output |= flags
        for flags in inputs:
            flags |= output

    def argument_units(self) -> float:
        """A few operations come before the result."""
        return FEW_ARGUMENT_UNITS

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """A few operations make the result."""
        return few_operations_error(result)


class AffineRules(ElementwiseRules[OpT]):
    """y = scale * x + offset."""

    @cached_property
    def affine(self) -> ScaleAndOffset:
        """The two numbers of every element, with 1 on the axes along which both are the same.

        Raises:
            GraphError: `graph.affine` does not know the op; a bug of ours.
        """
        found = as_affine(self.op, self.arrays, self.sample_shape)
        if found is None:
            raise GraphError(f"node {self.node.name!r} has no scale and offset")
        return found.simple.compact()

    def is_identity(self) -> bool:
        """Scales of 1 with offsets of 0 change nothing."""
        return bool(np.all(self.affine.scale == 1.0) and np.all(self.affine.offset == 0.0))

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """A factor is passed on where the offset is 0; equal elements with equal numbers stay equal."""
        (x,) = inputs
        if x.is_trivial:
            return alone(self.shape)
        scale, offset = (by_element(a, self.shape) for a in (self.affine.scale, self.affine.offset))
        slope = scale * x.factor[:, None]
        linear = (offset == 0.0).all(axis=1) & (slope == slope[:, :1]).all(axis=1)
        linear &= slope[:, 0] != 0.0
        keys = [x.leader, offset, np.where(linear[:, None], 1.0, slope)]
        return grouped(keys, np.where(linear, slope[:, 0], 1.0), self.shape)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """The bound is |scale| |x| + |offset|."""
        affine = self.affine
        return inputs[0].times(np.abs(affine.scale)).shifted(np.abs(affine.offset))

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """The error is at most |scale| |dx|."""
        return errors[0].times(np.abs(self.affine.scale))

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """The input may move by the output's tolerance over |scale|."""
        return allowed.divided(np.abs(self.affine.scale))


class BatchNormalizationRules(AffineRules[BatchNormalization]):
    """Each element of one axis has its own scale and offset."""

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """The numbers of what goes are taken out of every weight."""
        mask = axis_mask(cut.output, sample_axis(self.op.axis))
        pairs = zip(self.node.weights, self.arrays, strict=True)
        return self.node, {name: array[mask] for name, array in pairs}


class NormalizationRules(AffineRules[Normalization]):
    """The mean and the variance broadcast to a batch."""

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Both are cut along the axes that they have."""
        return self.node, _cut_broadcast(self, cut.output)


class RescalingRules(AffineRules[Rescaling]):
    """The op itself holds the numbers: one, or one for each element of the last axis."""

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """The numbers are cut where there is more than one."""
        mask = axis_mask(cut.output, -1)

        def left(values: tuple[float, ...]) -> tuple[float, ...]:
            if len(values) == 1:
                return values
            return tuple(value for value, stays in zip(values, mask, strict=True) if stays)

        return replace(self.node, op=Rescaling(left(self.op.scale), left(self.op.offset))), {}


class PReluRules(ElementwiseRules[PRelu]):
    """y = x where x >= 0, else alpha * x."""

    def _steepest(self) -> Reals:
        """The larger of the two slopes."""
        return np.maximum(np.abs(self.weights()[0]), 1.0)

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Alpha is cut along the axes that it has."""
        return self.node, _cut_broadcast(self, cut.output)

    def is_identity(self) -> bool:
        """With slopes of 1 nothing changes."""
        return bool((self.arrays[0] == 1.0).all())

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """A positive factor is passed on where the slopes are equal; equal elements with equal slopes stay equal."""
        (x,) = inputs
        if x.is_trivial:
            return alone(self.shape)
        keys = [x.leader, np.sign(x.factor), by_element(self.arrays[0], self.shape)]
        return grouped(keys, np.abs(x.factor), self.shape)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """The bound is the larger slope times |x|."""
        return inputs[0].times(self._steepest())

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """The error is at most the larger slope times |dx|."""
        return errors[0].times(self._steepest())

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """The input may move by the output's tolerance over the larger slope."""
        return allowed.divided(self._steepest())


def _cut_broadcast(rules: OpRules[OpT], kept: Flags) -> Mapping[str, Reals]:
    """Cut weights that broadcast to a sample (or, with a leading 1, to a batch) along their own axes."""
    changed = {}
    for name, weight in zip(rules.node.weights, rules.arrays, strict=True):
        array = weight
        lead = array.ndim - kept.ndim
        for axis in range(kept.ndim):
            if array.shape[axis + lead] != 1:
                array = np.compress(axis_mask(kept, axis), array, axis=axis + lead)
        changed[name] = array
    return changed


RULES: RuleTable = {
    PRelu: PReluRules,
    BatchNormalization: BatchNormalizationRules,
    Rescaling: RescalingRules,
    Normalization: NormalizationRules,
}
