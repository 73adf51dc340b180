"""Configurations that make no sense, or would take hours, and names that would reach logs and pages."""

from pathlib import Path

from graph.errors import (
    ConfigError,
    FileLimitError,
    TopologyError,
    UnsupportedArgumentError,
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


@hostile(ConfigError)
def configuration_that_is_not_json(path: Path) -> None:
    write_legacy(path, "{'class_name': __import__('os').system('touch executed')}")


@hostile(ConfigError)
def configuration_that_is_a_list(path: Path) -> None:
    write_legacy(path, "[1, 2]")


@hostile(ConfigError)
def key_twice(path: Path) -> None:
    write_legacy(path, '{"class_name": "Sequential", "class_name": "Lambda", "config": {}}')


@hostile(FileLimitError)
def deep_json(path: Path) -> None:
    write_legacy(path, '{"class_name":' + "[" * 30_000 + "]" * 30_000 + "}")


@hostile(FileLimitError)
def deeper_json_than_the_limit(path: Path) -> None:
    write_legacy(path, '{"class_name":' + "[" * 200 + "]" * 200 + "}")


@hostile(FileLimitError)
def too_many_layers(path: Path) -> None:
    many = [layer("Dropout", f"d{index}", rate=0.5) for index in range(10_001)]
    write_archive(path, sequential(input_layer(3), *many))


@hostile(FileLimitError)
def models_nested_too_deeply(path: Path) -> None:
    inner = layer("Dropout", rate=0.5)
    for index in range(20):
        inner = sequential(inner, name=f"m{index}")
    write_legacy(path, inner)


@hostile(FileLimitError)
def calls_that_multiply(path: Path) -> None:
    """Fourteen models, each of which calls the one before twice: 16384 activations from a few lines."""
    inner = sequential(input_layer(3), layer("Activation", activation="tanh"), name="m0")
    for index in range(1, 15):
        middle = f"m{index - 1}"
        layers = [
            called(input_layer(3)),
            called(inner, ["x"], [[middle, 1, 0, {}]]),
        ]
        inner = functional(layers, [["x", 0, 0]], [[middle, 2, 0]], name=f"m{index}")
    write_legacy(path, inner)


@hostile(FileLimitError)
def input_that_is_too_large(path: Path) -> None:
    write_legacy(path, sequential(input_layer(2**31, 2**31), layer("Flatten")))


@hostile(TopologyError)
def cycle(path: Path) -> None:
    layers = [
        called(input_layer(3)),
        called(layer("Add", "a"), ["x", "b"]),
        called(layer("Activation", "b", activation="relu"), ["a"]),
    ]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["b", 0, 0]]))


@hostile(TopologyError)
def layer_that_uses_itself(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Activation", "a", activation="relu"), ["a"])]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["a", 0, 0]]))


@hostile(TopologyError)
def reference_to_nothing(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Flatten"), ["nothing"])]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["flatten", 0, 0]]))


@hostile(TopologyError)
def reference_to_a_call_that_is_not_there(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Flatten"), ["x"])]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["flatten", 7, 0]]))


@hostile(TopologyError)
def no_outputs(path: Path) -> None:
    write_legacy(path, functional([called(input_layer(3))], [["x", 0, 0]], []))


@hostile(ConfigError)
def two_layers_of_one_name(path: Path) -> None:
    write_legacy(path, sequential(input_layer(3), layer("Flatten", "a"), layer("Flatten", "a")))


@hostile(ConfigError)
def version_that_does_not_exist(path: Path) -> None:
    write_legacy(path, dense_config(), DENSE, version="9.9")


# Small files that would take hours.


@hostile(FileLimitError)
def calls_that_multiply_without_a_node(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Dropout", "d", rate=0.1), ["x"])]
    model = functional(layers, [["x", 0, 0]], [["d", 0, 0]], name="m0")
    calls = 30
    for level in range(1, 8):
        inner = f"m{level - 1}"
        nodes = [[["x", 0, 0, {}]], *([[inner, call, 0, {}]] for call in range(1, calls))]
        item = {**model, "name": inner, "inbound_nodes": nodes}
        ports = [["x", 0, 0]], [[inner, calls, 0]]
        model = functional([called(input_layer(3)), item], *ports, name=f"m{level}")
    write_legacy(path, model)


@hostile(ConfigError)
def a_key_twice_among_many(path: Path) -> None:
    keys = ",".join(f'"{key}":0' for key in range(200_000))
    write_archive(path, "{" + keys + ',"199999":1}')


@hostile(UnsupportedArgumentError)
def reshape_to_very_many_axes(path: Path) -> None:
    many = [2**30] * 200_000
    write_legacy(path, sequential(input_layer(3), layer("Reshape", target_shape=many)))


@hostile(FileLimitError)
def input_of_very_many_axes(path: Path) -> None:
    write_legacy(path, sequential(input_layer(*[10**50] * 200_000), layer("Dropout", rate=0.1)))


# Names that would reach logs, pages and metrics.


@hostile(ConfigError)
def output_name_that_cannot_be_printed(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("ReLU", "r"), ["x"])]
    write_legacy(path, functional(layers, [["x", 0, 0]], {"a\x1b[2J\nb": ["r", 0, 0]}))


@hostile(ConfigError)
def input_name_that_cannot_be_encoded(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("ReLU", "r"), ["x"])]
    write_archive(path, functional(layers, {"\ud800": ["x", 0, 0]}, [["r", 0, 0]]))
