"""What a configuration says, typed: models made of layers, layers called on tensors. Pure data, no weights."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.keras.json_text import Json


@dataclass(frozen=True, slots=True)
class TensorRef:
    """An output of one call of a layer.

    Attributes:
        layer: name of the layer within its model.
        call: the number of the layer's call, from 0.
        tensor: the number of the call's output; 0 unless the layer is a model.
    """

    layer: str
    call: int
    tensor: int


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a layer.

    Attributes:
        inputs: the tensors, nested structures flattened as Keras does: lists in order, objects by sorted key.
        keys: the sorted keys where the tensors were given as an object, else empty.
        is_single: one tensor was given and not a list of one.
        operands: the arguments of an operation, in order; see `graph.keras.operands`.
        named: the arguments of an operation that are given by name.
        keywords: tensors given by the name of an argument, such as a mask or initial states, flattened; None where
            there is none in a place.
        flags: names of the arguments of the call that are true; see `graph.keras.layer_class`.
    """

    inputs: tuple[TensorRef, ...]
    keys: tuple[str, ...] = ()
    is_single: bool = False
    operands: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    keywords: Mapping[str, tuple[TensorRef | None, ...]] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()

    @property
    def sources(self) -> tuple[TensorRef, ...]:
        """All tensors that the call needs."""
        named = (
            ref for _, refs in sorted(self.keywords.items()) for ref in refs if ref is not None
        )
        return (*self.inputs, *named)


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a model.

    Attributes:
        name: the public name; empty where the layer's own name is meant.
        ref: the tensor.
    """

    name: str
    ref: TensorRef


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a model.

    Attributes:
        name: unique within its model.
        path: names of the models around it and its own, joined by "/".
        class_name: Keras 3 name of the class, or "ops/" and the name of an operation.
        written: the class as the file names it; folders of weights are called after it.
        arguments: checked against the class, by Keras 3 names, defaults filled in.
        training: arguments that matter only to training, as they may be written back; see
            `graph.keras.training_settings`.
        is_trainable: the layer's own flag; it decides the order of weights in HDF5 files.
        wrapper: the class around it that changes nothing at inference, under whose name the layer goes; may be empty.
        inner_name: its own name inside a wrapper.
        is_implied: an input layer that the file leaves out.
        calls: its uses, in order.
        model: the nested model that this layer is, or None.
        parts: the layers that it is made of, which have the weights: those inside a Bidirectional or TimeDistributed,
            the cells of an RNN. They have no calls.
        outputs: how many tensors a call gives; of a model, see `model`.
        quantization: how its weights are stored, see `graph.keras.policies`; empty for floats.
        module: the module that has an operation of Keras 3, as the file names it.
    """

    name: str
    path: str
    class_name: str
    written: str
    arguments: Mapping[str, Json]
    training: Mapping[str, Json] = field(default_factory=dict)
    is_trainable: bool = True
    wrapper: str = ""
    inner_name: str = ""
    is_implied: bool = False
    calls: tuple[Call, ...] = ()
    model: "Model | None" = None
    parts: "tuple[Layer, ...]" = ()
    outputs: int = 1
    quantization: str = ""
    module: str = ""

    @property
    def output_count(self) -> int:
        """How many tensors a call gives."""
        return len(self.model.outputs) if self.model else self.outputs


@dataclass(frozen=True, slots=True)
class Model:
    """A Sequential or Functional model; a Sequential is described as the chain it is.

    Attributes:
        name: the model's name.
        class_name: "Sequential" or "Functional".
        is_trainable: the model's own flag.
        layers: the layers, in the file's order.
        inputs: flattened as `Call.inputs`.
        outputs: flattened as `Call.inputs`.
        order: (index into layers, call) of every call, each after what it needs.
    """

    name: str
    class_name: str
    is_trainable: bool
    layers: tuple[Layer, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    order: tuple[tuple[int, int], ...]


def leaves(model: Model) -> Iterator[Layer]:
    """Yield the layers of a model that are no models themselves, those of nested models and parts among them."""
    for layer in model.layers:
        yield from _leaves_of(layer)


def _leaves_of(layer: Layer) -> Iterator[Layer]:
    if layer.model is not None:
        yield from leaves(layer.model)
    else:
        yield layer
    for part in layer.parts:
        yield from _leaves_of(part)
