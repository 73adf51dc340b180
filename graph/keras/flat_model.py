"""A graph -> one flat Keras model: each node a layer, or a short chain of layers, named after the layer it came from.

Nested models come out flat. Nodes with the same weights become one layer with several calls. Public names of inputs and
outputs are layer names in Keras; an output is named by the layer that makes it, or by an Identity layer after it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from graph.graph import Graph, Node
from graph.keras.json_text import Json, JsonObject
from graph.keras.keras_file import Folder
from graph.keras.keras_layer import KerasLayer
from graph.keras.keras_layers import BEARS_ACTIVATION, fused_name, layers_of
from graph.keras.naming import numbered, snake_case
from graph.keras.saving_order import saving_order
from graph.ops import Activation
from graph.shape_ops import Reshape
from graph.tensor_type import TensorType

_FUNCTIONAL = "keras.src.models.functional"


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """One use of a written layer: what it is called on, as (layer, call)."""

    inputs: tuple[tuple[str, int], ...]
    types: tuple[TensorType, ...]


@dataclass(slots=True)
class WrittenLayer:
    """A layer of the written model; calls are added as nodes are visited."""

    name: str
    layer: KerasLayer
    calls: list[WrittenCall]


@dataclass(frozen=True, slots=True)
class Training:
    """What only training uses of a layer of the original: its class, and arguments to write beside the others."""

    class_name: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class FlatModel:
    """A model to write.

    Attributes:
        config: the architecture.
        folders: the arrays of each layer.
        classes: the class of each layer by its name, inputs included.
        is_sequential: it is a Sequential; else a functional model.
    """

    config: JsonObject
    folders: tuple[Folder, ...]
    classes: Mapping[str, str]
    is_sequential: bool


def flat_model(
    graph: Graph, training: Mapping[str, Training], *, may_be_sequential: bool
) -> FlatModel:
    """Make the layers of a verified graph without dead nodes.

    Args:
        graph: the graph.
        training: what only training uses, by the path of the original's layer; it is taken over where a node became
            one layer of the same class.
        may_be_sequential: write a Sequential where the layers form a chain.

    Raises:
        ExportError: the graph has an op that Keras has no layer for.
    """
    writer = _Writer(graph, training)
    writer.write_nodes()
    outputs = writer.write_outputs()
    layers = _in_saving_order(writer.layers, outputs)
    is_sequential = may_be_sequential and _is_chain(layers, outputs)
    if is_sequential:
        config = _sequential_config(graph, layers)
    else:
        config = _config(graph, writer.input_names, layers, outputs)
    classes = {layer.name: layer.layer.class_name for layer in layers}
    return FlatModel(config, _folders(layers, is_sequential), classes, is_sequential)


class _Writer:
    """Turns nodes into layers with calls; `_made` says which layer and call makes each value."""

    def __init__(self, graph: Graph, training: Mapping[str, Training]) -> None:
        self._graph = graph
        self._training = training
        self._types = graph.value_types()
        self._consumers = graph.consumers()
        self._users = graph.weight_users()
        self._outputs = graph.output_values()
        self._made: dict[str, tuple[str, int]] = {}
        self._shared: dict[tuple[Any, ...], list[WrittenLayer]] = {}
        self._counts: dict[str, int] = {}
        self._reserved: frozenset[str] = frozenset()
        self._used: set[str] = set()
        self.layers: list[WrittenLayer] = []
        for given in graph.inputs:
            shape: list[Json] = list(given.type.shape)
            config: JsonObject = {"batch_shape": shape, "dtype": given.type.dtype.value}
            layer = self._new_layer(self._free_name(given.name), KerasLayer("InputLayer", config))
            layer.calls.append(WrittenCall((), ()))
            self._made[given.name] = (layer.name, 0)
        self._reserved = frozenset(clean_name(output.name) for output in graph.outputs) - self._used
        self._wanted = self._output_names()
        self.input_names = tuple(layer.name for layer in self.layers)

    def _output_names(self) -> dict[str, str]:
        """The public name that the layer behind a value should carry; the first one where a value has several."""
        names: dict[str, str] = {}
        for output in self._graph.outputs:
            name = clean_name(output.name)
            if name in self._reserved and name not in names.values():
                names.setdefault(output.value, name)
        return names

    def write_nodes(self) -> None:
        """Add the layers of all nodes; an activation that only follows a layer with weights becomes its argument."""
        fused = self._fused()
        followers = set(fused.values())
        producers = self._graph.producers()
        for node in self._graph.nodes:
            if node.name in followers:
                continue
            follower = fused.get(node.name)
            value = follower or node.name
            layers = self._trained(node, layers_of(self._graph, node, self._types))
            if follower is not None:
                rank = self._types[node.name].rank
                layers = (_with_activation(layers[0], producers[follower].op, rank),)
            chain = self._layers_for(node, value, layers)
            inputs = tuple(self._made[name] for name in node.inputs)
            types = tuple(self._types[name] for name in node.inputs)
            self._made[value] = self._apply(chain, inputs, types, self._types[value])

    def _trained(self, node: Node, layers: tuple[KerasLayer, ...]) -> tuple[KerasLayer, ...]:
        """Return the layers with what the original's layer says for training."""
        origin = self._training.get(node.layer)
        if origin is None or len(layers) != 1:
            return layers
        is_flat = type(node.op) is Reshape and len(node.op.sample_shape) == 1
        if is_flat and origin.class_name == "Flatten":
            return (KerasLayer("Flatten", {"data_format": "channels_last"}),)
        if layers[0].class_name != origin.class_name:
            return layers
        return (replace(layers[0], config={**origin.arguments, **layers[0].config}),)

    def _fused(self) -> dict[str, str]:
        """Node with a kernel -> the activation node that becomes its argument; all calls of a shared layer or none."""
        found: dict[str, str] = {}
        for node in self._graph.nodes:
            sharing = self._users[node.weights[0]] if type(node.op) in BEARS_ACTIVATION else ()
            followers = [self._follower(other) for other in sharing]
            functions = {follower.op for follower in followers if follower is not None}
            same = all(other.op == node.op and other.weights == node.weights for other in sharing)
            if followers and None not in followers and len(functions) == 1 and same:
                own = self._follower(node)
                if own is not None:
                    found[node.name] = own.name
        return found

    def _follower(self, node: Node) -> Node | None:
        readers = self._consumers[node.name]
        if node.name in self._outputs or len(readers) != 1:
            return None
        op, rank = readers[0].op, self._types[node.name].rank
        is_nameable = type(op) is Activation and fused_name(op.function, rank) is not None
        # Where the original's layers are known, an activation that was one of them stays one, and both keep their
        # names.
        is_argument = readers[0].layer == node.layer or not self._training
        return readers[0] if is_nameable and is_argument else None

    def _layers_for(
        self, node: Node, value: str, layers: Sequence[KerasLayer]
    ) -> list[WrittenLayer]:
        """New layers, or those of an earlier node with the same op and weights."""
        key = (type(node.op).__name__, node.op, node.weights, json.dumps(layers[0].config))
        if node.weights and key in self._shared:
            return self._shared[key]
        is_single = not node.weights or len(self._users[node.weights[0]]) == 1
        chain = []
        for index, layer in enumerate(layers):
            is_last = index == len(layers) - 1
            wanted = self._wanted.get(value) if is_last and is_single else None
            own = node.name if is_last else f"{node.name}_step_{index}"
            chain.append(self._new_layer(wanted or self._free_name(own), layer))
        self._shared[key] = chain
        return chain

    def _apply(
        self,
        chain: Sequence[WrittenLayer],
        inputs: tuple[tuple[str, int], ...],
        types: tuple[TensorType, ...],
        result: TensorType,
    ) -> tuple[str, int]:
        for layer in chain:
            layer.calls.append(WrittenCall(inputs, types))
            inputs, types = ((layer.name, len(layer.calls) - 1),), (result,)
        return inputs[0]

    def write_outputs(self) -> tuple[tuple[str, tuple[str, int]], ...]:
        """(public name, what makes it) of every output; adds Identity layers where a name needs one."""
        found = []
        for output in self._graph.outputs:
            name, made = clean_name(output.name), self._made[output.value]
            if made[0] != name and name not in self._used:
                identity = self._new_layer(name, KerasLayer("Identity"))
                kind = self._types[output.value]
                made = self._apply([identity], (made,), (kind,), kind)
            found.append((output.name, made))
        return tuple(found)

    def _new_layer(self, name: str, layer: KerasLayer) -> WrittenLayer:
        written = WrittenLayer(name, layer, [])
        self._used.add(name)
        self.layers.append(written)
        return written

    def _free_name(self, wanted: str) -> str:
        """Return a layer name that is not used, and not that of an output."""
        name = numbered(clean_name(wanted), self._counts)
        while name in self._reserved or name in self._used:
            name = numbered(clean_name(wanted), self._counts)
        return name


def _with_activation(layer: KerasLayer, op: object, rank: int) -> KerasLayer:
    name = fused_name(op.function, rank) if type(op) is Activation else None
    return replace(layer, config={**layer.config, "activation": name})


def clean_name(name: str) -> str:
    """Return the name as Keras 3 allows it for a layer: without a slash."""
    return name.replace("/", "_")


def _config(
    graph: Graph,
    input_names: Sequence[str],
    layers: Sequence[WrittenLayer],
    outputs: Sequence[tuple[str, tuple[str, int]]],
) -> JsonObject:
    inputs: list[Json] = [[name, 0, 0] for name in input_names]
    ports: list[Json] = [[made[0], made[1], 0] for _, made in outputs]
    named = {name: port for (name, _), port in zip(outputs, ports, strict=True)}
    by_layer = all(name == made[0] for name, made in outputs)
    return {
        "module": _FUNCTIONAL,
        "class_name": "Functional",
        "config": {
            "name": clean_name(graph.name) or "model",
            "trainable": True,
            "layers": [_layer_config(layer) for layer in layers],
            "input_layers": inputs[0] if len(inputs) == 1 else inputs,
            # Where a layer could not be given an output's name, the outputs are an object with the names as keys.
            "output_layers": (ports[0] if len(ports) == 1 else ports) if by_layer else named,
        },
        "registered_name": "Functional",
    }


def _sequential_config(graph: Graph, layers: Sequence[WrittenLayer]) -> JsonObject:
    items = [_layer_config(layer) for layer in layers]
    for item in items:
        del item["inbound_nodes"]
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {
            "name": clean_name(graph.name) or "model",
            "trainable": True,
            "layers": list(items),
        },
        "registered_name": None,
    }


def _is_chain(
    layers: Sequence[WrittenLayer], outputs: Sequence[tuple[str, tuple[str, int]]]
) -> bool:
    """Return whether each layer is called once, on the one before, and the last makes the only output."""
    if len(outputs) != 1 or outputs[0][1] != (layers[-1].name, 0) or layers[0].calls[0].inputs:
        return False
    if any(len(layer.calls) != 1 or layer.layer.is_operation for layer in layers):
        return False
    return all(layer.calls[0].inputs == ((before.name, 0),) for before, layer in pairwise(layers))


def _layer_config(layer: WrittenLayer) -> JsonObject:
    is_bare = layer.layer.class_name == "InputLayer" or layer.layer.is_operation
    dtype: JsonObject = {} if is_bare else {"dtype": "float32"}
    nodes: list[Json] = [_node(call) for call in layer.calls if call.inputs]
    return {
        "module": layer.layer.module,
        "class_name": layer.layer.class_name,
        "config": {"name": layer.name, **dtype, **layer.layer.config},
        "registered_name": layer.layer.class_name if layer.layer.is_operation else None,
        "name": layer.name,
        "inbound_nodes": nodes,
    }


def _node(call: WrittenCall) -> JsonObject:
    tensors: list[Json] = [
        {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": list(value.shape),
                "dtype": value.dtype.value,
                "keras_history": [made[0], made[1], 0],
            },
        }
        for made, value in zip(call.inputs, call.types, strict=True)
    ]
    return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": {}}


def _in_saving_order(
    layers: Sequence[WrittenLayer], outputs: Sequence[tuple[str, tuple[str, int]]]
) -> list[WrittenLayer]:
    by_name = {layer.name: layer for layer in layers}
    calls = {
        (layer.name, number): call.inputs
        for layer in layers
        for number, call in enumerate(layer.calls)
    }
    return [
        by_name[name] for name in saving_order(calls, [made for _, made in outputs], list(by_name))
    ]


def _folders(layers: Sequence[WrittenLayer], is_sequential: bool) -> tuple[Folder, ...]:
    """Return a folder per layer, named by class and counted in the order in which Keras lists layers."""
    counts: dict[str, int] = {}
    found = []
    for written in layers:
        class_name = written.layer.class_name
        if written.layer.is_operation or (is_sequential and class_name == "InputLayer"):
            continue
        folder = f"layers/{numbered(snake_case(class_name), counts)}"
        found.append((folder, written.name, written.layer.weights))
    return tuple(found)
