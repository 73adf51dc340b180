"""Rules of the general ops: parts of values and new axes move elements; reductions look along axes; casts; constants.

Of ops of two values, and of those that depend on the order of elements, nothing is known: they get the cautious rules.
"""

from collections.abc import Callable, Sequence

import numpy as np

from graph.element_ops import Binary, Cast, Constant, Select
from graph.reduction_ops import ArgReduce, Cumulative, Reduce, ReduceKind, Sort
from graph.slice_ops import BroadcastTo, ExpandDims, Gather, Slice, Squeeze
from graph.tensor_type import DType
from pruning.rules.arithmetic import FEW_ARGUMENT_UNITS, few_operations_error, sum_error
from pruning.rules.bound import Bound, unknown, zeros
from pruning.rules.moves import MoveRules
from pruning.rules.op_rules import Flags, OpRules, OpT, Reals, RuleTable

_EXTREMES = (ReduceKind.MAX, ReduceKind.MIN)
_LINEAR = (ReduceKind.SUM, ReduceKind.MEAN)


class WholeMoveRules(MoveRules[OpT]):
    """Elements are moved; whatever holds of them holds of their copies, but none of them is taken out."""

    mixes = True


class ReduceRules(OpRules[Reduce]):
    """An element comes from all those along some axes; none of them is taken out."""

    bears_rounding = True

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(axis - 1 for axis in self.op.axes)

    @property
    def _terms(self) -> int:
        return int(np.prod([self.sample_shapes[0][axis] for axis in self._axes]))

    def _reduced(self, function: Callable[..., Reals]) -> Callable[[Reals], Reals]:
        return lambda x: function(x, axis=self._axes, keepdims=self.op.keepdims)

    def _spread(self, array: Reals) -> Reals:
        """Return what stands for a reduced element at the place of each element that it comes from."""
        if not self.op.keepdims:
            array = np.expand_dims(array, self._axes)
        return np.broadcast_to(array, self.shapes[0])

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A result is constant where all that it comes from is."""
        (x,) = inputs
        open_ = self._reduced(np.any)(np.isnan(x))
        with np.errstate(all="ignore"):
            value = self.op.evaluate([x[None]], [])[0]
        return np.where(open_, np.nan, value)

    def needed(self, place: int, wanted: Flags) -> Flags:
        """All that a wanted result comes from is needed."""
        return np.array(self._spread(wanted))

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """Sums are bounded by sums, means and extremes by the largest, truth values by 1."""
        kind = self.op.kind
        if kind.is_logical:
            return zeros(self.shape).shifted(1.0)
        if kind is ReduceKind.SUM:
            return inputs[0].mapped(self._reduced(np.sum))
        if kind in _EXTREMES or kind is ReduceKind.MEAN:
            return inputs[0].mapped(self._reduced(np.max))
        return unknown(self.shape)

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """A sum moves by the sum of what its terms move by, a mean or an extreme by the largest of it at most."""
        if self.op.kind in _LINEAR or self.op.kind in _EXTREMES:
            return self.bound(errors)
        return unknown(self.shape)

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """The terms of a sum share what it may move by; those of a mean or an extreme may all move by it."""
        if self.op.kind not in (*_LINEAR, *_EXTREMES):
            return zeros(self.shapes[0])
        terms = float(self._terms) if self.op.kind is ReduceKind.SUM else 1.0
        return allowed.divided(terms).mapped(self._spread)

    def argument_units(self) -> float:
        """A few operations come before the result."""
        return 0.0 if self.op.kind in _EXTREMES else FEW_ARGUMENT_UNITS

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """Sums are rounded as sums are; a variance is one of squares; extremes are exact."""
        if self.op.kind in _EXTREMES or self.op.kind.is_logical:
            return np.zeros_like(result)
        (x,) = sizes
        reduced = Reduce(
            ReduceKind.SUM if self.op.kind is ReduceKind.SUM else ReduceKind.MEAN,
            self.op.axes,
            self.op.keepdims,
        )
        squared = self.op.kind is ReduceKind.VARIANCE
        magnitudes = reduced.evaluate([x * x if squared else x], [])
        return sum_error(self._terms, magnitudes) + few_operations_error(result) * self._growth()

    def _growth(self) -> float:
        """Each factor of a product is one more rounding."""
        return float(self._terms) if self.op.kind is ReduceKind.PROD else 1.0


class ConstantRules(OpRules[Constant]):
    """The numbers are the same whatever the input is."""

    bears_rounding = True

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """All elements are constant."""
        return np.broadcast_to(self.weights()[0], self.shape).astype(np.float64)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """The numbers bound themselves."""
        return zeros(self.shape).shifted(np.abs(self.weights()[0]))

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """Nothing moves."""
        return zeros(self.shape)

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """The input may be anything."""
        return Bound(np.full(self.shapes[0], np.inf), np.zeros(self.shapes[0]))


class CastRules(OpRules[Cast]):
    """Numbers stay or lose their fraction; truth values are 0 or 1."""

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A constant stays one."""
        (x,) = inputs
        return np.where(np.isnan(x), np.nan, self.op.evaluate([x[None]], [])[0])

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """No number grows."""
        if self.op.dtype is DType.BOOL:
            return zeros(self.shape).shifted(1.0)
        return inputs[0]


RULES: RuleTable = {
    **dict.fromkeys((Slice, Gather, ExpandDims, Squeeze, BroadcastTo), WholeMoveRules),
    Reduce: ReduceRules,
    Constant: ConstantRules,
    Cast: CastRules,
    **dict.fromkeys((Binary, Select, ArgReduce, Cumulative, Sort), OpRules),
}
