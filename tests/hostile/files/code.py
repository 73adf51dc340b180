"""Code in every place where Keras would run it, and layers and arguments that are not read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from graph.errors import (
    CustomCodeError,
    UnsupportedArgumentError,
    UnsupportedDtypeError,
    UnsupportedLayerError,
    VocabularyError,
    WeightsMismatchError,
)
from tests.graph.keras.handmade import (
    DENSE,
    called,
    dense_config,
    functional,
    input_layer,
    layer,
    sequential,
    write_archive,
    write_legacy,
)
from tests.hostile.files.registry import Registry

FILES = Registry()
hostile = FILES.refused_with


def _lambda_config(value: Any) -> dict[str, Any]:
    return sequential(input_layer(3), layer("Lambda", function=value))


def touching_code() -> str:
    """Marshalled code, as Keras 2 stores lambdas. Called, it leaves a file `executed` behind, and ends its process."""
    import codecs
    import marshal

    code = compile("open('executed', 'w').close(); raise SystemExit(86)", "<lambda>", "exec")
    return codecs.encode(marshal.dumps(code), "base64").decode("ascii")


@hostile(CustomCodeError)
def lambda_of_keras2(path: Path) -> None:
    write_legacy(path, _lambda_config([touching_code(), None, None]))


@hostile(CustomCodeError)
def lambda_of_keras3(path: Path) -> None:
    value = {"class_name": "__lambda__", "config": {"code": touching_code(), "defaults": None}}
    write_archive(path, _lambda_config(value))


@hostile(CustomCodeError)
def function_of_another_module(path: Path) -> None:
    """CVE-2025-1550: a module and a function of one's choice, imported by Keras' loader."""
    value = {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    }
    write_archive(path, dense_config(activation=value))


@hostile(CustomCodeError)
def class_of_another_module(path: Path) -> None:
    config = dense_config()
    config["config"]["layers"][1].update(module="subprocess", registered_name=None)
    write_archive(path, config)


@hostile(CustomCodeError)
def subclassed_model(path: Path) -> None:
    config = {"module": "mine", "class_name": "MyModel", "config": {}, "registered_name": "MyModel"}
    write_archive(path, config)


@hostile(CustomCodeError)
def custom_layer(path: Path) -> None:
    write_legacy(path, sequential(input_layer(3), layer("Custom>Attention", "a")))


@hostile(CustomCodeError)
def unknown_activation(path: Path) -> None:
    write_legacy(path, dense_config(activation="my_activation"), DENSE)


@hostile(UnsupportedLayerError)
def layer_that_is_not_supported(path: Path) -> None:
    write_legacy(path, sequential(input_layer(3, 4), layer("Highway")))


@hostile(UnsupportedArgumentError)
def unknown_argument(path: Path) -> None:
    write_legacy(path, dense_config(sparkle=True), DENSE)


@hostile(UnsupportedArgumentError)
def low_rank_adaptation(path: Path) -> None:
    write_legacy(path, dense_config(lora_rank=4), DENSE)


@hostile(UnsupportedArgumentError)
def dropout_at_inference(path: Path) -> None:
    node = [["x", 0, 0, {"training": True}]]
    layers = [called(input_layer(3)), called(layer("Dropout", "d", rate=0.5), node)]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["d", 0, 0]]))


@hostile(UnsupportedDtypeError)
def complex_numbers(path: Path) -> None:
    policy = {"class_name": "DTypePolicy", "config": {"name": "complex64"}}
    write_legacy(path, dense_config(dtype=policy), DENSE)


@hostile(WeightsMismatchError)
def quantized_without_scales(path: Path) -> None:
    policy = {"class_name": "QuantizedDTypePolicy", "config": {"name": "int8_from_float32"}}
    write_legacy(path, dense_config(dtype=policy), DENSE)


@hostile(VocabularyError)
def repeated_token(path: Path) -> None:
    lookup = layer("StringLookup", "s", vocabulary=["a", "b", "a"])
    write_legacy(path, sequential(input_layer(1, dtype="string"), lookup), {})


# The same code wherever prediction needs a value: the place does not matter.


def _stored_lambda() -> dict[str, Any]:
    return {"class_name": "__lambda__", "config": {"code": touching_code()}}


def _put(place: str) -> dict[str, Any]:
    """A model in which a stored lambda stands in that place."""
    code = _stored_lambda()
    argument, _, class_name = place.partition(" of ")
    if argument in ("inbound_nodes", "input_layers", "output_layers"):
        layers = [called(input_layer(3)), called(layer("Flatten", "f"), ["x"])]
        model = functional(layers, [["x", 0, 0]], [["f", 0, 0]])
        target = model["config"]["layers"][1] if argument == "inbound_nodes" else model["config"]
        target[argument] = [code]
        return model
    if argument == "keyword of a call":
        node = [["x", 0, 0, {"mask": code}]]
        layers = [called(input_layer(3)), called(layer("Flatten", "f"), node)]
        return functional(layers, [["x", 0, 0]], [["f", 0, 0]])
    if class_name == "InputLayer":
        return sequential(input_layer(3, **{argument: code}), layer("Flatten"))
    if class_name == "model":
        model = sequential(input_layer(3), layer("Flatten"))
        model["config"][argument] = code
        return model
    return sequential(input_layer(3), layer(class_name, **{argument: code}))


PLACES = (
    "activation of Dense", "units of Dense", "use_bias of Dense", "dtype of Dense", "name of Flatten",
    "trainable of Flatten", "build_config of Dense", "activation of Activation", "max_value of ReLU",
    "scale of Rescaling", "offset of Rescaling", "mean of Normalization", "axis of Normalization",
    "axis of BatchNormalization", "epsilon of BatchNormalization", "target_shape of Reshape", "dims of Permute",
    "rate of Dropout", "noise_shape of Dropout", "layer of PruneLowMagnitude", "layer of TimeDistributed",
    "layer of Bidirectional", "cell of RNN", "batch_shape of InputLayer", "dtype of InputLayer",
    "sparse of InputLayer", "type_spec of InputLayer", "inbound_nodes", "input_layers", "output_layers",
    "layers of model", "dtype of model", "build_input_shape of model", "quantization_config of Dense",
    "weights of Dense", "unknown of Dense",
)  # fmt: skip


def _write_place(place: str) -> Callable[[Path], Any]:
    return lambda path: write_archive(path, _put(place))


for _place in (*PLACES, "keyword of a call"):
    FILES.add(f"lambda as {_place}", _write_place(_place), CustomCodeError)


# Functions and classes that Keras' loader would import: from outside, and from Keras itself.
NAMED = (
    ("os", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("builtins", "exec"), ("importlib", "import_module"),
    ("pickle", "loads"), ("ctypes", "CDLL"), ("runpy", "run_path"), ("tensorflow", "load_library"),
    ("keras.utils", "get_file"), ("keras.saving", "load_model"), ("keras.src.saving.saving_lib", "load_model"),
    ("keras.config", "enable_unsafe_deserialization"), ("keras_evil", "relu"), ("kerasx.activations", "relu"),
    ("", "relu"), ("..keras", "relu"), ("mine.keras.activations", "relu"),
)  # fmt: skip


def _named(module: str, name: str, class_name: str) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": name, "registered_name": name}


def _write_function(module: str, name: str) -> Callable[[Path], Any]:
    return lambda path: write_archive(
        path, dense_config(activation=_named(module, name, "function"))
    )


def _write_class(module: str, name: str) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        config = dense_config()
        config["config"]["layers"][1].update(module=module, class_name=name, registered_name=None)
        write_archive(path, config)

    return write


for _module, _name in NAMED:
    FILES.add(f"function {_module}.{_name}", _write_function(_module, _name), CustomCodeError)
    FILES.add(f"class {_module}.{_name}", _write_class(_module, _name), CustomCodeError)


@hostile(CustomCodeError)
def class_in_a_build_config(path: Path) -> None:
    config = dense_config()
    config["config"]["layers"][1]["build_config"] = {
        "input_shape": {"module": "subprocess", "class_name": "Popen", "config": {"args": "ls"}}
    }
    write_archive(path, config)


@hostile(CustomCodeError)
def registered_class(path: Path) -> None:
    config = dense_config()
    config["config"]["layers"][1].update(registered_name="mine>Dense")
    write_archive(path, config)


@hostile(CustomCodeError)
def lambda_inside_a_nested_model(path: Path) -> None:
    inner = sequential(input_layer(3), layer("Lambda", function=[touching_code(), None, None]))
    write_archive(path, sequential(input_layer(3), {**inner, "name": "model"}))
