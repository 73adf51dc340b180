"""Which class a layer is: one that is read, one of Keras that is not read yet, or none of Keras."""

from graph.errors import CustomCodeError, ModelFileError, UnsupportedLayerError
from graph.keras.dialects import (
    CLASS_ALIASES,
    LAYER_CLASSES,
    MODEL_CLASSES,
    OTHER_KERAS_LAYERS,
    PRUNING_WRAPPER,
    WRAPPERS,
)
from graph.keras.json_text import JsonObject, show
from graph.keras.operation_classes import OPERATION_CLASSES
from graph.keras.spatial_classes import APPLICATION_CLASSES
from graph.keras.tensorflow_functions import TENSORFLOW_FUNCTIONS, TENSORFLOW_LAYERS
from graph.keras.uploaded_code import is_of_keras

OPERATION_PREFIX = "ops/"
OPERATION_MODULES = ("keras.src.ops.", "keras.ops")
_CUSTOM_HINT = "rebuild the model from layers of Keras and save it again"


def resolve_class(item: JsonObject, written: str, where: str) -> str:
    """Return the class that is meant, by its Keras 3 name; `is_supported` says whether it is read.

    Raises:
        CustomCodeError: not a class of Keras.
    """
    module = item.get("module")
    plain_name = written.removeprefix("Custom>").removeprefix("tfmot>")
    if plain_name == PRUNING_WRAPPER and (module is None or "model_optimization" in str(module)):
        return PRUNING_WRAPPER
    if isinstance(module, str) and module.startswith(OPERATION_MODULES):
        return f"{OPERATION_PREFIX}{written}"
    _refuse_foreign(item, written, where)
    class_name = CLASS_ALIASES.get(written, written)
    if class_name in APPLICATION_CLASSES and ".applications." not in str(module):
        raise _custom(where, written, "does not come from keras.applications")
    if class_name in TENSORFLOW_LAYERS:
        function = (
            config.get("function") if isinstance(config := item.get("config"), dict) else None
        )
        known = TENSORFLOW_FUNCTIONS.get(function) if isinstance(function, str) else None
        return f"{OPERATION_PREFIX}{known.operation}" if known else class_name
    if is_supported(class_name) or class_name in OTHER_KERAS_LAYERS:
        return class_name
    raise _custom(where, written, "is not a class of Keras")


def is_supported(class_name: str) -> bool:
    """Return whether layers of that class, or operations of that name, are read."""
    if class_name.startswith(OPERATION_PREFIX):
        return class_name.removeprefix(OPERATION_PREFIX) in OPERATION_CLASSES
    return class_name in LAYER_CLASSES or class_name in MODEL_CLASSES or class_name in WRAPPERS


def refuse_branches(config: JsonObject, where: str) -> None:
    """Refuse the Merge layer of Keras 1 that holds the models that it merges.

    Raises:
        UnsupportedLayerError: it is one.
    """
    if config.get("layers"):
        raise UnsupportedLayerError(
            f"{where} holds the models whose outputs it merges, as a Sequential of Keras 1 could begin",
            expected="a Merge of layers of a functional model",
            hint="build the model with keras.Model and one Input for each branch, copy the weights, and save it again",
        )


def _refuse_foreign(item: JsonObject, written: str, where: str) -> None:
    module, registered = item.get("module"), item.get("registered_name")
    if not is_of_keras(module):
        raise _custom(where, str(registered or written), f"comes from module {show(module)}")
    # Keras 2 registered its own class as if it came from outside.
    own = {None, written, *([f"Custom>{written}"] if written in APPLICATION_CLASSES else [])}
    if registered not in own:
        raise _custom(
            where, str(registered), "is a class that was registered from outside of Keras"
        )


def _custom(where: str, got: str, why: str) -> ModelFileError:
    return CustomCodeError(
        f"{where} {why}", expected="layers that are part of Keras", got=got, hint=_CUSTOM_HINT
    )
