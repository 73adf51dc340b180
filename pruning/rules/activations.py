"""Rules of Activation: elementwise functions follow from their envelope, functions along an axis have their own."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graph.activations import Function
from graph.graph import Node
from graph.ops import Activation
from graph.tensor_type import sample_axis
from pruning.rules.arithmetic import FEW_ARGUMENT_UNITS, few_operations_error
from pruning.rules.bound import UNIT_ROUNDOFF, Bound, unknown
from pruning.rules.elementwise import ElementwiseRules
from pruning.rules.envelope import STEPS, Envelope, envelope, has_envelope
from pruning.rules.op_rules import (
    OpRules,
    Reals,
    RuleTable,
    Shape,
    constants_of_mixture,
    told_along,
)
from pruning.rules.relation import Relation, alone, grouped

# Functions that kernels compute with an error of the size of a unit of the argument (docs/kernels.md, "Exactness").
_CANCELLING = (
    Function.GELU,
    Function.TANH_SHRINK,
    Function.HARD_SIGMOID,
    Function.HARD_SIGMOID_KERAS2,
    Function.SQUAREPLUS,
)


class ElementFunctionRules(ElementwiseRules[Activation]):
    """The function is applied to each element by itself."""

    @property
    def _envelope(self) -> Envelope:
        return envelope(self.op.function)

    def is_identity(self) -> bool:
        """The linear function changes nothing."""
        return self.op.function.function is Function.LINEAR

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Equal elements stay equal; relu and leaky relu, linear on each side of 0, also pass on a positive factor."""
        (x,) = inputs
        f = self.op.function
        if x.is_trivial:
            return alone(self.shape)
        if f.function is Function.LINEAR:
            return grouped([x.leader], x.factor, self.shape)
        if f.function is Function.RELU and not f.threshold and f.max_value is None:
            return grouped([x.leader, np.sign(x.factor)], np.abs(x.factor), self.shape)
        return grouped([x.leader, x.factor], np.ones(len(x.leader)), self.shape)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """The bound follows from the envelope, and is unknown where that says nothing."""
        shape = self._envelope
        if math.isinf(shape.factor):
            return unknown(self.shape)
        return inputs[0].times(shape.factor).shifted(shape.offset).capped(shape.cap)

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """The error is at most the Lipschitz constant times |dx|."""
        return errors[0].times(self._envelope.lipschitz)

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """The input may move by the output's tolerance over the Lipschitz constant."""
        return allowed.divided(self._envelope.lipschitz)

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """A few operations make the result; some take numbers as large as the argument off each other."""
        error = super().arithmetic_error(sizes, result)
        if self.op.function.function in _CANCELLING:
            error = error + FEW_ARGUMENT_UNITS * UNIT_ROUNDOFF * sizes[0]
        return error


class StepFunctionRules(ElementFunctionRules):
    """The function jumps, often at numbers that are exact: what comes before it must not change, even by a rounding."""

    bears_rounding = False


class AxisFunctionRules(OpRules[Activation]):
    """The function mixes the elements along an axis; of its size and error only some functions know anything."""

    bears_rounding = True

    @property
    def _axis(self) -> int:
        return sample_axis(self.op.function.axis)

    def _largest(self, x: Bound) -> Bound:
        """The largest element of each group, at every place of the group."""
        return x.mapped(
            lambda a: np.broadcast_to(a.max(axis=self._axis, keepdims=True), self.shapes[0])
        )

    def links(self) -> Sequence[tuple[int, int, int]]:
        """All axes go through but the function's own."""
        rank = len(self.sample_shape)
        return [(0, axis, axis) for axis in range(rank) if axis != self._axis % rank]

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Elements are told apart along the function's own axis."""
        source = told_along([self._axis], inputs[0], self.sample_shapes[0])
        return (source,), told_along([self._axis], output, self.sample_shape)

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """The output is constant where the whole input is."""
        return constants_of_mixture(self, inputs)

    def argument_units(self) -> float:
        """A few operations come before the result."""
        return FEW_ARGUMENT_UNITS

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """A few operations make the result."""
        return few_operations_error(result)


class SoftmaxRules(AxisFunctionRules):
    """Softmax is exp(x_i) over the sum of all exp(x_j)."""

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """A probability is at most 1."""
        return Bound(np.ones(self.shape), np.zeros(self.shape))

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """From dp_i = p_i (dx_i - sum_k p_k dx_k) follows |dp_i| <= 2 p_i (1 - p_i) max|dx| <= max|dx| / 2."""
        return self._largest(errors[0]).times(0.5)

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """An input may move by twice the smallest tolerance of its group."""
        return self._hidden_by_largest(allowed, value, 2.0)

    def _hidden_by_largest(self, allowed: Bound, value: Bound, factor: float) -> Bound:
        # Only differences of logits count, so what grows with the input may hide behind the largest logit's rounding;
        # the constant part may not, for a logit of -1e9 (a masked class) would hide everything.
        smallest = np.broadcast_to(
            allowed.constant.min(axis=self._axis, keepdims=True), value.shape
        )
        steepest = np.broadcast_to(value.slope.max(axis=self._axis, keepdims=True), value.shape)
        return Bound(smallest * factor, steepest * UNIT_ROUNDOFF)


class LogSoftmaxRules(SoftmaxRules):
    """Log-softmax is x_i minus the logarithm of the sum of all exp(x_j)."""

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """The output is -log(sum_j exp(x_j - x_i)), which lies between -(2 max|x| + log n) and 0."""
        return self._largest(inputs[0]).times(2.0).shifted(math.log(self.shapes[0][self._axis]))

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """The error is at most |dx_i| + max|dx|."""
        return errors[0].plus(self._largest(errors[0]))

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """An input may move by half the smallest tolerance of its group."""
        return self._hidden_by_largest(allowed, value, 0.5)


class GluRules(AxisFunctionRules):
    """Glu is the first half of an axis times the sigmoid of the second half."""

    def _halves(self, x: Bound) -> list[Bound]:
        parts = [np.split(array, 2, axis=self._axis) for array in (x.constant, x.slope)]
        return [Bound(constant, slope) for constant, slope in zip(*parts, strict=True)]

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """A sigmoid is at most 1, so the first half bounds the product."""
        return self._halves(inputs[0])[0]

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """The error is at most |da| + |a| |db| / 4, where a does not grow with the input."""
        direct, gate = self._halves(errors[0])
        carrier = self._halves(values[0])[0]
        if (carrier.slope > 0).any() or carrier.unknown.any():
            return unknown(self.shape)
        return direct.plus(gate.times(0.25 * carrier.constant))


class SparsemaxRules(AxisFunctionRules):
    """Sparsemax is a projection onto the simplex; nothing is proven about its size or error."""


_ALONG_AXIS: dict[Function, type[AxisFunctionRules]] = {
    Function.SOFTMAX: SoftmaxRules,
    Function.LOG_SOFTMAX: LogSoftmaxRules,
    Function.GLU: GluRules,
    Function.SPARSEMAX: SparsemaxRules,
}


def activation_rules(node: Node, op: Activation, *rest: Any) -> OpRules[Activation]:
    """The rules of an Activation's function; the cautious ones for a function that has none."""
    along = _ALONG_AXIS.get(op.function.function)
    if along is not None:
        return along(node, op, *rest)
    if op.function.function in STEPS:
        return StepFunctionRules(node, op, *rest)
    rules = ElementFunctionRules if has_envelope(op.function.function) else OpRules
    return rules(node, op, *rest)


RULES: RuleTable = {
    Activation: activation_rules,
}
