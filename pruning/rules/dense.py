"""Rules of Dense, a product with a kernel over the last axis: the one op that simplification cuts and edits freely."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from graph.graph import Node
from graph.ops import Dense
from pruning.rules.arithmetic import sum_error
from pruning.rules.bound import Bound
from pruning.rules.op_rules import Cut, Flags, OpRules, Reals, axis_mask
from pruning.rules.relation import Relation, feature_relation, merged_kernel


def is_dense(node: Node) -> bool:
    """Whether the op is Dense itself; a subclass may mean something else."""
    return type(node.op) is Dense


class DenseRules(OpRules[Dense]):
    """y = x @ kernel + bias, where a zero weight connects nothing."""

    mixes = False
    bears_rounding = True

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A unit is constant if no varying input reaches it through a weight."""
        weights = self.weights()
        varying = np.isnan(inputs[0])
        reached = varying.astype(np.float64) @ (weights[0] != 0) > 0
        fixed = self.op.evaluate([np.where(varying, 0.0, inputs[0])[None]], weights)[0]
        return np.where(reached, np.nan, fixed)

    def needed(self, place: int, wanted: Flags) -> Flags:
        """The inputs that have a weight to a wanted unit are needed, at each position by itself."""
        linked = self.arrays[0] != 0
        return wanted.astype(np.float64) @ linked.T > 0

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """The last axes are cut freely; the same positions stay in front of them, and at least one input."""
        (source,) = inputs
        if output.any() and not source.any():
            source.reshape(-1)[0] = True
        positions: Flags = np.asarray(source.any(axis=-1) | output.any(axis=-1))
        for flags in (source, output):
            if flags.any():
                flags |= positions[..., None] & axis_mask(flags, -1)

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Rows and columns go from the kernel; constant inputs that go are added to the bias."""
        inputs, units = axis_mask(cut.inputs[0], -1), axis_mask(cut.output, -1)
        kernel = self.arrays[0]
        bias = self.arrays[1] if self.op.use_bias else np.zeros(kernel.shape[1])
        if cut.folded is not None:
            bias = bias + cut.folded @ kernel
        names, count = self.node.weights, int(units.sum())
        changed: dict[str, Reals] = {names[0]: kernel[inputs][:, units]}
        if not self.op.use_bias and not bias[units].any():
            return replace(self.node, op=Dense(count, use_bias=False)), changed
        name = names[1] if self.op.use_bias else cut.bias_name
        changed[name] = bias[units]
        return replace(self.node, op=Dense(count), weights=(names[0], name)), changed

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Units are related whose weights (with related inputs joined) and bias are proportional.

        Each row is divided by its first number. For float32 weights the quotients of two rows are equal in float64
        exactly if the rows are proportional: two different quotients of 24-bit numbers differ by 2^-48, relatively.
        """
        kernel, *biases = self.weights()
        joined = merged_kernel(kernel, feature_relation(inputs[0], self.shapes[0]))
        rows = np.column_stack([joined.T, *biases])
        units, positions = kernel.shape[1], int(np.prod(self.shape[:-1]))
        lead = rows[np.arange(units), (rows != 0).argmax(axis=1)]
        leader, factor = np.arange(units), np.ones(units)
        seen: dict[bytes, int] = {}
        # Units without weights are constants, which another rule removes.
        for unit in np.flatnonzero(joined.any(axis=0)):
            key = (rows[unit] / lead[unit] + 0.0).tobytes()
            leader[unit] = seen.setdefault(key, int(unit))
            factor[unit] = lead[unit] / lead[leader[unit]]
        offsets = np.repeat(np.arange(positions) * units, units)
        return Relation(np.tile(leader, positions) + offsets, np.tile(factor, positions))

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """The bound is |b| + |x| @ |W|."""
        kernel, *biases = self.weights()
        y = inputs[0].through(kernel)
        return y.shifted(np.abs(biases[0])) if biases else y

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """The error is at most |dx| @ |W|."""
        return errors[0].through(self.weights()[0])

    def removal_error(self, removed: Reals, values: Sequence[Bound]) -> Bound:
        """The output can move by |x| @ |removed|."""
        return values[0].through(removed)

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """Each unit sums its weights' products and the bias."""
        weights = [np.abs(weight) for weight in self.weights()]
        terms = int(np.count_nonzero(weights[0], axis=0).max(initial=0)) + 1
        return sum_error(terms, self.op.evaluate(list(sizes), weights))

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """Each input of unit o may move by the tolerance of o over sum_i |w_io|: all together stay within it."""
        size = np.abs(self.weights()[0])
        share = allowed.divided(size.sum(axis=0))

        def smallest_reader(limit: Reals) -> Reals:
            # The strictest position speaks for all: a kernel has one mask for every position.
            row = limit.reshape(-1, limit.shape[-1]).min(axis=0)
            inputs = np.where(size > 0, row, np.inf).min(axis=1)
            return np.broadcast_to(inputs, (*limit.shape[:-1], len(inputs)))

        return share.mapped(smallest_reader)
