"""Rules of recurrent layers: units that nobody reads, or that stay at zero, can go; nothing is constant besides.

A unit whose weights are all zero but which has a bias is *not* constant: its state moves from step to step. It is only
where its candidate is zero at every step that the state stays what it was at first, which is zero.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from graph.activations import ActivationFunction, Function
from graph.graph import Node
from graph.recurrent_ops import GruCell, LstmCell, Recurrent, RecurrentResult, SimpleRnnCell
from pruning.rules.arithmetic import few_operations_error, sum_units
from pruning.rules.bound import Bound, unknown
from pruning.rules.envelope import envelope, has_envelope
from pruning.rules.op_rules import Cut, Flags, OpRules, Reals, RuleTable, Shape, axis_mask

# Functions between 0 and 1.
_GATES = frozenset(
    {
        Function.SIGMOID,
        Function.HARD_SIGMOID,
        Function.HARD_SIGMOID_KERAS2,
        Function.SPARSE_SIGMOID,
    }
)


class RecurrentRules(OpRules[Recurrent]):
    """A state that each step of time changes: what moves it at one step goes through all later ones.

    So the errors of the sums inside of the loop are drawn where they arise, not beside the result: as errors of what
    comes in at each step and of the recurrent kernel. Where the recurrence makes small changes large, the drawn errors
    grow as those of the kernels do. No weight in front is dropped for being small: nothing bounds what that does in the
    end. Facts are about units, the same at every step.
    """

    mixes = False
    bears_rounding = True

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Units are told apart, steps are not."""
        taken = [
            (1, *shape[1:]) if place <= self.op.masked else shape
            for place, shape in enumerate(inputs)
        ]
        return tuple(taken), output if self.op.result is RecurrentResult.LAST else (1, *output[1:])

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A unit stays at zero whose candidate is zero at every step, and whose state begins so."""
        value = np.full(self.shape, np.nan)
        if not self._couples_units and not self.op.stateful_inputs:
            value[..., self._at_zero(inputs[0].reshape(-1))] = 0.0
        return value

    def needed(self, place: int, wanted: Flags) -> Flags:
        """Wanted units are needed, with those that one of them reads through the recurrent kernel."""
        if self._couples_units or (self.op.masked and place == 1):
            return np.full(self.shapes[place], wanted.any())
        units = self._read_by(axis_mask(wanted, -1))
        return np.broadcast_to(self._of_place(place, units), self.shapes[place])

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """All that belongs to a unit stays, or all goes; and what a unit that stays reads, stays."""
        if not output.any() and not inputs[0].any():
            return
        units = axis_mask(output, -1) | self._by_unit(inputs[0])
        for state in inputs[1 + self.op.masked :]:
            units |= state
        units = self._read_by(units)
        if self._couples_units or not units.any():
            units[:] = True
        output |= units
        for place, flags in enumerate(inputs):
            flags |= True if self.op.masked and place == 1 else self._of_place(place, units)

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Units go from the rows of the recurrent kernel, and from its columns in every gate."""
        units = axis_mask(cut.output, -1)
        columns = np.tile(units, self.op.cell.gates)
        changed = {self.node.weights[0]: np.ascontiguousarray(self.arrays[0][units][:, columns])}
        if self.op.use_recurrent_bias:
            changed[self.node.weights[1]] = self.arrays[1][columns]
        return self.node, changed

    def silenced(self, own: Reals) -> Mapping[str, Reals]:
        """Rows of the recurrent kernel whose unit stays at zero add nothing."""
        silent = np.asarray((own == 0.0).reshape(-1, own.shape[-1]).all(axis=0))
        if not (silent & (self.arrays[0] != 0).any(axis=1)).any():
            return {}
        return {self.node.weights[0]: np.where(silent[:, None], 0.0, self.arrays[0])}

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """An output is a mean of candidates, or a part of one; the second state of an LSTM, a sum, has no bound."""
        cell, cap = self.op.cell, self._cap
        has_two_states = self.op.result is RecurrentResult.SEQUENCE_AND_STATES and cell.states > 1
        if math.isinf(cap) or has_two_states:
            return unknown(self.shape)
        largest = Bound(np.full(self.shape, cap), np.zeros(self.shape))
        for state in inputs[1 + self.op.masked :][:1]:
            largest = largest.largest(state.mapped(lambda a: np.broadcast_to(a, self.shape)))
        return largest

    def argument_units(self) -> float:
        """As many units as a sum of the products of one unit may be moved by."""
        terms = int(np.count_nonzero(self.arrays[0], axis=0).max(initial=0)) + 1
        return sum_units(terms)

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """A few operations make each output of the last sum."""
        return few_operations_error(result)

    @cached_property
    def _units(self) -> int:
        return int(self.arrays[0].shape[0])

    @cached_property
    def _functions(self) -> tuple[ActivationFunction, ...]:
        match self.op.cell:
            case SimpleRnnCell(activation):
                return (activation,)
            case LstmCell(activation, recurrent) | GruCell(activation, recurrent, _):
                return activation, recurrent

    @property
    def _couples_units(self) -> bool:
        """Whether a function reads several units at once, such as softmax."""
        return not all(function.is_elementwise for function in self._functions)

    @property
    def _cap(self) -> float:
        """What no output exceeds, or infinity."""
        activation = self._functions[0]
        are_gates = all(function.function in _GATES for function in self._functions[1:])
        if not are_gates or not has_envelope(activation.function):
            return math.inf
        return envelope(activation).cap

    @cached_property
    def _linked(self) -> Flags:
        """Whether a unit (row) is read by another one (column), in any gate."""
        by_gate = self.arrays[0].reshape(self._units, self.op.cell.gates, self._units)
        linked: Flags = (by_gate != 0).any(axis=1)
        return linked

    def _read_by(self, units: Flags) -> Flags:
        """Return the units with those that they read, and those that these read, and so on."""
        found: Flags = units.copy()
        while True:
            more = found | self._linked[:, found].any(axis=1)
            if (more == found).all():
                return found
            found = more

    def _at_zero(self, projected: Reals) -> Flags:
        """Return the units that stay at zero; each reads only such units for its candidate."""
        gate = {LstmCell: 2, GruCell: 2, SimpleRnnCell: 0}[type(self.op.cell)]
        own = slice(gate * self._units, (gate + 1) * self._units)
        zero = np.zeros((1, 1))
        starts_at_zero = bool(self._functions[0](zero)[0, 0] == 0.0)
        still: Flags = np.asarray((projected[own] == 0.0) & starts_at_zero)
        if self.op.use_recurrent_bias:
            still &= self.arrays[1][own] == 0.0
        read = self.arrays[0][:, own] != 0
        while True:
            fewer: Flags = still & ~np.asarray(read[~still].any(axis=0))
            if (fewer == still).all():
                return still
            still = fewer

    def _by_unit(self, flags: Flags) -> Flags:
        """Return which units have a column of the projection."""
        by_gate = axis_mask(flags, -1).reshape(self.op.cell.gates, self._units)
        return np.asarray(by_gate.any(axis=0))

    def _of_place(self, place: int, units: Flags) -> Flags:
        return units if place > self.op.masked else np.tile(units, self.op.cell.gates)


RULES: RuleTable = {Recurrent: RecurrentRules}
