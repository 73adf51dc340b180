"""A pruned graph -> the layers of the file that it came from, with the new sizes and weights, where it still has them.

Nested models, Sequential, names, dropout, frozen layers and training settings stay as they were. Whether the graph
still has the same layers is not worked out here: the caller reads what was written, and compares.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from graph.graph import Graph
from graph.keras.activation_layers import activation_of
from graph.keras.arguments import Arguments, check_arguments
from graph.keras.description import Call, Layer, Model, Port, TensorRef
from graph.keras.dialects import LAYER_CLASSES, Dialect
from graph.keras.folder_weights import WITH_CELL, folder_name, part_folders
from graph.keras.json_text import Json, JsonObject, as_name, as_object
from graph.keras.keras_file import Folder
from graph.keras.keras_layer import Array
from graph.keras.keras_layers import activation_name
from graph.keras.naming import numbered
from graph.keras.operands import written_operand
from graph.keras.origin import Origin
from graph.keras.saving_order import saving_order
from graph.keras.slots import own_roles
from graph.keras.spatial_classes import APPLICATION_CLASSES
from graph.keras.written_attention import (
    EARLIER_ARGUMENTS,
    LATER_ARGUMENTS,
    call_arguments,
    einsum_arrays,
)
from graph.keras.written_recurrent import (
    CUDNN_CLASSES,
    RECURRENT_ROLES,
    TAKES_STATES,
    as_plain_cell,
    recurrent_arrays,
    written_parts,
)
from graph.keras.written_spatial import INTERPOLATIONS

# Layers that Keras 3 has no longer, that it does not load from everywhere (those that keras.applications has for
# itself), or that it cannot load from its own files: RandomShear.
_NOT_WRITTEN: Mapping[Dialect, frozenset[str]] = {
    Dialect.KERAS3: APPLICATION_CLASSES
    | {"Merge", "ThresholdedReLU", "RandomHeight", "RandomWidth", "RandomShear"},
    Dialect.KERAS2: APPLICATION_CLASSES | {"Merge"},
}
_NOT_ARGUMENTS: Mapping[str, frozenset[str]] = {
    "BatchNormalization": frozenset({"mode"}),
    "Cropping1D": frozenset({"data_format"}),
    **EARLIER_ARGUMENTS,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), frozenset({"consume_less"})),
    **dict.fromkeys((f"Conv{rank}DTranspose" for rank in (1, 2, 3)), frozenset({"output_shape"})),
}
# Augmentations that Keras 3 does not make without these arguments.
_NEEDED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("RandomRotation", "RandomContrast", "RandomBrightness", "RandomColorDegeneration", "RandomHue",
         "RandomPosterization", "RandomSaturation", "RandomSharpness"),
        frozenset({"factor"}),
    ),
    "RandomZoom": frozenset({"height_factor"}),
    "RandomTranslation": frozenset({"height_factor", "width_factor"}),
}  # fmt: skip
# Arguments that some versions of Keras 3 do not know, and that they do not need where they are false.
_OF_LATER_VERSIONS: Mapping[str, frozenset[str]] = {
    **LATER_ARGUMENTS,
    "LayerNormalization": frozenset({"rms_scaling"}),
    "Resizing": frozenset({"antialias", "pad_to_aspect_ratio"}),
}
# How the kernel tells how many units a layer has, which pruning may have made fewer.
_UNITS: Mapping[str, tuple[str, str, int]] = {
    "Dense": ("units", "kernel", -1),
    **{f"Conv{rank}D": ("filters", "kernel", -1) for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": ("filters", "kernel", -2) for rank in (1, 2, 3)},
    **{f"SeparableConv{rank}D": ("filters", "pointwise_kernel", -1) for rank in (1, 2)},
    **dict.fromkeys(RECURRENT_ROLES, ("units", "recurrent_kernel", 0)),
    **{f"ConvLSTM{rank}D": ("filters", "recurrent_kernel", -2) for rank in (1, 2, 3)},
}
_FUNCTIONAL = "keras.src.models.functional"


class NotTheSameError(Exception):
    """The graph cannot be written with the layers that it came from."""


def same_layers(graph: Graph, origin: Origin) -> tuple[JsonObject, list[Folder]]:
    """Return the configuration of the original with the graph's sizes, and the folders of its weights.

    Raises:
        NotTheSameError: a layer, or one of its weights, is not there any more, or Keras 3 has no such layer.
    """
    writer = SameLayers(graph, origin.dialect)
    config = writer.model(origin.model)
    return config, list(writer.folders(origin.model, ""))


class SameLayers:
    """Writes the layers of the original, with the sizes and weights of a graph."""

    def __init__(self, graph: Graph, dialect: Dialect, target: Dialect = Dialect.KERAS3) -> None:
        """Write for Keras 3, or for tf.keras 2.

        Args:
            graph: the graph.
            dialect: the Keras that wrote the original.
            target: the Keras whose names of functions and layers are written; the form is always that of Keras 3.
        """
        self._graph = graph
        self._dialect = dialect
        self._target = target

    def model(self, model: Model) -> JsonObject:
        """Return a model with its class, as Keras 3 writes it."""
        is_sequential = model.class_name == "Sequential"
        config: JsonObject = {"name": self._checked(model.name), "trainable": model.is_trainable}
        if is_sequential:
            config["layers"] = [self._layer(layer) for layer in model.layers]
        else:
            by_name = {layer.name: layer for layer in model.layers}
            config["layers"] = [
                {
                    **self._layer(layer),
                    "name": layer.name,
                    "inbound_nodes": [_node(layer, call) for call in layer.calls if call.inputs],
                }
                for layer in _in_order(model)
            ]  # fmt: skip
            config["input_layers"] = _ports(model.inputs, by_name)
            config["output_layers"] = _ports(model.outputs, by_name)
        return {
            "module": "keras" if is_sequential else _FUNCTIONAL,
            "class_name": model.class_name,
            "config": config,
            "registered_name": None if is_sequential else model.class_name,
        }

    def _checked(self, name: str) -> str:
        return name if self._target is Dialect.KERAS2 else _checked(name)

    def _layer(self, layer: Layer) -> JsonObject:
        if layer.model is not None:
            return self.model(layer.model)
        class_name = layer.class_name
        if layer.module:
            return self._operation(layer)
        needed = _NEEDED.get(class_name, frozenset())
        if class_name in CUDNN_CLASSES:
            return self._layer(as_plain_cell(layer))
        if (
            class_name not in LAYER_CLASSES
            or class_name in _NOT_WRITTEN[self._target]
            or needed - set(layer.training)
        ):
            raise NotTheSameError(class_name)
        left_out = _NOT_ARGUMENTS.get(class_name, frozenset())
        config: JsonObject = {"name": self._checked(layer.name)}
        if class_name != "InputLayer":
            config["dtype"] = "float32"
        config |= {name: value for name, value in layer.arguments.items() if name not in left_out}
        config |= layer.training
        if not layer.is_trainable:
            config["trainable"] = False
        self._fit(layer, config)
        for name in ("activation", "recurrent_activation"):
            if name in layer.arguments:
                config[name] = self._activation(layer, name)
        parts = [self._layer(part) for part in layer.parts]
        config |= written_parts(class_name, parts)
        return {
            "module": "keras.layers",
            "class_name": class_name,
            "config": config,
            "registered_name": None,
        }

    def _operation(self, layer: Layer) -> JsonObject:
        """Return an operation of Keras 3 as it was written."""
        if self._target is not Dialect.KERAS3:
            raise NotTheSameError(layer.class_name)
        return {
            "module": layer.module,
            "class_name": layer.written,
            "config": {**layer.arguments, "name": self._checked(layer.name)},
            "registered_name": layer.written,
        }

    def _fit(self, layer: Layer, config: JsonObject) -> None:
        """Fit a layer's arguments to Keras 3 and to the sizes that the graph has."""
        class_name = layer.class_name
        for name in _OF_LATER_VERSIONS.get(class_name, frozenset()):
            if not config[name]:
                del config[name]
        if class_name == "BatchNormalization" and isinstance(config["axis"], list):
            (config["axis"],) = config["axis"]  # tf.keras writes a list of one axis.
        if class_name in _UNITS:
            name, role, axis = _UNITS[class_name]
            config[name] = self._array(layer, role).shape[axis]
        if config.get("data_format", "") is None:
            # Keras takes the default of the host where the file is loaded.
            config["data_format"] = "channels_last"
        is_known = (
            self._target is Dialect.KERAS2
            or config.get("interpolation", "nearest") in INTERPOLATIONS
        )
        if not is_known:
            raise NotTheSameError(f"{layer.path}: {config['interpolation']}")

    def _activation(self, layer: Layer, argument: str) -> Json:
        value = layer.arguments[argument]
        is_of_keras3 = self._dialect is Dialect.KERAS3
        is_named_alike = is_of_keras3 == (self._target is Dialect.KERAS3)
        if value is None or (isinstance(value, str) and is_named_alike):
            return value
        function = activation_of(value, Arguments(layer.arguments, layer.path), self._dialect)
        name = activation_name(function)
        if isinstance(value, dict) and value.get("class_name") != "function":
            return _activation_layer(value, layer)
        if name is None or function.axis != -1:
            raise NotTheSameError(str(function))
        return name

    def _array(self, layer: Layer, role: str) -> Array:
        array = self._graph.weights.get(f"{layer.path}/{role}")
        if array is None:
            raise NotTheSameError(f"{layer.path}/{role}")
        return array

    def folders(self, model: Model, path: str) -> Iterator[Folder]:
        """Every layer's folder, its name and its arrays, as Keras 3 counts them."""
        counts: dict[str, int] = {}
        layers = model.layers if model.class_name == "Sequential" else _in_order(model)
        for layer in layers:
            if layer.class_name == "InputLayer" and model.class_name == "Sequential":
                continue
            folder = f"{path}layers/{numbered(folder_name(layer.class_name), counts)}"
            yield from self._folder(layer, folder)

    def _folder(self, layer: Layer, folder: str) -> Iterator[Folder]:
        if layer.model is not None:
            yield from self.folders(layer.model, f"{folder}/")
            return
        own = f"{folder}/cell" if layer.class_name in WITH_CELL | CUDNN_CLASSES else folder
        yield own, layer.name, self.arrays(layer)
        for part, names in part_folders(layer):
            yield from self._folder(part, "/".join((folder, *names)))

    def arrays(self, layer: Layer) -> tuple[Array, ...]:
        """Return a layer's weights, in Keras' order."""
        if layer.class_name in RECURRENT_ROLES:
            return recurrent_arrays(layer, self._graph, self._array)
        if layer.class_name == "EinsumDense":
            found = einsum_arrays(
                layer, lambda role: self._graph.weights.get(f"{layer.path}/{role}")
            )
            if found is None:
                raise NotTheSameError(layer.path)
            return found
        roles = [role.name for role in own_roles(layer)]
        if layer.class_name == "AdditiveAttention":
            return tuple(self._array(layer, role).reshape(-1) for role in roles)
        if layer.class_name != "Normalization":
            return tuple(self._array(layer, role) for role in roles)
        # The graph keeps an axis of length 1 wherever statistics are shared; the count of samples seen has no meaning.
        return tuple(
            np.zeros((), np.int32) if role == "count" else np.squeeze(self._array(layer, role))
            for role in roles
        )


def _activation_layer(value: JsonObject, layer: Layer) -> JsonObject:
    """Return a layer in place of an activation's name, which was checked when it was read."""
    class_name = as_name(value.get("class_name"), "a layer's class_name")
    config = as_object(value.get("config"), "an activation")
    where = f"the activation of layer {layer.path!r}"
    arguments = check_arguments(config, LAYER_CLASSES[class_name], where)
    name = config.get("name")
    named: JsonObject = {"name": _checked(name)} if isinstance(name, str) else {}
    if config.get("trainable") is True:
        named["trainable"] = True
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {**named, "dtype": "float32", **arguments},
        "registered_name": None,
    }


def _checked(name: str) -> str:
    if "/" in name:
        raise NotTheSameError(f"Keras 3 allows no slash in the name {name!r}")
    return name


def _in_order(model: Model) -> Sequence[Layer]:
    """The layers in the order in which Keras 3 lists them, and numbers their folders, when it loads the model."""
    by_name = {layer.name: layer for layer in model.layers}
    calls = {
        (layer.name, number): [(ref.layer, ref.call) for ref in _as_written(call)]
        for layer in model.layers
        for number, call in enumerate(layer.calls)
    }
    outputs = [(port.ref.layer, port.ref.call) for port in model.outputs]
    return [by_name[name] for name in saving_order(calls, outputs, list(by_name))]


def _as_written(call: Call) -> Iterator[TensorRef]:
    """Yield the tensors of a call in the order in which they are written."""
    yield from call.inputs
    for _, refs in sorted(call.keywords.items()):
        yield from (ref for ref in refs if ref is not None)


def _ports(ports: Sequence[Port], layers: Mapping[str, Layer]) -> Json:
    named: JsonObject = {port.name: _port(port.ref, layers) for port in ports}
    if all(port.name for port in ports):
        return named
    found: list[Json] = [_port(port.ref, layers) for port in ports]
    return found[0] if len(found) == 1 else found


def _port(ref: TensorRef, layers: Mapping[str, Layer]) -> Json:
    # A functional model inside of another comes with a call on its own inputs, which is counted only here.
    offset = 1 if layers[ref.layer].class_name == "Functional" else 0
    return [ref.layer, ref.call + offset, ref.tensor]


def _node(layer: Layer, call: Call) -> JsonObject:
    if layer.module:
        tensors = [_tensor(ref) for ref in call.inputs]
        operands: list[Json] = [written_operand(one, tensors) for one in call.operands]
        others = {name: written_operand(one, tensors) for name, one in call.named.items()}
        return {"args": operands, "kwargs": others}
    if call.operands:
        raise NotTheSameError("a function of TensorFlow")
    inputs, keywords = call.inputs, dict(call.keywords)
    is_single = call.is_single
    if layer.class_name in TAKES_STATES and len(inputs) > 1:
        # Keras 2 lists the initial states behind the sequence.
        inputs, is_single = inputs[:1], True
        keywords["initial_state"] = call.inputs[1:]
    tensors = [_tensor(ref) for ref in inputs]
    argument: Json = tensors
    if call.keys:
        argument = dict(zip(call.keys, tensors, strict=True))
    elif is_single:
        argument = tensors[0]
    named = call_arguments(layer, call, _tensor)
    for name, refs in sorted(keywords.items()):
        if name in named:
            continue
        found = [_tensor(ref) for ref in refs]
        named[name] = found[0] if name == "mask" and len(found) == 1 else found
    return {"args": [argument], "kwargs": named}


def _tensor(ref: TensorRef | None) -> Json:
    if ref is None:
        return None
    return {
        "class_name": "__keras_tensor__",
        # Keras finds the tensor by its history; the rest is only there because Keras writes it.
        "config": {
            "shape": [None],
            "dtype": "float32",
            "keras_history": [ref.layer, ref.call, ref.tensor],
        },
    }


def is_the_same(found: Graph, wanted: Graph) -> bool:
    """Return whether two graphs have the same nodes, names and weights, bit for bit."""
    return (
        found.inputs == wanted.inputs
        and found.nodes == wanted.nodes
        and found.outputs == wanted.outputs
        and found.weights.keys() == wanted.weights.keys()
        and all(
            np.array_equal(found.weights[name], array, equal_nan=True)
            for name, array in wanted.weights.items()
        )
    )
