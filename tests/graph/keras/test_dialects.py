"""What each version of Keras meant: the same name may be another function, and old names are still understood."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graph import reference
from graph.errors import (
    ConfigError,
    UnsupportedArgumentError,
    UnsupportedLayerError,
    WeightsMismatchError,
)
from graph.graph import Graph
from graph.keras.read import ModelFile, read_model
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
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
from tests.graph.keras.zoo import stack

Saved = Callable[[Any, str], ModelFile]

pytestmark = [
    # Keras' own conversion of its variables is behind NumPy's protocol.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`"),
]

X = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], np.float32)


def outputs(graph: Graph, *inputs: np.ndarray) -> np.ndarray:
    """The only output of a graph."""
    given = {one.name: x for one, x in zip(graph.inputs, inputs, strict=True)}
    (found,) = reference.run(graph, given).values()
    return found


KERAS3_NAMES = """relu leaky_relu relu6 softmax celu elu selu softplus softsign squareplus soft_shrink sparse_plus silu
    gelu glu tanh tanh_shrink sigmoid sparse_sigmoid exponential hard_sigmoid hard_silu hard_tanh hard_shrink linear mish
    log_softmax log_sigmoid sparsemax swish hard_swish""".split()  # noqa: SIM905
KERAS2_NAMES = """relu leaky_relu relu6 softmax elu selu softplus softsign silu swish gelu tanh sigmoid exponential
    hard_sigmoid linear mish log_softmax""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", KERAS3_NAMES)
def test_activations_of_keras3(keras: Any, saved: Saved, name: str) -> None:
    model = stack((6,), lambda k: k.Activation(name))(keras)
    assert_same_outputs(saved(model, ".keras").graph, model)


def test_no_activation_of_keras3_is_forgotten(keras: Any) -> None:
    from keras.src.activations import ALL_OBJECTS_DICT

    # `threshold` needs arguments, which a name cannot carry.
    assert set(ALL_OBJECTS_DICT) - set(KERAS3_NAMES) == {"threshold"}


@pytest.mark.parametrize("name", KERAS2_NAMES)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_activations_of_keras2(tf_keras: Any, saved: Saved, name: str, suffix: str) -> None:
    model = stack((6,), lambda k: k.Activation(name))(tf_keras)
    assert_same_outputs(saved(model, suffix).graph, model)


def test_hard_sigmoid_is_another_function_in_keras2(tmp_path: Path) -> None:
    config = sequential(input_layer(3), layer("Activation", activation="hard_sigmoid"))
    old = read_model(write_legacy(tmp_path / "old", config, version="2.2.4"))
    new = read_model(write_legacy(tmp_path / "new", config, version="3.0.0"))
    np.testing.assert_allclose(outputs(old.graph, X), np.clip(0.2 * X + 0.5, 0, 1), rtol=1e-6)
    np.testing.assert_allclose(outputs(new.graph, X), np.clip(X + 3, 0, 6) / 6, rtol=1e-6)
    assert old.notes == (
        "hard_sigmoid is taken as the file's Keras version meant it: clip(0.2 x + 0.5, 0, 1).",
    )
    assert new.notes == ()


def test_an_activation_that_came_later_is_refused(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(activation="sparsemax"), DENSE)
    with pytest.raises(UnsupportedArgumentError, match="which this version of Keras did not have"):
        read_model(path)


def test_thresholded_relu_of_keras2(tf_keras: Any, saved: Saved) -> None:
    model = stack((30,), lambda k: k.ThresholdedReLU(theta=0.7))(tf_keras)
    assert_same_outputs(saved(model, ".h5").graph, model)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_rms_scaling_of_keras3(keras: Any, saved: Saved, suffix: str) -> None:
    model = stack((9,), lambda k: k.LayerNormalization(rms_scaling=True))(keras)
    set_random_weights(model)
    assert_same_outputs(saved(model, suffix).graph, model)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_synchronized_batch_normalization(tf_keras: Any, saved: Saved, suffix: str) -> None:
    model = stack((9,), lambda k: k.BatchNormalization(synchronized=True))(tf_keras)
    set_random_weights(model)
    assert_same_outputs(saved(model, suffix).graph, model)


def test_rescaling_by_a_list(keras: Any, saved: Saved) -> None:
    model = stack((3,), lambda k: k.Rescaling([1.0, 2.0, 3.0], offset=[0.5, 0.25, 0.0]))(keras)
    assert_same_outputs(saved(model, ".keras").graph, model)


# Keras 3 operations.


def test_operations_of_keras3(keras: Any, saved: Saved) -> None:
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    ops = keras.ops
    result = ops.relu(x * 2.0 + y) - ops.maximum(x, y) * ops.sigmoid(y)
    result = ops.minimum(3 - result, result - 0.5) + ops.tanh(ops.silu(x))
    model = keras.Model([x, y], result)
    assert_same_outputs(saved(model, ".keras").graph, model)


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "elu": lambda ops, x: ops.elu(x, alpha=0.5),
    "celu": lambda ops, x: ops.celu(x, alpha=0.5),
    "gelu": lambda ops, x: ops.gelu(x),
    "gelu exact": lambda ops, x: ops.gelu(x, approximate=False),
    "leaky relu": lambda ops, x: ops.leaky_relu(x, negative_slope=0.3),
    "softmax": lambda ops, x: ops.softmax(x, axis=1),
    "log softmax": lambda ops, x: ops.log_softmax(x),
    "sparsemax": lambda ops, x: ops.sparsemax(x),
    "glu": lambda ops, x: ops.glu(x),
    "soft shrink": lambda ops, x: ops.soft_shrink(x, 0.2),
    "hard shrink": lambda ops, x: ops.hard_shrink(x, 0.2),
    "threshold": lambda ops, x: ops.threshold(x, 0.2, 7.0),
    "squareplus": lambda ops, x: ops.squareplus(x, b=2),
    "negative": lambda ops, x: -x,
    "divide": lambda ops, x: x / 3,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_with_arguments(keras: Any, saved: Saved, name: str) -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, OPERATIONS[name](keras.ops, x))
    assert_same_outputs(saved(model, ".keras").graph, model)


@pytest.mark.parametrize("name", ["relu", "elu", "gelu", "leaky_relu", "softmax", "sigmoid"])
def test_activation_functions_called_on_tensors(keras: Any, saved: Saved, name: str) -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, getattr(keras.activations, name)(x))
    assert_same_outputs(saved(model, ".keras").graph, model)


def test_other_operations_are_refused(keras: Any, saved: Saved) -> None:
    x = keras.Input((4,))
    with pytest.raises(
        UnsupportedLayerError,
        match=r"got keras\.ops Diff \(1 layer: diff\), keras\.ops Trapezoid \(1 layer",
    ):
        saved(keras.Model(x, keras.ops.trapezoid(keras.ops.diff(x))), ".keras")


def test_operations_that_broadcast_the_batch_are_refused(keras: Any, saved: Saved) -> None:
    x, y = keras.Input((4,), batch_size=4), keras.Input((4, 4), batch_size=4)
    with pytest.raises(UnsupportedArgumentError, match="combines tensors of different rank"):
        saved(keras.Model([x, y], x + y), ".keras")


# Keras 1.


def keras1_dense(name: str, units: int, **arguments: Any) -> dict[str, Any]:
    config = {
        "name": name, "output_dim": units, "activation": "linear", "bias": True, "trainable": True,
        "init": "glorot_uniform", "W_regularizer": None, "b_regularizer": None,
        "activity_regularizer": None, "W_constraint": None, "b_constraint": None, "input_dim": None,
    }  # fmt: skip
    return {"class_name": "Dense", "config": {**config, **arguments}}


KERAS1_NORM = {
    "class_name": "BatchNormalization",
    "config": {"name": "bn", "epsilon": 0.01, "mode": 0, "axis": -1, "momentum": 0.99,
               "gamma_regularizer": None, "beta_regularizer": None, "trainable": True},
}  # fmt: skip
NORM_ARRAYS = [np.array(row, np.float32) for row in ([2, 3], [1, -1], [0.5, 0.25], [4, 0.5])]
NORM_NAMES = ["bn_gamma", "bn_beta", "bn_running_mean", "bn_running_std"]
KERAS1_WEIGHTS = {
    "dense_1": [("dense_1_W", KERNEL), ("dense_1_b", BIAS)],
    "bn": list(zip(NORM_NAMES, NORM_ARRAYS, strict=True)),
}


def keras1_model(*more: dict[str, Any]) -> dict[str, Any]:
    first = keras1_dense("dense_1", 2, batch_input_shape=[None, 3], input_dtype="float32")
    return {"class_name": "Sequential", "config": [first, *more]}


def test_a_sequential_model_of_keras1(tmp_path: Path) -> None:
    activation = {"class_name": "Activation", "config": {"name": "a", "activation": "hard_sigmoid"}}
    dropout = {"class_name": "Dropout", "config": {"name": "d", "p": 0.5, "trainable": True}}
    noise = {"class_name": "GaussianNoise", "config": {"name": "n", "sigma": 0.5}}
    config = keras1_model(dropout, KERAS1_NORM, noise, activation)
    file = read_model(write_legacy(tmp_path / "m", config, KERAS1_WEIGHTS, version="1.2.2"))
    gamma, beta, mean, variance = NORM_ARRAYS
    normed = (X @ KERNEL + BIAS - mean) * gamma / np.sqrt(variance + 0.01) + beta
    found = outputs(file.graph, X)
    np.testing.assert_allclose(found, np.clip(0.2 * normed + 0.5, 0, 1), rtol=1e-5)
    assert [given.name for given in file.graph.inputs] == ["dense_1_input"]
    assert file.keras_version == "1.2.2"


def test_keras1_in_a_name_scope(tmp_path: Path) -> None:
    """Built inside `tf.name_scope`, the names of weights carry the scope; Keras reads them by position."""
    weights = {"dense_1": [("net/inner/dense_1_W:0", KERNEL), ("net/inner/dense_1_b:0", BIAS)]}
    file = read_model(write_legacy(tmp_path / "m", keras1_model(), weights, version="1.2.2"))
    np.testing.assert_allclose(outputs(file.graph, X), X @ KERNEL + BIAS, rtol=1e-6)
    for wrong in (["a/dense_1_W:0", "b/dense_1_b:0"], ["a/dense_1_b:0", "a/dense_1_W:0"]):
        weights = {"dense_1": list(zip(wrong, (KERNEL, BIAS), strict=True))}
        path = write_legacy(tmp_path / "m", keras1_model(), weights, version="1.2.2")
        with pytest.raises(WeightsMismatchError, match="not in the order of the architecture"):
            read_model(path)


@pytest.mark.parametrize("version", ["1.0.5", "1.1.0", None])
def test_batch_normalization_before_variances_is_refused(
    tmp_path: Path, version: str | None
) -> None:
    path = write_legacy(tmp_path / "m", keras1_model(KERAS1_NORM), KERAS1_WEIGHTS, version=version)
    with pytest.raises(UnsupportedLayerError, match=r"from a Keras before 1\.2"):
        read_model(path)


def test_batch_normalization_over_the_batch_is_refused(tmp_path: Path) -> None:
    norm = {**KERAS1_NORM, "config": {**KERAS1_NORM["config"], "mode": 2}}
    path = write_legacy(tmp_path / "m", keras1_model(norm), KERAS1_WEIGHTS, version="1.2.0")
    with pytest.raises(UnsupportedArgumentError, match="'mode' with a value that is not supported"):
        read_model(path)


def keras1_merge(mode: Any, **arguments: Any) -> dict[str, Any]:
    config = {"name": "merge_1", "mode": mode, "mode_type": "raw", "concat_axis": -1, "dot_axes": -1,
              "output_shape": None, "output_shape_type": "raw", "output_mask": None,
              "output_mask_type": "raw", "arguments": {}}  # fmt: skip
    merge = {"class_name": "Merge", "config": {**config, **arguments}}
    layers = [
        called(input_layer(3, name="a", input_dtype="float32")),
        called(input_layer(3, name="b")),
        called(merge, [["a", 0, 0], ["b", 0, 0]]),
    ]
    for given in layers[:2]:
        del given["config"]["dtype"]
    return functional(layers, [["a", 0, 0], ["b", 0, 0]], [["merge_1", 0, 0]])


Y = np.array([[2.0, 1.0, 0.0], [-1.0, 4.0, 0.5]], np.float32)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("sum", X + Y),
        ("mul", X * Y),
        ("ave", (X + Y) / 2),
        ("max", np.maximum(X, Y)),
        ("concat", np.concatenate([X, Y], axis=1)),
        ("dot", (X * Y).sum(axis=1, keepdims=True)),
    ],
)
def test_merge_layers_of_keras1(tmp_path: Path, mode: str, expected: np.ndarray) -> None:
    file = read_model(write_legacy(tmp_path / "m", keras1_merge(mode), version="1.2.2"))
    np.testing.assert_allclose(outputs(file.graph, X, Y), expected, rtol=1e-6)


@pytest.mark.parametrize("mode", [["code", None, None], "other"])
def test_other_modes_of_merge_are_refused(tmp_path: Path, mode: Any) -> None:
    path = write_legacy(tmp_path / "m", keras1_merge(mode), version="1.2.2")
    with pytest.raises(UnsupportedArgumentError, match="'mode' with a value that is not supported"):
        read_model(path)


# Keras 2.


def test_a_list_of_layers_without_an_input_layer(tmp_path: Path) -> None:
    """Keras 2.0 to 2.2.2."""
    dense = layer("Dense", "dense_1", units=2, batch_input_shape=[None, 3])
    config = {"class_name": "Sequential", "config": [dense]}
    weights = {"dense_1": [("dense_1/kernel:0", KERNEL), ("dense_1/bias:0", BIAS)]}
    file = read_model(write_legacy(tmp_path / "m", config, weights, version="2.1.6-tf"))
    np.testing.assert_allclose(outputs(file.graph, X), X @ KERNEL + BIAS, rtol=1e-6)
    assert [given.name for given in file.graph.inputs] == ["dense_1_input"]


def test_a_nested_model_that_never_knew_its_shape(tmp_path: Path) -> None:
    """A Sequential of tf.keras 2.0 without a shape has no first node, so its calls count from 0."""
    inner = {
        "class_name": "Sequential",
        "config": {"name": "seq", "layers": [layer("Dense", units=3)]},
    }
    kernel = np.eye(3, dtype=np.float32) * 2
    weights = {
        "seq": [("seq/dense/kernel:0", kernel), ("seq/dense/bias:0", np.zeros(3, np.float32))]
    }
    layers = [called(input_layer(3)), called(inner, ["x"], [["seq", 0, 0, {}]])]
    config = functional(layers, [["x", 0, 0]], [["seq", 1, 0]])
    file = read_model(write_legacy(tmp_path / "m", config, weights, version="2.2.4-tf"))
    np.testing.assert_allclose(outputs(file.graph, X), X * 4, rtol=1e-6)


def test_a_model_that_was_never_built_is_refused(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", sequential(layer("Dense", units=2)), DENSE)
    with pytest.raises(ConfigError, match="does not say the shape of its input"):
        read_model(path)


def test_a_build_shape_is_enough(tmp_path: Path) -> None:
    config = sequential(layer("Dense", units=2))
    config["config"]["build_input_shape"] = {"class_name": "TensorShape", "items": [None, 3]}
    file = read_model(write_legacy(tmp_path / "m", config, DENSE, version="2.4.0"))
    np.testing.assert_allclose(outputs(file.graph, X), X @ KERNEL + BIAS, rtol=1e-6)


@pytest.mark.parametrize("name", ["BatchNormalizationV1", "BatchNormalizationV2"])
def test_old_names_of_batch_normalization(tmp_path: Path, name: str) -> None:
    config = sequential(input_layer(2), layer(name, "bn", axis=[1], epsilon=0.01, renorm=False))
    names = ["bn/gamma:0", "bn/beta:0", "bn/moving_mean:0", "bn/moving_variance:0"]
    weights = {"bn": list(zip(names, NORM_ARRAYS, strict=True))}
    graph = read_model(write_legacy(tmp_path / "m", config, weights, version="1.2.2")).graph
    assert type(graph.nodes[0].op).__name__ == "BatchNormalization"


def test_folders_of_keras_2_13(tmp_path: Path) -> None:
    paths = {
        f"_layer_checkpoint_dependencies/dense/vars/{i}": a for i, a in enumerate((KERNEL, BIAS))
    }
    path = write_archive(tmp_path / "m", dense_config(), folders(paths), version="2.13.1")
    np.testing.assert_allclose(outputs(read_model(path).graph, X), X @ KERNEL + BIAS, rtol=1e-6)


def test_leaky_relu_may_still_say_alpha_in_keras3(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "m", sequential(input_layer(3), layer("LeakyReLU", alpha=0.5)))
    np.testing.assert_allclose(outputs(read_model(path).graph, X), np.where(X > 0, X, X / 2))


def test_numbers_may_be_stored_as_arrays(tmp_path: Path) -> None:
    """What Keras 2 wrote for parameters that it keeps as arrays."""
    slope = {"type": "ndarray", "value": 0.25}
    config = sequential(input_layer(3), layer("ReLU", negative_slope=slope, max_value=None))
    graph = read_model(write_legacy(tmp_path / "m", config, version="2.2.4")).graph
    np.testing.assert_allclose(outputs(graph, X), np.where(X > 0, X, X / 4))


def test_names_that_do_not_fit_one_attribute(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "m", dense_config(), DENSE)
    with h5py.File(path, "a") as file:
        attributes = file["model_weights/dense"].attrs
        for index, name in enumerate(attributes["weight_names"]):
            attributes[f"weight_names{index}"] = [name]
        del attributes["weight_names"]
    np.testing.assert_allclose(outputs(read_model(path).graph, X), X @ KERNEL + BIAS, rtol=1e-6)


# tfmot.


def pruned_dense(mask: np.ndarray) -> tuple[dict[str, Any], list[tuple[str, np.ndarray]]]:
    """What tfmot 0.7 writes for prune_low_magnitude(Dense(2))."""
    inner = layer("Dense", units=2, activation="relu")
    schedule = {
        "class_name": "ConstantSparsity",
        "config": {"target_sparsity": 0.5, "begin_step": 0},
    }
    wrapper = layer(
        "PruneLowMagnitude", "prune_low_magnitude_dense", layer=inner, pruning_schedule=schedule,
        block_size=[1, 1], block_pooling_type="AVG",
    )  # fmt: skip
    scope = "prune_low_magnitude_dense"
    arrays = [
        (f"{scope}/kernel:0", KERNEL),
        (f"{scope}/bias:0", BIAS),
        (f"{scope}/mask:0", mask),
        (f"{scope}/threshold:0", np.float32(0.3)),
        (f"{scope}/pruning_step:0", np.int64(100)),
    ]
    return wrapper, arrays


def test_pruning_wrappers_are_read_through(tmp_path: Path) -> None:
    mask = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    wrapper, arrays = pruned_dense(mask)
    flatten = layer("PruneLowMagnitude", "prune_low_magnitude_f", layer=layer("Flatten", "f"))
    config = sequential(input_layer(3), wrapper, flatten)
    weights = {
        "prune_low_magnitude_dense": arrays,
        "prune_low_magnitude_f": [("prune_low_magnitude_f/pruning_step:0", np.int64(7))],
    }
    file = read_model(write_legacy(tmp_path / "m", config, weights, version="2.12.0"))
    expected = np.maximum(X @ (KERNEL * mask) + BIAS, 0)
    np.testing.assert_allclose(outputs(file.graph, X), expected, rtol=1e-6)
    assert file.notes == (
        "2 layers were wrapped for pruning by tfmot; their masks were applied to the weights.",
    )


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    wrapper, arrays = pruned_dense(np.ones((2, 3), np.float32))
    config = sequential(input_layer(3), wrapper)
    path = write_legacy(tmp_path / "m", config, {"prune_low_magnitude_dense": arrays})
    with pytest.raises(Exception, match="the pruning mask of layer 'prune_low_magnitude_dense'"):
        read_model(path)
