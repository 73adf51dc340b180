"""Rules of the ops that are linear in a kernel (`graph.linear`): the ones that simplification cuts and edits freely.

A kernel has taps, one for Dense; a unit sums over all taps and over the channels of its group. Where a window reaches
over the border it meets zeros: a tap that meets an element in every window is *full*, and of the others nothing is
assumed. So a constant channel behaves like an addend of the bias only where no other tap reads it, or where it is 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from graph.graph import Node
from graph.linear import LinearKernel, kernel_layout, resized
from pruning.rules.arithmetic import sum_error
from pruning.rules.bound import Bound, known
from pruning.rules.op_rules import Cut, Flags, OpRules, OpT, Reals, Shape, axis_mask
from pruning.rules.relation import Relation, feature_relation


class LinearRules(OpRules[OpT]):
    """y = kernel applied to x, + bias; a zero weight connects nothing."""

    mixes = False
    bears_rounding = True

    @cached_property
    def layout(self) -> LinearKernel:
        """How the kernel is laid out."""
        return kernel_layout(self.op, self.arrays[0].shape)

    @cached_property
    def full_taps(self) -> Flags:
        """Which taps meet an element, and no padding, in every window; (taps,)."""
        return np.ones(self.layout.taps, np.bool_)

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Channels and units are told apart."""
        (source,) = inputs
        return ((*source[:-1], self.layout.channels),), (*output[:-1], self.layout.units)

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A unit is constant if no varying channel reaches it, and only constants of 0 by taps that are not full."""
        (x,) = inputs
        varying = np.isnan(x)
        kernel = self._kernel()
        fixed = np.where(varying, 0.0, x)
        moved = self._forward(varying, (kernel != 0).any(axis=0)) > 0
        at_border = (kernel[~self.full_taps] != 0).any(axis=0)
        if at_border.any():
            moved |= self._forward(fixed != 0, at_border) > 0
        value = self._forward(fixed, kernel[self.full_taps].sum(axis=0))
        return np.where(moved, np.nan, value + self._bias())

    def needed(self, place: int, wanted: Flags) -> Flags:
        """The channels that have a weight to a wanted unit are needed, at each position by itself."""
        return self._backward(wanted, self._linked) > 0

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """Channels and units are cut freely, with equally many of each in every group that stays, and at least one.

        The same positions stay before and after.
        """
        (source,) = inputs
        if not output.any():
            return
        groups = self.layout.groups
        channels = axis_mask(source, -1).reshape(groups, -1)
        units = axis_mask(output, -1).reshape(groups, -1)
        live: Flags = np.asarray(channels.any(axis=1) | units.any(axis=1))
        positions: Flags = np.asarray(source.any(axis=-1) | output.any(axis=-1))
        source |= positions[..., None] & _topped_up(channels, live).ravel()
        output |= positions[..., None] & _topped_up(units, live).ravel()

    def unfoldable(self, constants: Reals, *, editable: bool) -> Flags:
        """A bias takes over one number for all positions, which is 0 where a tap that is not full reads the channel."""
        values = constants.reshape(-1, constants.shape[-1])
        uniform = (values == values[0]).all(axis=0) & editable
        at_border = (self._kernel()[~self.full_taps] != 0).any(axis=(0, 3)).T.ravel()
        stuck = self.read_channels & ~uniform
        stuck |= at_border & (np.nan_to_num(values) != 0).any(axis=0)
        return stuck & ~np.isnan(constants)

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Channels and units go from the kernel; constant channels that go are added to the bias."""
        layout, groups = self.layout, self.layout.groups
        units = axis_mask(cut.output, -1)
        bias = self.arrays[1] if self._has_bias else np.zeros(layout.units)
        by_group = layout.by_group(self.arrays[0])
        if cut.folded is not None:
            bias = bias + self._forward(cut.folded, by_group[self.full_taps].sum(axis=0))
        channels_left = axis_mask(cut.inputs[0], -1).reshape(groups, -1)
        units_left = units.reshape(groups, -1)
        parts = [
            by_group[:, channels_left[group], group][:, :, units_left[group]]
            for group in np.flatnonzero(units_left.any(axis=1))
        ]
        left = np.concatenate(parts, axis=-1)
        small = replace(layout, inputs=left.shape[1], units=left.shape[2], groups=len(parts))
        names = self.node.weights
        changed: dict[str, Reals] = {names[0]: small.array(left.reshape(small.fan_in, small.units))}
        if not self._has_bias and not bias[units].any():
            return replace(self.node, op=resized(self.op, small, use_bias=False)), changed
        name = names[1] if self._has_bias else cut.bias_name
        changed[name] = bias[units]
        op = resized(self.op, small, use_bias=True)
        return replace(self.node, op=op, weights=(names[0], name)), changed

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Units are related whose weights (with related channels joined) and bias are proportional.

        Each row is divided by its first number. For float32 weights the quotients of two rows are equal in float64
        exactly if the rows are proportional: two different quotients of 24-bit numbers differ by 2^-48, relatively.
        """
        related = feature_relation(inputs[0])
        joined, sources = self._comparable(related)
        rows = np.column_stack([joined.T, self._bias()])
        units, positions = self.layout.units, int(np.prod(self.shape[:-1]))
        lead = rows[np.arange(units), (rows != 0).argmax(axis=1)]
        leader, factor = np.arange(units), np.ones(units)
        seen: dict[bytes, int] = {}
        # Units without weights are constants, which another rule removes.
        for unit in np.flatnonzero(joined.any(axis=0)):
            key = (rows[unit] / lead[unit] + 0.0).tobytes() + sources[unit].tobytes()
            leader[unit] = seen.setdefault(key, int(unit))
            factor[unit] = lead[unit] / lead[leader[unit]]
        offsets = np.repeat(np.arange(positions) * units, units)
        leaders = np.tile(leader, positions) + offsets
        return Relation(leaders, np.tile(factor, positions), self.shape)

    def joined(self, relation: Relation) -> Reals | None:
        """Return the kernel with the weights of related channels added up on their leader, and the others' zero.

        None where there are several groups: units of different groups do not read the same channels.

        Args:
            relation: the relation of the channels.
        """
        if self.layout.groups > 1:
            return None
        kernel = self._kernel()[:, :, 0]
        joined = np.zeros_like(kernel)
        scaled = kernel * relation.factor[:, None]
        np.add.at(joined.swapaxes(0, 1), relation.leader, scaled.swapaxes(0, 1))
        return self.layout.array(joined.reshape(self.layout.fan_in, self.layout.units))

    def absorbed(self, scale: Reals, offset: Reals) -> tuple[Reals, Reals] | None:
        """Return kernel and bias that make of x what the present ones make of `scale * x + offset`; both (channels,).

        None where a tap that is not full reads an offset: padding is not shifted.
        """
        kernel = self._kernel()
        at_border = (kernel[~self.full_taps] != 0).any(axis=0)
        if (self._forward(offset != 0, at_border) > 0).any():
            return None
        bias = self._bias() + self._forward(offset, kernel[self.full_taps].sum(axis=0))
        scales = self.layout.rows(scale)[:, self.layout.group_of_unit]
        return self.layout.array(self.layout.matrix(self.weights()[0]) * scales), bias

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """The bound is |b| + |x| times all |weights|."""
        return self._through(inputs[0], self.arrays[0]).shifted(np.abs(self._bias()))

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """The error is at most |dx| times all |weights|."""
        return self._through(errors[0], self.arrays[0])

    def removal_error(self, removed: Reals, values: Sequence[Bound]) -> Bound:
        """The output can move by |x| times all |removed weights|."""
        return self._through(values[0], removed)

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """Each unit sums its weights' products and the bias."""
        weights = [np.abs(weight) for weight in self.weights()]
        matrix = self.layout.matrix(weights[0])
        terms = int(np.count_nonzero(matrix, axis=0).max(initial=0)) + 1
        return sum_error(terms, self.op.evaluate(list(sizes), weights))

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """Inputs of unit o may move by the tolerance of o over its sum of |weights|: together they stay within it."""
        size = np.abs(self._kernel()).sum(axis=0)
        share = allowed.divided(size.sum(axis=0).ravel())

        def smallest_reader(limit: Reals) -> Reals:
            # The strictest position speaks for all: a kernel has one mask for every position.
            units = limit.reshape(-1, self.layout.groups, self.layout.units_of_group).min(axis=0)
            channels = np.where(size > 0, units, np.inf).min(axis=2).T.ravel()
            return np.broadcast_to(channels, value.shape)

        return share.mapped(smallest_reader)

    @property
    def read_channels(self) -> Flags:
        """Return which channels have a weight, (channels,)."""
        found: Flags = self._linked.any(axis=2).T.ravel()
        return found

    @property
    def _has_bias(self) -> bool:
        return len(self.arrays) > 1

    def _bias(self) -> Reals:
        return self.weights()[1] if self._has_bias else np.zeros(self.layout.units)

    def _kernel(self) -> Reals:
        """Return the weights as (taps, inputs, groups, units of a group), float64."""
        return self.layout.by_group(np.asarray(self.arrays[0], np.float64))

    @cached_property
    def _linked(self) -> Flags:
        """Whether a channel has a weight to a unit at any tap; (inputs, groups, units of a group)."""
        linked: Flags = (self._kernel() != 0).any(axis=0)
        return linked

    def _forward(self, x: Reals, weights: Reals) -> Reals:
        """Sum over the channels, (..., channels) to (..., units); weights (inputs, groups, units of a group)."""
        layout, numbers = self.layout, np.asarray(weights, np.float64)
        if layout.groups == 1:
            return np.asarray(x @ numbers[:, 0])
        groups = np.asarray(x, np.float64).reshape(*x.shape[:-1], layout.groups, layout.inputs)
        return np.einsum("...gi,igu->...gu", groups, numbers).reshape(*x.shape[:-1], layout.units)

    def _backward(self, y: Reals, weights: Reals) -> Reals:
        """Sum over the units, (..., units) to (..., channels)."""
        layout, numbers = self.layout, np.asarray(weights, np.float64)
        if layout.groups == 1:
            return np.asarray(y @ numbers[:, 0].T)
        shape = (*y.shape[:-1], layout.groups, layout.units_of_group)
        groups = np.asarray(y, np.float64).reshape(shape)
        return np.einsum("...gu,igu->...gi", groups, numbers).reshape(
            *y.shape[:-1], layout.channels
        )

    def _through(self, x: Bound, array: Reals) -> Bound:
        """Send a bound through the magnitudes of a kernel; one unknown channel with a weight makes the sum unknown."""
        size = np.abs(self.layout.by_group(np.asarray(array, np.float64))).sum(axis=0)
        lost = x.unknown
        constant = self._forward(np.where(lost, 0.0, x.constant), size)
        if lost.any():
            constant = np.where(self._forward(lost, size > 0) > 0, np.inf, constant)
        return known(constant, self._forward(x.slope, size))

    def _comparable(self, related: Relation | None) -> tuple[Reals, Reals]:
        """Return weights to compare units by, (fan_in, units), and which channels they belong to, (units,).

        Two units of one group read the same channels. A unit of one channel reads a multiple of what one reads whose
        channel is related.
        """
        layout = self.layout
        matrix, group = layout.matrix(self.weights()[0]), layout.group_of_unit
        if related is None or related.is_trivial:
            return matrix, group
        if layout.groups == 1:
            joined = self.joined(related)
            return (matrix if joined is None else layout.matrix(joined)), group
        if layout.inputs > 1:
            return matrix, group
        return matrix * related.factor[group], related.leader[group]


def linear_rules(rules: OpRules[Any]) -> "LinearRules[Any] | None":
    """Return rules as those of a linear op; None for any other op."""
    return rules if isinstance(rules, LinearRules) else None


def _topped_up(flags: Flags, live: Flags) -> Flags:
    """Set flags until every live row has as many as the one with most, and at least one; the first that are free."""
    count = max(int(flags.sum(axis=1).max()), 1)
    order = np.argsort(~flags, axis=1, kind="stable")[:, :count]
    full = flags.copy()
    np.put_along_axis(full, order, values=True, axis=1)
    return np.where(live[:, None], full, flags)
