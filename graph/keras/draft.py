"""A graph under construction: what lowering adds nodes to, one layer at a time."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graph import limits as bounds
from graph.errors import FileLimitError, ShapeError, UnsupportedDtypeError, WeightsMismatchError
from graph.front import is_lookup
from graph.graph import Graph, Input, Node, Output, WeightArray
from graph.keras.arguments import Arguments
from graph.keras.description import Call, Layer
from graph.keras.front_part import divided
from graph.keras.naming import numbered
from graph.keras.slots import LayerWeights
from graph.keras.source import Source
from graph.op import Op
from graph.shape_ops import Permute
from graph.tensor_type import DType, TensorType

_FLOATS = frozenset({DType.FLOAT32, DType.FLOAT64, DType.FLOAT16})


class Draft:
    """Collects inputs, nodes and weights, and knows every value's type.

    Besides the graph's own types it knows the element type that a value has in Keras: integers stay integers there
    until a layer with weights, and arithmetic on integers means something else than on float32.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.dialect = source.dialect
        self._inputs: list[Input] = []
        self._nodes: list[Node] = []
        self._weights: dict[str, WeightArray] = {}
        self._types: dict[str, TensorType] = {}
        self._keras_types: dict[str, DType] = {}
        self._counts: dict[str, int] = {}
        self._permuted: dict[str, tuple[str, tuple[int, ...]]] = {}

    def add_input(self, name: str, value: TensorType) -> str:
        """Add a graph input."""
        fresh = self._fresh(name)
        _check_size(name, value)
        self._inputs.append(Input(fresh, value))
        self._types[fresh] = value
        self._keras_types[fresh] = value.dtype
        return fresh

    def add_node(
        self, name: str, op: Op, inputs: Sequence[str], weights: Sequence[str], layer: Layer
    ) -> str:
        """Add a node and give the name of its value.

        Raises:
            ShapeError: the op refuses its inputs.
            FileLimitError: too many nodes, or a value too large.
        """
        if len(self._nodes) >= bounds.MAX_NODES:
            raise FileLimitError(
                "the model has too many layers when all its calls are counted",
                expected=f"at most {bounds.MAX_NODES}",
            )
        fresh = self._fresh(name)
        shapes = tuple(self._weights[weight].shape for weight in weights)
        looks_up = is_lookup(op)
        given = tuple(self._types[value] for value in inputs)
        if looks_up:  # in a front part values are of the types that Keras gives them
            kinds = [self._keras_types[value] for value in inputs]
            given = tuple(
                TensorType(kind, one.shape) for kind, one in zip(kinds, given, strict=True)
            )
        result = op.infer(given, shapes)
        _check_size(fresh, result)
        self._nodes.append(Node(fresh, op, tuple(inputs), tuple(weights), layer=layer.path))
        self._types[fresh] = result
        is_known = looks_up or result.dtype is DType.BOOL
        self._keras_types[fresh] = result.dtype if is_known else DType.FLOAT32
        return fresh

    def add_permute(self, name: str, value: str, dims: tuple[int, ...], layer: Layer) -> str:
        """Add a Permute, unless it would only undo the one that made the value."""
        source, before = self._permuted.get(value, ("", ()))
        if source and tuple(before[dim - 1] for dim in dims) == tuple(range(1, len(dims) + 1)):
            return source
        found = self.add_node(name, Permute(dims), (value,), (), layer)
        self._permuted[found] = (value, dims)
        return found

    def add_weight(self, name: str, array: WeightArray) -> str:
        """Add a weight; the same name again is the same weight."""
        self._weights.setdefault(name, array)
        return name

    def weight(self, name: str) -> WeightArray:
        """Return a weight that was added."""
        return self._weights[name]

    def type(self, value: str) -> TensorType:
        """Return the type of a value."""
        return self._types[value]

    def keras_type(self, value: str) -> DType:
        """Return the element type that the value has in Keras."""
        return self._keras_types[value]

    def keep_keras_type(self, value: str, source: str) -> None:
        """Say that `value` holds elements of `source`, unchanged."""
        kept = self._keras_types[source]
        self._keras_types[value] = kept if kept not in _FLOATS else DType.FLOAT32

    def say_keras_type(self, value: str, kind: DType) -> None:
        """Say which element type a value has in Keras."""
        self._keras_types[value] = kind

    def finished(self, name: str, outputs: Sequence[Output]) -> Graph:
        """Return the graph, without what no output needs.

        Raises:
            UnsupportedDtypeError: an output is not of a floating type in Keras.
            UnsupportedLayerError: a lookup needs what the network computes.
        """
        for output in outputs:
            if not self.is_float(output.value):
                raise UnsupportedDtypeError(
                    f"output {output.name!r} is not of a floating type",
                    expected="float32",
                    got=self._keras_types[output.value].value,
                )
        graph = Graph(name, tuple(self._inputs), tuple(self._nodes), tuple(outputs), self._weights)
        return divided(graph.without_dead())

    def is_float(self, value: str) -> bool:
        """Return whether the value is of a floating type in Keras."""
        return self._keras_types[value] in _FLOATS

    def _fresh(self, wanted: str) -> str:
        name = numbered(wanted, self._counts)
        while name in self._types:
            name = numbered(wanted, self._counts)
        return name


def _check_size(name: str, value: TensorType) -> None:
    elements = math.prod(1 if length is None else length for length in value.sample_shape)
    if elements > bounds.MAX_SAMPLE_ELEMENTS or value.rank > bounds.MAX_RANK:
        raise FileLimitError(
            f"value {name!r} is too large",
            expected=f"at most {bounds.MAX_SAMPLE_ELEMENTS} elements and {bounds.MAX_RANK} axes",
            got=str(value),
        )


@dataclass(frozen=True, slots=True)
class KerasTensor:
    """A tensor of the Keras model.

    Attributes:
        value: the value that it is in the graph.
        mask: its mask, a bool value that says which of its steps are real; None where it has none.
    """

    value: str
    mask: str | None = None


Tensors = tuple[KerasTensor, ...]
# Adds a layer that is part of another one, called on tensors.
CallPart = Callable[[Layer, Sequence[KerasTensor]], Tensors]


@dataclass(frozen=True, slots=True)
class Site:
    """One call of one layer, about to be lowered.

    Attributes:
        draft: the graph under construction.
        layer: the layer.
        call: the call.
        inputs: the values it is called on.
        masks: the mask of each input, or None where it has none.
        keywords: the values of the tensors given by the name of an argument, masks aside.
        keyword_masks: their masks.
        weights: the layer's weights, or None.
        arguments: the layer's arguments.
        call_part: adds a layer or model that is one of `layer.parts`.
        weights_of: the weights of a part, or None.
    """

    draft: Draft
    layer: Layer
    call: Call
    inputs: tuple[str, ...]
    masks: tuple[str | None, ...]
    keywords: Mapping[str, tuple[str | None, ...]]
    keyword_masks: Mapping[str, tuple[str | None, ...]]
    weights: LayerWeights | None
    arguments: Arguments
    call_part: CallPart
    weights_of: Callable[[Layer], LayerWeights | None]

    @property
    def input(self) -> str:
        """The one value the layer is called on.

        Raises:
            ShapeError: there is not exactly one.
        """
        if len(self.inputs) != 1:
            raise ShapeError(
                "the layer is called on the wrong number of tensors",
                expected="1",
                got=str(len(self.inputs)),
            )
        return self.inputs[0]

    @property
    def type(self) -> TensorType:
        """The type of `input`."""
        return self.draft.type(self.input)

    def part(self, layer: Layer) -> "Site":
        """Return the site of a part of the layer, on the same inputs."""
        where = f"{layer.written} {layer.name!r} of {self.arguments.where}"
        return replace(
            self,
            layer=layer,
            weights=self.weights_of(layer),
            arguments=Arguments(layer.arguments, where),
        )

    def add(
        self, op: Op, *, on: Sequence[str] = (), weights: Sequence[str] = (), name: str = ""
    ) -> str:
        """Add a node for this layer, called after it; on the layer's inputs unless `on` says otherwise."""
        wanted = f"{self.layer.path}/{name}" if name else self.layer.path
        return self.draft.add_node(wanted, op, on or self.inputs, weights, self.layer)

    def permuted(self, value: str, dims: tuple[int, ...], name: str) -> str:
        """Return a value with the axes of its samples in another order; see `graph.shape_ops.Permute`."""
        return self.draft.add_permute(f"{self.layer.path}/{name}", value, dims, self.layer)

    def stored(self, role: str) -> WeightArray | None:
        """Return one of the layer's weights as the file has it."""
        return self.weights.arrays.get(role) if self.weights else None

    def weight(
        self,
        role: str,
        shape: tuple[int | None, ...],
        reshaped: Sequence[int] | None = None,
        later: WeightArray | None = None,
    ) -> str:
        """Add one of the layer's weights, of the shape that the architecture needs.

        Args:
            role: the role of the weight.
            shape: the shape that the architecture needs.
            reshaped: the shape that the op wants, where it differs by axes of length 1.
            later: the weight in the layout of a later version of Keras, instead of as it is stored.

        Raises:
            WeightsMismatchError: it is not there, or has another shape.
        """
        array = self.stored(role) if later is None else later
        if self.weights is None or array is None or array.shape != shape:
            raise WeightsMismatchError(
                f"{role} of {self.arguments.where} does not fit the architecture",
                expected=str(shape),
                got="nothing" if array is None else str(array.shape),
            )
        wanted = array if reshaped is None else array.reshape(reshaped)
        return self.draft.add_weight(f"{self.weights.key}/{role}", wanted)

    def constant(
        self, role: str, array: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"
    ) -> str:
        """Add a weight that is made from the layer's arguments."""
        return self.draft.add_weight(f"{self.layer.path}/{role}", array)
