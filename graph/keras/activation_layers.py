"""Activation functions as Keras writes them: by name, by layer, or as a layer in place of a name."""

from graph.activations import LINEAR, ActivationFunction, Function
from graph.errors import CustomCodeError, UnsupportedArgumentError
from graph.keras.arguments import Arguments, check_arguments
from graph.keras.dialects import (
    LAYER_CLASSES,
    Dialect,
    activation_named,
)
from graph.keras.json_text import Json, JsonObject, as_object, show

_LAYERS = frozenset({"ReLU", "LeakyReLU", "ELU", "Softmax", "ThresholdedReLU", "Activation"})


def activation_of_layer(
    class_name: str, arguments: Arguments, dialect: Dialect
) -> ActivationFunction:
    """Return the function of an activation layer without weights.

    Raises:
        UnsupportedArgumentError: a value that is not supported.
        CustomCodeError: the function is not one of Keras.
    """
    match class_name:
        case "ReLU":
            top = None if arguments["max_value"] is None else arguments.number("max_value")
            return ActivationFunction(
                Function.RELU,
                negative_slope=arguments.number("negative_slope"),
                max_value=top,
                threshold=arguments.number("threshold"),
            )
        case "LeakyReLU":
            slope = arguments.number("negative_slope")
            return ActivationFunction(Function.RELU, negative_slope=slope)
        case "ELU":
            return ActivationFunction(Function.ELU, alpha=arguments.number("alpha"))
        case "ThresholdedReLU":
            return ActivationFunction(Function.RELU, threshold=arguments.number("theta"))
        case "Softmax":
            axes = arguments.wholes("axis")
            if len(axes) != 1:
                raise arguments.refuse("axis", "one axis")
            return ActivationFunction(Function.SOFTMAX, axis=axes[0])
        case _:
            return activation_of(arguments["activation"], arguments, dialect)


def activation_of(value: Json, arguments: Arguments, dialect: Dialect) -> ActivationFunction:
    """Return the function of an argument `activation`.

    Raises:
        UnsupportedArgumentError: a function that is not supported.
        CustomCodeError: a function that is not one of Keras.
    """
    if value is None:
        return LINEAR
    if isinstance(value, str):
        return _named(value, arguments.where, dialect)
    if not isinstance(value, dict):
        raise arguments.refuse("activation", "the name of a function")
    class_name, config = value.get("class_name"), value.get("config")
    if class_name == "function" and _is_from_keras(value) and isinstance(config, str):
        return _named(config, arguments.where, dialect)
    if not isinstance(class_name, str) or not _is_from_keras(value) or class_name not in _LAYERS:
        raise _not_built_in(_foreign_name(value), arguments.where)
    where = f"{class_name} as the activation of {arguments.where}"
    inner = check_arguments(as_object(config, where), LAYER_CLASSES[class_name], where)
    return activation_of_layer(class_name, Arguments(inner, where), dialect)


def _foreign_name(value: JsonObject) -> str:
    """Return what an activation from outside of Keras is called: a function's name stands in its configuration."""
    class_name, config, module = value.get("class_name"), value.get("config"), value.get("module")
    if class_name is None:
        # Keras 2.13 and later store a lambda's code so.
        return "a stored lambda" if isinstance(value.get("value"), list) else show(value)
    if class_name == "function" and isinstance(config, str):
        return f"function {config[:100]!r} of module {show(module)}"
    return (
        f"{show(class_name)} of module {show(module)}" if module is not None else show(class_name)
    )


def _is_from_keras(value: JsonObject) -> bool:
    module = value.get("module")
    return module is None or (
        isinstance(module, str) and module.split(".")[0] in ("keras", "tf_keras")
    )


def _named(name: str, where: str, dialect: Dialect) -> ActivationFunction:
    found = activation_named(name, dialect)
    if found is not None:
        return found
    if activation_named(name, Dialect.KERAS3) is not None or name == "threshold":
        raise UnsupportedArgumentError(
            f"{where} has activation {name!r}, which this version of Keras did not have by name",
            got=f"Keras {dialect.value}",
        )
    raise _not_built_in(repr(name[:100]), where)


def _not_built_in(got: str, where: str) -> CustomCodeError:
    return CustomCodeError(
        f"the activation of {where} is not part of Keras",
        expected="a built-in activation function without weights",
        got=got,
        hint="rebuild the model with a built-in function and save it again",
    )
