"""The state of one lowering, and the few ways in which ops add to it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.program import Array
from engine.core.steps import CopyStep, Place, Step
from graph.graph import Node, WeightArray
from graph.tensor_type import TensorType


class Lowering:
    """What has been made so far.

    Attributes:
        types: types of the graph's values.
        places: the place of each lowered value.
        steps: steps so far.
        buffers: rows of each buffer so far.
        constants: constants so far; graph weights enter when first used.
    """

    def __init__(self, weights: Mapping[str, WeightArray], types: Mapping[str, TensorType]) -> None:
        self._weights = weights
        self.types = types
        self.places: dict[str, Place] = {}
        self.steps: list[Step] = []
        self.buffers: list[int] = []
        self.constants: dict[str, Array] = {}

    def new_buffer(self, rows: int) -> Place:
        """Return a new buffer, as a whole."""
        self.buffers.append(rows)
        return Place(len(self.buffers) - 1, 0, rows)

    def result(self, node: Node) -> Place:
        """Return a new buffer for the value of `node`."""
        return self.new_buffer(self.types[node.name].sample_size)

    def shape(self, value: str) -> tuple[int, ...]:
        """Return the sample shape of a value."""
        return self.types[value].static_sample_shape

    def weight_array(self, name: str) -> WeightArray:
        """Return the array of a graph weight."""
        return self._weights[name]

    def weight(self, name: str) -> str:
        """Make a graph weight a constant, under its own name: shared layers share it."""
        self.constants[name] = self._weights[name]
        return name

    def constant(self, hint: str, array: npt.NDArray[Any]) -> str:
        """Add a constant under a name like `hint`; an equal one that is there already is used again."""
        name, count = hint, 0
        while name in self.constants or name in self._weights:
            there = self.constants.get(name)
            if there is not None and there.dtype == array.dtype and np.array_equal(there, array):
                return name
            count += 1
            name = f"{hint}.{count}"
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def copy(self, hint: str, x: Place, index: npt.NDArray[Any]) -> Place:
        """Add a copy y[i] = x[index[i]] to a new buffer; `index` of any shape is read row-major."""
        y = self.new_buffer(index.size)
        self.copy_to(hint, x, index, y)
        return y

    def copy_to(self, hint: str, x: Place, index: npt.NDArray[Any], y: Place) -> None:
        """Add a copy y[i] = x[index[i]]."""
        name = self.constant(f"{hint}/rows", index.reshape(-1).astype(np.uint32))
        self.steps.append(CopyStep(x, y, name))

    def input_rows(self, value: str) -> npt.NDArray[np.uint32]:
        """Row numbers of a value, in its sample shape."""
        shape = self.shape(value)
        return np.arange(self.types[value].sample_size, dtype=np.uint32).reshape(shape)
