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
from graph.keras.operation_classes import OPERATION_CLASSES
from graph.keras.read import ModelFile, read_model
from graph.keras.tensorflow_functions import TENSORFLOW_FUNCTIONS
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.handmade import called, functional, input_layer, write_legacy

Saved = Callable[[Any, str], ModelFile]

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
]

Call = Callable[[Any, Any, Any], Any]


def truth(call: Call) -> Call:
    """As numbers, which an output must be."""
    return lambda tf, x, y: tf.cast(call(tf, x, y), tf.float32)


# Of x and y [4, 3]. TensorFlow names a function as it likes; what it names must be in the table.
CALLS: dict[str, Call] = {
    "sum": lambda tf, x, y: x + y,
    "sum by its name": lambda tf, x, y: tf.math.add(x, y),
    "sum with a number": lambda tf, x, y: x + 2.5,
    "sum with a row": lambda tf, x, y: x + tf.constant([1.0, 2.0, 3.0]),
    "sum with a batch of one": lambda tf, x, y: x + tf.constant([[[1.0, 2.0, 3.0]]]),
    "a number first": lambda tf, x, y: 3.0 - x,
    "a row first": lambda tf, x, y: tf.constant([1.0, 2.0, 3.0]) * x,
    "difference": lambda tf, x, y: x - y,
    "product": lambda tf, x, y: x * y * 0.25,
    "quotient": lambda tf, x, y: x / 127.5 + x / (1.0 + tf.abs(y)),
    "a number over it": lambda tf, x, y: 1.0 / (1.0 + tf.square(x)),
    "divide": lambda tf, x, y: tf.divide(x, 3.0),
    "whole quotient": lambda tf, x, y: x // 0.7,
    "rest": lambda tf, x, y: x % 0.7,
    "power": lambda tf, x, y: x**2 + tf.abs(x) ** 1.5 + tf.pow(tf.abs(x), y),
    "maximum": lambda tf, x, y: tf.maximum(x, y) + tf.maximum(x, 0.1),
    "minimum": lambda tf, x, y: tf.minimum(x, y),
    "negative": lambda tf, x, y: -x,
    "exp": lambda tf, x, y: tf.exp(x),
    "log": lambda tf, x, y: tf.math.log(1.0 + tf.abs(x)) + tf.math.log1p(tf.abs(y)),
    "roots": lambda tf, x, y: tf.sqrt(tf.abs(x)) + tf.math.rsqrt(1.0 + tf.abs(y)),
    "steps": lambda tf, x, y: tf.floor(x) + tf.math.ceil(y) + tf.round(x * 2.0) + tf.sign(y),
    "angles": lambda tf, x, y: tf.sin(x) + tf.cos(x) + tf.atan(y) + tf.atan2(x, y),
    "errors": lambda tf, x, y: tf.math.erf(x) + tf.math.expm1(y) + tf.math.reciprocal(3.0 + x * x),
    "sigmoid": lambda tf, x, y: tf.sigmoid(x),
    "tanh": lambda tf, x, y: tf.tanh(x),
    "softplus": lambda tf, x, y: tf.math.softplus(x),
    "relu": lambda tf, x, y: tf.nn.relu(x),
    "relu6": lambda tf, x, y: tf.nn.relu6(x),
    "leaky relu": lambda tf, x, y: tf.nn.leaky_relu(x, alpha=0.1) + tf.nn.leaky_relu(y),
    "elu": lambda tf, x, y: tf.nn.elu(x),
    "gelu": lambda tf, x, y: tf.nn.gelu(x) + tf.nn.gelu(y, approximate=True),
    "selu": lambda tf, x, y: tf.nn.selu(x),
    "silu": lambda tf, x, y: tf.nn.silu(x),
    "softsign": lambda tf, x, y: tf.nn.softsign(x),
    "softmax": lambda tf, x, y: tf.nn.softmax(x) + tf.nn.softmax(y, axis=1),
    "log softmax": lambda tf, x, y: tf.nn.log_softmax(x),
    "bias": lambda tf, x, y: tf.nn.bias_add(x, [1.0, 2.0, 3.0]),
    "sum of a list": lambda tf, x, y: tf.add_n([x, y, x]),
    "squared difference": lambda tf, x, y: tf.math.squared_difference(x, y),
    "no division by 0": lambda tf, x, y: tf.math.divide_no_nan(x, tf.nn.relu(y)),
    "less": truth(lambda tf, x, y: tf.logical_and(x < y, x <= 0.5)),
    "greater": truth(lambda tf, x, y: tf.logical_or(x > y, tf.logical_not(x >= 0.0))),
    "equal": truth(
        lambda tf, x, y: tf.math.logical_xor(
            tf.equal(tf.floor(x), tf.floor(y)), tf.not_equal(x, 0.0)
        )
    ),
    "where": lambda tf, x, y: tf.where(x > 0, x, y) + tf.where(y > 0, y, 0.0),
    "zeros and ones": lambda tf, x, y: tf.where(x > 0, tf.zeros_like(x), tf.ones_like(y)),
    "not a number": truth(lambda tf, x, y: tf.math.is_nan(tf.sqrt(x))),
    "cast": lambda tf, x, y: tf.cast(tf.cast(x * 3, tf.int32) * 2, "float32"),
    "clip": lambda tf, x, y: tf.clip_by_value(x, -0.5, 1.0),
    "identity": lambda tf, x, y: tf.identity(x) + tf.stop_gradient(y),
    "slices": lambda tf, x, y: x[:, 1:] + y[:, :-1],
    "elements": lambda tf, x, y: x[:, -1] + y[:, 0],
    "new axes": lambda tf, x, y: x[..., tf.newaxis, 0] * y[:, ::2, None, 1][:, :1],
    "slice": lambda tf, x, y: tf.slice(x, [0, 1, 0], [-1, 2, 3]),
    "concat": lambda tf, x, y: tf.concat([x, y], axis=1),
    "stack": lambda tf, x, y: tf.stack([x, y], axis=2),
    "unstack": lambda tf, x, y: tf.unstack(x, axis=1)[2] + tf.unstack(y, axis=1)[0],
    "split": lambda tf, x, y: tf.split(x, 2, axis=1)[1] + tf.split(y, [1, 2, 1], axis=1)[1],
    "axes": lambda tf, x, y: tf.squeeze(tf.expand_dims(x, -1), axis=-1),
    "reshape": lambda tf, x, y: tf.reshape(x, (-1, 12)),
    "transpose": lambda tf, x, y: tf.transpose(x, [0, 2, 1]),
    "tile": lambda tf, x, y: tf.tile(x, [1, 2, 1]),
    "repeat": lambda tf, x, y: tf.repeat(x, 2, axis=1),
    "roll": lambda tf, x, y: tf.roll(x, 1, 1),
    "reverse": lambda tf, x, y: tf.reverse(x, [1]),
    "gather": lambda tf, x, y: tf.gather(x, [0, 2], axis=1),
    "pad": lambda tf, x, y: tf.pad(x, [[0, 0], [1, 2], [0, 1]], constant_values=1.0),
    "mean": lambda tf, x, y: x - tf.reduce_mean(y, axis=1, keepdims=True),
    "sums": lambda tf, x, y: tf.reduce_sum(x, [1, 2]) + tf.reduce_prod(y, axis=[1, 2]),
    "extremes": lambda tf, x, y: tf.reduce_max(x, axis=1) - tf.reduce_min(y, axis=1),
    "spread": lambda tf, x, y: tf.math.reduce_std(x, axis=1) + tf.math.reduce_variance(y, axis=1),
    "logsumexp": lambda tf, x, y: tf.reduce_logsumexp(x, axis=2),
    "any": truth(lambda tf, x, y: tf.reduce_any(x > 1, axis=1)),
    "all": truth(lambda tf, x, y: tf.reduce_all(x > -1, axis=1)),
    "places": truth(lambda tf, x, y: tf.argmax(x, axis=1) + tf.argmin(y, axis=1)),
    "running": lambda tf, x, y: tf.cumsum(x, axis=1) + tf.math.cumprod(y, axis=1),
    "top k": lambda tf, x, y: tf.math.top_k(x, 2)[0],
    "norms": lambda tf, x, y: tf.norm(x, axis=1) + tf.math.l2_normalize(y, axis=2)[:, 0],
    "one hot": lambda tf, x, y: tf.one_hot(tf.cast(tf.abs(x), tf.int32), 3),
    "matmul": lambda tf, x, y: tf.matmul(x, y, transpose_b=True),
    "matrix": lambda tf, x, y: x @ tf.ones((3, 2)),
}


def model_of(keras: Any, name: str) -> Any:
    import tensorflow as tf

    x, y = keras.Input((4, 3), name="x"), keras.Input((4, 3), name="y")
    return keras.Model([x, y], [CALLS[name](tf, x, y), x, y])


@pytest.mark.parametrize("name", CALLS)
def test_a_function(tf_keras: Any, saved: Saved, name: str) -> None:
    suffix = ".keras" if len(name) % 2 else ".h5"
    model = model_of(tf_keras, name)
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
        lambda tf, x: tf.reduce_mean(x),
        lambda tf, x: tf.reduce_mean(x, axis=0),
        lambda tf, x: x[1:],
        lambda tf, x: x[0],
        lambda tf, x: tf.gather(x, [0]),
        lambda tf, x: tf.nn.silu(x, beta=2.0),
        lambda tf, x: x + tf.ones((2, 4, 3)),
        lambda tf, x: tf.math.cumsum(x, axis=1, reverse=True),
        lambda tf, x: tf.reshape(x, [tf.shape(x)[0], 12]),
        lambda tf, x: tf.pad(x, [[0, 0], [1, 1], [0, 0]], "REFLECT"),
        lambda tf, x: tf.einsum("bij->bji", x),
        lambda tf, x: tf.cast(x == 1.0, tf.float32),
    ],
    ids=[
        *("mean of all", "mean over the batch", "samples", "a sample", "gather samples", "beta"),
        *("an array by sample", "reverse", "shape", "reflect", "einsum", "=="),
    ],
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
        [], ["x"], ["x", 0, 0], ["x", 0, 0, []], [["x", 0, 0, {}]], ["x", 0, 0, {"y": [[[[1.0]]]]}],
        ["x", 0, 0, {"y": [[1.0], 2.0]}], ["x", 0, 0, {"y": ["y", 0, 0]}], [[["x", 0, 0, {}]]],
        ["x", 0, 0, {"y": {"start": "a", "stop": None, "step": None}}], ["x", 0, 0, {"y": ["x"]}],
        ["x", 0, 0, {"y": "x"}], ["x", 0, 0, {"y": 1.0, "z": 2}],
        ["_CONSTANT_VALUE", -1, 1.0, {"y": 2.0}], ["_CONSTANT_VALUE", -1, 1.0, {}],
        ["x", 0, 0, {"y": {"class_name": "t"}}],
        {"x": 1}, ["y", 0, 0, {"y": 1.0}],
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


def test_every_function_means_an_operation_that_is_read() -> None:
    for name, function in TENSORFLOW_FUNCTIONS.items():
        known = OPERATION_CLASSES[function.operation]
        names = {*known.positions, *known.names}
        assert {function.first, *function.renamed.values(), *function.fixed} <= names, name
