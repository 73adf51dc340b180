"""A Keras 3 configuration, as this package writes it -> the same model as tf.keras 2 writes it.

Sources: keras/engine/functional.py (get_network_config, reconstruct_from_config) and the layers of tf.keras 2.15.
"""

from collections.abc import Iterator, Mapping

from graph.errors import ExportError
from graph.keras.dialects import MODEL_CLASSES
from graph.keras.json_text import Json, JsonObject

_RENAMED: Mapping[str, Mapping[str, str]] = {"LeakyReLU": {"negative_slope": "alpha"}}
# Arguments that the layers of tf.keras do not have, with the value that says what they do.
_UNKNOWN: Mapping[str, JsonObject] = {
    "LayerNormalization": {"rms_scaling": False},
    "ZeroPadding1D": {"data_format": "channels_last"},
    "Resizing": {
        "data_format": "channels_last", "antialias": False, "pad_to_aspect_ratio": False,
    },
    **{name: {"data_format": "channels_last"} for name in ("CenterCrop", "RandomCrop")},
}  # fmt: skip


def keras2_model(item: JsonObject) -> JsonObject:
    """Return a model's configuration in the form of tf.keras 2.

    Raises:
        ExportError: it has something that tf.keras 2 has not: an operation, or an argument.
    """
    config = _object(item["config"])
    layers = [_object(layer) for layer in _list(config["layers"])]
    found: JsonObject = {"name": config["name"], "trainable": config.get("trainable", True)}
    if item["class_name"] == "Sequential":
        found["layers"] = [_layer(layer) for layer in layers]
        return {"class_name": "Sequential", "config": found}
    offsets = {str(layer["name"]): _first_call(layer) for layer in layers}
    found["layers"] = [
        {
            **_layer(layer),
            "name": layer["name"],
            "inbound_nodes": [_node(_object(node), offsets) for node in _list(layer["inbound_nodes"])],
        }
        for layer in layers
    ]  # fmt: skip
    # Ports of functional models inside count their first call in Keras 3, too.
    sequential = {
        str(layer["name"]): _first_call(layer)
        for layer in layers
        if layer["class_name"] == "Sequential"
    }
    for name in ("input_layers", "output_layers"):
        found[name] = _ports(config[name], sequential)
    return {"class_name": "Functional", "config": found}


def _layer(item: JsonObject) -> JsonObject:
    class_name, module = str(item["class_name"]), item["module"]
    if "layers" in _object(item["config"]):
        return keras2_model(item)
    if module != "keras.layers":
        raise ExportError(f"{class_name} is an operation, which tf.keras 2 does not write")
    config: JsonObject = {}
    written = _object(item["config"])
    for name, value in written.items():
        unknown = _UNKNOWN.get(class_name, {})
        if name not in unknown:
            config[_RENAMED.get(class_name, {}).get(name, name)] = _plain(value)
        elif value != unknown[name]:
            raise ExportError(f"{class_name} has no argument {name!r} in tf.keras 2")
    if class_name == "InputLayer":
        config["batch_input_shape"] = config.pop("batch_shape")
        config |= {"sparse": False, "ragged": False}
    return {"class_name": class_name, "config": config}


def _plain(value: Json) -> Json:
    """Return an argument; objects lose the module, which older versions do not know."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("module") == "keras.layers" or value.get("class_name") in MODEL_CLASSES:
        return _layer(value)
    left_out = ("module", "registered_name")
    return {name: _plain(item) for name, item in value.items() if name not in left_out}


def _first_call(layer: JsonObject) -> int:
    """Return the number of a layer's first call: models that know their inputs come with a call on these."""
    config = _object(layer["config"])
    if "layers" not in config:
        return 0
    if layer["class_name"] == "Functional":
        return 1
    first = _object(_list(config["layers"])[0])
    given = _object(first["config"])
    return int("layers" in given or given.get("batch_shape") is not None)


def _node(node: JsonObject, offsets: Mapping[str, int]) -> Json:
    (argument,) = _list(node["args"])
    if isinstance(argument, dict) and "class_name" not in argument:
        raise ExportError(
            "a layer is called on tensors by name, which is not written for tf.keras 2"
        )
    keywords = _object(node["kwargs"])
    if set(keywords) - {"initial_state"}:
        raise ExportError(
            "a layer is called with arguments of its own, which are not written for tf.keras 2"
        )
    tensors = list(argument) if isinstance(argument, list) else [argument]
    # Behind the sequence.
    tensors += _list(keywords.get("initial_state", []))
    return [[*_shifted(_history(tensor), offsets), {}] for tensor in tensors]


def _history(tensor: Json) -> list[Json]:
    return _list(_object(_object(tensor)["config"])["keras_history"])


def _shifted(reference: list[Json], offsets: Mapping[str, int]) -> Iterator[Json]:
    name, call, tensor = reference
    yield name
    yield (call if isinstance(call, int) else 0) + offsets.get(str(name), 0)
    yield tensor


def _ports(ports: Json, offsets: Mapping[str, int]) -> Json:
    if isinstance(ports, dict):
        return {name: list(_shifted(_list(port), offsets)) for name, port in ports.items()}
    listed = _list(ports)
    if listed and isinstance(listed[0], str):
        listed = [listed]
    return [list(_shifted(_list(port), offsets)) for port in listed]


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise ExportError("a configuration is not of the form that is written", got=str(value)[:80])
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise ExportError("a configuration is not of the form that is written", got=str(value)[:80])
    return value
