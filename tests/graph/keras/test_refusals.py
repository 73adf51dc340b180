"""What is not supported is refused by layer name, class, argument and reason; what only states a default is not."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graph import reference
from graph.errors import (
    ConfigError,
    CustomCodeError,
    GraphError,
    NonFiniteWeightsError,
    ShapeError,
    TopologyError,
    UnsupportedArgumentError,
    UnsupportedDtypeError,
    WeightsMismatchError,
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

KERAS3_DTYPE = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}


def refusal(path: Path, config: Any, weights: Any = None, **options: Any) -> GraphError:
    """The error that reading a file of that configuration raises."""
    with pytest.raises(GraphError) as caught:
        read_model(write_legacy(path / "m", config, weights, **options))
    return caught.value


def test_an_unknown_argument_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, dense_config(sparkle=[1]), DENSE)
    assert type(error) is UnsupportedArgumentError
    assert str(error) == (
        "layer 'dense' (Dense) has an unknown argument 'sparkle'; got [1];"
        " Prunus does not know what it means, and does not guess"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"dtype": KERAS3_DTYPE},
        {"dtype": {"class_name": "Policy", "config": {"name": "float32"}}},
        {"dtype": None},
        {"quantization_config": None, "lora_rank": None},
        {"dynamic": False},
        {"kernel_initializer": {"class_name": "Mine", "config": {}}},
        {"kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.1}}},
        {"trainable": False},
        {"activity_regularizer": "l2", "bias_constraint": "non_neg"},
    ],
    ids=str,
)
def test_arguments_that_change_nothing_are_accepted(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    graph = read_model(write_legacy(tmp_path / "m", dense_config(**arguments), DENSE)).graph
    assert len(graph.nodes) == 1


@pytest.mark.parametrize(
    ("made", "argument"),
    [
        (layer("BatchNormalization", renorm=True), "renorm"),
        (layer("BatchNormalization", axis=[1, 2]), "axis"),
        (layer("BatchNormalization", axis="last"), "axis"),
        (layer("LayerNormalization", axis=[-1, 1]), "axis"),
        (layer("LayerNormalization", epsilon="small"), "epsilon"),
        (layer("Softmax", axis=[1, 2]), "axis"),
        (layer("ReLU", max_value="six"), "max_value"),
        (layer("ReLU", negative_slope=True), "negative_slope"),
        (layer("ELU", alpha=float("nan")), "alpha"),
        (layer("PReLU", shared_axes=[3]), "shared_axes"),
        (layer("Reshape", target_shape=[-1, -1]), "target_shape"),
        (layer("Reshape", target_shape=[0]), "target_shape"),
        (layer("Reshape", target_shape=[2.5]), "target_shape"),
        (layer("Flatten", data_format="diagonal"), "data_format"),
        (layer("Rescaling", scale=[[1.0]]), "scale"),
        (layer("Rescaling", scale=10**400), "scale"),
        (layer("Normalization", axis=0), "axis"),
        (layer("Normalization", axis=-1, mean=[1, 2], variance=[1, 2]), "mean"),
        (layer("Normalization", axis=-1, mean=1e300, variance=1.0), "mean"),
        (layer("Normalization", axis=-1, mean="a", variance="b"), "mean"),
        (layer("Normalization", mean=[1, 2, 3, 4], variance=None), "variance"),
        (layer("Dense", units="many"), "units"),
        (layer("Dense", units=3, use_bias="yes"), "use_bias"),
        (layer("Dense", units=3, activation=7), "activation"),
        (layer("Dropout", rate=0.5, dynamic=True), "dynamic"),
        (layer("Dropout", rate=0.5, dynamic=0), "dynamic"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["class_name"],
)
def test_values_that_are_not_supported_are_named(
    tmp_path: Path, made: dict[str, Any], argument: str
) -> None:
    weights = {made["config"]["name"]: []}
    if made["class_name"] == "Dense":
        weights = DENSE
    if made["class_name"] in ("BatchNormalization", "LayerNormalization", "PReLU"):
        roles = {
            "BatchNormalization": ["gamma", "beta", "moving_mean", "moving_variance"],
            "LayerNormalization": ["gamma", "beta"],
            "PReLU": ["alpha"],
        }[made["class_name"]]
        name = made["config"]["name"]
        weights = {name: [(f"{name}/{role}:0", np.ones(4, np.float32)) for role in roles]}
    if made["config"].get("axis") == 0:
        arrays = [np.ones(4, np.float32), np.ones(4, np.float32), np.int64(3)]
        names = [f"normalization/{role}:0" for role in ("mean", "variance", "count")]
        weights = {"normalization": list(zip(names, arrays, strict=True))}
    error = refusal(tmp_path, sequential(input_layer(3, 4), made), weights)
    assert type(error) is UnsupportedArgumentError
    assert f"layer {made['config']['name']!r} ({made['class_name']})" in error.message
    assert f"argument {argument!r} with a value that is not supported" in error.message
    assert error.expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"class_name": "Sequential"}, "model 'model' is not a list"),
        ({"config": {}}, "a layer's class_name is not a name"),
        ({"class_name": 3, "config": {}}, "a layer's class_name is not a name"),
        (sequential("x"), "a layer is not an object"),  # type: ignore[arg-type]
        (sequential(layer("Dense", "a\x00b", units=2)), "characters that cannot be printed"),
        (sequential(layer("Dense", "\ud800", units=2)), "characters that cannot be printed"),
        (sequential(layer("Dense", "n" * 600, units=2)), "a layer's name is not a name"),
        (sequential(input_layer(3), layer("Dense")), "has no argument 'units'"),
        (sequential(input_layer(3), layer("Dense", units=2, output_dim=2)), "'units' twice"),
        (sequential(input_layer(3, batch_input_shape="wide")), "is not a list"),
        (sequential(input_layer(-3)), "has a wrong length"),
        (sequential(input_layer(3), layer("Dense", units=2, trainable="maybe")), "'trainable'"),
    ],
    ids=range(12),
)
def test_malformed_configurations(tmp_path: Path, config: Any, message: str) -> None:
    error = refusal(tmp_path, config)
    assert isinstance(error, ConfigError)
    assert message in str(error)


@pytest.mark.parametrize("dtype", ["int32", "int8", "int8_from_int8", "gptq_from_float32", 7])
def test_other_arithmetic_is_refused(tmp_path: Path, dtype: Any) -> None:
    error = refusal(tmp_path, dense_config(dtype=dtype), DENSE)
    assert type(error) is UnsupportedDtypeError
    assert "layer 'dense' (Dense) computes in another type than floats" in error.message


@pytest.mark.parametrize("dtype", ["complex64", "string", None, "float8_e4m3fn"])
def test_input_types_that_are_not_numbers_are_refused(tmp_path: Path, dtype: Any) -> None:
    error = refusal(tmp_path, sequential(input_layer(3, dtype=dtype), layer("Flatten")))
    assert type(error) is UnsupportedDtypeError


def test_arithmetic_on_integers_is_refused(tmp_path: Path) -> None:
    """uint8 addition wraps around in Keras; in float32 it does not."""
    config = sequential(input_layer(3, dtype="uint8"), layer("Activation", activation="relu"))
    assert "calculates with integers" in refusal(tmp_path, config).args[0]


def test_an_integer_output_is_refused(tmp_path: Path) -> None:
    config = sequential(input_layer(3, dtype="int32"), layer("Flatten"))
    assert "output 'flatten' is not of a floating type" in refusal(tmp_path, config).args[0]


def test_joining_integers_and_floats_is_refused(tmp_path: Path) -> None:
    layers = [
        called(input_layer(3, name="a")),
        called(input_layer(3, name="b", dtype="int32")),
        called(layer("Concatenate", "c", axis=-1), ["a", "b"]),
    ]
    config = functional(layers, [["a", 0, 0], ["b", 0, 0]], [["c", 0, 0]])
    assert "joins integers with other types" in refusal(tmp_path, config).args[0]


def nested(inner_input: dict[str, Any], outer_input: dict[str, Any]) -> dict[str, Any]:
    inner = functional(
        [called(inner_input), called(layer("Flatten", "f"), [inner_input["config"]["name"]])],
        [[inner_input["config"]["name"], 0, 0]],
        [["f", 0, 0]],
        name="inner",
    )
    layers = [called(outer_input), called(inner, ["x"])]
    return functional(layers, [["x", 0, 0]], [["inner", 1, 0]])


def test_a_nested_model_that_converts_its_input_is_refused(tmp_path: Path) -> None:
    config = nested(input_layer(3, name="i", dtype="int32"), input_layer(3))
    error = refusal(tmp_path, config)
    assert type(error) is UnsupportedDtypeError
    assert "the nested model of input 'inner/i' converts its input" in error.message


def test_a_nested_model_of_another_shape_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, nested(input_layer(3, 1, name="i"), input_layer(3)))
    assert type(error) is ShapeError
    assert "the nested model of input 'inner/i' is called on another shape" in error.message


def test_shapes_that_do_not_fit_name_the_layer(tmp_path: Path) -> None:
    layers = [
        called(input_layer(3, name="a")),
        called(input_layer(4, name="b")),
        called(layer("Add", "sum"), ["a", "b"]),
    ]
    config = functional(layers, [["a", 0, 0], ["b", 0, 0]], [["sum", 0, 0]])
    assert str(refusal(tmp_path, config)).startswith("layer 'sum' (Add): values do not broadcast")


@pytest.mark.parametrize(
    ("shape", "made", "message"),
    [
        ((None, 3), layer("Flatten"), "layer 'flatten' (Flatten): a fixed length is needed"),
        ((3,), layer("Softmax", axis=4), "layer 'softmax' (Softmax): an axis is out of range"),
        ((3,), layer("Permute", dims=[2, 1]), "layer 'permute' (Permute): Permute needs each"),
        ((4,), layer("Reshape", target_shape=[3]), "layer 'reshape' (Reshape): a sample cannot"),
        ((4,), layer("RepeatVector", n=0), "layer 'repeatvector' (RepeatVector): RepeatVector"),
    ],
    ids=lambda value: value["class_name"] if isinstance(value, dict) else None,
)
def test_shapes_that_a_layer_does_not_take(
    tmp_path: Path, shape: tuple[int | None, ...], made: dict[str, Any], message: str
) -> None:
    error = refusal(tmp_path, sequential(input_layer(*shape), made))
    assert type(error) is ShapeError
    assert error.message.startswith(message)


@pytest.mark.parametrize(
    ("arguments", "accepted"),
    [
        ({}, True),
        ({"training": False}, True),
        ({"training": None, "mask": None}, True),
        ({"training": True}, False),
        ({"mask": ["x", 0, 0]}, False),
        ({"y": 3}, False),
    ],
    ids=str,
)
def test_arguments_of_calls(tmp_path: Path, arguments: dict[str, Any], accepted: bool) -> None:
    layers = [called(input_layer(3)), called(layer("Flatten", "f"), [["x", 0, 0, arguments]])]
    config = functional(layers, [["x", 0, 0]], [["f", 0, 0]])
    if accepted:
        assert len(read_model(write_legacy(tmp_path / "m", config)).graph.nodes) == 1
    else:
        error = refusal(tmp_path, config)
        assert type(error) is UnsupportedArgumentError
        assert "layer 'f' is called with argument" in error.message


def test_constants_in_calls_are_refused(tmp_path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Add", "s"), ["x", [[1.0, 2.0, 3.0]]])]
    error = refusal(tmp_path, functional(layers, [["x", 0, 0]], [["s", 0, 0]]))
    assert "is called on something that is not a tensor of the model" in error.message


def test_an_input_in_the_middle_is_refused(tmp_path: Path) -> None:
    config = sequential(input_layer(3), layer("Flatten"), input_layer(3, name="again"))
    assert type(refusal(tmp_path, config)) is TopologyError


def test_an_input_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    layers = [
        called(input_layer(3)),
        called(input_layer(3, name="hidden")),
        called(layer("Add", "s"), ["x", "hidden"]),
    ]
    error = refusal(tmp_path, functional(layers, [["x", 0, 0]], [["s", 0, 0]]))
    assert error.message == "input layer 'hidden' is not among its model's inputs"


@pytest.mark.parametrize(
    "activation",
    [
        {"class_name": "PReLU", "config": {}},
        {"class_name": "function", "config": "relu", "module": "mine"},
        {"class_name": "MyActivation", "config": {}, "module": "mine"},
        "Custom>gelu_fast",
    ],
    ids=str,
)
def test_activations_that_are_not_of_keras_are_refused(tmp_path: Path, activation: Any) -> None:
    error = refusal(tmp_path, dense_config(activation=activation), DENSE)
    assert type(error) is CustomCodeError
    assert error.message == "the activation of layer 'dense' (Dense) is not part of Keras"


@pytest.mark.parametrize(
    "activation",
    [
        {"class_name": "function", "config": "relu", "module": "keras.activations"},
        {"class_name": "ReLU", "config": {"name": "r"}, "module": "keras.layers"},
        {"class_name": "Activation", "config": {"name": "r", "activation": "relu"}},
    ],
    ids=str,
)
def test_activations_written_as_objects(tmp_path: Path, activation: Any) -> None:
    config = dense_config(activation=activation)
    graph = read_model(write_legacy(tmp_path / "m", config, DENSE, version="3.1.0")).graph
    assert str(graph.nodes[1].op.function.function) == "relu"


def test_nonfinite_weights_need_permission(tmp_path: Path) -> None:
    kernel = KERNEL.copy()
    kernel[0, 0] = np.nan
    weights = {"dense": [("dense/kernel:0", kernel), ("dense/bias:0", BIAS)]}
    path = write_legacy(tmp_path / "m", dense_config(), weights)
    with pytest.raises(NonFiniteWeightsError) as caught:
        read_model(path)
    assert str(caught.value) == (
        "kernel of layer 'dense' holds NaN or infinity; expected finite numbers; got 1 of 6;"
        " train again, or allow such weights explicitly"
    )
    graph = read_model(path, allow_nonfinite=True).graph
    found = reference.run(graph, {"x": np.ones((1, 3), np.float32)})["dense"]
    np.testing.assert_array_equal(np.isnan(found), [[True, False]])


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4"])
def test_other_floats_are_taken_as_keras_takes_them(tmp_path: Path, dtype: Any) -> None:
    kernel = (KERNEL / 3).astype(dtype)
    weights = {"dense": [("dense/kernel:0", kernel), ("dense/bias:0", BIAS)]}
    graph = read_model(write_legacy(tmp_path / "m", dense_config(), weights)).graph
    assert graph.weights["dense/kernel"].dtype == np.float32
    np.testing.assert_array_equal(graph.weights["dense/kernel"], kernel.astype(np.float32))


def test_two_bytes_that_are_said_to_be_another_type_are_refused(tmp_path: Path) -> None:
    """Without a word about them they are bfloat16, which HDF5 does not have."""
    opaque = np.array([[0x3F80, 0], [0, 0xC000], [0, 0]], "<u2").view("V2")
    data = folders({"layers/dense/vars/0": opaque, "layers/dense/vars/1": BIAS})
    graph = read_model(write_archive(tmp_path / "m", dense_config(), data)).graph
    assert graph.weights["dense/kernel"].tolist() == [[1, 0], [0, -2], [0, 0]]
    (tmp_path / "w").write_bytes(data)
    with h5py.File(tmp_path / "w", "a") as file:
        file["layers/dense/vars/0"].attrs["dtype"] = "float8"
    path = write_archive(tmp_path / "m", dense_config(), (tmp_path / "w").read_bytes())
    with pytest.raises(UnsupportedDtypeError, match="got opaque bytes"):
        read_model(path)


def test_weights_of_another_layers_folder_are_refused(tmp_path: Path) -> None:
    data = folders({"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS})
    (tmp_path / "w").write_bytes(data)
    with h5py.File(tmp_path / "w", "a") as file:
        file["layers/dense/vars"].attrs["name"] = "other"
    path = write_archive(tmp_path / "m", dense_config(), (tmp_path / "w").read_bytes())
    with pytest.raises(WeightsMismatchError, match="belong to another layer"):
        read_model(path)


def test_weights_of_mixed_scopes_are_refused(tmp_path: Path) -> None:
    weights = {"dense": [("one/kernel:0", KERNEL), ("two/bias:0", BIAS)]}
    assert "not in the order of the architecture" in str(refusal(tmp_path, dense_config(), weights))


def test_a_missing_file_is_not_our_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_model(tmp_path / "nothing")
