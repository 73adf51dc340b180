"""Recurrent layers behind their input projection: a state that each step of a sequence changes; see `graph.ops`.

The kernel that a recurrent layer applies to its input stands in a Dense node in front of the Recurrent node: it is
applied to all steps at once. What is left is the part that has to go step by step. The cells, the order of their
gates and what a mask does follow Keras (`keras.layers.LSTM`, `GRU`, `SimpleRNN` and `backend.rnn`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from graph.activations import ActivationFunction, FloatArray, Function
from graph.errors import ShapeError
from graph.op import WeightShapes, expect_weights, float32_batch
from graph.tensor_type import DType, TensorType, format_shape

States = tuple[FloatArray, ...]

SIGMOID = ActivationFunction(Function.SIGMOID)
TANH = ActivationFunction(Function.TANH)


@dataclass(frozen=True, slots=True)
class LstmCell:
    """Hochreiter and Schmidhuber 1997 with forget gates (Gers et al. 2000); gates i, f, c, o; states h, c.

    i, f, o = recurrent_activation(x + h @ U), c' = f * c + i * activation(x_c + h @ U_c), h' = o * activation(c').
    """

    activation: ActivationFunction = TANH
    recurrent_activation: ActivationFunction = SIGMOID

    @property
    def gates(self) -> int:
        """Return how many numbers per unit the projection has."""
        return 4

    @property
    def states(self) -> int:
        """Return how many states there are, each of one number per unit; the first one is the output."""
        return 2

    def step(
        self, x: FloatArray, states: States, kernel: FloatArray, bias: FloatArray | None
    ) -> States:
        """Return the states after one step; x (batch, 4 * units), states (batch, units) each."""
        h, c = states
        z = x + _linear(h, kernel, bias)
        i, f, candidate, o = np.split(z, 4, axis=-1)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(
            candidate
        )
        return self.recurrent_activation(o) * self.activation(c), c


@dataclass(frozen=True, slots=True)
class GruCell:
    """Cho et al. 2014; gates z, r, h; state h' = z * h + (1 - z) * activation(candidate).

    With `reset_after` the candidate is x_h + r * (h @ U_h + b_h), as cuDNN has it; without, x_h + (r * h) @ U_h.
    """

    activation: ActivationFunction = TANH
    recurrent_activation: ActivationFunction = SIGMOID
    reset_after: bool = True

    @property
    def gates(self) -> int:
        """Return how many numbers per unit the projection has."""
        return 3

    @property
    def states(self) -> int:
        """Return how many states there are, each of one number per unit; the first one is the output."""
        return 1

    def step(
        self, x: FloatArray, states: States, kernel: FloatArray, bias: FloatArray | None
    ) -> States:
        """Return the states after one step; x (batch, 3 * units), states (batch, units) each."""
        (h,), units = states, kernel.shape[0]
        x_z, x_r, x_h = np.split(x, 3, axis=-1)
        if self.reset_after:
            inner_z, inner_r, inner_h = np.split(_linear(h, kernel, bias), 3, axis=-1)
            z = self.recurrent_activation(x_z + inner_z)
            r = self.recurrent_activation(x_r + inner_r)
            candidate = self.activation(x_h + r * inner_h)
        else:
            inner = _linear(h, kernel[:, : 2 * units], None if bias is None else bias[: 2 * units])
            z = self.recurrent_activation(x_z + inner[:, :units])
            r = self.recurrent_activation(x_r + inner[:, units:])
            last = None if bias is None else bias[2 * units :]
            candidate = self.activation(x_h + _linear(r * h, kernel[:, 2 * units :], last))
        return (z * h + (1 - z) * candidate,)


@dataclass(frozen=True, slots=True)
class SimpleRnnCell:
    """Elman 1990; h' = activation(x + h @ U)."""

    activation: ActivationFunction = TANH

    @property
    def gates(self) -> int:
        """Return how many numbers per unit the projection has."""
        return 1

    @property
    def states(self) -> int:
        """Return how many states there are, each of one number per unit; the first one is the output."""
        return 1

    def step(
        self, x: FloatArray, states: States, kernel: FloatArray, bias: FloatArray | None
    ) -> States:
        """Return the states after one step; x (batch, units), states (batch, units) each."""
        return (self.activation(x + _linear(states[0], kernel, bias)),)


Cell = LstmCell | GruCell | SimpleRnnCell


class RecurrentResult(StrEnum):
    """What a Recurrent node gives.

    SEQUENCE: the outputs of all steps, [batch, time, units], in the order in which they were computed. LAST: the output
    of the last step, [batch, units]. SEQUENCE_AND_STATES: the outputs of all steps, then one row for each final state,
    [batch, time + states, units].
    """

    SEQUENCE = "sequence"
    LAST = "last"
    SEQUENCE_AND_STATES = "sequence and states"


@dataclass(frozen=True, slots=True)
class Recurrent:
    """A cell that is applied to each step of a projected sequence in turn.

    Inputs: the projection [batch, time, gates * units]; where `masked`, a mask bool[batch, time]; where
    `stateful_inputs`, the initial states, [batch, units] each, which are zeros otherwise. Weights: the recurrent kernel
    (units, gates * units); where `use_recurrent_bias`, its bias (gates * units,).

    A step whose mask is false leaves the states as they are. Its output is that of the step before, which is zero
    before the first step whatever the initial states are; or zero with `zero_output_for_mask`.

    Attributes:
        cell: what is done at each step.
        go_backwards: whether the last step of the input comes first. The outputs stay in the order of computation.
        result: what the node gives.
        masked: whether there is a mask.
        stateful_inputs: whether there are initial states.
        zero_output_for_mask: whether the output of a masked step is zero.
        use_recurrent_bias: whether there is a bias for the product with the recurrent kernel.
    """

    cell: Cell
    go_backwards: bool = False
    result: RecurrentResult = RecurrentResult.LAST
    masked: bool = False
    stateful_inputs: bool = False
    zero_output_for_mask: bool = False
    use_recurrent_bias: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Check that all sizes follow from the units, which the recurrent kernel states."""
        wanted = 1 + self.masked + self.stateful_inputs * self.cell.states
        if len(inputs) != wanted:
            raise ShapeError(
                "a recurrent layer got the wrong number of inputs",
                expected=str(wanted),
                got=str(len(inputs)),
            )
        units = weights[0][0] if weights and weights[0] else 0
        columns = self.cell.gates * units
        expect_weights(weights, (units, columns), *[(columns,)] * self.use_recurrent_bias)
        x = inputs[0]
        if x.rank != 3 or x.shape[2] != columns or not units:
            raise ShapeError(
                "a recurrent layer does not fit its input",
                expected=f"[batch, time, {columns}]",
                got=format_shape(x.shape),
            )
        self._check_mask(inputs)
        for state in inputs[1 + self.masked :]:
            if state.sample_shape != (units,):
                raise ShapeError(
                    "an initial state does not fit the recurrent layer",
                    expected=f"[batch, {units}]",
                    got=format_shape(state.shape),
                )
        return float32_batch(self._shape(x.shape[1], units))

    def _check_mask(self, inputs: tuple[TensorType, ...]) -> None:
        if not self.masked:
            return
        x, mask = inputs[:2]
        if mask.dtype is not DType.BOOL or mask.sample_shape != (x.shape[1],):
            raise ShapeError(
                "a mask does not fit the recurrent layer",
                expected=f"bool{format_shape((None, x.shape[1]))}",
                got=str(mask),
            )

    def _shape(self, time: int | None, units: int) -> tuple[int | None, ...]:
        match self.result:
            case RecurrentResult.LAST:
                return (None, units)
            case RecurrentResult.SEQUENCE:
                return (None, time, units)
            case RecurrentResult.SEQUENCE_AND_STATES:
                return (None, None if time is None else time + self.cell.states, units)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """Go through the steps one by one."""
        x, kernel = inputs[0], weights[0]
        zeros = np.zeros((len(x), kernel.shape[0]), x.dtype)
        states: States = (zeros,) * self.cell.states
        if self.stateful_inputs:
            states = tuple(inputs[1 + self.masked :])
        bias = weights[1] if self.use_recurrent_bias else None
        output, outputs = zeros, []
        for time in self._times(x.shape[1]):
            new = self.cell.step(x[:, time], states, kernel, bias)
            if self.masked:
                is_real = inputs[1][:, time, None] != 0
                new = tuple(
                    np.where(is_real, own, old) for own, old in zip(new, states, strict=True)
                )
                before = zeros if self.zero_output_for_mask else output
                output = np.where(is_real, new[0], before)
            else:
                output = new[0]
            states = new
            outputs.append(output)
        match self.result:
            case RecurrentResult.LAST:
                return outputs[-1]
            case RecurrentResult.SEQUENCE:
                return np.stack(outputs, axis=1)
            case RecurrentResult.SEQUENCE_AND_STATES:
                return np.stack([*outputs, *states], axis=1)

    def _times(self, length: int) -> Sequence[int]:
        return range(length)[::-1] if self.go_backwards else range(length)


def _linear(h: FloatArray, kernel: FloatArray, bias: FloatArray | None) -> FloatArray:
    y: FloatArray = h @ kernel
    return y if bias is None else y + bias
