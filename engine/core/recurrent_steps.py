"""The step of recurrent layers: a product with weights inside of a loop over time, with the gates behind it.

Columns of the kernel are not in Keras' order but in blocks of 16 units, and in each block gate after gate. So the rows
of a run of units lie side by side whatever the number of gates, and a part of the units is a run of columns. What comes
in is in Keras' order.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from engine.core.functions import ElementFunction
from engine.core.places import Place

# Units of a block of columns: a whole vector of every level for one sample.
BLOCK_UNITS = 16


class Cell(StrEnum):
    """What is computed at each step of time; see `graph.recurrent_ops`."""

    LSTM = "lstm"  # gates i, f, c, o
    GRU = "gru"  # gates z, r, h; the candidate is x + r * (h @ kernel)
    GRU_BEFORE = (
        "gru_before"  # the candidate is x + (r * h) @ kernel: a second product at each step of time
    )
    SIMPLE = "simple"

    @property
    def gates(self) -> int:
        """Columns of the kernel for each unit."""
        return {Cell.LSTM: 4, Cell.GRU: 3, Cell.GRU_BEFORE: 3, Cell.SIMPLE: 1}[self]

    @property
    def products(self) -> tuple[int, ...]:
        """Gates of each product of a step of time."""
        return (2, 1) if self is Cell.GRU_BEFORE else (self.gates,)

    @property
    def states(self) -> int:
        """States of each unit."""
        return 2 if self is Cell.LSTM else 1


class SequenceResult(StrEnum):
    """What a recurrent step gives: all outputs, the last one, or all of them and then the states."""

    SEQUENCE = "sequence"
    LAST = "last"
    SEQUENCE_AND_STATES = "sequence_and_states"


class MaskedOutput(StrEnum):
    """What the output of a masked step of time is; in any case it keeps the states."""

    NONE = "none"  # there is no mask
    REPEAT = "repeat"  # the output before; zero before the first one
    ZERO = "zero"


@dataclass(frozen=True, slots=True)
class RecurrentStep:
    """y = the outputs of a cell that goes over x in time.

    Attributes:
        name: name of the graph's node, for reports.
        x: [times][gates][hidden] rows: what the input adds to the gates.
        y: the results, [hidden] rows each.
        kernel: constant float32[hidden][gates * hidden], columns in blocks.
        bias: constant float32[gates * hidden], columns in blocks; or None.
        nonzeros: weights of the kernel that are not zero.
        cell: what is computed at each step of time.
        activation: function of candidates and, for LSTM, of the state.
        gate_activation: function of the gates.
        times: steps of time.
        backwards: whether the last step of x comes first.
        result: what y is.
        masked: output of masked steps of time.
        mask: [times] rows, zero where a step of time is masked; None without a mask.
        initial: the initial states, [hidden] rows each; none for zeros.
        scratch: rows that the step alone uses, see `scratch_rows`.
    """

    name: str
    x: Place
    y: Place
    kernel: str
    bias: str | None
    nonzeros: int
    cell: Cell
    activation: ElementFunction
    gate_activation: ElementFunction
    times: int
    backwards: bool
    result: SequenceResult
    masked: MaskedOutput
    mask: Place | None
    initial: tuple[Place, ...]
    scratch: Place

    @property
    def kind(self) -> str:
        """What reports call the layer."""
        return self.cell.value

    @property
    def function(self) -> ElementFunction:
        """The function behind the product."""
        return ElementFunction()

    @property
    def hidden(self) -> int:
        """Units of the layer, numbers of each state."""
        return self.x.rows // (self.times * self.cell.gates)

    @property
    def inputs(self) -> int:
        """Weights of one output of the product."""
        return self.hidden

    @property
    def units(self) -> int:
        """Outputs of the products of one step of time."""
        return self.hidden * self.cell.gates

    @property
    def positions(self) -> int:
        """How often the kernel is applied to a sample."""
        return self.times


@dataclass(frozen=True, slots=True)
class Scratch:
    """First rows of what a recurrent step keeps for itself; each run starts on a cache line.

    Attributes:
        products: results of the products, one run for each.
        outputs: two runs for the state that is the output: several threads read one while they write the other.
        state: the other state of an LSTM; no rows for other cells.
        reset: r * h of a GRU that multiplies before its product; no rows for other cells.
        repeated: the output before, where masked steps repeat it; no rows otherwise.
        rows: all rows.
    """

    products: tuple[int, ...]
    outputs: tuple[int, int]
    state: int
    reset: int
    repeated: int
    rows: int


def scratch_of(cell: Cell, masked: MaskedOutput, hidden: int) -> Scratch:
    """Return where a recurrent step keeps what."""
    sizes = [
        *(gates * hidden for gates in cell.products),
        *(hidden, hidden),
        hidden * (cell.states - 1),
        hidden if cell is Cell.GRU_BEFORE else 0,
        hidden if masked is MaskedOutput.REPEAT else 0,
    ]
    ends = np.cumsum([-(-size // BLOCK_UNITS) * BLOCK_UNITS for size in sizes]).tolist()
    first, second, state, reset, repeated = [0, *ends][len(cell.products) : -1]
    products = tuple([0, *ends][: len(cell.products)])
    return Scratch(products, (first, second), state, reset, repeated, ends[-1])


def result_rows(cell: Cell, result: SequenceResult, times: int, hidden: int) -> int:
    """Return how many rows the result of a recurrent step has."""
    runs = {
        SequenceResult.LAST: 1,
        SequenceResult.SEQUENCE: times,
        SequenceResult.SEQUENCE_AND_STATES: times + cell.states,
    }
    return runs[result] * hidden


def blocked_columns(cell: Cell, hidden: int) -> npt.NDArray[np.int64]:
    """Return the column in Keras' order of each column in blocks: int64[gates * hidden]."""
    columns: list[int] = []
    first_gate = 0
    for gates in cell.products:
        for first in range(0, hidden, BLOCK_UNITS):
            units = range(first, min(first + BLOCK_UNITS, hidden))
            for gate in range(first_gate, first_gate + gates):
                columns.extend(gate * hidden + unit for unit in units)
        first_gate += gates
    return np.array(columns, np.int64)
