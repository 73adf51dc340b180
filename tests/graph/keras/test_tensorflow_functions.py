"""Functions of TensorFlow in functional models of tf.keras, which writes them as layers of class TFOpLambda."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.errors import (
    ConfigError,
    ModelFileError,
    UnsupportedArgumentError,
    UnsupportedLayerError,
)
from graph.keras.dialects import TENSORFLOW_FUNCTIONS
from graph.keras.read import ModelFile, read_model
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.handmade import called, functional, input_layer, write_legacy

Saved = Callable[[Any, str], ModelFile]

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
]

# By function, with a tensor and with another one; the last gives which functions it is about.
CALLS: dict[str, tuple[Callable[[Any, Any, Any], Any], tuple[str, ...]]] = {
    "sum": (lambda tf, x, y: x + y, ("__operators__.add",)),
    "sum by its name": (lambda tf, x, y: tf.math.add(x, y), ("math.add",)),
    "sum with a number": (lambda tf, x, y: x + 2.5, ("__operators__.add",)),
    "a number first": (lambda tf, x, y: 3.0 - x, ("math.subtract",)),
    "difference": (lambda tf, x, y: x - y, ("math.subtract",)),
    "product": (lambda tf, x, y: x * y * 0.25, ("math.multiply",)),
    "quotient": (lambda tf, x, y: x / 127.5, ("math.truediv",)),
    "divide": (lambda tf, x, y: tf.divide(x, 3.0), ("math.divide",)),
    "maximum": (lambda tf, x, y: tf.maximum(x, y), ("math.maximum",)),
    "minimum": (lambda tf, x, y: tf.minimum(x, y), ("math.minimum",)),
    "negative": (lambda tf, x, y: -x, ("math.negative",)),
    "exp": (lambda tf, x, y: tf.exp(x), ("math.exp",)),
    "sigmoid": (lambda tf, x, y: tf.sigmoid(x), ("math.sigmoid",)),
    "tanh": (lambda tf, x, y: tf.tanh(x), ("math.tanh",)),
    "softplus": (lambda tf, x, y: tf.math.softplus(x), ("math.softplus",)),
    "relu": (lambda tf, x, y: tf.nn.relu(x), ("nn.relu",)),
    "relu6": (lambda tf, x, y: tf.nn.relu6(x), ("nn.relu6",)),
    "selu": (lambda tf, x, y: tf.nn.selu(x), ("nn.selu",)),
    "silu": (lambda tf, x, y: tf.nn.silu(x), ("nn.silu",)),
    "softsign": (lambda tf, x, y: tf.nn.softsign(x), ("nn.softsign",)),
}


def model_of(keras: Any, name: str) -> Any:
    import tensorflow as tf

    x, y = keras.Input((4, 3), name="x"), keras.Input((4, 3), name="y")
    return keras.Model([x, y], [keras.layers.Dense(2)(CALLS[name][0](tf, x, y)), y])


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_function(tf_keras: Any, saved: Saved, name: str, suffix: str) -> None:
    model = model_of(tf_keras, name)
    set_random_weights(model)
    functions = {
        layer.get_config()["function"]
        for layer in model.layers
        if type(layer).__name__ == "TFOpLambda"
    }
    # TensorFlow names a function as it likes; what it names must be what is tested.
    assert functions <= set(TENSORFLOW_FUNCTIONS)
    assert_same_outputs(saved(model, suffix).graph, model)


def test_preprocessing_inside_of_a_model(tf_keras: Any, saved: Saved) -> None:
    x = tf_keras.Input((9, 9, 3), name="x")
    scaled = tf_keras.applications.mobilenet_v2.preprocess_input(x)
    model = tf_keras.Model(x, tf_keras.layers.Conv2D(2, 3)(scaled))
    set_random_weights(model)
    assert_same_outputs(saved(model, ".h5").graph, model)


@pytest.mark.parametrize(
    "build",
    [
        lambda tf, x: tf.reduce_mean(x, axis=1),
        lambda tf, x: tf.nn.softmax(x, axis=1),
        lambda tf, x: tf.nn.leaky_relu(x, alpha=0.1),
        lambda tf, x: x[:, 1:],
        lambda tf, x: 1.0 / x,
        lambda tf, x: x / 0.0,
        lambda tf, x: tf.nn.silu(x, beta=2.0),
        lambda tf, x: x + tf.constant([[1.0, 2.0, 3.0]]),
    ],
    ids=["mean", "softmax", "leaky relu", "slice", "a number over it", "by 0", "beta", "an array"],
)
def test_what_is_not_known_is_refused(tf_keras: Any, saved: Saved, build: Any) -> None:
    import tensorflow as tf

    x = tf_keras.Input((4, 3), name="x")
    with pytest.raises((UnsupportedArgumentError, UnsupportedLayerError)):
        saved(tf_keras.Model(x, build(tf, x)), ".h5")


def test_tensors_of_another_rank_are_refused(tf_keras: Any, saved: Saved) -> None:
    """TensorFlow aligns them from the right, so that the batch would meet another axis."""
    x, y = tf_keras.Input((3,), name="x", batch_size=3), tf_keras.Input((3, 3), name="y")
    with pytest.raises(UnsupportedArgumentError, match="combines tensors of different rank"):
        saved(tf_keras.Model([x, y], x + y), ".h5")


def handmade(path: Path, call: Any, function: Any = "math.add") -> ModelFile:
    config = {"name": "f", "trainable": True, "dtype": "float32", "function": function}
    layer = {"class_name": "TFOpLambda", "config": config, "name": "f", "inbound_nodes": [call]}
    layers = [called(input_layer(3)), layer]
    path = write_legacy(path, functional(layers, [["x", 0, 0]], [["f", 0, 0]]), version="2.12.0")
    return read_model(path)


def test_a_call_by_hand(tmp_path: Path) -> None:
    graph = handmade(tmp_path / "m", ["x", 0, 0, {"y": 1, "name": "sum"}]).graph
    assert [type(node.op).__name__ for node in graph.nodes] == ["Rescaling"]


@pytest.mark.parametrize(
    "call",
    [
        [], ["x"], ["x", 0, 0], ["x", 0, 0, []], [["x", 0, 0, {}]], ["x", 0, 0, {"y": [1.0, 2.0]}],
        ["x", 0, 0, {"y": "x"}], ["x", 0, 0, {"y": True}], ["x", 0, 0, {"y": 1.0, "z": 2}],
        ["_CONSTANT_VALUE", -1, 1.0, {"y": 2.0}], ["_CONSTANT_VALUE", -1, 1.0, {}],
        ["_CONSTANT_VALUE", -1, [1.0], {"y": ["x", 0, 0]}], ["x", 0, 0, {"y": {"class_name": "t"}}],
        ["x", 0, 0, {"y": float("1e400")}], {"x": 1}, ["y", 0, 0, {"y": 1.0}],
    ],
    ids=str,
)  # fmt: skip
def test_a_call_of_another_form_is_refused(tmp_path: Path, call: Any) -> None:
    with pytest.raises(ModelFileError):
        handmade(tmp_path / "m", call)


@pytest.mark.parametrize("function", ["math.frobnicate", None, 3, ["math.add"], {}])
def test_a_function_that_is_not_known_is_refused(tmp_path: Path, function: Any) -> None:
    with pytest.raises((UnsupportedLayerError, ConfigError), match=r"TFOpLambda"):
        handmade(tmp_path / "m", ["x", 0, 0, {"y": 1.0}], function)


def test_every_function_is_tested() -> None:
    tested = {function for _, functions in CALLS.values() for function in functions}
    # Other names of the same, under which TensorFlow 2.20 does not write them.
    assert set(TENSORFLOW_FUNCTIONS) - tested <= {"nn.sigmoid", "nn.softplus", "nn.tanh"}
