"""Finds Python code in a configuration, so that a model that needs it is refused for that reason before any other.

What only training uses (loss and metrics, initializers, regularizers, constraints, tfmot's schedule) means nothing at
inference: the reader never looks into it, so code there is no reason to refuse a model. It is not run and not written
back; `training_code` says where it is.
"""

from collections.abc import Iterator

from graph.errors import CustomCodeError
from graph.keras.dialects import CODE_LAYERS
from graph.keras.json_text import Json, JsonObject, show

_CODE_VALUES = frozenset({"__lambda__"})
_TRAINING_KEYS = frozenset({"compile_config", "pruning_schedule", "init"})
_TRAINING_SUFFIXES = ("_initializer", "_regularizer", "_constraint")
# Objects by which Keras writes shapes.
_SHAPES = frozenset({"__tuple__", "TensorShape"})
_KERAS_MODULES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras")
_HINT = "rebuild the model from layers of Keras and save it again"


def is_of_keras(module: Json) -> bool:
    """Return whether an object comes from a module of Keras, or from none, as before Keras 2.12."""
    return module is None or (
        isinstance(module, str)
        and any(module == known or module.startswith(f"{known}.") for known in _KERAS_MODULES)
    )


def code_errors(config: JsonObject) -> list[CustomCodeError]:
    """Look at every object that prediction needs; nothing is decoded, let alone run.

    Returns:
        An error for each Lambda layer, stored lambda and layer that wraps foreign code, and for anything but shapes
        where Keras writes the shapes that a layer was built for; in the file's order.
    """
    found: list[CustomCodeError] = []
    for key, value, where in _walk(config, "the model"):
        if is_for_training(key):
            continue
        if key == "build_config":
            found.extend(_foreign_objects(value, where))
        elif isinstance(value, dict):
            class_name = value.get("class_name")
            if isinstance(class_name, str) and class_name in CODE_LAYERS | _CODE_VALUES:
                found.append(
                    CustomCodeError(
                        f"{where} holds Python code, which Prunus never runs",
                        expected="layers that are part of Keras",
                        got="a stored lambda" if class_name in _CODE_VALUES else class_name,
                        hint=_HINT,
                    )
                )
    return found


def training_code(config: JsonObject) -> tuple[str, ...]:
    """Return where training-only parts hold code or come from outside Keras: "compile_config of layer 'a' (Dense)"."""
    found: dict[str, None] = {}
    for key, value, where in _walk(config, "the model"):
        if is_for_training(key) and any(map(_is_foreign, _objects(value))):
            found[f"{key} of {where}"] = None
    return tuple(found)


def is_for_training(key: str) -> bool:
    """Return whether an entry of a configuration is something that only training uses."""
    return key in _TRAINING_KEYS or key.endswith(_TRAINING_SUFFIXES)


def _walk(config: JsonObject, where: str) -> Iterator[tuple[str, Json, str]]:
    """(key, value, the layer it belongs to) of all entries, in the file's order; not into what only training uses."""
    pending: list[tuple[str, Json, str]] = [("", config, where)]
    while pending:
        key, value, where = pending.pop()
        if isinstance(value, dict):
            where = _place(value) or where
        yield key, value, where
        if is_for_training(key) or key == "build_config":
            continue
        if isinstance(value, list):
            pending.extend((key, item, where) for item in reversed(value))
        elif isinstance(value, dict):
            pending.extend((name, item, where) for name, item in reversed(list(value.items())))


def _objects(value: Json) -> Iterator[JsonObject]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict):
            yield item
            pending.extend(item.values())


def _is_foreign(value: JsonObject) -> bool:
    class_name, registered = value.get("class_name"), value.get("registered_name")
    return (
        (isinstance(class_name, str) and class_name in CODE_LAYERS | _CODE_VALUES)
        or not is_of_keras(value.get("module"))
        or (isinstance(registered, str) and ">" in registered)
    )


def _foreign_objects(value: Json, where: str) -> Iterator[CustomCodeError]:
    for item in _objects(value):
        class_name = item.get("class_name")
        is_shape = isinstance(class_name, str) and class_name in _SHAPES
        if ("class_name" in item and not is_shape) or "module" in item:
            yield CustomCodeError(
                f"the build_config of {where} holds more than shapes",
                expected="the shapes that the layer was built for",
                got=show(class_name if class_name is not None else item.get("module")),
                hint=_HINT,
            )


def _place(value: JsonObject) -> str:
    """Name and class where the object is a layer, else nothing."""
    class_name, config = value.get("class_name"), value.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(class_name, str) or not isinstance(name, str):
        return ""
    return f"layer {show(name)} ({class_name[:80]})"
