"""Rules of LayerNormalization, which normalizes each sample by its own numbers."""

import math
from collections.abc import Sequence

import numpy as np

from graph.ops import LayerNormalization
from pruning.rules.arithmetic import few_operations_error, sum_units
from pruning.rules.bound import Bound, unknown
from pruning.rules.op_rules import OpRules, Reals, constants_of_mixture


class LayerNormalizationRules(OpRules[LayerNormalization]):
    """y = (x - mean) / sigma * gamma + beta over some axes."""

    bears_rounding = True

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """The output is constant where the whole input is."""
        return constants_of_mixture(self, inputs)

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

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """A few operations follow the sums."""
        return few_operations_error(result)

    @property
    def _row_shape(self) -> list[int]:
        """The sample shape with 1 on the axes that are not normalized."""
        return [n if axis in self.op.axes else 1 for axis, n in enumerate(self.shape, 1)]
