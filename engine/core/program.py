"""What the compiler makes of a graph: typed steps over named buffers, for any tile width.

A buffer holds `rows` float32 rows; row i is element i of a sample (row-major), for every sample of
the tile. A place is a run of rows of a buffer. Each row is written by one step only, before any step
reads it, so a program needs no order but its own, and memory can be planned from it alone.

`engine.core.program_text` prints programs (docs/ir.md shows one); `engine.core.program_check` checks their invariants.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.steps import Step, WeightedStep

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class SparseMatrix:
    """A float32 matrix by its non-zeros, column after column: the neutral form in artifacts.

    Attributes:
        shape: (inputs, units).
        starts: uint32[units + 1], where the entries of each column start.
        rows: uint16 or uint32[nonzeros], row of each entry.
        values: float32[nonzeros].
    """

    shape: tuple[int, int]
    starts: Array
    rows: Array
    values: Array

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """The dtype of the matrix."""
        return np.dtype(np.float32)

    def dense(self) -> Array:
        """float32[inputs][units]."""
        matrix = np.zeros(self.shape, np.float32)
        starts = self.starts.astype(np.int64)
        counts = starts[1:] - starts[:-1]
        columns = np.repeat(np.arange(self.shape[1]), counts)
        matrix[self.rows, columns] = self.values
        return matrix


Constant = Array | SparseMatrix


def dense_array(constant: Constant) -> Array:
    """Return a constant as an array."""
    return constant.dense() if isinstance(constant, SparseMatrix) else constant


@dataclass(frozen=True, slots=True)
class InputSlot:
    """What the caller gives: dtype as `graph.tensor_type.DType` spells it, shape of one sample."""

    name: str
    dtype: str
    sample_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutputSlot:
    """What the caller gets: float32 of this shape per sample."""

    name: str
    sample_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A network as steps.

    Attributes:
        name: the model's own name.
        inputs: the inputs in the model's order.
        outputs: the outputs in the model's order.
        buffers: rows of each buffer.
        steps: the steps in the order in which they run.
        constants: arrays by name, read only.
    """

    name: str
    inputs: tuple[InputSlot, ...]
    outputs: tuple[OutputSlot, ...]
    buffers: tuple[int, ...]
    steps: tuple[Step, ...]
    constants: Mapping[str, Constant]

    def weighted_steps(self) -> dict[int, WeightedStep]:
        """Return the steps with weights by their number among all steps."""
        return {n: step for n, step in enumerate(self.steps) if isinstance(step, WeightedStep)}


def is_identity(index: Array, rows: int) -> bool:
    """Return whether an index copies `rows` rows in order."""
    return len(index) == rows and bool((index == np.arange(rows, dtype=np.uint32)).all())
