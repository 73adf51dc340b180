"""Corners of the formats: rare, malformed or deliberately odd, each with its own answer."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graph import limits, reference
from graph.errors import (
    ArchiveError,
    ConfigError,
    FileLimitError,
    GraphError,
    ShapeError,
    TopologyError,
    UnsafeHdf5Error,
    UnsupportedArgumentError,
    UnsupportedLayerError,
    WeightsMismatchError,
    WeightsOnlyError,
)
from graph.keras.read import read_model
from tests.graph.keras.handmade import (
    BIAS,
    DENSE,
    KERNEL,
    called,
    dense_config,
    folders,
    functional,
    input_layer,
    layer,
    sequential,
    write_archive,
    write_legacy,
)

X = np.array([[1.0, -2.0, 0.5]], np.float32)


def refusal(path: Path) -> GraphError:
    with pytest.raises(GraphError) as caught:
        read_model(path)
    return caught.value


# Containers.


def test_hdf5_without_a_group_of_weights(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    with h5py.File(path, "a") as file:
        del file["model_weights"]
    assert type(refusal(path)) is ConfigError


def test_an_attribute_of_several_strings(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    with h5py.File(path, "a") as file:
        del file.attrs["keras_version"]
        file.attrs["keras_version"] = [b"2.0", b"3.0"]
    assert "'keras_version' is not one string" in str(refusal(path))


def test_an_attribute_that_is_a_table(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    with h5py.File(path, "a") as file:
        file["model_weights"].attrs["layer_names"] = [[b"a"], [b"b"]]
    assert type(refusal(path)) is UnsafeHdf5Error


def test_a_dataset_with_too_many_axes(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    with h5py.File(path, "a") as file:
        file.create_dataset("z", (1,) * 20, "f4")
    assert "has no shape or too many axes" in str(refusal(path))


def test_an_empty_dataset(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    with h5py.File(path, "a") as file:
        file["z"] = h5py.Empty("f4")
    assert "has no shape or too many axes" in str(refusal(path))


def test_a_version_that_is_not_text(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "m", dense_config(), version=3)
    assert refusal(path).message == "metadata.json does not say which Keras wrote the file"


def test_weights_of_an_archive_without_a_configuration(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m", "w") as archive:
        archive.writestr("model.weights.h5", folders({}))
    assert type(refusal(tmp_path / "m")) is WeightsOnlyError


def test_the_zip64_form(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "m", dense_config())
    data = path.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    path.write_bytes(data[:end] + b"PK\x06\x07" + bytes(16) + data[end:])
    assert type(refusal(path)) is ArchiveError


def test_a_long_configuration_in_hdf5(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    with pytest.raises(FileLimitError, match="model_config is too large"):
        read_model(path, limits.FileLimits(config_max_bytes=10))


def test_too_many_values_in_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CONFIG_VALUES", 5)
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    assert "model_config has too many values" in str(refusal(path))


def test_compressed_archives_are_read(tmp_path: Path) -> None:
    """Someone zipped the three files again."""
    data = folders({"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS})
    write_archive(tmp_path / "m", dense_config(), data)
    with (
        zipfile.ZipFile(tmp_path / "m") as source,
        zipfile.ZipFile(tmp_path / "again", "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert len(read_model(tmp_path / "again").graph.weights) == 2


def test_gzip_and_shuffle_in_hdf5_are_read(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    with h5py.File(path, "a") as file:
        group = file["model_weights/dense/dense"]
        del group["kernel:0"]
        group.create_dataset("kernel:0", data=KERNEL, compression="gzip", shuffle=True)
    np.testing.assert_array_equal(read_model(path).graph.weights["dense/kernel"], KERNEL)


# Configurations.


def test_a_single_layer_is_not_a_model(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", layer("Dense", units=2))
    assert "the file holds a single layer Dense" in str(refusal(path))


def test_a_model_without_layers(tmp_path: Path) -> None:
    assert type(refusal(write_legacy(tmp_path / "m", sequential()))) is TopologyError


def test_two_names_for_one_layer(tmp_path: Path) -> None:
    layers = [called(input_layer(3)), {**called(layer("Flatten", "f"), ["x"]), "name": "g"}]
    path = write_legacy(tmp_path / "m", functional(layers, [["x", 0, 0]], [["g", 0, 0]]))
    assert refusal(path).message == "a layer has two names"


@pytest.mark.parametrize(
    ("wrapped", "error"),
    [
        (sequential(layer("Flatten"), name="inner"), UnsupportedLayerError),
        (layer("PruneLowMagnitude", "p", layer=layer("Flatten")), UnsupportedLayerError),
        (None, ConfigError),
    ],
)
def test_what_a_pruning_wrapper_may_not_wrap(
    tmp_path: Path, wrapped: Any, error: type[GraphError]
) -> None:
    wrapper = layer("PruneLowMagnitude", "outer", layer=wrapped)
    path = write_legacy(tmp_path / "m", sequential(input_layer(3), wrapper))
    assert type(refusal(path)) is error


def test_an_unknown_argument_of_a_pruning_wrapper(tmp_path: Path) -> None:
    wrapper = layer("PruneLowMagnitude", "p", layer=layer("Flatten"), magic=1)
    path = write_legacy(tmp_path / "m", sequential(input_layer(3), wrapper))
    assert "has an unknown argument 'magic'" in str(refusal(path))


def test_several_outputs_inside_a_sequential_model(tmp_path: Path) -> None:
    inner = functional(
        [called(input_layer(3, name="i")), called(layer("Flatten", "f"), ["i"])],
        [["i", 0, 0]],
        [["f", 0, 0], ["i", 0, 0]],
        name="two",
    )
    path = write_legacy(tmp_path / "m", sequential(input_layer(3), inner, layer("Flatten", "g")))
    assert "has several outputs within a Sequential" in str(refusal(path))
    path = write_legacy(tmp_path / "m", sequential(input_layer(3), inner))
    assert [output.name for output in read_model(path).graph.outputs] == ["two", "two_1"]


def test_an_input_dimension_alone(tmp_path: Path) -> None:
    """The oldest way to give a Dense layer its input shape."""
    config = {"class_name": "Sequential", "config": [layer("Dense", units=2, input_dim=3)]}
    graph = read_model(write_legacy(tmp_path / "m", config, DENSE, version="1.0.8")).graph
    assert graph.inputs[0].type.sample_shape == (3,)


def test_a_nested_list_of_layers_gives_the_input_shape(tmp_path: Path) -> None:
    dense = layer("Dense", units=2, batch_input_shape=[None, 3])
    inner = {"class_name": "Sequential", "config": [dense]}
    config = {"class_name": "Sequential", "config": [inner]}
    weights = {"sequential": DENSE["dense"]}
    graph = read_model(write_legacy(tmp_path / "m", config, weights, version="2.0.8")).graph
    assert graph.inputs[0].type.sample_shape == (3,)


def test_an_input_that_is_no_input_layer(tmp_path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Flatten", "f"), ["x"])]
    path = write_legacy(tmp_path / "m", functional(layers, [["f", 0, 0]], [["f", 0, 0]]))
    assert "a model's input is not an InputLayer" in str(refusal(path))


def test_a_fixed_batch_size_is_noted(tmp_path: Path) -> None:
    config = sequential(input_layer(3, batch_input_shape=[8, 3]), layer("Dense", units=2))
    file = read_model(write_legacy(tmp_path / "m", config, DENSE))
    assert file.notes == ("Input 'x' states a fixed batch size; any batch size is accepted.",)
    assert reference.run(file.graph, {"x": X})["dense"].shape == (1, 2)


def test_axes_may_be_written_as_floats(tmp_path: Path) -> None:
    config = sequential(input_layer(3), layer("Softmax", axis=1.0))
    graph = read_model(write_legacy(tmp_path / "m", config)).graph
    assert graph.nodes[0].op.function.axis == 1


def test_arguments_written_as_tuples_and_arrays(tmp_path: Path) -> None:
    target = {"class_name": "__tuple__", "items": [3, 1]}
    scale = {"class_name": "__numpy__", "config": {"value": [1.0, 2.0, 3.0], "dtype": "float32"}}
    config = sequential(
        input_layer(3), layer("Rescaling", scale=scale), layer("Reshape", target_shape=target)
    )
    graph = read_model(write_archive(tmp_path / "m", config)).graph
    found = reference.run(graph, {"x": X})["reshape"]
    np.testing.assert_allclose(found, [[[1.0], [-4.0], [1.5]]])


# Calls.


def nested_pair() -> dict[str, Any]:
    layers = [
        called(input_layer(3, name="a")),
        called(input_layer(3, name="b")),
        called(layer("Subtract", "s"), ["a", "b"]),
    ]
    inputs = {"a": ["a", 0, 0], "b": ["b", 0, 0]}
    return functional(layers, inputs, [["s", 0, 0]], name="pair")


def outer(*nodes: Any) -> dict[str, Any]:
    layers = [
        called(input_layer(3)),
        {**nested_pair(), "name": "pair", "inbound_nodes": list(nodes)},
    ]
    return functional(layers, [["x", 0, 0]], [["pair", 1, 0]])


def test_a_nested_model_called_by_name(tmp_path: Path) -> None:
    config = outer({"b": ["x", 0, 0, {}], "a": ["x", 0, 0, {}]})
    graph = read_model(write_legacy(tmp_path / "m", config)).graph
    np.testing.assert_array_equal(reference.run(graph, {"x": X})["pair"], X - X)


def test_a_nested_model_called_by_a_wrong_name(tmp_path: Path) -> None:
    config = outer({"a": ["x", 0, 0, {}], "c": ["x", 0, 0, {}]})
    assert "is called with other names than its inputs have" in str(
        refusal(write_legacy(tmp_path / "m", config))
    )


def test_a_nested_model_called_on_too_few(tmp_path: Path) -> None:
    error = refusal(write_legacy(tmp_path / "m", outer([["x", 0, 0, {}]])))
    assert type(error) is ShapeError
    assert "is called on the wrong number of tensors" in error.message


def test_a_layer_called_on_too_many(tmp_path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Dropout", "d", rate=0.1), ["x", "x"])]
    path = write_legacy(tmp_path / "m", functional(layers, [["x", 0, 0]], [["d", 0, 0]]))
    assert type(refusal(path)) is ShapeError


def tensor(name: str) -> dict[str, Any]:
    config = {"shape": [None, 3], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def keras3(made: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    name = made["config"]["name"]
    call = {"args": list(args), "kwargs": kwargs}
    layers = [called(input_layer(3)), {**made, "name": name, "inbound_nodes": [call]}]
    return functional(layers, ["x", 0, 0], [name, 0, 0])


def test_tensors_given_by_keyword(tmp_path: Path) -> None:
    config = keras3(layer("Flatten", "f"), inputs=tensor("x"))
    assert len(read_model(write_archive(tmp_path / "m", config)).graph.nodes) == 1


def test_trailing_arguments_of_none(tmp_path: Path) -> None:
    config = keras3(layer("Flatten", "f"), tensor("x"), None)
    assert len(read_model(write_archive(tmp_path / "m", config)).graph.nodes) == 1


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (
            keras3(layer("Add", "s"), tensor("x"), tensor("x")),
            ConfigError,
            "is called with several arguments",
        ),
        (
            keras3(layer("Flatten", "f"), tensor("x"), [1]),
            ConfigError,
            "is called with several arguments",
        ),
        (
            keras3(layer("Flatten", "f"), {"class_name": "__keras_tensor__", "config": {}}),
            ConfigError,
            "keras_history is not a list",
        ),
        (keras3(layer("Flatten", "f"), ["x", 0]), ConfigError, "is not a reference to a tensor"),
        (keras3(layer("Flatten", "f"), ["x", -1, 0]), ConfigError, "is not an index"),
    ],
    ids=range(5),
)
def test_malformed_calls(
    tmp_path: Path, config: Any, error: type[GraphError], message: str
) -> None:
    found = refusal(write_archive(tmp_path / "m", config))
    assert type(found) is error
    assert message in found.message


def operation(class_name: str, *args: Any, **arguments: Any) -> dict[str, Any]:
    made = {"class_name": class_name, "config": {"name": "op", **arguments}}
    return keras3({**made, "module": "keras.src.ops.numpy", "registered_name": class_name}, *args)


def slice_of(start: Any) -> dict[str, Any]:
    return {"class_name": "__slice__", "config": {"start": start, "stop": None, "step": None}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (operation("Add", tensor("x")), "has an argument 'x2' that is not supported"),
        (operation("Add", 1, 2), "is called on no tensor"),
        (operation("Add", tensor("x"), 1, 2), "is called with too many arguments"),
        (operation("Add", tensor("x"), "x"), "has an argument 'x2' that is not supported"),
        (operation("Add", tensor("x"), {"class_name": "odd"}), "arguments that are not supported"),
        (operation("Add", tensor("x"), [[1.0], [1.0, 2.0]]), "'x2' that is not supported"),
        (operation("Relu", tensor("x"), slope=0.5), "has an argument 'slope'"),
        (operation("Elu", tensor("x"), alpha="high"), "has an argument 'alpha'"),
        (operation("Elu", tensor("x"), alpha=tensor("x")), "a tensor in its configuration"),
        (operation("GetItem", tensor("x"), [[0, 1]]), "has an argument 'key'"),
        (operation("GetItem", tensor("x"), "x"), "has an argument 'key'"),
        (operation("GetItem", tensor("x"), [slice_of(None), slice_of(0.5)]), "not supported"),
        (operation("Cast", tensor("x"), dtype="string"), "has an argument 'dtype'"),
        (operation("Split", tensor("x"), indices_or_sections=2, axis=1), "equal parts of 3"),
        (operation("Split", tensor("x"), indices_or_sections=[2, 2], axis=1), "rising places"),
    ],
)
def test_operations_that_are_not_plain(tmp_path: Path, config: Any, message: str) -> None:
    found = refusal(write_archive(tmp_path / "m", config))
    assert type(found) is UnsupportedArgumentError
    assert message in str(found)


def test_running_sums_of_another_type_are_refused(tmp_path: Path) -> None:
    config = operation("Cumsum", tensor("x"), axis=1, dtype="int32")
    found = refusal(write_archive(tmp_path / "m", config))
    assert "computes in another type than" in found.message


@pytest.mark.parametrize(
    "config",
    [
        operation(
            "ZerosLike", tensor("x"), None
        ),  # 3.0 to 3.9: the type is an argument of the call
        operation("FullLike", tensor("x"), 2.0, None),
        operation("Slice", tensor("x"), [0, 1], [-1, 2]),
        operation("Threshold", tensor("x"), threshold_value=0.5, value=1.0),  # 3.9
        operation("Reshape", tensor("x"), new_shape=[-1, 3, 1]),
        operation("Cumsum", tensor("x"), axis=1, dtype=None),
    ],
    ids=range(6),
)
def test_arguments_of_earlier_versions(tmp_path: Path, config: Any) -> None:
    graph = read_model(write_archive(tmp_path / "m", config)).graph
    assert graph.value_types()[graph.outputs[0].value].sample_shape in ((3,), (2,), (3, 1))


def test_dot_needs_one_axis_of_each(tmp_path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Dot", "d", axes=[1, 1, 1]), ["x", "x"])]
    path = write_legacy(tmp_path / "m", functional(layers, [["x", 0, 0]], [["d", 0, 0]]))
    assert "argument 'axes' with a value that is not supported" in str(refusal(path))


# Weights.


def test_a_weight_that_is_named_but_not_there(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    with h5py.File(path, "a") as file:
        del file["model_weights/dense/dense/bias:0"]
    assert refusal(path).message == "weight 'dense/bias:0' of layer 'dense' is not in the file"


def test_a_weight_that_is_a_folder(tmp_path: Path) -> None:
    paths = {"layers/dense/vars/0": KERNEL, "layers/dense/vars/1/deeper": BIAS}
    path = write_archive(tmp_path / "m", dense_config(), folders(paths))
    error = refusal(path)
    assert type(error) is WeightsMismatchError
    assert error.message == "bias of layer 'dense' is not an array"


def test_names_may_be_taken_twice_in_nested_models(tmp_path: Path) -> None:
    """A value is called after its layer's path, which an input may already carry."""
    inner = sequential(layer("Flatten", "a"), name="m")
    layers = [
        called(input_layer(3, name="m/a")),
        {**inner, "name": "m", "inbound_nodes": [[["m/a", 0, 0, {}]]]},
    ]
    config = functional(layers, [["m/a", 0, 0]], [["m", 0, 0]])
    graph = read_model(write_legacy(tmp_path / "m", config, version="2.2.4")).graph
    assert [node.name for node in graph.nodes] == ["m/a_1"]


def test_a_configuration_may_be_read_again(tmp_path: Path) -> None:
    """Reading changes nothing in the file."""
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    before = path.read_bytes()
    first, second = (json.dumps(str(read_model(path).graph.nodes)) for _ in range(2))
    assert first == second
    assert path.read_bytes() == before


def test_output_names_stay_unique_when_a_numbered_name_is_taken(tmp_path: Path) -> None:
    # `r` twice becomes r and r_1, which is also the name of a layer of its own.
    layers = [
        called(input_layer(3)),
        called(layer("ReLU", "r"), ["x"], [["r", 0, 0, {}]]),
        called(layer("ReLU", "r_1"), ["x"]),
    ]
    outputs = [["r", 0, 0], ["r", 1, 0], ["r_1", 0, 0]]
    path = write_legacy(tmp_path / "m.h5", functional(layers, [["x", 0, 0]], outputs))
    names = [output.name for output in read_model(path).graph.outputs]
    assert len(set(names)) == 3
    assert names[0] == "r"
