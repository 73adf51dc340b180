"""Rules of the ops of several values: Merge works element by element, Dot contracts an axis of two values."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graph.graph import Node
from graph.ops import Dot, Merge, MergeKind
from graph.tensor_type import normalize_axis
from pruning.rules.arithmetic import FEW_ARGUMENT_UNITS, few_operations_error, sum_error
from pruning.rules.bound import Bound, known, unknown, zeros
from pruning.rules.op_rules import Flags, OpRules, Reals, RuleTable, Shape, constants_of_mixture
from pruning.rules.relation import Relation, alone, grouped

_SUMS = (MergeKind.ADD, MergeKind.SUBTRACT)
_EXTREMES = (MergeKind.MAXIMUM, MergeKind.MINIMUM)
_KNOWN_KINDS = frozenset({*_SUMS, *_EXTREMES, MergeKind.AVERAGE, MergeKind.MULTIPLY})


class MergeRules(OpRules[Merge]):
    """An output element depends on the inputs' elements at the same place; axes of length 1 broadcast."""

    mixes = False
    bears_rounding = True

    def links(self) -> Sequence[tuple[int, int, int]]:
        """All axes go through, but those that broadcast."""
        rank, found = len(self.sample_shape), []
        for place, shape in enumerate(self.sample_shapes):
            lead = rank - len(shape)
            pairs = enumerate(zip(shape, self.sample_shape[lead:], strict=True))
            found += [(place, axis, axis + lead) for axis, (own, whole) in pairs if own == whole]
        return found

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Any grain will do."""
        return inputs, output

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """The output is constant where all operands are, or where one factor of a product is 0."""
        value: Reals = self.op.evaluate([x[None] for x in inputs], [])[0]
        if self.op.kind is not MergeKind.MULTIPLY:
            return value
        ones = [np.where(x == 0.0, 0.0, 1.0)[None] for x in inputs]
        return np.where(self.op.evaluate(ones, [])[0] == 0.0, 0.0, value)

    def needed(self, place: int, wanted: Flags) -> Flags:
        """An element is needed if any of its broadcast copies is."""
        return _any_copy(wanted, self.shapes[place])

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """The same elements stay in all operands and in the output; a broadcast element stays if any copy does."""
        for flags in inputs:
            output |= flags.reshape((1,) * (output.ndim - flags.ndim) + flags.shape)
        for flags in inputs:
            flags |= _any_copy(output, flags.shape)

    def is_identity(self) -> bool:
        """A merge of one value changes nothing."""
        return len(self.node.inputs) == 1

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Two elements are equal if their operands are related in the same way."""
        if all(relation.is_trivial for relation in inputs):
            return alone(self.shape)
        keys: list[Reals] = []
        for shape, relation in zip(self.shapes, inputs, strict=True):
            padded = (1,) * (len(self.shape) - len(shape)) + shape
            parts = (relation.leader, relation.factor)
            keys += [np.broadcast_to(part.reshape(padded), self.shape) for part in parts]
        return grouped(keys, np.ones(int(np.prod(self.shape))), self.shape)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """Bounds are added, multiplied, or the largest is taken, as the op does."""
        operands = self._aligned(inputs)
        result = operands[0]
        for operand in operands[1:]:
            if self.op.kind is MergeKind.MULTIPLY:
                result = _product(result, operand)
            elif self.op.kind in _EXTREMES:
                result = result.largest(operand)
            else:
                result = result.plus(operand)
        return self._averaged(result)

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """Errors are added, or the largest is taken; for a product see `_product_error`."""
        moves = self._aligned(errors)
        if self.op.kind is MergeKind.MULTIPLY:
            return _product_error(moves, self._aligned(values))
        result = moves[0]
        for error in moves[1:]:
            result = result.largest(error) if self.op.kind in _EXTREMES else result.plus(error)
        return self._averaged(result)

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """Operands of a sum share the tolerance; those of an average or an extreme may use all of it, factors none."""
        if self.op.kind is MergeKind.MULTIPLY:
            return zeros(value.shape)
        share = allowed.divided(float(len(self.node.inputs)) if self.op.kind in _SUMS else 1.0)
        return share if allowed.shape == value.shape else share.mapped(_smallest_copy(value.shape))

    def argument_units(self) -> float:
        """A few operations come before the result."""
        return FEW_ARGUMENT_UNITS

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """A few operations make the result."""
        return few_operations_error(result)

    def _averaged(self, total: Bound) -> Bound:
        if self.op.kind is not MergeKind.AVERAGE:
            return total
        return total.times(1.0 / len(self.node.inputs))

    def _aligned(self, inputs: Sequence[Bound]) -> list[Bound]:
        """Give all operands the output's shape: axes of length 1 are inserted after the batch, then they broadcast."""
        rank, shape = len(self.shape), self.shape

        def align(array: Reals) -> Reals:
            padded = array.reshape((1,) * (rank - array.ndim) + array.shape)
            return np.broadcast_to(padded, shape)

        return [x.mapped(align) for x in inputs]


def merge_rules(node: Node, op: Merge, *rest: Any) -> OpRules[Merge]:
    """The rules of a Merge; the cautious ones for a kind that is not known here."""
    rules = MergeRules if op.kind in _KNOWN_KINDS else OpRules
    return rules(node, op, *rest)


class DotRules(OpRules[Dot]):
    """Dot gives the inner products of vectors from two values."""

    bears_rounding = True

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """The output is constant where both values are."""
        return constants_of_mixture(self, inputs)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """The bound is 1 for normalized vectors, and otherwise the sum of products if nothing grows with the input."""
        if self.op.normalize:
            return Bound(np.ones(self.shape), np.zeros(self.shape))
        if any((x.slope > 0).any() or x.unknown.any() for x in inputs):
            return unknown(self.shape)
        products = self.op.evaluate([x.constant[None] for x in inputs], [])[0]
        return zeros(self.shape).shifted(products)

    def argument_units(self) -> float:
        """Vectors may be brought to length 1 before."""
        return FEW_ARGUMENT_UNITS

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """Each product sums over the contracted axis."""
        axis = normalize_axis(self.op.axes[0], sizes[0].ndim)
        return sum_error(sizes[0].shape[axis], self.op.evaluate(list(sizes), []))


def _any_copy(flags: Flags, shape: Shape) -> Flags:
    """Undo the broadcasting of an operand of that sample shape: an element is set if any copy is."""
    padded = (1,) * (flags.ndim - len(shape)) + shape
    axes = tuple(i for i, n in enumerate(padded) if n == 1 and flags.shape[i] != 1)
    return flags.any(axis=axes, keepdims=True).reshape(shape)


def _smallest_copy(shape: Shape) -> Callable[[Reals], Reals]:
    """The smallest tolerance over the axes along which an operand was broadcast."""

    def reduce(limit: Reals) -> Reals:
        padded = (1,) * (limit.ndim - len(shape)) + shape
        axes = tuple(i for i, n in enumerate(padded) if n == 1 and limit.shape[i] != 1)
        return limit.min(axis=axes, keepdims=True).reshape(shape)

    return reduce


def _product(a: Bound, b: Bound) -> Bound:
    """The product of two bounds, known where at most one factor grows with the input."""
    fixed_a, fixed_b = a.slope == 0, b.slope == 0
    with np.errstate(invalid="ignore"):
        constant = np.where(fixed_a | fixed_b, a.constant * b.constant, np.inf)
        slope = a.slope * b.constant + b.slope * a.constant
    return known(constant, slope)


def _product_error(errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
    """The error is prod(abs(v) + e) - prod(abs(v)), known where no factor grows with the input."""
    grown, plain = np.ones(values[0].shape), np.ones(values[0].shape)
    for error, value in zip(errors, values, strict=True):
        if (error.slope > 0).any() or (value.slope > 0).any():
            return unknown(value.shape)
        grown, plain = grown * (value.constant + error.constant), plain * value.constant
    return known(grown - plain, np.zeros(plain.shape))


RULES: RuleTable = {
    Merge: merge_rules,
    Dot: DotRules,
}
