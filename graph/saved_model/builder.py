"""The graph under construction: nodes, weights and types by name."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from graph import limits as bounds
from graph.errors import FileLimitError, NonFiniteWeightsError, UnsupportedDtypeError
from graph.graph import Graph, Input, Node, Output, WeightArray
from graph.op import Op
from graph.saved_model.lengths import BATCH, Length, Lengths
from graph.saved_model.tensors import Array
from graph.saved_model.values import Tensor
from graph.tensor_type import DType, TensorType

_CALL = re.compile(r"(Stateful)?PartitionedCall(_\d+)?")


class Builder:
    """Collects inputs, nodes and weights, and knows every value's type.

    A model whose inputs have no axis for the batch computes one sample; then all values of the graph have one axis
    more than those of TensorFlow.
    """

    def __init__(self, *, has_batch: bool, allow_nonfinite: bool) -> None:
        self.has_batch = has_batch
        self.allows_nonfinite = allow_nonfinite
        self._inputs: list[Input] = []
        self._nodes: list[Node] = []
        self._weights: dict[str, WeightArray] = {}
        self._types: dict[str, TensorType] = {}
        self._lengths: dict[str, Lengths] = {}
        self.notes: dict[str, None] = {}

    def add_input(self, name: str, dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> Tensor:
        """Add an input of that shape in TensorFlow; -1 is a length that varies."""
        sample = shape[1:] if self.has_batch else shape
        lengths = tuple(
            Length(1, (f"{name}.{axis}",)) if length < 0 else Length(length)
            for axis, length in enumerate(sample)
        )
        if dtype.name not in set(DType):
            raise UnsupportedDtypeError(
                f"input {name!r} has a dtype that is not supported",
                expected=", ".join(DType),
                got=dtype.name,
            )
        given = TensorType(DType(dtype.name), (None, *(length.fixed for length in lengths)))
        _check_size(name, given)
        fresh = self._fresh(name)
        self._inputs.append(Input(fresh, given))
        self._types[fresh], self._lengths[fresh] = given, lengths
        return self.tensor(fresh, dtype)

    def add(
        self,
        label: str,
        op: Op,
        inputs: Sequence[str],
        weights: Sequence[str] = (),
        lengths: Lengths | None = None,
    ) -> str:
        """Add a node, and return the name of its value.

        Args:
            label: the path of the operation that it stands for.
            op: the op.
            inputs: the values it reads.
            weights: the weights it uses.
            lengths: the lengths of a sample, where some vary and it is known how.

        Raises:
            ShapeError: the op refuses its inputs.
            FileLimitError: too many nodes, or a value too large.
        """
        if len(self._nodes) >= bounds.MAX_NODES:
            raise FileLimitError(
                "the model has too many operations", expected=f"at most {bounds.MAX_NODES}"
            )
        shapes = tuple(self._weights[weight].shape for weight in weights)
        result = op.infer(tuple(self._types[value] for value in inputs), shapes)
        fresh = self._fresh(label)
        _check_size(fresh, result)
        self._nodes.append(Node(fresh, op, tuple(inputs), tuple(weights), layer=_parent(label)))
        self._types[fresh] = result
        self._lengths[fresh] = self._lengths_of(fresh, result, lengths)
        return fresh

    def _lengths_of(self, name: str, found: TensorType, said: Lengths | None) -> Lengths:
        if said is not None and tuple(one.fixed for one in said) == found.sample_shape:
            return said
        return tuple(
            Length(1, (f"{name}.{axis}",)) if length is None else Length(length)
            for axis, length in enumerate(found.sample_shape)
        )

    def add_weight(self, name: str, array: Array) -> str:
        """Add a weight, and return its name; the same array under the same name is the same weight.

        Raises:
            NonFiniteWeightsError: it holds NaN or infinity.
            UnsupportedDtypeError: it is not float32.
        """
        if array.dtype != np.float32:
            raise UnsupportedDtypeError(
                f"weight {name[:200]!r} is not float32", expected="float32", got=str(array.dtype)
            )
        if not self.allows_nonfinite and not np.isfinite(array).all():
            raise NonFiniteWeightsError(
                f"weight {name[:200]!r} contains NaN or infinity",
                hint="set allow_nonfinite to serve it as it is",
            )
        whole = np.ascontiguousarray(array, np.float32).reshape(array.shape)
        fresh, count = name, 0
        while fresh in self._weights and not _same(self._weights[fresh], whole):
            count += 1
            fresh = f"{name}_{count}"
        self._weights[fresh] = whole
        return fresh

    def type(self, value: str) -> TensorType:
        """Return the type of a value of the graph."""
        return self._types[value]

    def lengths(self, value: str) -> Lengths:
        """Return the lengths of a sample of a value of the graph."""
        return self._lengths[value]

    def tensor(self, value: str, dtype: "np.dtype[Any]") -> Tensor:
        """Return what is known of a value of the graph, in the shape that it has there."""
        lengths = self._lengths[value]
        return Tensor(value, (BATCH, *lengths) if self.has_batch else lengths, dtype)

    def finished(self, name: str, outputs: Sequence[Output]) -> Graph:
        """Return the graph, without what no output needs."""
        graph = Graph(name, tuple(self._inputs), tuple(self._nodes), tuple(outputs), self._weights)
        return graph.without_dead()

    def _fresh(self, wanted: str) -> str:
        short = wanted[-(bounds.MAX_NAME_LENGTH - 8) :]
        name, count = short, 0
        while name in self._types:
            count += 1
            name = f"{short}_{count}"
        return name


def label_of(name: str) -> str:
    """Return the path of an operation without the calls of functions that it is in."""
    parts = [part for part in name.split("/") if not _CALL.fullmatch(part)]
    return "/".join(parts) or name


def _parent(label: str) -> str:
    return label.rpartition("/")[0] or label


def _same(one: WeightArray, other: WeightArray) -> bool:
    return one is other or (one.shape == other.shape and one.tobytes() == other.tobytes())


def _check_size(name: str, value: TensorType) -> None:
    elements = math.prod(1 if length is None else length for length in value.sample_shape)
    if elements > bounds.MAX_SAMPLE_ELEMENTS or value.rank > bounds.MAX_RANK:
        raise FileLimitError(
            f"value {name[:200]!r} is too large",
            expected=f"at most {bounds.MAX_SAMPLE_ELEMENTS} elements and {bounds.MAX_RANK} axes",
            got=str(value),
        )
