"""Finds Python code in a configuration, so that a model that needs it is refused for that reason before any other."""

from graph.errors import CustomCodeError
from graph.keras.dialects import CODE_LAYERS
from graph.keras.json_text import Json, JsonObject, show

_CODE_VALUES = frozenset({"__lambda__"})


def refuse_code(config: JsonObject) -> None:
    """Look at every object of the configuration; nothing is decoded, let alone run.

    Raises:
        CustomCodeError: a Lambda layer, a stored lambda, or a layer that wraps foreign code.
    """
    pending: list[tuple[Json, str]] = [(config, "the model")]
    while pending:
        value, where = pending.pop()
        if isinstance(value, list):
            pending.extend((item, where) for item in reversed(value))
        elif isinstance(value, dict):
            where = _place(value) or where
            class_name = value.get("class_name")
            if isinstance(class_name, str) and class_name in CODE_LAYERS | _CODE_VALUES:
                raise CustomCodeError(
                    f"{where} holds Python code, which Prunus never runs",
                    expected="layers that are part of Keras",
                    got="a stored lambda" if class_name in _CODE_VALUES else class_name,
                    hint="rebuild the model from layers of Keras and save it again",
                )
            pending.extend((item, where) for item in reversed(list(value.values())))


def _place(value: JsonObject) -> str:
    """Name and class where the object is a layer, else nothing."""
    class_name, config = value.get("class_name"), value.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(class_name, str) or not isinstance(name, str):
        return ""
    return f"layer {show(name)} ({class_name[:80]})"
